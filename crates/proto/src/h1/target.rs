//! The four forms of a request target, and what an authority may be (RFC 9112, section 3.2; RFC 3986).

use core::net::Ipv6Addr;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use wirelight_semantics::decision::Rule;

use super::octets::{is_name, is_path, is_query, seen};
use crate::ConnectionError;

/// Whether a target has one of the four forms, and one that its method may have; `at` is where it stands in the head.
#[inline]
pub(super) fn check(method: &Method, target: &[u8], at: usize) -> Result<(), ConnectionError> {
    match target.first() {
        Some(b'/') if *method != Method::CONNECT => path_and_query(target, 0, at),
        _ if *method == Method::CONNECT => authority(target, at, Port::Required),
        Some(b'*') if target.len() == 1 => asterisk(method, at),
        _ => absolute(target, at),
    }
}

/// A target as it is handed on.
pub(super) fn hold(target: Bytes, at: usize) -> Result<Uri, ConnectionError> {
    Uri::from_maybe_shared(target)
        .map_err(|error| refuse(&TARGET, at, format!("the target is not a URI that can be held: {error}")))
}

/// Whether a Host field names a host: empty is allowed, as RFC 9110, section 7.2 has it.
pub(super) fn host(value: &[u8], at: usize) -> Result<(), ConnectionError> {
    if value.is_empty() { Ok(()) } else { authority(value, at, Port::Optional) }
}

fn path_and_query(target: &[u8], from: usize, at: usize) -> Result<(), ConnectionError> {
    let mut i = from;
    while let Some(&b) = target.get(i) {
        if b == b'?' {
            break;
        }
        if !is_path(b) {
            return Err(octet(b, "path", at + i));
        }
        if b == b'%' && !escaped(target, i) {
            let because = "a percent sign in the path is not followed by two hexadecimal digits";
            return Err(refuse(&TARGET, at + i, because).or("%25 would have stood for a percent sign"));
        }
        i += 1;
    }
    // A percent sign in a query may stand alone: browsers send `?q=100%` as it was typed (WHATWG URL).
    match target[i..].iter().position(|b| !is_query(*b)) {
        Some(offset) => Err(octet(target[i + offset], "query", at + i + offset)),
        None => Ok(()),
    }
}

fn escaped(target: &[u8], percent: usize) -> bool {
    target.get(percent + 1..percent + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

fn octet(b: u8, place: &str, at: usize) -> ConnectionError {
    let error = refuse(&TARGET, at, format!("{} may not stand in a {place}", seen(b)));
    if b == b'#' {
        error.or("without its fragment, which is the client's own, the target would have been accepted")
    } else {
        error.or(format!("percent-encoded, as %{b:02X}, it would have been accepted"))
    }
}

fn asterisk(method: &Method, at: usize) -> Result<(), ConnectionError> {
    if *method == Method::OPTIONS {
        return Ok(());
    }
    Err(refuse(&ASTERISK, at, format!("'*' is no target for {method}"))
        .or("OPTIONS would have been accepted: it may ask about the whole server"))
}

fn absolute(target: &[u8], at: usize) -> Result<(), ConnectionError> {
    let start = if has_prefix(target, b"http://") {
        7
    } else if has_prefix(target, b"https://") {
        8
    } else if target.is_empty() {
        return Err(refuse(&TARGET, at, "the target is empty").or("the target / would have been accepted"));
    } else {
        let because = "the target is neither a path nor an http or https URI";
        return Err(refuse(&TARGET, at, because).or("a path that begins with a slash would have been accepted"));
    };
    let rest = &target[start..];
    let length = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    if let Some(offset) = rest[..length].iter().position(|b| *b == b'@') {
        return Err(refuse(&USERINFO, at + start + offset, "the target holds a user name or a password"));
    }
    authority(&rest[..length], at + start, Port::Optional)?;
    path_and_query(target, start + length, at)
}

fn has_prefix(target: &[u8], prefix: &[u8]) -> bool {
    target.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

#[derive(Clone, Copy, PartialEq)]
enum Port {
    Optional,
    Required,
}

/// `uri-host [ ":" port ]`, with a host.
fn authority(value: &[u8], at: usize, port: Port) -> Result<(), ConnectionError> {
    let length = if value.first() == Some(&b'[') {
        literal(value, at)?
    } else {
        let length = value.iter().position(|b| !is_name(*b)).unwrap_or(value.len());
        if let Some(b) = value.get(length).filter(|b| **b != b':') {
            return Err(refuse(&HOST, at + length, format!("{} may not stand in a host", seen(*b))));
        }
        length
    };
    if length == 0 {
        return Err(refuse(&HOST, at, "the host is empty"));
    }
    match (value.get(length), port) {
        (None, Port::Optional) => Ok(()),
        (None, Port::Required) => Err(refuse(&AUTHORITY, at, "the target of CONNECT has no port")
            .or("a host with its port, such as host:443, would have been accepted")),
        (Some(b':'), _) => digits(&value[length + 1..], at + length + 1, port),
        (Some(b), _) => Err(refuse(&HOST, at + length, format!("{} may not follow an address", seen(*b)))),
    }
}

/// `"[" IPv6address "]"`; its length.
fn literal(value: &[u8], at: usize) -> Result<usize, ConnectionError> {
    let address = value.iter().position(|b| *b == b']').and_then(|end| std::str::from_utf8(&value[1..end]).ok());
    match address {
        Some(address) if address.parse::<Ipv6Addr>().is_ok() => Ok(address.len() + 2),
        _ => Err(refuse(&HOST, at, "what stands in brackets is not an IPv6 address")),
    }
}

fn digits(value: &[u8], at: usize, port: Port) -> Result<(), ConnectionError> {
    if let Some(offset) = value.iter().position(|b| !b.is_ascii_digit()) {
        return Err(refuse(&HOST, at + offset, format!("{} may not stand in a port", seen(value[offset]))));
    }
    let number = value.iter().try_fold(0u16, |n, b| n.checked_mul(10)?.checked_add(u16::from(b - b'0')));
    match number {
        None => Err(refuse(&HOST, at, "the port is above 65535")),
        Some(0) if port == Port::Required => {
            Err(refuse(&AUTHORITY, at, "the target of CONNECT has no port that can be connected to")
                .or("a host with its port, such as host:443, would have been accepted"))
        }
        Some(_) => Ok(()),
    }
}

fn refuse(rule: &'static Rule, at: usize, because: impl Into<std::borrow::Cow<'static, str>>) -> ConnectionError {
    ConnectionError::new(rule, StatusCode::BAD_REQUEST, because).at(at as u64)
}

static TARGET: Rule = Rule {
    name: "request-target",
    section: "RFC 9112, section 3.2",
    says: "A request target is a path with an optional query, an absolute URI, an authority or an asterisk.",
};
static ASTERISK: Rule = Rule {
    name: "asterisk-form",
    section: "RFC 9112, section 3.2.4",
    says: "The asterisk is a target for OPTIONS only.",
};
static AUTHORITY: Rule = Rule {
    name: "authority-form",
    section: "RFC 9112, section 3.2.3",
    says: "The target of CONNECT is a host and a port, and of CONNECT only.",
};
static USERINFO: Rule = Rule {
    name: "userinfo",
    section: "RFC 9110, section 4.2.4",
    says: "User names and passwords in an http URI are an error.",
};
static HOST: Rule = Rule {
    name: "uri-host",
    section: "RFC 9112, section 3.2",
    says: "A Host field with an invalid value is answered 400.",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: Method, target: &'static str) -> Option<(&'static str, u64)> {
        let target = Bytes::from_static(target.as_bytes());
        let held = check(&method, &target, 0).and_then(|()| hold(target, 0));
        held.err().map(|error| (error.rule.name, error.at.unwrap()))
    }

    #[test]
    fn targets_are_held_or_refused_with_the_offending_octet() {
        for held in [
            "/",
            "/a/b;c=d?e=f",
            "/%41",
            "/a|b[c]",
            "/?q=100%",
            "/?a|b[c]{d}^e`f\\g",
            "//double",
            "http://a.test",
            "HTTP://A.test?x",
            "https://[::1]:8443/x",
            "http://a.test:/",
        ] {
            assert_eq!(refused(Method::GET, held), None, "{held}");
        }
        for (target, rule, at) in [
            ("", "request-target", 0),
            ("a", "request-target", 0),
            ("?a", "request-target", 0),
            ("*", "asterisk-form", 0),
            ("**", "request-target", 0),
            ("/a#b", "request-target", 2),
            ("/a\\b", "request-target", 2),
            ("/\u{e9}", "request-target", 1),
            ("/?\u{e9}", "request-target", 2),
            ("/%4", "request-target", 1),
            ("/%4g", "request-target", 1),
            ("/a%?", "request-target", 2),
            ("ftp://a.test/", "request-target", 0),
            ("http:///a", "uri-host", 7),
            ("http://u@a.test/", "userinfo", 8),
            ("http://a_b%20.test/", "uri-host", 10),
            ("http://[::1/", "uri-host", 7),
            ("http://[::1]x/", "uri-host", 12),
            ("http://a.test:99999/", "uri-host", 14),
            ("http://a.test:8a/", "uri-host", 15),
            ("a.test:443", "request-target", 0),
        ] {
            assert_eq!(refused(Method::GET, target), Some((rule, at)), "{target}");
        }
        assert_eq!(refused(Method::OPTIONS, "*"), None);
    }

    #[test]
    fn connect_needs_a_host_and_a_port() {
        for held in ["a.test:443", "[::1]:1", "127.0.0.1:65535"] {
            assert_eq!(refused(Method::CONNECT, held), None, "{held}");
        }
        for (target, rule) in [
            ("a.test", "authority-form"),
            ("a.test:", "authority-form"),
            ("a.test:0", "authority-form"),
            (":443", "uri-host"),
            ("/a", "uri-host"),
            ("a.test:443/", "uri-host"),
            ("u@a.test:443", "uri-host"),
            ("http://a.test/", "uri-host"),
            ("*", "authority-form"),
        ] {
            assert_eq!(refused(Method::CONNECT, target).map(|(rule, _)| rule), Some(rule), "{target}");
        }
    }

    #[test]
    fn a_host_may_be_empty() {
        assert!(host(b"", 0).is_ok());
        assert!(host(b"a.test:", 0).is_ok());
        assert!(host(b"a.test:80:80", 0).is_err());
    }
}
