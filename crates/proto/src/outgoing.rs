//! Bytes that are ready to leave.

use std::collections::VecDeque;

use bytes::Bytes;

/// Content shorter than this is copied next to its head; longer content is sent from where it lies.
const COPY_MAX: usize = 16 * 1024;

/// What has left makes room in the buffer once it is at least this long, and at least half of it.
const COMPACT_MIN: usize = 64 * 1024;

/// The bytes that are ready to leave, in order: heads and framing in one buffer, long content by reference.
#[derive(Debug, Default)]
pub struct Outgoing {
    buffer: Vec<u8>,
    /// Content that leaves after the buffer's byte at that offset, in order of offset.
    splices: VecDeque<(usize, Bytes)>,
    /// How much of the buffer has left.
    sent: usize,
    /// The sum of what the splices hold.
    spliced: usize,
}

/// Where an output ended at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    buffer: usize,
    splices: usize,
}

impl Outgoing {
    /// An empty output that allocates on first use.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes wait to leave.
    #[inline]
    pub fn len(&self) -> usize {
        self.buffer.len() - self.sent + self.spliced
    }

    /// Whether nothing waits to leave.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buffer to append heads and framing to. It may only grow.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Appends content: copied when short, by reference when long.
    pub fn push(&mut self, content: Bytes) {
        if content.len() < COPY_MAX {
            self.buffer.extend_from_slice(&content);
        } else {
            self.spliced += content.len();
            self.splices.push_back((self.buffer.len(), content));
        }
    }

    /// All that waits, where it is one piece.
    #[inline]
    pub fn only_piece(&self) -> Option<&[u8]> {
        self.splices.is_empty().then(|| &self.buffer[self.sent..])
    }

    /// The pieces that wait, in order, for a vectored write.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut at = self.sent;
        let mut splices = self.splices.iter();
        let mut held: Option<&Bytes> = None;
        let mut done = false;
        std::iter::from_fn(move || {
            loop {
                if let Some(content) = held.take() {
                    return Some(&content[..]);
                }
                if done {
                    return None;
                }
                let end = match splices.next() {
                    Some((offset, content)) => {
                        held = Some(content);
                        *offset
                    }
                    None => {
                        done = true;
                        self.buffer.len()
                    }
                };
                let piece = &self.buffer[at..end];
                at = end;
                if !piece.is_empty() {
                    return Some(piece);
                }
            }
        })
    }

    /// Everything that was appended to the buffer since it was `from` bytes long, for an observer.
    pub fn appended(&self, from: usize) -> &[u8] {
        self.buffer.get(from..).unwrap_or_default()
    }

    /// Where the output ends now, for [`appended_since`](Self::appended_since).
    pub fn end(&self) -> End {
        End { buffer: self.buffer.len(), splices: self.splices.len() }
    }

    /// Everything that was appended since the output ended at `end`, long content included, for an observer.
    ///
    /// Nothing may have left meanwhile.
    pub fn appended_since(&self, end: End) -> impl Iterator<Item = &[u8]> {
        let mut at = end.buffer;
        let spliced = self.splices.range(end.splices.min(self.splices.len())..);
        let ends = spliced.map(|(offset, content)| (*offset, &content[..])).chain([(self.buffer.len(), &[][..])]);
        let pieces = ends.flat_map(move |(offset, content)| {
            let piece = self.buffer.get(at..offset).unwrap_or_default();
            at = offset;
            [piece, content]
        });
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Forgets the first `length` bytes: they have left.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn advance(&mut self, mut length: usize) {
        assert!(length <= self.len(), "sent more than there is");
        if length == self.len() {
            return self.clear();
        }
        while length > 0 {
            let end = self.splices.front().map_or(self.buffer.len(), |(offset, _)| *offset);
            let step = length.min(end - self.sent);
            self.sent += step;
            length -= step;
            if length == 0 {
                break;
            }
            let (_, content) = self.splices.front_mut().expect("the length was checked");
            let step = length.min(content.len());
            let _ = content.split_to(step);
            let emptied = content.is_empty();
            self.spliced -= step;
            length -= step;
            if emptied {
                self.splices.pop_front();
            }
        }
        if self.sent >= COMPACT_MIN && self.sent >= self.buffer.len() / 2 {
            self.compact();
        }
    }

    /// Moves what has not left to the front of the buffer: a peer that takes a little less than there always is would
    /// else have all that it ever took kept.
    #[cold]
    fn compact(&mut self) {
        self.buffer.drain(..self.sent);
        for (offset, _) in &mut self.splices {
            *offset -= self.sent;
        }
        self.sent = 0;
    }

    /// Forgets everything, and keeps the allocation.
    pub fn clear(&mut self) {
        self.buffer.clear();
        if !self.splices.is_empty() {
            self.splices.clear();
        }
        self.sent = 0;
        self.spliced = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_in_order_however_much_has_left() {
        let long = Bytes::from(vec![b'x'; COPY_MAX]);
        let whole: Vec<u8> = [b"head".as_slice(), &long, b"mid", b"dle", &long, b"end"].concat();
        for step in [1, 3, 5, COPY_MAX - 1, COPY_MAX, COPY_MAX + 7, whole.len()] {
            let mut out = Outgoing::new();
            out.buffer().extend_from_slice(b"head");
            out.push(long.clone());
            out.push(Bytes::from_static(b"mid"));
            out.push(Bytes::from_static(b"dle"));
            out.push(long.clone());
            out.push(Bytes::from_static(b"end"));
            let mut seen: Vec<u8> = Vec::new();
            while !out.is_empty() {
                assert_eq!(out.pieces().map(<[u8]>::len).sum::<usize>(), out.len());
                let step = step.min(out.len());
                seen.extend(out.pieces().flatten().take(step));
                out.advance(step);
            }
            assert!(seen == whole, "step {step}");
        }
    }

    #[test]
    fn what_was_appended_since_is_shown_whole_and_nothing_else() {
        let long = Bytes::from(vec![b'x'; COPY_MAX]);
        let mut out = Outgoing::new();
        out.buffer().extend_from_slice(b"before");
        out.push(long.clone());
        let end = out.end();
        assert_eq!(out.appended_since(end).count(), 0);
        out.push(long.clone());
        out.buffer().extend_from_slice(b"mid");
        out.push(long.clone());
        out.buffer().extend_from_slice(b"end");
        assert_eq!(out.appended_since(end).collect::<Vec<_>>(), [&long[..], b"mid", &long, b"end"]);
    }

    #[test]
    fn what_has_left_is_not_kept_though_something_always_waits() {
        let short = vec![b's'; 1000];
        let long = Bytes::from(vec![b'l'; COPY_MAX]);
        let mut out = Outgoing::new();
        let mut expected = VecDeque::new();
        for _ in 0..1000 {
            out.buffer().extend_from_slice(&short);
            out.push(long.clone());
            expected.extend(short.iter().chain(&long).copied());
            while out.len() > 2 * COPY_MAX {
                let left: Vec<u8> = out.pieces().flatten().take(777).copied().collect();
                assert!(left.iter().eq(expected.drain(..777).collect::<Vec<_>>().iter()));
                out.advance(777);
            }
            assert!(out.buffer().len() <= 2 * (COMPACT_MIN + 1000), "{} bytes are kept", out.buffer().len());
        }
    }
}
