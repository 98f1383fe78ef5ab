//! What a URL says, as browsers read it.

use std::net::Ipv4Addr;

use http::Uri;
use http::header::HeaderValue;
use wirelight_semantics::auth::Basic;
use wirelight_service::{Fault, Kind, Result};

use crate::error::{Phase, fail};

/// What a URL says.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) authorization: Option<HeaderValue>,
}

/// Reads a URL as browsers do (WHATWG URL), with the user and password that it may hold.
pub(crate) fn target(url: &str) -> Result<Target> {
    if is_normal(url)
        && let Ok(uri) = url.parse()
    {
        return Ok(Target { uri, authorization: None });
    }
    normalized(url)
}

fn normalized(url: &str) -> Result<Target> {
    let wrong = |because: String| fail(Phase::Request, Kind::Malformed, Fault::Ours, because);
    let mut parsed = url::Url::parse(url).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            wrong(format!("`{url}` does not say a scheme and a host, such as http://example.org/"))
        }
        error => wrong(format!("`{url}` is no URL: {error}")),
    })?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong(format!("`{}` is not a scheme that HTTP is spoken for: http or https", parsed.scheme())));
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let authorization = match (parsed.username(), parsed.password()) {
        ("", None) => None,
        (user, password) => Basic { user: decode(user), password: decode(password.unwrap_or_default()) }.value(),
    };
    // Both are no-ops on a URL of HTTP that has neither.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    parsed.set_fragment(None);
    let uri = parsed.as_str().parse().map_err(|error| wrong(format!("`{url}` cannot be sent: {error}")))?;
    Ok(Target { uri, authorization })
}

/// Whether browsers would read a URL as it stands: what is looked at here is only what is common and plain.
fn is_normal(url: &str) -> bool {
    let url = url.as_bytes();
    let (rest, port) = match (url.strip_prefix(b"http://"), url.strip_prefix(b"https://")) {
        (Some(rest), _) => (rest, &b"80"[..]),
        (_, Some(rest)) => (rest, &b"443"[..]),
        _ => return false,
    };
    let Some(end) = rest.iter().position(|octet| matches!(octet, b':' | b'/')) else { return false };
    let (host, rest) = rest.split_at(end);
    let target = match rest.strip_prefix(b":") {
        None => rest,
        Some(rest) => {
            let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
            if !is_plain_port(&rest[..digits]) || rest[..digits] == *port {
                return false;
            }
            &rest[digits..]
        }
    };
    // A segment that begins with a dot, written out or not, may be one that is taken away.
    let is_kept = |two: &[u8]| !matches!(two, b"/." | b"/%");
    target.first() == Some(&b'/')
        && is_plain_host(host)
        && target.iter().all(|octet| is_plain(*octet))
        && target.windows(2).all(is_kept)
}

/// Whether a host is a name of plain letters, digits and hyphens, or four plain numbers.
fn is_plain_host(host: &[u8]) -> bool {
    let mut before = b'.';
    let mut last = 0;
    for (at, octet) in host.iter().enumerate() {
        match octet {
            b'.' if before == b'.' => return false,
            b'.' => last = at + 1,
            b'a'..=b'z' | b'0'..=b'9' | b'-' => {}
            _ => return false,
        }
        before = *octet;
    }
    let has_punycode = host.windows(4).any(|four| four == b"xn--");
    // What ends in a number is an address of four, however it is written.
    let is_number = host.get(last).is_some_and(u8::is_ascii_digit);
    let is_address = || std::str::from_utf8(host).is_ok_and(|host| host.parse::<Ipv4Addr>().is_ok());
    before != b'.' && !has_punycode && (!is_number || is_address())
}

fn is_plain_port(port: &[u8]) -> bool {
    let number = port.iter().fold(0u32, |number, digit| (number * 10 + u32::from(digit - b'0')).min(1 << 16));
    number > 0 && number < 1 << 16 && port[0] != b'0'
}

/// Whether an octet of a path or query stands for itself.
fn is_plain(octet: u8) -> bool {
    matches!(octet, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'('
        | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'%' | b'?')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_for_normal_is_what_browsers_make_of_it() {
        let schemes = ["http://", "https://", "HTTP://", "ftp://", "http:", "http:/", ""];
        let hosts = [
            "a.test",
            "A.test",
            "a",
            "a..b",
            ".a",
            "a.",
            "127.0.0.1",
            "127.1",
            "1.2.3.4.",
            "0x7f.1",
            "a.0x1",
            "a.1",
            "1a.b1",
            "999.1.1.1",
            "01.2.3.4",
            "xn--a.test",
            "xn--bcher-kva.test",
            "a_b",
            "a%41",
            "[::1]",
            "a b",
            "-a-",
            "user@a.test",
            "u:p@a.test",
            "ab--c.test",
            "",
        ];
        let ports = ["", ":", ":80", ":443", ":8080", ":080", ":65535", ":65536", ":+1", ":1x", ":0"];
        let targets = [
            "",
            "/",
            "//",
            "/a/b?c=d&e=f",
            "/a/../b",
            "/a/./b",
            "/..",
            "/a/%2e%2E/b",
            "/%2f",
            "/%41%zz",
            "/a b",
            "/a\\b",
            "/\u{e9}",
            "/a#b",
            "/a?b#c",
            "?x",
            "/a?b'c",
            "/a'b",
            "/a|b",
            "/a\tb",
            "/.well-known/x",
            "/a.b/c.d",
            "/?/../x",
            "/{a}",
            "/a\"b",
            "/a?x=/%2e/",
            "/;a=b,c@d:e!$&()*+~",
        ];
        let mut plain = 0;
        for scheme in schemes {
            for host in hosts {
                for port in ports {
                    for target in targets {
                        let url = format!("{scheme}{host}{port}{target}");
                        if is_normal(&url) {
                            plain += 1;
                            let normal = normalized(&url).unwrap_or_else(|error| panic!("{url}: {error}"));
                            assert_eq!(normal.uri.to_string(), url);
                            assert_eq!(normal.authorization, None);
                        }
                    }
                }
            }
        }
        assert!(plain > 100, "{plain}");
        assert!(is_normal("http://127.0.0.1:8080/1k.txt") && is_normal("https://api.example.test/orders?page=2"));
    }
}
