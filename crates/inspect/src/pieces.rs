//! The bytes of one exchange as they passed, in one buffer.

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    HeadReceived,
    ContentReceived,
    HeadSent,
    ContentSent,
}

impl What {
    pub(crate) fn is_sent(self) -> bool {
        matches!(self, Self::HeadSent | Self::ContentSent)
    }

    pub(crate) fn is_head(self) -> bool {
        matches!(self, Self::HeadReceived | Self::HeadSent)
    }

    fn of(number: u8) -> Self {
        match number {
            0 => Self::HeadReceived,
            1 => Self::ContentReceived,
            2 => Self::HeadSent,
            _ => Self::ContentSent,
        }
    }
}

/// Pieces in order, each behind what it is, when it passed and how long it is: one allocation for a short exchange.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<u8>);

/// What stands before each piece: what it is, when it passed, how long it is.
const HEAD: usize = 1 + 8 + 4;
/// A short exchange takes about so much.
const FIRST_BYTES: usize = 512;

/// One piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    pub(crate) what: What,
    /// In microseconds of the record's own time.
    pub(crate) at: u64,
    pub(crate) bytes: &'a [u8],
}

impl Pieces {
    /// Appends a piece that `write` writes, and gives back what that does. One of more than 4 GiB is cut.
    pub(crate) fn push<T>(&mut self, what: What, at: u64, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if self.0.capacity() == 0 {
            self.0.reserve_exact(FIRST_BYTES);
        }
        let mut head = [0; HEAD];
        head[0] = what as u8;
        head[1..9].copy_from_slice(&at.to_le_bytes());
        self.0.extend_from_slice(&head);
        let start = self.0.len();
        let written = write(&mut self.0);
        let length = u32::try_from(self.0.len() - start).unwrap_or(u32::MAX);
        self.0.truncate(start + length as usize);
        self.0[start - 4..start].copy_from_slice(&length.to_le_bytes());
        written
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (head, behind) = rest.split_first_chunk::<HEAD>()?;
            let at = u64::from_le_bytes(head[1..9].try_into().ok()?);
            let length = u32::from_le_bytes(head[9..].try_into().ok()?) as usize;
            let (bytes, later) = behind.split_at_checked(length)?;
            rest = later;
            Some(Piece { what: What::of(head[0]), at, bytes })
        })
    }

    /// The bytes of all pieces that are `what`.
    pub(crate) fn joined(&self, what: What) -> Vec<u8> {
        self.iter().filter(|piece| piece.what == what).flat_map(|piece| piece.bytes).copied().collect()
    }

    /// The heads alone.
    pub(crate) fn heads(&self) -> Self {
        let mut heads = Self::default();
        for piece in self.iter().filter(|piece| piece.what.is_head()) {
            heads.push(piece.what, piece.at, |out| out.extend_from_slice(piece.bytes));
        }
        heads
    }

    pub(crate) fn cost_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// Forgets what passed, but not the memory that it took.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Gives back room that is not needed, where there is much of it.
    pub(crate) fn settle(&mut self) {
        if self.0.capacity() > self.0.len() + FIRST_BYTES {
            self.0.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_as_they_went_in() {
        let mut pieces = Pieces::default();
        let given = [
            Piece { what: What::HeadReceived, at: 1, bytes: b"GET" },
            Piece { what: What::ContentReceived, at: 2, bytes: b"" },
            Piece { what: What::HeadSent, at: u64::MAX, bytes: &[b'x'; 1000] },
            Piece { what: What::ContentSent, at: 4, bytes: b"end" },
        ];
        for piece in &given {
            pieces.push(piece.what, piece.at, |out| out.extend_from_slice(piece.bytes));
        }
        assert!(pieces.iter().eq(given));
        assert_eq!(pieces.joined(What::ContentSent), b"end");
    }
}
