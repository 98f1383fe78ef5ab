//! What a server answers: its first answer read with care, so that later ones need only be counted.

use std::io::{self, Read, Write};

use memchr::memmem;

use crate::link::Target;
use crate::streams::Streams;

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// How the end of an answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Every answer is as long as the first.
    Counted,
    /// Chunks, whose lengths may differ from one answer to the next.
    Chunked,
    /// Frames, the last of which says so (RFC 9113, section 4.1).
    Frames,
}

/// The first answer of a server to a request.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The head, with the empty line.
    pub head: String,
    /// How the end of further answers is found.
    pub framing: Framing,
    /// Head and content with their framing.
    pub total_bytes: usize,
    /// The content without its framing.
    pub content: Vec<u8>,
}

impl Answer {
    /// Asks once, on a connection of its own.
    pub fn learn(target: &Target, request: &[u8]) -> io::Result<Self> {
        Self::exchange(&mut target.connect_blocking()?, target, request)
    }

    /// Asks once, on a connection that nothing was sent on.
    pub fn exchange(stream: &mut (impl Read + Write), target: &Target, request: &[u8]) -> io::Result<Self> {
        if target.wire.http2 {
            return Self::frames(Self::ask_for_frames(stream, request)?.first_answer(stream, true)?);
        }
        stream.write_all(request)?;
        Self::read(stream)
    }

    /// The same, but for content that is too long to be kept: only how long it is is learned.
    pub fn learn_length(target: &Target, request: &[u8]) -> io::Result<Self> {
        let mut stream = target.connect_blocking()?;
        if target.wire.http2 {
            Self::ask_for_frames(&mut stream, request)?.first_answer(&mut stream, false)?;
            return Self::frames(Vec::new());
        }
        stream.write_all(request)?;
        let mut received = Vec::new();
        let (head, status) = read_head(&mut stream, &mut received)?;
        let length = content_length(&head)?;
        Ok(Self { status, total_bytes: head.len() + length, head, framing: Framing::Counted, content: Vec::new() })
    }

    fn ask_for_frames(stream: &mut impl Write, request: &[u8]) -> io::Result<Streams> {
        let mut streams = Streams::new(request);
        streams.ask(1);
        stream.write_all(&std::mem::take(&mut streams.out))?;
        Ok(streams)
    }

    /// What came in frames: that it was a success has been seen.
    fn frames(content: Vec<u8>) -> io::Result<Self> {
        Ok(Self { status: 200, head: String::new(), framing: Framing::Frames, total_bytes: 0, content })
    }

    /// Reads one answer.
    pub fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut received = Vec::new();
        let (head, status) = read_head(stream, &mut received)?;
        let head_bytes = head.len();
        let chunked = field(&head, "transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        if chunked {
            let mut reader = Chunked::in_content();
            let mut content = Vec::new();
            let mut done = head_bytes;
            while !reader.feed(&mut &received[done..], Some(&mut content))? {
                done = received.len();
                more(stream, &mut received)?;
            }
            return Ok(Self { status, head, framing: Framing::Chunked, total_bytes: received.len(), content });
        }
        let length = content_length(&head)?;
        while received.len() < head_bytes + length {
            more(stream, &mut received)?;
        }
        let content = received.split_off(head_bytes);
        Ok(Self { status, total_bytes: head.len() + length, head, framing: Framing::Counted, content })
    }

    /// The value of a field of the head.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }
}

/// Reads up to the end of a head, and perhaps more.
fn read_head(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<(String, u16)> {
    let head_bytes = loop {
        if let Some(end) = memmem::find(received, b"\r\n\r\n") {
            break end + 4;
        }
        if received.len() > HEAD_BYTES_MAX {
            return Err(bad("a head without an end"));
        }
        more(stream, received)?;
    };
    let head = std::str::from_utf8(&received[..head_bytes]).map_err(io::Error::other)?.to_owned();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(|| bad("no status"))?;
    Ok((head, status))
}

fn content_length(head: &str) -> io::Result<usize> {
    let length = field(head, "content-length").and_then(|value| value.parse().ok());
    length.ok_or_else(|| bad("neither a length nor chunks"))
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

fn more(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 64 << 10];
    match stream.read(&mut buffer)? {
        0 => Err(bad("the answer broke off")),
        length => {
            received.extend_from_slice(&buffer[..length]);
            Ok(())
        }
    }
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// Finds the end of chunked answers, one after the other, however their bytes are split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunked {
    at: At,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    /// In the head, with so many bytes of its end seen.
    Head(usize),
    /// In the line of a chunk's size.
    Size {
        bytes: usize,
        extension: bool,
    },
    /// In a chunk's data, and the line end after it.
    Data {
        bytes: usize,
    },
    LineEnd(usize),
    /// In the trailer section: how many bytes the line has.
    Trailer(usize),
}

impl Default for Chunked {
    fn default() -> Self {
        Self { at: At::Head(0) }
    }
}

impl Chunked {
    fn in_content() -> Self {
        Self { at: At::Size { bytes: 0, extension: false } }
    }

    /// Takes bytes up to the end of the answer, collecting its content if wanted; whether that end came.
    pub fn feed(&mut self, bytes: &mut &[u8], mut content: Option<&mut Vec<u8>>) -> io::Result<bool> {
        while let Some((&first, rest)) = bytes.split_first() {
            if let At::Data { bytes: left } = self.at {
                let taken = left.min(bytes.len());
                if let Some(content) = content.as_deref_mut() {
                    content.extend_from_slice(&bytes[..taken]);
                }
                *bytes = &bytes[taken..];
                self.at = if taken == left { At::LineEnd(0) } else { At::Data { bytes: left - taken } };
                continue;
            }
            *bytes = rest;
            if self.step(first)? {
                *self = Self::default();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes one byte that is not a chunk's data; whether the answer ended with it.
    fn step(&mut self, byte: u8) -> io::Result<bool> {
        self.at = match (&self.at, byte) {
            (At::Head(seen), b'\r' | b'\n') if byte == b"\r\n\r\n"[*seen] => match seen + 1 {
                4 => At::Size { bytes: 0, extension: false },
                seen => At::Head(seen),
            },
            (At::Head(_), b'\r') => At::Head(1),
            (At::Head(_), _) => At::Head(0),
            (At::Size { bytes: 0, .. }, b'\n') => At::Trailer(0),
            (At::Size { bytes, .. }, b'\n') => At::Data { bytes: *bytes },
            (At::Size { bytes, extension: false }, digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).map_or(0, |digit| digit as usize);
                let bytes = bytes.checked_mul(16).ok_or_else(|| bad("a chunk without measure"))? + digit;
                At::Size { bytes, extension: false }
            }
            (At::Size { bytes, .. }, _) => At::Size { bytes: *bytes, extension: true },
            (At::LineEnd(0), b'\r') => At::LineEnd(1),
            (At::LineEnd(1), b'\n') => At::Size { bytes: 0, extension: false },
            (At::LineEnd(_), _) => return Err(bad("a chunk longer than it said")),
            (At::Trailer(0), b'\n') => return Ok(true),
            (At::Trailer(_), b'\n') => At::Trailer(0),
            (At::Trailer(length), b'\r') => At::Trailer(*length),
            (At::Trailer(length), _) => At::Trailer(length + 1),
            (At::Data { .. }, _) => return Err(bad("data where none was expected")),
        };
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n1a;a=b\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\n\r\n0\r\n\r\n";

    #[test]
    fn answers_end_where_they_end_however_they_are_split() {
        for size in 1..TWO.len() {
            let mut reader = Chunked::default();
            let mut content = Vec::new();
            let mut ends = 0;
            for mut piece in TWO.chunks(size) {
                while !piece.is_empty() {
                    ends += usize::from(reader.feed(&mut piece, Some(&mut content)).unwrap());
                }
            }
            assert_eq!((ends, content.as_slice()), (2, &b"helloabcdefghijklmnopqrstuvwxyz"[..]), "pieces of {size}");
            assert_eq!(reader, Chunked::default());
        }
    }

    #[test]
    fn a_first_answer_is_read_with_its_content() {
        let answer = Answer::read(&mut &TWO[..TWO.len() - 24]).unwrap();
        assert_eq!((answer.status, answer.framing), (200, Framing::Chunked));
        assert_eq!(answer.content, b"helloabcdefghijklmnopqrstuvwxyz");
        let answer = Answer::read(&mut &b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"[..]).unwrap();
        assert_eq!((answer.status, answer.framing, answer.total_bytes), (404, Framing::Counted, 40));
        assert_eq!(answer.content, b"no");
        assert!(Answer::read(&mut &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno"[..]).is_err());
    }

    #[test]
    fn a_chunk_that_is_longer_than_it_said_is_an_error() {
        let mut reader = Chunked::in_content();
        assert!(reader.feed(&mut &b"2\r\nabc\r\n"[..], None).is_err());
    }
}
