//! How long answers took: counted in buckets, so that recording costs next to nothing.

use std::time::Duration;

/// Buckets to each power of two: a figure is at most 1/32 too large.
const STEPS_BITS: u32 = 5;
const STEPS: u64 = 1 << STEPS_BITS;

/// Many durations, by the share that was shorter.
#[derive(Debug, Clone)]
pub struct Latency {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Default for Latency {
    fn default() -> Self {
        Self { counts: vec![0; (64 * STEPS) as usize], total: 0, longest: Duration::ZERO }
    }
}

impl Latency {
    /// Counts one duration.
    pub fn record(&mut self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
        self.longest = self.longest.max(took);
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// The longest that was counted.
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// What a share (0 to 1) of all durations did not exceed.
    pub fn at(&self, share: f64) -> Duration {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper(bucket as u64)).min(self.longest);
            }
        }
        self.longest
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - STEPS_BITS;
    let bucket = u64::from(shift + 1) * STEPS + ((value >> shift) - STEPS);
    bucket as usize
}

/// The largest value of a bucket.
fn upper(bucket: u64) -> u64 {
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let first = (STEPS + bucket % STEPS) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_at_most_a_thirty_second_wide() {
        for value in (0..2000).chain([12_345, 1_000_000, 987_654_321, u64::MAX / 3, u64::MAX]) {
            let top = upper(bucket(value) as u64);
            assert!(top >= value && top - value <= value / STEPS, "{value} is in the bucket up to {top}");
        }
    }

    #[test]
    fn shares_are_told() {
        let mut latency = Latency::default();
        (1..=1000).for_each(|millisecond| latency.record(Duration::from_millis(millisecond)));
        assert_eq!(latency.longest(), Duration::from_secs(1));
        let half = latency.at(0.5).as_millis();
        assert!((500..=516).contains(&half), "{half}");
        assert_eq!(latency.at(1.0), Duration::from_secs(1));
    }
}
