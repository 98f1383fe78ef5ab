//! A moment in the calendar, in Coordinated Universal Time, for people and logs.

use std::fmt;
use std::time::{Duration, SystemTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A moment in the Gregorian calendar, in Coordinated Universal Time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: u8,
    /// From 1.
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
    pub(crate) millisecond: u16,
}

impl Moment {
    pub(crate) fn of(time: SystemTime) -> Self {
        let (seconds, nanoseconds) = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => (since.as_secs() as i64, since.subsec_nanos()),
            Err(before) => before_epoch(before.duration()),
        };
        let (year, month, day) = date(seconds.div_euclid(86_400));
        let second = seconds.rem_euclid(86_400);
        Self {
            year,
            month,
            day,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            millisecond: (nanoseconds / 1_000_000) as u16,
        }
    }

    /// The English abbreviation of the month's name.
    pub(crate) fn month_name(self) -> &'static str {
        MONTHS[usize::from(self.month) - 1]
    }
}

fn before_epoch(duration: Duration) -> (i64, u32) {
    let seconds = -(duration.as_secs() as i64);
    match duration.subsec_nanos() {
        0 => (seconds, 0),
        nanoseconds => (seconds - 1, 1_000_000_000 - nanoseconds),
    }
}

/// Year, month and day of a day counted from 1970. Years are counted from March, so that leap days end them; 146,097
/// days are 400 years.
fn date(day: i64) -> (i64, u8, u8) {
    let shifted = day + 719_468;
    let cycle = shifted.div_euclid(146_097);
    let day_of_cycle = shifted.rem_euclid(146_097);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + 400 * cycle + i64::from(month <= 2);
    (year, month as u8, day_of_month as u8)
}

impl fmt::Display for Moment {
    /// As RFC 3339 has it, to the millisecond: `2026-11-21T08:15:30.250Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, millisecond } = self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_where_the_calendar_has_them() {
        for (seconds, expected) in [
            (0_i64, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (951_868_800, "2000-03-01T00:00:00.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
            (1_795_248_930, "2026-11-21T08:15:30.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            let span = Duration::from_secs(seconds.unsigned_abs());
            let time = if seconds < 0 { SystemTime::UNIX_EPOCH - span } else { SystemTime::UNIX_EPOCH + span };
            assert_eq!(Moment::of(time).to_string(), expected, "{seconds}");
        }
        let early = SystemTime::UNIX_EPOCH - Duration::from_millis(250);
        assert_eq!(Moment::of(early).to_string(), "1969-12-31T23:59:59.750Z");
    }
}
