//! What happened, in numbers: durations by method and outcome, and how much is under way.
//!
//! Counting happens on every thread for itself, and the sums are made when somebody asks. What is counted must not grow
//! with what strangers send: methods are few, and the number of series has a limit.

pub mod text;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use wirelight_service::Clock;

/// The upper bounds of the buckets of durations, in seconds, as OpenTelemetry advises for HTTP.
pub const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What stands for every method that is not one of those that are known.
pub const OTHER: &str = "_OTHER";

/// The most series that one shard holds; what comes beyond is counted as [`Outcome::Other`].
const SERIES_MAX: usize = 256;

/// How many shards there are: threads beyond share.
const SHARDS: usize = 8;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// With this status.
    Status(u16),
    /// With this status, but its content broke off.
    Broken(u16),
    /// Without a status, for this reason.
    Failed(&'static str),
    /// In one of too many ways to tell them apart.
    Other,
}

/// Durations, by method and outcome.
#[derive(Debug, Default)]
pub struct Durations {
    shards: [Shard; SHARDS],
}

/// One thread's counts, on a line of the processor's cache of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Shard(Mutex<Vec<(Key, Histogram)>>);

type Key = (&'static str, Outcome);

/// How many durations fell into which bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Histogram {
    /// One for each bound, and one for all beyond.
    pub buckets: [u64; BOUNDS.len() + 1],
    /// The sum, in microseconds.
    pub sum_micros: u64,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket] += 1;
        self.sum_micros = self.sum_micros.saturating_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn merge(&mut self, other: &Self) {
        for (sum, more) in self.buckets.iter_mut().zip(other.buckets) {
            *sum += more;
        }
        self.sum_micros = self.sum_micros.saturating_add(other.sum_micros);
    }
}

impl Durations {
    /// Counts one.
    pub fn add(&self, method: &'static str, outcome: Outcome, took: Duration) {
        let mut series = lock(&self.shards[thread_number() % SHARDS].0);
        let key = (method, outcome);
        if let Some((_, histogram)) = series.iter_mut().find(|(known, _)| *known == key) {
            return histogram.add(took);
        }
        let key = if series.len() < SERIES_MAX { key } else { (OTHER, Outcome::Other) };
        let place = series.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            series.push((key, Histogram::default()));
            series.len() - 1
        });
        series[place].1.add(took);
    }

    /// The sums of all threads.
    pub fn read(&self) -> BTreeMap<Key, Histogram> {
        let mut sums: BTreeMap<Key, Histogram> = BTreeMap::new();
        for shard in &self.shards {
            for (key, histogram) in lock(&shard.0).iter() {
                sums.entry(*key).or_default().merge(histogram);
            }
        }
        sums
    }
}

/// A count is whole or absent, so a panic elsewhere never spoils it.
fn lock(series: &Mutex<Vec<(Key, Histogram)>>) -> MutexGuard<'_, Vec<(Key, Histogram)>> {
    series.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What happened on one route.
#[derive(Debug)]
pub struct RouteCounts {
    /// The first host of its site.
    pub site: String,
    /// Its name.
    pub route: String,
    /// How long its exchanges took, from the head of the request to the end of the response's content; where that lies
    /// in memory or in a file, to its beginning.
    pub durations: Durations,
    active: AtomicI64,
}

/// An exchange that is under way on a route; dropped without an end, the client has abandoned it.
#[derive(Debug)]
pub(crate) struct Counting {
    counts: Arc<RouteCounts>,
    clock: Clock,
    began: Instant,
    method: &'static str,
    outcome: Outcome,
}

impl RouteCounts {
    pub(crate) fn new(site: &str, route: &str) -> Self {
        let (site, route) = (site.to_owned(), route.to_owned());
        Self { site, route, durations: Durations::default(), active: AtomicI64::new(0) }
    }

    pub(crate) fn is_of(&self, site: &str, route: &str) -> bool {
        self.site == site && self.route == route
    }

    /// How many exchanges are under way.
    pub fn active(&self) -> i64 {
        self.active.load(Relaxed)
    }

    pub(crate) fn begin(self: &Arc<Self>, method: &Method, clock: &Clock) -> Counting {
        self.active.fetch_add(1, Relaxed);
        Counting {
            counts: Arc::clone(self),
            clock: clock.clone(),
            began: clock.now(),
            method: method_name(method),
            outcome: Outcome::Failed("abandoned"),
        }
    }
}

impl Counting {
    /// The head of the response is known: whatever breaks off now breaks its content.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.outcome = Outcome::Broken(status.as_u16());
    }

    /// It is over.
    pub(crate) fn end(mut self, status: StatusCode) {
        self.outcome = Outcome::Status(status.as_u16());
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.counts.active.fetch_sub(1, Relaxed);
        let took = self.clock.now().saturating_duration_since(self.began);
        self.counts.durations.add(self.method, self.outcome, took);
    }
}

/// A method as labels have it: those of RFC 9110 and RFC 5789, and one name for all others.
pub fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

/// A number for each thread, from 0.
fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<usize> = Cell::new(THREADS.fetch_add(1, Relaxed)));
    NUMBER.with(Cell::get)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_all_threads_are_summed() {
        let durations = Arc::new(Durations::default());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let durations = Arc::clone(&durations);
                std::thread::spawn(move || {
                    durations.add("GET", Outcome::Status(200), Duration::from_millis(5));
                    durations.add("GET", Outcome::Status(200), Duration::from_secs(60));
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let read = durations.read();
        let histogram = read[&("GET", Outcome::Status(200))];
        assert_eq!((histogram.buckets[0], histogram.buckets[BOUNDS.len()]), (3, 3));
        assert_eq!(histogram.sum_micros, 3 * 60_005_000);
    }

    #[test]
    fn series_do_not_grow_with_what_strangers_send() {
        let durations = Durations::default();
        for status in 0..10_000 {
            durations.add("GET", Outcome::Status(status), Duration::ZERO);
        }
        let read = durations.read();
        assert_eq!(read.len(), SERIES_MAX + 1);
        assert_eq!(read[&(OTHER, Outcome::Other)].buckets[0], 10_000 - SERIES_MAX as u64);
        assert_eq!(method_name(&Method::from_bytes(b"MADE-UP").unwrap()), OTHER);
    }

    #[test]
    fn an_exchange_is_counted_however_it_ends() {
        let clock = Clock::system();
        let counts = Arc::new(RouteCounts::new("site", "route"));
        let mut broken = counts.begin(&Method::GET, &clock);
        let whole = counts.begin(&Method::POST, &clock);
        let abandoned = counts.begin(&Method::PUT, &clock);
        assert_eq!(counts.active(), 3);
        broken.answered(StatusCode::OK);
        drop((broken, abandoned));
        whole.end(StatusCode::NOT_FOUND);
        assert_eq!(counts.active(), 0);
        let keys: Vec<_> = counts.durations.read().into_keys().collect();
        assert_eq!(
            keys,
            [("GET", Outcome::Broken(200)), ("POST", Outcome::Status(404)), ("PUT", Outcome::Failed("abandoned"))]
        );
    }
}
