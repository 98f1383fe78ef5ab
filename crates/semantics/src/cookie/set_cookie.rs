//! What a server asks a client to keep (RFC 6265bis, section 4.1).

use std::fmt;
use std::time::SystemTime;

use http::HeaderValue;

use crate::{date, grammar};

/// How long name and value may be together, in bytes; clients drop longer cookies (RFC 6265bis, section 5.6).
pub const NAME_AND_VALUE_MAX: usize = 4096;

/// How long the value of an attribute may be, in bytes; clients ignore longer ones (RFC 6265bis, section 5.6).
const ATTRIBUTE_MAX: usize = 1024;

/// A cookie that a server asks a client to keep (RFC 6265bis, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCookie {
    /// The name: a token.
    pub name: String,
    /// The value: visible ASCII without quotes, commas, semicolons and backslashes.
    pub value: String,
    /// The hosts that receive it: this domain and all below it; `None` for the very host that sets it.
    pub domain: Option<String>,
    /// The paths that receive it: this one and all below it.
    pub path: Option<String>,
    /// For how many seconds it is kept; 0 or less deletes it. `None`, and no `expires`: until the client is closed.
    pub max_age_seconds: Option<i64>,
    /// Until when it is kept, for clients that do not know `Max-Age`.
    pub expires: Option<SystemTime>,
    /// Whether it is sent over secure connections only.
    pub secure: bool,
    /// Whether scripts are kept from it.
    pub http_only: bool,
    /// Whether it is sent with requests that another site caused.
    pub same_site: Option<SameSite>,
    /// Whether each top-level site has its own (CHIPS).
    pub partitioned: bool,
}

/// Whether a cookie is sent with requests that another site caused (RFC 6265bis, section 4.1.2.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SameSite {
    /// Never.
    Strict,
    /// With top-level navigation by a safe method.
    Lax,
    /// Always; the cookie must be `Secure`.
    None,
}

/// Why a cookie cannot be set: clients would drop it, or it would say something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The name is no token.
    Name,
    /// The value holds a byte that no cookie value may hold.
    Value,
    /// The domain is no host name.
    Domain,
    /// The path does not begin with a slash, or holds a semicolon or a control character.
    Path,
    /// Name and value are longer than [`NAME_AND_VALUE_MAX`] together, or an attribute is longer than 1024 bytes.
    TooLong,
    /// A `__Secure-` or `__Host-` cookie is not `Secure`.
    PrefixWithoutSecure,
    /// A `__Host-` cookie has a domain.
    HostPrefixWithDomain,
    /// A `__Host-` cookie has another path than `/`.
    HostPrefixWithoutRoot,
    /// A cookie for all sites is not `Secure`.
    SameSiteNoneWithoutSecure,
    /// A partitioned cookie is not `Secure`.
    PartitionedWithoutSecure,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a cookie's name is a token",
            Self::Value => {
                "a cookie's value has no spaces, quotes, commas, semicolons, backslashes or control characters"
            }
            Self::Domain => "a cookie's domain is a host name",
            Self::Path => "a cookie's path begins with a slash and has no semicolon or control character",
            Self::TooLong => "clients drop cookies of more than 4096 bytes, and attributes of more than 1024",
            Self::PrefixWithoutSecure => "a cookie whose name begins with __Secure- or __Host- is Secure",
            Self::HostPrefixWithDomain => "a cookie whose name begins with __Host- has no Domain",
            Self::HostPrefixWithoutRoot => "a cookie whose name begins with __Host- has the Path /",
            Self::SameSiteNoneWithoutSecure => "a cookie with SameSite=None is Secure",
            Self::PartitionedWithoutSecure => "a partitioned cookie is Secure",
        })
    }
}

impl std::error::Error for Fault {}

impl SetCookie {
    /// A cookie with the safest attributes: for this host, all paths, secure connections, not for scripts, `Lax`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: None,
            path: Some(String::from("/")),
            max_age_seconds: None,
            expires: None,
            secure: true,
            http_only: true,
            same_site: Some(SameSite::Lax),
            partitioned: false,
        }
    }

    /// The cookie as the value of `Set-Cookie` (RFC 6265bis, section 4.1.1).
    ///
    /// # Errors
    /// If clients would drop it, or read it otherwise than it is meant.
    pub fn to_value(&self) -> Result<HeaderValue, Fault> {
        self.check()?;
        let mut text = format!("{}={}", self.name, self.value);
        let mut add = |attribute: &str, value: &str| {
            text.push_str("; ");
            text.push_str(attribute);
            text.push_str(value);
        };
        if let Some(domain) = self.host() {
            add("Domain=", domain);
        }
        if let Some(path) = &self.path {
            add("Path=", path);
        }
        if let Some(seconds) = self.max_age_seconds {
            add("Max-Age=", &seconds.to_string());
        }
        if let Some(expires) = self.expires {
            add("Expires=", &date::text(expires));
        }
        match self.same_site {
            Some(SameSite::Strict) => add("SameSite=Strict", ""),
            Some(SameSite::Lax) => add("SameSite=Lax", ""),
            Some(SameSite::None) => add("SameSite=None", ""),
            None => {}
        }
        for (set, attribute) in
            [(self.secure, "Secure"), (self.http_only, "HttpOnly"), (self.partitioned, "Partitioned")]
        {
            if set {
                add(attribute, "");
            }
        }
        Ok(HeaderValue::from_str(&text).expect("every part was checked"))
    }

    /// The domain without the dot that old texts put before it (RFC 6265bis, section 5.6.3).
    fn host(&self) -> Option<&str> {
        self.domain.as_deref().map(|domain| domain.strip_prefix('.').unwrap_or(domain))
    }

    fn check(&self) -> Result<(), Fault> {
        if !grammar::is_token(self.name.as_bytes()) {
            return Err(Fault::Name);
        }
        if !self.value.bytes().all(is_cookie_octet) {
            return Err(Fault::Value);
        }
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if self.host().is_some_and(|host| !host.split('.').all(is_label)) {
            return Err(Fault::Domain);
        }
        let is_path_byte = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b';';
        if self.path.as_deref().is_some_and(|path| !path.starts_with('/') || !path.bytes().all(is_path_byte)) {
            return Err(Fault::Path);
        }
        let attributes = [self.host(), self.path.as_deref()];
        if self.name.len() + self.value.len() > NAME_AND_VALUE_MAX
            || attributes.iter().flatten().any(|value| value.len() > ATTRIBUTE_MAX)
        {
            return Err(Fault::TooLong);
        }
        self.check_prefix()
    }

    /// Prefixes count in any case, since clients must not let `__host-` pass for `__Host-` (RFC 6265bis, section 5.4).
    fn check_prefix(&self) -> Result<(), Fault> {
        let begins =
            |prefix: &str| self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        let is_host = begins("__Host-");
        if !self.secure {
            return match (is_host || begins("__Secure-"), self.same_site, self.partitioned) {
                (true, ..) => Err(Fault::PrefixWithoutSecure),
                (_, Some(SameSite::None), _) => Err(Fault::SameSiteNoneWithoutSecure),
                (.., true) => Err(Fault::PartitionedWithoutSecure),
                _ => Ok(()),
            };
        }
        match (is_host, &self.domain, self.path.as_deref()) {
            (true, Some(_), _) => Err(Fault::HostPrefixWithDomain),
            (true, None, path) if path != Some("/") => Err(Fault::HostPrefixWithoutRoot),
            _ => Ok(()),
        }
    }
}

/// Whether a cookie's value may hold the byte (RFC 6265bis, section 4.1.1).
const fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
