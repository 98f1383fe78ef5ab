//! Content that is lent to one attempt, and comes back if the attempt did not read any of it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wirelight_service::{Body, Error};

/// Content that several attempts may need.
pub(crate) enum Content {
    /// At hand: every attempt has it.
    Bytes(Bytes),
    /// Read once: an attempt that has read some of it was the last.
    Stream(Arc<Home>),
}

/// Where content that is read once stays between two attempts.
#[derive(Default)]
pub(crate) struct Home {
    body: Mutex<Option<Body>>,
    /// How many frames of it have been read.
    frames: AtomicU64,
}

impl Home {
    fn body(&self) -> MutexGuard<'_, Option<Body>> {
        self.body.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    pub(crate) fn of(body: Body) -> Self {
        match body.into_bytes() {
            Ok(bytes) => Self::Bytes(bytes),
            Err(body) => Self::Stream(Arc::new(Home { body: Mutex::new(Some(body)), frames: AtomicU64::new(0) })),
        }
    }

    /// The content for an attempt; `None` once it is spent.
    pub(crate) fn lend(&self) -> Option<Body> {
        match self {
            Self::Bytes(bytes) => Some(bytes.clone().into()),
            Self::Stream(home) => {
                let body = home.body().take()?;
                Some(Body::stream(Lent { body: Some(body), home: Arc::clone(home) }))
            }
        }
    }

    /// Whether another attempt could have it.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::Stream(home) => home.body().is_some(),
        }
    }

    /// How many frames of it have been read: while the number grows, a request is still being sent.
    pub(crate) fn frames(&self) -> u64 {
        match self {
            Self::Bytes(_) => 0,
            Self::Stream(home) => home.frames.load(Ordering::Relaxed),
        }
    }
}

/// Goes home when it is dropped, unless it was read.
struct Lent {
    body: Option<Body>,
    home: Arc<Home>,
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if polled.is_ready() {
            this.home.frames.fetch_add(1, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // From the first frame on there is nothing whole to give back.
        if self.home.frames.load(Ordering::Relaxed) == 0 {
            *self.home.body() = self.body.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn content_that_was_not_read_is_lent_again() {
        let (mut sender, body) = Body::channel(None);
        sender.push(Bytes::from_static(b"abc"));
        sender.finish(http::HeaderMap::new());
        let content = Content::of(body);
        drop(content.lend().unwrap());
        assert!(content.is_there());
        let mut body = content.lend().unwrap();
        assert!(content.lend().is_none());
        assert_eq!(body.data().await.unwrap().unwrap(), "abc");
        drop(body);
        assert!(!content.is_there() && content.lend().is_none());
    }

    #[tokio::test]
    async fn content_at_hand_is_lent_as_often_as_it_is_wanted() {
        let content = Content::of(Body::from("abc"));
        for _ in 0..3 {
            assert_eq!(content.lend().unwrap().collect(3).await.unwrap(), "abc");
        }
        assert!(content.is_there());
    }
}
