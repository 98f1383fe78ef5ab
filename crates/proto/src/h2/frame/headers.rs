//! HEADERS (RFC 9113, section 6.2).

use super::priority::Dependency;
use super::{Head, flag, kind, of_stream, unpad, write, write_padded, wrong_size};
use crate::h2::fault::Fault;

/// The beginning of a header block, or all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The stream.
    pub stream: u32,
    /// Whether nothing follows on the stream but the rest of the block.
    pub end_stream: bool,
    /// Whether this is the whole block.
    pub end_headers: bool,
    /// What is here of the block.
    pub fragment: &'a [u8],
    /// The priority of RFC 7540, which says nothing any more.
    pub dependency: Option<Dependency>,
    /// The length of the padding, where the frame is padded.
    pub padding: Option<u8>,
}

impl<'a> Headers<'a> {
    #[inline]
    pub(super) fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        of_stream(head)?;
        let (mut fragment, padding) = unpad(head, payload)?;
        let mut dependency = None;
        if head.has(flag::PRIORITY) {
            let Some((octets, rest)) = fragment.split_first_chunk() else {
                return Err(wrong_size(head, "at least the five octets of its priority".into()));
            };
            dependency = Some(Dependency::read(octets));
            fragment = rest;
        }
        let (end_stream, end_headers) = (head.has(flag::END_STREAM), head.has(flag::END_HEADERS));
        Ok(Self { stream: head.stream, end_stream, end_headers, fragment, dependency, padding })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let flags = [
            (self.end_stream, flag::END_STREAM),
            (self.end_headers, flag::END_HEADERS),
            (self.padding.is_some(), flag::PADDED),
            (self.dependency.is_some(), flag::PRIORITY),
        ];
        let flags = flags.iter().fold(0, |sum, (set, flag)| if *set { sum | flag } else { sum });
        write(kind::HEADERS, flags, self.stream, out, |out| {
            write_padded(self.padding, out, |out| {
                out.extend(self.dependency.iter().flat_map(|dependency| dependency.octets()));
                out.extend_from_slice(self.fragment);
            });
        });
    }
}
