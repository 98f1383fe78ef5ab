//! The static table and the dynamic table of a decoder (RFC 7541, section 2.3 and appendix A).

use std::collections::VecDeque;

use http::header::*;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::field::{Defect, Field, Name, Pseudo};
use super::{DecodeError, TABLE_BYTES_DEFAULT};

/// The last index of the static table.
pub(crate) const STATIC_LAST: usize = 61;

/// What an entry costs beside its name and value, in bytes (RFC 7541, section 4.1).
pub(crate) const ENTRY_OVERHEAD: usize = 32;

static ROOT: PathAndQuery = PathAndQuery::from_static("/");
static INDEX_HTML: PathAndQuery = PathAndQuery::from_static("/index.html");

/// The size of each entry of the static table, by index less one.
const STATIC_SIZES: [u8; STATIC_LAST] = [
    42, 42, 43, 38, 48, 43, 44, 42, 42, 42, 42, 42, 42, 42, 46, 60, 47, 45, 38, 59, 35, 37, 45, 45, 51, 48, 48, 46, 48,
    45, 44, 38, 36, 36, 38, 39, 36, 36, 40, 49, 45, 40, 51, 45, 36, 40, 44, 50, 51, 37, 39, 39, 43, 38, 42, 57, 49, 42,
    36, 35, 48,
];

/// The name of an entry of the static table.
pub(crate) fn static_name(index: usize) -> Option<Name> {
    Some(match index {
        1 => Name::Pseudo(Pseudo::Authority),
        2 | 3 => Name::Pseudo(Pseudo::Method),
        4 | 5 => Name::Pseudo(Pseudo::Path),
        6 | 7 => Name::Pseudo(Pseudo::Scheme),
        8..=14 => Name::Pseudo(Pseudo::Status),
        _ => Name::Regular(static_header(index)?),
    })
}

fn static_header(index: usize) -> Option<HeaderName> {
    const NAMES: [HeaderName; 47] = [
        ACCEPT_CHARSET,
        ACCEPT_ENCODING,
        ACCEPT_LANGUAGE,
        ACCEPT_RANGES,
        ACCEPT,
        ACCESS_CONTROL_ALLOW_ORIGIN,
        AGE,
        ALLOW,
        AUTHORIZATION,
        CACHE_CONTROL,
        CONTENT_DISPOSITION,
        CONTENT_ENCODING,
        CONTENT_LANGUAGE,
        CONTENT_LENGTH,
        CONTENT_LOCATION,
        CONTENT_RANGE,
        CONTENT_TYPE,
        COOKIE,
        DATE,
        ETAG,
        EXPECT,
        EXPIRES,
        FROM,
        HOST,
        IF_MATCH,
        IF_MODIFIED_SINCE,
        IF_NONE_MATCH,
        IF_RANGE,
        IF_UNMODIFIED_SINCE,
        LAST_MODIFIED,
        LINK,
        LOCATION,
        MAX_FORWARDS,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        RANGE,
        REFERER,
        REFRESH,
        RETRY_AFTER,
        SERVER,
        SET_COOKIE,
        STRICT_TRANSPORT_SECURITY,
        TRANSFER_ENCODING,
        USER_AGENT,
        VARY,
        VIA,
        WWW_AUTHENTICATE,
    ];
    static TABLE: [HeaderName; 47] = NAMES;
    TABLE.get(index.checked_sub(15)?).cloned()
}

/// An entry of the static table, ready to use.
fn static_field(index: usize) -> Field {
    match index {
        2 => Field::Method(Method::GET),
        3 => Field::Method(Method::POST),
        4 => Field::Path(ROOT.clone()),
        5 => Field::Path(INDEX_HTML.clone()),
        6 => Field::Scheme(Scheme::HTTP),
        7 => Field::Scheme(Scheme::HTTPS),
        8 => Field::Status(StatusCode::OK),
        9 => Field::Status(StatusCode::NO_CONTENT),
        10 => Field::Status(StatusCode::PARTIAL_CONTENT),
        11 => Field::Status(StatusCode::NOT_MODIFIED),
        12 => Field::Status(StatusCode::BAD_REQUEST),
        13 => Field::Status(StatusCode::NOT_FOUND),
        14 => Field::Status(StatusCode::INTERNAL_SERVER_ERROR),
        16 => Field::Regular(ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate")),
        _ => match static_header(index) {
            Some(name) => Field::Regular(name, HeaderValue::from_static("")),
            // The first entry: an authority without a value, which no request may have.
            None => {
                Field::Malformed(Box::new((Name::Pseudo(Pseudo::Authority), Default::default(), Defect::Authority)))
            }
        },
    }
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
    /// How large the field is as the tables count it, and the field where it is wanted.
    #[inline]
    pub(crate) fn get(&self, index: usize, wanted: impl FnOnce(usize) -> bool) -> Result<Option<Field>, DecodeError> {
        if index > STATIC_LAST {
            let entry = self.entries.get(index - STATIC_LAST - 1).ok_or(DecodeError::NoSuchIndex)?;
            return Ok(wanted(entry.size).then(|| entry.field.clone()));
        }
        let size = *STATIC_SIZES.get(index.wrapping_sub(1)).ok_or(DecodeError::NoSuchIndex)?;
        Ok(wanted(size.into()).then(|| static_field(index)))
    }

    /// The name of an entry of either table.
    pub(crate) fn name(&self, index: usize) -> Result<Name, DecodeError> {
        if index > STATIC_LAST {
            let entry = self.entries.get(index - STATIC_LAST - 1).ok_or(DecodeError::NoSuchIndex)?;
            return Ok(entry.field.name());
        }
        static_name(index).ok_or(DecodeError::NoSuchIndex)
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
            let mut size = 0;
            let field = table.get(index, |found| {
                size = found;
                true
            });
            let field = field.unwrap().unwrap();
            assert_eq!(size, field.name().as_bytes().len() + field.value().len() + ENTRY_OVERHEAD, "{index}");
            assert_eq!(table.name(index).unwrap(), field.name());
            if let Name::Regular(name) = field.name() {
                assert_eq!(usize::from(static_index(name.as_str())), index);
            }
        }
        assert!(table.get(0, |_| true).is_err());
        assert!(table.get(62, |_| true).is_err());
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
        let value =
            |table: &Table, index| table.get(index, |_| true).ok().flatten().map(|field| field.value().to_vec());
        assert_eq!(value(&table, 62).unwrap(), b"3");
        assert_eq!(value(&table, 63).unwrap(), b"2");
        assert_eq!(value(&table, 64), None);
        table.resize(34);
        assert_eq!(value(&table, 63), None);
        table.add(field("too large"), 101);
        assert_eq!(value(&table, 62), None);
    }
}
