//! Whether a request that failed is sent to another server, and why: one pure function.

use std::borrow::Cow;
use std::error::Error as _;

use http::Method;
use wirelight_client::Phase;
use wirelight_net::request::{Failure, Sent};
use wirelight_proto::ConnectionError;
use wirelight_proto::h2::rule::KEEP_ALIVE;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::method;
use wirelight_service::{Error, Kind};

/// What is known when an attempt has failed.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// How much of it had left.
    pub sent: Sent,
    /// What kind of failure it was.
    pub kind: Kind,
    /// Whether the connection was given up with it.
    pub lost: bool,
    /// Whether its content could be sent again.
    pub content: bool,
    /// How many attempts there have been.
    pub attempts: u32,
    /// How many there may be.
    pub attempts_max: u32,
    /// Whether the budget has room for one more.
    pub budget: bool,
}

/// Whether a request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retrying {
    /// Yes: none of it had left.
    Unsent,
    /// Yes: its method is idempotent.
    Idempotent,
    /// No: it might be done twice.
    Unsafe,
    /// No: the failure would only come again, or the answer may still be on its way.
    Pointless,
    /// No: some of its content is gone.
    Spent,
    /// No: it was tried so often.
    Enough(u32),
    /// No: too many requests are tried again already.
    NoBudget,
}

/// Judges whether a request that failed before its response began is sent again (RFC 9110, section 9.2.2).
pub fn judge(facts: Facts<'_>) -> Retrying {
    let safe = match facts.sent {
        Sent::Nothing => Retrying::Unsent,
        Sent::Something if !method::is_idempotent(facts.method) => return Retrying::Unsafe,
        Sent::Something if !facts.lost && !matches!(facts.kind, Kind::Gone | Kind::Io) => return Retrying::Pointless,
        Sent::Something => Retrying::Idempotent,
    };
    match facts {
        Facts { content: false, .. } => Retrying::Spent,
        Facts { attempts, attempts_max, .. } if attempts >= attempts_max => Retrying::Enough(attempts),
        Facts { budget: false, .. } => Retrying::NoBudget,
        _ => safe,
    }
}

impl Retrying {
    /// Whether it is sent again.
    pub fn is_on(self) -> bool {
        matches!(self, Self::Unsent | Self::Idempotent)
    }
}

/// How much of a request had left when an error of the client came up.
pub(crate) fn sent(error: &Error) -> Sent {
    match failure(error) {
        Some(failure) => failure.sent,
        None if Phase::of(error) < Phase::Send => Sent::Nothing,
        None => Sent::Something,
    }
}

/// Whether the server closed a connection without a word.
pub(crate) fn is_premature_close(error: &Error) -> bool {
    failure(error).is_some_and(|failure| failure.is_premature_close)
}

/// Whether a connection was given up because its server did not answer a PING.
pub(crate) fn is_silence(error: &Error) -> bool {
    caused_by(error).is_some_and(|refused: &ConnectionError| refused.rule.name == KEEP_ALIVE.name)
}

fn failure(error: &Error) -> Option<&Failure> {
    caused_by(error)
}

fn caused_by<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        source = cause.source();
    }
    None
}

static RULE: Rule = Rule {
    name: "proxy-retry",
    section: "RFC 9110, section 9.2.2",
    says: "A proxy sends a request again by itself only if its method is idempotent, or none of it was processed.",
};

impl Decision for Retrying {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        if self.is_on() { "tried again" } else { "not tried again" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Unsent => "none of the request had left".into(),
            Self::Idempotent => "the connection ended before a response had begun, and the method is idempotent".into(),
            Self::Unsafe => "the request had left, and its method is not idempotent: it might be done twice".into(),
            Self::Pointless => {
                "the server had the request, and failed in a way that another attempt would not mend".into()
            }
            Self::Spent => "some of its content has been read, and cannot be read again".into(),
            Self::Enough(1) => "it was tried once".into(),
            Self::Enough(attempts) => format!("it was tried {attempts} times").into(),
            Self::NoBudget => "too many requests are tried again already".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Unsent | Self::Idempotent | Self::Pointless => None,
            Self::Unsafe => Some("an idempotent method, such as PUT, would have been tried again".into()),
            Self::Spent => Some("content that arrives whole with its head would have been sent again".into()),
            Self::Enough(_) => Some("more `attempts` of `retry` would have gone on".into()),
            Self::NoBudget => Some("a larger `budget` of `retry` would have gone on".into()),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Enough(_) => Some("attempts"),
            Self::NoBudget => Some("budget"),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        !self.is_on()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_has_its_judgement() {
        let post = Facts {
            method: &Method::POST,
            sent: Sent::Something,
            kind: Kind::Gone,
            lost: false,
            content: true,
            attempts: 1,
            attempts_max: 2,
            budget: true,
        };
        let get = Facts { method: &Method::GET, ..post };
        for (facts, expected) in [
            (post, Retrying::Unsafe),
            (Facts { sent: Sent::Nothing, ..post }, Retrying::Unsent),
            (get, Retrying::Idempotent),
            (Facts { kind: Kind::Timeout, ..get }, Retrying::Pointless),
            (Facts { kind: Kind::Timeout, lost: true, ..get }, Retrying::Idempotent),
            (Facts { kind: Kind::Timeout, lost: true, ..post }, Retrying::Unsafe),
            (Facts { kind: Kind::Malformed, ..get }, Retrying::Pointless),
            (Facts { content: false, ..get }, Retrying::Spent),
            (Facts { attempts: 2, ..get }, Retrying::Enough(2)),
            (Facts { budget: false, ..get }, Retrying::NoBudget),
            (Facts { sent: Sent::Nothing, attempts: 2, ..post }, Retrying::Enough(2)),
        ] {
            assert_eq!(judge(facts), expected, "{facts:?}");
        }
    }
}
