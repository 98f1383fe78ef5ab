//! Heads and trailer sections written as header blocks.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request, response};

use super::{is_connection_specific, is_forbidden_in_trailers};
use crate::h2::Protocol;
use crate::h2::frame::{HEAD_LENGTH, Head, flag, kind};
use crate::h2::hpack::Encoder;
use crate::h2::stream::Promised;
use crate::{Length, SendError};

/// What follows the head of a message, and what its head says of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) promised: Promised,
    pub(crate) content_length: Option<u64>,
    /// Whether the head ends the stream.
    pub(crate) ends: bool,
}

/// Writes a header block as HEADERS, and CONTINUATION where it does not fit one frame.
pub(crate) fn block(
    stream: u32,
    end_stream: bool,
    frame_bytes_max: usize,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD_LENGTH]);
    write(out);
    let length = out.len() - at - HEAD_LENGTH;
    let ends = if end_stream { flag::END_STREAM } else { 0 };
    if length <= frame_bytes_max {
        let head = Head { length, kind: kind::HEADERS, flags: ends | flag::END_HEADERS, stream };
        out[at..at + HEAD_LENGTH].copy_from_slice(&head.octets());
        return;
    }
    let fragments = out.split_off(at);
    let mut head = Head { length: 0, kind: kind::HEADERS, flags: ends, stream };
    let mut rest = &fragments[HEAD_LENGTH..];
    while !rest.is_empty() {
        let (fragment, tail) = rest.split_at(rest.len().min(frame_bytes_max));
        rest = tail;
        head.length = fragment.len();
        if rest.is_empty() {
            head.flags |= flag::END_HEADERS;
        }
        out.extend_from_slice(&head.octets());
        out.extend_from_slice(fragment);
        head = Head { kind: kind::CONTINUATION, flags: 0, ..head };
    }
}

/// What a response has after its head (RFC 9110, section 6.4.1).
pub(crate) fn response_shape(
    parts: &response::Parts,
    length: Length,
    head_only: bool,
    tunnel: bool,
) -> Result<Shape, SendError> {
    let declared = declared(&parts.headers)?;
    let absent = |content_length| Ok(Shape { promised: Promised::Absent, content_length, ends: true });
    if tunnel && parts.status.is_success() {
        return Ok(Shape { promised: Promised::Unknown, content_length: None, ends: false });
    }
    if parts.status == StatusCode::NO_CONTENT {
        return if matches!(length, Length::Known(1..)) { Err(SendError::WrongLength) } else { absent(None) };
    }
    if head_only || parts.status == StatusCode::NOT_MODIFIED {
        // Nothing follows, so nothing can be counted: the application's own field is believed before its promise,
        // and a promise of nothing is not told apart from knowing nothing.
        return absent(match (declared, length) {
            (Some(declared), _) => Some(declared),
            (None, Length::Known(length @ 1..)) => Some(length),
            (None, _) => None,
        });
    }
    shape(length, declared, &parts.headers, true)
}

/// What a request has after its head.
pub(crate) fn request_shape(parts: &request::Parts, length: Length) -> Result<Shape, SendError> {
    let declared = declared(&parts.headers)?;
    if parts.method == Method::CONNECT {
        return Ok(Shape { promised: Promised::Unknown, content_length: None, ends: false });
    }
    // RFC 9110, section 8.6: a request that could have content says that it has none.
    let says_zero = matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) || declared.is_some();
    shape(length, declared, &parts.headers, says_zero)
}

fn shape(length: Length, declared: Option<u64>, fields: &HeaderMap, says_zero: bool) -> Result<Shape, SendError> {
    if declared.is_some_and(|declared| length != Length::Known(declared)) {
        return Err(SendError::WrongLength);
    }
    Ok(match length {
        Length::Known(length) => Shape {
            promised: Promised::Known(length),
            content_length: (length > 0 || says_zero).then_some(length),
            // A trailer section that was announced will come at the end.
            ends: length == 0 && !fields.contains_key(header::TRAILER),
        },
        Length::Unknown => Shape { promised: Promised::Unknown, content_length: None, ends: false },
    })
}

/// The one Content-Length that an application gave, if it gave any.
fn declared(fields: &HeaderMap) -> Result<Option<u64>, SendError> {
    if fields.is_empty() {
        return Ok(None);
    }
    let mut values = fields.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let digits = value.to_str().ok().filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    match (digits.and_then(|digits| digits.parse().ok()), values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err(SendError::Invalid),
    }
}

/// Writes the fields of a response, interim or final.
pub(crate) fn response(parts: &response::Parts, content_length: Option<u64>, encoder: &mut Encoder, out: &mut Vec<u8>) {
    encoder.begin(out);
    encoder.status(parts.status, out);
    if let Some(length) = content_length {
        encoder.content_length(length, out);
    }
    fields(&parts.headers, encoder, out);
}

/// Writes the fields of a request; nothing is written if it cannot be said.
pub(crate) fn request(
    parts: &request::Parts,
    content_length: Option<u64>,
    extended_connect: bool,
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
) -> Result<(), SendError> {
    let target = Target::of(parts, extended_connect)?;
    encoder.begin(out);
    encoder.method(&parts.method, out);
    if let Some(scheme) = target.scheme {
        encoder.scheme(scheme, out);
    }
    encoder.authority(target.authority, out);
    if let Some(path) = target.path {
        encoder.path(path, out);
    }
    if let Some(protocol) = target.protocol {
        encoder.protocol(protocol, out);
    }
    if let Some(length) = content_length {
        encoder.content_length(length, out);
    }
    fields(&parts.headers, encoder, out);
    Ok(())
}

/// Writes the fields of a trailer section that may stand in one.
pub(crate) fn trailers(trailers: &HeaderMap, encoder: &mut Encoder, out: &mut Vec<u8>) {
    encoder.begin(out);
    for (name, value) in trailers {
        if !is_forbidden_in_trailers(name) {
            encoder.field(name, &trimmed(value), out);
        }
    }
}

/// Whether a trailer section has anything that may stand in one.
pub(crate) fn has_trailers(trailers: &HeaderMap) -> bool {
    trailers.keys().any(|name| !is_forbidden_in_trailers(name))
}

/// Writes the application's fields, but not those that the engine itself says or that HTTP/2 does not have.
#[inline]
fn fields(fields: &HeaderMap, encoder: &mut Encoder, out: &mut Vec<u8>) {
    for (name, value) in fields {
        let left_out = match name.as_str().len() {
            2 => *name == header::TE && !value.as_bytes().eq_ignore_ascii_case(b"trailers"),
            4 => *name == header::HOST,
            7 | 10 | 16 | 17 => is_connection_specific(name),
            14 => *name == header::CONTENT_LENGTH || name.as_str() == "http2-settings",
            _ => false,
        };
        if left_out {
            continue;
        }
        match value.as_bytes() {
            [b' ' | b'\t', ..] | [.., b' ' | b'\t'] => encoder.field(name, &trimmed(value), out),
            _ => encoder.field(name, value, out),
        }
    }
}

/// A value without the whitespace around it, which HTTP/1.1 would have dropped on the way.
fn trimmed(value: &HeaderValue) -> HeaderValue {
    let mut trimmed = HeaderValue::from_bytes(value.as_bytes().trim_ascii()).unwrap_or_else(|_| value.clone());
    trimmed.set_sensitive(value.is_sensitive());
    trimmed
}

/// The pseudo-header fields that say where a request goes (RFC 9113, section 8.3.1).
struct Target<'a> {
    scheme: Option<&'a str>,
    authority: &'a str,
    path: Option<&'a str>,
    protocol: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn of(parts: &'a request::Parts, extended_connect: bool) -> Result<Self, SendError> {
        let authority = authority_of(parts)?;
        let protocol = parts.extensions.get::<Protocol>();
        let connects = parts.method == Method::CONNECT;
        if connects && protocol.is_none() {
            let alone = parts.uri.scheme().is_none() && parts.uri.path_and_query().is_none();
            return if alone && parts.uri.port().is_some() {
                Ok(Self { scheme: None, authority, path: None, protocol: None })
            } else {
                Err(SendError::Invalid)
            };
        }
        if protocol.is_some() && !(connects && extended_connect) {
            return Err(SendError::Invalid);
        }
        let path = path_of(&parts.uri);
        let valid = path.starts_with('/') || path == "*" && parts.method == Method::OPTIONS;
        if !valid || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SendError::Invalid);
        }
        let scheme = Some(parts.uri.scheme_str().ok_or(SendError::Invalid)?);
        Ok(Self { scheme, authority, path: Some(path), protocol: protocol.map(Protocol::as_str) })
    }
}

fn authority_of(parts: &request::Parts) -> Result<&str, SendError> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let named = match (parts.uri.authority(), hosts.next()) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(host)) => host.to_str().map_err(|_| SendError::Invalid)?,
        (None, None) => return Err(SendError::Invalid),
    };
    if hosts.next().is_some() || named.is_empty() || named.contains('@') { Err(SendError::Invalid) } else { Ok(named) }
}

fn path_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}
