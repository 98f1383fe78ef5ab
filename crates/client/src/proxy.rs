//! Proxies: which one a request goes through, and how it is asked for the way.

use std::net::IpAddr;

use http::HeaderValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirelight_semantics::auth::Basic;
use wirelight_semantics::uri::{Origin, split_port};
use wirelight_service::{Error, Fault, Kind};

use crate::error::{Phase, fail};

/// A proxy, and who we are to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// What it speaks.
    pub protocol: Protocol,
    /// Its host; an IPv6 address stands in brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User and password.
    pub credentials: Option<(String, String)>,
}

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP: whole URIs for `http`, CONNECT for `https` (RFC 9110, section 9.3.6).
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 5 with addresses that we look up (RFC 1928).
    Socks5,
    /// SOCKS 5 with names that the proxy looks up.
    Socks5Names,
}

/// Which proxy requests go through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxies {
    /// For `http`.
    pub http: Option<Proxy>,
    /// For `https`.
    pub https: Option<Proxy>,
    /// Hosts that are asked directly: names with all below them, addresses, networks (`10.0.0.0/8`), or `*`.
    pub except: Vec<String>,
}

impl Proxies {
    /// No proxy.
    pub fn none() -> Self {
        Self { http: None, https: None, except: Vec::new() }
    }

    /// What the environment says: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in small letters or capitals.
    ///
    /// `HTTP_PROXY` in capitals is not read where `REQUEST_METHOD` is set, since a request could have set it there.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| variable(name).filter(|value| !value.is_empty());
        let either = |small: &str| {
            read(small).or_else(|| match small {
                "http_proxy" if variable("REQUEST_METHOD").is_some() => None,
                small => read(&small.to_ascii_uppercase()),
            })
        };
        let proxy = |small: &str| either(small).map(|value| Proxy::parse(&value)).transpose();
        let all = proxy("all_proxy")?;
        let except = either("no_proxy").unwrap_or_default();
        Ok(Self {
            http: proxy("http_proxy")?.or_else(|| all.clone()),
            https: proxy("https_proxy")?.or(all),
            except: except.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }

    /// The proxy for an origin, if it has one.
    pub fn choose(&self, origin: &Origin) -> Option<&Proxy> {
        let proxy = if origin.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.except.iter().any(|except| matches(except, origin)))
    }
}

/// Whether an exception names the host of an origin.
fn matches(except: &str, origin: &Origin) -> bool {
    if except == "*" {
        return true;
    }
    let host = origin.host().trim_start_matches('[').trim_end_matches(']');
    if let Some((network, bits)) = except.split_once('/')
        && let (Ok(network), Ok(bits), Ok(address)) =
            (network.parse::<IpAddr>(), bits.parse::<u32>(), host.parse::<IpAddr>())
    {
        return within(address, network, bits);
    }
    let Some((name, port)) = split_port(except) else { return false };
    if port.is_some_and(|port| origin.port() != Some(port)) {
        return false;
    }
    let name = name.trim_start_matches("*.").trim_start_matches('.').trim_start_matches('[').trim_end_matches(']');
    if name.eq_ignore_ascii_case(host) {
        return true;
    }
    let Some(start) = host.len().checked_sub(name.len() + 1) else { return false };
    !name.is_empty() && host.as_bytes()[start] == b'.' && host[start + 1..].eq_ignore_ascii_case(name)
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

impl Proxy {
    /// Reads `[scheme://][user:password@]host[:port]`; without a scheme it speaks HTTP.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: &str| {
            let because = format!("`{}` is not a proxy: {why}", without_password(text));
            fail(Phase::Proxy, Kind::Malformed, Fault::Ours, because)
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let (protocol, default) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (Protocol::Http, 80),
            "https" => (Protocol::Https, 443),
            "socks5" => (Protocol::Socks5, 1080),
            "socks5h" | "socks" => (Protocol::Socks5Names, 1080),
            _ => return Err(wrong("it speaks http, https, socks5 or socks5h")),
        };
        let rest = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (credentials, authority) = match rest.rsplit_once('@') {
            Some((credentials, authority)) => (Some(credentials), authority),
            None => (None, rest),
        };
        let (host, port) = split_port(authority).ok_or_else(|| wrong("its port is not a number"))?;
        if Origin::new("http", host, None).is_none() {
            return Err(wrong("it names no host"));
        }
        let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = credentials.map(|credentials| {
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            (decode(user), decode(password))
        });
        Ok(Self { protocol, host: host.to_ascii_lowercase(), port: port.unwrap_or(default), credentials })
    }

    /// Whether it speaks HTTP, over TLS or not.
    pub fn is_http(&self) -> bool {
        matches!(self.protocol, Protocol::Http | Protocol::Https)
    }

    /// The value of `Proxy-Authorization`, where there are credentials that it can say.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let (user, password) = self.credentials.clone()?;
        Basic { user, password }.value()
    }
}

impl std::fmt::Display for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.protocol {
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Socks5 => "socks5",
            Protocol::Socks5Names => "socks5h",
        };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

fn without_password(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest)
}

/// Asks a SOCKS 5 proxy for the way to a host (RFC 1928; RFC 1929).
pub(crate) async fn socks5(stream: &mut TcpStream, proxy: &Proxy, host: &str, port: u16) -> Result<(), Error> {
    let broken = |error: std::io::Error| {
        let because = match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                format!("the proxy {proxy} closed the connection during its handshake")
            }
            _ => format!("the proxy {proxy} could not be asked: {error}"),
        };
        fail(Phase::Proxy, Kind::Gone, Fault::Upstream, because)
    };
    let wrong =
        |because: String| fail(Phase::Proxy, Kind::Malformed, Fault::Upstream, format!("the proxy {proxy} {because}"));
    let offer: &[u8] = if proxy.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(offer).await.map_err(broken)?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await.map_err(broken)?;
    match chosen {
        [5, 0] => {}
        [5, 2] if proxy.credentials.is_some() => {
            authenticate(stream, proxy).await.map_err(broken).and_then(|status| {
                if status == 0 { Ok(()) } else { Err(wrong("refuses the user and password".to_owned())) }
            })?
        }
        [5, 0xff] => return Err(wrong("accepts none of the ways to authenticate that it was offered".to_owned())),
        [5, method] => return Err(wrong(format!("chose way {method} to authenticate, which it was not offered"))),
        [version, _] => return Err(wrong(format!("does not speak SOCKS 5: its answer begins with {version:#04x}"))),
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let mut request = vec![5, 1, 0];
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            request.push(1);
            request.extend_from_slice(&address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(4);
            request.extend_from_slice(&address.octets());
        }
        Err(_) => {
            let length = u8::try_from(bare.len()).map_err(|_| wrong("takes no name that long".to_owned()))?;
            request.extend_from_slice(&[3, length]);
            request.extend_from_slice(bare.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    stream.write_all(&request).await.map_err(broken)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(broken)?;
    let [version, reply, _, kind] = answer;
    if version != 5 {
        return Err(wrong(format!("does not speak SOCKS 5: its answer begins with {version:#04x}")));
    }
    if reply != 0 {
        return Err(wrong(format!("could not reach {host}:{port}: {}", refusal(reply))));
    }
    let rest = match kind {
        1 => 4 + 2,
        4 => 16 + 2,
        3 => usize::from(stream.read_u8().await.map_err(broken)?) + 2,
        other => return Err(wrong(format!("answered with an address of unknown kind {other}"))),
    };
    let mut bound = vec![0; rest];
    stream.read_exact(&mut bound).await.map_err(broken)?;
    Ok(())
}

async fn authenticate(stream: &mut TcpStream, proxy: &Proxy) -> std::io::Result<u8> {
    let (user, password) = proxy.credentials.as_ref().map_or(("", ""), |(user, password)| (user, password));
    let mut message = vec![1];
    for text in [user, password] {
        let text = &text.as_bytes()[..text.len().min(255)];
        message.push(text.len() as u8);
        message.extend_from_slice(text);
    }
    stream.write_all(&message).await?;
    let mut status = [0; 2];
    stream.read_exact(&mut status).await?;
    Ok(status[1])
}

/// What a reply code says (RFC 1928, section 6).
fn refusal(code: u8) -> &'static str {
    match code {
        1 => "general failure",
        2 => "its rules do not allow it",
        3 => "the network is unreachable",
        4 => "the host is unreachable",
        5 => "the connection was refused",
        6 => "it took too long",
        7 => "it does not know the command",
        8 => "it does not know that kind of address",
        _ => "for a reason that it does not name",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read() {
        let table = [
            ("proxy.test", "http://proxy.test:80", None),
            ("http://proxy.test:3128/", "http://proxy.test:3128", None),
            ("https://u:p%40x@Proxy.test", "https://proxy.test:443", Some(("u", "p@x"))),
            ("socks5://[::1]", "socks5://[::1]:1080", None),
            ("socks5h://u@a.test:9", "socks5h://a.test:9", Some(("u", ""))),
        ];
        for (text, shown, credentials) in table {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!(proxy.to_string(), shown);
            let credentials = credentials.map(|(user, password): (&str, &str)| (user.to_owned(), password.to_owned()));
            assert_eq!(proxy.credentials, credentials, "{text}");
        }
        for wrong in ["ftp://a.test", "http://", "http://a b", "http://u:secret@a.test:port", "http://a.test:99999"] {
            let error = Proxy::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("is not a proxy") && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_environment_is_read_as_everybody_reads_it() {
        let environment = |variables: &'static [(&str, &str)]| {
            Proxies::from_environment(|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
            .unwrap()
        };
        let all = environment(&[
            ("ALL_PROXY", "socks5://s.test"),
            ("https_proxy", "h.test:1"),
            ("NO_PROXY", "a.test, b.test"),
        ]);
        assert_eq!(all.http.as_ref().unwrap().to_string(), "socks5://s.test:1080");
        assert_eq!(all.https.as_ref().unwrap().to_string(), "http://h.test:1");
        assert_eq!(all.except, ["a.test", "b.test"]);
        let cgi = environment(&[("HTTP_PROXY", "evil.test"), ("REQUEST_METHOD", "GET")]);
        assert_eq!(cgi.http, None);
        assert_eq!(environment(&[("http_proxy", "")]), Proxies::none());
    }

    #[test]
    fn exceptions_name_hosts_with_all_below_them() {
        let table = [
            ("*", "http://a.test", true),
            ("a.test", "http://a.test", true),
            ("A.test", "http://b.a.test", true),
            (".a.test", "http://b.a.test", true),
            ("*.a.test", "http://b.a.test", true),
            ("a.test", "http://aa.test", false),
            ("a.test:8080", "http://a.test:8080", true),
            ("a.test:8080", "http://a.test", false),
            ("10.0.0.0/8", "http://10.1.2.3", true),
            ("10.0.0.0/8", "http://11.1.2.3", false),
            ("0.0.0.0/0", "http://11.1.2.3", true),
            ("fd00::/8", "http://[fd12::1]", true),
            ("::1", "http://[::1]:80", false),
            ("[::1]", "http://[::1]:80", true),
            ("", "http://a.test", false),
        ];
        for (except, origin, expected) in table {
            assert_eq!(matches(except, &Origin::parse(origin).unwrap()), expected, "{except} {origin}");
        }
    }
}
