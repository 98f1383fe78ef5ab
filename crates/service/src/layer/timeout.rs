//! Deadlines for a service and for the content of its answers.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wirelight_semantics::decision::{Decision, Rule};

use super::Layered;
use crate::{Body, Clock, Error, Fault, Kind, Layer, Request, Response, Result, Service, Timer, Trail};

/// Gives up on a service that does not answer in time, and on content that stops coming.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::{Duration, SystemTime};
/// use wirelight_service::layer::Timeout;
/// use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};
///
/// async fn stuck(_: Request) -> Result<Response> {
///     std::future::pending().await
/// }
///
/// let clock = Clock::manual(SystemTime::now());
/// let layer = Timeout { clock: clock.clone(), handler_timeout: Some(Duration::from_secs(5)), ..Timeout::default() };
/// let service = stuck.layer(layer);
/// let (answered, ()) = tokio::join!(service.call(Request::new(Body::empty())), async {
///     clock.advance(Duration::from_secs(5));
/// });
/// assert_eq!(answered.unwrap_err().status(), 503);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Timeout {
    /// Tells the time.
    pub clock: Clock,
    /// From the request to the head of the response, which includes reading the request's content; `None` waits for
    /// ever.
    pub handler_timeout: Option<Duration>,
    /// From asking the response for more content to getting some; `None` waits for ever.
    pub stall_timeout: Option<Duration>,
    /// Who is blamed, and so which status is sent: 503 for ours, 504 for upstream's, 408 for downstream's.
    pub fault: Fault,
}

impl Default for Timeout {
    /// 30 seconds for the service, 60 for more content, and the fault is ours.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            handler_timeout: Some(Duration::from_secs(30)),
            stall_timeout: Some(Duration::from_secs(60)),
            fault: Fault::Ours,
        }
    }
}

/// A deadline that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// The service did not answer within this time.
    Handler(Duration),
    /// No more content came within this time.
    Content(Duration),
}

static RULE: Rule = Rule {
    name: "deadline",
    section: "RFC 9110, section 15.6.4",
    says: "A server that cannot answer in time says so, rather than let the requester wait.",
};

impl Decision for Expired {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Handler(_) => "the service was given up".into(),
            Self::Content(_) => "content broken off".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Handler(waited) => format!("the service did not answer within {waited:?}").into(),
            Self::Content(waited) => format!("the response had no more content for {waited:?}").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Handler(_) => "a longer handler_timeout would have waited on".into(),
            Self::Content(_) => "a longer stall_timeout would have waited on".into(),
        })
    }

    fn setting(&self) -> Option<&'static str> {
        Some(match self {
            Self::Handler(_) => "answer",
            Self::Content(_) => "stall",
        })
    }

    fn declines(&self) -> bool {
        true
    }
}

impl Expired {
    fn noted(self, fault: Fault, trail: &Trail) -> Error {
        trail.note(self);
        Error::new(Kind::Timeout, fault, self.because())
    }
}

impl<S> Layer<S> for Timeout {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<Timeout, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let response = self.answer(request, &trail).await?;
        Ok(response.map(|body| match self.layer.stall_timeout {
            Some(stall_timeout) if body.as_bytes().is_none() => {
                let timer = self.layer.clock.timer();
                let clock = self.layer.clock.clone();
                let fault = self.layer.fault;
                Body::stream(Watched { body: Some(body), waiting: None, clock, timer, stall_timeout, fault, trail })
            }
            _ => body,
        }))
    }
}

impl<S: Service> Layered<Timeout, S> {
    async fn answer(&self, request: Request, trail: &Trail) -> Result<Response> {
        let Some(handler_timeout) = self.layer.handler_timeout else {
            return self.inner.call(request).await;
        };
        let deadline = self.layer.clock.now() + handler_timeout;
        let mut timer = self.layer.clock.timer();
        let mut answer = pin!(self.inner.call(request));
        std::future::poll_fn(|cx| {
            if let Poll::Ready(answered) = answer.as_mut().poll(cx) {
                return Poll::Ready(answered);
            }
            let expired = |()| Err(Expired::Handler(handler_timeout).noted(self.layer.fault, trail));
            timer.poll_until(deadline, cx).map(expired)
        })
        .await
    }
}

/// Content that has a deadline for each frame, which begins when it is asked for and not there.
struct Watched {
    /// `None` after the deadline passed.
    body: Option<Body>,
    waiting: Option<Instant>,
    clock: Clock,
    timer: Timer,
    stall_timeout: Duration,
    fault: Fault,
    trail: Trail,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(polled) = Pin::new(body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(polled);
        }
        let now = this.clock.now();
        let deadline = *this.waiting.get_or_insert(now) + this.stall_timeout;
        std::task::ready!(this.timer.poll_at(now, deadline, cx));
        this.body = None;
        Poll::Ready(Some(Err(Expired::Content(this.stall_timeout).noted(this.fault, &this.trail))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}
