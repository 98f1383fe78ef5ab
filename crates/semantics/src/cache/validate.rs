//! Asking whether a stored response is still right, and what the answer means (RFC 9111, sections 3.2 and 4.3).

use std::borrow::Cow;

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use http::{HeaderMap, StatusCode};

use super::rules::{FRESHENING, VALIDATION};
use super::{admit, control::Control};
use crate::decision::{Decision, Rule};
use crate::validator::Validators;

/// The preconditions that a request may bring along.
pub const PRECONDITIONS: [HeaderName; 5] = [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE, IF_RANGE];

/// The fields that ask whether a stored response is still right: If-None-Match and If-Modified-Since, as far as it has
/// validators (RFC 9111, section 4.3.1).
pub fn condition(stored: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let copied = |from: &HeaderName, to: HeaderName| stored.get(from).map(|value| (to, value.clone()));
    let Validators { entity_tag, last_modified } = Validators::of(stored);
    let tag = entity_tag.and_then(|_| copied(&ETAG, IF_NONE_MATCH));
    let date = last_modified.and_then(|_| copied(&LAST_MODIFIED, IF_MODIFIED_SINCE));
    tag.into_iter().chain(date).collect()
}

/// What the answer to a conditional request means for the stored response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validation {
    /// 304: it is right, and its fields are renewed.
    Freshened {
        /// What showed that it is meant.
        by: Shown,
    },
    /// 304, but for another response than the one that is stored: it is not used.
    Mismatched,
    /// Another response takes its place.
    Replaced(StatusCode),
    /// The origin failed: it may be used if [`instead`](super::reuse::instead) allows.
    Failed(StatusCode),
}

/// What shows that a 304 means the stored response (RFC 9111, section 4.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The same strong entity tag.
    StrongTag,
    /// The same weak entity tag.
    WeakTag,
    /// The same date of modification.
    Date,
    /// The 304 has no validator, and only this response was asked about.
    Alone,
}

/// Judges the answer to a conditional request for a stored response.
pub fn judge(status: StatusCode, answer: &HeaderMap, stored: &HeaderMap) -> Validation {
    if status.is_server_error() {
        return Validation::Failed(status);
    }
    if status != StatusCode::NOT_MODIFIED {
        return Validation::Replaced(status);
    }
    match same(answer, stored) {
        Some(by) => Validation::Freshened { by },
        None => Validation::Mismatched,
    }
}

/// Whether an answer without content is about the stored response, and what shows it.
pub fn same(answer: &HeaderMap, stored: &HeaderMap) -> Option<Shown> {
    let (new, old) = (Validators::of(answer), Validators::of(stored));
    match (new.entity_tag, old.entity_tag) {
        (Some(new), Some(old)) if new.strong_eq(&old) => return Some(Shown::StrongTag),
        (Some(new), Some(old)) if new.weak_eq(&old) => return Some(Shown::WeakTag),
        (Some(_), _) => return None,
        (None, _) => {}
    }
    match (new.last_modified, old.last_modified) {
        (Some(new), Some(old)) if new == old => Some(Shown::Date),
        (Some(_), _) => None,
        (None, _) => Some(Shown::Alone),
    }
}

/// Renews the fields of a stored response by those of a 304, or of the answer to a HEAD request (RFC 9111,
/// section 3.2).
///
/// What describes the content as it is stored stays as it was: its length, coding, range and type.
pub fn freshen(stored: &mut HeaderMap, answer: &HeaderMap, shared: bool) {
    let fresh = admit::stored_fields(answer, shared);
    let stays = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE];
    let renewed: Vec<&HeaderName> = fresh.keys().filter(|name| !stays.contains(name)).collect();
    for name in renewed {
        stored.remove(name);
        for value in fresh.get_all(name) {
            stored.append(name.clone(), value.clone());
        }
    }
    // A field that a directive now keeps from this cache is not kept from before either.
    let control = Control::of_response(answer);
    let kept_away = control.private.fields().iter().filter(|_| shared).chain(control.no_cache.fields());
    kept_away.for_each(|name| drop(stored.remove(name)));
}

/// What the answer to a HEAD request tells of a stored response (RFC 9111, section 4.3.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headed {
    /// The same: its fields are renewed.
    Freshened,
    /// Another: the stored one is not used any more.
    Outdated,
}

/// Judges what the 200 answer to a HEAD request tells of a stored response.
pub fn judge_head(answer: &HeaderMap, stored: &HeaderMap, stored_length: u64) -> Headed {
    let length = answer.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let is_same_length = length.is_none_or(|length| length == stored_length);
    if same(answer, stored).is_some() && is_same_length { Headed::Freshened } else { Headed::Outdated }
}

impl Decision for Validation {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Freshened { .. } | Self::Mismatched => &FRESHENING,
            Self::Replaced(_) | Self::Failed(_) => &VALIDATION,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Freshened { .. } => "the stored response was freshened",
            Self::Mismatched => "the stored response was given up",
            Self::Replaced(_) => "the stored response was replaced",
            Self::Failed(_) => "the stored response could not be validated",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Freshened { by: Shown::StrongTag } => "the origin answered 304 with the same entity tag".into(),
            Self::Freshened { by: Shown::WeakTag } => "the origin answered 304 with the same weak entity tag".into(),
            Self::Freshened { by: Shown::Date } => "the origin answered 304 with the same date of modification".into(),
            Self::Freshened { by: Shown::Alone } => "the origin answered 304, and only this one was asked about".into(),
            Self::Mismatched => "the origin answered 304 with the validator of another response".into(),
            Self::Replaced(status) => format!("the origin answered {}", status.as_u16()).into(),
            Self::Failed(status) => format!("the origin answered {}", status.as_u16()).into(),
        }
    }
}

impl Decision for Headed {
    fn rule(&self) -> &'static Rule {
        &FRESHENING
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Freshened => "the stored response was freshened",
            Self::Outdated => "the stored response was given up",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Freshened => "the answer to HEAD has the same validators and length".into(),
            Self::Outdated => "the answer to HEAD has another validator or length".into(),
        }
    }
}
