//! RST_STREAM (RFC 9113, section 6.4).

use super::{Head, kind, of_stream, sized, write};
use crate::h2::fault::{Code, Fault};

/// The end of a stream by force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RstStream {
    /// The stream.
    pub stream: u32,
    /// Why.
    pub code: Code,
}

impl RstStream {
    pub(super) fn read(head: Head, payload: &[u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        Ok(Self { stream: head.stream, code: Code(u32::from_be_bytes(sized(head, payload)?)) })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(kind::RST_STREAM, 0, self.stream, out, |out| out.extend(self.code.0.to_be_bytes()));
    }
}
