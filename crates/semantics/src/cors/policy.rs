//! What a site says about other origins.

use std::fmt;

use http::Method;
use http::header::{HeaderName, HeaderValue};

use crate::uri::{Origin, is_host_byte};

/// What a site says about other origins (Fetch, section 3.2.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Who may read answers.
    pub origins: Origins,
    /// With which methods, beyond what a browser may send unasked.
    pub methods: Methods,
    /// With which request fields, beyond what a browser may send unasked.
    pub fields: Names,
    /// Which response fields may be read, beyond those that always may.
    pub exposed: Names,
    /// Whether requests may carry cookies and credentials. Not together with [`Origins::Any`].
    pub credentials: bool,
    /// For how many seconds a browser may remember the answer to a preflight; browsers have limits of their own.
    pub max_age_seconds: Option<u32>,
    /// Whether a public site may reach this one in a private network (Private Network Access).
    pub private_network: bool,
    /// A preflight that asks about more fields than this is refused.
    pub fields_max: usize,
}

impl Default for Policy {
    /// Nobody may read anything; once origins are added, GET, HEAD and POST without further fields.
    fn default() -> Self {
        Self {
            origins: Origins::Listed(Vec::new()),
            methods: Methods::Listed(vec![Method::GET, Method::HEAD, Method::POST]),
            fields: Names::Listed(Vec::new()),
            exposed: Names::Listed(Vec::new()),
            credentials: false,
            max_age_seconds: None,
            private_network: false,
            fields_max: 64,
        }
    }
}

/// What is wrong with a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Any origin, with credentials: every site could act as its visitors. Browsers refuse it (Fetch, section 3.2.5).
    AnyOriginWithCredentials,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyOriginWithCredentials => {
                f.write_str("credentials cannot be granted to any origin: list the origins that need them")
            }
        }
    }
}

impl std::error::Error for Fault {}

impl Policy {
    /// Whether the policy makes sense.
    ///
    /// # Errors
    /// If it grants credentials to any origin. Such a policy is judged as if it granted none.
    pub fn check(&self) -> Result<(), Fault> {
        match (&self.origins, self.credentials) {
            (Origins::Any, true) => Err(Fault::AnyOriginWithCredentials),
            _ => Ok(()),
        }
    }

    /// Whether credentials are granted: only to origins that are listed.
    pub(super) fn grants_credentials(&self) -> bool {
        self.credentials && self.check().is_ok()
    }
}

/// Whose scripts may read answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Anybody's.
    Any,
    /// Those of the origins that match one of these.
    Listed(Vec<Pattern>),
}

/// An origin, or all origins below a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Null,
    Exact(String),
    /// What comes before the subdomain, `https://`, and after it, `.app.test:8443`.
    Below(String, String),
}

impl Pattern {
    /// Reads `https://app.test`, `https://app.test:8443`, `https://*.app.test` or `null`.
    ///
    /// A star stands for one or more whole labels, so it matches neither the domain itself nor another that ends alike.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self(Kind::Null));
        }
        let Some((scheme, domain)) = text.split_once("://*.") else {
            return Origin::parse(text).map(|origin| Self(Kind::Exact(origin.to_string())));
        };
        let origin = Origin::parse(&format!("{scheme}://{domain}"))?;
        let serialized = origin.to_string();
        let after = &serialized[origin.scheme().len() + 3..];
        Some(Self(Kind::Below(format!("{}://", origin.scheme()), format!(".{after}"))))
    }

    /// Whether the origin, serialised as browsers do, matches.
    pub fn matches(&self, origin: &str) -> bool {
        match &self.0 {
            Kind::Null => origin == "null",
            Kind::Exact(exact) => origin == exact,
            Kind::Below(before, after) => {
                let labels = origin.strip_prefix(before.as_str()).and_then(|rest| rest.strip_suffix(after.as_str()));
                labels.is_some_and(|labels| {
                    labels.split('.').all(|label| !label.is_empty() && label.bytes().all(is_host_byte))
                })
            }
        }
    }

    /// Whether the origin has the same host, and differs in scheme or port only.
    pub(super) fn has_host_of(&self, origin: &str) -> bool {
        let Kind::Exact(exact) = &self.0 else { return false };
        let host = |text: &str| Origin::parse(text).map(|origin| origin.host().to_owned());
        host(exact).is_some_and(|ours| Some(ours) == host(origin))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Null => f.write_str("null"),
            Kind::Exact(exact) => f.write_str(exact),
            Kind::Below(before, after) => write!(f, "{before}*{after}"),
        }
    }
}

/// Whether the text may be an origin as browsers serialise it: `null`, or a scheme, `://` and a host with a port, all
/// without upper case, spaces, a path or user information (Fetch, section 3.1).
pub(super) fn is_serialized(text: &str) -> bool {
    let is_plain = |byte: u8| !byte.is_ascii_uppercase() && !matches!(byte, 0..=b',' | b'/' | b'\\' | b'?' | b'@');
    text == "null"
        || text.split_once("://").is_some_and(|(scheme, rest)| {
            !scheme.is_empty() && !rest.is_empty() && scheme.bytes().all(is_plain) && rest.bytes().all(is_plain)
        })
}

/// Which methods a request may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Methods {
    /// All of them.
    Any,
    /// These, compared with regard to case.
    Listed(Vec<Method>),
}

impl Methods {
    pub(super) fn allows(&self, method: &Method) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(methods) => methods.contains(method),
        }
    }

    /// What is allowed, as a field value; only what was asked for, if all is allowed and there may be no star.
    pub(super) fn value(&self, no_star: bool, asked: &Method) -> Option<HeaderValue> {
        match self {
            Self::Any if no_star => join(&[asked.as_str()]),
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::Listed(methods) => join(&methods.iter().map(Method::as_str).collect::<Vec<_>>()),
        }
    }
}

/// Which fields a message may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All of them.
    Any,
    /// These.
    Listed(Vec<HeaderName>),
}

impl Names {
    pub(super) fn allows(&self, name: &HeaderName) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(names) => names.contains(name),
        }
    }

    /// What is allowed, as a field value; only what was asked for, if all is allowed and there may be no star.
    pub(super) fn value(&self, no_star: bool, asked: &[HeaderName]) -> Option<HeaderValue> {
        let names = match self {
            Self::Any if !no_star => return Some(HeaderValue::from_static("*")),
            Self::Any => asked,
            Self::Listed(names) => names,
        };
        join(&names.iter().map(HeaderName::as_str).collect::<Vec<_>>())
    }
}

fn join(tokens: &[&str]) -> Option<HeaderValue> {
    let joined = tokens.join(", ");
    (!joined.is_empty()).then(|| HeaderValue::from_str(&joined).expect("tokens joined with commas are a field value"))
}
