//! What the parameters of a route stand for in the path of a request.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::Extensions;
use http::uri::PathAndQuery;
use wirelight_semantics::decision::Shown;
use wirelight_service::{Error, Fault, Kind};

use crate::pattern::{Pattern, Segment, decode};

/// What the parameters of a route stand for; a request that came by a route with parameters carries it as an extension.
///
/// Where a router is mounted in another, the parameters of both can be looked up, and the inner ones go first.
#[derive(Debug, Clone, Default)]
pub struct Params(Option<Arc<Found>>);

#[derive(Debug)]
struct Found {
    pattern: Arc<Pattern>,
    path: PathAndQuery,
    outer: Params,
}

static NONE: Params = Params(None);

impl Params {
    /// The parameters of the route that a request came by; none, if it has no parameters.
    pub fn of(extensions: &Extensions) -> &Self {
        extensions.get::<Self>().unwrap_or(&NONE)
    }

    pub(super) fn add(extensions: &mut Extensions, pattern: Arc<Pattern>, path: PathAndQuery) {
        let outer = extensions.remove::<Self>().unwrap_or_default();
        extensions.insert(Self(Some(Arc::new(Found { pattern, path, outer }))));
    }

    /// What the parameter stands for, parsed. Of a `{*rest}` the slashes remain.
    ///
    /// The error becomes 400 (Bad Request) by way of [`wirelight_service::Error`], or 500 where the route has no
    /// parameter of that name.
    pub fn get<T>(&self, name: &str) -> Result<T, ParamError>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let text = self.text(name)?;
        text.parse().map_err(|error: T::Err| {
            ParamError::new(name, Cause::Unreadable { text: text.to_string(), because: error.to_string() })
        })
    }

    /// What the parameter stands for, decoded.
    ///
    /// An encoded slash in a `{*rest}` is an error, since it could not be told from the slashes between segments any
    /// more: [`segments`](Self::segments) keeps them apart.
    pub fn text(&self, name: &str) -> Result<Cow<'_, str>, ParamError> {
        let Some((found, raw)) = self.find(name) else { return Err(ParamError::new(name, Cause::Missing)) };
        let is_rest = matches!(found.pattern.segments().last(), Some(Segment::Rest(rest)) if **rest == *name);
        if is_rest && raw.as_bytes().windows(3).any(|octets| octets.eq_ignore_ascii_case(b"%2f")) {
            return Err(ParamError::new(name, Cause::EncodedSlash));
        }
        utf8(decode(raw.as_bytes())).ok_or_else(|| ParamError::new(name, Cause::NotUtf8))
    }

    /// What the parameter stands for, decoded, whatever octets that gives.
    pub fn bytes(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.raw(name).map(|raw| decode(raw.as_bytes()))
    }

    /// What the parameter stands for as it is written in the path.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.find(name).map(|(_, raw)| raw)
    }

    /// The segments that the parameter stands for, each decoded; a single one unless it is a `{*rest}`.
    pub fn segments(&self, name: &str) -> Option<impl Iterator<Item = Cow<'_, [u8]>>> {
        self.raw(name).map(|raw| raw.split('/').map(|segment| decode(segment.as_bytes())))
    }

    fn find(&self, name: &str) -> Option<(&Found, &str)> {
        let found = self.0.as_ref()?;
        match found.pattern.raw(name, found.path.path()) {
            Some(raw) => Some((found, raw)),
            None => found.outer.find(name),
        }
    }
}

fn utf8(bytes: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match bytes {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Why a parameter could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamError {
    /// The name of the parameter.
    pub name: Box<str>,
    /// What is wrong.
    pub cause: Cause,
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The route has no parameter of that name: the handler's mistake.
    Missing,
    /// It is not UTF-8, once decoded.
    NotUtf8,
    /// It takes several segments, and one of them holds an encoded slash.
    EncodedSlash,
    /// It is not a value of the type that was asked for.
    Unreadable {
        /// What it is, decoded.
        text: String,
        /// What is wrong with it, in the words of the type.
        because: String,
    },
}

impl ParamError {
    fn new(name: &str, cause: Cause) -> Self {
        Self { name: name.into(), cause }
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.cause {
            Cause::Missing => write!(f, "the route has no parameter {{{name}}}"),
            Cause::NotUtf8 => write!(f, "the path's {{{name}}} is not UTF-8"),
            Cause::EncodedSlash => write!(f, "the path's {{*{name}}} holds an encoded slash"),
            Cause::Unreadable { text, because } => {
                write!(f, "the path's {{{name}}} is \"{}\": {because}", Shown(text.as_bytes()))
            }
        }
    }
}

impl std::error::Error for ParamError {}

impl From<ParamError> for Error {
    fn from(error: ParamError) -> Self {
        let (kind, fault) = match error.cause {
            Cause::Missing => (Kind::Other, Fault::Ours),
            Cause::NotUtf8 | Cause::EncodedSlash | Cause::Unreadable { .. } => (Kind::Malformed, Fault::Downstream),
        };
        Self::new(kind, fault, error.to_string()).with_source(error)
    }
}
