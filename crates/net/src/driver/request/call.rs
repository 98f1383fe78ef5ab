//! One exchange driven by whoever wants its response: the head, and then the content as it is read.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};

use bytes::Bytes;
use http::response;
use http_body::{Frame, SizeHint};
use wirelight_proto::Connection;
use wirelight_service::{Body, Error, Request, Response, Result};

use super::exchange::{Arrived, Exchange, Reader, known};
use super::failure::Failure;
use super::{Marks, Requests};
use crate::{Close, ConnectionInfo, Transport};

/// A response, and when the steps to it were taken.
#[derive(Debug)]
pub struct Answer {
    /// The response.
    pub response: Response,
    /// When the steps to it were taken.
    pub marks: Marks,
}

/// Is told of every interim response to a request that carries it as an extension.
#[derive(Clone)]
pub struct OnInterim(Arc<dyn Fn(&response::Parts) + Send + Sync>);

impl OnInterim {
    /// Calls `told` with the head of each interim response; it must not block.
    pub fn new(told: impl Fn(&response::Parts) + Send + Sync + 'static) -> Self {
        Self(Arc::new(told))
    }

    pub(super) fn call(&self, parts: &response::Parts) {
        (self.0)(parts);
    }
}

impl std::fmt::Debug for OnInterim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnInterim")
    }
}

/// Where a connection goes when its exchange is over.
pub trait Home<T, E>: Send + Sync + 'static {
    /// It came to rest, and may be used again.
    fn take_back(self: Arc<Self>, connection: Box<Requests<T, E>>);
    /// It is over.
    fn closed(&self, connection: &Arc<ConnectionInfo>, because: &Close);
}

/// An exchange until the head of its response is there. Dropping it closes the connection.
pub struct Sending<T: Transport, E: Connection + Unpin + 'static>(Held<T, E>);

impl<T: Transport, E: Connection + Unpin + Send + 'static> Requests<T, E> {
    /// Sends a request on a connection that is at rest; it goes `home` when the response has been read.
    pub fn send(mut self: Box<Self>, request: Request, home: Arc<dyn Home<T, E>>) -> Sending<T, E> {
        self.take(request, Reader::Here(Arrived::default()));
        Sending(Held { requests: Some(self), home })
    }
}

/// A connection that is ours until its exchange is over.
struct Held<T: Transport, E: Connection + Unpin + 'static> {
    requests: Option<Box<Requests<T, E>>>,
    home: Arc<dyn Home<T, E>>,
}

impl<T: Transport, E: Connection + Unpin + 'static> Held<T, E> {
    /// Gives the connection up: home if it can be used again.
    fn release(&mut self, closed: Option<Close>) {
        let Some(mut requests) = self.requests.take() else { return };
        requests.exchanges.clear();
        match closed {
            None if requests.is_usable() => Arc::clone(&self.home).take_back(requests),
            closed => {
                let close = closed.or(requests.closed.take()).unwrap_or(Close::Finished);
                if !matches!(close, Close::Switched) {
                    // A goodbye (TLS close_notify), if it can be said without waiting.
                    let _ = requests.link.poll_shut_down(&mut Task::from_waker(Waker::noop()));
                }
                self.home.closed(&requests.connection, &close);
            }
        }
    }
}

impl<T: Transport, E: Connection + Unpin + 'static> Drop for Held<T, E> {
    fn drop(&mut self) {
        if let Some(requests) = self.requests.take() {
            self.home.closed(&requests.connection, &Close::Abandoned(None));
        }
    }
}

/// What has arrived on a connection that is read here.
fn first<T, E>(requests: &Requests<T, E>) -> Option<(&Exchange, &Arrived)> {
    let exchange = requests.exchanges.first()?;
    match &exchange.reader {
        Reader::Here(arrived) => Some((exchange, arrived)),
        Reader::Elsewhere { .. } => None,
    }
}

impl<T: Transport, E: Connection + Unpin + Send + 'static> Future for Sending<T, E> {
    type Output = Result<Answer, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let held = &mut self.0;
        let requests = held.requests.as_mut().expect("a future is not polled after it is ready");
        let has_news = |requests: &Requests<T, E>| {
            first(requests).is_some_and(|(_, arrived)| arrived.head.is_some() || arrived.failed.is_some())
        };
        let closed = match requests.poll_turn(cx, has_news) {
            Poll::Ready(close) => Some(close),
            Poll::Pending => None,
        };
        let Some(exchange) = requests.exchanges.first_mut() else {
            debug_assert!(closed.is_none(), "a connection that ends fails its exchanges");
            return Poll::Pending;
        };
        let marks = exchange.marks;
        let whole = exchange.received;
        let uploading = exchange.upload.is_some();
        let Reader::Here(arrived) = &mut exchange.reader else { return Poll::Pending };
        let Some((parts, length)) = arrived.head.take() else {
            let Some(failure) = arrived.failed.take() else { return Poll::Pending };
            held.release(Some(closed.unwrap_or(Close::Broken)));
            return Poll::Ready(Err(failure));
        };
        let body = if whole && arrived.is_plain() {
            let content = arrived.content.pop_front().unwrap_or_default();
            if let Some(stream) = exchange.stream {
                requests.link.engine.consume(stream, content.len());
            }
            held.release(match uploading {
                // The response is whole and the request is not: what is left of it is not sent.
                true => Some(closed.unwrap_or(Close::Finished)),
                false => closed,
            });
            Body::from(content)
        } else if closed.is_none() && uploading {
            elsewhere(held, known(length))
        } else {
            let held = Held { requests: held.requests.take(), home: Arc::clone(&held.home) };
            Body::stream(Streaming { held, closed, remaining: known(length) })
        };
        Poll::Ready(Ok(Answer { response: Response::from_parts(parts, body), marks }))
    }
}

impl Arrived {
    /// Whether all that arrived is at most one piece of content.
    fn is_plain(&self) -> bool {
        self.failed.is_none() && self.content.len() <= 1 && self.trailers.as_ref().is_none_or(http::HeaderMap::is_empty)
    }
}

/// Gives the connection a task: the request is still being sent while the response is read.
fn elsewhere<T, E>(held: &mut Held<T, E>, length: Option<u64>) -> Body
where
    T: Transport,
    E: Connection + Unpin + Send + 'static,
{
    let Some(mut requests) = held.requests.take() else { return Body::empty() };
    let (mut sender, body) = Body::channel(length);
    if let Some(exchange) = requests.exchanges.first_mut() {
        let stood = std::mem::replace(&mut exchange.reader, Reader::Elsewhere { answer: None, content: None });
        if let Reader::Here(arrived) = stood {
            arrived.content.into_iter().for_each(|content| sender.push(content));
            let content = match (arrived.failed, arrived.trailers) {
                (Some(failure), _) => {
                    sender.fail(failure.error);
                    None
                }
                (None, Some(trailers)) => {
                    sender.finish(trailers);
                    None
                }
                (None, None) => Some(sender),
            };
            exchange.reader = Reader::Elsewhere { answer: None, content };
        }
    }
    tokio::spawn(Carrying(Held { requests: Some(requests), home: Arc::clone(&held.home) }));
    body
}

/// An exchange that has a task of its own.
struct Carrying<T: Transport, E: Connection + Unpin + 'static>(Held<T, E>);

impl<T: Transport, E: Connection + Unpin + 'static> Future for Carrying<T, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<()> {
        let held = &mut self.0;
        let Some(requests) = &mut held.requests else { return Poll::Ready(()) };
        let closed = match requests.poll_turn(cx, |requests| requests.exchanges.is_empty()) {
            Poll::Ready(close) => Some(close),
            Poll::Pending if requests.exchanges.is_empty() => None,
            Poll::Pending => return Poll::Pending,
        };
        held.release(closed);
        Poll::Ready(())
    }
}

/// The content of a response: reading it drives its connection. Dropped before its end, it closes the connection.
struct Streaming<T: Transport, E: Connection + Unpin + 'static> {
    held: Held<T, E>,
    /// The connection is over; what had arrived is still read.
    closed: Option<Close>,
    remaining: Option<u64>,
}

impl<T: Transport, E: Connection + Unpin + 'static> Streaming<T, E> {
    /// What can be had without waiting; `None` when there is nothing yet.
    fn next(&mut self) -> Option<Option<Result<Frame<Bytes>>>> {
        let Some(requests) = &mut self.held.requests else { return Some(None) };
        let exchange = requests.exchanges.first_mut()?;
        let stream = exchange.stream;
        let Reader::Here(arrived) = &mut exchange.reader else { return Some(None) };
        if let Some(content) = arrived.content.pop_front() {
            let over = arrived.content.is_empty()
                && exchange.received
                && arrived.failed.is_none()
                && arrived.trailers.as_ref().is_none_or(http::HeaderMap::is_empty);
            if let Some(stream) = stream {
                requests.link.engine.consume(stream, content.len());
            }
            if over {
                self.held.release(self.closed.take());
            }
            self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(content.len() as u64));
            return Some(Some(Ok(Frame::data(content))));
        }
        if let Some(failure) = arrived.failed.take() {
            let close = self.closed.take().unwrap_or(Close::Broken);
            self.held.release(Some(close));
            return Some(Some(Err(failure.error)));
        }
        let trailers = arrived.trailers.take()?;
        self.held.release(self.closed.take());
        Some((!trailers.is_empty()).then(|| Ok(Frame::trailers(trailers))))
    }
}

impl<T: Transport, E: Connection + Unpin + Send + 'static> http_body::Body for Streaming<T, E> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Some(next) = this.next() {
            return Poll::Ready(next);
        }
        let has_news = |requests: &Requests<T, E>| {
            first(requests).is_some_and(|(exchange, arrived)| exchange.received || !arrived.content.is_empty())
        };
        if let Some(requests) = &mut this.held.requests
            && let Poll::Ready(close) = requests.poll_turn(cx, has_news)
        {
            this.closed = Some(close);
        }
        match this.next() {
            Some(next) => Poll::Ready(next),
            None => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.requests.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
