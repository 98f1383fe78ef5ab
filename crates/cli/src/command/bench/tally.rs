//! What was counted: times, statuses, failures.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::load::Pace;
use crate::exit::Failure;

/// The longest time that is told apart, in microseconds: ten minutes.
const MICROSECONDS_MAX: u64 = 600_000_000;
/// How many decimal digits of a time are kept.
const DIGITS: u8 = 3;

/// What one thread has counted. Only that thread writes; the live line looks in now and then.
#[derive(Debug)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    times: Histogram<u64>,
    /// The answers, by status.
    statuses: Vec<(u16, u64)>,
    failures: BTreeMap<String, u64>,
    bytes: u64,
    /// Since when the request of each seat is under way.
    under_way: Vec<Option<Instant>>,
    last: Option<Instant>,
}

/// Whose request is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seat(usize);

/// What the live line shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Glance {
    pub(super) requests: u64,
    pub(super) failures: u64,
    /// Times in microseconds.
    pub(super) p50: u64,
    pub(super) p99: u64,
}

/// All that was counted, when it is over.
#[derive(Debug)]
pub(super) struct Measured {
    /// Times as they were measured, in microseconds.
    pub(super) times: Histogram<u64>,
    /// The same with those that a server that stood still kept from being measured.
    pub(super) corrected: Histogram<u64>,
    pub(super) statuses: BTreeMap<u16, u64>,
    pub(super) failures: BTreeMap<String, u64>,
    /// How many requests were due or under way at the end, and had no answer.
    pub(super) unanswered: u64,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
    /// How much time we spent on a core.
    pub(super) cpu: Duration,
}

fn histogram() -> Result<Histogram<u64>, Failure> {
    Histogram::new_with_bounds(1, MICROSECONDS_MAX, DIGITS).map_err(Failure::new)
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(MICROSECONDS_MAX).max(1)
}

impl Tally {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self(Mutex::new(Counts {
            times: histogram()?,
            statuses: Vec::new(),
            failures: BTreeMap::new(),
            bytes: 0,
            under_way: Vec::new(),
            last: None,
        })))
    }

    /// A count is whole or absent, so a panic elsewhere never spoils them.
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for one who asks.
    pub(super) fn seat(&self) -> Seat {
        let mut counts = self.lock();
        counts.under_way.push(None);
        Seat(counts.under_way.len() - 1)
    }

    /// A request counts from now on.
    pub(super) fn begin(&self, seat: Seat, since: Instant) {
        self.lock().under_way[seat.0] = Some(since);
    }

    /// Nobody sits here any more.
    pub(super) fn leave(&self, seat: Seat) {
        self.lock().under_way[seat.0] = None;
    }

    /// The request of a seat was answered.
    pub(super) fn answered(&self, seat: Seat, now: Instant, status: u16, bytes: u64) {
        let mut counts = self.lock();
        if let Some(since) = counts.under_way[seat.0].take() {
            counts.times.saturating_record(microseconds(now.saturating_duration_since(since)));
        }
        match counts.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, number)) => *number += 1,
            None => counts.statuses.push((status, 1)),
        }
        counts.bytes += bytes;
        counts.last = Some(now);
    }

    /// The request of a seat failed.
    pub(super) fn failed(&self, seat: Seat, because: &str) {
        let mut counts = self.lock();
        counts.under_way[seat.0] = None;
        match counts.failures.get_mut(because) {
            Some(number) => *number += 1,
            None => {
                counts.failures.insert(because.to_owned(), 1);
            }
        }
    }
}

/// What there is so far.
pub(super) fn glance(tallies: &[Arc<Tally>]) -> Glance {
    let mut glance = Glance { requests: 0, failures: 0, p50: 0, p99: 0 };
    for tally in tallies {
        let counts = tally.lock();
        glance.requests += counts.times.len();
        glance.failures += counts.failures.values().sum::<u64>();
        // Threads fare alike: the slowest is shown.
        glance.p50 = glance.p50.max(counts.times.value_at_quantile(0.5));
        glance.p99 = glance.p99.max(counts.times.value_at_quantile(0.99));
    }
    glance
}

/// All that the threads have counted.
pub(super) fn sum(tallies: &[Arc<Tally>], pace: &Pace, cpu: Duration) -> Measured {
    let now = Instant::now();
    let mut times = tallies[0].lock().times.clone();
    let (mut statuses, mut failures) = (BTreeMap::new(), BTreeMap::new());
    let (mut bytes, mut last) = (0, pace.start);
    let mut waiting: Vec<Instant> = pace.left_over().collect();
    for (index, tally) in tallies.iter().enumerate() {
        let counts = tally.lock();
        if index > 0 {
            // They have the same bounds.
            let _ = times.add(&counts.times);
        }
        for (status, number) in &counts.statuses {
            *statuses.entry(*status).or_default() += number;
        }
        for (because, number) in &counts.failures {
            *failures.entry(because.clone()).or_default() += number;
        }
        bytes += counts.bytes;
        last = last.max(counts.last.unwrap_or(pace.start));
        waiting.extend(counts.under_way.iter().flatten());
    }
    let elapsed = (if waiting.is_empty() { last } else { now }).saturating_duration_since(pace.start);
    let answered = times.len();
    // Whoever answers that often was seldom away for longer than this.
    let usual = times.value_at_quantile(0.5);
    let unanswered = waiting.len() as u64;
    for since in waiting {
        times.saturating_record(microseconds(now.saturating_duration_since(since)));
    }
    let corrected = match pace.is_steady() || answered == 0 {
        true => times.clone(),
        false => times.clone_correct(usual),
    };
    Measured { times, corrected, statuses, failures, unanswered, bytes, elapsed, cpu }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_stands_still_is_not_spared() {
        let start = Instant::now() - Duration::from_secs(100);
        let pace = Pace::new(start, Duration::from_secs(1), None, None);
        let tally = Arc::new(Tally::new().unwrap());
        let seat = tally.seat();
        for _ in 0..999 {
            tally.begin(seat, start);
            tally.answered(seat, start + Duration::from_millis(1), 200, 5);
        }
        tally.begin(seat, start);
        tally.answered(seat, start + Duration::from_secs(1), 200, 5);
        let measured = sum(&[Arc::clone(&tally)], &pace, Duration::ZERO);
        assert!(measured.times.value_at_quantile(0.99) < 1_100, "one of a thousand was slow");
        let corrected = measured.corrected.value_at_quantile(0.99);
        assert!((900_000..1_100_000).contains(&corrected), "a thousand more would have been: {corrected}");
        assert_eq!((measured.statuses[&200], measured.bytes, measured.unanswered), (1000, 5000, 0));
        tally.begin(seat, start);
        assert_eq!(sum(&[tally], &pace, Duration::ZERO).unanswered, 1);
    }

    #[test]
    fn what_was_due_and_never_begun_counts() {
        let start = Instant::now() - Duration::from_secs(10);
        let pace = Pace::new(start, Duration::from_secs(2), Some(5.0), None);
        let measured = sum(&[Arc::new(Tally::new().unwrap())], &pace, Duration::ZERO);
        assert_eq!((measured.unanswered, measured.times.len()), (10, 10));
        assert!(measured.times.min() >= 8_000_000, "{}", measured.times.min());
    }
}
