//! What was found lately, kept in bounded memory and looked at again before it can be old.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::resource::Resource;

/// How much is kept, and for how long without a look.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Files up to this many bytes are kept in memory; larger ones are read each time. 128 KiB:
    /// what is longer, the system sends from the file.
    pub file_bytes_max: u64,
    /// All of them together take at most this many bytes; 0 keeps none. 64 MiB.
    pub bytes_max: u64,
    /// At most so many paths are remembered. 4096.
    pub entries_max: usize,
    /// What was found is looked at again after this long, so that a change shows that late at the latest. 1 s.
    pub recheck: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { file_bytes_max: 128 << 10, bytes_max: 64 << 20, entries_max: 4096, recheck: Duration::from_secs(1) }
    }
}

/// What is remembered of one path.
#[derive(Debug)]
struct Entry {
    resource: Arc<Resource>,
    checked: Instant,
    /// Whether it was asked for since it was last up for eviction.
    wanted: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<Box<[u8]>, Entry>,
    /// The paths in the order of their eviction; those asked for in between get another turn.
    order: VecDeque<Box<[u8]>>,
    bytes: u64,
}

/// Resources by path. Paths are plain and decoded, so that no two of them name the same place.
#[derive(Debug)]
pub(super) struct Memory {
    limits: Limits,
    state: RwLock<State>,
}

/// What memory says of a path.
#[derive(Debug)]
pub(super) enum Recalled {
    /// It was looked at so recently that it counts as current, until a moment.
    Current(Arc<Resource>, Instant),
    /// It must be looked at again.
    Old(Arc<Resource>),
    /// Nothing.
    Unknown,
}

impl Memory {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: RwLock::default() }
    }

    /// What is known of `path` at this moment.
    pub(super) fn recall(&self, path: &[u8], now: Instant) -> Recalled {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = state.entries.get(path) else {
            return Recalled::Unknown;
        };
        if !entry.wanted.load(Ordering::Relaxed) {
            entry.wanted.store(true, Ordering::Relaxed);
        }
        let resource = Arc::clone(&entry.resource);
        if now.saturating_duration_since(entry.checked) < self.limits.recheck {
            Recalled::Current(resource, entry.checked + self.limits.recheck)
        } else {
            Recalled::Old(resource)
        }
    }

    /// Remembers what was found at `path`, and forgets what was not asked for lately to make room.
    pub(super) fn keep(&self, path: &[u8], resource: Arc<Resource>, now: Instant) {
        let bytes = resource.memory_bytes();
        if bytes > self.limits.bytes_max || self.limits.entries_max == 0 {
            return self.forget(path);
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.bytes += bytes;
        let entry = Entry { resource, checked: now, wanted: AtomicBool::new(false) };
        match state.entries.insert(path.into(), entry) {
            Some(old) => {
                state.bytes -= old.resource.memory_bytes();
                if let Some(entry) = state.entries.get(path) {
                    entry.wanted.store(true, Ordering::Relaxed);
                }
            }
            None => state.order.push_back(path.into()),
        }
        while state.bytes > self.limits.bytes_max || state.entries.len() > self.limits.entries_max {
            state.evict();
        }
    }

    /// Forgets what was found at `path`.
    pub(super) fn forget(&self, path: &[u8]) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = state.entries.remove(path) {
            state.bytes -= old.resource.memory_bytes();
            state.order.retain(|kept| **kept != *path);
        }
    }
}

impl State {
    /// Forgets the path that is next in the order and was not asked for since its last turn.
    fn evict(&mut self) {
        while let Some(path) = self.order.pop_front() {
            match self.entries.get(&path) {
                Some(entry) if entry.wanted.swap(false, Ordering::Relaxed) => self.order.push_back(path),
                Some(_) => {
                    if let Some(old) = self.entries.remove(&path) {
                        self.bytes -= old.resource.memory_bytes();
                    }
                    return;
                }
                None => {}
            }
        }
    }
}
