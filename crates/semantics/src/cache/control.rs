//! Cache-Control, read once and with every directive (RFC 9111, section 5.2; RFC 5861; RFC 8246).

use std::time::Duration;

use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderName, PRAGMA};

use crate::{fields, grammar};

/// The greatest number of seconds that is told apart; what is greater counts as this (RFC 9111, section 1.2.2).
pub const SECONDS_MAX: u64 = 1 << 31;

/// What a Cache-Control field says. A directive that appears twice counts as it came first (RFC 9111, section 4.2.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// `no-store`: nothing of the message is to be stored.
    pub no_store: bool,
    /// `no-cache`: not to be used again without validation, or some fields of it are not.
    pub no_cache: Extent,
    /// `private`: only for caches that serve one user, or some fields of it are.
    pub private: Extent,
    /// `public`: may be stored even where that would otherwise be forbidden.
    pub public: bool,
    /// `must-revalidate`: not to be used stale.
    pub must_revalidate: bool,
    /// `proxy-revalidate`: not to be used stale by a shared cache.
    pub proxy_revalidate: bool,
    /// `must-understand`: only for caches that know the requirements of its status.
    pub must_understand: bool,
    /// `no-transform`: its content is not to be changed on the way.
    pub no_transform: bool,
    /// `immutable`: it does not change while it is fresh (RFC 8246).
    pub immutable: bool,
    /// `only-if-cached`: a stored response, or none.
    pub only_if_cached: bool,
    /// `max-age`: of a response, how long it is fresh; of a request, how old a response may be.
    pub max_age: Option<Seconds>,
    /// `s-maxage`: how long it is fresh in a shared cache.
    pub s_maxage: Option<Seconds>,
    /// `max-stale`: for how long after its end a response may be used; `None` inside for any time.
    pub max_stale: Option<Option<Duration>>,
    /// `min-fresh`: how much longer a response has to be fresh.
    pub min_fresh: Option<Duration>,
    /// `stale-while-revalidate`: for how long after its end it may be used while it is validated (RFC 5861, section 3).
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error`: for how long after its end it may be used when validation fails (RFC 5861, section 4).
    pub stale_if_error: Option<Duration>,
}

/// What of a response a directive is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Extent {
    /// Nothing: the directive is not there.
    #[default]
    Nothing,
    /// The fields that it names.
    Fields(Vec<HeaderName>),
    /// All of it.
    Whole,
}

/// A number of seconds, as a directive gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seconds {
    /// So many.
    Of(Duration),
    /// It is no number: a response whose freshness is told so counts as stale (RFC 9111, section 4.2.1).
    Invalid,
}

impl Seconds {
    /// How long, with nothing for what is no number.
    pub fn or_zero(self) -> Duration {
        match self {
            Self::Of(length) => length,
            Self::Invalid => Duration::ZERO,
        }
    }
}

impl Extent {
    /// The fields it names; none where it is about everything or nothing.
    pub fn fields(&self) -> &[HeaderName] {
        match self {
            Self::Fields(names) => names,
            Self::Nothing | Self::Whole => &[],
        }
    }
}

impl Control {
    /// What the fields of a response say.
    pub fn of_response(response: &HeaderMap) -> Self {
        let mut control = Self::default();
        for member in fields::list(response, &CACHE_CONTROL) {
            control.take(member);
        }
        control
    }

    /// What the fields of a request say; `Pragma: no-cache` counts where there is no Cache-Control (RFC 9111,
    /// section 5.4).
    pub fn of_request(request: &HeaderMap) -> Self {
        let mut control = Self::of_response(request);
        if !request.contains_key(CACHE_CONTROL) && fields::contains(request, &PRAGMA, "no-cache") {
            control.no_cache = Extent::Whole;
        }
        // What concerns single fields is said of responses only (RFC 9111, section 5.2.1.4).
        if let Extent::Fields(_) = control.no_cache {
            control.no_cache = Extent::Whole;
        }
        control
    }

    fn take(&mut self, member: &[u8]) {
        let (name, value) = match memchr::memchr(b'=', member) {
            Some(at) => (grammar::trim_ows(&member[..at]), Some(grammar::trim_ows(&member[at + 1..]))),
            None => (member, None),
        };
        let mut lower = [0; 24];
        let Some(lower) = lower.get_mut(..name.len()) else { return };
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        match &*lower {
            b"no-store" => self.no_store = true,
            b"no-cache" => self.no_cache.widen(value),
            b"private" => self.private.widen(value),
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"no-transform" => self.no_transform = true,
            b"immutable" => self.immutable = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"max-age" => drop(self.max_age.get_or_insert(seconds(value))),
            b"s-maxage" => drop(self.s_maxage.get_or_insert(seconds(value))),
            // Without a value, a response of any staleness will do; what is no number promises nothing.
            b"max-stale" => drop(self.max_stale.get_or_insert(value.map(|_| seconds(value).or_zero()))),
            b"min-fresh" => self.min_fresh = self.min_fresh.or(whole(value)),
            b"stale-while-revalidate" => self.stale_while_revalidate = self.stale_while_revalidate.or(whole(value)),
            b"stale-if-error" => self.stale_if_error = self.stale_if_error.or(whole(value)),
            // Unknown directives are ignored (RFC 9111, section 5.2.3).
            _ => {}
        }
    }
}

impl Extent {
    /// The more restrictive of what was said before and what is said now.
    fn widen(&mut self, value: Option<&[u8]>) {
        // What is neither a name nor a quoted list of names is taken for everything, which errs on the safe side.
        let named = value.and_then(names);
        match (named, &mut *self) {
            (None, extent) => *extent = Self::Whole,
            (Some(_), Self::Whole) => {}
            (Some(names), Self::Fields(known)) => known.extend(names),
            (Some(names), Self::Nothing) => *self = Self::Fields(names),
        }
    }
}

/// The field names of a directive; `None` if there are none, or not only such.
fn names(value: &[u8]) -> Option<Vec<HeaderName>> {
    let text = grammar::unquote(value).unwrap_or(value.into());
    let names: Option<Vec<_>> = grammar::list(&text).map(|name| HeaderName::from_bytes(name).ok()).collect();
    names.filter(|names| !names.is_empty())
}

/// A number of seconds, as a token or quoted (RFC 9111, section 5.2).
fn seconds(value: Option<&[u8]>) -> Seconds {
    whole(value).map_or(Seconds::Invalid, Seconds::Of)
}

fn whole(value: Option<&[u8]>) -> Option<Duration> {
    let value = value?;
    delta_seconds(&grammar::unquote(value).unwrap_or(value.into()))
}

/// Digits as seconds; more than [`SECONDS_MAX`] count as that many (RFC 9111, section 1.2.2).
pub(super) fn delta_seconds(digits: &[u8]) -> Option<Duration> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| (sum * 10 + u64::from(digit - b'0')).min(SECONDS_MAX);
    Some(Duration::from_secs(digits.iter().fold(0, add)))
}
