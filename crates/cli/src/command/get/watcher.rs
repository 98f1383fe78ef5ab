//! What passes on the wire, kept for whoever prints it: heads, how much content, trailers, and records.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, request, response};
use wirelight_net::observe::{Part, Way};
use wirelight_net::{ConnectionInfo, Observer, Record, Tcp, Wire};
use wirelight_proto::h2::Describer;

/// How much of the content `--raw` shows of each piece.
const RAW_BYTES_MAX: usize = 16 * 1024;
/// How much content of each message an archive keeps.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Keeps what is wanted of what passes, and prints the bytes if wished for.
#[derive(Debug)]
pub(super) struct Watcher {
    /// Whether the bytes are printed.
    raw: bool,
    /// Whether heads are kept.
    heads: bool,
    /// Whether records and contents are kept.
    records: bool,
    seen: Mutex<Seen>,
}

/// Something that passed.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: Instant,
    pub(super) what: What,
}

/// What passed.
#[derive(Debug)]
pub(super) enum What {
    /// A head, as HTTP/1 writes it.
    Head(Way, Vec<u8>),
    /// The end of a message with content or trailers: how much content, since when, and the trailer section.
    End { way: Way, bytes: u64, since: Option<Instant>, trailers: HeaderMap },
    /// The end of the exchange: how TCP had fared, and why it failed if it did.
    Over { tcp: Option<Tcp>, failed: Option<String> },
}

/// An exchange that is over, with its contents as far as they were kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) record: Box<Record>,
    pub(super) sent: Option<Vec<u8>>,
    pub(super) received: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Seen {
    events: Vec<Event>,
    /// What of each message under way has passed, by connection and number.
    passing: HashMap<(u64, u64), [Passing; 2]>,
    frames: HashMap<u64, [Describer; 2]>,
    /// The connections whose heads come as bytes.
    plain: HashSet<u64>,
    records: Vec<Kept>,
}

#[derive(Debug, Default)]
struct Passing {
    bytes: u64,
    since: Option<Instant>,
    content: Vec<u8>,
    too_long: bool,
}

impl Watcher {
    pub(super) fn new(raw: bool, heads: bool, records: bool) -> Self {
        Self { raw, heads, records, seen: Mutex::default() }
    }

    /// Whether there is anything to watch for.
    pub(super) fn is_needed(&self) -> bool {
        self.raw || self.heads || self.records
    }

    /// The events so far.
    pub(super) fn events<T>(&self, read: impl FnOnce(&[Event]) -> T) -> T {
        read(&self.lock().events)
    }

    /// The exchanges that are over, in the order in which they ended.
    pub(super) fn take_records(&self) -> Vec<Kept> {
        std::mem::take(&mut self.lock().records)
    }

    /// What is kept stays whole when a thread that kept it panics.
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn print_raw(&self, connection: u64, number: u64, wire: Wire, bytes: &[u8]) {
        let mut text = String::new();
        match wire {
            Wire::FramesReceived | Wire::FramesSent => {
                let (direction, side) = if wire == Wire::FramesSent { ('>', 0) } else { ('<', 1) };
                let mut seen = self.lock();
                let describers =
                    seen.frames.entry(connection).or_insert_with(|| [Describer::of_client(), Describer::of_server()]);
                describers[side].describe(bytes, |line| {
                    // A String takes whatever is written to it.
                    let _ = writeln!(text, "#{connection} {direction} {line}");
                });
            }
            _ => {
                let direction = if matches!(wire, Wire::HeadSent | Wire::ContentSent) { '>' } else { '<' };
                let shown = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
                for line in shown.split_inclusive(|byte| *byte == b'\n') {
                    let _ = writeln!(text, "#{connection}.{number} {direction} {}", visible(line));
                }
                if shown.len() < bytes.len() {
                    let left = bytes.len() - shown.len();
                    let _ = writeln!(text, "#{connection}.{number} {direction} ... {left} bytes more");
                }
            }
        }
        // Nobody to show it to is nothing to fail for.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

/// Bytes on one line, each to be told from the others: as `wirelight serve --raw` prints them.
fn visible(line: &[u8]) -> String {
    let mut shown = String::with_capacity(line.len());
    for byte in line {
        match byte {
            b'"' | b'\'' => shown.push(char::from(*byte)),
            byte => shown.extend(byte.escape_ascii().map(char::from)),
        }
    }
    shown
}

impl Observer for Watcher {
    fn wants_bytes(&self) -> bool {
        self.raw || self.heads
    }

    fn wants_parts(&self) -> bool {
        self.heads || self.records
    }

    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        if self.raw {
            self.print_raw(connection.id, number, wire, bytes);
        }
        let way = match wire {
            Wire::HeadSent => Way::Sent,
            Wire::HeadReceived => Way::Received,
            _ => return,
        };
        if self.heads {
            let mut seen = self.lock();
            if seen.plain.insert(connection.id) && way == Way::Sent {
                // The first head of a connection was written from its parts, before it was known that it has bytes.
                seen.events.pop_if(|event| matches!(event.what, What::Head(Way::Sent, _)));
            }
            seen.events.push(Event { at: Instant::now(), what: What::Head(way, bytes.to_vec()) });
        }
    }

    fn part(&self, connection: &ConnectionInfo, number: u64, way: Way, part: &Part) {
        let mut seen = self.lock();
        let at = Instant::now();
        if self.heads && !seen.plain.contains(&connection.id) {
            let head = match part {
                Part::Request(parts, _) => Some(request_head(parts)),
                Part::Interim(parts) | Part::Response(parts, _) => Some(response_head(parts)),
                Part::Content(_) | Part::End(_) => None,
            };
            seen.events.extend(head.map(|head| Event { at, what: What::Head(way, head) }));
        }
        let side = usize::from(way == Way::Received);
        match part {
            Part::Content(content) => {
                let records = self.records;
                seen.passing.entry((connection.id, number)).or_default()[side].pass(content, at, records);
            }
            Part::End(trailers) => {
                let passing = seen.passing.get(&(connection.id, number)).map(|both| &both[side]);
                let (bytes, since) = passing.map_or((0, None), |passing| (passing.bytes, passing.since));
                if self.heads && (bytes > 0 || !trailers.is_empty()) {
                    let what = What::End { way, bytes, since, trailers: trailers.clone() };
                    seen.events.push(Event { at, what });
                }
            }
            _ => {}
        }
    }

    fn finished(&self, record: Box<Record>) {
        let mut seen = self.lock();
        let passed = seen.passing.remove(&(record.connection.id, record.number));
        if let Some(outbound) = record.outbound.as_deref().filter(|_| self.heads) {
            let what = What::Over { tcp: outbound.tcp, failed: outbound.failed.clone() };
            seen.events.push(Event { at: Instant::now(), what });
        }
        if self.records {
            let [sent, received] =
                passed.unwrap_or_default().map(|passing| (!passing.too_long).then_some(passing.content));
            seen.records.push(Kept { record, sent, received });
        }
    }
}

impl Passing {
    fn pass(&mut self, content: &Bytes, at: Instant, keep: bool) {
        self.bytes += content.len() as u64;
        self.since.get_or_insert(at);
        if !keep || self.too_long {
            return;
        }
        if self.content.len() + content.len() > BODY_BYTES_MAX {
            self.too_long = true;
            self.content = Vec::new();
        } else {
            self.content.extend_from_slice(content);
        }
    }
}

/// A version as people write it: `HTTP/1.1`, `HTTP/2`.
pub(super) fn version(version: http::Version) -> String {
    let text = format!("{version:?}");
    match text.strip_suffix(".0") {
        Some(short) if short != "HTTP/1" => short.to_owned(),
        _ => text,
    }
}

fn request_head(parts: &request::Parts) -> Vec<u8> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} {}\r\n", parts.method, version(parts.version)).into_bytes();
    if let Some(authority) = parts.uri.authority() {
        head.extend_from_slice(format!(":authority: {authority}\r\n").as_bytes());
    }
    write_fields(&mut head, &parts.headers);
    head
}

fn response_head(parts: &response::Parts) -> Vec<u8> {
    let mut head = format!("{} {}\r\n", version(parts.version), parts.status.as_u16()).into_bytes();
    write_fields(&mut head, &parts.headers);
    head
}

pub(super) fn write_fields(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_can_be_told_from_what_is_shown() {
        assert_eq!(visible(b"GET / HTTP/1.1\r\n"), "GET / HTTP/1.1\\r\\n");
        assert_eq!(visible(b"it's \"\x1b[31m\\\xff"), "it's \"\\x1b[31m\\\\\\xff");
    }

    #[test]
    fn a_content_that_is_too_long_is_not_kept_in_part() {
        let mut passing = Passing::default();
        passing.pass(&Bytes::from_static(b"hello"), Instant::now(), true);
        assert_eq!((passing.bytes, &passing.content[..]), (5, &b"hello"[..]));
        passing.pass(&Bytes::from(vec![0; BODY_BYTES_MAX]), Instant::now(), true);
        assert!(passing.too_long && passing.content.is_empty());
        assert_eq!(passing.bytes, BODY_BYTES_MAX as u64 + 5);
    }
}
