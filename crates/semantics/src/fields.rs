//! Field names that the `http` crate lacks, and ways to read and change fields that hold lists.

use std::borrow::Cow;

use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Version};

use crate::grammar;

/// `Accept-Patch` (RFC 5789, section 3.1).
pub const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");
/// `Accept-Post` (Linked Data Platform 1.0, section 7.1).
pub const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
/// `Access-Control-Allow-Private-Network` (Private Network Access).
pub const ACCESS_CONTROL_ALLOW_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-allow-private-network");
/// `Access-Control-Request-Private-Network` (Private Network Access).
pub const ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK: HeaderName =
    HeaderName::from_static("access-control-request-private-network");
/// `Early-Data` (RFC 8470, section 5.1).
pub const EARLY_DATA: HeaderName = HeaderName::from_static("early-data");
/// `Keep-Alive` (RFC 2068, section 19.7.1), which must not be forwarded.
pub const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// `Priority` (RFC 9218, section 5).
pub const PRIORITY: HeaderName = HeaderName::from_static("priority");
/// `Proxy-Connection`, which never was a standard and must not be forwarded (RFC 9112, appendix C.2.2).
pub const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// `Proxy-Status` (RFC 9209, section 2).
pub const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
/// `Server-Timing` (Server Timing, section 2).
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// `Timing-Allow-Origin` (Resource Timing, section 4.5.1).
pub const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
/// `Traceparent` (Trace Context, section 3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `X-Forwarded-For`, which RFC 7239 replaces with `Forwarded`.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// `X-Forwarded-Host`, which RFC 7239 replaces with `Forwarded`.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// `X-Forwarded-Proto`, which RFC 7239 replaces with `Forwarded`.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// `X-Request-Id`, a name for one exchange that several programs log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The fields that concern one connection only, whether or not `Connection` names them (RFC 9110, section 7.6.1).
///
/// `Trailer` is not among them: it describes the message and may be forwarded.
pub const HOP_BY_HOP: [HeaderName; 6] =
    [header::CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, header::TE, header::TRANSFER_ENCODING, header::UPGRADE];

/// All values of a field as one, joined with commas in their order (RFC 9110, section 5.3); `None` if there is none.
///
/// Copies only if there is more than one field line.
pub fn combined<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, HeaderValue>> {
    let mut values = fields.get_all(name).iter();
    let first = values.next()?;
    let Some(second) = values.next() else {
        return Some(Cow::Borrowed(first));
    };
    let mut joined = [first.as_bytes(), b", ", second.as_bytes()].concat();
    for value in values {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(value.as_bytes());
    }
    Some(Cow::Owned(HeaderValue::from_bytes(&joined).expect("field values joined with commas are a field value")))
}

/// The members of a list field, over all of its lines, in order (RFC 9110, section 5.6.1).
pub fn list<'a>(fields: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    fields.get_all(name).iter().flat_map(|value| grammar::list(value.as_bytes()))
}

/// Whether a list field has the member, compared without regard to case.
pub fn contains(fields: &HeaderMap, name: &HeaderName, member: &str) -> bool {
    list(fields, name).any(|candidate| candidate.eq_ignore_ascii_case(member.as_bytes()))
}

/// A field that may appear once appeared more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeated;

/// The one value of a field that is no list; [`Repeated`] if there are several lines (RFC 9110, section 5.3).
pub fn only<'a>(fields: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut values = fields.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Repeated) } else { Ok(first) }
}

/// The options of the `Connection` field: field names and `close`, `keep-alive`, `upgrade` (RFC 9110, section 7.6.1).
pub fn connection_options(fields: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    list(fields, &header::CONNECTION)
}

/// Whether `Connection` names the option, compared without regard to case.
pub fn has_connection_option(fields: &HeaderMap, option: &str) -> bool {
    contains(fields, &header::CONNECTION, option)
}

/// Removes every field that concerns one connection only: those that `Connection` names, and [`HOP_BY_HOP`]
/// (RFC 9110, section 7.6.1).
///
/// Fields that a message cannot do without (`Host`, `Content-Length` and the like) stay even if `Connection` names
/// them, so that nobody can have them stripped on the way.
pub fn remove_hop_by_hop(fields: &mut HeaderMap) {
    if fields.contains_key(header::CONNECTION) {
        let named: Vec<HeaderName> = connection_options(fields)
            .filter_map(|option| HeaderName::from_bytes(option).ok())
            .filter(|name| fields.contains_key(name) && !is_end_to_end(name))
            .collect();
        for name in &named {
            fields.remove(name);
        }
    }
    remove(fields, &HOP_BY_HOP);
}

/// Removes every field that has one of these names. To look for them costs little where there are none, as mostly.
pub fn remove(fields: &mut HeaderMap, names: &[HeaderName]) {
    let found: Vec<HeaderName> = fields.keys().filter(|name| names.contains(name)).cloned().collect();
    for name in &found {
        fields.remove(name);
    }
}

/// Whether the field is never meant for one connection only, whatever `Connection` says.
fn is_end_to_end(name: &HeaderName) -> bool {
    [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::CACHE_CONTROL,
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
        header::FORWARDED,
        header::VIA,
        X_FORWARDED_FOR,
        X_FORWARDED_HOST,
        X_FORWARDED_PROTO,
    ]
    .contains(name)
}

/// The version in which a message was received, as `Via` writes it: `1.1`, `2` (RFC 9110, section 7.6.3).
pub fn received_protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// Adds names to `Vary`, each once; nothing is added to a `Vary: *` (RFC 9110, section 12.5.5).
pub fn add_vary(fields: &mut HeaderMap, names: &[HeaderName]) {
    if contains(fields, &header::VARY, "*") {
        return;
    }
    for name in names {
        if !contains(fields, &header::VARY, name.as_str()) {
            fields.append(header::VARY, HeaderValue::from(name.clone()));
        }
    }
}
