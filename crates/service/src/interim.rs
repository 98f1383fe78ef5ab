//! Interim responses: what a service says ahead of its response (RFC 9110, section 15.2).

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use http::{HeaderMap, StatusCode};

use crate::exchange::Exchanged;

/// Sends interim responses to one request, such as 103 (Early Hints, RFC 8297), until its response is there.
///
/// ```
/// use http::{HeaderMap, StatusCode, header};
/// use wirelight_service::{Body, Interims, Request, Response, Result};
///
/// async fn page(request: Request) -> Result<Response> {
///     if let Some(interims) = Interims::of(&request) {
///         let hint = "</style.css>; rel=preload; as=style".parse().expect("it is ASCII");
///         // Hints that are not sent are no reason to fail.
///         let _ = interims.send(StatusCode::EARLY_HINTS, HeaderMap::from_iter([(header::LINK, hint)]));
///     }
///     Ok(Response::new(Body::from("<link rel=stylesheet href=/style.css>")))
/// }
/// # let _ = page;
/// ```
#[derive(Clone)]
pub struct Interims {
    outbox: Arc<Outbox>,
    exchange: u64,
}

/// Why an interim response is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// Its status is not 1xx, or is 101, which only a response that switches protocols has.
    NotInterim(StatusCode),
    /// So many wait already to be sent on this connection.
    TooMany(usize),
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInterim(status) => write!(f, "{status} is no interim response"),
            Self::TooMany(waiting_max) => write!(f, "{waiting_max} interim responses wait already"),
        }
    }
}

impl std::error::Error for Unsent {}

impl Interims {
    /// The way to send interim responses to a request, where its connection has one.
    pub fn of(request: &impl Exchanged) -> Option<Self> {
        request.exchange()?.interims.clone()
    }

    /// Leaves an interim response to be sent; once the response is there, it is too late, and it is forgotten.
    ///
    /// # Errors
    /// If it is none, or too many wait.
    pub fn send(&self, status: StatusCode, fields: HeaderMap) -> Result<(), Unsent> {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Unsent::NotInterim(status));
        }
        let mut left = self.outbox.left();
        if left.waiting.len() >= left.waiting_max {
            return Err(Unsent::TooMany(left.waiting_max));
        }
        left.waiting.push(Interim { exchange: self.exchange, status, fields });
        let waker = left.waker.clone();
        drop(left);
        self.outbox.has_any.store(true, Ordering::Release);
        waker.wake();
        Ok(())
    }
}

impl fmt::Debug for Interims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interims").field("exchange", &self.exchange).finish_non_exhaustive()
    }
}

/// An interim response that waits to be sent.
#[derive(Debug)]
pub struct Interim {
    /// Which exchange of its connection it belongs to.
    pub exchange: u64,
    /// Its status: 1xx, and not 101.
    pub status: StatusCode,
    /// Its fields.
    pub fields: HeaderMap,
}

/// Where the services of one connection leave interim responses for whoever drives it.
#[derive(Debug)]
pub struct Outbox {
    has_any: AtomicBool,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    waiting: Vec<Interim>,
    waiting_max: usize,
    waker: Waker,
}

impl Outbox {
    /// An outbox in which at most so many wait; `waker` is woken for each.
    pub fn new(waiting_max: usize, waker: &Waker) -> Arc<Self> {
        let left = Left { waiting: Vec::new(), waiting_max, waker: waker.clone() };
        Arc::new(Self { has_any: AtomicBool::new(false), left: Mutex::new(left) })
    }

    /// The way to this outbox for one exchange of the connection.
    pub fn interims(self: &Arc<Self>, exchange: u64) -> Interims {
        Interims { outbox: Arc::clone(self), exchange }
    }

    /// Serves another connection from now on: nothing waits in it, and nobody has a way to it.
    pub fn adopt(&mut self, waiting_max: usize, waker: &Waker) {
        *self.has_any.get_mut() = false;
        let left = self.left.get_mut().unwrap_or_else(PoisonError::into_inner);
        left.waiting.clear();
        left.waiting_max = waiting_max;
        left.waker.clone_from(waker);
    }

    /// Wakes another waker from now on.
    pub fn heed(&self, waker: &Waker) {
        let mut left = self.left();
        if !left.waker.will_wake(waker) {
            left.waker = waker.clone();
        }
    }

    /// What was left since this was called last, in order.
    pub fn take(&self) -> Vec<Interim> {
        match self.has_any.swap(false, Ordering::Acquire) {
            true => std::mem::take(&mut self.left().waiting),
            false => Vec::new(),
        }
    }

    /// An interim response is whole or absent, so a panic elsewhere never spoils the list.
    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outbox_that_serves_another_connection_holds_nothing_of_the_last() {
        let mut outbox = Outbox::new(1, Waker::noop());
        outbox.interims(1).send(StatusCode::PROCESSING, HeaderMap::new()).unwrap();
        Arc::get_mut(&mut outbox).unwrap().adopt(2, Waker::noop());
        assert!(outbox.take().is_empty());
        let interims = outbox.interims(1);
        interims.send(StatusCode::PROCESSING, HeaderMap::new()).unwrap();
        interims.send(StatusCode::PROCESSING, HeaderMap::new()).unwrap();
        assert_eq!(interims.send(StatusCode::PROCESSING, HeaderMap::new()), Err(Unsent::TooMany(2)));
    }

    #[test]
    fn what_is_left_is_taken_once_and_in_order() {
        let outbox = Outbox::new(2, Waker::noop());
        let (one, two) = (outbox.interims(1), outbox.interims(2));
        assert_eq!(one.send(StatusCode::OK, HeaderMap::new()), Err(Unsent::NotInterim(StatusCode::OK)));
        let switching = StatusCode::SWITCHING_PROTOCOLS;
        assert_eq!(one.send(switching, HeaderMap::new()), Err(Unsent::NotInterim(switching)));
        one.send(StatusCode::PROCESSING, HeaderMap::new()).unwrap();
        two.send(StatusCode::EARLY_HINTS, HeaderMap::new()).unwrap();
        assert_eq!(one.send(StatusCode::CONTINUE, HeaderMap::new()), Err(Unsent::TooMany(2)));
        let taken: Vec<_> = outbox.take().iter().map(|each| (each.exchange, each.status.as_u16())).collect();
        assert_eq!(taken, [(1, 102), (2, 103)]);
        assert!(outbox.take().is_empty());
        one.send(StatusCode::CONTINUE, HeaderMap::new()).unwrap();
        assert_eq!(outbox.take().len(), 1);
    }
}
