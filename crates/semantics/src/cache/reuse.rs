//! Whether a stored response answers a request (RFC 9111, section 4; RFC 5861; RFC 8246).

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use super::control::{Control, Extent, Seconds};
use super::freshness::Freshness;
use super::rules::{
    ASKED_FRESH, FRESHNESS, IF_ERROR, IMMUTABLE, NO_CACHE, ONLY_IF_CACHED, REUSE, STALE, WHILE_REVALIDATING,
};
use crate::decision::{Decision, Rule};

/// Whether a stored response answers a request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reuse {
    /// It does: it is fresh.
    Fresh(Freshness),
    /// It does, although the request asks for a newer one: it is immutable while it is fresh.
    Immutable(Freshness),
    /// It does, although it is stale: the request says that this will do.
    StaleTaken {
        /// How stale it is.
        freshness: Freshness,
        /// How stale it may be; `None` for any.
        max_stale: Option<Duration>,
    },
    /// It does, although it is stale, while it is validated.
    WhileRevalidating {
        /// How stale it is.
        freshness: Freshness,
        /// How stale it may be.
        window: Duration,
    },
    /// It has to be validated first.
    Validate {
        /// How fresh it is.
        freshness: Freshness,
        /// Why.
        why: Why,
    },
}

/// Why a stored response is not used without validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It says `no-cache`.
    NoCache,
    /// The request says `no-cache`.
    RequestNoCache,
    /// It is older than the request takes.
    MaxAge(Duration),
    /// It is not fresh for as long as the request wants.
    MinFresh(Duration),
    /// It is stale, and says `must-revalidate` or the like.
    MustRevalidate(&'static str),
    /// It is stale, and for longer than the request takes.
    MaxStale(Duration),
    /// It is stale.
    Stale,
}

/// Judges whether a stored response answers a request: what the request says, what the response says, and how fresh it
/// is.
pub fn judge(request: &Control, stored: &Control, freshness: Freshness, shared: bool) -> Reuse {
    let validate = |why| Reuse::Validate { freshness, why };
    if stored.no_cache == Extent::Whole {
        return validate(Why::NoCache);
    }
    if request.no_cache == Extent::Whole {
        return validate(Why::RequestNoCache);
    }
    let takes_stale = request.max_stale;
    if let Some(max_age) = request.max_age.map(Seconds::or_zero)
        // Zero asks for what is as new as can be: nothing that is stored is that.
        && (freshness.age > max_age || max_age.is_zero())
    {
        return match stored.immutable && freshness.is_fresh() {
            true => Reuse::Immutable(freshness),
            false => validate(Why::MaxAge(max_age)),
        };
    }
    if let Some(min_fresh) = request.min_fresh
        && freshness.left() < min_fresh
    {
        return validate(Why::MinFresh(min_fresh));
    }
    if freshness.is_fresh() {
        return Reuse::Fresh(freshness);
    }
    if let Some(directive) = forbids_stale(stored, shared) {
        return validate(Why::MustRevalidate(directive));
    }
    match takes_stale {
        Some(None) => return Reuse::StaleTaken { freshness, max_stale: None },
        Some(Some(limit)) if freshness.staleness() <= limit => {
            return Reuse::StaleTaken { freshness, max_stale: Some(limit) };
        }
        Some(Some(limit)) => return validate(Why::MaxStale(limit)),
        None => {}
    }
    // Who says how old or how fresh it has to be asks for no stale one.
    let is_particular = request.max_age.is_some() || request.min_fresh.is_some();
    match stored.stale_while_revalidate {
        Some(window) if freshness.staleness() <= window && !is_particular => {
            Reuse::WhileRevalidating { freshness, window }
        }
        _ => validate(Why::Stale),
    }
}

/// The directive that forbids the response to be used stale (RFC 9111, section 4.2.4).
fn forbids_stale(stored: &Control, shared: bool) -> Option<&'static str> {
    match stored {
        Control { must_revalidate: true, .. } => Some("must-revalidate"),
        Control { proxy_revalidate: true, .. } if shared => Some("proxy-revalidate"),
        Control { s_maxage: Some(_), .. } if shared => Some("s-maxage"),
        _ => None,
    }
}

impl Reuse {
    /// How fresh the stored response is.
    pub fn freshness(&self) -> &Freshness {
        match self {
            Self::Fresh(freshness) | Self::Immutable(freshness) => freshness,
            Self::StaleTaken { freshness, .. }
            | Self::WhileRevalidating { freshness, .. }
            | Self::Validate { freshness, .. } => freshness,
        }
    }
}

impl Decision for Reuse {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Fresh(_) => &FRESHNESS,
            Self::Immutable(_) => &IMMUTABLE,
            Self::WhileRevalidating { .. } => &WHILE_REVALIDATING,
            Self::StaleTaken { .. } => &ASKED_FRESH,
            Self::Validate { why, .. } => match why {
                Why::NoCache => &NO_CACHE,
                Why::RequestNoCache | Why::MaxAge(_) | Why::MinFresh(_) | Why::MaxStale(_) => &ASKED_FRESH,
                Why::MustRevalidate(_) => &STALE,
                Why::Stale => &REUSE,
            },
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Fresh(_) | Self::Immutable(_) => "answered from the cache",
            Self::StaleTaken { .. } => "answered from the cache, stale",
            Self::WhileRevalidating { .. } => "answered from the cache, stale, and validated meanwhile",
            Self::Validate { .. } => "the origin was asked whether the stored response still holds",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        let fresh = self.freshness();
        let told = fresh.because();
        match self {
            Self::Fresh(_) => told,
            Self::Immutable(_) => format!("{told}, and until then it is immutable").into(),
            Self::StaleTaken { max_stale: None, .. } => format!("{told}, but the request takes a stale one").into(),
            Self::StaleTaken { max_stale: Some(limit), .. } => {
                format!("{told}, but the request takes one that is {} s stale", limit.as_secs()).into()
            }
            Self::WhileRevalidating { window, .. } => {
                format!("{told}, but it may be used for {} s more while it is validated", window.as_secs()).into()
            }
            Self::Validate { why, .. } => match why {
                Why::NoCache => "it says no-cache".into(),
                Why::RequestNoCache => "the request says no-cache".into(),
                Why::MaxAge(limit) => {
                    let age = fresh.age.as_secs();
                    format!("it is {age} s old, and the request takes one of at most {} s", limit.as_secs()).into()
                }
                Why::MinFresh(least) => {
                    let (left, least) = (fresh.left().as_secs(), least.as_secs());
                    format!("it is fresh for {left} s more, and the request wants {least} s").into()
                }
                Why::MustRevalidate(directive) => format!("{told}, and {directive} forbids to use it stale").into(),
                Why::MaxStale(limit) => {
                    format!("{told}, and the request takes one that is at most {} s stale", limit.as_secs()).into()
                }
                Why::Stale => told,
            },
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        let Self::Validate { why, freshness } = self else { return None };
        match why {
            Why::NoCache => Some("without no-cache in the response it could have been used".into()),
            Why::RequestNoCache => Some("without no-cache in the request it could have been used".into()),
            Why::MaxAge(_) => Some("a higher max-age in the request would have taken it".into()),
            Why::MinFresh(_) => Some("a lower min-fresh in the request would have taken it".into()),
            Why::MustRevalidate(directive) => Some(format!("without {directive} it could have been used stale").into()),
            Why::MaxStale(_) => Some("a higher max-stale in the request would have taken it".into()),
            Why::Stale => freshness.otherwise(),
        }
    }
}

/// What went wrong when a newer response was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The origin answered with an error.
    Status(StatusCode),
    /// It could not be asked.
    Unreachable,
}

/// Whether a stale response is used in place of an error, and why (RFC 5861, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// It is.
    Used {
        /// What went wrong.
        failure: Failure,
        /// How stale it is.
        staleness: Duration,
        /// How stale it may be.
        window: Duration,
    },
    /// It is not: it has been stale for too long.
    TooStale {
        /// How stale it is.
        staleness: Duration,
        /// How stale it may be.
        window: Duration,
    },
    /// It is not: a directive forbids it.
    Forbidden(&'static str),
    /// It is not: nobody allowed it.
    NotAllowed,
    /// It is not: what came is no error of the kind.
    NoError(StatusCode),
}

/// Judges whether a stale response is used in place of an error; `granted` is what the cache allows by itself where
/// nobody says anything.
pub fn instead(
    request: &Control,
    stored: &Control,
    freshness: Freshness,
    failure: Failure,
    granted: Option<Duration>,
    shared: bool,
) -> Instead {
    if let Failure::Status(status) = failure
        && !matches!(status.as_u16(), 500 | 502 | 503 | 504)
    {
        return Instead::NoError(status);
    }
    if stored.no_cache == Extent::Whole {
        return Instead::Forbidden("no-cache");
    }
    if let Some(directive) = forbids_stale(stored, shared) {
        return Instead::Forbidden(directive);
    }
    if request.no_cache == Extent::Whole {
        return Instead::Forbidden("no-cache in the request");
    }
    let Some(window) = request.stale_if_error.or(stored.stale_if_error).or(granted) else { return Instead::NotAllowed };
    let staleness = freshness.staleness();
    match staleness <= window {
        true => Instead::Used { failure, staleness, window },
        false => Instead::TooStale { staleness, window },
    }
}

impl Decision for Instead {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Forbidden(_) => &STALE,
            _ => &IF_ERROR,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Used { .. } => "a stale response was used in place of an error",
            _ => "the stored response was not used in place of an error",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Used { failure, staleness, window } => {
                let failed = match failure {
                    Failure::Status(status) => format!("the origin answered {}", status.as_u16()),
                    Failure::Unreachable => "the origin could not be asked".to_owned(),
                };
                let (stale, window) = (staleness.as_secs(), window.as_secs());
                format!("{failed}, it is {stale} s stale, and stale-if-error allows {window} s").into()
            }
            Self::TooStale { staleness, window } => {
                let (stale, window) = (staleness.as_secs(), window.as_secs());
                format!("it is {stale} s stale, and stale-if-error allows {window} s").into()
            }
            Self::Forbidden(directive) => format!("{directive} forbids to use it stale").into(),
            Self::NotAllowed => "nobody says stale-if-error".into(),
            Self::NoError(status) => format!("{} is an answer", status.as_u16()).into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::TooStale { .. } => Some("a longer stale-if-error would have let it be used".into()),
            Self::Forbidden(directive) => Some(format!("without {directive} it could have been used").into()),
            Self::NotAllowed => Some("stale-if-error would have let it be used".into()),
            Self::Used { .. } | Self::NoError(_) => None,
        }
    }
}

/// Nothing that is stored answers a request, and it says that nobody else is to be asked (RFC 9111, section 5.2.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyIfCached;

impl Decision for OnlyIfCached {
    fn rule(&self) -> &'static Rule {
        &ONLY_IF_CACHED
    }

    fn outcome(&self) -> Cow<'static, str> {
        "504 Gateway Timeout".into()
    }

    fn because(&self) -> Cow<'static, str> {
        "the request says only-if-cached, and nothing that is stored answers it".into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("without only-if-cached the origin would have been asked".into())
    }

    fn declines(&self) -> bool {
        true
    }
}
