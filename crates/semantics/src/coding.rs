//! Content codings: what was done to a representation before it was sent (RFC 9110, section 8.4.1).

use std::fmt;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, HeaderValue};

use crate::fields;

/// A content coding that Wirelight knows (RFC 9110, section 8.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `gzip` (RFC 1952).
    Gzip,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878).
    Zstd,
    /// `deflate`: the zlib format (RFC 1950), not raw deflate.
    Deflate,
    /// `identity`: nothing was done.
    Identity,
}

impl Coding {
    /// Every coding, the smallest result first, as far as that can be said.
    pub const ALL: [Self; 5] = [Self::Brotli, Self::Zstd, Self::Gzip, Self::Deflate, Self::Identity];

    /// The coding with this name, which is compared without regard to case; `x-gzip` is `gzip`
    /// (RFC 9110, section 8.4.1.3).
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        Self::ALL.into_iter().find(|coding| is(coding.name())).or_else(|| is("x-gzip").then_some(Self::Gzip))
    }

    /// The registered name, as `Content-Encoding` carries it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Deflate => "deflate",
            Self::Identity => "identity",
        }
    }

    /// The registered name as a field value.
    pub const fn value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// What a file that was coded ahead of time is called: its name with this ending, without a dot.
    pub const fn extension(self) -> Option<&'static str> {
        match self {
            Self::Gzip => Some("gz"),
            Self::Brotli => Some("br"),
            Self::Zstd => Some("zst"),
            Self::Deflate | Self::Identity => None,
        }
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why the codings of a message cannot be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// A coding that Wirelight does not know.
    Unknown(HeaderValue),
    /// More codings, one around the other, than the limit.
    TooMany {
        /// The limit that was exceeded.
        codings_max: usize,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(value) => {
                write!(f, "the content coding {} is not known", crate::decision::Shown(value.as_bytes()))
            }
            Self::TooMany { codings_max } => write!(f, "more than {codings_max} content codings were applied"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// The codings that `Content-Encoding` says were applied, in the order of application, without `identity`
/// (RFC 9110, section 8.4).
///
/// # Errors
/// If a coding is unknown, or if there are more than `codings_max`.
pub fn applied(fields: &HeaderMap, codings_max: usize) -> Result<Vec<Coding>, Unreadable> {
    let mut codings = Vec::new();
    for member in fields::list(fields, &CONTENT_ENCODING) {
        let Some(coding) = Coding::parse(member) else {
            let member = HeaderValue::from_bytes(member).expect("a piece of a field value is a field value");
            return Err(Unreadable::Unknown(member));
        };
        if coding == Coding::Identity {
            continue;
        }
        if codings.len() == codings_max {
            return Err(Unreadable::TooMany { codings_max });
        }
        codings.push(coding);
    }
    Ok(codings)
}
