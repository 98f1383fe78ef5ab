//! The decisions of one exchange, in the order in which they were made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Extensions;
use wirelight_semantics::decision::Decision;

use crate::Exchange;

/// Collects the decisions of one exchange, in order.
///
/// With nobody watching it is empty and costs nothing: no allocation, no formatting. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Trail(Option<Arc<Mutex<List>>>);

/// Decisions of any kind, in order.
type List = Vec<Box<dyn Decision>>;

impl Trail {
    /// A trail that forgets everything at once.
    pub const fn unwatched() -> Self {
        Self(None)
    }

    /// A trail that keeps what it is told.
    pub fn watched() -> Self {
        Self(Some(Arc::default()))
    }

    /// The trail of the exchange that a message belongs to.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Exchange>().map(|exchange| exchange.trail.clone()).unwrap_or_default()
    }

    /// Whether anybody will read it.
    pub fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a decision, if anybody watches.
    pub fn note<D: Decision + 'static>(&self, decision: D) {
        if let Some(list) = &self.0 {
            lock(list).push(Box::new(decision));
        }
    }

    /// Calls `read` with every decision so far, in order.
    pub fn read<T>(&self, read: impl FnOnce(&[Box<dyn Decision>]) -> T) -> T {
        match &self.0 {
            Some(list) => read(&lock(list)),
            None => read(&[]),
        }
    }

    /// Calls `read` with the decision that explains the outcome best: the last refusal, or else the last of all.
    pub fn decisive<T>(&self, read: impl FnOnce(&dyn Decision) -> T) -> Option<T> {
        self.read(|all| {
            let decisive = all.iter().rev().find(|decision| decision.declines()).or(all.last());
            decisive.map(|decision| read(&**decision))
        })
    }
}

/// A decision is whole or absent, so a panic elsewhere never spoils the list.
fn lock(list: &Mutex<List>) -> MutexGuard<'_, List> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
