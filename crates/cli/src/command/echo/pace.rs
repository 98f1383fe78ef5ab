//! Endpoints that are about time: what waits, drips and streams.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use http_body::{Frame, SizeHint};
use serde_json::json;
use wirelight_service::{Body, Clock, Error, Timer};

use super::endpoint::{Answer, Call, Refused};
use super::{content, echo, json_text};

/// How long an answer may be put off.
const DELAY_SECONDS_MAX: f64 = 30.0;

/// Content that is made a piece at a time, with a pause before each piece but the first.
#[derive(Debug)]
pub(crate) struct Paced<F> {
    next: F,
    interval: Duration,
    clock: Clock,
    timer: Timer,
    due: Option<Instant>,
    /// How many bytes are still to come, where that is promised.
    remaining: Option<u64>,
    trailers: Option<HeaderMap>,
    ended: bool,
}

impl<F: FnMut() -> Option<Bytes> + Unpin> Paced<F> {
    pub(crate) fn new(clock: &Clock, interval: Duration, next: F) -> Self {
        let (timer, clock) = (clock.timer(), clock.clone());
        Self { next, interval, clock, timer, due: None, remaining: None, trailers: None, ended: false }
    }

    /// The same, with the promise that there are so many bytes.
    pub(crate) fn with_length(self, length: u64) -> Self {
        Self { remaining: Some(length), ..self }
    }

    fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }
}

impl<F: FnMut() -> Option<Bytes> + Unpin> http_body::Body for Paced<F> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let paced = &mut *self;
        if paced.ended {
            return Poll::Ready(None);
        }
        if let Some(due) = paced.due {
            ready!(paced.timer.poll_until(due, cx));
        }
        if let Some(piece) = (paced.next)() {
            if !paced.interval.is_zero() {
                paced.due = Some(paced.clock.now() + paced.interval);
            }
            paced.remaining = paced.remaining.map(|remaining| remaining - piece.len() as u64);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        paced.ended = true;
        Poll::Ready(paced.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// `/delay/{seconds}`
pub(crate) fn delay(call: &Call<'_>) -> Result<Answer, Refused> {
    let seconds = call.number(0, "the number of seconds", 0.0..=DELAY_SECONDS_MAX)?;
    Ok(Answer { response: echo(call.arrived, call.trail), after: Duration::from_secs_f64(seconds) })
}

/// `/drip`
pub(crate) fn drip(call: &Call<'_>) -> Result<Answer, Refused> {
    let bytes: u64 = call.asked("bytes", 10, 1..=10_000)?;
    let seconds = call.asked("seconds", 2.0, 0.0..=60.0)?;
    let delay = call.asked("delay", 0.0, 0.0..=DELAY_SECONDS_MAX)?;
    let interval = Duration::from_secs_f64(seconds / bytes as f64);
    let mut remaining = bytes;
    let body = Paced::new(call.clock, interval, move || {
        remaining = remaining.checked_sub(1)?;
        Some(Bytes::from_static(b"*"))
    });
    let response = content(Body::stream(body.with_length(bytes)), "application/octet-stream");
    Ok(Answer { response, after: Duration::from_secs_f64(delay) })
}

/// `/stream/{lines}`
pub(crate) fn stream(call: &Call<'_>) -> Result<Answer, Refused> {
    let lines: u64 = call.number(0, "the number of lines", 1..=1_000)?;
    let target = call.arrived.head.uri.to_string();
    let mut line = 0;
    let body = Paced::new(call.clock, Duration::ZERO, move || {
        line += 1;
        (line <= lines).then(|| format!("{}\n", json!({ "line": line, "of": lines, "target": target })).into())
    });
    Ok(content(Body::stream(body), "application/x-ndjson").into())
}

/// `/sse`
pub(crate) fn events(call: &Call<'_>) -> Result<Answer, Refused> {
    let count: u64 = call.asked("count", 5, 1..=100)?;
    let interval = call.asked("interval", 1.0, 0.0..=30.0)?;
    let last = call.arrived.head.headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut id = last.unwrap_or(0);
    let body = Paced::new(call.clock, Duration::from_secs_f64(interval), move || {
        id += 1;
        (id <= count).then(|| format!("id: {id}\nevent: tick\ndata: {}\n\n", json!({ "tick": id, "of": count })).into())
    });
    let mut answer = Answer::from(content(Body::stream(body), "text/event-stream"));
    answer.response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(answer)
}

/// `/trailers`
pub(crate) fn trailers(call: &Call<'_>) -> Result<Answer, Refused> {
    let text = json_text(&call.arrived.shown());
    let sum = text.bytes().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(byte)));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-content-bytes", text.len().into());
    trailers.insert("x-content-sum", sum.into());
    let mut text = Some(Bytes::from(text));
    let body = Paced::new(call.clock, Duration::ZERO, move || text.take()).with_trailers(trailers);
    let mut response = content(Body::stream(body), "application/json");
    response.headers_mut().insert(header::TRAILER, HeaderValue::from_static("x-content-bytes, x-content-sum"));
    Ok(response.into())
}
