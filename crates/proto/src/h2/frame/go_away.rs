//! GOAWAY (RFC 9113, section 6.8).

use super::{Head, STREAM_LAST, kind, of_connection, u32_at, write, wrong_size};
use crate::h2::fault::{Code, Fault};

/// The end of the connection, announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoAway<'a> {
    /// The last stream that the sender may have acted on.
    pub last_stream: u32,
    /// Why.
    pub code: Code,
    /// Words for whoever looks into it.
    pub debug: &'a [u8],
}

impl<'a> GoAway<'a> {
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_connection(head)?;
        let (Some(last_stream), Some(code)) = (u32_at(payload, 0), u32_at(payload, 4)) else {
            return Err(wrong_size(head, "at least 8 octets".into()));
        };
        Ok(Self { last_stream: last_stream & STREAM_LAST, code: Code(code), debug: &payload[8..] })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(kind::GOAWAY, 0, 0, out, |out| {
            out.extend(self.last_stream.to_be_bytes());
            out.extend(self.code.0.to_be_bytes());
            out.extend_from_slice(self.debug);
        });
    }
}
