//! The observer that keeps exchanges: what it is told while they pass, and what it makes of it when they end.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http::HeaderMap;
use tokio::sync::watch;
use wirelight_net::observe::{Begun, Way};
use wirelight_net::{ConnectionInfo, Observer, Record, Watcher, Wire};
use wirelight_proto::Part;
use wirelight_semantics::decision::Decision;
use wirelight_service::{Clock, Trail};

use crate::Config;
use crate::connection::{Closed, Connection, State, Underway};
use crate::content::Flow;
use crate::exchange::{Kept, KeptHop, Origin, Passed};
use crate::frames::Keeping;
use crate::mask::Masks;
use crate::pieces::{Pieces, What};
use crate::ring::{Connections, Ring};
use crate::rules::Rules;
use crate::spare;

/// How many exchanges under way are shown.
const OPEN_MAX: usize = 200;

/// An [`Observer`] that keeps the newest exchanges of a server, within limits, and passes on what it is told.
///
/// While they pass, it only copies bytes, with what is secret masked; sentences and JSON are made when somebody asks.
#[derive(Clone)]
pub struct Inspector {
    pub(crate) shared: Arc<Shared>,
    next: Option<Arc<dyn Observer>>,
}

/// What is kept, shared by the observer, its watchers and whoever asks.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) masks: Masks,
    pub(crate) clock: Clock,
    pub(crate) epoch: Instant,
    pub(crate) started: SystemTime,
    ring: Mutex<Ring>,
    connections: Mutex<Connections>,
    /// What is held beside the ring: by connections, and of exchanges under way.
    beside_bytes: Arc<AtomicUsize>,
    /// How many connections there have been: several listeners may number theirs alike.
    numbered: AtomicU64,
    /// Where the connections that have a watcher lie, so that their end is not told twice.
    watched: Mutex<HashSet<usize>>,
    recording: AtomicBool,
    pub(crate) rules: Rules,
    /// Told whenever there is something new, if anybody listens.
    pub(crate) news: watch::Sender<u64>,
}

impl std::fmt::Debug for Inspector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inspector").field("seen", &self.shared.ring().seen).finish_non_exhaustive()
    }
}

impl Inspector {
    /// An inspector that has seen nothing yet; `next` is told everything that it is told itself.
    pub fn new(config: Config, clock: Clock, next: Option<Arc<dyn Observer>>) -> Self {
        let shared = Shared {
            masks: Masks::new(&config),
            config,
            epoch: clock.now(),
            started: clock.wall(),
            clock,
            ring: Mutex::default(),
            connections: Mutex::default(),
            beside_bytes: Arc::default(),
            numbered: AtomicU64::new(0),
            watched: Mutex::default(),
            recording: AtomicBool::new(true),
            rules: Rules::default(),
            news: watch::Sender::new(0),
        };
        Self { shared: Arc::new(shared), next }
    }

    /// What everything that is kept takes now, in bytes: never more than the limit.
    pub fn held_bytes(&self) -> usize {
        self.shared.ring().bytes + self.shared.beside_bytes.load(Ordering::Relaxed)
    }

    /// How many exchanges are kept now.
    pub fn kept(&self) -> usize {
        self.shared.ring().len()
    }
}

impl Observer for Inspector {
    fn wants_bytes(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.wants_bytes())
    }

    fn wants_records(&self) -> bool {
        self.shared.is_recording() || self.next.as_ref().is_some_and(|next| next.wants_records())
    }

    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        if let Some(next) = &self.next {
            next.bytes(connection, number, wire, bytes);
        }
    }

    fn wants_parts(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.wants_parts())
    }

    fn part(&self, connection: &ConnectionInfo, number: u64, way: Way, part: &Part) {
        if let Some(next) = &self.next {
            next.part(connection, number, way, part);
        }
    }

    fn keep(&self, fields: &HeaderMap) -> HeaderMap {
        // The fields are read from the bytes, once somebody asks.
        self.next.as_ref().map_or_else(HeaderMap::new, |next| next.keep(fields))
    }

    fn keep_of_response(&self, fields: &HeaderMap) -> HeaderMap {
        self.next.as_ref().map_or_else(HeaderMap::new, |next| next.keep_of_response(fields))
    }

    fn watch(&self, info: &Arc<ConnectionInfo>) -> Option<Box<dyn Watcher>> {
        let shared = Arc::clone(&self.shared);
        let next = self.next.as_ref().and_then(|next| next.watch(info));
        if shared.beside_bytes() > shared.config.bytes_max / 8 * 7 {
            // There is no room for one more; it is served all the same, and not recorded.
            return next;
        }
        let connection = shared.connection(info);
        shared.watched().insert(Arc::as_ptr(info) as usize);
        shared.recount(&connection, &mut connection.state());
        shared.connections().open(Arc::clone(&connection), shared.config.connections_max);
        shared.tell();
        let moment = Cell::new((shared.epoch, 0));
        Some(Box::new(Tap { shared, connection, moment, next }))
    }

    fn finished(&self, record: Box<Record>) {
        if let Some(next) = &self.next {
            next.finished(record);
        }
    }

    fn seen(&self, record: Box<Record>) -> Option<Box<Record>> {
        match &self.next {
            Some(next) => next.seen(record),
            None => Some(record),
        }
    }

    fn closed(&self, connection: &ConnectionInfo, because: &dyn Display) {
        if let Some(next) = &self.next {
            next.closed(connection, because);
        }
        // One that was watched has told already, and better.
        if !self.shared.watched().remove(&(std::ptr::from_ref(connection) as usize)) {
            let at = self.shared.clock.wall();
            let ended = self.shared.connection(connection);
            let (outcome, because) = ("closed before any request".to_owned(), because.to_string());
            let mut state = ended.state();
            state.closed = Some(Closed { at, outcome, because, otherwise: None, declines: true, rule: None });
            self.shared.recount(&ended, &mut state);
            drop(state);
            self.shared.close(ended, false);
            self.shared.tell();
        }
    }
}

impl Shared {
    pub(crate) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashSet<usize>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.recording.load(Ordering::Relaxed)
    }

    pub(crate) fn record(&self, on: bool) {
        self.recording.store(on, Ordering::Relaxed);
        self.tell();
    }

    /// What is held beside the ring.
    pub(crate) fn beside_bytes(&self) -> usize {
        self.beside_bytes.load(Ordering::Relaxed)
    }

    /// The exchanges under way, the newest first, as far as their heads go.
    pub(crate) fn open_exchanges(&self) -> Vec<Kept> {
        let connections: Vec<_> = self.connections().open_first().take(OPEN_MAX).cloned().collect();
        let now = self.now();
        let mut open: Vec<Kept> = Vec::new();
        for connection in &connections {
            let state = connection.state();
            for underway in &state.underway {
                let stream = underway.stream.and_then(|id| {
                    let frames = state.frames.as_ref()?;
                    frames.streams.iter().find(|stream| stream.id == id)
                });
                let passed = match stream {
                    Some(stream) => Passed::Frames(stream.head()),
                    None => {
                        let (received, sent) = (Flow::default(), Flow::default());
                        Passed::Messages { pieces: underway.pieces.heads(), received, sent }
                    }
                };
                open.push(self.open_exchange(connection, underway, passed, now));
            }
        }
        open.sort_by_key(|kept| std::cmp::Reverse(kept.began));
        open.truncate(OPEN_MAX);
        open
    }

    fn open_exchange(&self, connection: &Arc<Connection>, underway: &Underway, passed: Passed, now: u64) -> Kept {
        let total = now.saturating_sub(underway.at);
        let wall = self.clock.wall();
        Kept {
            seq: u64::MAX >> 11,
            connection: Arc::clone(connection),
            number: underway.number,
            origin: Origin::Live,
            at: wall.checked_sub(Duration::from_micros(total)).unwrap_or(wall),
            began: underway.at,
            first_in: underway.first_in,
            first_byte: None,
            total,
            status: 0,
            ending: None,
            received_bytes: 0,
            sent_bytes: 0,
            asked: None,
            passed,
            trail: Trail::unwatched(),
            epoch: self.epoch,
            hops: Vec::new(),
        }
    }

    /// The record's own time, in microseconds.
    pub(crate) fn now(&self) -> u64 {
        self.micros(self.clock.now())
    }

    pub(crate) fn micros(&self, at: Instant) -> u64 {
        micros(at.saturating_duration_since(self.epoch))
    }

    /// Keeps an exchange that has ended.
    pub(crate) fn keep(&self, kept: Kept) -> Arc<Kept> {
        let room = self.config.bytes_max.saturating_sub(self.beside_bytes.load(Ordering::Relaxed));
        let (kept, forgotten) = self.ring().push(kept, self.config.exchanges_max, room);
        // What it held is freed only now, while nobody waits for the ring.
        if let Some(forgotten) = forgotten {
            spare::keep(forgotten);
        }
        self.tell();
        kept
    }

    pub(crate) fn tell(&self) {
        if self.news.receiver_count() > 0 {
            self.news.send_modify(|count| *count += 1);
        }
    }

    fn connection(&self, info: &ConnectionInfo) -> Arc<Connection> {
        let account = Arc::clone(&self.beside_bytes);
        let id = self.numbered.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Connection::new(id, info, self.now(), self.clock.wall(), account))
    }

    /// A connection has ended. Those that have ended take no more than a quarter of all room.
    fn close(&self, connection: Arc<Connection>, was_open: bool) {
        let mut connections = self.connections();
        connections.close(connection, was_open, self.config.connections_max);
        while self.beside_bytes() > self.config.bytes_max / 4 && connections.forget_closed() {}
    }

    /// Counts what a connection holds; what is under way takes the place of what is over.
    fn recount(&self, connection: &Connection, state: &mut State) {
        if connection.recount(state) {
            let room = self.config.bytes_max.saturating_sub(self.beside_bytes());
            self.ring().shrink(room);
        }
    }

    /// How much of the content of a message under way may be kept: half of all room is for that.
    fn content_room(&self) -> usize {
        let room = (self.config.bytes_max / 2).saturating_sub(self.beside_bytes());
        self.config.content_bytes_max.min(room)
    }

    /// Whether not even heads under way may be kept any more.
    fn is_full(&self) -> bool {
        self.beside_bytes() > self.config.bytes_max / 4 * 3
    }
}

/// Watches one connection.
struct Tap {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    /// The moment that was told of last, and the same in the record's own time: most of a turn is told of at once.
    moment: Cell<(Instant, u64)>,
    next: Option<Box<dyn Watcher>>,
}

impl Watcher for Tap {
    fn bytes(&self, number: u64, wire: Wire, at: Instant, bytes: &[u8]) {
        if let Some(next) = &self.next {
            next.bytes(number, wire, at, bytes);
        }
        let shared = &*self.shared;
        let at = self.micros(at);
        let mut state = self.connection.state();
        let limit = shared.content_room();
        let what = match wire {
            Wire::HeadReceived => What::HeadReceived,
            Wire::ContentReceived => What::ContentReceived,
            Wire::HeadSent => What::HeadSent,
            Wire::ContentSent => What::ContentSent,
            Wire::FramesReceived | Wire::FramesSent => {
                let keeping = Keeping {
                    masks: &shared.masks,
                    content_bytes_max: limit,
                    frames_bytes_max: shared.config.frames_bytes_max.min(limit),
                    at,
                };
                state.frames.get_or_insert_default().pass(wire == Wire::FramesSent, bytes, &keeping);
                return self.shared.recount(&self.connection, &mut state);
            }
        };
        if !shared.is_recording() {
            return;
        }
        let underway = state.of(number, at);
        let flow = if what.is_sent() { &mut underway.sent } else { &mut underway.received };
        if what.is_head() {
            if !shared.is_full() && flow.admits(bytes.len(), shared.config.content_bytes_max) {
                flow.chunked |= underway.pieces.push(what, at, |out| shared.masks.append_head(bytes, out));
            }
        } else {
            let kept = underway.pieces.iter().filter(|piece| piece.what == what).map(|piece| piece.bytes);
            let room = flow.take(bytes, limit, kept);
            if room > 0 {
                underway.pieces.push(what, at, |out| out.extend_from_slice(&bytes[..room]));
            }
        }
        self.shared.recount(&self.connection, &mut state);
    }

    fn begun(&self, number: u64, begun: Begun) -> Option<Trail> {
        let again = self.next.as_ref().and_then(|next| next.begun(number, begun));
        let mut state = self.connection.state();
        state.exchanges += 1;
        // It is known even while nothing is recorded: its frames must go when it ends.
        let underway = state.of(number, self.micros(begun.at));
        underway.stream = begun.stream.map(|stream| stream as u32);
        underway.first_in = begun.first_in.map(|at| self.micros(at));
        let spare = std::mem::take(&mut underway.trail);
        drop(state);
        self.shared.tell();
        Some(again.unwrap_or_else(|| spare.timed_again(&self.shared.clock)))
    }

    fn finished(&self, record: &Record) {
        if let Some(next) = &self.next {
            next.finished(record);
        }
        let mut state = self.connection.state();
        let place = state.underway.iter().position(|each| each.number == record.number);
        let underway = place.map(|place| state.underway.swap_remove(place));
        let stream = underway.as_ref().and_then(|underway| underway.stream);
        let frames = stream.and_then(|stream| state.frames.as_mut()?.take(stream));
        self.shared.recount(&self.connection, &mut state);
        drop(state);
        if !self.shared.is_recording() {
            return;
        }
        let first_in = underway.as_ref().and_then(|underway| underway.first_in);
        let passed = match (frames, underway) {
            (Some(frames), _) => Passed::Frames(frames),
            (None, Some(mut underway)) => {
                underway.pieces.settle();
                Passed::Messages { pieces: underway.pieces, received: underway.received, sent: underway.sent }
            }
            (None, None) => {
                Passed::Messages { pieces: Pieces::default(), received: Flow::default(), sent: Flow::default() }
            }
        };
        self.shared.keep(self.kept(record, passed, first_in));
    }

    fn closed(&self, because: &dyn Decision) {
        if let Some(next) = &self.next {
            next.closed(because);
        }
        let mut state = self.connection.state();
        state.closed = Some(Closed {
            at: self.shared.clock.wall(),
            outcome: because.outcome().into_owned(),
            because: because.because().into_owned(),
            otherwise: because.otherwise().map(Into::into),
            declines: because.declines(),
            rule: Some(because.rule()),
        });
        state.underway = Vec::new();
        if let Some(frames) = &mut state.frames {
            frames.settle();
        }
        self.shared.recount(&self.connection, &mut state);
        drop(state);
        let connection = Arc::clone(&self.connection);
        self.shared.close(connection, true);
        self.shared.tell();
    }
}

impl Tap {
    /// A moment in the record's own time.
    fn micros(&self, at: Instant) -> u64 {
        let (known, micros) = self.moment.get();
        if known == at {
            return micros;
        }
        let micros = self.shared.micros(at);
        self.moment.set((at, micros));
        micros
    }

    /// What is kept of an exchange that is over.
    fn kept(&self, record: &Record, passed: Passed, first_in: Option<u64>) -> Kept {
        let shared = &*self.shared;
        let began = self.micros(record.began);
        let is_empty = match &passed {
            Passed::Messages { pieces, .. } => pieces.cost_bytes() == 0,
            Passed::Frames(_) => false,
        };
        let asked = record.asked.as_ref().filter(|_| is_empty).map(|asked| {
            let target = asked.shown_target();
            (asked.method.to_string(), crate::words::text(&shared.masks.target(target.as_bytes())))
        });
        let hops = record.trail.take_hops().into_iter();
        Kept {
            seq: 0,
            connection: Arc::clone(&self.connection),
            number: record.number,
            origin: Origin::Live,
            at: record.at,
            began,
            first_in,
            first_byte: record.first_byte.map(|after| began + micros(after)),
            total: micros(record.total),
            status: record.status.as_u16(),
            ending: Some(record.ending),
            received_bytes: record.received_bytes,
            sent_bytes: record.sent_bytes,
            asked,
            passed,
            epoch: shared.epoch,
            hops: hops.map(|hop| KeptHop::new(hop, &shared.masks, |at| shared.micros(at))).collect(),
            trail: record.trail.clone(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    time.as_secs() * 1_000_000 + u64::from(time.subsec_micros())
}
