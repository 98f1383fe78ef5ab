//! What is changed in a message that passes through us (RFC 9110, section 7.6).

use std::fmt::Write as _;
use std::net::IpAddr;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirelight_semantics::{fields, uri};

/// The name that we go by in Via and Proxy-Status.
pub const PSEUDONYM: &str = "wirelight";

/// The protocol that a client asks to go over to, if it does (RFC 9110, section 7.8).
pub fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let wanted = headers.get(header::UPGRADE)?;
    fields::has_connection_option(headers, "upgrade").then(|| wanted.clone())
}

/// Whom a request that is forwarded came from.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// Who made the connection.
    pub peer: Option<IpAddr>,
    /// Whether what it says of others is passed on.
    pub trusted: bool,
    /// The host that was asked for, as it was asked for.
    pub host: &'a str,
    /// Whether it came encrypted.
    pub secure: bool,
    /// The version of HTTP that it came in, as Via writes it.
    pub version: &'a str,
}

/// Makes the fields of a request those of the request that goes on, but for Host.
pub fn request(headers: &mut HeaderMap, from: From<'_>) {
    let upgrade = upgrade(headers);
    let trailers = fields::contains(headers, &header::TE, "trailers");
    fields::remove_hop_by_hop(headers);
    headers.remove(HeaderName::from_static("http2-settings"));
    headers.remove(header::PROXY_AUTHORIZATION);
    if let Some(protocol) = upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    } else if trailers {
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    via(headers, from.version);
    forwarded(headers, from);
}

/// Makes the fields of a request those of one that goes on for its client, of whom nothing is told.
pub fn without_us(headers: &mut HeaderMap, version: &str) {
    let trailers = fields::contains(headers, &header::TE, "trailers");
    fields::remove_hop_by_hop(headers);
    headers.remove(header::PROXY_AUTHORIZATION);
    if trailers {
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    via(headers, version);
}

/// Makes the fields of a response those of the response that goes on.
pub fn response(headers: &mut HeaderMap, version: &str) {
    fields::remove_hop_by_hop(headers);
    headers.remove(header::PROXY_AUTHENTICATE);
    via(headers, version);
}

/// The protocol version of a message as Via writes it: `1.1`, `2`.
pub fn version(of: http::Version) -> String {
    let shown = format!("{of:?}");
    let number = shown.trim_start_matches("HTTP/");
    number.strip_suffix(".0").filter(|whole| *whole != "1").unwrap_or(number).to_owned()
}

/// Adds ourselves to those that a message went through (RFC 9110, section 7.6.3).
fn via(headers: &mut HeaderMap, version: &str) {
    let ours = format!("{version} {PSEUDONYM}");
    if let Ok(value) = HeaderValue::from_str(&ours) {
        append_member(headers, &header::VIA, &value);
    }
}

/// Adds one member to a list field, as one line.
fn append_member(headers: &mut HeaderMap, name: &HeaderName, member: &HeaderValue) {
    let joined = fields::combined(headers, name)
        .and_then(|known| HeaderValue::from_bytes(&[known.as_bytes(), b", ", member.as_bytes()].concat()).ok());
    headers.insert(name, joined.unwrap_or_else(|| member.clone()));
}

/// Says whom the request came from (RFC 7239). What was said before stays only where it comes from a trusted proxy.
fn forwarded(headers: &mut HeaderMap, from: From<'_>) {
    if !from.trusted {
        for name in [header::FORWARDED, fields::X_FORWARDED_FOR, fields::X_FORWARDED_HOST, fields::X_FORWARDED_PROTO] {
            headers.remove(name);
        }
        headers.remove(HeaderName::from_static("x-forwarded-port"));
        headers.remove(HeaderName::from_static("x-forwarded-prefix"));
        headers.remove(HeaderName::from_static("x-real-ip"));
    }
    let scheme = if from.secure { "https" } else { "http" };
    let mut element = match from.peer {
        Some(IpAddr::V4(address)) => format!("for={address}"),
        Some(IpAddr::V6(address)) => format!("for=\"[{address}]\""),
        None => "for=unknown".to_owned(),
    };
    let host = HeaderValue::from_str(from.host).ok().filter(|host| !host.is_empty());
    if host.is_some() {
        // A host has no quotes and no backslashes.
        let _ = write!(element, ";host=\"{}\"", from.host);
    }
    let _ = write!(element, ";proto={scheme}");
    if let Ok(element) = HeaderValue::from_str(&element) {
        append_member(headers, &header::FORWARDED, &element);
    }
    let address = from.peer.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    if let Ok(address) = HeaderValue::from_str(&address) {
        append_member(headers, &fields::X_FORWARDED_FOR, &address);
    }
    if let Some(host) = host
        && !headers.contains_key(fields::X_FORWARDED_HOST)
    {
        headers.insert(fields::X_FORWARDED_HOST, host);
    }
    if !headers.contains_key(fields::X_FORWARDED_PROTO) {
        headers.insert(fields::X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    }
}

/// The host that a request asks for, in small letters and without its port; nothing where it names none.
pub fn host_of(parts: &http::request::Parts) -> String {
    let (host, _) = uri::split_port(authority_of(parts)).unwrap_or((authority_of(parts), None));
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// The authority that a request asks for, as it was written; nothing where it names none (RFC 9112, section 3.3).
pub fn authority_of(parts: &http::request::Parts) -> &str {
    match parts.uri.authority() {
        Some(authority) => authority.as_str(),
        None => parts.headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}
