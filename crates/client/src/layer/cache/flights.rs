//! Requests that nothing stored answers: of those that are alike, one is sent, and the others wait for what it brings.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Which requests are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<String, watch::Receiver<()>>>>);

/// A request that others wait for, until this is dropped.
pub(super) struct Flight {
    flights: Flights,
    key: String,
    /// Those who wait hear that it is gone.
    _landed: watch::Sender<()>,
}

/// What a request is to do.
pub(super) enum Boarding {
    /// Be sent.
    Lead(Flight),
    /// Wait, and look again.
    Follow(watch::Receiver<()>),
}

impl Flights {
    /// Whether a request is the first of its kind under way.
    pub(super) fn board(&self, key: &str) -> Boarding {
        let mut flights = self.lock();
        if let Some(leader) = flights.get(key) {
            return Boarding::Follow(leader.clone());
        }
        let (sender, receiver) = watch::channel(());
        flights.insert(key.to_owned(), receiver);
        Boarding::Lead(Flight { flights: self.clone(), key: key.to_owned(), _landed: sender })
    }

    /// One that is under way, to wait for.
    pub(super) fn any(&self) -> Option<watch::Receiver<()>> {
        self.lock().values().next().cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// Waits until the request that leads has landed, whatever came of it.
pub(super) async fn follow(mut leader: watch::Receiver<()>) {
    // Nothing is ever sent: the channel closes.
    while leader.changed().await.is_ok() {}
}
