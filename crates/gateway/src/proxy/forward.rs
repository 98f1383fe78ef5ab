//! What is changed in a message that passes through us (RFC 9110, section 7.6).

use std::net::IpAddr;

use http::Extensions;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use wirelight_proto::h1::Spelling;
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
    pub version: &'static str,
}

/// How many fields are added to a request, at the most: room for them is made once.
const ADDED_MAX: usize = 8;

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What says whom a request came from.
const CLAIMS: [HeaderName; 7] = [
    header::FORWARDED,
    fields::X_FORWARDED_FOR,
    fields::X_FORWARDED_HOST,
    fields::X_FORWARDED_PROTO,
    X_FORWARDED_PORT,
    X_FORWARDED_PREFIX,
    X_REAL_IP,
];

/// Makes the fields of a request those of the request that goes on, but for Host.
pub fn request(headers: &mut HeaderMap, from: From<'_>) {
    let upgrade = upgrade(headers);
    let trailers = fields::contains(headers, &header::TE, "trailers");
    fields::remove_hop_by_hop(headers);
    fields::remove(headers, &[HTTP2_SETTINGS, header::PROXY_AUTHORIZATION]);
    headers.reserve(ADDED_MAX);
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
pub fn without_us(headers: &mut HeaderMap, version: &'static str) {
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
pub fn response(headers: &mut HeaderMap, version: &'static str) {
    fields::remove_hop_by_hop(headers);
    headers.remove(header::PROXY_AUTHENTICATE);
    via(headers, version);
}

/// What goes on with a message beside its fields: how their names were spelled.
pub fn carried(extensions: &Extensions) -> Extensions {
    let mut carried = Extensions::new();
    if let Some(spelling) = extensions.get::<Spelling>() {
        carried.insert(spelling.clone());
    }
    carried
}

/// Adds ourselves to those that a message went through (RFC 9110, section 7.6.3).
fn via(headers: &mut HeaderMap, version: &'static str) {
    let ours = match version {
        "1.1" => HeaderValue::from_static("1.1 wirelight"),
        "2" => HeaderValue::from_static("2 wirelight"),
        other => match HeaderValue::try_from(format!("{other} {PSEUDONYM}")) {
            Ok(value) => value,
            Err(_) => return,
        },
    };
    append_member(headers, &header::VIA, ours);
}

/// Adds one member to a list field, as one line.
fn append_member(headers: &mut HeaderMap, name: &HeaderName, member: HeaderValue) {
    let joined = fields::combined(headers, name)
        .and_then(|known| HeaderValue::from_bytes(&[known.as_bytes(), b", ", member.as_bytes()].concat()).ok());
    headers.insert(name, joined.unwrap_or(member));
}

/// Says whom the request came from (RFC 7239). What was said before stays only where it comes from a trusted proxy.
fn forwarded(headers: &mut HeaderMap, from: From<'_>) {
    if !from.trusted {
        fields::remove(headers, &CLAIMS);
    }
    let scheme = if from.secure { "https" } else { "http" };
    let address = from.peer.map_or_else(|| "unknown".to_owned(), shown);
    // The value that was sent is shared rather than copied, where it is that.
    let asked = headers.get(header::HOST).filter(|host| host.as_bytes() == from.host.as_bytes()).cloned();
    let host = asked.or_else(|| HeaderValue::from_str(from.host).ok()).filter(|host| !host.is_empty());
    let mut element = String::with_capacity(64 + from.host.len());
    element.push_str("for=");
    match from.peer {
        Some(IpAddr::V6(_)) => element.extend(["\"[", &address, "]\""]),
        _ => element.push_str(&address),
    }
    if host.is_some() {
        // A host has no quotes and no backslashes.
        element.extend([";host=\"", from.host, "\""]);
    }
    element.extend([";proto=", scheme]);
    if let Ok(element) = HeaderValue::try_from(element) {
        append_member(headers, &header::FORWARDED, element);
    }
    if let Ok(address) = HeaderValue::try_from(address) {
        append_member(headers, &fields::X_FORWARDED_FOR, address);
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

/// An address as text. One of four numbers is written here: formatting it costs more than all else that is said of it.
fn shown(address: IpAddr) -> String {
    let IpAddr::V4(address) = address else { return address.to_string() };
    let mut text = String::with_capacity("255.255.255.255".len());
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            text.push('.');
        }
        for (place, least) in [(100, 100), (10, 10), (1, 0)] {
            if octet >= least {
                text.push(char::from(b'0' + octet / place % 10));
            }
        }
    }
    text
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_are_shown_as_they_always_are() {
        for octet in 0..=255 {
            let address = Ipv4Addr::new(octet, 255 - octet, 7, octet / 3);
            assert_eq!(shown(address.into()), address.to_string());
        }
        let address = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(shown(address), "fe80::1");
    }

    #[test]
    fn whom_a_request_came_from_is_told_whatever_it_claimed() {
        let claims = [("forwarded", "for=9.9.9.9"), ("x-forwarded-for", "9.9.9.9"), ("x-real-ip", "9.9.9.9")];
        for (trusted, forwarded, address) in [
            (false, "for=127.0.0.1;host=\"a.test:80\";proto=http", "127.0.0.1"),
            (true, "for=9.9.9.9, for=127.0.0.1;host=\"a.test:80\";proto=http", "9.9.9.9, 127.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("a.test:80"));
            for (name, value) in claims {
                headers.insert(name, HeaderValue::from_static(value));
            }
            let peer = Some(IpAddr::from([127, 0, 0, 1]));
            request(&mut headers, From { peer, trusted, host: "a.test:80", secure: false, version: "1.0" });
            assert_eq!(headers[header::FORWARDED], forwarded);
            assert_eq!(headers[fields::X_FORWARDED_FOR], address);
            assert_eq!(headers[fields::X_FORWARDED_HOST], "a.test:80");
            assert_eq!(headers[fields::X_FORWARDED_PROTO], "http");
            assert_eq!(headers[header::VIA], "1.0 wirelight");
            assert_eq!(headers.contains_key("x-real-ip"), trusted);
        }
    }
}
