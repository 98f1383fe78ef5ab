//! Bodies that follow a script, and what is read from a body.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use wirelight_service::{Body, Error, Exchange, Fault, Kind, Request, Result, Trail};

/// What a scripted body does next.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Data(&'static [u8]),
    Owned(Bytes),
    /// Is pending once, and asks to be polled again.
    Pause,
    /// Is pending for ever.
    Stall,
    Trailers(&'static str, &'static str),
    Fail,
    Panic,
}

struct Script(VecDeque<Step>);

pub(crate) fn body(steps: impl IntoIterator<Item = Step>) -> Body {
    Body::stream(Script(steps.into_iter().collect()))
}

/// Content in pieces of `size` bytes, with a pause after each.
pub(crate) fn pieces(content: &[u8], size: usize) -> Body {
    body(content.chunks(size).flat_map(|piece| [Step::Owned(Bytes::copy_from_slice(piece)), Step::Pause]))
}

impl http_body::Body for Script {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        Poll::Ready(match self.0.pop_front() {
            None => None,
            Some(Step::Data(data)) => Some(Ok(Frame::data(Bytes::from_static(data)))),
            Some(Step::Owned(data)) => Some(Ok(Frame::data(data))),
            Some(Step::Pause) => {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Step::Stall) => {
                self.0.push_front(Step::Stall);
                return Poll::Pending;
            }
            Some(Step::Trailers(name, value)) => {
                let mut trailers = HeaderMap::new();
                trailers.insert(name, value.parse().unwrap());
                Some(Ok(Frame::trailers(trailers)))
            }
            Some(Step::Fail) => {
                self.0.clear();
                Some(Err(Error::new(Kind::Gone, Fault::Upstream, "the script says so")))
            }
            Some(Step::Panic) => panic!("the script says so"),
        })
    }
}

/// All that was read from a body.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) content: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    pub(crate) error: Option<Error>,
}

/// Reads to the end, and once more: after its end or its error a body stays at its end.
pub(crate) async fn read(mut body: Body) -> Seen {
    let mut seen = Seen::default();
    while let Some(frame) = body.frame().await {
        assert!(seen.error.is_none() && seen.trailers.is_none(), "something came after the end");
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => seen.content.extend_from_slice(&data),
            Ok(Err(frame)) => seen.trailers = frame.into_trailers().ok(),
            Err(error) => seen.error = Some(error),
        }
    }
    assert!(body.frame().await.is_none());
    seen
}

/// Polls a body by hand, with nobody else running.
pub(crate) struct Hand {
    pub(crate) body: Body,
    woken: Arc<Count>,
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Hand {
    pub(crate) fn new(body: Body) -> Self {
        Self { body, woken: Arc::default() }
    }

    pub(crate) fn poll(&mut self) -> Poll<Option<Result<Frame<Bytes>>>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(&mut self.body).poll_frame(&mut Context::from_waker(&waker))
    }

    /// The next piece of content, which must be there.
    pub(crate) fn data(&mut self) -> Bytes {
        match self.poll() {
            Poll::Ready(Some(Ok(frame))) => frame.into_data().expect("trailers came, not content"),
            other => panic!("no content but {other:?}"),
        }
    }

    pub(crate) fn woken(&self) -> usize {
        self.woken.0.load(Ordering::SeqCst)
    }
}

/// A request whose decisions are kept.
pub(crate) fn watched(request: http::request::Builder, body: Body) -> (Request, Trail) {
    let mut request = request.body(body).unwrap();
    let trail = Trail::watched();
    request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
    (request, trail)
}

/// What was decided last, and why.
pub(crate) fn last(trail: &Trail) -> String {
    trail.read(|all| all.last().map(|last| format!("{}: {}", last.outcome(), last.because())).unwrap_or_default())
}
