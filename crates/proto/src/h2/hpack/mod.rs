//! Compression of header sections (RFC 7541).
//!
//! Knows fields and their representation; what a field means for a message is for the messages to say. Tables
//! hold fields that are parsed already, so that an indexed field costs a clone.

mod decode;
mod encode;
mod field;
mod huffman;
mod integer;
mod table;

pub use decode::{Decoder, Sink};
pub use encode::Encoder;
pub(crate) use field::authority;
pub use field::{Defect, Field, Name, Pseudo};

/// The size of the dynamic table before any setting says otherwise, in bytes (RFC 9113, section 6.5.2).
pub const TABLE_BYTES_DEFAULT: usize = 4096;

/// Why a header block cannot be decoded; the connection's compression state is lost with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The block ends inside a representation.
    Truncated,
    /// An integer is larger than 32 bits, or takes more octets than that needs.
    IntegerTooLarge,
    /// An index of zero, or beyond both tables.
    NoSuchIndex,
    /// A Huffman-coded string ends in eight bits of padding or more, or in padding that is not all ones.
    HuffmanPadding,
    /// A Huffman-coded string holds the end-of-string symbol.
    HuffmanEos,
    /// A table size update above the limit that was announced.
    SizeUpdateTooLarge,
    /// A table size update behind a field.
    SizeUpdateLate,
    /// The size of the table was reduced, and the block does not begin by saying so.
    SizeUpdateMissing,
}

impl DecodeError {
    /// What was seen, in one sentence without a full stop.
    pub fn because(self) -> &'static str {
        match self {
            Self::Truncated => "the header block ends inside a field",
            Self::IntegerTooLarge => "an integer in the header block does not fit in 32 bits",
            Self::NoSuchIndex => "the header block refers to a table entry that does not exist",
            Self::HuffmanPadding => "a Huffman-coded string is not padded with fewer than eight ones",
            Self::HuffmanEos => "a Huffman-coded string holds the end-of-string symbol",
            Self::SizeUpdateTooLarge => "the header block makes the dynamic table larger than was announced",
            Self::SizeUpdateLate => "the header block changes the size of the dynamic table after its first field",
            Self::SizeUpdateMissing => "the header block does not begin by reducing the dynamic table as announced",
        }
    }
}

#[cfg(test)]
mod tests;
