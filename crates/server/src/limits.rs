//! How many connections there may be, in all and from one address.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use wirelight_semantics::decision::{Decision, Rule};

use crate::Config;

static PER_PEER: Rule = Rule {
    name: "connections-per-peer",
    section: "Wirelight, connection limits",
    says: "One address may hold only so many connections open.",
};

/// Counts the connections that are open, and says when there is room.
#[derive(Debug)]
pub(crate) struct Limits {
    connections_max: usize,
    per_peer_max: Option<usize>,
    open: AtomicUsize,
    peers: Mutex<HashMap<IpAddr, usize>>,
    closed: Notify,
}

/// One connection's place; given up when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    limits: Arc<Limits>,
    peer: Option<IpAddr>,
}

/// An address holds too many connections open.
#[derive(Debug, Clone)]
pub struct TooMany {
    /// The address.
    pub peer: IpAddr,
    /// How many connections it may hold open.
    pub connections_max: usize,
}

impl Decision for TooMany {
    fn rule(&self) -> &'static Rule {
        &PER_PEER
    }

    fn outcome(&self) -> Cow<'static, str> {
        "closed as it came".into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("{} already holds {} connections open", self.peer, self.connections_max).into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(
            format!("with `connections_per_peer_max` over {} it would have been accepted", self.connections_max).into(),
        )
    }

    fn declines(&self) -> bool {
        true
    }
}

impl std::fmt::Display for TooMany {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}]", self.outcome(), self.because(), self.rule())
    }
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        Arc::new(Self {
            connections_max: config.connections_max,
            per_peer_max: config.connections_per_peer_max,
            open: AtomicUsize::new(0),
            peers: Mutex::default(),
            closed: Notify::new(),
        })
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// Whether there is room for one more connection.
    pub(crate) fn has_room(&self) -> bool {
        self.open() < self.connections_max
    }

    /// Waits until there is room for one more connection.
    pub(crate) async fn room(&self) {
        self.until(|_| self.has_room()).await;
    }

    /// Takes a place, if there is room.
    pub(crate) fn enter(&self) -> bool {
        let taken = |open| (open < self.connections_max).then_some(open + 1);
        self.open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, taken).is_ok()
    }

    /// Takes a place, once there is room.
    pub(crate) async fn place(&self) {
        while !self.enter() {
            self.room().await;
        }
    }

    /// Gives a place up.
    fn leave(&self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        self.closed.notify_waiters();
    }

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        self.until(|open| open == 0).await;
    }

    async fn until(&self, enough: impl Fn(usize) -> bool) {
        loop {
            let closed = self.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if enough(self.open.load(Ordering::SeqCst)) {
                return;
            }
            closed.await;
        }
    }

    /// Admits a connection from an address to the place that was taken for it, or gives that up and says why.
    pub(crate) fn admit(self: &Arc<Self>, peer: Option<IpAddr>) -> Result<Permit, TooMany> {
        let peer = match (peer, self.per_peer_max) {
            (Some(peer), Some(connections_max)) => {
                let mut peers = self.peers();
                let held = peers.entry(peer).or_default();
                if *held >= connections_max {
                    drop(peers);
                    self.leave();
                    return Err(TooMany { peer, connections_max });
                }
                *held += 1;
                Some(peer)
            }
            _ => None,
        };
        Ok(Permit { limits: Arc::clone(self), peer })
    }

    /// Nothing that can panic runs under this lock.
    fn peers(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(peer) = self.peer {
            let mut peers = self.limits.peers();
            if let Some(held) = peers.get_mut(&peer) {
                *held -= 1;
                if *held == 0 {
                    peers.remove(&peer);
                }
            }
        }
        self.limits.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_gives_up_a_connection_may_open_another() {
        let config = Config { connections_per_peer_max: Some(1), ..Config::default() };
        let limits = Limits::new(&config);
        let one: IpAddr = [127, 0, 0, 1].into();
        let two: IpAddr = [127, 0, 0, 2].into();
        let admit = |peer| {
            assert!(limits.enter());
            limits.admit(Some(peer))
        };
        let first = admit(one).unwrap();
        let refused = admit(one).unwrap_err();
        assert_eq!(refused.because(), "127.0.0.1 already holds 1 connections open");
        drop(admit(two).unwrap());
        drop(first);
        drop(admit(one).unwrap());
        assert!(limits.peers().is_empty());
        assert_eq!(limits.open(), 0);
    }
}
