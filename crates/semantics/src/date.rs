//! Dates as HTTP writes them (RFC 9110, section 5.6.7). What the time is now is always an argument.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// The last second that an HTTP-date can name: the end of the year 9999, in seconds since 1970.
const LAST_SECONDS: u64 = 253_402_300_799;

/// Reads an HTTP-date in any of its three forms: IMF-fixdate, RFC 850 and asctime (RFC 9110, section 5.6.7).
///
/// Two digits of a year stand for 1970 to 2069.
pub fn parse(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Writes the time as an IMF-fixdate, without its fraction of a second; times that the form cannot name become the
/// nearest that it can (RFC 9110, section 5.6.7).
pub fn format(time: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&text(time)).expect("an IMF-fixdate is visible ASCII")
}

/// The text of [`format()`].
pub fn text(time: SystemTime) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds(time)))
}

/// Whole seconds since 1970, as many as an HTTP-date can tell; 0 for any time before that.
pub fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().min(LAST_SECONDS))
}

/// The time that an HTTP-date made from this time says: without its fraction of a second.
pub fn whole_seconds(time: SystemTime) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds(time))
}
