//! Proactive negotiation: which of several representations suits what the request accepts (RFC 9110, section 12).
//!
//! One function a field: [`coding`], [`media_type`] and [`language`]. Each is given what is available, the server's
//! favourite first, and settles ties in that order.

mod language;
mod quality;

use std::borrow::Cow;
use std::fmt::{Debug, Display};

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, HeaderName, HeaderValue};

use crate::coding::Coding;
use crate::decision::{Decision, Rule, Shown};
use crate::fields;
use crate::media_type::{MediaRange, MediaType, Specificity};

pub use language::{filters, language};
pub use quality::Quality;

use quality::weighted;

/// What negotiation came to, and why (RFC 9110, section 12.1).
#[derive(Debug, Clone)]
pub enum Choice<T> {
    /// This one suits best.
    Chosen {
        /// The one that was chosen.
        chosen: T,
        /// Its place among those available.
        index: usize,
        /// Why.
        cause: Cause,
    },
    /// Nothing that is available is acceptable. The answer may be 406, or the request's wish may be disregarded.
    NotAcceptable {
        /// The field that rules everything out.
        field: HeaderName,
        /// What the request accepts.
        accepted: HeaderValue,
        /// What is available.
        available: Vec<T>,
    },
}

/// Why something was chosen.
#[derive(Debug, Clone)]
pub enum Cause {
    /// The request has no such field, so the server chose (section 12.5).
    Unasked(HeaderName),
    /// The request gives it this weight, and nothing available a greater one.
    Preferred {
        /// The field.
        field: HeaderName,
        /// What the request accepts.
        accepted: HeaderValue,
        /// The weight.
        quality: Quality,
    },
    /// The request does not name it, but does not exclude it either: `identity` (section 12.5.3).
    NotExcluded {
        /// The field.
        field: HeaderName,
        /// What the request accepts.
        accepted: HeaderValue,
    },
}

impl<T> Choice<T> {
    /// What was chosen.
    pub fn chosen(&self) -> Option<&T> {
        match self {
            Self::Chosen { chosen, .. } => Some(chosen),
            Self::NotAcceptable { .. } => None,
        }
    }
}

/// Chooses a content coding by `Accept-Encoding` (RFC 9110, section 12.5.3).
///
/// `available` lists `Identity` too where the representation can be sent as it is. Without the field, `Identity` is
/// chosen if it is available, since whoever does not ask may not know how to decode. `identity` that is not mentioned is
/// acceptable, but chosen last.
pub fn coding(request: &HeaderMap, available: &[Coding]) -> Choice<Coding> {
    let Some(accepted) = fields::combined(request, &ACCEPT_ENCODING) else {
        let identity = available.iter().position(|coding| *coding == Coding::Identity);
        return unasked(ACCEPT_ENCODING, available, identity.unwrap_or(0));
    };
    let weight = |coding: &Coding| {
        let mut named = None;
        let mut any = None;
        for (member, quality) in weighted(accepted.as_bytes()) {
            if Coding::parse(member) == Some(*coding) {
                named = named.or(Some(quality));
            } else if member == b"*" {
                any = any.or(Some(quality));
            }
        }
        match (named.or(any), coding) {
            (None, Coding::Identity) => Weight::NotExcluded,
            (Some(quality), _) => Weight::of(quality),
            (None, _) => Weight::Excluded,
        }
    };
    choose(ACCEPT_ENCODING, &accepted, available, weight)
}

/// Chooses a media type by `Accept` (RFC 9110, section 12.5.1).
///
/// The most specific range that matches a type gives it its weight. What is no media range is skipped.
pub fn media_type(request: &HeaderMap, available: &[MediaType]) -> Choice<MediaType> {
    let Some(accepted) = fields::combined(request, &ACCEPT) else {
        return unasked(ACCEPT, available, 0);
    };
    let ranges: Vec<(MediaRange, Quality)> = weighted(accepted.as_bytes())
        .filter_map(|(member, quality)| Some((MediaRange::parse(member).ok()?, quality)))
        .collect();
    let weight = |media_type: &MediaType| {
        let mut best: Option<(Specificity, Quality)> = None;
        for (range, quality) in &ranges {
            let specificity = range.matches(media_type);
            if let Some(specificity) = specificity.filter(|new| best.is_none_or(|(old, _)| *new > old)) {
                best = Some((specificity, *quality));
            }
        }
        best.map_or(Weight::Excluded, |(_, quality)| Weight::of(quality))
    };
    choose(ACCEPT, &accepted, available, weight)
}

/// What a request gives one of those available; the greater is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Excluded,
    NotExcluded,
    Wanted(Quality),
}

impl Weight {
    fn of(quality: Quality) -> Self {
        if quality == Quality::ZERO { Self::Excluded } else { Self::Wanted(quality) }
    }
}

/// The first of the available that has the greatest weight.
fn choose<T: Clone>(
    field: HeaderName,
    accepted: &HeaderValue,
    available: &[T],
    weight: impl Fn(&T) -> Weight,
) -> Choice<T> {
    let mut best = (Weight::Excluded, 0);
    for (index, candidate) in available.iter().enumerate() {
        let weight = weight(candidate);
        if weight > best.0 {
            best = (weight, index);
        }
    }
    let accepted = accepted.clone();
    let (weight, index) = best;
    let cause = match weight {
        Weight::Excluded => return Choice::NotAcceptable { field, accepted, available: available.to_vec() },
        Weight::NotExcluded => Cause::NotExcluded { field, accepted },
        Weight::Wanted(quality) => Cause::Preferred { field, accepted, quality },
    };
    Choice::Chosen { chosen: available[index].clone(), index, cause }
}

/// The server's own choice among the available, for a request that does not say what it accepts.
fn unasked<T: Clone>(field: HeaderName, available: &[T], index: usize) -> Choice<T> {
    match available.get(index) {
        Some(chosen) => Choice::Chosen { chosen: chosen.clone(), index, cause: Cause::Unasked(field) },
        None => Choice::NotAcceptable { field, accepted: HeaderValue::from_static(""), available: Vec::new() },
    }
}

static ACCEPT_RULE: Rule = Rule {
    name: "accept",
    section: "RFC 9110, section 12.5.1",
    says: "The media type with the greatest weight is sent; the most specific range gives a type its weight.",
};
static ACCEPT_ENCODING_RULE: Rule = Rule {
    name: "accept-encoding",
    section: "RFC 9110, section 12.5.3",
    says: "The coding with the greatest weight is used; no coding is acceptable unless it is excluded.",
};
static ACCEPT_LANGUAGE_RULE: Rule = Rule {
    name: "accept-language",
    section: "RFC 9110, section 12.5.4; RFC 4647, section 3.4",
    says: "The language with the greatest weight is sent; a range falls back to shorter ones, subtag by subtag.",
};

fn rule(field: &HeaderName) -> &'static Rule {
    match *field {
        ACCEPT => &ACCEPT_RULE,
        ACCEPT_LANGUAGE => &ACCEPT_LANGUAGE_RULE,
        _ => &ACCEPT_ENCODING_RULE,
    }
}

/// The name of a negotiating field as people write it.
fn title(field: &HeaderName) -> &'static str {
    match *field {
        ACCEPT => "Accept",
        ACCEPT_LANGUAGE => "Accept-Language",
        _ => "Accept-Encoding",
    }
}

impl<T: Debug + Display + Send + Sync + 'static> Decision for Choice<T> {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Chosen { cause: Cause::Unasked(field), .. }
            | Self::Chosen { cause: Cause::Preferred { field, .. } | Cause::NotExcluded { field, .. }, .. }
            | Self::NotAcceptable { field, .. } => rule(field),
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Chosen { chosen, .. } => Cow::Owned(chosen.to_string()),
            Self::NotAcceptable { .. } => Cow::Borrowed("406 Not Acceptable"),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Chosen { chosen, cause: Cause::Unasked(field), .. } => {
                format!("the request has no {}, and {chosen} is what the server sends then", title(field))
            }
            Self::Chosen { chosen, cause: Cause::Preferred { field, accepted, quality }, .. } => {
                let (title, accepted) = (title(field), Shown(accepted.as_bytes()));
                format!("{title}: {accepted} gives {chosen} the weight {quality}, and nothing available a greater one")
            }
            Self::Chosen { chosen, cause: Cause::NotExcluded { field, accepted }, .. } => {
                let (title, accepted) = (title(field), Shown(accepted.as_bytes()));
                format!("{title}: {accepted} names nothing that is available, and does not exclude {chosen}")
            }
            Self::NotAcceptable { available, .. } if available.is_empty() => {
                return Cow::Borrowed("nothing is available");
            }
            Self::NotAcceptable { field, accepted, available } => {
                let (title, accepted) = (title(field), Shown(accepted.as_bytes()));
                format!("{title}: {accepted} excludes all that is available: {}", enumerate(available))
            }
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Chosen { .. } => None,
            Self::NotAcceptable { field, available, .. } => {
                let first = available.first()?;
                Some(Cow::Owned(format!("{}: {first} would be answered with {first}", title(field))))
            }
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::NotAcceptable { .. })
    }
}

fn enumerate<T: Display>(all: &[T]) -> String {
    all.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
