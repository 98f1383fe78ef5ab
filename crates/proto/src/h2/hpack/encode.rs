//! Header blocks written (RFC 7541, sections 6 and 7).

use std::collections::VecDeque;

use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::table::{ENTRY_OVERHEAD, STATIC_LAST, static_index};
use super::{TABLE_BYTES_DEFAULT, huffman, integer};

/// A field whose value is longer than this is not worth a place in the table.
const INDEXED_VALUE_MAX: usize = 1024;

/// The encoder of one direction of a connection.
pub struct Encoder {
    /// The newest first.
    entries: VecDeque<Entry>,
    /// How many entries were added in all: an entry keeps its count while its index changes.
    added: u32,
    /// By the hash of a field, the count of the entry that was last found or added for it.
    places: Vec<u32>,
    bytes: usize,
    bytes_max: usize,
    /// The table's size was changed since the last block: the smallest it had to be, and what it is now.
    resized: Option<(usize, usize)>,
    /// The largest table this end wants to keep, whatever the peer allows, in bytes.
    bytes_limit: usize,
}

struct Entry {
    /// The name, and behind it the value.
    bytes: Box<[u8]>,
    name_length: u32,
    tags: Tags,
}

/// How many hashes are told apart, a power of two.
const PLACES: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Tags {
    name: u32,
    field: u32,
}

/// How a field is to be represented when it is in no table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Indexing {
    /// It will come again: added to the dynamic table.
    Added,
    /// It will not come again soon.
    Without,
    /// It must be in no table, here or on any later hop.
    Never,
}

impl Encoder {
    /// An encoder that keeps a dynamic table of at most `bytes_limit` bytes.
    pub fn new(bytes_limit: usize) -> Self {
        let mut encoder = Self {
            entries: VecDeque::new(),
            added: 0,
            places: Vec::new(),
            bytes: 0,
            bytes_max: TABLE_BYTES_DEFAULT,
            resized: None,
            bytes_limit,
        };
        encoder.limit_table(TABLE_BYTES_DEFAULT);
        encoder
    }

    /// Applies the limit that the peer announced, in bytes.
    pub fn limit_table(&mut self, bytes_max: usize) {
        let bytes_max = bytes_max.min(self.bytes_limit);
        if bytes_max != self.bytes_max {
            let least = self.resized.map_or(self.bytes_max, |(least, _)| least);
            self.resized = Some((least.min(bytes_max), bytes_max));
            self.bytes_max = bytes_max;
            self.evict(bytes_max);
        }
    }

    /// Begins a header block: says what became of the table's size.
    #[inline]
    pub fn begin(&mut self, out: &mut Vec<u8>) {
        if let Some((least, now)) = self.resized.take() {
            if least < now {
                integer::encode(least, 5, 0x20, out);
            }
            integer::encode(now, 5, 0x20, out);
        }
    }

    /// Writes `:status`.
    #[inline]
    pub fn status(&mut self, status: StatusCode, out: &mut Vec<u8>) {
        let index = match status.as_u16() {
            200 => 8,
            204 => 9,
            206 => 10,
            304 => 11,
            400 => 12,
            404 => 13,
            500 => 14,
            _ => return self.literal(8, b":status", status.as_str().as_bytes(), Indexing::Added, out),
        };
        out.push(0x80 | index);
    }

    /// Writes `:method`.
    pub fn method(&mut self, method: &Method, out: &mut Vec<u8>) {
        match *method {
            Method::GET => out.push(0x82),
            Method::POST => out.push(0x83),
            _ => self.literal(2, b":method", method.as_str().as_bytes(), Indexing::Added, out),
        }
    }

    /// Writes `:scheme`.
    pub fn scheme(&mut self, scheme: &str, out: &mut Vec<u8>) {
        match scheme {
            "http" => out.push(0x86),
            "https" => out.push(0x87),
            _ => self.literal(6, b":scheme", scheme.as_bytes(), Indexing::Added, out),
        }
    }

    /// Writes `:authority`.
    pub fn authority(&mut self, authority: &str, out: &mut Vec<u8>) {
        self.literal(1, b":authority", authority.as_bytes(), Indexing::Added, out);
    }

    /// Writes `:path`, which is in the table only by chance: paths differ.
    pub fn path(&mut self, path: &str, out: &mut Vec<u8>) {
        match path {
            "/" => out.push(0x84),
            "/index.html" => out.push(0x85),
            _ => self.literal(4, b":path", path.as_bytes(), Indexing::Without, out),
        }
    }

    /// Writes `:protocol` (RFC 8441).
    pub fn protocol(&mut self, protocol: &str, out: &mut Vec<u8>) {
        self.literal(0, b":protocol", protocol.as_bytes(), Indexing::Added, out);
    }

    /// Writes `content-length`, which seldom comes twice.
    pub fn content_length(&mut self, mut length: u64, out: &mut Vec<u8>) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (length % 10) as u8;
            length /= 10;
            if length == 0 {
                break;
            }
        }
        integer::encode(28, 4, 0, out);
        string(&digits[at..], out);
    }

    /// Writes a regular field; one whose value is sensitive enters no table (RFC 7541, section 7.1.3).
    #[inline]
    pub fn field(&mut self, name: &HeaderName, value: &HeaderValue, out: &mut Vec<u8>) {
        if value.is_sensitive() {
            let index = self.name_index(name.as_str().as_bytes(), static_index(name.as_str()));
            return represent(index, name.as_str().as_bytes(), value.as_bytes(), Indexing::Never, out);
        }
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        let tags = Tags::of(name, value);
        if let Some(index) = self.find(tags, name, value) {
            return integer::encode(index, 7, 0x80, out);
        }
        self.new_field(tags, name, value, out);
    }

    fn literal(&mut self, index: u8, name: &[u8], value: &[u8], indexing: Indexing, out: &mut Vec<u8>) {
        let tags = Tags::of(name, value);
        match self.find(tags, name, value) {
            Some(index) => integer::encode(index, 7, 0x80, out),
            None => self.write_unknown(index, tags, name, value, indexing, out),
        }
    }

    /// Writes a regular field that was not found at once.
    fn new_field(&mut self, tags: Tags, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let known = static_index(std::str::from_utf8(name).unwrap_or_default());
        if known == 16 && value == b"gzip, deflate" {
            return out.push(0x80 | 16);
        }
        self.write_unknown(known, tags, name, value, indexing(known, value), out);
    }

    /// Writes a field that was not found at once: the table may hold it all the same, if it holds such fields.
    fn write_unknown(
        &mut self,
        known: u8,
        tags: Tags,
        name: &[u8],
        value: &[u8],
        indexing: Indexing,
        out: &mut Vec<u8>,
    ) {
        if indexing == Indexing::Added
            && let Some(place) = self.entries.iter().position(|entry| entry.is(tags, name, value))
        {
            self.remember(tags, place);
            return integer::encode(place + STATIC_LAST + 1, 7, 0x80, out);
        }
        let index = self.name_index(name, known);
        self.write_new(index, tags, name, value, indexing, out);
    }

    fn write_new(
        &mut self,
        index: usize,
        tags: Tags,
        name: &[u8],
        value: &[u8],
        indexing: Indexing,
        out: &mut Vec<u8>,
    ) {
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        // A field that would empty half the table costs more than it saves.
        let indexing = match indexing {
            Indexing::Added if value.len() > INDEXED_VALUE_MAX || size > self.bytes_max / 2 => Indexing::Without,
            other => other,
        };
        represent(index, name, value, indexing, out);
        if indexing == Indexing::Added {
            self.evict(self.bytes_max - size);
            self.bytes += size;
            let bytes = [name, value].concat().into();
            self.entries.push_front(Entry { bytes, name_length: name.len() as u32, tags });
            self.added = self.added.wrapping_add(1);
            self.remember(tags, 0);
        }
    }

    /// The index of a field in the dynamic table, if nothing with the same hash came since it was last written.
    #[inline]
    fn find(&self, tags: Tags, name: &[u8], value: &[u8]) -> Option<usize> {
        let count = *self.places.get(tags.field as usize % PLACES)?;
        let place = self.added.wrapping_sub(count) as usize;
        let entry = self.entries.get(place)?;
        entry.is(tags, name, value).then_some(place + STATIC_LAST + 1)
    }

    fn remember(&mut self, tags: Tags, place: usize) {
        if self.places.is_empty() {
            self.places = vec![0; PLACES];
        }
        self.places[tags.field as usize % PLACES] = self.added.wrapping_sub(place as u32);
    }

    /// The index of a name: of the static table where it has one, of the dynamic table where that holds it, or 0.
    fn name_index(&self, name: &[u8], known: u8) -> usize {
        if known != 0 {
            return known.into();
        }
        let tag = Tags::of(name, b"").name;
        let place = self.entries.iter().position(|entry| entry.tags.name == tag && entry.name() == name);
        place.map_or(0, |place| place + STATIC_LAST + 1)
    }

    fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(entry) = self.entries.pop_back() else { break };
            self.bytes -= entry.bytes.len() + ENTRY_OVERHEAD;
        }
    }

    /// Gives back memory that no entry needs.
    pub fn shrink(&mut self) {
        self.entries.shrink_to_fit();
        self.places = Vec::new();
    }
}

impl Entry {
    fn name(&self) -> &[u8] {
        &self.bytes[..self.name_length as usize]
    }

    #[inline]
    fn is(&self, tags: Tags, name: &[u8], value: &[u8]) -> bool {
        self.tags == tags && self.name() == name && self.bytes[name.len()..] == *value
    }
}

impl Tags {
    /// Cheap rather than good: lengths and the last bytes, where values of one name differ.
    #[inline]
    fn of(name: &[u8], value: &[u8]) -> Self {
        let name = mix(name, 0);
        Self { name, field: mix(value, name) }
    }
}

#[inline]
fn mix(bytes: &[u8], seed: u32) -> u32 {
    let last = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    };
    let mixed = (last ^ u64::from(seed) << 17 ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// Whether a regular field is worth a place in the table, by its index in the static table.
fn indexing(known: u8, value: &[u8]) -> Indexing {
    match known {
        // age, content-length, content-location, content-range, etag, if-modified-since, if-none-match, if-range,
        // if-unmodified-since, last-modified, location, range, set-cookie: they differ from message to message.
        21 | 28 | 29 | 30 | 34 | 40 | 41 | 42 | 43 | 44 | 46 | 50 | 55 => Indexing::Without,
        // A short secret in a table can be guessed byte by byte by whoever can add to that table.
        23 | 32 | 49 if value.len() < 20 => Indexing::Never,
        _ => Indexing::Added,
    }
}

fn represent(index: usize, name: &[u8], value: &[u8], indexing: Indexing, out: &mut Vec<u8>) {
    match indexing {
        Indexing::Added => integer::encode(index, 6, 0x40, out),
        Indexing::Without => integer::encode(index, 4, 0x00, out),
        Indexing::Never => integer::encode(index, 4, 0x10, out),
    }
    if index == 0 {
        string(name, out);
    }
    string(value, out);
}

/// Writes a string literal, Huffman-coded where that is shorter.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    let length = huffman::encoded_length(bytes);
    if length < bytes.len() {
        integer::encode(length, 7, 0x80, out);
        huffman::encode(bytes, out);
    } else {
        integer::encode(bytes.len(), 7, 0, out);
        out.extend_from_slice(bytes);
    }
}
