//! Content on its way to the reader, of which a copy is stored once it is complete (RFC 9111, section 3.3).

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use wirelight_service::{Body, Error};

/// Content that is collected as it is read.
pub(super) struct Filling {
    body: Body,
    collected: BytesMut,
    bytes_max: usize,
    /// What is done with the content once it is complete; `None` once it was done, or there is too much of it.
    store: Option<Box<dyn FnOnce(Bytes) + Send>>,
}

impl Filling {
    /// The same content; `store` gets it if all of it is read, and it is no longer than `bytes_max`.
    pub(super) fn of(body: Body, bytes_max: usize, store: impl FnOnce(Bytes) + Send + 'static) -> Body {
        Body::stream(Self { body, collected: BytesMut::new(), bytes_max, store: Some(Box::new(store)) })
    }

    fn finish(&mut self) {
        if let Some(store) = self.store.take() {
            store(std::mem::take(&mut self.collected).freeze());
        }
    }
}

impl http_body::Body for Filling {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref()
                    && this.store.is_some()
                {
                    if this.collected.len() + data.len() > this.bytes_max {
                        this.store = None;
                        this.collected = BytesMut::new();
                    } else {
                        this.collected.extend_from_slice(data);
                    }
                }
                if this.body.is_end_stream() {
                    this.finish();
                }
            }
            Poll::Ready(None) => this.finish(),
            // What breaks off is not stored.
            Poll::Ready(Some(Err(_))) => this.store = None,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
