//! The static table and the dynamic table of a decoder (RFC 7541, section 2.3 and appendix A).

use std::collections::VecDeque;

use http::header::*;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::field::{Field, Name};
use super::{DecodeError, TABLE_BYTES_DEFAULT};

/// The last index of the static table.
pub(crate) const STATIC_LAST: usize = 61;

/// What an entry costs beside its name and value, in bytes (RFC 7541, section 4.1).
pub(crate) const ENTRY_OVERHEAD: usize = 32;

/// The size of each entry of the static table, by index less one.
const STATIC_SIZES: [u8; STATIC_LAST] = [
    42, 42, 43, 38, 48, 43, 44, 42, 42, 42, 42, 42, 42, 42, 46, 60, 47, 45, 38, 59, 35, 37, 45, 45, 51, 48, 48, 46, 48,
    45, 44, 38, 36, 36, 38, 39, 36, 36, 40, 49, 45, 40, 51, 45, 36, 40, 44, 50, 51, 37, 39, 39, 43, 38, 42, 57, 49, 42,
    36, 35, 48,
];

/// The entries of the static table, by index less one.
static STATIC_FIELDS: [Field; STATIC_LAST] = [
    Field::NoAuthority,
    Field::Method(Method::GET),
    Field::Method(Method::POST),
    Field::Path(PathAndQuery::from_static("/")),
    Field::Path(PathAndQuery::from_static("/index.html")),
    Field::Scheme(Scheme::HTTP),
    Field::Scheme(Scheme::HTTPS),
    Field::Status(StatusCode::OK),
    Field::Status(StatusCode::NO_CONTENT),
    Field::Status(StatusCode::PARTIAL_CONTENT),
    Field::Status(StatusCode::NOT_MODIFIED),
    Field::Status(StatusCode::BAD_REQUEST),
    Field::Status(StatusCode::NOT_FOUND),
    Field::Status(StatusCode::INTERNAL_SERVER_ERROR),
    without_value(ACCEPT_CHARSET),
    Field::Regular(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate")),
    without_value(ACCEPT_LANGUAGE),
    without_value(ACCEPT_RANGES),
    without_value(ACCEPT),
    without_value(ACCESS_CONTROL_ALLOW_ORIGIN),
    without_value(AGE),
    without_value(ALLOW),
    without_value(AUTHORIZATION),
    without_value(CACHE_CONTROL),
    without_value(CONTENT_DISPOSITION),
    without_value(CONTENT_ENCODING),
    without_value(CONTENT_LANGUAGE),
    without_value(CONTENT_LENGTH),
    without_value(CONTENT_LOCATION),
    without_value(CONTENT_RANGE),
    without_value(CONTENT_TYPE),
    without_value(COOKIE),
    without_value(DATE),
    without_value(ETAG),
    without_value(EXPECT),
    without_value(EXPIRES),
    without_value(FROM),
    without_value(HOST),
    without_value(IF_MATCH),
    without_value(IF_MODIFIED_SINCE),
    without_value(IF_NONE_MATCH),
    without_value(IF_RANGE),
    without_value(IF_UNMODIFIED_SINCE),
    without_value(LAST_MODIFIED),
    without_value(LINK),
    without_value(LOCATION),
    without_value(MAX_FORWARDS),
    without_value(PROXY_AUTHENTICATE),
    without_value(PROXY_AUTHORIZATION),
    without_value(RANGE),
    without_value(REFERER),
    without_value(REFRESH),
    without_value(RETRY_AFTER),
    without_value(SERVER),
    without_value(SET_COOKIE),
    without_value(STRICT_TRANSPORT_SECURITY),
    without_value(TRANSFER_ENCODING),
    without_value(USER_AGENT),
    without_value(VARY),
    without_value(VIA),
    without_value(WWW_AUTHENTICATE),
];

const fn without_value(name: HeaderName) -> Field {
    Field::Regular(name, HeaderValue::from_static(""))
}

struct Entry {
    field: Field,
    size: usize,
}

/// The dynamic table of a decoder, behind the static one: an entry is a field that was parsed when it was added.
pub(crate) struct Table {
    /// The newest first.
    entries: VecDeque<Entry>,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: VecDeque::new(), bytes: 0, bytes_max: TABLE_BYTES_DEFAULT }
    }
}

impl Table {
    /// An entry of either table, and how large it is as the tables count it.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Result<(&Field, usize), DecodeError> {
        if index > STATIC_LAST {
            let entry = self.entries.get(index - STATIC_LAST - 1).ok_or(DecodeError::NoSuchIndex)?;
            return Ok((&entry.field, entry.size));
        }
        let at = index.wrapping_sub(1);
        let field = STATIC_FIELDS.get(at).ok_or(DecodeError::NoSuchIndex)?;
        Ok((field, STATIC_SIZES[at].into()))
    }

    /// The name of an entry of either table.
    pub(crate) fn name(&self, index: usize) -> Result<Name, DecodeError> {
        self.get(index).map(|(field, _)| field.name())
    }

    /// Adds a field of `size` bytes, after making room; one that is larger than the table empties it.
    pub(crate) fn add(&mut self, field: Field, size: usize) {
        self.evict(self.bytes_max.saturating_sub(size));
        if size <= self.bytes_max {
            self.bytes += size;
            self.entries.push_front(Entry { field, size });
        }
    }

    /// How large the table may become now, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    pub(crate) fn resize(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
        self.evict(bytes_max);
    }

    fn evict(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max {
            let Some(entry) = self.entries.pop_back() else { break };
            self.bytes -= entry.size;
        }
    }

    /// Gives back memory that no entry needs.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }
}

/// The entry of the static table that has a regular field's name, or 0.
pub(crate) fn static_index(name: &str) -> u8 {
    match name.len() {
        3 => one_of(name, &[("age", 21), ("via", 60)]),
        4 => one_of(name, &[("date", 33), ("etag", 34), ("vary", 59), ("link", 45), ("host", 38), ("from", 37)]),
        5 => one_of(name, &[("allow", 22), ("range", 50)]),
        6 => one_of(name, &[("server", 54), ("accept", 19), ("cookie", 32), ("expect", 35)]),
        7 => one_of(name, &[("expires", 36), ("referer", 51), ("refresh", 52)]),
        8 => one_of(name, &[("location", 46), ("if-match", 39), ("if-range", 42)]),
        10 => one_of(name, &[("user-agent", 58), ("set-cookie", 55)]),
        11 => one_of(name, &[("retry-after", 53)]),
        12 => one_of(name, &[("content-type", 31), ("max-forwards", 47)]),
        13 => one_of(
            name,
            &[
                ("cache-control", 24),
                ("last-modified", 44),
                ("authorization", 23),
                ("content-range", 30),
                ("if-none-match", 41),
                ("accept-ranges", 18),
            ],
        ),
        14 => one_of(name, &[("content-length", 28), ("accept-charset", 15)]),
        15 => one_of(name, &[("accept-encoding", 16), ("accept-language", 17)]),
        16 => one_of(
            name,
            &[("content-encoding", 26), ("content-language", 27), ("content-location", 29), ("www-authenticate", 61)],
        ),
        17 => one_of(name, &[("if-modified-since", 40), ("transfer-encoding", 57)]),
        18 => one_of(name, &[("proxy-authenticate", 48)]),
        19 => one_of(name, &[("content-disposition", 25), ("if-unmodified-since", 43), ("proxy-authorization", 49)]),
        25 => one_of(name, &[("strict-transport-security", 56)]),
        27 => one_of(name, &[("access-control-allow-origin", 20)]),
        _ => 0,
    }
}

fn one_of(name: &str, table: &[(&str, u8)]) -> u8 {
    table.iter().find(|(candidate, _)| *candidate == name).map_or(0, |(_, index)| *index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_table_agrees_with_itself() {
        let table = Table::default();
        for index in 1..=STATIC_LAST {
            let (field, size) = table.get(index).unwrap();
            assert_eq!(size, field.name().as_bytes().len() + field.value().len() + ENTRY_OVERHEAD, "{index}");
            assert_eq!(table.name(index).unwrap(), field.name());
            if let Name::Regular(name) = field.name() {
                assert_eq!(usize::from(static_index(name.as_str())), index);
            }
        }
        assert!(table.get(0).is_err());
        assert!(table.get(62).is_err());
        assert_eq!(static_index("x-other"), 0);
    }

    #[test]
    fn the_oldest_entries_make_room() {
        let mut table = Table::default();
        let field = |value: &str| Field::parse(Name::parse(b"n"), value.as_bytes());
        table.resize(100);
        table.add(field("1"), 34);
        table.add(field("2"), 34);
        table.add(field("3"), 34);
        let value = |table: &Table, index| table.get(index).ok().map(|(field, _)| field.value().to_vec());
        assert_eq!(value(&table, 62).unwrap(), b"3");
        assert_eq!(value(&table, 63).unwrap(), b"2");
        assert_eq!(value(&table, 64), None);
        table.resize(34);
        assert_eq!(value(&table, 63), None);
        table.add(field("too large"), 101);
        assert_eq!(value(&table, 62), None);
    }
}
