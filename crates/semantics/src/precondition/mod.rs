//! Conditional requests: whether the method may be applied to the current state of a representation
//! (RFC 9110, section 13).

mod decision;
mod if_range;

use std::borrow::Cow;
use std::time::SystemTime;

use http::header::{HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method, StatusCode};

use crate::validator::{self, EntityTag, Validators};
use crate::{date, fields};

pub use if_range::{IfRange, if_range};

/// Whether the method may be applied, and why (RFC 9110, section 13.2.2).
#[derive(Debug, Clone)]
pub enum Judgement {
    /// The method may be applied.
    Proceed(Proceed),
    /// The client has the current representation already: 304 (Not Modified).
    NotModified(NotModified),
    /// A precondition is false: 412 (Precondition Failed).
    Failed(Failed),
}

/// Why a method may be applied.
#[derive(Debug, Clone)]
pub enum Proceed {
    /// No precondition came with the request.
    Unconditional,
    /// The method neither selects nor changes a representation, so its preconditions are ignored (section 13.2.1).
    Ignored(Method),
    /// `If-Match` lists the current entity tag (section 13.1.1).
    Matched(EntityTag),
    /// `If-Match: *`, and there is a current representation (section 13.1.1).
    Exists,
    /// `If-None-Match` does not list the current entity tag, which is absent if there is none (section 13.1.2).
    NotListed {
        /// What the request listed.
        listed: HeaderValue,
        /// The current tag.
        current: Option<EntityTag>,
    },
    /// `If-None-Match: *`, and there is no current representation (section 13.1.2).
    DoesNotExist,
    /// The representation was modified after the date in `If-Modified-Since` (section 13.1.3).
    Modified {
        /// The date in the request.
        since: SystemTime,
        /// The date of the last modification.
        modified: SystemTime,
    },
    /// The representation was not modified after the date in `If-Unmodified-Since` (section 13.1.4).
    Unmodified {
        /// The date in the request.
        since: SystemTime,
        /// The date of the last modification.
        modified: SystemTime,
    },
    /// A date field is ignored, because it holds no date or because the representation has none
    /// (sections 13.1.3 and 13.1.4).
    Undated {
        /// `If-Modified-Since` or `If-Unmodified-Since`.
        field: HeaderName,
        /// What it holds.
        value: HeaderValue,
        /// Whether that is a date.
        is_date: bool,
    },
}

/// Why the client has the current representation already.
#[derive(Debug, Clone)]
pub enum NotModified {
    /// `If-None-Match` lists the current entity tag (section 13.1.2).
    Listed(EntityTag),
    /// `If-None-Match: *`, and there is a current representation (section 13.1.2).
    Exists,
    /// The representation was not modified after the date in `If-Modified-Since` (section 13.1.3).
    Unmodified {
        /// The date in the request.
        since: SystemTime,
        /// The date of the last modification.
        modified: SystemTime,
    },
}

/// Which precondition is false.
#[derive(Debug, Clone)]
pub enum Failed {
    /// `If-Match` does not list the current entity tag, which is absent if there is none (section 13.1.1).
    NotMatched {
        /// What the request listed.
        listed: HeaderValue,
        /// The current tag.
        current: Option<EntityTag>,
        /// Whether the current tag is listed, but one of the two is weak, and only strong tags match here.
        weak: bool,
    },
    /// `If-Match`, and there is no current representation (section 13.1.1).
    DoesNotExist,
    /// The representation was modified after the date in `If-Unmodified-Since` (section 13.1.4).
    Modified {
        /// The date in the request.
        since: SystemTime,
        /// The date of the last modification.
        modified: SystemTime,
    },
    /// `If-None-Match` lists the current entity tag, and the method would change it (section 13.1.2).
    Listed(EntityTag),
    /// `If-None-Match: *`, and there is a current representation that the method would change (section 13.1.2).
    Exists,
}

/// Judges the preconditions of a request in the order that section 13.2.2 of RFC 9110 lays down.
///
/// `current` is `None` if there is no current representation. To be called only if the request would otherwise
/// succeed (section 13.2.1). `If-Range` is judged with the ranges, by [`if_range`].
pub fn judge(method: &Method, request: &HeaderMap, current: Option<&Validators>) -> Judgement {
    if matches!(*method, Method::CONNECT | Method::OPTIONS | Method::TRACE) {
        return Judgement::Proceed(match has_precondition(request) {
            true => Proceed::Ignored(method.clone()),
            false => Proceed::Unconditional,
        });
    }
    let first = if request.contains_key(IF_MATCH) {
        Some(judge_if_match(request, current))
    } else {
        request.get(IF_UNMODIFIED_SINCE).map(|since| judge_unmodified_since(request, since, current))
    };
    if let Some(failed @ Judgement::Failed(_)) = first {
        return failed;
    }
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let second = if request.contains_key(IF_NONE_MATCH) {
        Some(judge_if_none_match(reads, request, current))
    } else {
        let since = request.get(IF_MODIFIED_SINCE).filter(|_| reads);
        since.map(|since| judge_modified_since(request, since, current))
    };
    second.or(first).unwrap_or(Judgement::Proceed(Proceed::Unconditional))
}

fn has_precondition(request: &HeaderMap) -> bool {
    [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE].iter().any(|name| request.contains_key(name))
}

/// Step 1 of section 13.2.2: only strong tags match.
fn judge_if_match(request: &HeaderMap, current: Option<&Validators>) -> Judgement {
    let Some(current) = current else {
        return Judgement::Failed(Failed::DoesNotExist);
    };
    if is_any(request, &IF_MATCH) {
        return Judgement::Proceed(Proceed::Exists);
    }
    let found = current.entity_tag.as_ref().and_then(|tag| find(request, &IF_MATCH, tag).map(|weak| (tag, weak)));
    match found {
        Some((tag, false)) if !tag.is_weak() => Judgement::Proceed(Proceed::Matched(tag.clone())),
        found => Judgement::Failed(Failed::NotMatched {
            listed: listed(request, &IF_MATCH),
            current: current.entity_tag.clone(),
            weak: found.is_some(),
        }),
    }
}

/// Step 2 of section 13.2.2.
fn judge_unmodified_since(request: &HeaderMap, value: &HeaderValue, current: Option<&Validators>) -> Judgement {
    match compare(request, IF_UNMODIFIED_SINCE, value, current) {
        Ok((since, modified)) if modified <= since => Judgement::Proceed(Proceed::Unmodified { since, modified }),
        Ok((since, modified)) => Judgement::Failed(Failed::Modified { since, modified }),
        Err(undated) => Judgement::Proceed(undated),
    }
}

/// Step 3 of section 13.2.2: weak tags match too.
fn judge_if_none_match(reads: bool, request: &HeaderMap, current: Option<&Validators>) -> Judgement {
    let Some(current) = current else {
        return Judgement::Proceed(Proceed::DoesNotExist);
    };
    if is_any(request, &IF_NONE_MATCH) {
        return match reads {
            true => Judgement::NotModified(NotModified::Exists),
            false => Judgement::Failed(Failed::Exists),
        };
    }
    match current.entity_tag.as_ref().filter(|tag| find(request, &IF_NONE_MATCH, tag).is_some()) {
        Some(tag) if reads => Judgement::NotModified(NotModified::Listed(tag.clone())),
        Some(tag) => Judgement::Failed(Failed::Listed(tag.clone())),
        None => Judgement::Proceed(Proceed::NotListed {
            listed: listed(request, &IF_NONE_MATCH),
            current: current.entity_tag.clone(),
        }),
    }
}

/// Step 4 of section 13.2.2.
fn judge_modified_since(request: &HeaderMap, value: &HeaderValue, current: Option<&Validators>) -> Judgement {
    match compare(request, IF_MODIFIED_SINCE, value, current) {
        Ok((since, modified)) if modified <= since => {
            Judgement::NotModified(NotModified::Unmodified { since, modified })
        }
        Ok((since, modified)) => Judgement::Proceed(Proceed::Modified { since, modified }),
        Err(undated) => Judgement::Proceed(undated),
    }
}

/// The date in the request and that of the representation, in whole seconds, if both are there.
fn compare(
    request: &HeaderMap,
    field: HeaderName,
    value: &HeaderValue,
    current: Option<&Validators>,
) -> Result<(SystemTime, SystemTime), Proceed> {
    let since = fields::only(request, &field).ok().and_then(|_| date::parse(value.as_bytes()));
    match (since, current.and_then(|current| current.last_modified)) {
        (Some(since), Some(modified)) => Ok((since, date::whole_seconds(modified))),
        (since, _) => Err(Proceed::Undated { field, value: value.clone(), is_date: since.is_some() }),
    }
}

/// Whether the field is `*`.
fn is_any(request: &HeaderMap, field: &HeaderName) -> bool {
    fields::list(request, field).eq([b"*".as_slice()])
}

/// Whether the field lists the tag, and then whether weakly: a strong member is looked for first.
fn find(request: &HeaderMap, field: &HeaderName, tag: &EntityTag) -> Option<bool> {
    let members = request.get_all(field).iter().flat_map(|value| validator::tags(value.as_bytes()));
    members.filter(|member| member.opaque == tag.opaque()).map(|member| member.weak).min()
}

/// What the field lists, over all of its lines.
fn listed(request: &HeaderMap, field: &HeaderName) -> HeaderValue {
    fields::combined(request, field).map_or(HeaderValue::from_static(""), Cow::into_owned)
}

impl Judgement {
    /// The status that answers the request, if the judgement answers it.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Proceed(_) => None,
            Self::NotModified(_) => Some(StatusCode::NOT_MODIFIED),
            Self::Failed(_) => Some(StatusCode::PRECONDITION_FAILED),
        }
    }
}
