//! Masking at capture: what is secret in a head never gets into the record, nor does its length.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter};

use crate::Config;

/// What stands in the place of a secret, however long that was.
pub(crate) const MASK: &[u8] = b"********";

/// Which fields and parameters are secrets.
#[derive(Debug)]
pub(crate) struct Masks {
    /// In small letters.
    fields: Vec<Vec<u8>>,
    /// A bit for each length that a name among the fields has.
    lengths: u64,
    parameters: Vec<Vec<u8>>,
}

impl Masks {
    pub(crate) fn new(config: &Config) -> Self {
        let fields: Vec<_> = config.hidden_fields.iter().map(|name| name.as_str().as_bytes().to_vec()).collect();
        let lengths = fields.iter().fold(0, |lengths, name| lengths | length_bit(name.len()));
        let parameters = config.hidden_parameters.iter().map(|name| name.to_ascii_lowercase().into_bytes()).collect();
        Self { fields, lengths, parameters }
    }

    /// Whether the values of fields of this name are secrets.
    pub(crate) fn hides(&self, name: &[u8]) -> bool {
        self.lengths & length_bit(name.len()) != 0 && self.fields.iter().any(|hidden| name.eq_ignore_ascii_case(hidden))
    }

    /// The names whose values are secrets.
    pub(crate) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// Appends a head, or the part of one that came, with its secrets masked.
    pub(crate) fn append_head(&self, head: &[u8], out: &mut Vec<u8>) {
        let mut start = 0;
        let mut begun = false;
        let mut hiding = false;
        for end in memchr_iter(b'\n', head).chain([head.len().wrapping_sub(1)]) {
            let Some(line) = head.get(start..=end).filter(|line| !line.is_empty()) else { continue };
            start = end + 1;
            if matches!(line, b"\n" | b"\r\n") {
                out.extend_from_slice(line);
                if begun {
                    // What follows is content.
                    return out.extend_from_slice(&head[start..]);
                }
            } else if !begun {
                begun = true;
                out.extend_from_slice(&self.target(line));
            } else if !(hiding && matches!(line[0], b' ' | b'\t')) {
                // A folded line would go on with the value above it.
                hiding = self.append_line(line, out);
            }
        }
    }

    /// Appends one field line; true if its value is a secret.
    fn append_line(&self, line: &[u8], out: &mut Vec<u8>) -> bool {
        let name =
            line.iter().position(|byte| matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n')).unwrap_or(line.len());
        if !self.hides(&line[..name]) {
            out.extend_from_slice(line);
            return false;
        }
        out.extend_from_slice(&line[..name]);
        out.extend_from_slice(b": ");
        out.extend_from_slice(MASK);
        out.extend_from_slice(b"\r\n");
        true
    }

    /// A target, or the line that it stands in, with the userinfo of its authority and its secret parameters masked.
    pub(crate) fn target<'a>(&self, target: &'a [u8]) -> Cow<'a, [u8]> {
        let target = mask_userinfo(target);
        let Some(question) = memchr(b'?', &target) else { return target };
        let mut masked: Option<Vec<u8>> = None;
        let mut at = question + 1;
        while at < target.len() && !matches!(target[at], b' ' | b'#') {
            let rest = &target[at..];
            let end = rest.iter().position(|byte| matches!(byte, b'&' | b';' | b' ' | b'#')).unwrap_or(rest.len());
            let pair = &rest[..end];
            let equals = memchr(b'=', pair).filter(|&equals| self.is_parameter(&pair[..equals]));
            match equals {
                Some(equals) => {
                    let out = masked.get_or_insert_with(|| target[..at].to_vec());
                    out.extend_from_slice(&pair[..=equals]);
                    out.extend_from_slice(MASK);
                }
                None => masked.iter_mut().for_each(|out| out.extend_from_slice(pair)),
            }
            at += end;
            if let Some(delimiter @ (b'&' | b';')) = target.get(at) {
                masked.iter_mut().for_each(|out| out.push(*delimiter));
                at += 1;
            }
        }
        match masked {
            Some(mut out) => {
                out.extend_from_slice(&target[at..]);
                Cow::Owned(out)
            }
            None => target,
        }
    }

    fn is_parameter(&self, name: &[u8]) -> bool {
        let plain: Cow<'_, [u8]> = percent_encoding::percent_decode(name).into();
        self.parameters.iter().any(|hidden| plain.eq_ignore_ascii_case(hidden))
    }
}

fn length_bit(length: usize) -> u64 {
    1 << (length % 64)
}

/// Masks what stands before the `@` of an authority.
fn mask_userinfo(target: &[u8]) -> Cow<'_, [u8]> {
    let Some(start) = memchr::memmem::find(target, b"://").map(|at| at + 3) else { return Cow::Borrowed(target) };
    let rest = &target[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#' | b' ')).unwrap_or(rest.len());
    match memchr::memrchr(b'@', &rest[..end]) {
        Some(at) => Cow::Owned([&target[..start], MASK, &rest[at..]].concat()),
        None => Cow::Borrowed(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(head: &str) -> String {
        let mut out = Vec::new();
        Masks::new(&Config::default()).append_head(head.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn secrets_are_masked_with_their_length_and_nothing_else_is() {
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            (
                "GET / HTTP/1.1\r\nAuthorization: Bearer SECRET\r\nHost: a\r\n\r\n",
                "GET / HTTP/1.1\r\nAuthorization: ********\r\nHost: a\r\n\r\n",
            ),
            ("GET / HTTP/1.1\r\ncOOkie:SECRET\r\n\r\n", "GET / HTTP/1.1\r\ncOOkie: ********\r\n\r\n"),
            ("GET / HTTP/1.1\r\nCookie : SECRET\r\n", "GET / HTTP/1.1\r\nCookie: ********\r\n"),
            (
                "GET / HTTP/1.1\r\nCookie: SECRET\r\n SECRET\r\nA: b\r\n\r\n",
                "GET / HTTP/1.1\r\nCookie: ********\r\nA: b\r\n\r\n",
            ),
            ("GET / HTTP/1.1\nCookie: SECRET", "GET / HTTP/1.1\nCookie: ********\r\n"),
            ("GET /?token=SECRET&a=b HTTP/1.1\r\n\r\n", "GET /?token=********&a=b HTTP/1.1\r\n\r\n"),
            ("GET /?a=b;to%6ben=SECRET#x HTTP/1.1\r\n", "GET /?a=b;to%6ben=********#x HTTP/1.1\r\n"),
            ("GET http://u:SECRET@h/?a=b@c HTTP/1.1\r\n", "GET http://********@h/?a=b@c HTTP/1.1\r\n"),
            (
                "HTTP/1.1 200 OK\r\nSet-Cookie: SECRET\r\nX: y\r\n\r\nCookie: content\n",
                "HTTP/1.1 200 OK\r\nSet-Cookie: ********\r\nX: y\r\n\r\nCookie: content\n",
            ),
            ("", ""),
            ("GET", "GET"),
            ("\r\n\r\nGET / HTTP/1.1\r\nCookie: SECRET\r\n", "\r\n\r\nGET / HTTP/1.1\r\nCookie: ********\r\n"),
        ] {
            assert_eq!(masked(head), expected, "{head:?}");
        }
    }
}
