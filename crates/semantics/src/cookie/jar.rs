//! Cookies as a client keeps them (RFC 6265bis, section 5).

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderValue, Uri};

use super::set_cookie::NAME_AND_VALUE_MAX;
use crate::date;
use crate::decision::{Decision, Rule, Shown};

/// A cookie is kept no longer than this (RFC 6265bis, section 5.5): 400 days.
const AGE_MAX: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Cookies as a client keeps them; none is given to anybody but those who may have it.
#[derive(Debug, Clone)]
pub struct Jar {
    cookies: Vec<Kept>,
    /// The most cookies that are kept; the one that was used longest ago makes room.
    pub cookies_max: usize,
    /// The most cookies that one domain may have.
    pub cookies_of_a_domain_max: usize,
}

/// A cookie that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
    /// The domain, in lower case.
    pub domain: String,
    /// Whether the hosts below the domain get it too.
    pub with_subdomains: bool,
    /// The path; all below it get it too.
    pub path: String,
    /// Whether it is sent over secure connections only.
    pub secure: bool,
    /// Whether scripts were to be kept from it.
    pub http_only: bool,
    /// Until when it is kept; `None` until the client ends.
    pub expires: Option<SystemTime>,
    /// When it was first set.
    pub created: SystemTime,
    /// When it was last sent.
    pub used: SystemTime,
}

/// What came of a Set-Cookie field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storing {
    /// It is kept.
    Stored {
        /// The name.
        name: String,
    },
    /// It took a cookie away, or expired at once.
    Removed {
        /// The name.
        name: String,
    },
    /// It is not kept.
    Refused {
        /// The name, as far as there is one.
        name: String,
        /// Why.
        why: Why,
    },
}

/// Why a cookie is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// It has neither name nor value, or holds a control character.
    Unreadable,
    /// Name and value are too long together.
    TooLong,
    /// Its domain is not that of the host.
    ForeignDomain(String),
    /// Its domain is one under which anybody may register.
    PublicSuffix(String),
    /// It is Secure, or takes the place of one that is, and the connection is not.
    Insecure,
    /// Its name begins with `__Secure-` or `__Host-`, and it does not keep that promise.
    Prefix,
}

impl Default for Jar {
    fn default() -> Self {
        Self { cookies: Vec::new(), cookies_max: 3000, cookies_of_a_domain_max: 180 }
    }
}

impl Jar {
    /// Every cookie, in the order in which they were set.
    pub fn cookies(&self) -> &[Kept] {
        &self.cookies
    }

    /// Keeps a cookie as it is, in place of one with the same name, domain and path.
    pub fn insert(&mut self, cookie: Kept) {
        self.cookies.retain(|kept| !kept.is_same(&cookie));
        self.cookies.push(cookie);
        self.make_room();
    }

    /// Takes what a response to a request for `asked` sets (RFC 6265bis, section 5.7).
    pub fn store(&mut self, asked: &Uri, set: &[u8], now: SystemTime) -> Storing {
        let parsed = match Parsed::read(set) {
            Ok(parsed) => parsed,
            Err(why) => return Storing::Refused { name: String::new(), why },
        };
        let name = parsed.name.clone();
        match self.admit(parsed, asked, now) {
            Err(why) => Storing::Refused { name, why },
            Ok(cookie) => {
                let expired = cookie.expires.is_some_and(|expires| expires <= now);
                let created = self.cookies.iter().find(|kept| kept.is_same(&cookie)).map(|kept| kept.created);
                self.cookies.retain(|kept| !kept.is_same(&cookie));
                if expired {
                    return Storing::Removed { name };
                }
                self.cookies.push(Kept { created: created.unwrap_or(now), ..cookie });
                self.make_room();
                Storing::Stored { name }
            }
        }
    }

    fn admit(&self, parsed: Parsed, asked: &Uri, now: SystemTime) -> Result<Kept, Why> {
        let host = host(asked);
        let secure_connection = is_secure(asked);
        let (domain, with_subdomains) = match parsed.domain.filter(|domain| !domain.is_empty()) {
            None => (host.clone(), false),
            Some(domain) if is_public_suffix(&domain) => {
                if domain != host {
                    return Err(Why::PublicSuffix(domain));
                }
                (host.clone(), false)
            }
            Some(domain) if domain_matches(&host, &domain) => (domain, true),
            Some(domain) => return Err(Why::ForeignDomain(domain)),
        };
        let path = parsed.path.filter(|path| path.starts_with('/'));
        let root = path.as_deref() == Some("/");
        let lower = parsed.name.to_ascii_lowercase();
        let keeps_promise = match &lower {
            name if name.starts_with("__host-") => parsed.secure && !with_subdomains && root,
            name if name.starts_with("__secure-") => parsed.secure,
            // A nameless cookie must not pass for one with a prefix when it is sent.
            name if name.is_empty() => {
                let value = parsed.value.to_ascii_lowercase();
                !value.starts_with("__host-") && !value.starts_with("__secure-")
            }
            _ => true,
        };
        if !keeps_promise {
            return Err(Why::Prefix);
        }
        let cookie = Kept {
            name: parsed.name,
            value: parsed.value,
            domain,
            with_subdomains,
            path: path.unwrap_or_else(|| default_path(asked)),
            secure: parsed.secure,
            http_only: parsed.http_only,
            expires: match (parsed.max_age, parsed.expires) {
                (Some(seconds), _) if seconds <= 0 => Some(UNIX_EPOCH),
                (Some(seconds), _) => Some(now + Duration::from_secs(seconds.unsigned_abs()).min(AGE_MAX)),
                (None, Some(expires)) => Some(expires.min(now + AGE_MAX)),
                (None, None) => None,
            },
            created: now,
            used: now,
        };
        let hides_secure = || {
            self.cookies.iter().any(|kept| {
                kept.secure
                    && kept.name == cookie.name
                    && (domain_matches(&kept.domain, &cookie.domain) || domain_matches(&cookie.domain, &kept.domain))
                    && path_matches(&cookie.path, &kept.path)
            })
        };
        if !secure_connection && (cookie.secure || hides_secure()) {
            return Err(Why::Insecure);
        }
        Ok(cookie)
    }

    /// The value of Cookie for a request for `asked`, if any cookie goes there (RFC 6265bis, section 5.8).
    pub fn header(&mut self, asked: &Uri, now: SystemTime) -> Option<HeaderValue> {
        self.forget_expired(now);
        let (host, path, secure) = (host(asked), asked.path(), is_secure(asked));
        let mut matching: Vec<&mut Kept> = self
            .cookies
            .iter_mut()
            .filter(|kept| kept.goes_to(&host) && path_matches(path, &kept.path) && (secure || !kept.secure))
            .collect();
        matching.sort_by_key(|kept| (std::cmp::Reverse(kept.path.len()), kept.created));
        let mut value = String::new();
        for kept in matching {
            kept.used = now;
            if !value.is_empty() {
                value.push_str("; ");
            }
            if !kept.name.is_empty() {
                value.push_str(&kept.name);
                value.push('=');
            }
            value.push_str(&kept.value);
        }
        let mut value = HeaderValue::from_str(&value).ok().filter(|value| !value.is_empty())?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Forgets what has expired.
    pub fn forget_expired(&mut self, now: SystemTime) {
        self.cookies.retain(|kept| kept.expires.is_none_or(|expires| expires > now));
    }

    fn make_room(&mut self) {
        if let Some(last) = self.cookies.last().map(|kept| kept.domain.clone()) {
            while self.cookies.iter().filter(|kept| kept.domain == last).count() > self.cookies_of_a_domain_max.max(1) {
                self.drop_least_used(|kept| kept.domain == last);
            }
        }
        while self.cookies.len() > self.cookies_max.max(1) {
            self.drop_least_used(|_| true);
        }
    }

    fn drop_least_used(&mut self, among: impl Fn(&Kept) -> bool) {
        let candidates = self.cookies.iter().enumerate().filter(|(_, kept)| among(kept));
        if let Some((index, _)) = candidates.min_by_key(|(_, kept)| (kept.secure, kept.used)) {
            self.cookies.remove(index);
        }
    }

    /// The jar as a file that curl and browsers' tools read, one cookie a line.
    pub fn to_netscape(&self) -> String {
        let mut text = String::from("# Netscape HTTP Cookie File\n");
        for kept in &self.cookies {
            let prefix = if kept.http_only { "#HttpOnly_" } else { "" };
            let dot = if kept.with_subdomains { "." } else { "" };
            let flag = |flag: bool| if flag { "TRUE" } else { "FALSE" };
            let expires = kept.expires.map_or(0, date::seconds);
            let Kept { domain, path, name, value, .. } = kept;
            let (below, secure) = (flag(kept.with_subdomains), flag(kept.secure));
            // A String takes whatever is written to it.
            let _ = writeln!(text, "{prefix}{dot}{domain}\t{below}\t{path}\t{secure}\t{expires}\t{name}\t{value}");
        }
        text
    }

    /// Reads such a file; lines that are none of a cookie are passed over.
    pub fn from_netscape(text: &str, now: SystemTime) -> Self {
        let mut jar = Self::default();
        for line in text.lines() {
            let (line, http_only) = match line.strip_prefix("#HttpOnly_") {
                Some(line) => (line, true),
                None => (line, false),
            };
            let fields: Vec<&str> = line.split('\t').collect();
            let [domain, below, path, secure, expires, name, value] = fields[..] else { continue };
            if line.starts_with('#') || domain.is_empty() || !path.starts_with('/') {
                continue;
            }
            let Ok(seconds) = expires.parse::<u64>() else { continue };
            jar.insert(Kept {
                name: name.to_owned(),
                value: value.to_owned(),
                domain: domain.trim_start_matches('.').to_ascii_lowercase(),
                with_subdomains: below == "TRUE",
                path: path.to_owned(),
                secure: secure == "TRUE",
                http_only,
                expires: (seconds != 0).then(|| UNIX_EPOCH + Duration::from_secs(seconds)),
                created: now,
                used: now,
            });
        }
        jar.forget_expired(now);
        jar
    }
}

impl Kept {
    fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.domain == other.domain && self.path == other.path
    }

    fn goes_to(&self, host: &str) -> bool {
        if self.with_subdomains { domain_matches(host, &self.domain) } else { host == self.domain }
    }
}

/// What a Set-Cookie field says, before it is judged (RFC 6265bis, section 5.6).
#[derive(Debug, Default)]
struct Parsed {
    name: String,
    value: String,
    domain: Option<String>,
    path: Option<String>,
    max_age: Option<i64>,
    expires: Option<SystemTime>,
    secure: bool,
    http_only: bool,
}

impl Parsed {
    fn read(set: &[u8]) -> Result<Self, Why> {
        if set.iter().any(|&byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
            return Err(Why::Unreadable);
        }
        let text = String::from_utf8_lossy(set);
        let mut pieces = text.split(';');
        let pair = pieces.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut parsed = Self { name: name.trim().to_owned(), value: value.trim().to_owned(), ..Self::default() };
        if parsed.name.is_empty() && parsed.value.is_empty() {
            return Err(Why::Unreadable);
        }
        if parsed.name.len() + parsed.value.len() > NAME_AND_VALUE_MAX {
            return Err(Why::TooLong);
        }
        for attribute in pieces {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (name.trim(), value.trim());
            if value.len() > 1024 {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "expires" => parsed.expires = date::parse(value.as_bytes()).or(parsed.expires),
                "max-age" => parsed.max_age = seconds(value).or(parsed.max_age),
                "domain" => parsed.domain = Some(value.trim_start_matches('.').to_ascii_lowercase()),
                "path" => parsed.path = Some(value.to_owned()),
                "secure" => parsed.secure = true,
                "httponly" => parsed.http_only = true,
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

fn host(uri: &Uri) -> String {
    uri.host().unwrap_or_default().to_ascii_lowercase()
}

/// Whether what is sent for this URI can be read by nobody else: it is encrypted, or stays on this machine.
fn is_secure(uri: &Uri) -> bool {
    let host = host(uri);
    uri.scheme_str() == Some("https")
        || host == "localhost"
        || host.ends_with(".localhost")
        || host == "[::1]"
        || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a host is a domain or below it (RFC 6265bis, section 5.1.3).
fn domain_matches(host: &str, domain: &str) -> bool {
    let below = || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')) && !is_address(host);
    host == domain || below()
}

fn is_address(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether anybody may register names below this one.
fn is_public_suffix(domain: &str) -> bool {
    !is_address(domain) && psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix == domain)
}

/// Whether a path is another or below it (RFC 6265bis, section 5.1.4).
fn path_matches(path: &str, of: &str) -> bool {
    path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || of.ends_with('/') || rest.starts_with('/'))
}

fn default_path(uri: &Uri) -> String {
    match uri.path().rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(slash) => uri.path()[..slash].to_owned(),
    }
}

static STORAGE: Rule = Rule {
    name: "cookie-storage",
    section: "RFC 6265bis, section 5.7",
    says: "A client keeps a cookie only if the host may set it for the domain that it names.",
};

impl Decision for Storing {
    fn rule(&self) -> &'static Rule {
        &STORAGE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Stored { name } => format!("cookie `{}` was kept", Shown(name.as_bytes())),
            Self::Removed { name } => format!("cookie `{}` was forgotten", Shown(name.as_bytes())),
            Self::Refused { name, .. } => format!("cookie `{}` was refused", Shown(name.as_bytes())),
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        let why = match self {
            Self::Stored { .. } => return "the host may set it".into(),
            Self::Removed { .. } => return "it is set to expire at once".into(),
            Self::Refused { why, .. } => why,
        };
        match why {
            Why::Unreadable => "it has neither name nor value, or holds a control character".into(),
            Why::TooLong => format!("name and value take more than {NAME_AND_VALUE_MAX} bytes together").into(),
            Why::ForeignDomain(domain) => format!("its domain `{}` is not the host's", Shown(domain.as_bytes())).into(),
            Why::PublicSuffix(domain) => {
                format!("anybody may register names below `{}`", Shown(domain.as_bytes())).into()
            }
            Why::Insecure => "it is secure, or would hide one that is, and the connection is not".into(),
            Why::Prefix => "its name makes a promise that its attributes do not keep".into(),
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = UNIX_EPOCH;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn cookies_go_to_those_who_may_have_them() {
        let table = [
            ("http://a.test/", "k=v", "http://a.test/x", Some("k=v")),
            ("http://a.test/", "k=v", "http://b.a.test/", None),
            ("http://a.b.test/", "k=v; Domain=b.test", "http://c.b.test/", Some("k=v")),
            ("http://a.b.test/", "k=v; domain=.B.TEST", "http://b.test/", Some("k=v")),
            ("http://a.test/", "k=v; Domain=b.test", "http://b.test/", None),
            ("http://a.test/", "k=v; Domain=test", "http://b.test/", None),
            ("http://a.co.uk/", "k=v; Domain=co.uk", "http://b.co.uk/", None),
            ("http://me.github.io/", "k=v; Domain=github.io", "http://you.github.io/", None),
            ("http://127.0.0.1/", "k=v; Domain=0.0.1", "http://127.0.0.1/", None),
            ("http://127.0.0.1/", "k=v", "http://127.0.0.1:81/", Some("k=v")),
            ("http://a.test/d/e", "k=v", "http://a.test/d/f", Some("k=v")),
            ("http://a.test/d/e", "k=v", "http://a.test/", None),
            ("http://a.test/", "k=v; Path=/d", "http://a.test/d/e", Some("k=v")),
            ("http://a.test/", "k=v; Path=/d", "http://a.test/dd", None),
            ("https://a.test/", "k=v; Secure", "http://a.test/", None),
            ("https://a.test/", "k=v; Secure", "https://a.test/", Some("k=v")),
            ("http://a.test/", "k=v; Secure", "https://a.test/", None),
            ("https://a.test/", "__Host-k=v; Secure; Path=/", "https://a.test/", Some("__Host-k=v")),
            ("https://a.test/", "__Host-k=v; Secure", "https://a.test/", None),
            ("https://b.a.test/", "__Host-k=v; Secure; Path=/; Domain=a.test", "https://a.test/", None),
            ("http://a.test/", "__secure-k=v", "http://a.test/", None),
            ("https://a.test/", "=__Host-k=v", "https://a.test/", None),
            ("http://a.test/", "k=v; Max-Age=0", "http://a.test/", None),
            ("http://a.test/", "k=v; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", Some("k=v")),
            ("http://a.test/", "k=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://a.test/", None),
            ("http://a.test/", "v", "http://a.test/", Some("v")),
            ("http://a.test/", "k=", "http://a.test/", Some("k=")),
            ("http://a.test/", "=", "http://a.test/", None),
            ("http://a.test/", "k=v\u{1}", "http://a.test/", None),
        ];
        for (asked, set, then, expected) in table {
            let mut jar = Jar::default();
            let storing = jar.store(&uri(asked), set.as_bytes(), NOW);
            let sent = jar.header(&uri(then), NOW);
            let sent = sent.as_ref().map(|value| value.to_str().unwrap());
            assert_eq!(sent, expected, "{asked} {set} {then}: {}", storing.because());
        }
    }

    #[test]
    fn longer_paths_come_first_and_the_older_of_equals() {
        let mut jar = Jar::default();
        let at = |seconds| NOW + Duration::from_secs(seconds);
        jar.store(&uri("http://a.test/"), b"first=1", at(1));
        jar.store(&uri("http://a.test/"), b"second=2", at(2));
        jar.store(&uri("http://a.test/"), b"deep=3; path=/d", at(3));
        jar.store(&uri("http://a.test/"), b"first=4", at(4));
        assert_eq!(jar.header(&uri("http://a.test/d"), at(5)).unwrap(), "deep=3; first=4; second=2");
    }

    #[test]
    fn the_insecure_cannot_take_the_place_of_the_secure() {
        let mut jar = Jar::default();
        jar.store(&uri("https://a.test/"), b"k=safe; Secure", NOW);
        assert!(jar.store(&uri("http://a.test/"), b"k=forged", NOW).declines());
        assert_eq!(jar.header(&uri("https://a.test/"), NOW).unwrap(), "k=safe");
    }

    #[test]
    fn a_jar_has_limits_and_survives_a_file() {
        let mut jar = Jar { cookies_of_a_domain_max: 3, ..Jar::default() };
        for index in 0..5 {
            let set = format!("k{index}=v; Max-Age=1000; HttpOnly; Domain=a.test");
            jar.store(&uri("http://a.test/"), set.as_bytes(), NOW + Duration::from_secs(index));
        }
        jar.store(&uri("http://b.test/"), b"session=1", NOW);
        let names: Vec<_> = jar.cookies().iter().map(|kept| kept.name.as_str()).collect();
        assert_eq!(names, ["k2", "k3", "k4", "session"]);
        let mut again = Jar::from_netscape(&jar.to_netscape(), NOW);
        assert_eq!(again.cookies().len(), 4);
        assert_eq!(again.to_netscape(), jar.to_netscape());
        again.forget_expired(NOW + Duration::from_secs(5000));
        assert_eq!(again.cookies().len(), 1);
    }
}
