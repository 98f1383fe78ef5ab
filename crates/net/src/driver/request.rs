//! The client's driver: requests into the engine, responses out of it.
//!
//! A connection belongs to whoever has an exchange on it. A short exchange is driven by the caller's own task, so that
//! it costs no channel and no task; a response's content drives the connection as it is read; and only an exchange
//! whose content goes both ways at once is given a task. A connection that many exchanges share has one from the
//! start. Each way, the turn is the same: settle, write, read, wait.

mod call;
mod drive;
mod exchange;
mod failure;
mod recording;
mod share;
mod tap;

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use wirelight_proto::Connection;
use wirelight_service::{Clock, Request};

use self::exchange::Exchange;
use super::link::Link;
use crate::observe::ConnectionInfo;
use crate::{Close, Observer, Transport};

pub use call::{Answer, Home, OnInterim, Sending};
pub use failure::{Failure, Phase, Sent};
pub use share::{Handle, Shared};

/// The limits and habits of a connection on which requests are sent.
#[derive(Debug, Clone)]
pub struct RequestConfig {
    /// How much may wait to be sent before content is no longer asked for, in bytes.
    pub output_bytes_max: usize,
    /// How much is read at once, in bytes.
    pub read_bytes: usize,
    /// How much is read at once where so much comes at once, in bytes.
    pub read_bytes_max: usize,
    /// How long the server may take nothing of what we send.
    pub write_timeout: Duration,
    /// How long a request that expects 100 (Continue) waits for it (RFC 9110, section 10.1.1).
    pub continue_timeout: Duration,
    /// How much may wait on a tunnel through a stream until the stream takes it, in bytes.
    pub tunnel_bytes_max: usize,
    /// How many requests may wait on a connection that is shared.
    pub waiting_max: usize,
    /// How long a connection that is shared may rest before it is closed.
    pub rest_timeout: Duration,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            output_bytes_max: 256 * 1024,
            read_bytes: 64 * 1024,
            read_bytes_max: 256 * 1024,
            write_timeout: Duration::from_secs(30),
            continue_timeout: Duration::from_secs(1),
            tunnel_bytes_max: 64 * 1024,
            waiting_max: 1024,
            rest_timeout: Duration::from_secs(60),
        }
    }
}

impl RequestConfig {
    /// How much is read at once, after `asked` was and so much `came`.
    fn next_read_bytes(&self, asked: usize, came: usize) -> usize {
        match () {
            () if came >= asked => (2 * asked).min(self.read_bytes_max),
            () if came < asked / 4 => asked / 2,
            () => asked,
        }
        .max(self.read_bytes)
    }
}

/// What the connections of a client share.
#[derive(Clone, Default)]
pub struct RequestContext {
    /// Limits and habits.
    pub config: RequestConfig,
    /// Where time comes from.
    pub clock: Clock,
    /// Who watches: the bytes, the parts, and the record of each exchange.
    pub observer: Option<Arc<dyn Observer>>,
}

impl std::fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestContext")
            .field("config", &self.config)
            .field("observed", &self.observer.is_some())
            .finish()
    }
}

/// When the steps of an exchange were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// When the connection took the request.
    pub began: Instant,
    /// When the last byte of the request was handed to the system.
    pub sent: Option<Instant>,
    /// When the first byte of the response was there.
    pub first_byte: Option<Instant>,
}

/// A connection on which requests are sent, at rest between two exchanges or with some under way.
pub struct Requests<T, E> {
    link: Link<T, E>,
    context: Arc<RequestContext>,
    connection: Arc<ConnectionInfo>,
    /// Requests that wait for the engine to open an exchange.
    waiting: std::collections::VecDeque<Exchange>,
    exchanges: Vec<Exchange>,
    /// How much is read at once, as far as has been seen.
    read_bytes: usize,
    /// What was consumed, while it is watched, without an event yet.
    seen: Vec<u8>,
    /// How much of what waits to leave was shown to whoever watches frames.
    shown: usize,
    /// How many exchanges there have been.
    number: u64,
    /// The server takes no exchange after those under way.
    going_away: bool,
    /// Why it is over.
    closed: Option<Close>,
}

impl<T: Transport, E: Connection + Unpin> Requests<T, E> {
    /// A connection that was just made.
    pub fn new(transport: T, engine: E, context: Arc<RequestContext>, connection: ConnectionInfo) -> Self {
        let now = context.clock.now();
        Self {
            link: Link::new(transport, engine, context.clock.timer(), now),
            read_bytes: context.config.read_bytes,
            context,
            connection: Arc::new(connection),
            waiting: std::collections::VecDeque::new(),
            exchanges: Vec::new(),
            seen: Vec::new(),
            shown: 0,
            number: 0,
            going_away: false,
            closed: None,
        }
    }

    /// Which connection it is.
    pub fn info(&self) -> &Arc<ConnectionInfo> {
        &self.connection
    }

    /// How many exchanges it has begun.
    pub fn exchanges(&self) -> u64 {
        self.number
    }

    /// Whether another request may be sent on it now, as far as is known.
    pub fn is_usable(&self) -> bool {
        self.closed.is_none() && !self.going_away && self.link.ended.is_none() && !self.link.engine.is_finished()
    }

    /// Watches a connection at rest; ready when it is over, with the reason.
    ///
    /// `cx` is woken when the server closes it, or says something that nobody asked for.
    pub fn poll_idle(&mut self, cx: &mut Task<'_>) -> Poll<Close> {
        match self.poll_silence(cx) {
            true => Poll::Pending,
            false => self.poll_turn(cx, |_| false),
        }
    }

    /// Whether no exchange is under way.
    fn is_at_rest(&self) -> bool {
        self.exchanges.is_empty() && self.waiting.is_empty()
    }

    /// Takes a request; it is sent when the connection is next polled.
    fn take(&mut self, request: Request, reader: exchange::Reader) {
        let now = self.context.clock.now();
        self.waiting.push_back(Exchange::new(request, reader, now));
    }
}

impl<T, E> std::fmt::Debug for Requests<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests")
            .field("connection", &self.connection)
            .field("number", &self.number)
            .field("under_way", &self.exchanges.len())
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_is_read_at_once_where_more_comes_and_less_where_less_does() {
        let config = RequestConfig { read_bytes: 64, read_bytes_max: 256, ..RequestConfig::default() };
        for (asked, came, next) in
            [(64, 13, 64), (64, 63, 64), (64, 64, 128), (128, 130, 256), (256, 300, 256), (256, 63, 128), (128, 31, 64)]
        {
            assert_eq!(config.next_read_bytes(asked, came), next, "{came} of {asked}");
        }
    }
}
