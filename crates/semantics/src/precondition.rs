//! Conditional requests: whether the method may be applied to the current state of a representation
//! (RFC 9110, section 13).

use std::borrow::Cow;
use std::time::SystemTime;

use http::header::{
    HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE,
};
use http::{HeaderMap, Method, StatusCode};

use crate::decision::{Decision, Rule, Shown};
use crate::validator::{self, EntityTag, Validators};
use crate::{date, fields};

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

/// Whether a `Range` may be applied, as far as `If-Range` is concerned (RFC 9110, section 13.1.5).
#[derive(Debug, Clone)]
pub enum IfRange {
    /// There is no `If-Range`.
    Absent,
    /// It holds the current strong validator: the range may be applied.
    Current(HeaderValue),
    /// It holds another entity tag.
    OtherTag {
        /// What the request holds.
        held: HeaderValue,
        /// The current tag.
        current: Option<EntityTag>,
    },
    /// It holds the current entity tag, but one of the two is weak.
    WeakTag {
        /// What the request holds.
        held: HeaderValue,
        /// The current tag.
        current: EntityTag,
    },
    /// It holds another date than that of the last modification.
    OtherDate {
        /// What the request holds.
        held: HeaderValue,
        /// When the representation was last modified.
        current: Option<SystemTime>,
    },
    /// It holds the date of the last modification, which is too near to `now` to stand for every byte (section 8.8.2.2).
    WeakDate(HeaderValue),
    /// It holds neither an entity tag nor a date.
    Malformed(HeaderValue),
}

impl IfRange {
    /// Whether the range may be applied.
    pub fn applies(&self) -> bool {
        matches!(self, Self::Absent | Self::Current(_))
    }
}

/// Judges `If-Range` at the time `now` (RFC 9110, section 13.1.5).
pub fn if_range(request: &HeaderMap, current: &Validators, now: SystemTime) -> IfRange {
    let value = match fields::only(request, &IF_RANGE) {
        Ok(None) => return IfRange::Absent,
        Ok(Some(value)) => value,
        Err(fields::Repeated) => return IfRange::Malformed(listed(request, &IF_RANGE)),
    };
    let held = value.clone();
    if let Ok(tag) = EntityTag::parse(value.as_bytes()) {
        return match &current.entity_tag {
            Some(current) if current.strong_eq(&tag) => IfRange::Current(held),
            Some(current) if current.weak_eq(&tag) => IfRange::WeakTag { held, current: current.clone() },
            current => IfRange::OtherTag { held, current: current.clone() },
        };
    }
    let Some(date) = date::parse(value.as_bytes()) else {
        return IfRange::Malformed(held);
    };
    match current.last_modified {
        Some(modified) if date::whole_seconds(modified) != date => IfRange::OtherDate { held, current: Some(modified) },
        Some(_) if current.is_date_strong(now) => IfRange::Current(held),
        Some(_) => IfRange::WeakDate(held),
        None => IfRange::OtherDate { held, current: None },
    }
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

static ORDER: Rule = Rule {
    name: "precondition-order",
    section: "RFC 9110, section 13.2",
    says: "Preconditions are judged in a fixed order, and only for methods that select or change a representation.",
};
static MATCH: Rule = Rule {
    name: "if-match",
    section: "RFC 9110, section 13.1.1",
    says: "The method is applied only if the current entity tag is listed, compared strongly.",
};
static NONE_MATCH: Rule = Rule {
    name: "if-none-match",
    section: "RFC 9110, section 13.1.2",
    says: "The method is applied only if the current entity tag is not listed, compared weakly.",
};
static MODIFIED_SINCE: Rule = Rule {
    name: "if-modified-since",
    section: "RFC 9110, section 13.1.3",
    says: "The representation is sent only if it was modified after the date.",
};
static UNMODIFIED_SINCE: Rule = Rule {
    name: "if-unmodified-since",
    section: "RFC 9110, section 13.1.4",
    says: "The method is applied only if the representation was not modified after the date.",
};
static IF_RANGE_RULE: Rule = Rule {
    name: "if-range",
    section: "RFC 9110, section 13.1.5",
    says: "A range is sent only if the validator is the current one, compared strongly; otherwise everything is.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Proceed(Proceed::Unconditional | Proceed::Ignored(_)) => &ORDER,
            Self::Proceed(Proceed::Matched(_) | Proceed::Exists)
            | Self::Failed(Failed::NotMatched { .. } | Failed::DoesNotExist) => &MATCH,
            Self::Proceed(Proceed::NotListed { .. } | Proceed::DoesNotExist)
            | Self::NotModified(NotModified::Listed(_) | NotModified::Exists)
            | Self::Failed(Failed::Listed(_) | Failed::Exists) => &NONE_MATCH,
            Self::Proceed(Proceed::Modified { .. }) | Self::NotModified(NotModified::Unmodified { .. }) => {
                &MODIFIED_SINCE
            }
            Self::Proceed(Proceed::Unmodified { .. }) | Self::Failed(Failed::Modified { .. }) => &UNMODIFIED_SINCE,
            Self::Proceed(Proceed::Undated { field, .. }) => {
                if *field == IF_MODIFIED_SINCE {
                    &MODIFIED_SINCE
                } else {
                    &UNMODIFIED_SINCE
                }
            }
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Proceed(_) => "the method is applied",
            Self::NotModified(_) => "304 Not Modified",
            Self::Failed(_) => "412 Precondition Failed",
        })
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Proceed(proceed) => proceed.because(),
            Self::NotModified(not_modified) => not_modified.because(),
            Self::Failed(failed) => failed.because(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Proceed(proceed) => return proceed.otherwise(),
            Self::NotModified(NotModified::Listed(_) | NotModified::Exists) => {
                Cow::Borrowed("a request without If-None-Match would be answered in full")
            }
            Self::NotModified(NotModified::Unmodified { .. }) => {
                Cow::Borrowed("a request without If-Modified-Since would be answered in full")
            }
            Self::Failed(Failed::NotMatched { current: Some(current), .. }) if !current.is_weak() => {
                Cow::Owned(format!("If-Match: {current} would be true"))
            }
            Self::Failed(Failed::NotMatched { .. }) => Cow::Borrowed("If-Match: * would be true"),
            Self::Failed(Failed::DoesNotExist) => Cow::Borrowed("a request without If-Match would be carried out"),
            Self::Failed(Failed::Modified { modified, .. }) => {
                Cow::Owned(format!("If-Unmodified-Since: {} would be true", date::text(*modified)))
            }
            Self::Failed(Failed::Listed(_) | Failed::Exists) => {
                Cow::Borrowed("a request without If-None-Match would be carried out")
            }
        })
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl Proceed {
    fn because(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Unconditional => return Cow::Borrowed("the request has no precondition"),
            Self::Ignored(method) => {
                format!("{method} neither selects nor changes a representation, so its preconditions are ignored")
            }
            Self::Matched(tag) => format!("If-Match lists {tag}, which is the current entity tag"),
            Self::Exists => return Cow::Borrowed("If-Match is *, and there is a current representation"),
            Self::NotListed { listed, current: Some(current) } => {
                format!("If-None-Match lists {}, but the current entity tag is {current}", Shown(listed.as_bytes()))
            }
            Self::NotListed { listed, current: None } => {
                let listed = Shown(listed.as_bytes());
                format!("If-None-Match lists {listed}, but the current representation has no entity tag")
            }
            Self::DoesNotExist => return Cow::Borrowed("there is no representation that If-None-Match could list"),
            Self::Modified { since, modified } => format!(
                "the representation was modified on {}, after the {} in If-Modified-Since",
                date::text(*modified),
                date::text(*since)
            ),
            Self::Unmodified { since, modified } => format!(
                "the representation was last modified on {}, not after the {} in If-Unmodified-Since",
                date::text(*modified),
                date::text(*since)
            ),
            Self::Undated { field, value, is_date: false } => {
                format!("{} holds {}, which is no date", title(field), Shown(value.as_bytes()))
            }
            Self::Undated { field, is_date: true, .. } => {
                format!("the representation has no modification date to compare with {}", title(field))
            }
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Owned(match self {
            Self::NotListed { current: Some(current), .. } => {
                format!("If-None-Match: {current} would have made the precondition false")
            }
            Self::Modified { modified, .. } => {
                format!("If-Modified-Since: {} would be answered with 304", date::text(*modified))
            }
            Self::Undated { field, is_date: false, .. } => {
                format!("a date in the form of Sun, 06 Nov 1994 08:49:37 GMT in {} would be compared", title(field))
            }
            _ => return None,
        }))
    }
}

/// The name of a date field as people write it.
fn title(field: &HeaderName) -> &'static str {
    if *field == IF_MODIFIED_SINCE { "If-Modified-Since" } else { "If-Unmodified-Since" }
}

impl NotModified {
    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Listed(tag) => Cow::Owned(format!("If-None-Match lists {tag}, which is the current entity tag")),
            Self::Exists => Cow::Borrowed("If-None-Match is *, and there is a current representation"),
            Self::Unmodified { since, modified } => Cow::Owned(format!(
                "the representation was last modified on {}, not after the {} in If-Modified-Since",
                date::text(*modified),
                date::text(*since)
            )),
        }
    }
}

impl Failed {
    fn because(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::NotMatched { current: None, listed, .. } => {
                let listed = Shown(listed.as_bytes());
                format!("If-Match lists {listed}, but the current representation has no entity tag")
            }
            Self::NotMatched { current: Some(current), listed, weak } => format!(
                "If-Match lists {}, but {} {current}",
                Shown(listed.as_bytes()),
                if *weak { "weak tags do not match here, and the current one is" } else { "the current entity tag is" }
            ),
            Self::DoesNotExist => return Cow::Borrowed("there is no current representation that If-Match could list"),
            Self::Modified { since, modified } => format!(
                "the representation was modified on {}, after the {} in If-Unmodified-Since",
                date::text(*modified),
                date::text(*since)
            ),
            Self::Listed(tag) => format!("If-None-Match lists {tag}, which is the current entity tag"),
            Self::Exists => return Cow::Borrowed("If-None-Match is *, and there is a current representation"),
        })
    }
}

impl Decision for IfRange {
    fn rule(&self) -> &'static Rule {
        &IF_RANGE_RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        Cow::Borrowed(if self.applies() { "the range applies" } else { "the range is ignored" })
    }

    fn because(&self) -> Cow<'static, str> {
        let shown = |value: &HeaderValue| Shown(value.as_bytes()).to_string();
        Cow::Owned(match self {
            Self::Absent => return Cow::Borrowed("there is no If-Range"),
            Self::Current(held) => format!("If-Range holds the current validator, {}", shown(held)),
            Self::OtherTag { held, current: Some(current) } => {
                format!("If-Range holds {}, but the current entity tag is {current}", shown(held))
            }
            Self::OtherTag { held, current: None } => {
                format!("If-Range holds {}, but the current representation has no entity tag", shown(held))
            }
            Self::WeakTag { held, current } => {
                format!(
                    "If-Range holds {}, the current entity tag is {current}, and weak tags do not match",
                    shown(held)
                )
            }
            Self::OtherDate { held, current: Some(current) } => {
                let current = date::text(*current);
                format!("If-Range holds {}, but the representation was last modified on {current}", shown(held))
            }
            Self::OtherDate { held, current: None } => {
                format!("If-Range holds {}, but the representation has no modification date", shown(held))
            }
            Self::WeakDate(held) => {
                format!("If-Range holds {}, which is this very second: more may change within it", shown(held))
            }
            Self::Malformed(held) => {
                format!("If-Range holds {}, which is neither an entity tag nor a date", shown(held))
            }
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Absent | Self::Current(_) => return None,
            Self::OtherTag { current: Some(current), .. } if !current.is_weak() => {
                Cow::Owned(format!("If-Range: {current} would let the range apply"))
            }
            Self::OtherDate { current: Some(current), .. } => {
                Cow::Owned(format!("If-Range: {} would let the range apply", date::text(*current)))
            }
            Self::WeakDate(_) => Cow::Borrowed("the same request a second later would let the range apply"),
            _ => Cow::Borrowed("a request without If-Range would let the range apply"),
        })
    }

    fn declines(&self) -> bool {
        !self.applies()
    }
}
