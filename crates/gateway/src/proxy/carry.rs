//! The content of a response that is passed on: counted as under way to its end, and with a deadline for each pause.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Timer, Trail};

use super::group::Underway;
use super::status::Unforwarded;

/// Content on its way through us.
pub(crate) struct Carried {
    body: Body,
    underway: Option<Underway>,
    waiting: Option<Instant>,
    clock: Clock,
    timer: Timer,
    stall_timeout: Duration,
    /// Its place is where the config says how long a pause may be.
    trail: Trail,
    whose: Whose,
}

/// Whose content it is.
pub(crate) struct Whose {
    pub(crate) upstream: String,
    pub(crate) server: String,
    pub(crate) attempt: u32,
}

impl Carried {
    pub(crate) fn body(
        body: Body,
        underway: Option<Underway>,
        stall_timeout: Duration,
        clock: &Clock,
        trail: Trail,
        whose: Whose,
    ) -> Body {
        Body::stream(Self {
            body,
            underway,
            waiting: None,
            clock: clock.clone(),
            timer: clock.timer(),
            stall_timeout,
            trail,
            whose,
        })
    }

    /// The content broke off: what has left cannot be taken back, but it is said why.
    fn broken(&mut self, error: Error) -> Error {
        if let Some(underway) = self.underway.take() {
            underway.broke();
        }
        let Whose { upstream, server, attempt } = &self.whose;
        let failed =
            Unforwarded { status: StatusCode::BAD_GATEWAY, ..Unforwarded::of(&error, upstream, server, *attempt) };
        match failed.timer {
            Some(_) => self.trail.note(failed),
            None => self.trail.at(None).note(failed),
        }
        error
    }
}

impl http_body::Body for Carried {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(this.broken(error)))),
            Poll::Ready(polled) => {
                this.waiting = None;
                if polled.is_none() || this.body.is_end_stream() {
                    this.underway = None;
                }
                Poll::Ready(polled)
            }
            Poll::Pending => {
                let now = this.clock.now();
                let deadline = *this.waiting.get_or_insert(now) + this.stall_timeout;
                ready!(this.timer.poll_at(now, deadline, cx));
                this.body = Body::empty();
                let because = format!("no more of the response came for {:?}", this.stall_timeout);
                let error = Error::new(Kind::Timeout, Fault::Upstream, because);
                Poll::Ready(Some(Err(this.broken(error))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
