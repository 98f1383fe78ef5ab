//! Edge-triggered readiness: as little as a loop over many sockets needs.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::{Errno, Result};

/// How many events are taken at once.
const EVENTS_MAX: usize = 512;

/// Waits until sockets can be read or written; each change is told once.
pub struct Poll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Poll {
    /// A poll that watches nothing yet.
    pub fn new() -> Result<Self> {
        let nothing = Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: vec![nothing; EVENTS_MAX] })
    }

    /// Watches a socket, under a key, until it is closed.
    pub fn watch(&self, socket: impl AsFd, key: usize) -> Result<()> {
        epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(key as u64),
            EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        )
    }

    /// Watches a listening socket: connections that wait there are told again and again.
    pub fn watch_listener(&self, socket: impl AsFd, key: usize) -> Result<()> {
        epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), EventFlags::IN)
    }

    /// Waits for changes, at most `timeout`; how many there are.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<usize> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        match epoll::wait(&self.epoll, self.events.as_mut_slice(), timeout.as_ref()) {
            Err(Errno::INTR) => Ok(0),
            waited => waited,
        }
    }

    /// The key of change `index` of the last wait.
    pub fn key(&self, index: usize) -> usize {
        let Event { data, .. } = self.events[index];
        data.u64() as usize
    }
}
