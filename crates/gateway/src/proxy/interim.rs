//! Interim responses of servers, passed on to the client (RFC 9110, section 15.2).

use std::borrow::Cow;

use http::StatusCode;
use wirelight_net::request::OnInterim;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::interim::Unsent;
use wirelight_service::{Interims, Trail};

use super::forward;

/// What becomes of an interim response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// It is passed on.
    On(StatusCode),
    /// It is 100, for which the request waits: the client is told once its content is read.
    Awaited,
    /// It cannot be sent.
    Unsent(StatusCode, Unsent),
}

/// Passes interim responses on; `expects` says whether the client waits for 100, and `version` is the one that the
/// server speaks, as Via writes it.
pub(super) fn pass_on(interims: Interims, trail: Trail, expects: bool, version: &'static str) -> OnInterim {
    OnInterim::new(move |parts| {
        if expects && parts.status == StatusCode::CONTINUE {
            return trail.note(Passing::Awaited);
        }
        let mut fields = parts.headers.clone();
        forward::response(&mut fields, version);
        trail.note(match interims.send(parts.status, fields) {
            Ok(()) => Passing::On(parts.status),
            Err(unsent) => Passing::Unsent(parts.status, unsent),
        });
    })
}

static RULE: Rule = Rule {
    name: "interim-passed-on",
    section: "RFC 9110, section 15.2",
    says: "A proxy passes every interim response on, unless it was the proxy that asked for it.",
};

impl Decision for Passing {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::On(status) => format!("{status} passed on").into(),
            Self::Awaited => "100 Continue passed on with the first read of the content".into(),
            Self::Unsent(status, _) => format!("{status} left out").into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::On(_) => "the server sent it ahead of its response".into(),
            Self::Awaited => "the request waits for it".into(),
            Self::Unsent(_, unsent) => unsent.to_string().into(),
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Unsent(..))
    }
}
