//! Header blocks read (RFC 7541, sections 3 and 6).

use http::uri::Authority;

use super::field::{Field, Name, Pseudo};
use super::table::{ENTRY_OVERHEAD, Table};
use super::{DecodeError, TABLE_BYTES_DEFAULT, huffman, integer};

/// Where decoded fields go, in their order.
pub trait Sink {
    /// Whether a field that counts `size` bytes (RFC 7541, section 4.1) is wanted; called once for every field.
    fn admits(&mut self, size: usize) -> bool;
    /// A field that was admitted.
    fn field(&mut self, field: Field);
    /// A field that was admitted, from a table: its parts are cheap to clone.
    fn indexed(&mut self, field: &Field) {
        self.field(field.clone());
    }
}

/// The decoder of one direction of a connection.
#[derive(Default)]
pub struct Decoder {
    table: Table,
    limit: Limit,
    name: Vec<u8>,
    value: Vec<u8>,
    /// The authority that was last written out: a peer that adds nothing to the table writes the same one again.
    authority: Option<Authority>,
}

/// How large the peer may make the dynamic table, in bytes.
struct Limit {
    bytes_max: usize,
    /// The table is larger than that, and the next block has to begin by reducing it.
    exceeded: bool,
}

impl Default for Limit {
    fn default() -> Self {
        Self { bytes_max: TABLE_BYTES_DEFAULT, exceeded: false }
    }
}

impl Decoder {
    /// Applies a limit on the dynamic table that was announced and acknowledged, in bytes.
    pub fn limit_table(&mut self, bytes_max: usize) {
        self.limit = Limit { bytes_max, exceeded: bytes_max < self.table.bytes_max() };
    }

    /// Decodes one whole header block; after an error the decoder is of no use any more.
    pub fn decode(&mut self, block: &[u8], sink: &mut impl Sink) -> Result<(), DecodeError> {
        let mut at = 0;
        while block.get(at).is_some_and(|first| first & 0xe0 == 0x20) {
            self.update_size(integer::decode(block, &mut at, 5)?)?;
        }
        if self.limit.exceeded {
            return Err(DecodeError::SizeUpdateMissing);
        }
        while let Some(first) = block.get(at) {
            if first & 0x80 != 0 {
                let index = integer::decode(block, &mut at, 7)?;
                let (field, size) = self.table.get(index)?;
                if sink.admits(size) {
                    sink.indexed(field);
                }
            } else if first & 0xe0 == 0x20 {
                return Err(DecodeError::SizeUpdateLate);
            } else {
                self.literal(*first, block, &mut at, sink)?;
            }
        }
        Ok(())
    }

    fn update_size(&mut self, bytes: usize) -> Result<(), DecodeError> {
        if bytes > self.limit.bytes_max {
            return Err(DecodeError::SizeUpdateTooLarge);
        }
        self.limit.exceeded = false;
        self.table.resize(bytes);
        Ok(())
    }

    fn literal(&mut self, first: u8, block: &[u8], at: &mut usize, sink: &mut impl Sink) -> Result<(), DecodeError> {
        let indexed = first & 0x40 != 0;
        let name = match integer::decode(block, at, if indexed { 6 } else { 4 })? {
            0 => Name::parse(string(block, at, &mut self.name)?),
            index => self.table.name(index)?,
        };
        let value = string(block, at, &mut self.value)?;
        let size = name.as_bytes().len() + value.len() + ENTRY_OVERHEAD;
        let admitted = sink.admits(size);
        if !indexed {
            if admitted {
                let mut field = match name {
                    Name::Pseudo(Pseudo::Authority) => again(&mut self.authority, value),
                    name => Field::parse(name, value),
                };
                if first & 0x10 != 0 {
                    field.set_sensitive();
                }
                sink.field(field);
            }
            return Ok(());
        }
        let field = Field::parse(name, value);
        if admitted {
            sink.indexed(&field);
        }
        self.table.add(field, size);
        Ok(())
    }

    /// Gives back the memory that is only needed while decoding.
    pub fn shrink(&mut self) {
        self.name = Vec::new();
        self.value = Vec::new();
        self.authority = None;
        self.table.shrink();
    }
}

/// An authority, parsed only if it is not the one that was parsed last.
fn again(last: &mut Option<Authority>, value: &[u8]) -> Field {
    if let Some(last) = last
        && last.as_str().as_bytes() == value
    {
        return Field::Authority(last.clone());
    }
    let field = Field::parse(Name::Pseudo(Pseudo::Authority), value);
    if let Field::Authority(authority) = &field {
        *last = Some(authority.clone());
    }
    field
}

/// Reads a string literal (RFC 7541, section 5.2): from where it lies, or decoded into `scratch`.
#[inline]
fn string<'a>(block: &'a [u8], at: &mut usize, scratch: &'a mut Vec<u8>) -> Result<&'a [u8], DecodeError> {
    let huffman = block.get(*at).ok_or(DecodeError::Truncated)? & 0x80 != 0;
    let length = integer::decode(block, at, 7)?;
    let bytes = block[*at..].get(..length).ok_or(DecodeError::Truncated)?;
    *at += length;
    if !huffman {
        return Ok(bytes);
    }
    scratch.clear();
    huffman::decode(bytes, scratch)?;
    Ok(scratch)
}
