//! What went wrong with an exchange, and who is at fault.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// A result whose error names who is at fault.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Whoever sent us the request.
    Downstream,
    /// Whoever we sent a request to.
    Upstream,
    /// We ourselves.
    Ours,
}

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message broke a rule.
    Malformed,
    /// Content was larger than a limit.
    TooLarge,
    /// A deadline passed.
    Timeout,
    /// The other side went away before the exchange was complete.
    Gone,
    /// No connection could be made.
    Unreachable,
    /// There is no room for the exchange now; later there may be.
    Overloaded,
    /// Reading or writing failed.
    Io,
    /// A handler panicked.
    Panicked,
    /// Anything else.
    Other,
}

/// An exchange failed: what kind of failure, who is at fault, and in words why.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    fault: Fault,
    because: Cow<'static, str>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with its cause in words: one sentence without a full stop.
    pub fn new(kind: Kind, fault: Fault, because: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, fault, because: because.into(), retry_after: None, source: None }))
    }

    /// The same error, with the error that caused it.
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error, with how long the requester should wait before it tries again (RFC 9110, section 10.2.3).
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// An error of ours that carries another.
    pub fn ours(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let source = source.into();
        Self::new(Kind::Other, Fault::Ours, source.to_string()).with_source(source)
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        self.0.fault
    }

    /// Why, in one sentence without a full stop.
    pub fn because(&self) -> &str {
        &self.0.because
    }

    /// How long the requester should wait before it tries again, where that can be said.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The status code that tells the requester what happened: the one place where errors become statuses.
    ///
    /// 499 is nobody's to receive: it marks, in logs, a client that went away.
    pub fn status(&self) -> StatusCode {
        match (self.0.fault, self.0.kind) {
            (Fault::Downstream, Kind::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            (Fault::Downstream, Kind::Timeout) => StatusCode::REQUEST_TIMEOUT,
            (Fault::Downstream, Kind::Gone | Kind::Io | Kind::Unreachable) => client_closed_request(),
            (Fault::Downstream, Kind::Overloaded) => StatusCode::TOO_MANY_REQUESTS,
            (Fault::Downstream, _) => StatusCode::BAD_REQUEST,
            (Fault::Upstream, Kind::Timeout) => StatusCode::GATEWAY_TIMEOUT,
            (Fault::Upstream, Kind::Overloaded) => StatusCode::SERVICE_UNAVAILABLE,
            (Fault::Upstream, _) => StatusCode::BAD_GATEWAY,
            (Fault::Ours, Kind::Overloaded | Kind::Timeout) => StatusCode::SERVICE_UNAVAILABLE,
            (Fault::Ours, _) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The status that logs show for a client that went away before its answer: 499, as nginx has it.
pub fn client_closed_request() -> StatusCode {
    StatusCode::from_u16(499).expect("499 is in range")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.because)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("fault", &self.0.fault)
            .field("because", &self.0.because)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
