//! How the bytes of a test arrive: the same bytes mean the same however they are split.

use std::fmt;

use crate::Random;

/// A way to split bytes into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// All at once.
    Whole,
    /// One byte at a time.
    Bytes,
    /// Pieces of random length, from a seed.
    Seeded(u64),
}

impl Split {
    /// Whole, byte by byte, and `count` random ways whose seeds follow `seed`.
    pub fn all(seed: u64, count: u64) -> impl Iterator<Item = Self> {
        [Self::Whole, Self::Bytes].into_iter().chain((0..count).map(move |n| Self::Seeded(seed.wrapping_add(n))))
    }

    /// The pieces of `bytes`, in order and none of them empty.
    pub fn pieces<'a>(&self, bytes: &'a [u8], random: &mut Random) -> Vec<&'a [u8]> {
        let mut rest = bytes;
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let length = match self {
                Self::Whole => rest.len(),
                Self::Bytes => 1,
                // Short pieces find more than long ones: half of them are of a few bytes.
                Self::Seeded(_) if random.below(2) == 0 => 1 + random.below(8.min(rest.len())),
                Self::Seeded(_) => 1 + random.below(rest.len()),
            };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }

    /// The generator that goes with this way of splitting.
    pub fn random(&self) -> Random {
        match self {
            Self::Seeded(seed) => Random::new(*seed),
            _ => Random::new(0),
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("whole"),
            Self::Bytes => f.write_str("byte by byte"),
            Self::Seeded(seed) => write!(f, "split with seed {seed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_to_what_was_split() {
        let bytes: Vec<u8> = (0..200).collect();
        for split in Split::all(7, 20) {
            let pieces = split.pieces(&bytes, &mut split.random());
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            assert_eq!(pieces.concat(), bytes, "{split}");
        }
    }
}
