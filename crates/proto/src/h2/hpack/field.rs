//! Fields as a header block holds them, parsed once.

use std::net::Ipv6Addr;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::h2::Protocol;

/// The name of a pseudo-header field (RFC 9113, section 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pseudo {
    /// `:method`
    Method,
    /// `:scheme`
    Scheme,
    /// `:authority`
    Authority,
    /// `:path`
    Path,
    /// `:status`
    Status,
    /// `:protocol` (RFC 8441)
    Protocol,
}

impl Pseudo {
    /// The name on the wire, with its colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Method => ":method",
            Self::Scheme => ":scheme",
            Self::Authority => ":authority",
            Self::Path => ":path",
            Self::Status => ":status",
            Self::Protocol => ":protocol",
        }
    }
}

/// What is wrong with a field, whatever message it is in (RFC 9113, sections 8.2.1 and 8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// The name is not a token in lower case.
    Name,
    /// The name begins with a colon and is none of ours.
    UnknownPseudo,
    /// The value holds NUL, CR, LF or another control character.
    Value,
    /// The value begins or ends with a space or a tab.
    Surrounded,
    /// `:method` is not a token.
    Method,
    /// `:scheme` is not a scheme in lower case.
    Scheme,
    /// `:authority` is empty, holds user information, or is no authority at all.
    Authority,
    /// `:path` is empty, does not begin with a slash, or holds what no path may.
    Path,
    /// `:status` is not three digits from 100 to 999.
    Status,
    /// `:protocol` is not a token.
    Protocol,
}

impl Defect {
    /// What was seen, in one sentence without a full stop.
    pub fn because(self) -> &'static str {
        match self {
            Self::Name => "a field name is not a token in lower case",
            Self::UnknownPseudo => "a pseudo-header field is not defined",
            Self::Value => "a field value holds a control character",
            Self::Surrounded => "a field value begins or ends with whitespace",
            Self::Method => ":method is not a token",
            Self::Scheme => ":scheme is not a scheme in lower case",
            Self::Authority => ":authority is empty, names a user, or is not a host with an optional port",
            Self::Path => ":path is not an absolute path, nor an asterisk",
            Self::Status => ":status is not three digits from 100 to 999",
            Self::Protocol => ":protocol is not a token",
        }
    }
}

/// A field name, as far as it can be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// Of a pseudo-header field.
    Pseudo(Pseudo),
    /// Of a regular field.
    Regular(HeaderName),
    /// Of neither, with what it was on the wire.
    Malformed(Bytes, Defect),
}

impl Name {
    /// Parses a name as it was on the wire.
    pub fn parse(name: &[u8]) -> Self {
        match HeaderName::from_lowercase(name) {
            Ok(name) => Self::Regular(name),
            Err(_) => match name {
                b":method" => Self::Pseudo(Pseudo::Method),
                b":scheme" => Self::Pseudo(Pseudo::Scheme),
                b":authority" => Self::Pseudo(Pseudo::Authority),
                b":path" => Self::Pseudo(Pseudo::Path),
                b":status" => Self::Pseudo(Pseudo::Status),
                b":protocol" => Self::Pseudo(Pseudo::Protocol),
                [b':', ..] => Self::Malformed(Bytes::copy_from_slice(name), Defect::UnknownPseudo),
                _ => Self::Malformed(Bytes::copy_from_slice(name), Defect::Name),
            },
        }
    }

    /// The name on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Pseudo(pseudo) => pseudo.as_str().as_bytes(),
            Self::Regular(name) => name.as_str().as_bytes(),
            Self::Malformed(name, _) => name,
        }
    }
}

/// One field, parsed; what cannot be parsed is kept as it was, since it makes a message malformed but not a table.
#[derive(Debug, Clone)]
pub enum Field {
    /// `:method`
    Method(Method),
    /// `:scheme`
    Scheme(Scheme),
    /// `:authority`
    Authority(Authority),
    /// `:path`
    Path(PathAndQuery),
    /// `:status`
    Status(StatusCode),
    /// `:protocol`
    Protocol(Protocol),
    /// A regular field.
    Regular(HeaderName, HeaderValue),
    /// `:authority` without a value: the first entry of the static table, which no request may have.
    NoAuthority,
    /// A field that makes any message malformed.
    Malformed(Box<(Name, Bytes, Defect)>),
}

impl Field {
    /// Parses the value that goes with a name.
    pub fn parse(name: Name, value: &[u8]) -> Self {
        let parsed = match name {
            Name::Regular(ref name) => return Self::regular(name, value),
            Name::Pseudo(pseudo) => Self::parse_pseudo(pseudo, value),
            Name::Malformed(_, defect) => Err(defect),
        };
        parsed.unwrap_or_else(|defect| Self::malformed(name, value, defect))
    }

    #[inline]
    fn regular(name: &HeaderName, value: &[u8]) -> Self {
        let surrounded = matches!(value.first(), Some(b' ' | b'\t')) || matches!(value.last(), Some(b' ' | b'\t'));
        match HeaderValue::from_bytes(value) {
            Ok(value) if !surrounded => Self::Regular(name.clone(), value),
            Ok(_) => Self::malformed(Name::Regular(name.clone()), value, Defect::Surrounded),
            Err(_) => Self::malformed(Name::Regular(name.clone()), value, Defect::Value),
        }
    }

    fn parse_pseudo(pseudo: Pseudo, value: &[u8]) -> Result<Self, Defect> {
        match pseudo {
            Pseudo::Method => Method::from_bytes(value).map(Self::Method).map_err(|_| Defect::Method),
            Pseudo::Scheme => scheme(value).map(Self::Scheme).ok_or(Defect::Scheme),
            Pseudo::Authority => authority(value).map(Self::Authority).ok_or(Defect::Authority),
            Pseudo::Path => path(value).map(Self::Path).ok_or(Defect::Path),
            Pseudo::Status => StatusCode::from_bytes(value).map(Self::Status).map_err(|_| Defect::Status),
            Pseudo::Protocol => Protocol::from_bytes(value).map(Self::Protocol).ok_or(Defect::Protocol),
        }
    }

    #[cold]
    fn malformed(name: Name, value: &[u8], defect: Defect) -> Self {
        Self::Malformed(Box::new((name, Bytes::copy_from_slice(value), defect)))
    }

    /// The name alone, for a field that reuses it.
    pub fn name(&self) -> Name {
        match self {
            Self::Method(_) => Name::Pseudo(Pseudo::Method),
            Self::Scheme(_) => Name::Pseudo(Pseudo::Scheme),
            Self::Authority(_) | Self::NoAuthority => Name::Pseudo(Pseudo::Authority),
            Self::Path(_) => Name::Pseudo(Pseudo::Path),
            Self::Status(_) => Name::Pseudo(Pseudo::Status),
            Self::Protocol(_) => Name::Pseudo(Pseudo::Protocol),
            Self::Regular(name, _) => Name::Regular(name.clone()),
            Self::Malformed(field) => field.0.clone(),
        }
    }

    /// The value on the wire.
    pub fn value(&self) -> &[u8] {
        match self {
            Self::Method(method) => method.as_str().as_bytes(),
            Self::Scheme(scheme) => scheme.as_str().as_bytes(),
            Self::Authority(authority) => authority.as_str().as_bytes(),
            Self::Path(path) => path.as_str().as_bytes(),
            Self::NoAuthority => b"",
            Self::Status(status) => status.as_str().as_bytes(),
            Self::Protocol(protocol) => protocol.as_str().as_bytes(),
            Self::Regular(_, value) => value.as_bytes(),
            Self::Malformed(field) => &field.1,
        }
    }

    /// Asks whoever forwards the field never to index it (RFC 7541, section 7.1.3).
    pub fn set_sensitive(&mut self) {
        if let Self::Regular(_, value) = self {
            value.set_sensitive(true);
        }
    }
}

fn scheme(value: &[u8]) -> Option<Scheme> {
    match value {
        b"https" => Some(Scheme::HTTPS),
        b"http" => Some(Scheme::HTTP),
        [b'a'..=b'z', ..] if !value.iter().any(u8::is_ascii_uppercase) => Scheme::try_from(value).ok(),
        _ => None,
    }
}

/// An authority without user information (RFC 9113, section 8.3.1); a comma, which no host has, would make it two where
/// Host is read as a list.
pub(crate) fn authority(value: &[u8]) -> Option<Authority> {
    let (host, port) = match value.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !value[colon..].contains(&b']') => (&value[..colon], &value[colon + 1..]),
        _ => (value, &value[..0]),
    };
    let valid_host = match host {
        [] => false,
        [b'[', address @ .., b']'] => std::str::from_utf8(address).is_ok_and(|it| it.parse::<Ipv6Addr>().is_ok()),
        name => name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%".contains(byte)),
    };
    let valid_port = port.iter().all(u8::is_ascii_digit)
        && port.iter().try_fold(0u16, |sum, digit| sum.checked_mul(10)?.checked_add((digit - b'0').into())).is_some();
    if !valid_host || !valid_port {
        return None;
    }
    Authority::from_maybe_shared(Bytes::copy_from_slice(value)).ok()
}

/// A path with its query, or an asterisk; nothing that HTTP/1.1 could not carry in its request line.
fn path(value: &[u8]) -> Option<PathAndQuery> {
    let query = value.iter().position(|byte| *byte == b'?').unwrap_or(value.len());
    let absolute = value.first() == Some(&b'/') || value == b"*";
    let graphic = |bytes: &[u8], no: &[u8]| bytes.iter().all(|byte| byte.is_ascii_graphic() && !no.contains(byte));
    // A percent sign in a query may stand alone: browsers send `?q=100%` as it was typed (WHATWG URL).
    let escaped = |at: usize| value[at..query].get(1..3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !absolute
        || !graphic(&value[..query], b"\"#<>\\^`{}")
        || !graphic(&value[query..], b"\"#<>")
        || !memchr::memchr_iter(b'%', &value[..query]).all(escaped)
    {
        return None;
    }
    PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(value)).ok()
}
