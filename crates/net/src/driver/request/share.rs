//! A connection that many exchanges share: it has a task, and handles send it requests.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use wirelight_proto::Connection;
use wirelight_service::{Error, Fault, Kind, Request, Timer};

use super::Requests;
use super::call::Answer;
use super::exchange::Reader;
use super::failure::{Failure, Phase, Sent};
use crate::{Close, ConnectionInfo, Transport};

/// A request on its way to the task of its connection.
struct Call {
    request: Request,
    answer: oneshot::Sender<Result<Answer, Failure>>,
}

/// Sends requests on a connection that is shared. Clones send on the same connection; it closes after the last.
#[derive(Clone)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
    over: Arc<AtomicBool>,
    connection: Arc<ConnectionInfo>,
}

/// The task of a connection that is shared; it becomes the reason of its end.
pub struct Shared<T, E> {
    requests: Requests<T, E>,
    calls: mpsc::Receiver<Call>,
    over: Arc<AtomicBool>,
    released: bool,
    /// Since when it rests.
    resting: Option<Instant>,
    timer: Timer,
}

impl<T: Transport, E: Connection + Unpin> Requests<T, E> {
    /// Makes it one that many exchanges share: spawn the task, and send by the handle.
    pub fn share(self) -> (Handle, Shared<T, E>) {
        let (sender, calls) = mpsc::channel(self.context.config.waiting_max.max(1));
        let over = Arc::new(AtomicBool::new(false));
        let handle = Handle { calls: sender, over: Arc::clone(&over), connection: Arc::clone(&self.connection) };
        let timer = self.context.clock.timer();
        (handle, Shared { requests: self, calls, over, released: false, resting: None, timer })
    }
}

impl Handle {
    /// Sends a request. Dropping the future gives the exchange up, and so does dropping the response's content.
    pub async fn send(&self, request: Request) -> Result<Answer, Failure> {
        let (answer, answered) = oneshot::channel();
        match self.calls.try_send(Call { request, answer }) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                let error = Error::new(Kind::Overloaded, Fault::Ours, "too many requests wait on one connection");
                return Err(Failure::new(error, Phase::Sending, Sent::Nothing));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Failure::unsent("the connection is closed")),
        }
        let lost = |_| Failure::unsent("the connection closed before the request was sent");
        answered.await.map_err(lost)?
    }

    /// Whether it takes more requests, as far as is known.
    pub fn is_usable(&self) -> bool {
        !self.over.load(Ordering::Relaxed) && !self.calls.is_closed()
    }

    /// Which connection it is.
    pub fn info(&self) -> &Arc<ConnectionInfo> {
        &self.connection
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<T: Transport, E: Connection + Unpin> Future for Shared<T, E> {
    type Output = Close;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Close> {
        let this = &mut *self;
        loop {
            match this.calls.poll_recv(cx) {
                Poll::Ready(Some(call)) => {
                    let reader = Reader::Elsewhere { answer: Some(call.answer), content: None };
                    this.requests.take(call.request, reader);
                }
                Poll::Ready(None) => {
                    this.released = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        let polled = this.requests.poll_turn(cx, |_| false);
        let rests = this.requests.is_at_rest();
        let polled = match polled {
            Poll::Pending if this.released && rests => Poll::Ready(Close::Finished),
            Poll::Pending if rests => this.poll_rest(cx).map(|()| Close::Finished),
            polled => {
                this.resting = None;
                polled
            }
        };
        if polled.is_ready() || !this.requests.is_usable() {
            this.over.store(true, Ordering::Relaxed);
        }
        polled
    }
}

impl<T: Transport, E: Connection + Unpin> Shared<T, E> {
    /// Ready when it has rested long enough.
    fn poll_rest(&mut self, cx: &mut Task<'_>) -> Poll<()> {
        let now = self.requests.context.clock.now();
        let since = *self.resting.get_or_insert(now);
        self.timer.poll_at(now, since + self.requests.context.config.rest_timeout, cx)
    }
}

impl<T, E> std::fmt::Debug for Shared<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("requests", &self.requests).finish_non_exhaustive()
    }
}
