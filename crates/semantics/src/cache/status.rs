//! Cache-Status: what a cache did with a request, for whoever reads the response (RFC 9211).

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use super::reuse::{Reuse, Why};
use crate::grammar;

/// `Cache-Status` (RFC 9211, section 2).
pub const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What one cache did with a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handled {
    /// Whether it was answered without being forwarded (`hit`).
    pub hit: bool,
    /// Why it was forwarded (`fwd`).
    pub forwarded: Option<Forwarded>,
    /// What the next server answered (`fwd-status`).
    pub forwarded_status: Option<u16>,
    /// How long the response is still fresh, in seconds; negative when it is stale (`ttl`).
    pub ttl: Option<i64>,
    /// Whether the response was stored (`stored`).
    pub stored: bool,
    /// Whether the request waited for another like it (`collapsed`).
    pub collapsed: bool,
    /// More, in a word or a few (`detail`).
    pub detail: Option<String>,
}

/// Why a request was forwarded (RFC 9211, section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarded {
    /// The cache was told not to handle it.
    Bypass,
    /// Its method has to be forwarded.
    Method,
    /// Nothing is stored for its URI.
    UriMiss,
    /// What is stored for its URI was selected by other fields.
    VaryMiss,
    /// What is stored is stale.
    Stale,
    /// The request asks for a newer response than is stored.
    Request,
}

impl Forwarded {
    /// The name of the reason.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }

    /// Why a stored response was not used without validation.
    pub fn of(why: Why) -> Self {
        match why {
            Why::RequestNoCache | Why::MaxAge(_) | Why::MinFresh(_) | Why::MaxStale(_) => Self::Request,
            Why::NoCache | Why::MustRevalidate(_) | Why::Stale => Self::Stale,
        }
    }
}

impl Handled {
    /// A hit on a stored response, as it was judged.
    pub fn hit(reuse: &Reuse) -> Self {
        Self { hit: true, ttl: Some(reuse.freshness().ttl_seconds()), ..Self::default() }
    }

    /// The member of the list that stands for this cache, whose name is `cache`.
    pub fn member(&self, cache: &str) -> String {
        // A name that is no token of structured fields is written as a string (RFC 8941, section 3.3.4).
        let is_token =
            cache.starts_with(|c: char| c.is_ascii_alphabetic() || c == '*') && grammar::is_token(cache.as_bytes());
        let mut member = if is_token { cache.to_owned() } else { string(cache) };
        if self.hit {
            member.push_str("; hit");
        }
        if let Some(forwarded) = self.forwarded {
            member.push_str("; fwd=");
            member.push_str(forwarded.name());
        }
        if let Some(status) = self.forwarded_status {
            member.push_str(&format!("; fwd-status={status}"));
        }
        if let Some(ttl) = self.ttl {
            member.push_str(&format!("; ttl={ttl}"));
        }
        for (is_set, name) in [(self.stored, "; stored"), (self.collapsed, "; collapsed")] {
            if is_set {
                member.push_str(name);
            }
        }
        if let Some(detail) = &self.detail {
            member.push_str("; detail=");
            member.push_str(&string(detail));
        }
        member
    }

    /// Adds the member behind those of the caches nearer to the origin (RFC 9211, section 2).
    pub fn append(&self, cache: &str, response: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.member(cache)) {
            response.append(CACHE_STATUS, value);
        }
    }
}

/// Text as a string of structured fields: what it cannot hold is left out (RFC 8941, section 3.3.3).
fn string(text: &str) -> String {
    let printable: String = text.chars().filter(|c| matches!(c, ' '..='~')).collect();
    format!("\"{}\"", printable.replace('\\', "\\\\").replace('"', "\\\""))
}
