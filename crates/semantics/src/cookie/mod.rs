//! Cookies: what a client sends back, and what a server sets (RFC 6265bis, sections 4 and 5).

mod jar;
mod set_cookie;

use http::HeaderMap;
use http::header::COOKIE;

use crate::grammar;

pub use jar::{Jar, Kept, Storing};
pub use set_cookie::{Fault, NAME_AND_VALUE_MAX, SameSite, SetCookie};

/// The cookies of a request as names and values, in order, at most `pairs_max` of them (RFC 6265bis, section 4.2.1).
///
/// Quotes around a value are taken off. A pair without an equals sign, or whose name is no token, is skipped, so that
/// neither an empty name nor odd whitespace can pass for a `__Host-` cookie. Equal names all come, in their order.
pub fn pairs(request: &HeaderMap, pairs_max: usize) -> impl Iterator<Item = (&str, &[u8])> {
    let pieces = request.get_all(COOKIE).iter().flat_map(|value| value.as_bytes().split(|&byte| byte == b';'));
    pieces.filter_map(pair).take(pairs_max)
}

/// The value of the first cookie with this name among the first `pairs_max`; names compare with regard to case.
pub fn value<'a>(request: &'a HeaderMap, name: &str, pairs_max: usize) -> Option<&'a [u8]> {
    pairs(request, pairs_max).find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn pair(piece: &[u8]) -> Option<(&str, &[u8])> {
    let piece = grammar::trim_ows(piece);
    let equals = memchr::memchr(b'=', piece)?;
    let name = grammar::token(grammar::trim_ows(&piece[..equals]))?;
    let value = grammar::trim_ows(&piece[equals + 1..]);
    let unquoted = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
    Some((name, unquoted.unwrap_or(value)))
}
