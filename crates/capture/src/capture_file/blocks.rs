//! Numbers and lengths, in the byte order of whoever wrote a file.

use std::io::{self, Read};

use super::{BLOCK_BYTES_MAX, Fault};

/// A file that is read from its beginning to its end.
pub(super) struct Input<R> {
    from: R,
    pub(super) at: u64,
}

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Big,
    Little,
}

impl Order {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self == Self::Big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }
}

impl<R: Read> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, at: 0 }
    }

    /// As many bytes; `None` where the file ends before the first. `began` is where the block began.
    pub(super) fn take(&mut self, length: usize, began: u64) -> Result<Option<Vec<u8>>, Fault> {
        if length > BLOCK_BYTES_MAX {
            return Err(Fault::Malformed(began, format!("a block of {length} bytes is longer than any should be")));
        }
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.from.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Fault::CutOff(began)),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += length as u64;
        Ok(Some(bytes))
    }

    /// As many bytes, which must be there.
    pub(super) fn need(&mut self, length: usize, began: u64) -> Result<Vec<u8>, Fault> {
        if length == 0 {
            return Ok(Vec::new());
        }
        self.take(length, began)?.ok_or(Fault::CutOff(began))
    }
}
