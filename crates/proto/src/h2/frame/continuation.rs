//! CONTINUATION (RFC 9113, section 6.10).

use super::{Head, flag, kind, of_stream, write};
use crate::h2::fault::Fault;

/// More of a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continuation<'a> {
    /// The stream whose block it continues.
    pub stream: u32,
    /// Whether the block ends here.
    pub end_headers: bool,
    /// What is here of the block.
    pub fragment: &'a [u8],
}

impl<'a> Continuation<'a> {
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        Ok(Self { stream: head.stream, end_headers: head.has(flag::END_HEADERS), fragment: payload })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flags = if self.end_headers { flag::END_HEADERS } else { 0 };
        write(kind::CONTINUATION, flags, self.stream, out, |out| out.extend_from_slice(self.fragment));
    }
}
