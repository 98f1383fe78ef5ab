//! Frames as they pass, in words: for whoever watches the bytes of a connection.

use std::fmt::Write as _;

use super::PREFACE;
use super::frame::{Frame, HEAD_LENGTH, Head, PAYLOAD_DEFAULT_MAX, kind, kind_name};
use super::hpack::{Decoder, Field, Sink};

/// Watches one direction of a connection from its first byte, and says in lines what passes.
///
/// It judges nothing: what cannot be read is said to be so. Content is counted and not kept.
#[derive(Default)]
pub struct Trace {
    decoder: Decoder,
    /// A head, or a payload that is worth reading, of which not all has passed.
    partial: Vec<u8>,
    /// How much of the present payload passes unread.
    unread: usize,
    /// The header block that is not whole yet.
    block: Vec<u8>,
    lines: Vec<String>,
    begun: bool,
    /// The compression state is lost: blocks can no longer be read.
    lost: bool,
}

struct Lines<'a>(&'a mut Vec<String>);

impl Sink for Lines<'_> {
    fn admits(&mut self, _: usize) -> bool {
        // A bomb is no more worth reading than it is worth keeping.
        self.0.len() < 1_000
    }

    fn field(&mut self, field: Field) {
        self.0.push(format!("    {}: {}", field.name().as_bytes().escape_ascii(), field.value().escape_ascii()));
    }
}

impl Trace {
    /// A watcher of a direction where nothing has passed yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they pass, and says what became whole with them.
    pub fn read(&mut self, mut bytes: &[u8]) -> Vec<String> {
        while !bytes.is_empty() {
            let passed = self.unread.min(bytes.len());
            self.unread -= passed;
            bytes = &bytes[passed..];
            if self.unread == 0 {
                bytes = self.gather(bytes);
            }
        }
        std::mem::take(&mut self.lines)
    }

    /// Gathers the octets that are to be read next, and reads them once they are whole; what is left is next.
    fn gather<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        if !self.begun {
            return self.begin(bytes);
        }
        let bytes = self.fill(bytes, HEAD_LENGTH);
        let Some(head) = Head::read(&self.partial) else { return bytes };
        // Content is not kept, nor is what no frame of ours would be.
        if head.kind == kind::DATA || head.length > PAYLOAD_DEFAULT_MAX {
            self.partial.clear();
            self.unread = head.length;
            self.say(head, "");
            return bytes;
        }
        let whole = HEAD_LENGTH + head.length;
        let bytes = self.fill(bytes, whole);
        if self.partial.len() == whole {
            let frame = std::mem::take(&mut self.partial);
            self.frame(head, &frame[HEAD_LENGTH..]);
        }
        bytes
    }

    /// Passes over the preface of a client, if that is what comes.
    fn begin<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let from = self.partial.len();
        let expected = &PREFACE[from..];
        let common = expected.iter().zip(bytes).take_while(|(expected, byte)| expected == byte).count();
        self.partial.extend_from_slice(&bytes[..common]);
        self.begun = common == expected.len() || common < bytes.len();
        if common == expected.len() {
            self.partial.clear();
            self.lines.push("preface".into());
        }
        &bytes[common..]
    }

    fn fill<'a>(&mut self, bytes: &'a [u8], whole: usize) -> &'a [u8] {
        let missing = whole.saturating_sub(self.partial.len()).min(bytes.len());
        let (filling, rest) = bytes.split_at(missing);
        self.partial.extend_from_slice(filling);
        rest
    }

    fn say(&mut self, head: Head, what: &str) {
        let mut line = match kind_name(head.kind) {
            Some(name) => name.to_owned(),
            None => format!("type {:#x}", head.kind),
        };
        if head.stream > 0 {
            let _ = write!(line, " stream {}", head.stream);
        }
        let _ = write!(line, " {} bytes", head.length);
        for (flag, name) in flags(head.kind) {
            if head.has(*flag) {
                let _ = write!(line, " {name}");
            }
        }
        self.lines.push(line + what);
    }

    fn frame(&mut self, head: Head, payload: &[u8]) {
        match Frame::read(head, payload) {
            Err(fault) => self.say(head, &format!(" ({})", fault.because)),
            Ok(Frame::Headers(frame)) => self.fragment(head, frame.fragment, frame.end_headers),
            Ok(Frame::PushPromise(frame)) => self.fragment(head, frame.fragment, frame.end_headers),
            Ok(Frame::Continuation(frame)) => self.fragment(head, frame.fragment, frame.end_headers),
            Ok(frame) => self.say(head, &words(frame)),
        }
    }

    fn fragment(&mut self, head: Head, fragment: &[u8], end_headers: bool) {
        self.say(head, "");
        if head.kind != kind::CONTINUATION {
            self.block.clear();
        }
        self.block.extend_from_slice(fragment);
        if self.block.len() > 1 << 20 {
            self.lost = true;
            self.block = Vec::new();
        }
        if !end_headers || self.lost {
            return;
        }
        let block = std::mem::take(&mut self.block);
        let mut fields = Vec::new();
        match self.decoder.decode(&block, &mut Lines(&mut fields)) {
            Ok(()) => self.lines.append(&mut fields),
            Err(error) => {
                self.lost = true;
                self.lines.push(format!("    ({})", error.because()));
            }
        }
    }
}

/// The flags that a type of frame has.
fn flags(kind: u8) -> &'static [(u8, &'static str)] {
    match kind {
        kind::DATA => &[(1, "END_STREAM"), (8, "PADDED")],
        kind::HEADERS => &[(1, "END_STREAM"), (4, "END_HEADERS"), (8, "PADDED"), (32, "PRIORITY")],
        kind::SETTINGS | kind::PING => &[(1, "ACK")],
        kind::PUSH_PROMISE => &[(4, "END_HEADERS"), (8, "PADDED")],
        kind::CONTINUATION => &[(4, "END_HEADERS")],
        _ => &[],
    }
}

/// What a frame says beside its head.
fn words(frame: Frame<'_>) -> String {
    match frame {
        Frame::RstStream(frame) => format!(" {}", frame.code),
        Frame::Settings(settings) => settings.iter().fold(String::new(), |mut words, setting| {
            let _ = match setting.name() {
                Some(name) => write!(words, " {name}={}", setting.value),
                None => write!(words, " {:#x}={}", setting.identifier, setting.value),
            };
            words
        }),
        Frame::Ping(frame) => format!(" {}", frame.payload.escape_ascii()),
        Frame::GoAway(frame) => {
            format!(" last stream {} {} {}", frame.last_stream, frame.code, frame.debug.escape_ascii())
        }
        Frame::WindowUpdate(frame) => format!(" +{}", frame.increment),
        Frame::PriorityUpdate(frame) => format!(" stream {} {}", frame.prioritized, frame.value.escape_ascii()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::fault::Code;
    use crate::h2::frame::{Continuation, Data, GoAway, Headers, Ping, RstStream, Setting, Settings, WindowUpdate};

    fn connection() -> Vec<u8> {
        let mut bytes = PREFACE.to_vec();
        Settings::write_all(&[Setting { identifier: 4, value: 65_536 }], &mut bytes);
        let headers = Headers {
            stream: 1,
            end_stream: false,
            end_headers: false,
            fragment: &[0x82, 0x84],
            dependency: None,
            padding: None,
        };
        Frame::Headers(headers).write(&mut bytes);
        let rest = b"\x86\x00\x01x\x01y";
        Frame::Continuation(Continuation { stream: 1, end_headers: true, fragment: rest }).write(&mut bytes);
        let content = Data { stream: 1, end_stream: true, content: &[0; 300], padding: None };
        Frame::Data(content).write(&mut bytes);
        WindowUpdate { stream: 0, increment: 7 }.write(&mut bytes);
        Ping { ack: true, payload: *b"12345678" }.write(&mut bytes);
        RstStream { stream: 1, code: Code::CANCEL }.write(&mut bytes);
        bytes.extend([0, 0, 1, 0xee, 0, 0, 0, 0, 3, 9]);
        bytes.extend([0, 0, 1, 6, 0, 0, 0, 0, 0, 9]);
        GoAway { last_stream: 1, code: Code::NO_ERROR, debug: b"bye" }.write(&mut bytes);
        bytes
    }

    #[test]
    fn frames_are_said_in_lines_however_they_are_split() {
        let expected = [
            "preface",
            "SETTINGS 6 bytes INITIAL_WINDOW_SIZE=65536",
            "HEADERS stream 1 2 bytes",
            "CONTINUATION stream 1 6 bytes END_HEADERS",
            "    :method: GET",
            "    :path: /",
            "    :scheme: http",
            "    x: y",
            "DATA stream 1 300 bytes END_STREAM",
            "WINDOW_UPDATE 4 bytes +7",
            "PING 8 bytes ACK 12345678",
            "RST_STREAM stream 1 4 bytes CANCEL",
            "type 0xee stream 3 1 bytes",
            "PING 1 bytes (PING came with 1 octets of payload)",
            "GOAWAY 11 bytes last stream 1 NO_ERROR bye",
        ];
        let bytes = connection();
        for size in [1, 2, 3, 7, 100, bytes.len()] {
            let mut trace = Trace::new();
            let lines: Vec<String> = bytes.chunks(size).flat_map(|piece| trace.read(piece)).collect();
            assert_eq!(lines, expected, "{size}");
        }
    }

    #[test]
    fn a_server_begins_without_a_preface_and_a_lost_table_is_said() {
        let mut trace = Trace::new();
        let bytes = connection();
        let lines = trace.read(&bytes[PREFACE.len()..]);
        assert_eq!(lines[0], "SETTINGS 6 bytes INITIAL_WINDOW_SIZE=65536");
        let lines = trace.read(&[0, 0, 1, 1, 4, 0, 0, 0, 3, 0xfe, 0, 0, 1, 1, 4, 0, 0, 0, 5, 0x82]);
        assert_eq!(
            lines,
            [
                "HEADERS stream 3 1 bytes END_HEADERS",
                "    (the header block refers to a table entry that does not exist)",
                "HEADERS stream 5 1 bytes END_HEADERS",
            ]
        );
    }
}
