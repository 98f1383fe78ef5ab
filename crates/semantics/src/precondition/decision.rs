//! What a judgement about preconditions says of itself.

use std::borrow::Cow;

use http::header::{HeaderName, IF_MODIFIED_SINCE};

use super::{Failed, Judgement, NotModified, Proceed};
use crate::date;
use crate::decision::{Decision, Rule, Shown};

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
