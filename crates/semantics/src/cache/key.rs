//! Which stored response a request may be answered with: the key, and what Vary names (RFC 9111, sections 2 and 4.1).

use std::borrow::Cow;

use http::header::{
    ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION,
    VARY,
};
use http::{HeaderMap, Uri};

use super::rules::VARYING;
use crate::decision::{Decision, Rule, Shown};
use crate::uri::{Origin, default_port};
use crate::{fields, grammar};

/// The primary key of a target URI: the URI with scheme and host in lower case, without the default port and an empty
/// path; `None` if it is no URI of HTTP.
///
/// Paths and queries are kept byte by byte: what an origin tells apart must not share a key.
pub fn primary(target: &Uri) -> Option<String> {
    let origin = Origin::of(target)?;
    let port = origin.port().filter(|port| default_port(origin.scheme()) != Some(*port));
    let mut key = format!("{}://{}", origin.scheme(), origin.host());
    if let Some(port) = port {
        key.push_str(&format!(":{port}"));
    }
    let path = target.path_and_query().map_or("/", |path| path.as_str());
    if !path.starts_with('/') {
        key.push('/');
    }
    key.push_str(path);
    Some(key)
}

/// A field that counts, and what a request had in it: what is compared, not what was written.
pub type Presented = (HeaderName, Option<Vec<u8>>);

/// What a stored response was selected by: the fields that its Vary names, as its request had them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selecting {
    fields: Vec<Presented>,
    is_any: bool,
}

impl Selecting {
    /// What a response to `request` depends on.
    pub fn of(request: &HeaderMap, response: &HeaderMap) -> Self {
        Self::with(request, response, &[])
    }

    /// What a response to `request` depends on, and besides what its Vary names, the fields in `also`.
    pub fn with(request: &HeaderMap, response: &HeaderMap, also: &[HeaderName]) -> Self {
        let also = also.iter().map(|name| (name.clone(), normalized(request, name)));
        let mut selecting = Self { fields: also.collect(), is_any: false };
        for name in fields::list(response, &VARY) {
            match HeaderName::from_bytes(name) {
                Ok(name) if name != "*" => {
                    if !selecting.fields.iter().any(|(known, _)| *known == name) {
                        let value = normalized(request, &name);
                        selecting.fields.push((name, value));
                    }
                }
                // What is no name cannot be compared, so that nothing matches it, as with `*`.
                _ => selecting.is_any = true,
            }
        }
        selecting
    }

    /// Each field that counts, with what the request had in it; `None` if no field shows what counts (`Vary: *`).
    pub fn fields(&self) -> Option<&[Presented]> {
        (!self.is_any).then_some(&self.fields)
    }

    /// What [`fields`](Self::fields) gave, of a response that was kept somewhere else meanwhile.
    pub fn of_fields(fields: Vec<Presented>) -> Self {
        Self { fields, is_any: false }
    }

    /// Whether a request presents what the stored response was selected by (RFC 9111, section 4.1).
    pub fn judge(&self, request: &HeaderMap) -> Match {
        if self.is_any {
            return Match::Anything;
        }
        for (name, stored) in &self.fields {
            let asked = normalized(request, name);
            if asked != *stored {
                return Match::Differs { name: name.clone(), stored: stored.clone(), asked };
            }
        }
        Match::Same { names: self.fields.iter().map(|(name, _)| name.clone()).collect() }
    }
}

/// Whether a stored response was selected by the same fields as a request presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// All that count are the same.
    Same {
        /// Which count.
        names: Vec<HeaderName>,
    },
    /// One is not.
    Differs {
        /// Which.
        name: HeaderName,
        /// What the request that led to the stored response had.
        stored: Option<Vec<u8>>,
        /// What this request has.
        asked: Option<Vec<u8>>,
    },
    /// `Vary: *`: it depends on what no field shows.
    Anything,
}

impl Match {
    /// Whether the stored response may be chosen.
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same { .. })
    }
}

impl Decision for Match {
    fn rule(&self) -> &'static Rule {
        &VARYING
    }

    fn outcome(&self) -> Cow<'static, str> {
        if self.is_same() { "a stored response was chosen" } else { "a stored response was passed over" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        let shown = |value: &Option<Vec<u8>>| {
            value.as_ref().map_or_else(|| "none".to_owned(), |value| format!("`{}`", Shown(value)))
        };
        // Whoever reads a reason is not to learn what somebody is known by.
        let is_secret = |name: &HeaderName| [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION].contains(name);
        match self {
            Self::Same { names } if names.is_empty() => "it does not vary".into(),
            Self::Same { names } => {
                let names: Vec<&str> = names.iter().map(HeaderName::as_str).collect();
                format!("it varies by {}, which the request has the same", names.join(", ")).into()
            }
            Self::Differs { name, .. } if is_secret(name) => {
                format!("it varies by {name}, and the request that it was made for had another").into()
            }
            Self::Differs { name, stored, asked } => {
                format!("it varies by {name}: it was made for {}, and the request has {}", shown(stored), shown(asked))
                    .into()
            }
            Self::Anything => "it says Vary: *, so that no other request can be known to get the same".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Same { .. } => None,
            Self::Differs { name, .. } => Some(format!("the same {name} would have chosen it").into()),
            Self::Anything => Some("a Vary that names fields would have let it be chosen".into()),
        }
    }
}

/// A field as it is compared: its lines joined, whitespace around members taken off, and for negotiation, where
/// neither case nor order means anything, in lower case and sorted.
fn normalized(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    if !request.contains_key(name) {
        return None;
    }
    let mut members: Vec<Cow<'_, [u8]>> = fields::list(request, name).map(Cow::Borrowed).collect();
    if [ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE].contains(name) {
        for member in &mut members {
            let pieces: Vec<&[u8]> = grammar::split(member, b';').map(grammar::trim_ows).collect();
            *member = Cow::Owned(pieces.join(&b';').to_ascii_lowercase());
        }
        members.sort();
    }
    Some(members.join(&b','))
}
