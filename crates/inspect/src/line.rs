//! Where lines end, found eight bytes at a time: the lines of a head are too short for anything that begins anew with
//! each.

const EACH: usize = size_of::<u64>();

/// The ends of the lines of a text, each behind its line feed.
pub(crate) struct Ends<'a> {
    bytes: &'a [u8],
    /// Where the bytes begin that are looked at next.
    next: usize,
    /// The highest bit of each line feed among those looked at last.
    found: u64,
}

impl<'a> Ends<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, next: 0, found: 0 }
    }
}

impl Iterator for Ends<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.found == 0 {
            let rest = self.bytes.get(self.next..).filter(|rest| !rest.is_empty())?;
            let word = rest.first_chunk().copied().unwrap_or_else(|| last(rest));
            self.found = line_feeds(u64::from_le_bytes(word));
            self.next += EACH;
        }
        let place = self.found.trailing_zeros() as usize / 8;
        self.found &= self.found - 1;
        Some(self.next - EACH + place + 1)
    }
}

/// The bytes of the end of a text, where there are no eight left.
#[cold]
fn last(rest: &[u8]) -> [u8; EACH] {
    let mut word = [0; EACH];
    word[..rest.len()].copy_from_slice(rest);
    word
}

/// The highest bit of each byte that is a line feed.
fn line_feeds(word: u64) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([0x7f; EACH]);
    const FEEDS: u64 = u64::from_ne_bytes([b'\n'; EACH]);
    let others = word ^ FEEDS;
    // The sum carries into the highest bit of a byte unless its seven others are all 0.
    !(((others & LOW) + LOW) | others | LOW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_feed_ends_a_line_and_nothing_else_does() {
        // Bytes beside the line feed, above it, and with its bits.
        let odd = [b'\n', 0x0b, 0x09, 0x8a, 0x0a, 0x00, 0xff, b'\r', 0x01, 0x80, 0x0a, 0x0b, 0x7f, 0x0a, 0x0a];
        let text: Vec<u8> = odd.iter().cycle().copied().take(100).collect();
        for start in 0..text.len() {
            for end in start..text.len() {
                let text = &text[start..end];
                let expected = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index + 1);
                assert!(Ends::of(text).eq(expected), "{text:?}");
            }
        }
    }
}
