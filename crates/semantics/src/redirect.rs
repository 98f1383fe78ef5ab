//! Redirection: where a response sends its client, and what of the request goes there (RFC 9110, section 15.4; Fetch,
//! section 4.4).

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method, StatusCode, Uri};

use crate::decision::{Decision, Rule, Shown};
use crate::uri::{Origin, remove_dot_segments, split_port};

/// Where a response sends its client, and what of the request goes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It is no redirection that a client follows by itself.
    Final(StatusCode),
    /// It has no Location, so that nothing can be followed.
    NoLocation(StatusCode),
    /// Its Location is no reference to a URI of HTTP.
    Unusable {
        /// What it says.
        location: Vec<u8>,
    },
    /// It is to be followed.
    Follow(Follow),
    /// It has been followed often enough.
    TooMany {
        /// How often.
        followed: usize,
    },
}

/// A redirection that is to be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// What the response said.
    pub status: StatusCode,
    /// Where to.
    pub to: Uri,
    /// With which method.
    pub method: Method,
    /// Whether the content goes along; without it, its fields stay behind too.
    pub with_content: bool,
    /// Whether credentials go along: only to the same origin (Fetch, section 4.4, step 13).
    pub with_credentials: bool,
}

/// Judges a response to a request for `asked` with `method`, after `followed` redirections of at most `followed_max`.
pub fn judge(
    method: &Method,
    asked: &Uri,
    status: StatusCode,
    response: &HeaderMap,
    followed: usize,
    followed_max: usize,
) -> Judgement {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Judgement::Final(status);
    }
    let Some(location) = response.get(LOCATION) else { return Judgement::NoLocation(status) };
    let Some(to) = resolve(asked, location.as_bytes()) else {
        return Judgement::Unusable { location: location.as_bytes().to_vec() };
    };
    if followed >= followed_max {
        return Judgement::TooMany { followed };
    }
    let becomes_get = match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => *method != Method::GET && *method != Method::HEAD,
        _ => false,
    };
    let with_credentials = Origin::of(asked).is_some_and(|origin| Origin::of(&to) == Some(origin));
    let method = if becomes_get { Method::GET } else { method.clone() };
    Judgement::Follow(Follow { status, to, method, with_content: !becomes_get, with_credentials })
}

/// The fields that describe the content, and stay behind with it (Fetch, section 4.4, step 12).
pub const CONTENT_FIELDS: [http::HeaderName; 6] = [
    CONTENT_TYPE,
    http::header::CONTENT_LENGTH,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_LANGUAGE,
    http::header::CONTENT_LOCATION,
    http::header::TRANSFER_ENCODING,
];

/// The fields that say who we are, and stay behind when the origin changes.
pub const CREDENTIAL_FIELDS: [http::HeaderName; 3] =
    [http::header::AUTHORIZATION, http::header::COOKIE, http::header::PROXY_AUTHORIZATION];

/// The URI that a reference means at a base (RFC 3986, section 5.2); `None` unless it is one of `http` or `https`.
///
/// Bytes that no URI may hold are percent-encoded, as browsers do, since servers send them; a fragment is dropped.
pub fn resolve(base: &Uri, reference: &[u8]) -> Option<Uri> {
    let reference = encode(reference.trim_ascii());
    let reference = reference.split('#').next().unwrap_or_default();
    let (scheme, rest) = match reference.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => (None, reference),
    };
    let scheme = match scheme {
        Some(scheme) => scheme.to_ascii_lowercase(),
        None => base.scheme_str()?.to_owned(),
    };
    if scheme != "http" && scheme != "https" {
        return None;
    }
    let (authority, path_and_query) = match rest.strip_prefix("//") {
        Some(rest) => {
            let end = rest.find(['/', '?']).unwrap_or(rest.len());
            let root = if rest[end..].starts_with('/') { "" } else { "/" };
            (rest[..end].to_owned(), absolute(&format!("{root}{}", &rest[end..]), base))
        }
        None if rest.len() != reference.len() => return None,
        None => (base.authority()?.as_str().to_owned(), absolute(rest, base)),
    };
    let without_user = authority.rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
    split_port(without_user)?;
    let uri =
        Uri::builder().scheme(scheme.as_str()).authority(without_user).path_and_query(path_and_query).build().ok()?;
    Origin::of(&uri).map(|_| uri)
}

/// Path and query of a reference without scheme and authority, merged with those of the base.
fn absolute(reference: &str, base: &Uri) -> String {
    let end = reference.find('?').unwrap_or(reference.len());
    let (path, query) = reference.split_at(end);
    match path {
        "" if query.is_empty() => base.path_and_query().map_or_else(|| "/".to_owned(), |both| both.as_str().to_owned()),
        "" => format!("{}{query}", base.path()),
        path if path.starts_with('/') => format!("{}{query}", remove_dot_segments(path)),
        path => {
            let folder = base.path().rfind('/').map_or("/", |slash| &base.path()[..=slash]);
            format!("{}{query}", remove_dot_segments(&format!("{folder}{path}")))
        }
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn encode(reference: &[u8]) -> String {
    let mut encoded = String::with_capacity(reference.len());
    for &byte in reference {
        match byte {
            b'!'..=b'~' if !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}') => {
                encoded.push(byte.into());
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

static REDIRECTION: Rule = Rule {
    name: "redirection",
    section: "RFC 9110, section 15.4",
    says: "A client may follow the Location of a redirection by itself, with the method that the status allows.",
};
static LOCATED: Rule = Rule {
    name: "location",
    section: "RFC 9110, section 10.2.2",
    says: "Location refers to the resource to go to, relative to the one that was asked for.",
};
static LOOPS: Rule = Rule {
    name: "redirection-loop",
    section: "RFC 9110, section 15.4",
    says: "A client detects redirections that lead nowhere and stops.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Final(_) | Self::Follow(_) => &REDIRECTION,
            Self::NoLocation(_) | Self::Unusable { .. } => &LOCATED,
            Self::TooMany { .. } => &LOOPS,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Follow(follow) => format!("followed with {}", follow.method).into(),
            _ => "not followed".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Final(status) => format!("{} sends nobody anywhere", status.as_u16()).into(),
            Self::NoLocation(status) => format!("{} came without Location", status.as_u16()).into(),
            Self::Unusable { location } => {
                format!("Location is `{}`, which is no reference to a URI of HTTP", Shown(location)).into()
            }
            Self::TooMany { followed } => format!("{followed} redirections were followed already").into(),
            Self::Follow(follow) => {
                let mut because =
                    format!("{} sends to {}", follow.status.as_u16(), Shown(follow.to.to_string().as_bytes()));
                if !follow.with_content {
                    because.push_str(", without the content");
                }
                if !follow.with_credentials {
                    because.push_str(", another origin, so credentials stay behind");
                }
                because.into()
            }
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Follow(follow) if !follow.with_content => {
                Some("307 or 308 would have kept the method and the content".into())
            }
            Self::TooMany { .. } => Some("a higher limit would have followed on".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::NoLocation(_) | Self::Unusable { .. } | Self::TooMany { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_resolved_as_rfc_3986_shows() {
        let base: Uri = "http://a/b/c/d;p?q".parse().unwrap();
        let table = [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../../g", "http://a/g"),
            ("http://x/y?z#f", "http://x/y?z"),
            ("HTTPS://x", "https://x/"),
            ("/a b\u{e9}", "http://a/a%20b%C3%A9"),
            ("http://user:secret@x/", "http://x/"),
            ("/a:b", "http://a/a:b"),
        ];
        for (reference, expected) in table {
            assert_eq!(resolve(&base, reference.as_bytes()).unwrap().to_string(), expected, "{reference}");
        }
        for wrong in ["javascript:alert(1)", "file:///etc/passwd", "http://", "http:g", "http://a:b/", "http:///x"] {
            assert_eq!(resolve(&base, wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn method_content_and_credentials_follow_the_status_and_the_origin() {
        let asked: Uri = "http://a.test/x".parse().unwrap();
        let table: [(&str, u16, &str, &str); 12] = [
            ("POST", 301, "/y", "GET, no content, credentials"),
            ("POST", 302, "/y", "GET, no content, credentials"),
            ("PUT", 302, "/y", "PUT, content, credentials"),
            ("PUT", 303, "/y", "GET, no content, credentials"),
            ("HEAD", 303, "/y", "HEAD, content, credentials"),
            ("POST", 307, "/y", "POST, content, credentials"),
            ("POST", 308, "http://A.test:80/", "POST, content, credentials"),
            ("GET", 302, "http://b.test/", "GET, content, no credentials"),
            ("GET", 302, "https://a.test/", "GET, content, no credentials"),
            ("GET", 302, "http://a.test:81/", "GET, content, no credentials"),
            ("GET", 304, "/y", "304 sends nobody anywhere"),
            ("GET", 300, "/y", "300 sends nobody anywhere"),
        ];
        for (method, status, location, expected) in table {
            let fields = HeaderMap::from_iter([(LOCATION, location.parse().unwrap())]);
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let judgement = judge(&method, &asked, StatusCode::from_u16(status).unwrap(), &fields, 0, 1);
            let found = match &judgement {
                Judgement::Follow(follow) => {
                    let no = |has: bool| if has { "" } else { "no " };
                    let (content, credentials) = (no(follow.with_content), no(follow.with_credentials));
                    format!("{}, {content}content, {credentials}credentials", follow.method)
                }
                other => other.because().into_owned(),
            };
            assert_eq!(found, expected, "{method} {status} {location}");
        }
        let fields = HeaderMap::from_iter([(LOCATION, "/".parse().unwrap())]);
        assert!(judge(&Method::GET, &asked, StatusCode::FOUND, &fields, 1, 1).declines());
    }
}
