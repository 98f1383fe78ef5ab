//! The building blocks that field values share: tokens, quoted strings, lists and parameters (RFC 9110, section 5.6).
//!
//! Everything here reads untrusted bytes in one pass and never fails by panic. It must not know any particular field.

use std::borrow::Cow;

/// Whether the byte may stand in a token (RFC 9110, section 5.6.2).
pub const fn is_tchar(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
}

/// Whether the bytes are a token: at least one byte, all of them [`is_tchar`] (RFC 9110, section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_tchar(byte))
}

/// The bytes as a token, if they are one.
pub fn token(bytes: &[u8]) -> Option<&str> {
    if is_token(bytes) { std::str::from_utf8(bytes).ok() } else { None }
}

/// Whether the byte is optional whitespace: a space or a tab (RFC 9110, section 5.6.3).
pub const fn is_ows(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The bytes without optional whitespace at either end (RFC 9110, section 5.6.3).
pub fn trim_ows(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_ows(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_ows(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The non-empty members of a comma-separated list, each without surrounding whitespace (RFC 9110, section 5.6.1).
///
/// A comma inside a quoted string does not separate. A quoted string that never ends takes the rest of the value.
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    split(value, b',').map(trim_ows).filter(|member| !member.is_empty())
}

/// The pieces of the value between the delimiters that stand outside quoted strings; one empty piece for an empty value.
pub fn split(value: &[u8], delimiter: u8) -> Split<'_> {
    Split { rest: Some(value), delimiter }
}

/// The iterator of [`split`].
#[derive(Debug, Clone)]
pub struct Split<'a> {
    rest: Option<&'a [u8]>,
    delimiter: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        let mut quoted = false;
        let mut at = 0;
        while let Some(&byte) = rest.get(at) {
            match byte {
                b'"' => quoted = !quoted,
                b'\\' if quoted => at += 1,
                _ if byte == self.delimiter && !quoted => {
                    self.rest = Some(&rest[at + 1..]);
                    return Some(&rest[..at]);
                }
                _ => {}
            }
            at += 1;
        }
        self.rest = None;
        Some(rest)
    }
}

/// The text of a quoted string, without its quotes and escapes; `None` if the bytes are not exactly one
/// (RFC 9110, section 5.6.4).
pub fn unquote(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let inner = bytes.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut text: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(&byte) = inner.get(at) {
        match byte {
            b'\\' => {
                let &escaped = inner.get(at + 1)?;
                if !is_quotable(escaped) {
                    return None;
                }
                text.get_or_insert_with(|| inner[..at].to_vec()).push(escaped);
                at += 1;
            }
            b'"' => return None,
            _ if !is_quotable(byte) => return None,
            _ => {
                if let Some(text) = &mut text {
                    text.push(byte);
                }
            }
        }
        at += 1;
    }
    Some(text.map_or(Cow::Borrowed(inner), Cow::Owned))
}

/// Writes the text as a quoted string; `None` if it holds a byte that no quoted string may hold
/// (RFC 9110, section 5.6.4).
pub fn quote(text: &str) -> Option<String> {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        if char.is_ascii() && !is_quotable(char as u8) {
            return None;
        }
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    Some(quoted)
}

/// The text as it is if it is a token, and quoted otherwise; `None` if it cannot be quoted.
pub fn token_or_quoted(text: &str) -> Option<Cow<'_, str>> {
    if is_token(text.as_bytes()) { Some(Cow::Borrowed(text)) } else { quote(text).map(Cow::Owned) }
}

/// Whether a quoted string may hold the byte, escaped or not: a tab, a space, visible ASCII or obs-text.
const fn is_quotable(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// One parameter, `name=value` (RFC 9110, section 5.6.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// The name as it was written; names compare without regard to case.
    pub name: &'a str,
    /// The value, without quotes and escapes.
    pub value: Cow<'a, [u8]>,
}

/// The value of a field with parameters broke the grammar of section 5.6.6 of RFC 9110.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The text before the first semicolon, and the parameters after it (RFC 9110, section 5.6.6).
///
/// Empty parameters (`;;`) are skipped, as the grammar allows; anything else that is no `name=value` is [`Malformed`].
pub fn parameters(value: &[u8]) -> (&[u8], Parameters<'_>) {
    let mut pieces = split(value, b';');
    let head = trim_ows(pieces.next().unwrap_or_default());
    (head, Parameters { pieces })
}

/// The iterator of [`parameters`].
#[derive(Debug, Clone)]
pub struct Parameters<'a> {
    pieces: Split<'a>,
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<Parameter<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.pieces.by_ref().map(trim_ows).find(|piece| !piece.is_empty())?;
        Some(parameter(piece).ok_or(Malformed))
    }
}

fn parameter(piece: &[u8]) -> Option<Parameter<'_>> {
    let equals = memchr::memchr(b'=', piece)?;
    let name = token(&piece[..equals])?;
    let value = &piece[equals + 1..];
    let value = if is_token(value) { Cow::Borrowed(value) } else { unquote(value)? };
    Some(Parameter { name, value })
}
