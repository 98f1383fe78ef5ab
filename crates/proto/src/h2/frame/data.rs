//! DATA (RFC 9113, section 6.1).

use super::{Head, flag, kind, of_stream, unpad, write, write_padded};
use crate::h2::fault::Fault;

/// Content of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Data<'a> {
    /// The stream.
    pub stream: u32,
    /// Whether nothing follows on the stream.
    pub end_stream: bool,
    /// The content.
    pub content: &'a [u8],
    /// The length of the padding, where the frame is padded.
    pub padding: Option<u8>,
}

impl<'a> Data<'a> {
    #[inline]
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        let (content, padding) = unpad(head, payload)?;
        Ok(Self { stream: head.stream, end_stream: head.has(flag::END_STREAM), content, padding })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let padded = if self.padding.is_some() { flag::PADDED } else { 0 };
        let flags = padded | if self.end_stream { flag::END_STREAM } else { 0 };
        write(kind::DATA, flags, self.stream, out, |out| {
            write_padded(self.padding, out, |out| out.extend_from_slice(self.content));
        });
    }
}
