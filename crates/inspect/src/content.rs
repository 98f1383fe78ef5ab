//! Content as it passes: kept up to a limit, and beyond that counted and digested.

use sha2::{Digest as _, Sha256};

/// What each piece costs beside its bytes, so that many small ones cannot cost more than the limit.
const PIECE_BYTES: usize = 32;

/// What is known of the content of one message.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// What counts against the limit.
    kept: usize,
    /// How many bytes passed that are not kept, framing included.
    pub(crate) lost_bytes: u64,
    /// Of all of the content, once there was more than is kept.
    digest: Option<Box<Running>>,
    /// Whether the content has the chunked coding.
    pub(crate) chunked: bool,
}

#[derive(Debug)]
struct Running {
    sha256: Sha256,
    chunks: Option<Chunks>,
}

impl Running {
    fn feed(&mut self, bytes: &[u8]) {
        let Self { sha256, chunks } = self;
        match chunks {
            Some(chunks) => chunks.read(bytes, |content| sha256.update(content)),
            None => sha256.update(bytes),
        }
    }
}

impl Flow {
    /// Takes bytes of content and says how many of the first of them to keep; `kept` gives what was kept before.
    pub(crate) fn take<'a>(&mut self, bytes: &[u8], bytes_max: usize, kept: impl Iterator<Item = &'a [u8]>) -> usize {
        let room = bytes_max.saturating_sub(self.kept + PIECE_BYTES).min(bytes.len());
        let room = if self.lost_bytes > 0 { 0 } else { room };
        if room > 0 {
            self.kept += room + PIECE_BYTES;
        }
        if room < bytes.len() {
            let chunked = self.chunked;
            let running = self.digest.get_or_insert_with(|| {
                let chunks = chunked.then(Chunks::default);
                let mut running = Box::new(Running { sha256: Sha256::new(), chunks });
                kept.for_each(|piece| running.feed(piece));
                running.feed(&bytes[..room]);
                running
            });
            running.feed(&bytes[room..]);
            self.lost_bytes += (bytes.len() - room) as u64;
        }
        room
    }

    /// Whether something else of this size may be kept; it counts as content does.
    pub(crate) fn admits(&mut self, bytes: usize, bytes_max: usize) -> bool {
        // Heads and trailers are small; many of them are not.
        let admitted = self.kept + bytes <= bytes_max.saturating_mul(2);
        if admitted {
            self.kept += bytes;
        }
        admitted
    }

    /// The SHA-256 of all of the content, in hexadecimal, where not all of it was kept.
    pub(crate) fn sha256(&self) -> Option<String> {
        let digest = self.digest.as_ref()?.sha256.clone().finalize();
        Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// What it takes beside itself.
    pub(crate) fn cost_bytes(&self) -> usize {
        self.digest.as_ref().map_or(0, |_| size_of::<Running>())
    }
}

/// Reads the chunked coding (RFC 9112, section 7.1) of content that an engine has judged already.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: State,
    /// What is left of a chunk's data, or the size read so far.
    left: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    Data,
    DataEnd,
    Trailers,
}

impl Chunks {
    /// Reads on, and gives the content out.
    pub(crate) fn read(&mut self, mut bytes: &[u8], mut content: impl FnMut(&[u8])) {
        while let Some(&byte) = bytes.first() {
            let mut taken = 1;
            match (self.state, byte) {
                (State::Data, _) => {
                    taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                    content(&bytes[..taken]);
                    self.left -= taken as u64;
                    if self.left == 0 {
                        self.state = State::DataEnd;
                    }
                }
                (State::Size | State::Extension, b'\n') => {
                    self.state = if self.left == 0 { State::Trailers } else { State::Data };
                }
                (State::DataEnd, b'\n') => (self.state, self.left) = (State::Size, 0),
                (State::Size, _) => match char::from(byte).to_digit(16) {
                    Some(digit) => self.left = self.left.saturating_mul(16).saturating_add(digit.into()),
                    None => self.state = State::Extension,
                },
                (State::Extension | State::DataEnd, _) => {}
                (State::Trailers, _) => return,
            }
            bytes = &bytes[taken..];
        }
    }

    /// Content without its framing, and the trailer section behind it.
    pub(crate) fn undo(framed: &[u8]) -> (Vec<u8>, &[u8]) {
        let mut content = Vec::with_capacity(framed.len());
        let mut chunks = Self::default();
        let mut rest = framed;
        while let Some((first, behind)) = rest.split_at_checked(1) {
            if chunks.state == State::Trailers || first.is_empty() {
                break;
            }
            let length = if chunks.state == State::Data { rest.len().min(chunks.left as usize) } else { 1 };
            let (now, later) = if length > 1 { rest.split_at(length) } else { (first, behind) };
            chunks.read(now, |piece| content.extend_from_slice(piece));
            rest = later;
        }
        (content, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_undone_however_they_are_split() {
        let framed = b"5;a=b\r\nhello\r\n1\r\n,\r\n00\r\nX: y\r\n\r\n";
        for step in 1..framed.len() {
            let mut chunks = Chunks::default();
            let mut content = Vec::new();
            for piece in framed.chunks(step) {
                chunks.read(piece, |piece| content.extend_from_slice(piece));
            }
            assert_eq!(content, b"hello,", "step {step}");
        }
        let (content, trailers) = Chunks::undo(framed);
        assert_eq!((&content[..], trailers), (&b"hello,"[..], &b"X: y\r\n\r\n"[..]));
    }

    #[test]
    fn content_beyond_the_limit_is_digested_whole() {
        let framed = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
        for bytes_max in [40, 41, 45, 50] {
            let mut flow = Flow { chunked: true, ..Flow::default() };
            let mut kept = Vec::new();
            for piece in framed.chunks(4) {
                let room = flow.take(piece, bytes_max, std::iter::once(&kept[..]));
                kept.extend_from_slice(&piece[..room]);
            }
            assert!(kept.len() < framed.len(), "{bytes_max}");
            assert_eq!(kept.len() as u64 + flow.lost_bytes, framed.len() as u64);
            let expected: String = Sha256::digest(b"hello world").iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(flow.sha256().unwrap(), expected, "{bytes_max}");
        }
    }
}
