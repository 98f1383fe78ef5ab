//! Masking at capture: what is secret in a head never gets into the record, nor does its length.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

use crate::Config;
use crate::line::Ends;

/// What stands in the place of a secret, however long that was.
pub(crate) const MASK: &[u8] = b"********";

const TRANSFER_ENCODING: &[u8] = b"transfer-encoding";

/// Which fields and parameters are secrets.
#[derive(Debug)]
pub(crate) struct Masks {
    /// In small letters.
    fields: Vec<Vec<u8>>,
    /// For each byte, whether a line that begins with it may be more than a field that is no secret.
    begins: Box<[bool; 256]>,
    parameters: Vec<Vec<u8>>,
}

impl Masks {
    pub(crate) fn new(config: &Config) -> Self {
        let fields: Vec<_> = config.hidden_fields.iter().map(|name| name.as_str().as_bytes().to_vec()).collect();
        let parameters = config.hidden_parameters.iter().map(|name| name.to_ascii_lowercase().into_bytes()).collect();
        let mut begins = Box::new([false; 256]);
        let firsts = fields.iter().map(|name| name[0]).chain([TRANSFER_ENCODING[0], b'\r', b'\n']);
        for first in firsts.flat_map(|first| [first, first.to_ascii_uppercase()]) {
            begins[usize::from(first)] = true;
        }
        Self { fields, begins, parameters }
    }

    /// Whether the values of fields of this name are secrets.
    pub(crate) fn hides(&self, name: &[u8]) -> bool {
        self.fields.iter().any(|hidden| name.eq_ignore_ascii_case(hidden))
    }

    /// The names whose values are secrets.
    pub(crate) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// Appends a head, or the part of one that came, with its secrets masked; true if its content has a transfer coding,
    /// which the engine has judged.
    ///
    /// What is no secret is copied in as few pieces as can be: mostly there are two, the first line and all the rest.
    pub(crate) fn append_head(&self, head: &[u8], out: &mut Vec<u8>) -> bool {
        let mut ends = Ends::of(head);
        let Some((start, end)) = first_line(head, &mut ends) else {
            out.extend_from_slice(head);
            return false;
        };
        out.extend_from_slice(&head[..start]);
        out.extend_from_slice(&self.target(&head[start..end]));
        let (mut start, mut copied) = (end, end);
        let (mut is_coded, mut hiding) = (false, false);
        while start < head.len() {
            let end = ends.next().unwrap_or(head.len());
            if hiding || self.begins[usize::from(head[start])] {
                let line = &head[start..end];
                if is_empty(line) {
                    // What follows is content.
                    break;
                }
                // A folded line would go on with the value above it.
                let hidden = if hiding && is_folded(line) { Some(0) } else { self.hidden_name(line) };
                hiding = hidden.is_some();
                if let Some(name) = hidden {
                    out.extend_from_slice(&head[copied..start]);
                    if name > 0 {
                        out.extend_from_slice(&line[..name]);
                        out.extend_from_slice(b": ");
                        out.extend_from_slice(MASK);
                        out.extend_from_slice(b"\r\n");
                    }
                    copied = end;
                }
                is_coded |= named(line, TRANSFER_ENCODING);
            }
            start = end;
        }
        out.extend_from_slice(&head[copied..]);
        is_coded
    }

    /// How long the name of a field is whose value is a secret.
    fn hidden_name(&self, line: &[u8]) -> Option<usize> {
        self.fields.iter().find(|hidden| named(line, hidden)).map(|hidden| hidden.len())
    }

    /// A target, or the line that it stands in, with the userinfo of its authority and its secret parameters masked.
    pub(crate) fn target<'a>(&self, target: &'a [u8]) -> Cow<'a, [u8]> {
        if memchr2(b'?', b':', target).is_none() {
            return Cow::Borrowed(target);
        }
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

/// Where the first line begins and ends that is not empty.
fn first_line(head: &[u8], ends: &mut Ends<'_>) -> Option<(usize, usize)> {
    let mut start = 0;
    while start < head.len() {
        let end = ends.next().unwrap_or(head.len());
        if !is_empty(&head[start..end]) {
            return Some((start, end));
        }
        start = end;
    }
    None
}

fn is_empty(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

fn is_folded(line: &[u8]) -> bool {
    matches!(line[0], b' ' | b'\t')
}

/// Whether a field line has this name, which is in small letters.
fn named(line: &[u8], name: &[u8]) -> bool {
    // What stands behind the name is looked at first: mostly it tells the name from others.
    let ends = line.get(name.len()).is_none_or(|byte| matches!(byte, b':' | b' ' | b'\t' | b'\r' | b'\n'));
    ends && line.len() >= name.len() && line[..name.len()].eq_ignore_ascii_case(name)
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
            (
                "GET / HTTP/1.1\r\nCookie: SECRET\r\n\tSECRET\r\nCookie: SECRET\r\nCookies: a\r\n b\r\n\r\n",
                "GET / HTTP/1.1\r\nCookie: ********\r\nCookie: ********\r\nCookies: a\r\n b\r\n\r\n",
            ),
            ("GET / HTTP/1.1\r\nHost: a:1\r\nCookie", "GET / HTTP/1.1\r\nHost: a:1\r\nCookie: ********\r\n"),
            ("GET / HTTP/1.1\r\nCooki", "GET / HTTP/1.1\r\nCooki"),
            (
                "GET / HTTP/1.1\r\n\rCookie: a\r\nCookie: SECRET\r\n",
                "GET / HTTP/1.1\r\n\rCookie: a\r\nCookie: ********\r\n",
            ),
            ("", ""),
            ("\r\n", "\r\n"),
            ("GET", "GET"),
            ("\r\n\r\nGET / HTTP/1.1\r\nCookie: SECRET\r\n", "\r\n\r\nGET / HTTP/1.1\r\nCookie: ********\r\n"),
        ] {
            assert_eq!(masked(head), expected, "{head:?}");
        }
    }

    #[test]
    fn it_is_seen_whether_content_has_a_transfer_coding() {
        for (head, coded) in [
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nSet-Cookie: a\r\ntransfer-ENCODING:chunked\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encodings: chunked\r\n\r\nTransfer-Encoding: chunked\r\n", false),
            ("Transfer-Encoding: chunked\r\n\r\n", false),
        ] {
            assert_eq!(Masks::new(&Config::default()).append_head(head.as_bytes(), &mut Vec::new()), coded, "{head:?}");
        }
    }
}
