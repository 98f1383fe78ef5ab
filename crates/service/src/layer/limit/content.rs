//! A limit on the bytes of a request's content.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use wirelight_semantics::decision::{Decision, Rule};

use crate::layer::Layered;
use crate::{Body, Error, Fault, Kind, Layer, Request, Response, Result, Service, Trail};

/// Refuses requests whose content is larger than a limit: at once where its length is known, else when it gets there.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::LimitContent;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn store(request: Request) -> Result<Response> {
///     let content = request.into_body().collect(1_000_000).await?;
///     Ok(Response::new(Body::from(format!("{} bytes", content.len()))))
/// }
///
/// let service = store.layer(LimitContent { bytes_max: 5 });
/// assert!(service.call(Request::new(Body::from("12345"))).await.is_ok());
/// let error = service.call(Request::new(Body::from("123456"))).await.unwrap_err();
/// assert_eq!(error.status(), 413);
/// assert_eq!(error.because(), "the content of 6 bytes is larger than the limit of 5 bytes");
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct LimitContent {
    /// The most content that a request may have, in bytes.
    pub bytes_max: u64,
}

impl Default for LimitContent {
    /// 2 MiB.
    fn default() -> Self {
        Self { bytes_max: 2 * 1024 * 1024 }
    }
}

/// Content that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// How much there is, in bytes, where that is known; else there is more than the limit.
    pub length_bytes: Option<u64>,
    /// The limit, in bytes.
    pub bytes_max: u64,
}

static RULE: Rule = Rule {
    name: "content-too-large",
    section: "RFC 9110, section 15.5.14",
    says: "A server may refuse a request whose content is larger than it is willing or able to process.",
};

impl Decision for TooLarge {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        "413 Content Too Large".into()
    }

    fn because(&self) -> Cow<'static, str> {
        let bytes_max = self.bytes_max;
        match self.length_bytes {
            Some(length) => format!("the content of {length} bytes is larger than the limit of {bytes_max} bytes"),
            None => format!("the content is larger than the limit of {bytes_max} bytes"),
        }
        .into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(format!("content of at most {} bytes would have been accepted", self.bytes_max).into())
    }

    fn setting(&self) -> Option<&'static str> {
        Some("body")
    }

    fn declines(&self) -> bool {
        true
    }
}

impl TooLarge {
    fn error(self) -> Error {
        Error::new(Kind::TooLarge, Fault::Downstream, self.because())
    }
}

impl<S> Layer<S> for LimitContent {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: *self, inner }
    }
}

impl<S: Service> Service for Layered<LimitContent, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let bytes_max = self.layer.bytes_max;
        let size = request.body().size_hint();
        if size.lower() > bytes_max {
            let refused = TooLarge { length_bytes: size.exact(), bytes_max };
            Trail::of(&request).note(refused);
            return Err(refused.error());
        }
        if size.upper().is_some_and(|upper| upper <= bytes_max) {
            return self.inner.call(request).await;
        }
        let exceeded = Arc::new(AtomicBool::new(false));
        let trail = Trail::of(&request);
        let limited = request.map(|body| {
            let (exchange, remaining) = (body.exchange().cloned(), Some(bytes_max));
            let limited = Limited { body, remaining, bytes_max, exceeded: Arc::clone(&exceeded), trail };
            Body::stream(limited).within(exchange)
        });
        let answered = self.inner.call(limited).await;
        // Whatever the service made of the error, this is what went wrong.
        answered.map_err(|error| match exceeded.load(Ordering::Relaxed) {
            true => TooLarge { length_bytes: None, bytes_max }.error().with_source(error),
            false => error,
        })
    }
}

/// Content that fails where it exceeds a limit.
struct Limited {
    body: Body,
    /// `None` after the limit was exceeded.
    remaining: Option<u64>,
    bytes_max: u64,
    exceeded: Arc<AtomicBool>,
    trail: Trail,
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(remaining) = self.remaining else {
            return Poll::Ready(None);
        };
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        let Some(length) = polled.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map(Bytes::len) else {
            return Poll::Ready(polled);
        };
        self.remaining = remaining.checked_sub(length as u64);
        if self.remaining.is_some() {
            return Poll::Ready(polled);
        }
        self.exceeded.store(true, Ordering::Relaxed);
        self.body = Body::empty();
        let refused = TooLarge { length_bytes: None, bytes_max: self.bytes_max };
        self.trail.note(refused);
        Poll::Ready(Some(Err(refused.error())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
