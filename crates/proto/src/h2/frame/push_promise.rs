//! PUSH_PROMISE (RFC 9113, section 6.6), which is read so that it can be refused.

use super::{Head, STREAM_LAST, flag, kind, of_stream, u32_at, unpad, write, write_padded, wrong_size};
use crate::h2::fault::{Code, Fault, STREAM_IDENTIFIER};

/// A promise to push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PushPromise<'a> {
    /// The stream it belongs to.
    pub stream: u32,
    /// The stream that is promised.
    pub promised: u32,
    /// Whether this is the whole header block.
    pub end_headers: bool,
    /// What is here of the block.
    pub fragment: &'a [u8],
    /// The length of the padding, where the frame is padded.
    pub padding: Option<u8>,
}

impl<'a> PushPromise<'a> {
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        let (content, padding) = unpad(head, payload)?;
        let Some(promised) = u32_at(content, 0).map(|promised| promised & STREAM_LAST) else {
            return Err(wrong_size(head, "at least the four octets of the promised stream".into()));
        };
        if promised == 0 || promised % 2 == 1 {
            let because = format!("stream {promised} was promised, which a server cannot open");
            return Err(Fault::connection(&STREAM_IDENTIFIER, Code::PROTOCOL_ERROR, because));
        }
        let end_headers = head.has(flag::END_HEADERS);
        Ok(Self { stream: head.stream, promised, end_headers, fragment: &content[4..], padding })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let padded = if self.padding.is_some() { flag::PADDED } else { 0 };
        let flags = padded | if self.end_headers { flag::END_HEADERS } else { 0 };
        write(kind::PUSH_PROMISE, flags, self.stream, out, |out| {
            write_padded(self.padding, out, |out| {
                out.extend(self.promised.to_be_bytes());
                out.extend_from_slice(self.fragment);
            });
        });
    }
}
