//! Heads as they are written (RFC 9112, sections 3 to 5).
//!
//! Field names are written with capitals, as people have always read them; their case means nothing.

use http::header::{
    self, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Extensions, StatusCode, Version, request};
use wirelight_semantics::status;

use super::exchange::elements;
use super::length::{self, Field};
use super::octets::is_token;
use super::spelling::Spelling;
use crate::SendError;

/// What the application's own fields say about the framing and the connection.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// Connection says close.
    pub(super) close: bool,
    /// Upgrade names a protocol.
    pub(super) upgrade: bool,
    /// There is a Connection field.
    connection: bool,
    /// What Content-Length says.
    pub(super) length: Option<u64>,
}

/// What becomes of Host among the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WithHost {
    /// It was written at the beginning of a request.
    Written,
    /// It is a field like any other, as in a response.
    Field,
}

/// What the engine says about the connection in a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Persist {
    /// Nothing: it persists.
    Silent,
    /// `keep-alive`, which HTTP/1.0 needs to hear.
    KeepAlive,
    /// `close`.
    Close,
}

/// Writes a status line.
#[inline]
pub(super) fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    if status == StatusCode::OK {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status::name(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a request line in the version of the request (1.1, unless it is 1.0), and Host as the first field (RFC 9110,
/// section 7.2), from the target where the fields lack it.
///
/// The form of the target is that of the URI: origin-form without an authority, absolute-form with a scheme,
/// authority-form with an authority alone.
pub(super) fn request_line(out: &mut Vec<u8>, parts: &request::Parts) -> Result<(), SendError> {
    let uri = &parts.uri;
    let authority = uri.authority().map(|authority| authority.as_str());
    let path = uri.path_and_query().map_or("", |path| path.as_str());
    let connect = parts.method == http::Method::CONNECT;
    let hosts = parts.headers.get_all(HOST).iter().count();
    let well_formed = match authority {
        Some(authority) => !authority.contains('@') && connect == uri.scheme().is_none(),
        None => {
            !connect && hosts == 1 && (path.starts_with('/') || path == "*" && parts.method == http::Method::OPTIONS)
        }
    };
    if !well_formed || hosts > 1 || !path.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(SendError::Invalid);
    }
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    if let Some(scheme) = uri.scheme_str() {
        out.extend_from_slice(scheme.as_bytes());
        out.extend_from_slice(b"://");
    }
    out.extend_from_slice(authority.unwrap_or_default().as_bytes());
    out.extend_from_slice(path.as_bytes());
    out.extend_from_slice(if parts.version == Version::HTTP_10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    match (parts.headers.get(HOST), authority) {
        (Some(host), _) => written(out, &HOST, host, spelling(&parts.extensions))?,
        (None, Some(authority)) => {
            out.extend_from_slice(b"Host: ");
            out.extend_from_slice(authority.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        (None, None) => {}
    }
    Ok(())
}

/// Writes the application's fields, but not those that belong to the framing or the connection: what they say is
/// returned. An error leaves some of the fields written.
pub(super) fn fields(
    out: &mut Vec<u8>,
    fields: &HeaderMap,
    extensions: &Extensions,
    with_host: WithHost,
) -> Result<Own, SendError> {
    let spelling = spelling(extensions);
    let mut own = Own::default();
    for (name, value) in fields {
        match name.as_str().len() {
            4 if with_host == WithHost::Written && *name == HOST => continue,
            7 if *name == UPGRADE => own.upgrade = true,
            10 if *name == CONNECTION => {
                own.connection = true;
                own.close |= elements(value.as_bytes()).any(|option| option.eq_ignore_ascii_case(b"close"));
                continue;
            }
            10 if name.as_str() == "keep-alive" => continue,
            14 if *name == CONTENT_LENGTH => {
                let length = length::decimal(value.as_bytes()).ok_or(SendError::Invalid)?;
                if own.length.replace(length).is_some() {
                    return Err(SendError::Invalid);
                }
                continue;
            }
            16 if name.as_str() == "proxy-connection" => continue,
            17 if *name == TRANSFER_ENCODING => continue,
            _ => {}
        }
        written(out, name, value, spelling)?;
    }
    Ok(own)
}

/// How the names of a message were spelled where it came from, if they are to go on so.
#[inline]
fn spelling(extensions: &Extensions) -> Option<&Spelling> {
    if extensions.is_empty() { None } else { extensions.get::<Spelling>() }
}

/// Writes one field line, with its name as it was spelled.
#[inline]
fn written(
    out: &mut Vec<u8>,
    name: &HeaderName,
    value: &HeaderValue,
    spelling: Option<&Spelling>,
) -> Result<(), SendError> {
    match spelling.and_then(|spelling| spelling.find(name)) {
        Some(spelled) => spelled_field(out, spelled, value),
        None => field(out, name, value)?,
    }
    Ok(())
}

/// Writes the fields of a trailer section that may stand in one (RFC 9110, section 6.5.1).
pub(super) fn trailers(out: &mut Vec<u8>, trailers: &HeaderMap) -> Result<(), SendError> {
    for (name, value) in trailers {
        if !super::chunked::forbidden_in_trailers(name) {
            field(out, name, value)?;
        }
    }
    Ok(())
}

/// Writes what the engine says about length and connection, and the empty line.
pub(super) fn end_of_head(out: &mut Vec<u8>, length: Field, persist: Persist, own: &Own, application: &HeaderMap) {
    match length {
        Field::Absent => {}
        Field::ContentLength(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Field::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if persist == Persist::Silent && !own.upgrade && !own.connection {
        out.extend_from_slice(b"\r\n");
        return;
    }
    let before = out.len();
    out.extend_from_slice(b"Connection");
    let mut separator: &[u8] = b": ";
    let mut option = |out: &mut Vec<u8>, option: &[u8]| {
        out.extend_from_slice(std::mem::replace(&mut separator, b", "));
        out.extend_from_slice(option);
    };
    match persist {
        Persist::Silent => {}
        Persist::KeepAlive => option(out, b"keep-alive"),
        Persist::Close => option(out, b"close"),
    }
    if own.upgrade {
        option(out, b"upgrade");
    }
    for value in application.get_all(CONNECTION) {
        for theirs in elements(value.as_bytes()) {
            let ours: [&[u8]; 3] = [b"close", b"keep-alive", b"upgrade"];
            if !ours.iter().any(|ours| theirs.eq_ignore_ascii_case(ours)) {
                option(out, theirs);
            }
        }
    }
    if out.len() == before + b"Connection".len() {
        out.truncate(before);
    } else {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes one field line; a name that came over HTTP/2 may hold what is no token.
#[inline]
fn field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) -> Result<(), SendError> {
    let plain = name.as_str().as_bytes();
    let value = value.as_bytes();
    out.reserve(plain.len() + value.len() + 4);
    match usual(name, plain.len()) {
        Some(written) => out.extend_from_slice(written),
        None => capitalised(out, plain)?,
    }
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Writes one field line with its name as somebody else has spelled it.
fn spelled_field(out: &mut Vec<u8>, name: &[u8], value: &HeaderValue) {
    for piece in [name, b": ", value.as_bytes(), b"\r\n"] {
        out.extend_from_slice(piece);
    }
}

/// How the names of most fields of most responses are written, with what stands before the value.
#[inline]
fn usual(name: &HeaderName, length: usize) -> Option<&'static [u8]> {
    Some(match length {
        4 if *name == header::DATE => b"Date: ",
        4 if *name == header::ETAG => b"ETag: ",
        4 if *name == header::VARY => b"Vary: ",
        12 if *name == header::CONTENT_TYPE => b"Content-Type: ",
        13 if *name == header::CACHE_CONTROL => b"Cache-Control: ",
        13 if *name == header::ACCEPT_RANGES => b"Accept-Ranges: ",
        13 if *name == header::LAST_MODIFIED => b"Last-Modified: ",
        15 if *name == header::X_FRAME_OPTIONS => b"X-Frame-Options: ",
        15 if *name == header::REFERRER_POLICY => b"Referrer-Policy: ",
        16 if *name == header::CONTENT_ENCODING => b"Content-Encoding: ",
        16 if *name == header::WWW_AUTHENTICATE => b"WWW-Authenticate: ",
        22 if *name == header::X_CONTENT_TYPE_OPTIONS => b"X-Content-Type-Options: ",
        _ => return None,
    })
}

/// Writes a name with capitals, and what stands before the value.
fn capitalised(out: &mut Vec<u8>, name: &[u8]) -> Result<(), SendError> {
    let start = out.len();
    out.extend_from_slice(name);
    let (mut upper, mut token) = (true, true);
    for b in &mut out[start..] {
        token &= is_token(*b);
        if upper {
            b.make_ascii_uppercase();
        }
        upper = *b == b'-';
    }
    out.extend_from_slice(b": ");
    if token { Ok(()) } else { Err(SendError::Invalid) }
}

/// Writes a number in decimal digits.
pub(super) fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Writes the size line of a chunk.
pub(super) fn chunk_size(out: &mut Vec<u8>, mut size: usize) {
    let mut digits = [0; 18];
    let mut at = digits.len() - 2;
    digits[at..].copy_from_slice(b"\r\n");
    while size > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[size % 16];
        size /= 16;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_token_is_not_written() {
        let mut map = HeaderMap::new();
        let quoted = HeaderName::from_lowercase(b"a\"b").expect("http takes it, as HTTP/2 field names come");
        map.insert(quoted, HeaderValue::from_static("c"));
        let written = fields(&mut Vec::new(), &map, &Extensions::new(), WithHost::Field);
        assert_eq!(written.err(), Some(SendError::Invalid));
        assert_eq!(trailers(&mut Vec::new(), &map), Err(SendError::Invalid));
    }

    #[test]
    fn usual_names_are_written_like_all_others() {
        let names = [
            header::DATE,
            header::ETAG,
            header::WWW_AUTHENTICATE,
            header::VARY,
            header::CONTENT_TYPE,
            header::CACHE_CONTROL,
            header::ACCEPT_RANGES,
            header::LAST_MODIFIED,
            header::X_FRAME_OPTIONS,
            header::REFERRER_POLICY,
            header::CONTENT_ENCODING,
            header::X_CONTENT_TYPE_OPTIONS,
        ];
        for name in names {
            let mut written = Vec::new();
            capitalised(&mut written, name.as_str().as_bytes()).unwrap();
            let usual = usual(&name, name.as_str().len()).unwrap();
            assert!(usual.eq_ignore_ascii_case(&written), "{name}");
            let as_the_rfc_has_it = name == header::ETAG || name == header::WWW_AUTHENTICATE;
            assert_eq!(usual != &written[..], as_the_rfc_has_it, "{name}");
        }
        assert_eq!(usual(&header::SERVER, header::SERVER.as_str().len()), None);
    }

    #[test]
    fn numbers_are_written_as_they_are_read() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for size in [1, 9, 15, 16, 255, 256, 0x1234_abcd, usize::MAX] {
            let mut out = Vec::new();
            chunk_size(&mut out, size);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{size:x}\r\n"));
        }
    }
}
