//! From http to https.

use std::borrow::Cow;
use std::future::ready;

use http::uri::{Authority, Uri};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::layer::{Either, date};
use wirelight_service::{Body, Clock, Exchange, Request, Response, Result, Service, Trail};

static RULE: Rule = Rule {
    name: "redirect-to-https",
    section: "RFC 9110, section 15.4.9",
    says: "A request that came in cleartext is sent to the same place over TLS, with the same method.",
};

/// What becomes of a request that came in cleartext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redirection {
    /// It is sent to this location.
    To(String),
    /// It names no host, so there is nowhere to send it.
    NoHost,
    /// What it names as its host is none, and would become part of a location.
    NotAHost(String),
}

impl Decision for Redirection {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::To(location) => format!("308 to {location}").into(),
            Self::NoHost | Self::NotAHost(_) => "400".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::To(_) => "the request came in cleartext".into(),
            Self::NoHost => "the request names no host".into(),
            Self::NotAHost(said) => format!("{said:?} is no host").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::To(_) => None,
            Self::NoHost | Self::NotAHost(_) => Some("a Host field with a name or an address would do".into()),
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::To(_))
    }
}

/// Where a request that came in cleartext is sent: the same host, path and query, over TLS on `port`.
///
/// The host is that of the target, or else of the Host field; what could be anything but a host is refused, since it
/// would stand in a location (RFC 9110, section 7.2).
pub fn judge(target: &Uri, fields: &HeaderMap, port: u16) -> Redirection {
    let mut hosts = fields.get_all(header::HOST).iter();
    let said = match (target.authority(), hosts.next(), hosts.next()) {
        (Some(authority), ..) => authority.as_str().to_owned(),
        (None, Some(host), None) => match host.to_str() {
            Ok(host) => host.to_owned(),
            Err(_) => return Redirection::NotAHost(String::from_utf8_lossy(host.as_bytes()).into_owned()),
        },
        (None, Some(_), Some(_)) => return Redirection::NotAHost("more than one field".to_owned()),
        (None, None, _) => return Redirection::NoHost,
    };
    let Ok(authority) = said.parse::<Authority>() else { return Redirection::NotAHost(said) };
    if !is_host(authority.host()) || said.contains('@') {
        return Redirection::NotAHost(said);
    }
    let path = match target.path_and_query().map(|path| path.as_str()) {
        Some(path) if path.starts_with('/') => path,
        // The whole server, which a location cannot name, or nothing at all.
        _ => "/",
    };
    let host = authority.host();
    Redirection::To(match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    })
}

/// Whether this is a registered name of plain characters, or an address (RFC 3986, section 3.2.2).
fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

/// Sends every request that came in cleartext to the same place over TLS; those that came over TLS go on inward.
#[derive(Debug, Clone)]
pub struct RedirectToHttps<S> {
    /// Who answers the requests that came over TLS.
    pub inner: S,
    /// The port that speaks TLS; `None` lets every request through.
    pub port: Option<u16>,
    /// Tells the time of day.
    pub clock: Clock,
}

impl<S: Service> Service for RedirectToHttps<S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let secure = Exchange::find(&request).is_some_and(|exchange| exchange.secure);
        let Some(port) = self.port.filter(|_| !secure) else { return Either::first(self.inner.call(request)) };
        let redirection = judge(request.uri(), request.headers(), port);
        let mut response = answer(&redirection);
        response.headers_mut().insert(header::DATE, date::now(&self.clock));
        Trail::of(&request).note(redirection);
        Either::second(ready(Ok(response)))
    }
}

fn answer(redirection: &Redirection) -> Response {
    let location = match redirection {
        Redirection::To(location) => HeaderValue::from_str(location).ok().map(|value| (location, value)),
        Redirection::NoHost | Redirection::NotAHost(_) => None,
    };
    let (status, text) = match &location {
        Some((location, _)) => (StatusCode::PERMANENT_REDIRECT, format!("308 Permanent Redirect\n\n{location}\n")),
        None => (
            StatusCode::BAD_REQUEST,
            format!("400 Bad Request\n\nThis server is reached by https, and {}.\n", redirection.because()),
        ),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some((_, location)) = location {
        fields.insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(target: &str, hosts: &[&str], port: u16) -> String {
        let mut fields = HeaderMap::new();
        for host in hosts {
            fields.append(header::HOST, HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        match judge(&target.parse().unwrap(), &fields, port) {
            Redirection::To(location) => location,
            Redirection::NoHost => "no host".to_owned(),
            Redirection::NotAHost(_) => "not a host".to_owned(),
        }
    }

    #[test]
    fn only_the_scheme_and_the_port_change() {
        for (target, host, port, location) in [
            ("/", "example.test", 443, "https://example.test/"),
            ("/a%20b/c?d=e&f", "example.test:8080", 8443, "https://example.test:8443/a%20b/c?d=e&f"),
            ("/", "127.0.0.1:80", 8443, "https://127.0.0.1:8443/"),
            ("/", "[::1]:80", 443, "https://[::1]/"),
            ("//other.test/x", "example.test", 443, "https://example.test//other.test/x"),
            ("/?to=http://other.test/", "my_host", 443, "https://my_host/?to=http://other.test/"),
            ("http://target.test:80/x?y", "other.test", 443, "https://target.test/x?y"),
            ("*", "example.test", 443, "https://example.test/"),
            ("http://target.test", "target.test", 443, "https://target.test/"),
        ] {
            assert_eq!(sent(target, &[host], port), location, "{target} {host}");
        }
    }

    #[test]
    fn what_is_no_host_never_stands_in_a_location() {
        for host in [
            "",
            ":80",
            "me@example.test",
            "example.test/path",
            "example.test?query",
            "example.test#",
            "ex%61mple.test",
            "exam\\ple.test",
            "[::1",
            "[example.test]",
            "a b",
            "ex\u{e4}mple.test",
            "<script>",
            "a,b",
            "a;b=c",
        ] {
            assert_eq!(sent("/", &[host], 443), "not a host", "{host:?}");
        }
        assert_eq!(sent("/", &[], 443), "no host");
        assert_eq!(sent("/", &["a.test", "b.test"], 443), "not a host");
        assert_eq!(sent("http://me:secret@target.test/", &["target.test"], 443), "not a host");
    }
}
