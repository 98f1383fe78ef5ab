//! Deadlines for the steps of a request.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Result, Service, Timer};

use super::Layered;
use crate::error::{Phase, fail};

/// Gives up on what takes too long; how long a connection may take to be made is the business of
/// [`ConnectConfig`](crate::ConnectConfig).
#[derive(Debug, Clone)]
pub struct Timeouts {
    /// Tells the time.
    pub clock: Clock,
    /// From the request to the head of the response.
    pub first_byte: Option<Duration>,
    /// From one piece of the response's content to the next.
    pub between_bytes: Option<Duration>,
    /// From the request to the end of the response.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    /// A minute each for the first byte and between bytes, and no end to the whole.
    fn default() -> Self {
        let minute = Some(Duration::from_secs(60));
        Self { clock: Clock::system(), first_byte: minute, between_bytes: minute, total: None }
    }
}

/// What took too long.
#[derive(Debug, Clone, Copy)]
enum Late {
    FirstByte(Duration),
    BetweenBytes(Duration),
    Total(Duration),
}

impl Late {
    fn because(self) -> String {
        match self {
            Self::FirstByte(limit) => format!("no response began within {limit:?}"),
            Self::BetweenBytes(limit) => format!("no more content came for {limit:?}"),
            Self::Total(limit) => format!("it was not complete within {limit:?}"),
        }
    }
}

/// The earlier of two deadlines, and what it is for.
fn earlier(one: Option<(Instant, Late)>, two: Option<(Instant, Late)>) -> Option<(Instant, Late)> {
    match (one, two) {
        (Some(one), Some(two)) => Some(if two.0 < one.0 { two } else { one }),
        (one, two) => one.or(two),
    }
}

impl<S: Service> Service for Layered<Timeouts, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let Timeouts { clock, first_byte, between_bytes, total } = &self.layer;
        let began = clock.now();
        let end = total.map(|total| (began + total, Late::Total(total)));
        let head = first_byte.map(|limit| (began + limit, Late::FirstByte(limit)));
        let mut timer = clock.timer();
        let mut calling = pin!(self.inner.call(request));
        let deadline = earlier(head, end);
        let response = poll_fn(|cx| {
            if let Poll::Ready(called) = calling.as_mut().poll(cx) {
                return Poll::Ready(called);
            }
            let Some((at, late)) = deadline else { return Poll::Pending };
            let expired = |()| Err(fail(Phase::Wait, Kind::Timeout, Fault::Upstream, late.because()));
            timer.poll_until(at, cx).map(expired)
        })
        .await?;
        if between_bytes.is_none() && end.is_none() || response.body().as_bytes().is_some() {
            return Ok(response);
        }
        Ok(response.map(|body| {
            let (clock, between_bytes) = (clock.clone(), *between_bytes);
            Body::stream(Watched { body: Some(body), waiting: None, timer: clock.timer(), clock, between_bytes, end })
        }))
    }
}

/// Content with deadlines.
struct Watched {
    /// `None` after a deadline passed, so that its connection is closed.
    body: Option<Body>,
    waiting: Option<Instant>,
    timer: Timer,
    clock: Clock,
    between_bytes: Option<Duration>,
    end: Option<(Instant, Late)>,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let now = this.clock.now();
        let overdue = this.end.as_ref().is_some_and(|(at, _)| *at <= now);
        if !overdue && let Poll::Ready(polled) = Pin::new(body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(polled);
        }
        let since = *this.waiting.get_or_insert(now);
        let pause = this.between_bytes.map(|limit| (since + limit, Late::BetweenBytes(limit)));
        let Some((at, late)) = earlier(pause, this.end) else { return Poll::Pending };
        std::task::ready!(this.timer.poll_at(now, at, cx));
        this.body = None;
        Poll::Ready(Some(Err(fail(Phase::Receive, Kind::Timeout, Fault::Upstream, late.because()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(|body| body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, |body| body.size_hint())
    }
}
