//! Frames of HTTP/2 (RFC 9113) and the entries of their field blocks (RFC 7541).

use wirelight_proto::h2::Code;
use wirelight_proto::h2::frame::{self, HEAD_LENGTH, Setting, kind};

use super::span;
use crate::frames::{Form, Frame, fragment};
use crate::view::Span;

/// A frame's bytes as they are shown: its head, and what is kept of its payload.
pub(crate) fn bytes(frame: &Frame) -> Vec<u8> {
    let length = if frame.joined { 0 } else { frame.length };
    let mut bytes = vec![(length >> 16) as u8, (length >> 8) as u8, length as u8, frame.kind, frame.flags];
    bytes.extend_from_slice(&frame.stream.to_be_bytes());
    bytes.extend_from_slice(&frame.payload);
    bytes
}

/// The type of a frame.
pub(crate) fn name(frame: &Frame) -> String {
    frame::kind_name(frame.kind).map_or_else(|| format!("type {:#x}", frame.kind), str::to_owned)
}

/// Its flags, by name where they have one.
pub(crate) fn flags(frame: &Frame) -> Vec<String> {
    let known: &[(u8, &str)] = match frame.kind {
        kind::DATA => &[(0x1, "END_STREAM"), (0x8, "PADDED")],
        kind::HEADERS => &[(0x1, "END_STREAM"), (0x4, "END_HEADERS"), (0x8, "PADDED"), (0x20, "PRIORITY")],
        kind::PUSH_PROMISE => &[(0x4, "END_HEADERS"), (0x8, "PADDED")],
        kind::CONTINUATION => &[(0x4, "END_HEADERS")],
        kind::SETTINGS | kind::PING => &[(0x1, "ACK")],
        _ => &[],
    };
    let named = known.iter().filter(|(flag, _)| frame.flags & flag != 0);
    let rest = known.iter().fold(frame.flags, |rest, (flag, _)| rest & !flag);
    let unknown = (rest != 0).then(|| format!("{rest:#x}"));
    named.map(|(_, name)| (*name).to_owned()).chain(unknown).collect()
}

/// What a frame does, in one sentence.
pub(crate) fn says(frame: &Frame) -> String {
    let stream = frame.stream;
    let number = |at: usize| {
        let octets = frame.payload.get(at..at + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        octets.map_or(0, u32::from_be_bytes)
    };
    let ends = match frame.kind {
        kind::DATA | kind::HEADERS if frame.flags & 0x1 != 0 => ", and nothing follows on it in this direction",
        _ => "",
    };
    match frame.kind {
        kind::DATA => format!("{} bytes of content on stream {stream}{ends}", fragment(frame).len()),
        kind::HEADERS => format!("the fields of a message on stream {stream}{ends}"),
        kind::CONTINUATION => {
            format!("more of the fields on stream {stream}, shown with the frame that they go on from")
        }
        kind::PRIORITY => format!("an older way to rank stream {stream}, which is passed over"),
        kind::RST_STREAM => format!("stream {stream} is given up: {}", Code(number(0))),
        kind::SETTINGS if frame.flags & 0x1 != 0 => "the other side's settings hold from now on".to_owned(),
        kind::SETTINGS => format!("{} settings for the connection", frame.length / 6),
        kind::PUSH_PROMISE => format!("a response nobody asked for is to come on stream {}", number(0)),
        kind::PING if frame.flags & 0x1 != 0 => "the answer to a ping".to_owned(),
        kind::PING => "asks whether the other side is still there".to_owned(),
        kind::GOAWAY => {
            format!("the connection ends: {}; the last stream heard is {}", Code(number(4)), number(0))
        }
        kind::WINDOW_UPDATE if stream == 0 => format!("{} more bytes may be sent on the connection", number(0)),
        kind::WINDOW_UPDATE => format!("{} more bytes may be sent on stream {stream}", number(0)),
        _ => "a frame of a type that this version does not know, which is passed over".to_owned(),
    }
}

/// The spans of one frame as it is shown: itself, its parts, and the entries of its field block.
pub(crate) fn frame(frame: &Frame) -> Vec<Span> {
    let shown = HEAD_LENGTH + frame.payload.len();
    let name = name(frame);
    let flags = flags(frame);
    let mut spans = vec![span(0, shown, "frame", &name, &says(frame), rule_of(frame.kind))];
    let head = [
        (0, 3, "frame-length", format!("length {}", frame.length), "how many bytes of payload follow"),
        (3, 1, "frame-type", format!("type {name}"), "what the frame is for"),
        (
            4,
            1,
            "frame-flags",
            if flags.is_empty() { "no flags".to_owned() } else { flags.join(" ") },
            "what else holds",
        ),
        (5, 4, "frame-stream", format!("stream {}", frame.stream), "which exchange it belongs to; 0 is the connection"),
    ];
    for (start, length, kind, name, says) in head {
        spans.push(inside(1, span(start, length, kind, &name, says, "RFC 9113, section 4.1")));
    }
    payload(frame, &mut spans);
    spans.sort_by_key(|span| (span.start, span.depth));
    spans
}

fn inside(depth: u8, span: Span) -> Span {
    Span { depth, ..span }
}

fn rule_of(of: u8) -> &'static str {
    match of {
        kind::DATA => "RFC 9113, section 6.1",
        kind::HEADERS => "RFC 9113, section 6.2",
        kind::PRIORITY => "RFC 9113, section 6.3",
        kind::RST_STREAM => "RFC 9113, section 6.4",
        kind::SETTINGS => "RFC 9113, section 6.5",
        kind::PUSH_PROMISE => "RFC 9113, section 6.6",
        kind::PING => "RFC 9113, section 6.7",
        kind::GOAWAY => "RFC 9113, section 6.8",
        kind::WINDOW_UPDATE => "RFC 9113, section 6.9",
        kind::CONTINUATION => "RFC 9113, section 6.10",
        _ => "RFC 9113, section 5.5",
    }
}

/// The parts of a payload, as far as it is kept.
fn payload(frame: &Frame, spans: &mut Vec<Span>) {
    let kept = frame.payload.len();
    let mut part = |start: usize, length: usize, kind: &str, name: &str, says: &str| {
        let length = length.min(kept.saturating_sub(start));
        if length > 0 {
            spans.push(inside(1, span(HEAD_LENGTH + start, length, kind, name, says, rule_of(frame.kind))));
        }
    };
    let number = |at: usize| {
        let octets = frame.payload.get(at..at + 4).and_then(|octets| <[u8; 4]>::try_from(octets).ok());
        octets.map_or(0, u32::from_be_bytes)
    };
    match frame.kind {
        kind::DATA => {
            let range = fragment(frame);
            part(0, range.start, "pad", "pad length", "how many bytes at the end mean nothing");
            part(range.start, range.len(), "content", "content", "the content itself");
            part(range.end, kept, "pad", "padding", "bytes that mean nothing and hide how long the content is");
        }
        kind::HEADERS | kind::PUSH_PROMISE => {
            part(
                0,
                frame.block_at,
                "priority",
                "before the fields",
                "padding, an older priority, or the stream promised",
            );
            part(frame.block_at, kept, "header-block", "field block", "the fields, compressed");
        }
        kind::RST_STREAM => part(0, 4, "error-code", &Code(number(0)).to_string(), "why the stream is given up"),
        kind::WINDOW_UPDATE => {
            part(0, 4, "window", &format!("{} bytes", number(0)), "how many more bytes may be sent");
        }
        kind::GOAWAY => {
            let last = number(0);
            part(
                0,
                4,
                "last-stream",
                &format!("last stream {last}"),
                "streams above it were not heard, and may be tried again",
            );
            part(4, 4, "error-code", &Code(number(4)).to_string(), "why the connection ends");
            part(8, kept, "opaque-data", "in words", "what the sender adds for people");
        }
        kind::PING => part(0, 8, "opaque-data", "opaque data", "bytes that the answer repeats"),
        kind::SETTINGS => {
            for (index, setting) in frame.payload.chunks_exact(6).enumerate() {
                let identifier = u16::from_be_bytes([setting[0], setting[1]]);
                let value = number(index * 6 + 2);
                let name = match (Setting { identifier, value }).name() {
                    Some(name) => format!("{name} {value}"),
                    None => format!("setting {identifier:#x} {value}"),
                };
                part(index * 6, 6, "setting", &name, "a limit or a habit of the sender");
            }
        }
        kind::PRIORITY => part(0, 5, "priority", "priority", "an older way to rank a stream"),
        _ => part(0, kept, "opaque-data", "payload", "what the frame carries"),
    }
    for entry in &frame.entries {
        let (kind, says, rule) = match entry.form {
            Form::Indexed => ("hpack-indexed", "a whole field by its number in the table", "RFC 7541, section 6.1"),
            Form::Added => ("hpack-literal", "a field written out, and added to the table", "RFC 7541, section 6.2.1"),
            Form::NotAdded => {
                ("hpack-literal", "a field written out, and not added to the table", "RFC 7541, section 6.2.2")
            }
            Form::NeverIndexed => {
                ("hpack-never-indexed", "a field written out that no table may ever hold", "RFC 7541, section 6.2.3")
            }
            Form::TableSize => ("hpack-table-size", "the table is made smaller or larger", "RFC 7541, section 6.3"),
        };
        let value = match (&*entry.name, entry.hidden) {
            ("", _) => None,
            (name, true) if entry.value.starts_with("***") => Some(format!("{name}: •••")),
            (name, _) => Some(format!("{name}: {}", entry.value)),
        };
        let name = if entry.name.is_empty() { "table size" } else { &entry.name };
        let mut found =
            inside(2, span(HEAD_LENGTH + frame.block_at + entry.start, entry.length, kind, name, says, rule));
        (found.value, found.redacted) = (value, entry.hidden);
        spans.push(found);
    }
}
