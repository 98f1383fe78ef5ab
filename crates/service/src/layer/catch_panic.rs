//! A panic costs one exchange, not the connection or the process.

use std::any::Any;
use std::borrow::Cow;
use std::future::ready;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wirelight_semantics::decision::{Decision, Rule};

use super::Layered;
use super::answering::Either;
use crate::{Body, Error, Fault, Kind, Layer, Request, Response, Result, Service, Trail};

/// Turns a panic of the service, or of the content that it answered with, into an error of that exchange: a 500, or
/// content that breaks off.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::CatchPanic;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn faulty(_: Request) -> Result<Response> {
///     panic!("the cupboard was bare")
/// }
///
/// let error = faulty.layer(CatchPanic).call(Request::new(Body::empty())).await.unwrap_err();
/// assert_eq!(error.status(), 500);
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct CatchPanic;

/// A panic that was caught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    /// Whose code it was: the service's or its content's.
    pub place: Place,
    /// What the panic said, where it said anything.
    pub message: Cow<'static, str>,
}

/// Whose code panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The service, before it answered.
    Service,
    /// The content of its answer.
    Content,
}

static RULE: Rule = Rule {
    name: "panic-contained",
    section: "RFC 9110, section 15.6.1",
    says: "A server that meets an unexpected condition answers 500, for the one request that met it.",
};

impl Decision for Panicked {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.place {
            Place::Service => "500 Internal Server Error".into(),
            Place::Content => "content broken off".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        format!("{} panicked: {}", self.subject(), self.message).into()
    }

    fn declines(&self) -> bool {
        true
    }
}

impl Panicked {
    fn subject(&self) -> &'static str {
        match self.place {
            Place::Service => "the service",
            Place::Content => "the content of the response",
        }
    }

    fn new(place: Place, payload: &(dyn Any + Send)) -> Self {
        let message = match (payload.downcast_ref::<&'static str>(), payload.downcast_ref::<String>()) {
            (Some(message), _) => Cow::Borrowed(*message),
            (None, Some(message)) => Cow::Owned(message.clone()),
            (None, None) => "with a payload that is no text".into(),
        };
        Self { place, message }
    }

    fn noted(self, trail: &Trail) -> Error {
        let error = Error::new(Kind::Panicked, Fault::Ours, self.because());
        trail.note(self);
        error
    }
}

impl<S> Layer<S> for CatchPanic {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: *self, inner }
    }
}

impl<S: Service> Service for Layered<CatchPanic, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        let trail = Trail::of(&request);
        // A plain function may panic before there is a future.
        match catch(Place::Service, || self.inner.call(request)) {
            Ok(answer) => Either::first(Catching { answer, trail }),
            Err(panicked) => Either::second(ready(Err(panicked.noted(&trail)))),
        }
    }
}

pin_project_lite::pin_project! {
    /// An answer whose panic is an error.
    struct Catching<F> {
        #[pin]
        answer: F,
        trail: Trail,
    }
}

impl<F: Future<Output = Result<Response>>> Future for Catching<F> {
    type Output = Result<Response>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Response>> {
        let this = self.project();
        let mut polled = Poll::Pending;
        // The answer is put where it will be read: it is large.
        if let Err(panicked) = catch(Place::Service, || polled = this.answer.poll(cx)) {
            polled = Poll::Ready(Err(panicked.noted(this.trail)));
        }
        if let Poll::Ready(Ok(response)) = &mut polled
            && response.body().as_bytes().is_none()
            // The content of a file is nobody's code.
            && response.body_mut().as_file().is_none()
        {
            let body = std::mem::take(response.body_mut());
            *response.body_mut() = Guarded::body(body, std::mem::take(this.trail));
        }
        polled
    }
}

/// What panicked is never touched again, so nothing sees the state that it left half changed.
fn catch<T>(place: Place, run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| Panicked::new(place, &*payload))
}

/// Content whose panics are errors.
struct Guarded {
    /// `None` after a panic.
    body: Option<Body>,
    trail: Trail,
}

impl Guarded {
    fn body(body: Body, trail: Trail) -> Body {
        Body::stream(Self { body: Some(body), trail })
    }
}

impl http_body::Body for Guarded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        match catch(Place::Content, || Pin::new(body).poll_frame(cx)) {
            Ok(polled) => polled,
            Err(panicked) => {
                self.body = None;
                Poll::Ready(Some(Err(panicked.noted(&self.trail))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}
