//! Telling every connection of a server to finish what it has begun and to begin nothing more.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Tells connections to drain. Clones are the same drain.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    stage: AtomicU8,
    seats: Mutex<Seats>,
}

const RETIRING: u8 = 1;
const DRAINING: u8 = 2;
const CUT: u8 = 3;

#[derive(Debug, Default)]
struct Seats {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// A connection's place among those that are told; given up when dropped.
#[derive(Debug)]
pub struct Seat {
    drain: Drain,
    index: usize,
}

impl Drain {
    /// Whether no further connection is to be taken.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) >= RETIRING
    }

    /// Whether a connection ends as soon as nothing is under way on it, and not only with its next exchange.
    #[inline]
    pub fn ends_idle(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) >= DRAINING
    }

    /// Whether what is left is to be cut off.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.0.stage.load(Ordering::Relaxed) >= CUT
    }

    /// Begins to drain in a way that costs no client a request: each connection ends with its next exchange, which says
    /// so. Those that rest go on resting until [`begin`](Self::begin).
    pub fn retire(&self) {
        self.reach(RETIRING);
    }

    /// Begins to drain: every connection is woken and finds out.
    pub fn begin(&self) {
        self.reach(DRAINING);
    }

    /// Cuts off every connection that is left.
    pub fn cut(&self) {
        self.reach(CUT);
    }

    fn reach(&self, stage: u8) {
        self.0.stage.fetch_max(stage, Ordering::SeqCst);
        let wakers: Vec<Waker> = self.seats().wakers.iter().flatten().cloned().collect();
        for waker in wakers {
            waker.wake();
        }
    }

    /// Waits until draining has begun.
    pub async fn begun(&self) {
        let mut seat = None;
        std::future::poll_fn(|cx| {
            seat = Some(self.sit(cx));
            if self.has_begun() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        let seats = self.seats();
        seats.wakers.len() - seats.free.len()
    }

    /// Takes a seat for a connection whose task is `cx`'s.
    pub fn sit(&self, cx: &Context<'_>) -> Seat {
        let mut seats = self.seats();
        let index = seats.free.pop().unwrap_or_else(|| {
            seats.wakers.push(None);
            seats.wakers.len() - 1
        });
        seats.wakers[index] = Some(cx.waker().clone());
        Seat { drain: self.clone(), index }
    }

    /// Nothing that can panic runs under this lock with the seats half changed.
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.drain.seats();
        let waker = seats.wakers[self.index].take();
        seats.free.push(self.index);
        drop(seats);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_used_again() {
        let drain = Drain::default();
        let cx = Context::from_waker(Waker::noop());
        let first = drain.sit(&cx);
        let second = drain.sit(&cx);
        assert_eq!(drain.connections(), 2);
        drop(first);
        let third = drain.sit(&cx);
        assert_eq!((third.index, drain.connections()), (0, 2));
        drain.begin();
        assert!(drain.has_begun());
        drop((second, third));
        assert_eq!(drain.connections(), 0);
    }
}
