//! PING (RFC 9113, section 6.7).

use super::{Head, flag, kind, of_connection, sized, write};
use crate::h2::fault::Fault;

/// A question whether the other end is there, or the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ping {
    /// Whether it is the answer.
    pub ack: bool,
    /// What the answer repeats.
    pub payload: [u8; 8],
}

impl Ping {
    pub(super) fn read(head: Head, payload: &[u8]) -> Result<Self, Fault> {
        of_connection(head)?;
        Ok(Self { ack: head.has(flag::ACK), payload: sized(head, payload)? })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let flags = if self.ack { flag::ACK } else { 0 };
        write(kind::PING, flags, 0, out, |out| out.extend(self.payload));
    }
}
