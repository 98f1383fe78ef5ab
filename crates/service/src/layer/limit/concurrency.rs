//! A limit on the exchanges that a service has at a time, with a queue before it.

use std::borrow::Cow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wirelight_semantics::decision::{Decision, Rule};

use crate::layer::Layered;
use crate::{Body, Clock, Error, Fault, Kind, Layer, Request, Response, Result, Service, Trail};

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

static RULE: Rule = Rule {
    name: "overloaded",
    section: "RFC 9110, section 15.6.4",
    says: "A server that is overloaded may answer 503 and say in Retry-After when to come back.",
};

impl Decision for Overloaded {
    fn rule(&self) -> &'static Rule {
        &RULE
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

    fn setting(&self) -> Option<&'static str> {
        Some(match self {
            Self::QueueFull { .. } => "queue",
            Self::QueuedTooLong { .. } => "wait",
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
                Trail::of(&request).note(refused);
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
