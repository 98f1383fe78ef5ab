//! PRIORITY (RFC 9113, section 6.3), which is ignored, and PRIORITY_UPDATE (RFC 9218, section 7.1).

use super::{HEAD_LENGTH, Head, STREAM_LAST, kind, of_connection, of_stream, u32_at, write, wrong_size};
use crate::h2::fault::{Fault, Scope};

/// Which stream another one depended on, in the priority scheme of RFC 7540.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The stream depended on.
    pub stream: u32,
    /// Whether it was to be the only dependant.
    pub exclusive: bool,
    /// The weight, less one.
    pub weight: u8,
}

impl Dependency {
    pub(super) fn read(octets: &[u8; 5]) -> Self {
        let stream = u32::from_be_bytes([octets[0], octets[1], octets[2], octets[3]]);
        Self { stream: stream & STREAM_LAST, exclusive: stream > STREAM_LAST, weight: octets[4] }
    }

    pub(super) fn octets(&self) -> [u8; 5] {
        let exclusive = if self.exclusive { STREAM_LAST + 1 } else { 0 };
        let stream = (self.stream | exclusive).to_be_bytes();
        [stream[0], stream[1], stream[2], stream[3], self.weight]
    }
}

/// The priority of a stream in the scheme of RFC 7540.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Priority {
    /// The stream.
    pub stream: u32,
    /// What it says.
    pub dependency: Dependency,
}

impl Priority {
    pub(super) fn read(head: Head, payload: &[u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        match payload.try_into() {
            Ok(octets) => Ok(Self { stream: head.stream, dependency: Dependency::read(octets) }),
            // The one frame whose length is a matter of its stream alone.
            Err(_) => Err(Fault { scope: Scope::Stream(head.stream), ..wrong_size(head, "exactly 5 octets".into()) }),
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        write(kind::PRIORITY, 0, self.stream, out, |out| out.extend(self.dependency.octets()));
    }
}

/// The priority of a stream as a Priority field would give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriorityUpdate<'a> {
    /// The stream that is prioritized.
    pub prioritized: u32,
    /// The value of the field.
    pub value: &'a [u8],
}

impl<'a> PriorityUpdate<'a> {
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_connection(head)?;
        let Some(prioritized) = u32_at(payload, 0) else {
            return Err(wrong_size(head, "at least the four octets of the stream it is about".into()));
        };
        Ok(Self { prioritized: prioritized & STREAM_LAST, value: &payload[4..] })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.reserve(HEAD_LENGTH + 4 + self.value.len());
        write(kind::PRIORITY_UPDATE, 0, 0, out, |out| {
            out.extend(self.prioritized.to_be_bytes());
            out.extend_from_slice(self.value);
        });
    }
}
