//! What can go wrong on a wire, and whose fault it is.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::status;

use crate::StreamId;

/// The peer broke a rule of the protocol, a limit or a deadline; the connection is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionError {
    /// The rule that was broken.
    pub rule: &'static Rule,
    /// What a server answers before it closes; `None` when no answer is due (an idle timeout, a broken response).
    pub status: Option<StatusCode>,
    /// The offset of the offending byte from the start of the message, where there is one.
    pub at: Option<u64>,
    /// What was seen, in one sentence without a full stop.
    pub because: Cow<'static, str>,
    /// What would have been accepted, where that can be said, in one sentence without a full stop.
    pub otherwise: Option<Cow<'static, str>>,
}

impl ConnectionError {
    /// A broken rule that a server answers with `status`.
    pub fn new(rule: &'static Rule, status: StatusCode, because: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, status: Some(status), at: None, because: because.into(), otherwise: None }
    }

    /// A connection that ends without an answer: there is nobody to answer or nothing to say.
    pub fn silent(rule: &'static Rule, because: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, status: None, at: None, because: because.into(), otherwise: None }
    }

    /// The same, at a byte counted from the start of the message.
    pub fn at(mut self, offset: u64) -> Self {
        self.at = Some(offset);
        self
    }

    /// The same, with what would have been accepted.
    pub fn or(mut self, otherwise: impl Into<Cow<'static, str>>) -> Self {
        self.otherwise = Some(otherwise.into());
        self
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.because)?;
        if let Some(at) = self.at {
            write!(f, " at byte {at}")?;
        }
        write!(f, " [{}]", self.rule)
    }
}

impl std::error::Error for ConnectionError {}

impl Decision for ConnectionError {
    fn rule(&self) -> &'static Rule {
        self.rule
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.status {
            Some(status) => format!("{}, then closed", status::named(status)).into(),
            None => "closed".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self.at {
            Some(at) => format!("{} at byte {at}", self.because).into(),
            None => self.because.clone(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        self.otherwise.clone()
    }

    fn declines(&self) -> bool {
        true
    }
}

/// The peer broke a rule on one stream, and the engine has ended that stream and no other.
#[derive(Debug)]
pub struct StreamFault {
    /// The stream that is over.
    pub stream: StreamId,
    /// The status that it was answered with, or that stands for its reset in a log.
    pub status: StatusCode,
    /// The rule, and what was seen.
    pub why: Box<dyn Decision>,
}

/// We asked an engine to send what may not be sent now: the fault is ours, and nothing went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendError {
    /// The exchange is unknown, finished or reset.
    NoSuchStream,
    /// This part may not come at this point of the exchange.
    OutOfOrder,
    /// More content than the promised length, or the end before it was reached.
    WrongLength,
    /// A field name, value, method, target or status that cannot be written without ambiguity.
    Invalid,
    /// The connection is closing and takes nothing new.
    Closing,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchStream => "the exchange is over",
            Self::OutOfOrder => "a part of a message was sent out of order",
            Self::WrongLength => "the content is not as long as it was said to be",
            Self::Invalid => "the message holds something that cannot be written unambiguously",
            Self::Closing => "the connection is closing",
        })
    }
}

impl std::error::Error for SendError {}
