//! Bytes that arrived and were not consumed yet.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, request};

/// Content at least this long leaves the buffer without being copied.
const SPLIT_MIN: usize = 8 * 1024;
/// Shorter pieces are copied into blocks of this size, many to a block; a block is used again once nobody holds a
/// piece of it, so that the heads of a busy thread cost no allocation.
const BLOCK: usize = 16 * 1024;
/// A map of fields with room for more than this is not kept to be filled again.
const SPARE_FIELDS_MAX: usize = 64;
/// A shorter rest moves to the front of the buffer; a longer one has its buffer cut off before it.
const MOVE_MAX: usize = 4 * 1024;

/// The bytes that arrived and were not consumed yet, lent to an engine for a call.
///
/// One is shared by all connections of a thread; a connection keeps only an unfinished tail of its own.
#[derive(Debug, Default)]
pub struct Incoming {
    buffer: BytesMut,
    consumed: usize,
    /// The rest of the block that short pieces are copied into.
    block: BytesMut,
    /// The head of a request that says nothing; its map has the room for some fields.
    blank: Option<Box<request::Parts>>,
    /// A copy of all that is consumed, while somebody watches.
    watched: Option<Vec<u8>>,
}

impl Incoming {
    /// An empty buffer that allocates on first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was not consumed yet.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.consumed..]
    }

    /// How many bytes were not consumed yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len() - self.consumed
    }

    /// Whether everything was consumed.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the first `length` bytes.
    ///
    /// # Panics
    /// If there are fewer.
    #[inline]
    pub fn advance(&mut self, length: usize) {
        assert!(length <= self.len(), "consumed more than there is");
        self.note(length);
        self.consumed += length;
    }

    /// Takes the first `length` bytes out: copied when short, split off without a copy when long.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn take(&mut self, length: usize) -> Bytes {
        self.note(length);
        if length >= SPLIT_MIN {
            let _ = self.buffer.split_to(self.consumed);
            self.consumed = 0;
            return self.buffer.split_to(length).freeze();
        }
        if self.block.capacity() < length {
            self.block.reserve(BLOCK);
        }
        self.block.extend_from_slice(&self.buffer[self.consumed..self.consumed + length]);
        self.consumed += length;
        self.block.split().freeze()
    }

    /// Appends bytes, as a test or a tail does.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read into: at least half of `room` bytes are spare in it.
    pub fn spare(&mut self, room: usize) -> &mut BytesMut {
        self.compact();
        if self.buffer.capacity() - self.buffer.len() < room / 2 {
            self.buffer.reserve(room);
        }
        &mut self.buffer
    }

    /// Forgets everything, and keeps the allocation.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.consumed = 0;
    }

    /// The head of a request that says nothing yet: the one that was [given back](Self::give_back), or a new one.
    #[inline]
    pub fn blank(&mut self) -> Box<request::Parts> {
        self.blank.take().unwrap_or_else(blank)
    }

    /// Moves the head of a request out of its place, which the next one gets.
    #[inline]
    pub fn give_back(&mut self, mut place: Box<request::Parts>) -> request::Parts {
        let parts = std::mem::replace(&mut *place, Request::new(()).into_parts().0);
        self.blank = Some(place);
        parts
    }

    /// Empties a map of fields that has done its work, so that the next message need not allocate one.
    #[inline]
    pub fn recycle(&mut self, fields: &mut HeaderMap) {
        if let Some(blank) = &mut self.blank
            && blank.headers.capacity() == 0
            && fields.capacity() <= SPARE_FIELDS_MAX
        {
            fields.clear();
            std::mem::swap(&mut blank.headers, fields);
        }
    }

    /// Starts to keep a copy of all that is consumed, behind what was `seen` already.
    pub fn watch(&mut self, seen: Vec<u8>) {
        self.watched = Some(seen);
    }

    /// Whether a copy is kept of all that is consumed.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    /// What was consumed since the last call, if it is being watched: the wire image of what was parsed from it.
    pub fn watched(&mut self) -> Option<Vec<u8>> {
        self.watched.as_mut().map(std::mem::take)
    }

    /// Stops keeping a copy, and gives up what was kept.
    pub fn unwatch(&mut self) -> Vec<u8> {
        self.watched.take().unwrap_or_default()
    }

    #[inline]
    fn note(&mut self, length: usize) {
        if let Some(watched) = &mut self.watched {
            watched.extend_from_slice(&self.buffer[self.consumed..self.consumed + length]);
        }
    }

    fn compact(&mut self) {
        if self.consumed == self.buffer.len() {
            self.clear();
        } else if self.consumed > 0 && self.len() <= MOVE_MAX {
            self.buffer.copy_within(self.consumed.., 0);
            self.buffer.truncate(self.len());
            self.consumed = 0;
        } else if self.consumed > 0 {
            let _ = self.buffer.split_to(self.consumed);
            self.consumed = 0;
        }
    }
}

/// The head of a request that says nothing: GET, `/`, no fields.
pub(crate) fn blank() -> Box<request::Parts> {
    Box::new(Request::new(()).into_parts().0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_short_and_long_pieces_in_order() {
        let mut input = Incoming::new();
        input.extend(b"head");
        input.extend(&vec![b'x'; SPLIT_MIN]);
        input.extend(b"tail");
        assert_eq!(&input.take(4)[..], b"head");
        assert_eq!(input.take(SPLIT_MIN).len(), SPLIT_MIN);
        assert_eq!(input.bytes(), b"tail");
        input.advance(4);
        assert!(input.is_empty());
    }

    #[test]
    fn what_was_taken_stays_when_its_block_is_full_or_used_again() {
        let mut input = Incoming::new();
        let mut taken = Vec::new();
        for round in 0..100u8 {
            input.extend(&[round; 1000]);
            input.extend(&[0xff; 10]);
            let piece = input.take(1000);
            if round % 10 == 0 {
                taken.push((round, piece));
            }
            input.advance(10);
        }
        for (round, piece) in taken {
            assert_eq!(&piece[..], [round; 1000]);
        }
    }

    #[test]
    fn a_rest_is_kept_when_more_arrives() {
        let mut input = Incoming::new();
        for length in [1, MOVE_MAX, MOVE_MAX + 1] {
            input.extend(b"gone");
            input.extend(&vec![b'x'; length]);
            input.advance(4);
            input.extend(b"more");
            assert_eq!(input.len(), length + 4);
            assert!(input.bytes().ends_with(b"xmore"));
            input.advance(length + 4);
        }
    }
}
