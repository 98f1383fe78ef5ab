//! Whether a range may be applied to the current representation (RFC 9110, section 13.1.5).

use std::borrow::Cow;
use std::time::SystemTime;

use http::HeaderMap;
use http::header::{HeaderValue, IF_RANGE};

use super::listed;
use crate::decision::{Decision, Rule, Shown};
use crate::validator::{EntityTag, Validators};
use crate::{date, fields};

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

static RULE: Rule = Rule {
    name: "if-range",
    section: "RFC 9110, section 13.1.5",
    says: "A range is sent only if the validator is the current one, compared strongly; otherwise everything is.",
};

impl Decision for IfRange {
    fn rule(&self) -> &'static Rule {
        &RULE
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
