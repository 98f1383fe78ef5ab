//! The newest exchanges, and the connections that they rode on, within their limits.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::connection::Connection;
use crate::exchange::Kept;

/// The newest exchanges, in the order in which they ended.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    exchanges: VecDeque<(Arc<Kept>, usize)>,
    /// What they take.
    pub(crate) bytes: usize,
    /// How many there have been.
    pub(crate) seen: u64,
    pub(crate) dropped: u64,
}

impl Ring {
    /// Keeps an exchange; the oldest go while there are too many, or they take too much. One of those is given back.
    pub(crate) fn push(
        &mut self,
        mut kept: Kept,
        exchanges_max: usize,
        bytes_max: usize,
    ) -> (Arc<Kept>, Option<Arc<Kept>>) {
        self.seen += 1;
        kept.seq = self.seen;
        let cost = kept.cost_bytes();
        let kept = Arc::new(kept);
        self.bytes += cost;
        self.exchanges.push_back((Arc::clone(&kept), cost));
        let mut forgotten = None;
        while self.exchanges.len() > exchanges_max || (self.bytes > bytes_max && !self.exchanges.is_empty()) {
            forgotten = self.forget_oldest();
        }
        (kept, forgotten)
    }

    /// Forgets the oldest until the rest takes no more than this.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.forget_oldest().is_some() {}
    }

    fn forget_oldest(&mut self) -> Option<Arc<Kept>> {
        let (kept, cost) = self.exchanges.pop_front()?;
        self.bytes -= cost;
        self.dropped += 1;
        Some(kept)
    }

    /// From the newest to the oldest.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &Arc<Kept>> {
        self.exchanges.iter().rev().map(|(kept, _)| kept)
    }

    pub(crate) fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Forgets all of them, but not how many there have been.
    pub(crate) fn clear(&mut self) {
        self.dropped += self.exchanges.len() as u64;
        self.exchanges.clear();
        self.bytes = 0;
    }
}

/// The connections that are known.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: BTreeMap<u64, Arc<Connection>>,
    closed: VecDeque<Arc<Connection>>,
    pub(crate) open_count: u64,
    pub(crate) seen: u64,
}

impl Connections {
    pub(crate) fn open(&mut self, connection: Arc<Connection>, connections_max: usize) {
        self.seen += 1;
        self.open_count += 1;
        self.open.insert(connection.id, connection);
        self.trim(connections_max);
    }

    /// A connection has ended. One that never got as far as HTTP is heard of only now.
    pub(crate) fn close(&mut self, connection: Arc<Connection>, was_open: bool, connections_max: usize) {
        if was_open {
            self.open_count -= 1;
        } else {
            self.seen += 1;
        }
        self.open.remove(&connection.id);
        self.closed.push_back(connection);
        self.trim(connections_max);
    }

    fn trim(&mut self, connections_max: usize) {
        while self.open.len() + self.closed.len() > connections_max {
            if self.closed.pop_front().is_none() && self.open.pop_first().is_none() {
                break;
            }
        }
    }

    /// Forgets the oldest that has ended; false if none is left.
    pub(crate) fn forget_closed(&mut self) -> bool {
        self.closed.pop_front().is_some()
    }

    pub(crate) fn get(&self, id: u64) -> Option<Arc<Connection>> {
        let closed = || self.closed.iter().rev().find(|connection| connection.id == id);
        self.open.get(&id).or_else(closed).cloned()
    }

    /// All that are known, from the newest.
    pub(crate) fn newest_first(&self) -> Vec<Arc<Connection>> {
        let mut all: Vec<_> = self.open.values().chain(&self.closed).cloned().collect();
        all.sort_by_key(|connection| std::cmp::Reverse(connection.id));
        all
    }

    /// Those that are open, from the newest.
    pub(crate) fn open_first(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.open.values().rev()
    }
}
