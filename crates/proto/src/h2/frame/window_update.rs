//! WINDOW_UPDATE (RFC 9113, section 6.9).

use super::{Head, STREAM_LAST, kind, sized, write};
use crate::h2::fault::{Code, Fault, Scope, WINDOW_INCREMENT};

/// More room in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowUpdate {
    /// The stream, or 0 for the connection.
    pub stream: u32,
    /// By how many bytes; never 0.
    pub increment: u32,
}

impl WindowUpdate {
    pub(super) fn read(head: Head, payload: &[u8]) -> Result<Self, Fault> {
        let increment = u32::from_be_bytes(sized(head, payload)?) & STREAM_LAST;
        if increment == 0 {
            let scope = if head.stream == 0 { Scope::Connection } else { Scope::Stream(head.stream) };
            let because = "a WINDOW_UPDATE adds nothing";
            return Err(Fault { scope, ..Fault::connection(&WINDOW_INCREMENT, Code::PROTOCOL_ERROR, because) });
        }
        Ok(Self { stream: head.stream, increment })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        write(kind::WINDOW_UPDATE, 0, self.stream, out, |out| out.extend(self.increment.to_be_bytes()));
    }
}
