//! Telling every connection of a server to finish what it has begun and to begin nothing more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Tells connections to drain. Clones are the same drain.
#[derive(Debug, Clone, Default)]
pub struct Drain(Arc<State>);

#[derive(Debug, Default)]
struct State {
    begun: AtomicBool,
    seats: Mutex<Seats>,
}

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
    /// Whether draining has begun.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// Begins to drain: every connection is woken and finds out.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::SeqCst);
        let wakers: Vec<Waker> = self.seats().wakers.iter().flatten().cloned().collect();
        for waker in wakers {
            waker.wake();
        }
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
