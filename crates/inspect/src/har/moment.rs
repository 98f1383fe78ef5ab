//! Moments as the format writes them: ISO 8601, in UTC, with milliseconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// A moment as text: `2026-11-21T03:04:05.678Z`; what lies before 1970 is written as its beginning.
pub fn write(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, milliseconds) = (since.as_secs(), since.subsec_millis());
    let (year, month, day) = civil(seconds / DAY);
    let of_day = seconds % DAY;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// Reads a moment, with any number of decimals and any offset from UTC; `None` if it is none, or before 1970.
pub fn read(text: &str) -> Option<SystemTime> {
    let (date, time) = text.trim().split_once(['T', 't', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let sign = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at(sign);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<u64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if hour > 23 || minute > 59 || second > 60 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let local = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
    let seconds = match zone.as_bytes().first()? {
        b'Z' | b'z' => local,
        sign => {
            let (hours, minutes) = zone[1..].split_once(':').or_else(|| zone[1..].split_at_checked(2))?;
            let offset = hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60;
            if *sign == b'+' { local.checked_sub(offset)? } else { local + offset }
        }
    };
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// How many leap days there were before a year, from the year 1.
fn leaps_before(year: u64) -> u64 {
    let years = year - 1;
    years / 4 - years / 100 + years / 400
}

/// How many days lie between 1970 and a date.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let years = (year - 1970) * 365 + leaps_before(year) - leaps_before(1970);
    let months: u64 = (1..month).map(|month| days_of_month(year, month)).sum();
    years + months + day - 1
}

/// The date that lies so many days after the first of 1970.
fn civil(days_since: u64) -> (u64, u64, u64) {
    // A year is never longer than 366 days, so this is the year or one before it.
    let mut year = 1970 + days_since / 366;
    while days(year + 1, 1, 1) <= days_since {
        year += 1;
    }
    let mut left = days_since - days(year, 1, 1);
    let mut month = 1;
    while left >= days_of_month(year, month) {
        left -= days_of_month(year, month);
        month += 1;
    }
    (year, month, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_and_read_back() {
        let table = [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_078_012_799_999, "2004-02-28T23:59:59.999Z"),
            (1_795_248_930_250, "2026-11-21T08:15:30.250Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ];
        for (milliseconds, text) in table {
            let at = UNIX_EPOCH + Duration::from_millis(milliseconds);
            assert_eq!(write(at), text);
            assert_eq!(read(text), Some(at), "{text}");
        }
        for day in (0..200_000).step_by(17) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn offsets_and_decimals_are_understood() {
        let noon = read("2024-05-06T12:00:00Z").unwrap();
        assert_eq!(read("2024-05-06T14:00:00.000+02:00"), Some(noon));
        assert_eq!(read("2024-05-06T07:00:00.0000000-0500"), Some(noon));
        assert_eq!(read("2024-05-06T12:00:00.5Z"), Some(noon + Duration::from_millis(500)));
        for none in ["", "2024-05-06", "2024-13-06T12:00:00Z", "1969-01-01T00:00:00Z", "2024-05-06T12:00Z", "x-y-zT:Z"]
        {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
