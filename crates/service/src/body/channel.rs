//! A body that is filled from elsewhere: by the driver of a connection, or by a layer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::some_trailers;
use crate::{Error, Fault, Kind, Result};

/// Fills a body. Dropped before [`finish`](Self::finish), it leaves the reader with an error, never with an end.
#[derive(Debug)]
pub struct Sender(Arc<Mutex<State>>);

#[derive(Debug)]
pub(super) struct Receiver {
    state: Arc<Mutex<State>>,
    /// How many bytes are still to come, where that is known.
    remaining: Option<u64>,
}

/// What a reader has done since the sender last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// How many bytes were read since.
    pub taken: usize,
    /// Whether anybody has ever asked for content.
    pub wanted: bool,
    /// Whether the reader is gone.
    pub abandoned: bool,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    ending: Ending,
    demand: Demand,
    /// The demand when the sender last asked, with nothing taken since.
    told: Demand,
    reader: Option<Waker>,
    sender: Option<Waker>,
}

#[derive(Debug, Default)]
enum Ending {
    #[default]
    Open,
    Finished(Option<HeaderMap>),
    Failed(Error),
    Over,
}

pub(super) fn channel(length: Option<u64>) -> (Sender, Receiver) {
    let state = Arc::new(Mutex::new(State::default()));
    (Sender(Arc::clone(&state)), Receiver { state, remaining: length })
}

/// No code of others runs under this lock, so a panic elsewhere never spoils the state.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sender {
    /// Adds content. How much is in flight is the caller's to bound, by [`poll_demand`](Self::poll_demand).
    pub fn push(&mut self, content: Bytes) {
        let mut state = lock(&self.0);
        if state.demand.abandoned {
            // As in a reader's drop: it holds up nothing.
            state.demand.taken += content.len();
        } else {
            state.queue.push_back(content);
            state.wake_reader();
        }
    }

    /// Ends the body with its trailer section, which may be empty.
    pub fn finish(&mut self, trailers: HeaderMap) {
        lock(&self.0).end(Ending::Finished(some_trailers(trailers)));
    }

    /// Ends the body with an error, after the content that is already in it.
    pub fn fail(&mut self, error: Error) {
        lock(&self.0).end(Ending::Failed(error));
    }

    /// Ready when the reader has done something that the sender was not told yet.
    pub fn poll_demand(&mut self, cx: &mut Context<'_>) -> Poll<Demand> {
        let mut state = lock(&self.0);
        if state.demand != state.told {
            let news = state.demand;
            state.demand.taken = 0;
            state.told = state.demand;
            return Poll::Ready(news);
        }
        if !state.sender.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.sender = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if matches!(state.ending, Ending::Open) {
            let because = "the sender of the content stopped before its end";
            state.end(Ending::Failed(Error::new(Kind::Gone, Fault::Downstream, because)));
        }
    }
}

impl State {
    fn end(&mut self, ending: Ending) {
        if matches!(self.ending, Ending::Open) {
            self.ending = ending;
            self.wake_reader();
        }
    }

    fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    fn wake_sender(&mut self) {
        if let Some(waker) = self.sender.take() {
            waker.wake();
        }
    }
}

impl Receiver {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let mut state = lock(&self.state);
        if let Some(content) = state.queue.pop_front() {
            state.demand.taken += content.len();
            state.demand.wanted = true;
            state.wake_sender();
            drop(state);
            self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(content.len() as u64));
            return Poll::Ready(Some(Ok(Frame::data(content))));
        }
        match std::mem::replace(&mut state.ending, Ending::Over) {
            Ending::Open => {
                state.ending = Ending::Open;
                state.reader = Some(cx.waker().clone());
                if !state.demand.wanted {
                    state.demand.wanted = true;
                    state.wake_sender();
                }
                Poll::Pending
            }
            Ending::Finished(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Ending::Failed(error) => Poll::Ready(Some(Err(error))),
            Ending::Over => Poll::Ready(None),
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        let state = lock(&self.state);
        state.queue.is_empty() && matches!(state.ending, Ending::Finished(None) | Ending::Over)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.demand.abandoned = true;
        // What nobody will read counts as taken, so that it holds up nothing.
        state.demand.taken += state.queue.iter().map(Bytes::len).sum::<usize>();
        state.queue.clear();
        state.wake_sender();
    }
}
