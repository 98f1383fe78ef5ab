//! In which phase of an exchange something went wrong.

use std::borrow::Cow;
use std::fmt;

use wirelight_net::request;
use wirelight_service::{Error, Fault, Kind};

/// A step of an exchange, in the order in which they are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// The request was made up.
    Request,
    /// It waited for a connection.
    Queue,
    /// The name of the host was looked up.
    Resolve,
    /// A connection was made.
    Connect,
    /// A proxy was asked for the way.
    Proxy,
    /// The TLS handshake.
    Secure,
    /// The request was sent.
    Send,
    /// The response was awaited.
    Wait,
    /// The response was received.
    Receive,
}

impl Phase {
    /// Its name, in one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Queue => "queue",
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Proxy => "proxy",
            Self::Secure => "secure",
            Self::Send => "send",
            Self::Wait => "wait",
            Self::Receive => "receive",
        }
    }

    /// The phase in which an error of a client came up.
    pub fn of(error: &Error) -> Self {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(trouble) = cause.downcast_ref::<Trouble>() {
                return trouble.phase;
            }
            source = cause.source();
        }
        // Only content fails without a phase of its own: the response had begun.
        Self::Receive
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The phase of an error, carried as its source.
#[derive(Debug)]
pub struct Trouble {
    /// In which phase it came up.
    pub phase: Phase,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "in the phase `{}`", self.phase)
    }
}

impl std::error::Error for Trouble {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// An error in a phase.
pub(crate) fn fail(phase: Phase, kind: Kind, fault: Fault, because: impl Into<Cow<'static, str>>) -> Error {
    Error::new(kind, fault, because).with_source(Trouble { phase, source: None })
}

/// An error in a phase, with what caused it.
pub(crate) fn fail_with(
    phase: Phase,
    kind: Kind,
    fault: Fault,
    because: impl Into<Cow<'static, str>>,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(kind, fault, because).with_source(Trouble { phase, source: Some(source.into()) })
}

/// What a connection says of an exchange that failed, as an error of a client.
pub(crate) fn of_failure(failure: request::Failure) -> Error {
    let phase = match failure.phase {
        request::Phase::Sending => Phase::Send,
        request::Phase::Waiting => Phase::Wait,
        request::Phase::Receiving => Phase::Receive,
    };
    let because = failure.to_string();
    let (kind, fault) = (failure.error.kind(), failure.error.fault());
    fail_with(phase, kind, fault, because, failure)
}
