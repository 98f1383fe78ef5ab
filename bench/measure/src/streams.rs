//! HTTP/2 as lean as a generator can speak it (RFC 9113): constant requests, and answers of which only the nine bytes
//! before each frame are looked at.
//!
//! A request is one HEADERS frame that needs no state (RFC 7541: indices into the static table, and literals that are
//! never remembered). The window of each stream is as large as can be, and that of the connection is opened again in bulk.

use std::io::{self, Read};

use crate::scenario::Ask;
use crate::wire::Wire;

/// What each connection begins with (section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The largest window there is (section 6.9.1).
const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
/// What a window is when nobody has said anything (section 6.9.2).
const WINDOW_BYTES_DEFAULT: u32 = 65_535;
/// When so much of the connection's window is used, it is opened again.
const WINDOW_STEP_BYTES: u32 = 1 << 24;
/// How long the part before each frame is (section 4.1).
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// The setting that says how many streams may be open (section 6.5.2).
const MAX_CONCURRENT_STREAMS: u16 = 3;
/// How many streams are opened before the server has said how many may be.
const STREAMS_BEFORE_SETTINGS: u32 = 1;

/// `:status: 200` in the static table.
const STATUS_200: u8 = 0x88;

/// A request as the payload of its HEADERS frame.
pub fn request(ask: Ask, wire: Wire) -> Vec<u8> {
    // :method: GET, and :scheme: https or http.
    let mut block = vec![0x82, if wire.tls { 0x87 } else { 0x86 }];
    match ask.path {
        "/" => block.push(0x84),
        path => literal(&mut block, 4, path),
    }
    literal(&mut block, 1, "localhost");
    if let Some(codings) = ask.accept_encoding {
        literal(&mut block, 16, codings);
    }
    block
}

/// A field whose name is in the static table, and whose value is not remembered.
fn literal(block: &mut Vec<u8>, name: u8, value: &str) {
    let length = u8::try_from(value.len()).ok().filter(|length| *length < 127).expect("a short value");
    if name < 15 {
        block.push(name);
    } else {
        block.extend([15, name - 15]);
    }
    block.push(length);
    block.extend(value.as_bytes());
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// The frame whose payload is being passed over.
#[derive(Debug, Clone, Copy, Default)]
struct Current {
    kind: u8,
    flags: u8,
    left_bytes: usize,
    is_fresh: bool,
}

/// The client's end of a connection.
#[derive(Debug)]
pub struct Streams {
    block: Vec<u8>,
    next: u32,
    /// What is to be sent.
    pub out: Vec<u8>,
    header: [u8; HEADER_BYTES],
    header_bytes: usize,
    current: Current,
    /// The payload of a PING, which is sent back, or of SETTINGS.
    kept: Vec<u8>,
    /// How many streams are open, may be open, and are wanted besides.
    open: u32,
    open_max: u32,
    wanted: usize,
    used_bytes: u32,
    /// How much content came in all.
    pub content_bytes: u64,
}

impl Streams {
    /// A connection that asks for `block` again and again; it has its first words to send.
    pub fn new(block: &[u8]) -> Self {
        let mut out = PREFACE.to_vec();
        // No pushes, and the largest window for each stream.
        let mut settings = vec![0, 2, 0, 0, 0, 0, 0, 4];
        settings.extend(WINDOW_BYTES_MAX.to_be_bytes());
        frame(&mut out, SETTINGS, 0, 0, &settings);
        frame(&mut out, WINDOW_UPDATE, 0, 0, &(WINDOW_BYTES_MAX - WINDOW_BYTES_DEFAULT).to_be_bytes());
        Self {
            block: block.to_vec(),
            next: 1,
            out,
            header: [0; HEADER_BYTES],
            header_bytes: 0,
            current: Current::default(),
            kept: Vec::new(),
            open: 0,
            open_max: STREAMS_BEFORE_SETTINGS,
            wanted: 0,
            used_bytes: 0,
            content_bytes: 0,
        }
    }

    /// Asks so many times more, as soon as so many streams may be open.
    pub fn ask(&mut self, times: usize) {
        self.wanted += times;
        while self.wanted > 0 && self.open < self.open_max {
            frame(&mut self.out, HEADERS, END_HEADERS | END_STREAM, self.next, &self.block);
            self.next += 2;
            self.open += 1;
            self.wanted -= 1;
        }
    }

    /// Takes what came; how many answers ended with it. Content goes to `content` if it is wanted.
    pub fn take(&mut self, mut bytes: &[u8], mut content: Option<&mut Vec<u8>>) -> io::Result<usize> {
        let mut ended = 0;
        while !bytes.is_empty() {
            if self.header_bytes < HEADER_BYTES {
                let taken = (HEADER_BYTES - self.header_bytes).min(bytes.len());
                self.header[self.header_bytes..self.header_bytes + taken].copy_from_slice(&bytes[..taken]);
                self.header_bytes += taken;
                bytes = &bytes[taken..];
                if self.header_bytes < HEADER_BYTES {
                    break;
                }
                self.begin_frame()?;
            }
            let taken = self.current.left_bytes.min(bytes.len());
            self.payload(&bytes[..taken], content.as_deref_mut())?;
            bytes = &bytes[taken..];
            self.current.left_bytes -= taken;
            if self.current.left_bytes == 0 {
                ended += usize::from(self.end_frame());
                self.header_bytes = 0;
            }
        }
        self.open -= ended as u32;
        self.ask(0);
        Ok(ended)
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        let [one, two, three, kind, flags, ..] = self.header;
        let left_bytes = u32::from_be_bytes([0, one, two, three]);
        self.current = Current { kind, flags, left_bytes: left_bytes as usize, is_fresh: true };
        match kind {
            RST_STREAM => Err(bad("the server reset a stream")),
            GOAWAY => Err(bad("the server goes away")),
            DATA => {
                self.content_bytes += u64::from(left_bytes);
                self.used_bytes += left_bytes;
                if self.used_bytes >= WINDOW_STEP_BYTES {
                    frame(&mut self.out, WINDOW_UPDATE, 0, 0, &self.used_bytes.to_be_bytes());
                    self.used_bytes = 0;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn payload(&mut self, bytes: &[u8], content: Option<&mut Vec<u8>>) -> io::Result<()> {
        let Some(&first) = bytes.first() else { return Ok(()) };
        match self.current.kind {
            // A block may begin with a new size of the dynamic table (RFC 7541, section 6.3).
            HEADERS if self.current.is_fresh && first != STATUS_200 && first & 0xe0 != 0x20 => {
                return Err(bad("an answer that does not begin with status 200"));
            }
            PING | SETTINGS => self.kept.extend_from_slice(bytes),
            DATA => {
                if let Some(content) = content {
                    content.extend_from_slice(bytes);
                }
            }
            _ => {}
        }
        self.current.is_fresh = false;
        Ok(())
    }

    /// Whether an answer ended with the frame.
    fn end_frame(&mut self) -> bool {
        match self.current.kind {
            PING | SETTINGS => {
                let kept = std::mem::take(&mut self.kept);
                match self.current.kind {
                    _ if self.current.flags & ACK != 0 => {}
                    PING => frame(&mut self.out, PING, ACK, 0, &kept),
                    _ => self.settings(&kept),
                }
                false
            }
            DATA | HEADERS => self.current.flags & END_STREAM != 0,
            _ => false,
        }
    }

    fn settings(&mut self, settings: &[u8]) {
        let said = settings.chunks_exact(6).find_map(|setting| match setting {
            [high, low, value @ ..] if u16::from_be_bytes([*high, *low]) == MAX_CONCURRENT_STREAMS => {
                value.try_into().ok().map(u32::from_be_bytes)
            }
            _ => None,
        });
        self.open_max = said.unwrap_or(u32::MAX);
        frame(&mut self.out, SETTINGS, ACK, 0, &[]);
        self.ask(0);
    }

    /// Takes one answer as it comes, with its content; or only its beginning.
    pub fn first_answer(&mut self, stream: &mut impl Read, whole: bool) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; 64 << 10];
        let mut content = Vec::new();
        loop {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Err(bad("the answer broke off"));
            }
            let ended = self.take(&buffer[..length], Some(&mut content))?;
            if ended > 0 || !whole && !content.is_empty() {
                return Ok(content);
            }
        }
    }
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<u8> {
        let mut bytes = Vec::new();
        frame(&mut bytes, SETTINGS, 0, 0, &[]);
        frame(&mut bytes, HEADERS, END_HEADERS, 1, &[STATUS_200, 0xbe]);
        frame(&mut bytes, PING, 0, 0, b"12345678");
        frame(&mut bytes, DATA, 0, 1, b"hello");
        frame(&mut bytes, HEADERS, END_HEADERS | END_STREAM, 3, &[0x20, STATUS_200]);
        frame(&mut bytes, DATA, END_STREAM, 1, b"");
        bytes
    }

    #[test]
    fn answers_end_with_their_streams_however_they_are_split() {
        let bytes = answers();
        for size in 1..=bytes.len() {
            let mut streams = Streams::new(&[0x82]);
            streams.ask(2);
            streams.out.clear();
            let mut content = Vec::new();
            let ended: usize = bytes.chunks(size).map(|piece| streams.take(piece, Some(&mut content)).unwrap()).sum();
            assert_eq!((ended, content.as_slice(), streams.content_bytes), (2, &b"hello"[..], 5), "pieces of {size}");
            // The second request waited for the SETTINGS.
            let mut owed = Vec::new();
            frame(&mut owed, SETTINGS, ACK, 0, &[]);
            frame(&mut owed, HEADERS, END_HEADERS | END_STREAM, 3, &[0x82]);
            frame(&mut owed, PING, ACK, 0, b"12345678");
            assert_eq!(streams.out, owed);
        }
    }

    #[test]
    fn anything_but_success_is_an_error() {
        for (kind, payload) in [(HEADERS, &[0x8d][..]), (RST_STREAM, &[0, 0, 0, 7]), (GOAWAY, &[0; 8])] {
            let mut bytes = Vec::new();
            frame(&mut bytes, kind, 0, 1, payload);
            assert!(Streams::new(&[]).take(&bytes, None).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_request_is_one_frame_without_state() {
        let ask = Ask { path: "/x", accept_encoding: Some("gzip") };
        let block = request(ask, Wire::H2_TLS);
        assert_eq!(block, b"\x82\x87\x04\x02/x\x01\x09localhost\x0f\x01\x04gzip");
        let mut streams = Streams::new(&block);
        streams.out.clear();
        streams.ask(2);
        assert_eq!(streams.out.len(), 9 + block.len(), "the second one waits for the SETTINGS");
        assert_eq!(streams.out[..9], [0, 0, block.len() as u8, HEADERS, 5, 0, 0, 0, 1]);
    }

    #[test]
    fn a_window_is_opened_again_in_bulk() {
        let mut streams = Streams::new(&[]);
        streams.out.clear();
        let mut data = Vec::new();
        frame(&mut data, DATA, 0, 1, &[0; 1 << 14]);
        for _ in 0..1 << 10 {
            streams.take(&data, None).unwrap();
        }
        let mut opened = Vec::new();
        frame(&mut opened, WINDOW_UPDATE, 0, 0, &WINDOW_STEP_BYTES.to_be_bytes());
        assert_eq!(streams.out, opened);
    }
}
