//! Origins: scheme, host and port (RFC 6454, section 4; RFC 9110, section 4.3.1).

use std::fmt;

use http::Uri;

/// A scheme, a host and a port: who is responsible for a resource (RFC 9110, section 4.3.1).
///
/// Scheme and host are in lower case, and the default port of a scheme equals its absence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    scheme: String,
    host: String,
    /// `None` for the scheme's default.
    port: Option<u16>,
}

impl Origin {
    /// An origin of its parts; `None` if the scheme or the host breaks the grammar of RFC 3986.
    pub fn new(scheme: &str, host: &str, port: Option<u16>) -> Option<Self> {
        if !is_scheme(scheme) || !is_host(host) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let port = port.filter(|port| default_port(&scheme) != Some(*port));
        Some(Self { scheme, host: host.to_ascii_lowercase(), port })
    }

    /// Reads `scheme://host` or `scheme://host:port`, with nothing after it (RFC 6454, section 6.2).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let (host, port) = split_port(authority)?;
        Self::new(scheme, host, port)
    }

    /// The origin of an absolute URI; `None` for any other.
    pub fn of(uri: &Uri) -> Option<Self> {
        Self::new(uri.scheme_str()?, uri.host()?, uri.port_u16())
    }

    /// The scheme, in lower case.
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The host, in lower case; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or the default of the scheme if that has one.
    pub fn port(&self) -> Option<u16> {
        self.port.or_else(|| default_port(&self.scheme))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The default port of a scheme, whose name is given in lower case.
pub fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

/// The host and the port of an authority without user information; `None` if the port is no number.
///
/// An empty port equals its absence (RFC 3986, section 6.2.3).
pub fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(end);
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    Some((host, port))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// Whether the text may be a host on the internet: letters, digits, hyphens, underscores and dots, or an IPv6 address in
/// brackets.
fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => {
            address.contains(':') && address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
        }
        None => !text.is_empty() && text.bytes().all(is_host_byte),
    }
}

/// Whether the byte may stand in a registered name that DNS could resolve.
pub(crate) const fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}
