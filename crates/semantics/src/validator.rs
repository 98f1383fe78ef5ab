//! Validators: entity tags and modification dates that tell one state of a representation from another
//! (RFC 9110, section 8.8).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderMap;
use http::header::{DATE, ETAG, HeaderValue, LAST_MODIFIED};

use crate::{date, fields, grammar};

/// An entity tag: an opaque name for one state of a representation (RFC 9110, section 8.8.3).
///
/// Cheap to clone. It has no `==`, because there are two ways to compare: [`strong_eq`](Self::strong_eq) and
/// [`weak_eq`](Self::weak_eq).
#[derive(Debug, Clone)]
pub struct EntityTag {
    weak: bool,
    opaque: Bytes,
}

/// The bytes are no entity tag (RFC 9110, section 8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag is quoted and holds visible characters without quotes or spaces")
    }
}

impl std::error::Error for Malformed {}

impl EntityTag {
    /// A strong tag: it changes whenever a single byte of the representation does. The text comes without quotes.
    ///
    /// # Errors
    /// If the text holds a space, a quote or a control character.
    pub fn strong(opaque: impl Into<Bytes>) -> Result<Self, Malformed> {
        Self::new(false, opaque.into())
    }

    /// A weak tag: it changes whenever the representation changes its meaning. The text comes without quotes.
    ///
    /// # Errors
    /// If the text holds a space, a quote or a control character.
    pub fn weak(opaque: impl Into<Bytes>) -> Result<Self, Malformed> {
        Self::new(true, opaque.into())
    }

    fn new(weak: bool, opaque: Bytes) -> Result<Self, Malformed> {
        if opaque.iter().all(|&byte| is_etagc(byte)) { Ok(Self { weak, opaque }) } else { Err(Malformed) }
    }

    /// A tag for a file, made of its length and modification time.
    ///
    /// It is weak while the file has been changed less than two seconds before `now`: the file may change again without
    /// its time doing so (RFC 9110, section 8.8.1).
    pub fn of_file(length: u64, modified: SystemTime, now: SystemTime) -> Self {
        let age = now.duration_since(modified).unwrap_or_default();
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let opaque = format!("{:x}.{:x}-{length:x}", since.as_secs(), since.subsec_nanos());
        Self { weak: age < Duration::from_secs(2), opaque: opaque.into() }
    }

    /// Reads one entity tag, `"abc"` or `W/"abc"`.
    ///
    /// # Errors
    /// If the bytes are anything else: `w/` in lower case is no mark of weakness (RFC 9110, section 8.8.3).
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let tag = Borrowed::parse(grammar::trim_ows(value)).ok_or(Malformed)?;
        Ok(Self { weak: tag.weak, opaque: Bytes::copy_from_slice(tag.opaque) })
    }

    /// Whether it is weak.
    pub fn is_weak(&self) -> bool {
        self.weak
    }

    /// The text between the quotes.
    pub fn opaque(&self) -> &[u8] {
        &self.opaque
    }

    /// The same tag, marked as weak: for a representation that means the same, but differs in bytes.
    pub fn weakened(mut self) -> Self {
        self.weak = true;
        self
    }

    /// Whether both are strong and the same (RFC 9110, section 8.8.3.2).
    pub fn strong_eq(&self, other: &Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Whether both are the same, however weak (RFC 9110, section 8.8.3.2).
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque == other.opaque
    }

    /// The tag as a field value.
    pub fn value(&self) -> HeaderValue {
        let quoted = [if self.weak { b"W/\"".as_slice() } else { b"\"" }, &self.opaque, b"\""].concat();
        HeaderValue::from_bytes(&quoted).expect("the characters of an entity tag are those of a field value")
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, crate::decision::Shown(&self.opaque))
    }
}

/// Whether the byte may stand in an entity tag: visible ASCII without the quote, or obs-text.
const fn is_etagc(byte: u8) -> bool {
    byte == 0x21 || (byte >= 0x23 && byte != 0x7f)
}

/// An entity tag inside a field value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Borrowed<'a> {
    pub(crate) weak: bool,
    pub(crate) opaque: &'a [u8],
}

impl<'a> Borrowed<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::take(bytes)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag that the bytes begin with, and what follows it.
    fn take(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, quoted) = match bytes.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, bytes),
        };
        let inner = quoted.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', inner)?;
        let opaque = &inner[..end];
        opaque.iter().all(|&byte| is_etagc(byte)).then_some((Self { weak, opaque }, &inner[end + 1..]))
    }
}

/// The entity tags of an `If-Match` or `If-None-Match` value (RFC 9110, section 13.1).
///
/// A backslash escapes nothing in a tag, so this is not [`grammar::list`]. What is no tag is skipped up to the next
/// comma; it can match nothing.
pub(crate) fn tags(value: &[u8]) -> impl Iterator<Item = Borrowed<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while let Some(&byte) = rest.first() {
            if byte == b',' || grammar::is_ows(byte) {
                rest = &rest[1..];
                continue;
            }
            let taken = Borrowed::take(rest).filter(|(_, after)| {
                let after = grammar::trim_ows(&after[..memchr::memchr(b',', after).unwrap_or(after.len())]);
                after.is_empty()
            });
            if let Some((tag, after)) = taken {
                rest = after;
                return Some(tag);
            }
            rest = memchr::memchr(b',', rest).map_or(&[], |comma| &rest[comma..]);
        }
        None
    })
}

/// What tells the current state of a representation from others (RFC 9110, section 8.8).
#[derive(Debug, Clone, Default)]
pub struct Validators {
    /// The current entity tag.
    pub entity_tag: Option<EntityTag>,
    /// When it was last modified; fractions of a second are ignored, since `Last-Modified` cannot carry them.
    pub last_modified: Option<SystemTime>,
}

impl Validators {
    /// The validators that the fields of a response carry; what is malformed counts as absent.
    pub fn of(fields: &HeaderMap) -> Self {
        let only = |name| fields::only(fields, &name).ok().flatten().map(HeaderValue::as_bytes);
        Self {
            entity_tag: only(ETAG).and_then(|value| EntityTag::parse(value).ok()),
            last_modified: only(LAST_MODIFIED).and_then(date::parse),
        }
    }

    /// Writes `ETag` and `Last-Modified`. A modification time after `now` is written as `now`
    /// (RFC 9110, section 8.8.2.1).
    pub fn write(&self, now: SystemTime, fields: &mut HeaderMap) {
        if let Some(tag) = &self.entity_tag {
            fields.insert(ETAG, tag.value());
        }
        if let Some(modified) = self.last_modified {
            fields.insert(LAST_MODIFIED, date::format(modified.min(now)));
        }
    }

    /// Whether the modification date may stand for every byte: it lies at least a second before `date`, the time of
    /// the response (RFC 9110, section 8.8.2.2).
    pub fn is_date_strong(&self, date: SystemTime) -> bool {
        self.last_modified.is_some_and(|modified| date::seconds(modified) < date::seconds(date))
    }
}

/// The time at which the response was made, by its `Date` (RFC 9110, section 6.6.1).
pub fn response_date(fields: &HeaderMap) -> Option<SystemTime> {
    fields::only(fields, &DATE).ok().flatten().and_then(|value| date::parse(value.as_bytes()))
}
