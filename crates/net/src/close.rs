//! Why a connection ended, and by whose doing.

use std::borrow::Cow;
use std::time::Duration;

use wirelight_proto::ConnectionError;
use wirelight_semantics::decision::{Decision, Rule};

/// Why a connection ended.
#[derive(Debug)]
pub enum Close {
    /// The last exchange said so, in either direction.
    Finished,
    /// We were draining.
    Drained,
    /// The peer closed between exchanges.
    Left,
    /// The peer went away with an exchange under way.
    Abandoned(Option<std::io::Error>),
    /// The peer broke a rule, a limit or a deadline.
    Refused(ConnectionError),
    /// The peer took nothing of what we sent for this long.
    Stalled(Duration),
    /// The response could not be finished, and must not look whole.
    Broken,
    /// It goes on under another protocol.
    Switched,
}

static TEAR_DOWN: Rule = Rule {
    name: "tear-down",
    section: "RFC 9112, section 9.6",
    says: "A connection is closed after the message that carries the close option, in stages.",
};

static PERSISTENCE: Rule = Rule {
    name: "persistence",
    section: "RFC 9112, section 9.3",
    says: "A connection is kept for further requests for as long as both sides like.",
};

static PREMATURE: Rule = Rule {
    name: "premature-close",
    section: "RFC 9112, section 9.5",
    says: "Either side may close at any time; the other must notice and give up what was under way.",
};

static INCOMPLETE: Rule = Rule {
    name: "incomplete-message",
    section: "RFC 9112, section 8",
    says: "A message that cannot be completed is cut off, so that nobody takes it for whole.",
};

static SWITCH: Rule = Rule {
    name: "upgrade",
    section: "RFC 9110, section 7.8",
    says: "After 101, or a 2xx to CONNECT, the bytes belong to another protocol.",
};

impl Decision for Close {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Finished | Self::Drained => &TEAR_DOWN,
            Self::Left => &PERSISTENCE,
            Self::Abandoned(_) | Self::Stalled(_) => &PREMATURE,
            Self::Refused(error) => error.rule,
            Self::Broken => &INCOMPLETE,
            Self::Switched => &SWITCH,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Finished | Self::Drained | Self::Refused(_) => "closed by us",
            Self::Left | Self::Abandoned(_) => "closed by the peer",
            Self::Stalled(_) | Self::Broken => "cut off by us",
            Self::Switched => "switched protocols",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Finished => "the last exchange on it was announced as the last".into(),
            Self::Drained => "the server is shutting down".into(),
            Self::Left => "the peer closed it between exchanges".into(),
            Self::Abandoned(None) => "the peer closed it before the response was complete".into(),
            Self::Abandoned(Some(error)) => {
                format!("the peer went away before the response was complete: {error}").into()
            }
            Self::Refused(error) => error.because(),
            Self::Stalled(limit) => format!("the peer took none of the response for {limit:?}").into(),
            Self::Broken => "the content of the response failed before its end".into(),
            Self::Switched => "the response agreed to another protocol".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Refused(error) => error.otherwise(),
            Self::Stalled(_) => Some("a longer `write_timeout` would have waited on".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Finished | Self::Drained | Self::Left | Self::Switched)
    }
}

impl std::fmt::Display for Close {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}]", self.outcome(), self.because(), self.rule())
    }
}
