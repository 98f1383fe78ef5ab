//! When the steps of an exchange were taken, and over what.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Uri};
use http_body::{Frame, SizeHint};
use wirelight_net::Tcp;
use wirelight_net::tls::Secured;
use wirelight_net::tls::client::{Certificate, Check};
use wirelight_service::{Body, Clock, Error};

/// Watches the exchanges of one request: there are several when it is redirected, authenticated or tried again.
///
/// A request carries it as an extension, and so does its response. Clones watch the same.
#[derive(Debug, Clone, Default)]
pub struct Watch(Arc<Mutex<Vec<Watched>>>);

/// An exchange that is watched. What was asked for is written out when somebody reads it.
#[derive(Debug)]
struct Watched {
    method: Method,
    uri: Uri,
    timings: Timings,
}

impl Watched {
    fn told(&self) -> Timings {
        Timings { asked: format!("{} {}", self.method, self.uri), ..self.timings.clone() }
    }
}

/// When the steps of one exchange were taken, each as the time since it began; what was not needed is `None`.
#[derive(Debug, Clone)]
pub struct Timings {
    /// When it began.
    pub began: Instant,
    /// What was asked for: the method and the URI.
    pub asked: String,
    /// A connection, or the right to make one, was there.
    pub queued: Option<Duration>,
    /// The name was looked up.
    pub resolved: Option<Duration>,
    /// The transport stood.
    pub connected: Option<Duration>,
    /// A proxy had shown the way.
    pub proxied: Option<Duration>,
    /// The TLS handshake was over.
    pub secured: Option<Duration>,
    /// The last byte of the request was handed to the system.
    pub sent: Option<Duration>,
    /// The first byte of the response was there.
    pub first_byte: Option<Duration>,
    /// The first of the content of the response was there.
    pub content: Option<Duration>,
    /// The response was complete.
    pub done: Option<Duration>,
    /// Whether the connection had carried an exchange before.
    pub reused: bool,
    /// Whether nobody was asked, as a stored response answered.
    pub from_cache: bool,
    /// Bytes of content received.
    pub received_bytes: u64,
    /// The addresses that the name stands for, in the order in which they were to be tried.
    pub addresses: Vec<SocketAddr>,
    /// How each attempt to connect went.
    pub attempts: Vec<Attempt>,
    /// The address at the other end, and ours.
    pub ends: Option<(SocketAddr, SocketAddr)>,
    /// What the kernel said of the connection when it stood: its round trip is that of the TCP handshake.
    pub tcp: Option<Tcp>,
    /// What the TLS handshake agreed on.
    pub tls: Option<Secured>,
    /// The certificates that the server presented, its own first.
    pub presented: Vec<Certificate>,
    /// Which check of them failed, and why; `None` if they passed, or were not checked.
    pub distrusted: Option<(Check, String)>,
}

impl Timings {
    /// An exchange of which nothing is known but its beginning.
    pub(crate) fn unknown(began: Instant) -> Self {
        Self {
            began,
            asked: String::new(),
            queued: None,
            resolved: None,
            connected: None,
            proxied: None,
            secured: None,
            sent: None,
            first_byte: None,
            content: None,
            done: None,
            reused: false,
            from_cache: false,
            received_bytes: 0,
            addresses: Vec::new(),
            attempts: Vec::new(),
            ends: None,
            tcp: None,
            tls: None,
            presented: Vec::new(),
            distrusted: None,
        }
    }
}

/// One attempt to connect to an address.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which address.
    pub address: SocketAddr,
    /// When it began, from the beginning of the exchange.
    pub began: Duration,
    /// How long it took; `None` if another was faster.
    pub took: Option<Duration>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

impl Watch {
    /// Begins to watch another exchange.
    pub(crate) fn begin(&self, began: Instant, method: &Method, uri: &Uri) {
        let mut exchanges = self.lock();
        // There is mostly one, and room for four would be a long allocation.
        exchanges.reserve_exact(1);
        exchanges.push(Watched { method: method.clone(), uri: uri.clone(), timings: Timings::unknown(began) });
    }

    /// Changes what is known of the exchange under way.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Timings)) {
        if let Some(watched) = self.lock().last_mut() {
            change(&mut watched.timings);
        }
    }

    /// What is known of each exchange so far, in order.
    pub fn exchanges(&self) -> Vec<Timings> {
        self.lock().iter().map(Watched::told).collect()
    }

    /// What is known of the last exchange, if there was one.
    pub fn last(&self) -> Option<Timings> {
        self.lock().last().map(Watched::told)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Content whose beginning and end are noted.
pub(crate) struct Timed {
    pub(crate) body: Body,
    pub(crate) watch: Watch,
    pub(crate) clock: Clock,
}

impl Timed {
    /// Watches the content of a response, and its end.
    pub(crate) fn watch(body: Body, watch: &Watch, clock: &Clock) -> Body {
        match body.as_bytes().map(Bytes::len) {
            Some(length) => {
                watch.note(|timings| {
                    timings.received_bytes = length as u64;
                    let now = clock.now().saturating_duration_since(timings.began);
                    timings.content = Some(now).filter(|_| length > 0);
                    timings.done = Some(now);
                });
                body
            }
            None => Body::stream(Self { body, watch: watch.clone(), clock: clock.clone() }),
        }
    }
}

impl http_body::Body for Timed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(frame) = &polled {
            let length = match frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
                _ => 0,
            };
            let over = !matches!(frame, Some(Ok(_))) || self.body.is_end_stream();
            self.watch.note(|timings| {
                if length > 0 && timings.content.is_none() {
                    timings.content = Some(self.clock.now().saturating_duration_since(timings.began));
                }
                timings.received_bytes += length as u64;
                if over && timings.done.is_none() {
                    timings.done = Some(self.clock.now().saturating_duration_since(timings.began));
                }
            });
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
