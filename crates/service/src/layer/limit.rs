//! Limits on what a service is given: bytes of content, and exchanges at a time.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wirelight_semantics::decision::{Decision, Rule};

use super::Layered;
use crate::{Body, Clock, Error, Fault, Kind, Layer, Request, Response, Result, Service, Trail};

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

static CONTENT_RULE: Rule = Rule {
    name: "content-too-large",
    section: "RFC 9110, section 15.5.14",
    says: "A server may refuse a request whose content is larger than it is willing or able to process.",
};

impl Decision for TooLarge {
    fn rule(&self) -> &'static Rule {
        &CONTENT_RULE
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
            Trail::of(request.extensions()).note(refused);
            return Err(refused.error());
        }
        if size.upper().is_some_and(|upper| upper <= bytes_max) {
            return self.inner.call(request).await;
        }
        let exceeded = Arc::new(AtomicBool::new(false));
        let trail = Trail::of(request.extensions());
        let limited = request.map(|body| {
            let remaining = Some(bytes_max);
            Body::stream(Limited { body, remaining, bytes_max, exceeded: Arc::clone(&exceeded), trail })
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

/// Gives a service only so many exchanges at a time; others wait in a queue of limited length, for a limited time.
///
/// An exchange counts until its response's content has been read or dropped. Each call of
/// [`layer`](crate::ServiceExt::layer) makes a limit of its own; clones of the service share it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::LimitConcurrency;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn slow(_: Request) -> Result<Response> {
///     tokio::task::yield_now().await;
///     Ok(Response::new(Body::empty()))
/// }
///
/// let service = slow.layer(LimitConcurrency { exchanges_max: 1, queued_max: 0, ..LimitConcurrency::default() });
/// let call = || service.call(Request::new(Body::empty()));
/// let (first, second) = tokio::join!(call(), call());
/// assert!(first.is_ok());
/// assert_eq!(second.unwrap_err().status(), 503);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct LimitConcurrency {
    /// Tells the time.
    pub clock: Clock,
    /// How many exchanges the service has at a time at the most.
    pub exchanges_max: usize,
    /// How many more wait for their turn at the most.
    pub queued_max: usize,
    /// How long one waits for its turn at the most.
    pub queue_timeout: Duration,
    /// When a requester that was refused is asked to come back (`Retry-After`).
    pub retry_after: Duration,
}

impl Default for LimitConcurrency {
    /// 1,024 exchanges, 1,024 more waiting for at most 5 seconds, and `Retry-After: 1`.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            exchanges_max: 1024,
            queued_max: 1024,
            queue_timeout: Duration::from_secs(5),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// An exchange that was refused because there were too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overloaded {
    /// The queue was full.
    QueueFull {
        /// How many exchanges were under way.
        exchanges_max: usize,
        /// How many waited.
        queued_max: usize,
    },
    /// Its turn did not come in time.
    QueuedTooLong {
        /// How long it waited.
        queue_timeout: Duration,
    },
}

static CONCURRENCY_RULE: Rule = Rule {
    name: "overloaded",
    section: "RFC 9110, section 15.6.4",
    says: "A server that is overloaded may answer 503 and say in Retry-After when to come back.",
};

impl Decision for Overloaded {
    fn rule(&self) -> &'static Rule {
        &CONCURRENCY_RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        "503 Service Unavailable".into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::QueueFull { exchanges_max, queued_max } => {
                format!("{exchanges_max} exchanges were under way and {queued_max} waited for their turn").into()
            }
            Self::QueuedTooLong { queue_timeout } => format!("its turn did not come within {queue_timeout:?}").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::QueueFull { .. } => "a larger exchanges_max or queued_max would have let it wait".into(),
            Self::QueuedTooLong { .. } => "a longer queue_timeout would have let it wait on".into(),
        })
    }

    fn declines(&self) -> bool {
        true
    }
}

impl<S> Layer<S> for LimitConcurrency {
    type Service = Layered<Self, Admitted<S>>;

    fn layer(&self, inner: S) -> Self::Service {
        let exchanges = Arc::new(Semaphore::new(self.exchanges_max.min(Semaphore::MAX_PERMITS)));
        Layered { layer: self.clone(), inner: Admitted { inner, exchanges, queued: Arc::default() } }
    }
}

/// A service behind its queue.
#[derive(Debug, Clone)]
pub struct Admitted<S> {
    inner: S,
    exchanges: Arc<Semaphore>,
    queued: Arc<AtomicUsize>,
}

impl<S: Service> Service for Layered<LimitConcurrency, Admitted<S>> {
    async fn call(&self, request: Request) -> Result<Response> {
        let permit = match self.admit().await {
            Ok(permit) => permit,
            Err(refused) => {
                Trail::of(request.extensions()).note(refused);
                let error = Error::new(Kind::Overloaded, Fault::Ours, refused.because());
                return Err(error.with_retry_after(self.layer.retry_after));
            }
        };
        let response = self.inner.inner.call(request).await?;
        Ok(response.map(|body| match body.as_bytes() {
            Some(_) => body,
            None => Body::stream(Counted { body, permit: Some(permit) }),
        }))
    }
}

impl<S> Layered<LimitConcurrency, Admitted<S>> {
    async fn admit(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        let LimitConcurrency { exchanges_max, queued_max, queue_timeout, .. } = self.layer;
        if let Ok(permit) = Arc::clone(&self.inner.exchanges).try_acquire_owned() {
            return Ok(permit);
        }
        let _place =
            Place::take(&self.inner.queued, queued_max).ok_or(Overloaded::QueueFull { exchanges_max, queued_max })?;
        let deadline = self.layer.clock.now() + queue_timeout;
        let mut timer = self.layer.clock.timer();
        let mut turn = pin!(Arc::clone(&self.inner.exchanges).acquire_owned());
        std::future::poll_fn(|cx| match turn.as_mut().poll(cx) {
            Poll::Ready(permit) => Poll::Ready(Ok(permit.expect("the semaphore is never closed"))),
            Poll::Pending => timer.poll_until(deadline, cx).map(|()| Err(Overloaded::QueuedTooLong { queue_timeout })),
        })
        .await
    }
}

/// A place in the queue, given up on drop.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(queued: &'a AtomicUsize, queued_max: usize) -> Option<Self> {
        let more = |queued| (queued < queued_max).then_some(queued + 1);
        queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(queued))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Content of an exchange that counts until it is over.
struct Counted {
    body: Body,
    permit: Option<OwnedSemaphorePermit>,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let polled = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if self.body.is_end_stream() || !matches!(polled, Some(Ok(_))) {
            self.permit = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
