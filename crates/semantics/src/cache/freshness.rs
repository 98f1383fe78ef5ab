//! How long a response is fresh, and how old it is (RFC 9111, section 4.2).

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{AGE, EXPIRES, HeaderValue};

use super::admit::{Exchanged, is_heuristic};
use super::control::{Control, Seconds, delta_seconds};
use super::rules::{FRESHNESS, HEURISTIC};
use crate::decision::{Decision, Rule};
use crate::validator::{Validators, response_date};
use crate::{date, fields, grammar};

/// How a lifetime is guessed where none is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Which part of the time since the last modification; a tenth is usual (RFC 9111, section 4.2.2).
    pub heuristic_fraction: f64,
    /// The longest lifetime that is guessed.
    pub heuristic_max: Duration,
}

impl Default for Limits {
    /// A tenth, and at most a day.
    fn default() -> Self {
        Self { heuristic_fraction: 0.1, heuristic_max: Duration::from_secs(24 * 3600) }
    }
}

/// How long a response is fresh from the time it was made, and what says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long.
    pub length: Duration,
    /// What says so.
    pub basis: Basis,
}

/// What says how long a response is fresh; the first that is there counts (RFC 9111, section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// `s-maxage`, which only shared caches heed.
    SharedMaxAge,
    /// `max-age`.
    MaxAge,
    /// Expires, less Date.
    Expires,
    /// Guessed from the time between the last modification and Date.
    Heuristic {
        /// How long before Date it was last modified.
        unmodified: Duration,
    },
    /// Nothing does, and nothing can be guessed.
    Nothing,
    /// What should say so cannot be read, and counts as stale.
    Invalid(Invalid),
}

/// Which information about freshness cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// `s-maxage`.
    SharedMaxAge,
    /// `max-age`.
    MaxAge,
    /// Expires: no date, or more than one.
    Expires,
}

/// How long a response is fresh (RFC 9111, sections 4.2.1 and 4.2.2).
pub fn lifetime(exchanged: &Exchanged<'_>, control: &Control, shared: bool, limits: &Limits) -> Lifetime {
    let Exchanged { status, response, responded, .. } = *exchanged;
    let given = |seconds: Seconds, basis, invalid| match seconds {
        Seconds::Of(length) => Lifetime { length, basis },
        Seconds::Invalid => Lifetime { length: Duration::ZERO, basis: Basis::Invalid(invalid) },
    };
    if let Some(seconds) = control.s_maxage.filter(|_| shared) {
        return given(seconds, Basis::SharedMaxAge, Invalid::SharedMaxAge);
    }
    if let Some(seconds) = control.max_age {
        return given(seconds, Basis::MaxAge, Invalid::MaxAge);
    }
    let made = response_date(response).unwrap_or(responded);
    if response.contains_key(EXPIRES) {
        let expires = fields::only(response, &EXPIRES).ok().flatten().and_then(|value| date::parse(value.as_bytes()));
        return match expires {
            Some(expires) => {
                Lifetime { length: expires.duration_since(made).unwrap_or_default(), basis: Basis::Expires }
            }
            None => Lifetime { length: Duration::ZERO, basis: Basis::Invalid(Invalid::Expires) },
        };
    }
    let modified = Validators::of(response).last_modified;
    if let Some(unmodified) = modified.and_then(|modified| made.duration_since(modified).ok())
        && (is_heuristic(status) || control.public)
    {
        let fraction = limits.heuristic_fraction.clamp(0.0, 1.0);
        let length = unmodified.mul_f64(fraction).min(limits.heuristic_max);
        return Lifetime { length, basis: Basis::Heuristic { unmodified } };
    }
    Lifetime { length: Duration::ZERO, basis: Basis::Nothing }
}

/// When a response was asked for and came, by the clock of this cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When it was asked for.
    pub requested: SystemTime,
    /// When it came.
    pub responded: SystemTime,
}

/// How old a response is (RFC 9111, section 4.2.3).
pub fn age(response: &HeaderMap, times: Times, now: SystemTime) -> Duration {
    let Times { requested, responded } = times;
    // A clock that was set back makes nothing younger than it was when it came.
    let since = |later: SystemTime, earlier: SystemTime| later.duration_since(earlier).unwrap_or_default();
    let apparent = response_date(response).map_or(Duration::ZERO, |made| since(responded, made));
    let corrected = age_value(response) + since(responded, requested);
    apparent.max(corrected) + since(now, responded)
}

/// What Age says: its first member; what is no number counts as nothing (RFC 9111, section 5.1).
fn age_value(response: &HeaderMap) -> Duration {
    let first = response
        .get(AGE)
        .map(|value| grammar::trim_ows(value.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default()));
    first.and_then(delta_seconds).unwrap_or_default()
}

/// The value of Age for a response of this age, in whole seconds.
pub fn age_field(age: Duration) -> HeaderValue {
    HeaderValue::from(age.as_secs().min(super::control::SECONDS_MAX))
}

/// Whether a response is fresh (RFC 9111, section 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// How long it is fresh.
    pub lifetime: Lifetime,
    /// How old it is.
    pub age: Duration,
}

impl Freshness {
    /// Whether it is fresh.
    pub fn is_fresh(&self) -> bool {
        self.age < self.lifetime.length
    }

    /// How much longer it is fresh; nothing if it is not.
    pub fn left(&self) -> Duration {
        self.lifetime.length.saturating_sub(self.age)
    }

    /// How long it has been stale; nothing if it is not.
    pub fn staleness(&self) -> Duration {
        self.age.saturating_sub(self.lifetime.length)
    }

    /// How long it is still fresh, in whole seconds, or negative for how long it has been stale (`ttl` of RFC 9211,
    /// section 2.4).
    pub fn ttl_seconds(&self) -> i64 {
        let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
        seconds(self.lifetime.length) - seconds(self.age)
    }
}

impl Decision for Freshness {
    fn rule(&self) -> &'static Rule {
        match self.lifetime.basis {
            Basis::Heuristic { .. } => &HEURISTIC,
            _ => &FRESHNESS,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        if self.is_fresh() { "fresh" } else { "stale" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        let (age, length) = (self.age.as_secs(), self.lifetime.length.as_secs());
        let told = match self.lifetime.basis {
            Basis::SharedMaxAge => format!("s-maxage says {length} s"),
            Basis::MaxAge => format!("max-age says {length} s"),
            Basis::Expires => format!("Expires lies {length} s after Date"),
            Basis::Heuristic { unmodified } => {
                format!("{length} s is guessed, as it had not been modified for {} s", unmodified.as_secs())
            }
            Basis::Nothing => "nothing says how long it is fresh".to_owned(),
            Basis::Invalid(invalid) => format!("{} cannot be read, which counts as stale", invalid.name()),
        };
        format!("it is {age} s old, and {told}").into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        let staleness = self.staleness().as_secs();
        match self.lifetime.basis {
            _ if self.is_fresh() => None,
            Basis::Nothing => Some("max-age would have said how long it is fresh".into()),
            Basis::Invalid(invalid) => {
                Some(format!("a value of {} that can be read would have counted", invalid.name()).into())
            }
            _ => Some(format!("{} s sooner it would have been fresh", staleness + 1).into()),
        }
    }
}

impl Invalid {
    fn name(self) -> &'static str {
        match self {
            Self::SharedMaxAge => "s-maxage",
            Self::MaxAge => "max-age",
            Self::Expires => "Expires",
        }
    }
}
