//! Bytes that arrived and were not consumed yet.

use bytes::{Bytes, BytesMut};

/// Content at least this long leaves the buffer without being copied.
const SPLIT_MIN: usize = 8 * 1024;

/// The bytes that arrived and were not consumed yet, lent to an engine for a call.
///
/// One is shared by all connections of a thread; a connection keeps only an unfinished tail of its own.
#[derive(Debug, Default)]
pub struct Incoming {
    buffer: BytesMut,
    consumed: usize,
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
        self.consumed += length;
    }

    /// Takes the first `length` bytes out: copied when short, split off without a copy when long.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn take(&mut self, length: usize) -> Bytes {
        if length >= SPLIT_MIN {
            let _ = self.buffer.split_to(self.consumed);
            self.consumed = 0;
            return self.buffer.split_to(length).freeze();
        }
        let taken = Bytes::copy_from_slice(&self.bytes()[..length]);
        self.consumed += length;
        taken
    }

    /// Appends bytes, as a test or a tail does.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.compact();
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read into: at least `room` bytes of it are spare.
    pub fn spare(&mut self, room: usize) -> &mut BytesMut {
        self.compact();
        self.buffer.reserve(room);
        &mut self.buffer
    }

    /// Forgets everything, and keeps the allocation.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.consumed = 0;
    }

    fn compact(&mut self) {
        if self.consumed == self.buffer.len() {
            self.clear();
        } else if self.consumed > 0 {
            let _ = self.buffer.split_to(self.consumed);
            self.consumed = 0;
        }
    }
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
}
