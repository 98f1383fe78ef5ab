//! Media types: what a representation is (RFC 9110, section 8.3.1).

mod extension;

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;

use crate::grammar::{self, Malformed};

pub use extension::{OCTET_STREAM, by_extension, by_name};

/// A media type with its parameters, such as `text/html; charset=utf-8` (RFC 9110, section 8.3.1).
///
/// Type, subtype and parameter names are kept in lower case. Two are equal if their parameters are, in any order.
#[derive(Debug, Clone)]
pub struct MediaType {
    essence: String,
    slash: usize,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads a media type.
    ///
    /// # Errors
    /// If it breaks the grammar of RFC 9110, section 8.3.1, if a parameter comes twice, or if a parameter is not UTF-8.
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let (essence, parameters) = grammar::parameters(value);
        let slash = memchr::memchr(b'/', essence).ok_or(Malformed)?;
        grammar::token(&essence[..slash]).ok_or(Malformed)?;
        grammar::token(&essence[slash + 1..]).ok_or(Malformed)?;
        let essence = std::str::from_utf8(essence).map_err(|_| Malformed)?.to_ascii_lowercase();
        let mut media_type = Self { essence, slash, parameters: Vec::new() };
        for parameter in parameters {
            let parameter = parameter?;
            let name = parameter.name.to_ascii_lowercase();
            let value = String::from_utf8(parameter.value.into_owned()).map_err(|_| Malformed)?;
            if media_type.parameters.len() == PARAMETERS_MAX || media_type.parameter(&name).is_some() {
                return Err(Malformed);
            }
            media_type.parameters.push((name, value));
        }
        Ok(media_type)
    }

    /// Type and subtype, in lower case: `text/html`.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// The type, in lower case: `text` of `text/html`.
    pub fn kind(&self) -> &str {
        &self.essence[..self.slash]
    }

    /// The subtype, in lower case: `html` of `text/html`.
    pub fn subtype(&self) -> &str {
        &self.essence[self.slash + 1..]
    }

    /// The structured syntax suffix of the subtype, without its plus: `xml` of `image/svg+xml` (RFC 6839).
    pub fn suffix(&self) -> Option<&str> {
        self.subtype().rsplit_once('+').map(|(_, suffix)| suffix)
    }

    /// The value of the parameter, whose name must be given in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Charsets compare without regard to case (RFC 9110, section 8.3.2).
    fn has_parameter(&self, name: &str, value: &str) -> bool {
        self.parameter(name)
            .is_some_and(|ours| if name == "charset" { ours.eq_ignore_ascii_case(value) } else { ours == value })
    }

    /// The parameters in their order: names in lower case, and values.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The charset: the parameter, or `utf-8` where the type's own definition says so, which is for JSON (RFC 8259) and
    /// for the text types of the web platform; `None` where nobody says.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset").or_else(|| {
            let by_definition = matches!(
                self.essence(),
                "application/json" | "text/javascript" | "text/event-stream" | "text/markdown" | "text/vtt"
            );
            (by_definition || self.suffix() == Some("json")).then_some("utf-8")
        })
    }

    /// Whether a representation of this type is text, going by its name: compressing it pays.
    pub fn is_compressible(&self) -> bool {
        self.kind() == "text"
            || matches!(self.suffix(), Some("json" | "xml" | "yaml" | "json-seq"))
            || COMPRESSIBLE.contains(&self.essence())
    }

    /// The media type as a field value.
    pub fn value(&self) -> HeaderValue {
        HeaderValue::from_str(&self.to_string()).expect("tokens and quoted strings are a field value")
    }
}

/// How many parameters a media type may have; registered types define at most a handful.
const PARAMETERS_MAX: usize = 16;

/// Types outside `text/` that are mostly redundancy; everything else is compressed already, or not known to be not.
const COMPRESSIBLE: [&str; 26] = [
    "application/ecmascript",
    "application/graphql",
    "application/javascript",
    "application/json",
    "application/json5",
    "application/jsonl",
    "application/n-quads",
    "application/n-triples",
    "application/postscript",
    "application/rtf",
    "application/sql",
    "application/toml",
    "application/vnd.apple.mpegurl",
    "application/vnd.ms-fontobject",
    "application/wasm",
    "application/x-javascript",
    "application/x-ndjson",
    "application/x-sh",
    "application/x-tar",
    "application/xml",
    "application/yaml",
    "font/collection",
    "font/otf",
    "font/ttf",
    "image/bmp",
    "image/vnd.microsoft.icon",
];

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            let value = grammar::token_or_quoted(value).ok_or(fmt::Error)?;
            write!(f, "; {name}={value}")?;
        }
        Ok(())
    }
}

impl FromStr for MediaType {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text.as_bytes())
    }
}

impl PartialEq for MediaType {
    fn eq(&self, other: &Self) -> bool {
        self.essence == other.essence
            && self.parameters.len() == other.parameters.len()
            && self.parameters.iter().all(|(name, value)| other.has_parameter(name, value))
    }
}

impl Eq for MediaType {}

/// A media range of `Accept`: a media type, `type/*` or `*/*`, with parameters (RFC 9110, section 12.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRange(MediaType);

impl MediaRange {
    /// Reads a media range without its weight.
    ///
    /// # Errors
    /// If it breaks the grammar of RFC 9110, section 12.5.1: `*/html` is no range.
    pub fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let range = MediaType::parse(value)?;
        if range.kind() == "*" && range.subtype() != "*" { Err(Malformed) } else { Ok(Self(range)) }
    }

    /// How closely the range names the type: `None` if not at all; the greater, the more specific
    /// (RFC 9110, section 12.5.1).
    pub fn matches(&self, media_type: &MediaType) -> Option<Specificity> {
        let range = &self.0;
        if !range.parameters.iter().all(|(name, value)| media_type.has_parameter(name, value)) {
            return None;
        }
        match (range.kind(), range.subtype()) {
            ("*", _) => Some(Specificity::Anything),
            (kind, "*") => (kind == media_type.kind()).then_some(Specificity::Type),
            _ => (range.essence == media_type.essence).then_some(Specificity::Exact(range.parameters.len())),
        }
    }
}

impl fmt::Display for MediaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How closely a range names what it matches; the more specific is the greater (RFC 9110, section 12.5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Specificity {
    /// `*/*` or `*`.
    Anything,
    /// `type/*`, or a language range that is a prefix.
    Type,
    /// The very thing, with so many parameters.
    Exact(usize),
}
