//! Bytes, moments and spans of time as text.

use std::time::SystemTime;

use wirelight_semantics::date;

/// Bytes as text: as UTF-8 where they are, else each byte as the character of that number (ISO 8859-1).
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// A moment as RFC 3339 has it, to the microsecond.
pub(crate) fn moment(at: SystemTime) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    // `Sat, 21 Nov 2026 03:30:12 GMT`, the date of HTTP, has every part at its place.
    let shown = date::text(at);
    let part = |range: std::ops::Range<usize>| shown.get(range).unwrap_or_default();
    let month = MONTHS.iter().position(|name| *name == part(8..11)).unwrap_or(0) + 1;
    let micros = at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_micros());
    format!("{}-{month:02}-{}T{}.{micros:06}Z", part(12..16), part(5..7), part(17..25))
}

/// How long something took, for people: `340 µs`, `12.3 ms`, `2.1 s`.
pub(crate) fn span(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.1} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// How many bytes, for people: `1 byte`, `13 bytes`, `1.2 MB`.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        0..10_000 => format!("{bytes} bytes"),
        10_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_written_to_the_microsecond() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_795_248_930_123_456);
        assert_eq!(moment(at), "2026-11-21T08:15:30.123456Z");
    }
}
