//! Frames in words, for whoever watches a connection.
//!
//! A describer reads one direction of a connection as it passed, however it was split, and needs nothing of the
//! engine: it keeps a compression table of its own. Its words are printable ASCII, whatever the frames hold.

use std::fmt::{self, Write};

use super::PREFACE;
use super::frame::{self, Frame, HEAD_LENGTH, Head, Settings, flag, kind};
use super::hpack::{DecodeError, Decoder, Field, Sink};

/// A table that no peer may make larger than it likes; the other end has judged that already.
const TABLE_BYTES_MAX: usize = usize::MAX;
/// A longer payload, other than content, is not kept to be described.
const PAYLOAD_MAX: usize = 1024 * 1024;
/// A longer header block is not decoded; nor can those behind it be.
const BLOCK_MAX: usize = 4 * 1024 * 1024;

/// Puts the frames of one direction of a connection into words.
pub struct Describer {
    /// How much of the preface has still to come.
    preface: &'static [u8],
    /// A frame that has not come whole.
    kept: Vec<u8>,
    /// How much of a payload is passed over.
    skipped: usize,
    /// Gone once a block could not be decoded.
    decoder: Option<Decoder>,
    /// What has come of a header block.
    block: Vec<u8>,
}

impl fmt::Debug for Describer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Describer").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Describer {
    /// For what a client sends, which begins with the preface.
    pub fn of_client() -> Self {
        Self { preface: PREFACE, ..Self::of_server() }
    }

    /// For what a server sends.
    pub fn of_server() -> Self {
        let mut decoder = Decoder::default();
        decoder.limit_table(TABLE_BYTES_MAX);
        Self { preface: b"", kept: Vec::new(), skipped: 0, decoder: Some(decoder), block: Vec::new() }
    }

    /// Describes the frames that these bytes complete: a line for each, and indented ones for what is in it.
    ///
    /// Content is counted and not shown; its frame is described as soon as its head is there.
    pub fn describe(&mut self, mut bytes: &[u8], mut line: impl FnMut(&str)) {
        if !self.preface.is_empty() {
            let length = self.preface.len().min(bytes.len());
            let same = bytes[..length] == self.preface[..length];
            (self.preface, bytes) = (&self.preface[length..], &bytes[length..]);
            match (same, self.preface.is_empty()) {
                (false, _) => line("something other than the preface of a client"),
                (true, true) => line("preface"),
                (true, false) => {}
            }
        }
        while !bytes.is_empty() {
            let skipped = self.skipped.min(bytes.len());
            (self.skipped, bytes) = (self.skipped - skipped, &bytes[skipped..]);
            let wanted = HEAD_LENGTH.saturating_sub(self.kept.len()).min(bytes.len());
            self.kept.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            let Some(head) = Head::read(&self.kept) else { return };
            if head.kind == kind::DATA || head.length > PAYLOAD_MAX {
                self.skipped = head.length;
                self.kept.clear();
                line(&title(head));
                continue;
            }
            let wanted = (HEAD_LENGTH + head.length - self.kept.len()).min(bytes.len());
            self.kept.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if self.kept.len() == HEAD_LENGTH + head.length {
                let whole = std::mem::take(&mut self.kept);
                line(&title(head));
                self.payload(head, &whole[HEAD_LENGTH..], &mut line);
            }
        }
    }

    fn payload(&mut self, head: Head, payload: &[u8], line: &mut impl FnMut(&str)) {
        let frame = match Frame::read(head, payload) {
            Ok(frame) => frame,
            Err(fault) => return line(&format!("  malformed: {}", Shown(fault.because.as_bytes()))),
        };
        match frame {
            Frame::Headers(frame) => {
                if let Some(dependency) = frame.dependency {
                    line(&format!("  priority of RFC 7540: weight {}", u16::from(dependency.weight) + 1));
                }
                self.fragment(frame.fragment, frame.end_headers, line);
            }
            Frame::PushPromise(frame) => {
                line(&format!("  promises stream {}", frame.promised));
                self.fragment(frame.fragment, frame.end_headers, line);
            }
            Frame::Continuation(frame) => self.fragment(frame.fragment, frame.end_headers, line),
            Frame::Settings(frame) => settings(frame, line),
            Frame::RstStream(frame) => line(&format!("  {}", frame.code)),
            Frame::GoAway(frame) => {
                line(&format!("  {}, last stream {}", frame.code, frame.last_stream));
                if !frame.debug.is_empty() {
                    line(&format!("  {}", Shown(frame.debug)));
                }
            }
            Frame::WindowUpdate(frame) => line(&format!("  {} bytes more", frame.increment)),
            Frame::Ping(frame) => line(&format!("  {}", Shown(&frame.payload))),
            Frame::PriorityUpdate(frame) => {
                line(&format!("  of stream {}: {}", frame.prioritized, Shown(frame.value)));
            }
            Frame::Priority(frame) => line(&format!("  weight {}", u16::from(frame.dependency.weight) + 1)),
            Frame::Data(_) | Frame::SettingsAck | Frame::Unknown => {}
        }
    }

    /// Adds to a header block, and shows its fields once it is whole.
    fn fragment(&mut self, fragment: &[u8], end_headers: bool, line: &mut impl FnMut(&str)) {
        if self.block.len() + fragment.len() > BLOCK_MAX {
            self.decoder = None;
        }
        if self.decoder.is_some() {
            self.block.extend_from_slice(fragment);
        }
        if !end_headers {
            return;
        }
        let block = std::mem::take(&mut self.block);
        let Some(decoder) = &mut self.decoder else { return line("  fields that cannot be decoded any more") };
        let mut lines = Lines(line);
        if let Err(error) = decoder.decode(&block, &mut lines) {
            self.fail(error, line);
        }
    }

    fn fail(&mut self, error: DecodeError, line: &mut impl FnMut(&str)) {
        self.decoder = None;
        line(&format!("  {}", error.because()));
    }
}

/// Shows fields as they are decoded.
struct Lines<'a, F>(&'a mut F);

impl<F: FnMut(&str)> Sink for Lines<'_, F> {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        (self.0)(&format!("  {}: {}", Shown(field.name().as_bytes()), Shown(field.value())));
    }
}

fn settings(settings: Settings<'_>, line: &mut impl FnMut(&str)) {
    for setting in settings.iter() {
        match setting.name() {
            Some(name) => line(&format!("  {name} {}", setting.value)),
            None => line(&format!("  setting {:#x}: {}", setting.identifier, setting.value)),
        }
    }
}

/// The type of a frame, its stream, its flags and its length.
fn title(head: Head) -> String {
    let mut title = match frame::kind_name(head.kind) {
        Some(name) => name.to_owned(),
        None => format!("frame of type {:#x}", head.kind),
    };
    match head.stream {
        0 => {}
        stream => write!(title, " stream {stream}").expect("a string takes everything"),
    }
    let known = known_flags(head.kind);
    for (_, name) in known.iter().filter(|(flag, _)| head.has(*flag)) {
        write!(title, " {name}").expect("a string takes everything");
    }
    let unknown = known.iter().fold(head.flags, |flags, (flag, _)| flags & !flag);
    if unknown != 0 {
        write!(title, " flags {unknown:#x}").expect("a string takes everything");
    }
    if head.length > 0 {
        write!(title, ", {} bytes", head.length).expect("a string takes everything");
    }
    title
}

/// The flags that a type of frame has.
fn known_flags(of: u8) -> &'static [(u8, &'static str)] {
    match of {
        kind::DATA => &[(flag::END_STREAM, "END_STREAM"), (flag::PADDED, "PADDED")],
        kind::HEADERS => &[
            (flag::END_STREAM, "END_STREAM"),
            (flag::END_HEADERS, "END_HEADERS"),
            (flag::PADDED, "PADDED"),
            (flag::PRIORITY, "PRIORITY"),
        ],
        kind::PUSH_PROMISE => &[(flag::END_HEADERS, "END_HEADERS"), (flag::PADDED, "PADDED")],
        kind::CONTINUATION => &[(flag::END_HEADERS, "END_HEADERS")],
        kind::SETTINGS | kind::PING => &[(flag::ACK, "ACK")],
        _ => &[],
    }
}

/// Bytes as printable ASCII; all else becomes `\xHH`.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.0 {
            match byte {
                b'\\' => f.write_str("\\\\")?,
                b' '..=b'~' => f.write_char(byte.into())?,
                byte => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h2::fault::Code;
    use crate::h2::frame::{Data, GoAway, Headers, Ping, RstStream, Setting, WindowUpdate};
    use crate::h2::hpack::Encoder;

    fn headers(stream: u32, end_headers: bool, fragment: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let frame = Headers { stream, end_stream: true, end_headers, fragment, dependency: None, padding: None };
        Frame::Headers(frame).write(&mut bytes);
        bytes
    }

    fn described(mut describer: Describer, bytes: &[u8], step: usize) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.chunks(step) {
            describer.describe(piece, |line| lines.push(line.to_owned()));
        }
        lines
    }

    #[test]
    fn every_frame_has_its_words_however_it_is_split() {
        let mut bytes = PREFACE.to_vec();
        Settings::write_all(&[Setting { identifier: 3, value: 100 }, Setting { identifier: 77, value: 1 }], &mut bytes);
        Frame::SettingsAck.write(&mut bytes);
        let fields = b"\x82\x84\x86\x41\x06a.test\x40\x03x-\x1b\x03a\x0ab";
        bytes.extend(headers(1, true, fields));
        bytes.extend(headers(3, true, b"\x82\xbf\xbe"));
        Frame::Data(Data { stream: 3, end_stream: true, content: &[7; 300], padding: Some(4) }).write(&mut bytes);
        WindowUpdate { stream: 0, increment: 5 }.write(&mut bytes);
        RstStream { stream: 3, code: Code::CANCEL }.write(&mut bytes);
        Ping { ack: true, payload: *b"presence" }.write(&mut bytes);
        GoAway { last_stream: 3, code: Code(0x99), debug: b"\x1b[2J" }.write(&mut bytes);
        bytes.extend([0, 0, 2, 0x42, 0x81, 0, 0, 0, 0, 1, 2]);
        bytes.extend([0, 0, 3, kind::RST_STREAM, 0, 0, 0, 0, 1, 1, 2, 3]);
        let expected = [
            "preface",
            "SETTINGS, 12 bytes",
            "  MAX_CONCURRENT_STREAMS 100",
            "  setting 0x4d: 1",
            "SETTINGS ACK",
            "HEADERS stream 1 END_STREAM END_HEADERS, 20 bytes",
            "  :method: GET",
            "  :path: /",
            "  :scheme: http",
            "  :authority: a.test",
            r"  x-\x1b: a\x0ab",
            "HEADERS stream 3 END_STREAM END_HEADERS, 3 bytes",
            "  :method: GET",
            "  :authority: a.test",
            r"  x-\x1b: a\x0ab",
            "DATA stream 3 END_STREAM PADDED, 305 bytes",
            "WINDOW_UPDATE, 4 bytes",
            "  5 bytes more",
            "RST_STREAM stream 3, 4 bytes",
            "  CANCEL",
            "PING ACK, 8 bytes",
            "  presence",
            "GOAWAY, 12 bytes",
            "  error 0x99, last stream 3",
            r"  \x1b[2J",
            "frame of type 0x42 flags 0x81, 2 bytes",
            "RST_STREAM stream 1, 3 bytes",
            "  malformed: RST_STREAM came with 3 octets of payload",
        ];
        for step in [1, 2, 7, 9, 64, bytes.len()] {
            assert_eq!(described(Describer::of_client(), &bytes, step), expected, "step {step}");
        }
    }

    #[test]
    fn a_block_in_pieces_is_shown_once_it_is_whole() {
        let mut bytes = headers(1, false, b"\x82\x41");
        let rest = frame::Continuation { stream: 1, end_headers: true, fragment: b"\x06a.test" };
        Frame::Continuation(rest).write(&mut bytes);
        let expected = [
            "HEADERS stream 1 END_STREAM, 2 bytes",
            "CONTINUATION stream 1 END_HEADERS, 7 bytes",
            "  :method: GET",
            "  :authority: a.test",
        ];
        assert_eq!(described(Describer::of_server(), &bytes, 5), expected);
    }

    #[test]
    fn a_table_that_is_lost_is_said_to_be_lost() {
        let bytes = [headers(1, true, b"\xff\xff"), headers(3, true, b"\x82")].concat();
        let lines = described(Describer::of_server(), &bytes, 4);
        assert_eq!(lines[1], "  the header block ends inside a field");
        assert_eq!(lines[3], "  fields that cannot be decoded any more");
    }

    #[test]
    fn what_our_encoder_writes_is_read_with_the_table_it_chose() {
        let mut encoder = Encoder::new(256);
        let mut bytes = Vec::new();
        for round in 0..50 {
            let mut parts = http::Response::new(()).into_parts().0;
            parts.headers.insert("x-round", http::HeaderValue::from(round));
            let mut block = Vec::new();
            crate::h2::message::response(&parts, None, &mut encoder, &mut block);
            bytes.extend(headers(2 * round + 1, true, &block));
        }
        let lines = described(Describer::of_server(), &bytes, 1000);
        for round in 0..50 {
            assert!(lines.contains(&format!("  x-round: {round}")), "{lines:#?}");
        }
    }
}
