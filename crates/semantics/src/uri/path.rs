//! Paths of origin-form targets: dot segments, percent-encodings, and what is refused (RFC 3986, sections 5.2.4 and 6.2.2).

use std::borrow::Cow;
use std::fmt::Write as _;

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::decision::{Decision, Rule, Shown};

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The path as it came.
    pub path: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It does not begin with a slash.
    Relative,
    /// A percent sign is not followed by two hexadecimal digits (RFC 3986, section 2.1).
    Encoding {
        /// How many bytes stand before the percent sign.
        at: usize,
    },
    /// A byte, raw or encoded, that would mean something else once it is decoded: a slash, a backslash or a control
    /// character.
    Byte {
        /// The byte.
        byte: u8,
        /// How many bytes stand before it.
        at: usize,
    },
    /// The decoded bytes are no UTF-8.
    NotUtf8,
}

impl Refused {
    /// The status that answers such a request: 400.
    pub fn status(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

/// The path without `.` and `..` segments; what would go above the root stays at the root (RFC 3986, section 5.2.4).
///
/// Expects a path that begins with a slash. Encoded dots are left alone: see [`normalize`].
pub fn remove_dot_segments(path: &str) -> Cow<'_, str> {
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    if segments.clone().all(|segment| !matches!(segment, "." | "..")) {
        return Cow::Borrowed(path);
    }
    let mut kept = String::with_capacity(path.len());
    let mut ends_in_dots = false;
    for segment in segments {
        ends_in_dots = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => kept.truncate(kept.rfind('/').unwrap_or(0)),
            _ => {
                kept.push('/');
                kept.push_str(segment);
            }
        }
    }
    if ends_in_dots {
        kept.push('/');
    }
    Cow::Owned(kept)
}

/// The path in the form in which equivalent paths are equal: what need not be encoded is decoded, what must be is
/// encoded in upper case, and dot segments are gone (RFC 3986, section 6.2.2).
///
/// # Errors
/// If the path does not begin with a slash, or if an encoding is broken.
pub fn normalize(path: &str) -> Result<Cow<'_, str>, Refused> {
    let refused = |cause| Refused { path: path.to_owned(), cause };
    if !path.starts_with('/') {
        return Err(refused(Cause::Relative));
    }
    if path.bytes().all(is_plain) {
        return Ok(remove_dot_segments(path));
    }
    let mut normal = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.as_bytes().get(at) {
        let (byte, length) = match byte {
            b'%' => (encoded(path.as_bytes(), at).ok_or_else(|| refused(Cause::Encoding { at }))?, 3),
            byte => (byte, 1),
        };
        if is_unreserved(byte) || (length == 1 && is_plain(byte)) {
            normal.push(byte.into());
        } else {
            write!(normal, "%{byte:02X}").expect("a String takes all text");
        }
        at += length;
    }
    Ok(Cow::Owned(remove_dot_segments(&normal).into_owned()))
}

/// The path that a file system may be asked for: decoded once, without dot segments, beginning with a slash.
///
/// # Errors
/// If the path does not begin with a slash, if an encoding is broken, if a decoded byte is a slash, a backslash or a
/// control character, or if the decoded path is no UTF-8.
pub fn decode(path: &str) -> Result<Cow<'_, str>, Refused> {
    let refused = |cause| Refused { path: path.to_owned(), cause };
    if !path.starts_with('/') {
        return Err(refused(Cause::Relative));
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = path.as_bytes().get(at) {
        let (byte, length) = match byte {
            b'%' => (encoded(path.as_bytes(), at).ok_or_else(|| refused(Cause::Encoding { at }))?, 3),
            byte => (byte, 1),
        };
        if byte.is_ascii_control() || byte == b'\\' || (byte == b'/' && length == 3) {
            return Err(refused(Cause::Byte { byte, at }));
        }
        decoded.push(byte);
        at += length;
    }
    if decoded == path.as_bytes() {
        return Ok(remove_dot_segments(path));
    }
    let decoded = String::from_utf8(decoded).map_err(|_| refused(Cause::NotUtf8))?;
    Ok(Cow::Owned(remove_dot_segments(&decoded).into_owned()))
}

/// What a path segment cannot hold as it is (RFC 3986, section 3.3), and what HTML or a shell would take for its own.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// A decoded path, encoded for `Location` or a link: the inverse of [`decode`].
///
/// Slashes at the beginning become one, so that the reference can never name another host (RFC 3986, section 4.2).
pub fn encode(path: &str) -> String {
    format!("/{}", utf8_percent_encode(path.trim_start_matches('/'), ENCODED))
}

/// The byte that the encoding at this place stands for.
fn encoded(path: &[u8], at: usize) -> Option<u8> {
    let digit = |offset: usize| char::from(*path.get(at + offset)?).to_digit(16);
    u8::try_from(digit(1)? << 4 | digit(2)?).ok()
}

/// Whether the byte means the same whether or not it is encoded (RFC 3986, section 2.3).
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether the byte may stand in a path as it is (RFC 3986, section 3.3).
const fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        )
}

static PATH: Rule = Rule {
    name: "path",
    section: "RFC 3986, sections 2.1 and 6.2.2",
    says: "A path is decoded once, and nothing that is decoded may change where its segments end.",
};

impl Decision for Refused {
    fn rule(&self) -> &'static Rule {
        &PATH
    }

    fn outcome(&self) -> Cow<'static, str> {
        Cow::Borrowed("400 Bad Request")
    }

    fn because(&self) -> Cow<'static, str> {
        let path = Shown(self.path.as_bytes());
        Cow::Owned(match self.cause {
            Cause::Relative => format!("the path {path} does not begin with a slash"),
            Cause::Encoding { at } => {
                format!("the percent sign after {at} bytes of {path} is not followed by two hexadecimal digits")
            }
            Cause::Byte { byte: b'/', at } => format!("{path} hides a slash after {at} bytes"),
            Cause::Byte { byte: b'\\', at } => format!("{path} holds a backslash after {at} bytes"),
            Cause::Byte { byte, at } => format!("{path} holds the control character {byte:#04x} after {at} bytes"),
            Cause::NotUtf8 => format!("{path} does not decode to UTF-8"),
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self.cause {
            Cause::Relative => "a path that begins with a slash would be looked for",
            Cause::Encoding { .. } => "a percent sign that stands for itself is written %25",
            Cause::Byte { byte: b'/', .. } => "a slash that separates segments is written as it is",
            Cause::Byte { .. } => "a path without that byte would be looked for",
            Cause::NotUtf8 => "a path in UTF-8 would be looked for",
        }))
    }

    fn declines(&self) -> bool {
        true
    }
}
