//! Stored responses in memory, bounded by their number and their bytes; the one that was used longest ago goes first.
//! Behind it may be a folder, which has them for longer.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use wirelight_semantics::cache::freshness::{self, Freshness};
use wirelight_semantics::cache::key::Match;
use wirelight_semantics::cache::{Control, Exchanged, Selecting, Times};

use super::flights::{Flights, follow};
use super::folder::{Folder, FolderLimits, Loaded};

/// How much is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most responses.
    pub responses_max: usize,
    /// The most bytes of all of them, with their fields.
    pub bytes_max: usize,
    /// The most bytes of the content of one; what is longer is not stored.
    pub content_bytes_max: usize,
    /// The most responses for one URI, which differ in what their Vary names.
    pub variants_max: usize,
}

impl Default for Limits {
    /// 4096 responses of 64 MiB in all, of which one has 8 MiB at the most; 16 variants.
    fn default() -> Self {
        Self { responses_max: 4096, bytes_max: 64 << 20, content_bytes_max: 8 << 20, variants_max: 16 }
    }
}

/// Stored responses that several clients may share.
#[derive(Debug, Clone, Default)]
pub struct Stored(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    memory: Mutex<Memory>,
    folder: Option<Folder>,
    flights: Flights,
}

/// A response that is stored.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) content: Bytes,
    pub(super) times: Times,
    pub(super) selecting: Selecting,
}

#[derive(Debug, Default)]
struct Memory {
    limits: Limits,
    /// In order, so that those of one path lie together.
    places: BTreeMap<String, Vec<Slot>>,
    /// The keys, by when they were used last.
    order: BTreeMap<u64, String>,
    bytes: usize,
    ticks: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Arc<Entry>,
    used: u64,
    bytes: usize,
}

/// What is stored for a request.
pub(super) enum Found {
    /// This, which was selected by the same fields.
    Entry(Arc<Entry>),
    /// Others only; why the last was passed over.
    Others(Match),
    /// Nothing.
    Nothing,
}

impl Stored {
    /// An empty store.
    pub fn new(limits: Limits) -> Self {
        let memory = Mutex::new(Memory { limits, ..Memory::default() });
        Self(Arc::new(Inner { memory, folder: None, flights: Flights::default() }))
    }

    /// What a folder holds, which several processes may share, and the next one finds again; it is made if it is not
    /// there, for nobody else to read. Credentials and cookies that a response was selected by are in it as digests only.
    ///
    /// Files are read and written by the thread that asks. What cannot be written later is not stored.
    ///
    /// # Errors
    /// If the folder is not there and cannot be made, or cannot be written to.
    pub fn in_folder(path: &Path, limits: Limits, folder: FolderLimits) -> io::Result<Self> {
        let folder = Some(Folder::open(path, folder)?);
        let memory = Mutex::new(Memory { limits, ..Memory::default() });
        Ok(Self(Arc::new(Inner { memory, folder, flights: Flights::default() })))
    }

    /// Waits until nothing is validated besides the requests that were answered already (stale-while-revalidate).
    pub async fn settle(&self) {
        while let Some(flight) = self.0.flights.any() {
            follow(flight).await;
        }
    }

    /// How many responses are stored in memory, and how many bytes they take with their fields.
    pub fn size(&self) -> (usize, usize) {
        let memory = self.lock();
        (memory.order.len(), memory.bytes)
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut memory = self.lock();
        *memory = Memory { limits: memory.limits.clone(), ..Memory::default() };
        drop(memory);
        if let Some(folder) = &self.0.folder {
            folder.clear();
        }
    }

    /// Which requests for what may be stored are under way.
    pub(super) fn flights(&self) -> &Flights {
        &self.0.flights
    }

    pub(super) fn content_bytes_max(&self) -> usize {
        let memory = self.lock();
        memory.limits.content_bytes_max.min(memory.limits.bytes_max)
    }

    /// What is stored under a key for a request with these fields; of several, the one that was made last (RFC 9111,
    /// section 4.1).
    pub(super) fn find(&self, key: &str, request: &HeaderMap) -> Found {
        let found = self.lock().find(key, request);
        let Some(folder) = self.0.folder.as_ref().filter(|_| !matches!(found, Found::Entry(_))) else { return found };
        match folder.load(key, request, self.content_bytes_max()) {
            Loaded::Entry(entry) => {
                let entry = Arc::new(entry);
                self.lock().put(key, Arc::clone(&entry));
                Found::Entry(entry)
            }
            Loaded::Others(passed_over) => Found::Others(passed_over),
            Loaded::Nothing => found,
        }
    }

    /// The key of something that is stored for the same path and another query.
    pub(super) fn near(&self, key: &str) -> Option<String> {
        let memory = self.lock();
        let path = key.split('?').next().unwrap_or(key);
        if path != key && memory.places.contains_key(path) {
            return Some(path.to_owned());
        }
        let with_query = format!("{path}?");
        let (near, _) = memory.places.range(with_query.clone()..).next()?;
        near.starts_with(&with_query).then(|| near.clone())
    }

    /// Stores a response in the place of one that was selected by the same fields.
    pub(super) fn put(&self, key: &str, entry: Entry) {
        let entry = Arc::new(entry);
        let mut memory = self.lock();
        let variants_max = memory.limits.variants_max;
        memory.put(key, Arc::clone(&entry));
        drop(memory);
        if let Some(folder) = &self.0.folder {
            folder.store(key, &entry, variants_max);
        }
    }

    /// Takes one response out, if it is still there.
    pub(super) fn remove(&self, key: &str, entry: &Arc<Entry>) {
        self.lock().drop_slots(key, |slot| Arc::ptr_eq(&slot.entry, entry));
        if let Some(folder) = &self.0.folder {
            folder.remove(key, &entry.selecting);
        }
    }

    /// Takes out all that is stored under a key; says how many there were.
    pub(super) fn remove_all(&self, key: &str) -> usize {
        let dropped = self.lock().drop_slots(key, |_| true);
        let removed = self.0.folder.as_ref().map_or(0, |folder| folder.remove_all(key));
        // What was in memory may lie in the folder, too.
        dropped.max(removed)
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn find(&mut self, key: &str, request: &HeaderMap) -> Found {
        let Memory { places, order, ticks, .. } = self;
        let Some(place) = places.get_mut(key) else { return Found::Nothing };
        let mut others = Found::Nothing;
        let mut best: Option<(SystemTime, usize)> = None;
        for (index, slot) in place.iter().enumerate() {
            match slot.entry.selecting.judge(request) {
                Match::Same { .. } => {
                    let made = slot.entry.made();
                    if best.is_none_or(|(before, _)| before <= made) {
                        best = Some((made, index));
                    }
                }
                other => others = Found::Others(other),
            }
        }
        let Some((_, index)) = best else { return others };
        let slot = &mut place[index];
        *ticks += 1;
        order.remove(&slot.used);
        order.insert(*ticks, key.to_owned());
        slot.used = *ticks;
        Found::Entry(Arc::clone(&slot.entry))
    }

    fn put(&mut self, key: &str, entry: Arc<Entry>) {
        let bytes = entry.bytes(key);
        if bytes > self.limits.bytes_max || self.limits.responses_max == 0 {
            return;
        }
        self.drop_where(key, |other| other.selecting == entry.selecting);
        while self.places.get(key).is_some_and(|place| place.len() >= self.limits.variants_max.max(1)) {
            let oldest = self.places[key].iter().map(|slot| slot.used).min();
            self.drop_slots(key, |slot| Some(slot.used) == oldest);
        }
        while self.order.len() >= self.limits.responses_max || self.bytes + bytes > self.limits.bytes_max {
            let Some((&used, oldest)) = self.order.first_key_value() else { break };
            let oldest = oldest.clone();
            self.drop_slots(&oldest, |slot| slot.used == used);
        }
        self.ticks += 1;
        let used = self.ticks;
        self.bytes += bytes;
        self.order.insert(used, key.to_owned());
        self.places.entry(key.to_owned()).or_default().push(Slot { entry, used, bytes });
    }

    fn drop_where(&mut self, key: &str, is_meant: impl Fn(&Entry) -> bool) {
        self.drop_slots(key, |slot| is_meant(&slot.entry));
    }

    fn drop_slots(&mut self, key: &str, is_meant: impl Fn(&Slot) -> bool) -> usize {
        let Some(place) = self.places.get_mut(key) else { return 0 };
        let dropped: Vec<Slot> = place.extract_if(.., |slot| is_meant(slot)).collect();
        if place.is_empty() {
            self.places.remove(key);
        }
        for slot in &dropped {
            self.bytes -= slot.bytes;
            self.order.remove(&slot.used);
        }
        dropped.len()
    }
}

impl Entry {
    /// When it was made, as far as that is known.
    fn made(&self) -> SystemTime {
        wirelight_semantics::validator::response_date(&self.headers).unwrap_or(self.times.responded)
    }

    fn bytes(&self, key: &str) -> usize {
        let fields: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
        key.len() + fields + self.content.len() + size_of::<Self>()
    }

    /// How fresh it is.
    pub(super) fn freshness(&self, now: SystemTime, shared: bool, limits: &freshness::Limits) -> (Control, Freshness) {
        let control = Control::of_response(&self.headers);
        let exchanged = Exchanged {
            method: &http::Method::GET,
            request: &HeaderMap::new(),
            status: self.status,
            response: &self.headers,
            responded: self.times.responded,
        };
        let lifetime = freshness::lifetime(&exchanged, &control, shared, limits);
        let age = freshness::age(&self.headers, self.times, now);
        (control, Freshness { lifetime, age })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::VARY;

    use super::*;

    fn entry(length: usize, selecting: Selecting) -> Entry {
        let times = Times { requested: SystemTime::UNIX_EPOCH, responded: SystemTime::UNIX_EPOCH };
        let content = Bytes::from(vec![b'x'; length]);
        Entry { status: StatusCode::OK, headers: HeaderMap::new(), content, times, selecting }
    }

    fn selecting(value: &'static str) -> (HeaderMap, Selecting) {
        let request = HeaderMap::from_iter([("a".parse().unwrap(), HeaderValue::from_static(value))]);
        let response = HeaderMap::from_iter([(VARY, HeaderValue::from_static("a"))]);
        let selecting = Selecting::of(&request, &response);
        (request, selecting)
    }

    fn is_there(stored: &Stored, key: &str, request: &HeaderMap) -> bool {
        matches!(stored.find(key, request), Found::Entry(_))
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let none = HeaderMap::new();
        let stored = Stored::new(Limits { responses_max: 2, ..Limits::default() });
        for key in ["a", "b"] {
            stored.put(key, entry(1, Selecting::default()));
        }
        assert!(is_there(&stored, "a", &none));
        stored.put("c", entry(1, Selecting::default()));
        assert!(is_there(&stored, "a", &none) && !is_there(&stored, "b", &none) && is_there(&stored, "c", &none));
        stored.put("c", entry(2, Selecting::default()));
        assert_eq!(stored.size().0, 2, "the same again takes the place of the one before");
        stored.clear();
        assert_eq!(stored.size(), (0, 0));
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let stored = Stored::new(Limits { bytes_max: 10_000, ..Limits::default() });
        for number in 0..100 {
            stored.put(&number.to_string(), entry(1000, Selecting::default()));
            assert!(stored.size().1 <= 10_000, "{:?}", stored.size());
        }
        let (count, _) = stored.size();
        assert!((5..10).contains(&count), "{count}");
        stored.put("huge", entry(10_000, Selecting::default()));
        assert_eq!(stored.size().0, count, "what is larger than everything is not stored");
        for number in 0..100 {
            stored.remove_all(&number.to_string());
        }
        assert_eq!(stored.size(), (0, 0));
    }

    #[test]
    fn variants_live_side_by_side_within_their_limit() {
        let stored = Stored::new(Limits { variants_max: 2, ..Limits::default() });
        let (one, two, three) = (selecting("1"), selecting("2"), selecting("3"));
        stored.put("k", entry(1, one.1));
        assert!(matches!(stored.find("k", &two.0), Found::Others(Match::Differs { .. })));
        stored.put("k", entry(2, two.1));
        assert!(is_there(&stored, "k", &one.0) && is_there(&stored, "k", &two.0));
        assert!(is_there(&stored, "k", &one.0));
        stored.put("k", entry(3, three.1));
        assert!(is_there(&stored, "k", &one.0) && !is_there(&stored, "k", &two.0) && is_there(&stored, "k", &three.0));
        let Found::Entry(found) = stored.find("k", &three.0) else { panic!("it is there") };
        stored.remove("k", &found);
        assert_eq!(stored.size().0, 1);
    }
}
