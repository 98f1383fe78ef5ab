//! How the names of fields were spelled, for whoever passes a message on.
//!
//! The case of a name means nothing (RFC 9110, section 5.1), and yet some software looks for one spelling of it.

use bytes::Bytes;
use http::header::HeaderName;

/// How the names of a head's fields were spelled: an extension of its parts, where
/// [`Config::keeps_spelling`](super::Config::keeps_spelling) asks for it.
///
/// A head that is sent with it spells the same names in the same way. The engine of HTTP/2, where all names are in lower
/// case, neither makes nor heeds it.
#[derive(Debug, Clone)]
pub struct Spelling {
    /// The lines of the fields, as they came.
    lines: Bytes,
}

impl Spelling {
    pub(super) fn of(lines: Bytes) -> Self {
        Self { lines }
    }

    /// How a name was spelled when it came first; `None` if it did not come.
    pub(super) fn find(&self, name: &HeaderName) -> Option<&[u8]> {
        let wanted = name.as_str().as_bytes();
        let mut lines = &self.lines[..];
        loop {
            if lines.get(wanted.len()) == Some(&b':') && lines[..wanted.len()].eq_ignore_ascii_case(wanted) {
                return Some(&lines[..wanted.len()]);
            }
            lines = &lines[memchr::memchr(b'\n', lines)? + 1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_they_were_spelled() {
        let spelling = Spelling::of(Bytes::from_static(b"HOST: a\r\nx-iD: 1\r\nx: X-Other: y\r\nX-ID: 2\r\n\r\n"));
        for (name, expected) in
            [("host", Some("HOST")), ("x-id", Some("x-iD")), ("x", Some("x")), ("x-other", None), ("hos", None)]
        {
            let found = spelling.find(&HeaderName::from_static(name));
            assert_eq!(found, expected.map(str::as_bytes), "{name}");
        }
    }
}
