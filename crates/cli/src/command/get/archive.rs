//! Exchanges kept in an HTTP Archive.

use std::path::Path;
use std::time::Duration;

use wirelight_client::Timings;
use wirelight_inspect::har::{self, Bodies, Entry, Har, Mask};

use super::session::write_private;
use super::watcher::Kept;
use crate::exit::Failure;

/// Writes the exchanges that were kept; `read` is the content of the last response, decoded, if that was kept.
pub(super) fn write(
    path: &Path,
    mask: Mask,
    kept: &[Kept],
    timings: &[Timings],
    read: Option<&[u8]>,
) -> Result<(), Failure> {
    let last = kept.len().saturating_sub(1);
    let mut entries = Vec::new();
    for (index, kept) in kept.iter().enumerate() {
        let coded = kept.record.fields.contains_key(http::header::CONTENT_ENCODING);
        let response = match read {
            Some(read) if index == last => Some(read),
            // An archive keeps content without its coding, and that of a redirection was not decoded.
            _ if coded => None,
            _ => kept.received.as_deref(),
        };
        let bodies = Bodies { request: kept.sent.as_deref(), response };
        // What the client measured began before the connection was there.
        let measured = timings.iter().rfind(|timings| timings.began <= kept.record.began);
        let Some(mut entry) = Entry::of(&kept.record, bodies, mask) else { continue };
        if let Some(measured) = measured {
            let lead = kept.record.began.saturating_duration_since(measured.began);
            entry.started_date_time = har::timestamp(kept.record.at.checked_sub(lead).unwrap_or(kept.record.at));
            entry = entry.timed(steps(measured));
        }
        entries.push(entry);
    }
    write_private(path, Har::new(entries).write().as_bytes())
        .map_err(|error| Failure::new(format!("{} could not be written: {error}", path.display())))
}

/// The steps as an archive counts them.
fn steps(timings: &Timings) -> har::Timings {
    let mut from = Duration::ZERO;
    let mut step = |end: Option<Duration>| {
        let end = end?;
        let took = end.saturating_sub(from);
        from = from.max(end);
        Some(took.as_secs_f64() * 1e3)
    };
    let none = -1.0;
    let blocked = step(timings.queued).unwrap_or(none);
    let dns = step(timings.resolved).unwrap_or(none);
    let connected = step(timings.connected);
    let proxied = step(timings.proxied);
    let ssl = step(timings.secured);
    let connecting = [connected, proxied, ssl].into_iter().flatten().reduce(|sum, step| sum + step);
    let send = step(timings.sent).unwrap_or(0.0);
    let wait = step(timings.first_byte).unwrap_or(0.0);
    let receive = step(timings.done).unwrap_or(0.0);
    har::Timings { blocked, dns, connect: connecting.unwrap_or(none), ssl: ssl.unwrap_or(none), send, wait, receive }
}
