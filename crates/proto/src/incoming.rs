//! Bytes that arrived and were not consumed yet.

use std::borrow::Cow;

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
    /// The block before, which is used again once nobody has a piece of it any more.
    before: BytesMut,
    /// The head of a request that says nothing; its map has the room for some fields.
    blank: Option<Box<request::Parts>>,
    /// What was consumed and not shown yet, while somebody watches.
    watched: Option<Unshown>,
}

/// What was consumed and not shown yet.
#[derive(Debug)]
struct Unshown {
    /// What of it lies in the buffer no more.
    gone: Vec<u8>,
    /// Where the rest of it begins, which ends with what was consumed.
    from: usize,
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
            self.save(self.consumed + length);
            let _ = self.buffer.split_to(self.consumed);
            self.consumed = 0;
            return self.buffer.split_to(length).freeze();
        }
        if self.block.capacity() < length {
            self.next_block();
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
        self.save(self.consumed);
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

    /// Starts to have what is consumed shown, behind what was `seen` already.
    pub fn watch(&mut self, seen: Vec<u8>) {
        self.watched = Some(Unshown { gone: seen, from: self.consumed });
    }

    /// Whether what is consumed is to be shown.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.watched.is_some()
    }

    /// What was consumed since the last call, if it is being watched: the wire image of what was parsed from it. It is
    /// copied only where it was split off the buffer, or came in pieces.
    pub fn watched(&mut self) -> Option<Cow<'_, [u8]>> {
        let unshown = self.watched.as_mut()?;
        let here = &self.buffer[unshown.from..self.consumed];
        unshown.from = self.consumed;
        if unshown.gone.is_empty() {
            return Some(Cow::Borrowed(here));
        }
        unshown.gone.extend_from_slice(here);
        Some(Cow::Owned(std::mem::take(&mut unshown.gone)))
    }

    /// Has nothing more shown, and gives what was not yet.
    pub fn unwatch(&mut self) -> Vec<u8> {
        self.save(self.consumed);
        self.watched.take().map(|unshown| unshown.gone).unwrap_or_default()
    }

    /// Copies what is not shown yet, up to `end`, since it is about to leave the buffer with what was consumed.
    #[inline]
    fn save(&mut self, end: usize) {
        if let Some(unshown) = &mut self.watched {
            unshown.gone.extend_from_slice(&self.buffer[unshown.from..end]);
            unshown.from = 0;
        }
    }

    /// Begins another block for short pieces.
    fn next_block(&mut self) {
        std::mem::swap(&mut self.block, &mut self.before);
        if !self.block.try_reclaim(BLOCK) {
            self.block = BytesMut::with_capacity(BLOCK);
        }
    }

    fn compact(&mut self) {
        if self.consumed == self.buffer.len() {
            self.clear();
        } else if self.consumed > 0 && self.len() <= MOVE_MAX {
            self.save(self.consumed);
            self.buffer.copy_within(self.consumed.., 0);
            self.buffer.truncate(self.len());
            self.consumed = 0;
        } else if self.consumed > 0 {
            self.save(self.consumed);
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
    fn what_is_consumed_is_shown_once_wherever_it_has_gone() {
        let bytes: Vec<u8> = (0..3 * SPLIT_MIN).map(|index| index as u8).collect();
        // How much arrives at a time, how much is consumed at a time, and after how much it is shown.
        for (arrives, consumes, shown) in
            [(100, 7, 1), (100, 100, 3), (3 * SPLIT_MIN, SPLIT_MIN, 1), (3 * SPLIT_MIN, SPLIT_MIN, 2), (9000, 1000, 5)]
        {
            let case = (arrives, consumes, shown);
            let mut input = Incoming::new();
            input.watch(b"before ".to_vec());
            let mut seen = Vec::new();
            for (number, arrived) in bytes.chunks(arrives).enumerate() {
                input.spare(1000).extend_from_slice(arrived);
                while input.len() >= consumes {
                    match number % 2 {
                        0 => drop(input.take(consumes)),
                        _ => input.advance(consumes),
                    }
                    if number % shown == 0 {
                        seen.extend_from_slice(&input.watched().unwrap());
                    }
                }
                if number % 5 == 4 {
                    // A turn ends and another begins.
                    let unshown = input.unwatch();
                    assert!(!input.is_watched());
                    input.watch(unshown);
                }
            }
            let rest = input.len();
            seen.extend_from_slice(&input.watched().unwrap());
            assert!(input.watched().unwrap().is_empty(), "{case:?}");
            let expected = [b"before ", &bytes[..bytes.len() - rest]].concat();
            assert!(seen == expected, "{case:?}");
            input.clear();
            assert!(input.unwatch().is_empty(), "{case:?}");
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
