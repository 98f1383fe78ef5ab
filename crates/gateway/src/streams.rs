//! What is under way on a route for long: responses whose content still comes, and tunnels. A reload lists them, and
//! closes those whose route is no more.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use http_body::{Frame, SizeHint};
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_service::{Body, Error, Fault, Kind, Peer, Trail};

use crate::access_log::Secrets;
use crate::metrics::Counting;

static RELOAD: Rule = Rule {
    name: "reload",
    section: "RFC 9110, section 7.6",
    says: "A stream goes on through a reload of the config unless its route has changed or is gone.",
};

/// A stream that is under way.
#[derive(Debug, Clone)]
pub struct Stream {
    /// When its request came.
    pub began: Instant,
    /// Who asked.
    pub peer: Option<Peer>,
    /// The request's method.
    pub method: Method,
    /// The request's target.
    pub target: Uri,
    /// Whether it is a tunnel, and not a response.
    pub is_tunnel: bool,
}

impl Stream {
    /// The path and query that were asked for, with secrets masked.
    pub fn shown_target(&self) -> String {
        let target = self.target.path_and_query().map_or("*", |path| path.as_str());
        String::from_utf8_lossy(&Secrets::default().mask_target(target.as_bytes())).into_owned()
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, Shown(self.shown_target().as_bytes()))?;
        if let Some(peer) = &self.peer {
            write!(f, " of {peer}")?;
        }
        if self.is_tunnel { f.write_str(" (a tunnel)") } else { Ok(()) }
    }
}

/// The streams of one route in one plan.
#[derive(Debug, Default)]
pub struct Streams {
    closed: AtomicBool,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Option<(Stream, Option<Waker>)>>,
    free: Vec<usize>,
}

impl Streams {
    /// Those that are under way.
    pub fn list(&self) -> Vec<Stream> {
        self.places().taken.iter().flatten().map(|(stream, _)| stream.clone()).collect()
    }

    /// Ends all of them, and all that come.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let wakers: Vec<Waker> = self.places().taken.iter().flatten().filter_map(|(_, waker)| waker.clone()).collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Takes a place for a stream.
    pub(crate) fn enter(self: &Arc<Self>, stream: Stream) -> Stay {
        let mut places = self.places();
        let place = places.free.pop().unwrap_or_else(|| {
            places.taken.push(None);
            places.taken.len() - 1
        });
        places.taken[place] = Some((stream, None));
        drop(places);
        Stay { streams: Arc::clone(self), place, waker: None }
    }

    /// Nothing that can panic runs under this lock with the places half changed.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's place among those of its route; given up when dropped.
#[derive(Debug)]
pub(crate) struct Stay {
    streams: Arc<Streams>,
    place: usize,
    waker: Option<Waker>,
}

impl Stay {
    /// Ready once the stream is to end.
    pub(crate) fn poll_closed(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.streams.closed.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            let waker = Some(cx.waker().clone());
            self.waker.clone_from(&waker);
            if let Some((_, place)) = &mut self.streams.places().taken[self.place] {
                *place = waker;
            }
            // Whoever closes between the first look and now has found no waker.
            if self.streams.closed.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Waits until the stream is to end.
    pub(crate) async fn closed(&mut self) {
        std::future::poll_fn(|cx| self.poll_closed(cx)).await;
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let mut places = self.streams.places();
        let gone = places.taken[self.place].take();
        places.free.push(self.place);
        drop(places);
        drop(gone);
    }
}

/// Where the tunnel that a request may become takes its place; such a request carries it as an extension.
#[derive(Debug, Clone)]
pub(crate) struct Tunnels {
    pub(crate) streams: Arc<Streams>,
    pub(crate) stream: Stream,
}

impl Tunnels {
    pub(crate) fn enter(&self) -> Stay {
        self.streams.enter(self.stream.clone())
    }
}

/// A stream was ended since its route is no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed;

impl Decision for Closed {
    fn rule(&self) -> &'static Rule {
        &RELOAD
    }

    fn outcome(&self) -> Cow<'static, str> {
        "broken off".into()
    }

    fn because(&self) -> Cow<'static, str> {
        "the config was read again, and the route of this stream has changed or is gone".into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("it would have gone on had it ended within the time that a reload grants, or its route stayed".into())
    }

    fn declines(&self) -> bool {
        true
    }
}

/// Content that still comes: it is a stream of its route until its end.
pub(crate) struct Staying {
    body: Body,
    stay: Option<Stay>,
    counting: Option<Counting>,
    status: StatusCode,
    trail: Trail,
}

impl Staying {
    pub(crate) fn body(body: Body, stay: Stay, mut counting: Counting, status: StatusCode, trail: Trail) -> Body {
        counting.answered(status);
        Body::stream(Self { body, stay: Some(stay), counting: Some(counting), status, trail })
    }

    fn end(&mut self) {
        self.stay = None;
        if let Some(counting) = self.counting.take() {
            counting.end(self.status);
        }
    }
}

impl http_body::Body for Staying {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(polled) => {
                match &polled {
                    Some(Err(_)) => (this.stay, this.counting) = (None, None),
                    _ if polled.is_none() || this.body.is_end_stream() => this.end(),
                    _ => {}
                }
                Poll::Ready(polled)
            }
            Poll::Pending => {
                let Some(stay) = &mut this.stay else { return Poll::Pending };
                std::task::ready!(stay.poll_closed(cx));
                this.body = Body::empty();
                (this.stay, this.counting) = (None, None);
                this.trail.note(Closed);
                Poll::Ready(Some(Err(Error::new(Kind::Other, Fault::Ours, Closed.because()))))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(target: &str) -> Stream {
        let (method, target) = (Method::GET, target.parse().unwrap());
        Stream { began: Instant::now(), peer: None, method, target, is_tunnel: false }
    }

    #[test]
    fn places_are_used_again_and_listed() {
        let streams = Arc::new(Streams::default());
        let (first, second) = (streams.enter(stream("/a")), streams.enter(stream("/b?token=SECRET")));
        let listed = || streams.list().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(listed(), ["GET /a", "GET /b?token=***"]);
        drop(first);
        let third = streams.enter(stream("/c"));
        assert_eq!((third.place, listed()), (0, vec!["GET /c".to_owned(), "GET /b?token=***".to_owned()]));
        drop((second, third));
        assert!(listed().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_is_told_that_the_stream_is_to_end() {
        let streams = Arc::new(Streams::default());
        let mut stay = streams.enter(stream("/a"));
        let waiting = tokio::spawn(async move { stay.closed().await });
        while streams.places().taken[0].as_ref().is_some_and(|(_, waker)| waker.is_none()) {
            tokio::task::yield_now().await;
        }
        streams.close();
        waiting.await.unwrap();
        // Whoever comes later is told at once.
        streams.enter(stream("/b")).closed().await;
    }
}
