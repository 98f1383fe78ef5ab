//! Why an exchange failed, how far it had come, and so whether it may be tried again.

use std::fmt;

use http::request;
use wirelight_service::{Error, Fault, Kind};

/// How much of a request had left when its exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Not a byte, or the server said that it processed none of it: it is safe to send again, whatever the method.
    Nothing,
    /// Some of it, or all.
    Something,
}

/// Where in an exchange something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The request was to be sent.
    Sending,
    /// The request was sent, and the response awaited.
    Waiting,
    /// The response had begun.
    Receiving,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sending => "while the request was being sent",
            Self::Waiting => "while the response was awaited",
            Self::Receiving => "while the response was being received",
        })
    }
}

/// Why an exchange failed before the head of its response was there, or after.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong, and who is at fault.
    pub error: Error,
    /// When.
    pub phase: Phase,
    /// How much of the request had left.
    pub sent: Sent,
    /// Whether the server closed the connection, or reset it, without a byte of a response.
    pub is_premature_close: bool,
    /// The head of the request as it was given to the connection, where that still has it, for whoever sends it again.
    pub head: Option<Box<request::Parts>>,
}

impl Failure {
    pub(super) fn new(error: Error, phase: Phase, sent: Sent) -> Self {
        Self { error, phase, sent, is_premature_close: false, head: None }
    }

    /// A request that was never begun.
    pub(super) fn unsent(because: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self {
            is_premature_close: true,
            ..Self::new(Error::new(Kind::Gone, Fault::Upstream, because), Phase::Sending, Sent::Nothing)
        }
    }

    pub(super) fn closed(mut self) -> Self {
        self.is_premature_close = true;
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.error, self.phase)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
