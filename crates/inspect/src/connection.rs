//! A connection that is watched: what is under way on it, and how it ended.

use std::cmp::Ordering;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use wirelight_net::ConnectionInfo;
use wirelight_net::tls::Secured;
use wirelight_semantics::decision::Rule;
use wirelight_service::Trail;

use crate::content::Flow;
use crate::frames::Frames;
use crate::pieces::Pieces;
use crate::spare::{self, Spare};

/// A connection counts as holding so much at least, so that a short exchange need not be counted for itself.
pub(crate) const SLACK_BYTES: usize = 1024;

/// A connection that is or was watched.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) id: u64,
    pub(crate) peer: Option<String>,
    pub(crate) secured: Option<Box<Secured>>,
    pub(crate) opened: u64,
    pub(crate) opened_at: SystemTime,
    /// Where what it holds is counted, for as long as it is known to anybody.
    account: Arc<AtomicUsize>,
    state: Mutex<State>,
}

/// What changes on a connection.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) exchanges: u64,
    pub(crate) underway: Vec<Underway>,
    /// There once frames have passed.
    pub(crate) frames: Option<Box<Frames>>,
    pub(crate) closed: Option<Closed>,
    /// What of it was counted last.
    counted: usize,
}

/// An exchange under way.
#[derive(Debug)]
pub(crate) struct Underway {
    pub(crate) number: u64,
    /// Where there are many on the connection; then its frames are with those of the connection.
    pub(crate) stream: Option<u32>,
    pub(crate) first_in: Option<u64>,
    pub(crate) at: u64,
    pub(crate) pieces: Pieces,
    pub(crate) received: Flow,
    pub(crate) sent: Flow,
    /// What its trail is to be made of; nobody's once that was asked for.
    pub(crate) trail: Trail,
}

/// How a connection ended.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) at: SystemTime,
    pub(crate) outcome: String,
    pub(crate) because: String,
    pub(crate) otherwise: Option<String>,
    pub(crate) declines: bool,
    /// Absent where only words are known.
    pub(crate) rule: Option<&'static Rule>,
}

impl Connection {
    pub(crate) fn new(
        id: u64,
        info: &ConnectionInfo,
        opened: u64,
        opened_at: SystemTime,
        account: Arc<AtomicUsize>,
    ) -> Self {
        let peer = info.peer.as_ref().map(ToString::to_string);
        Self { id, peer, secured: info.secured.clone(), opened, opened_at, account, state: Mutex::default() }
    }

    /// What an exchange that was read from a file rode on.
    pub(crate) fn imported(opened_at: SystemTime) -> Self {
        let account = Arc::default();
        Self { id: 0, peer: None, secured: None, opened: 0, opened_at, account, state: Mutex::default() }
    }

    /// Counts what it holds anew; true if that has become more.
    pub(crate) fn recount(&self, state: &mut State) -> bool {
        let least = if state.closed.is_some() { 0 } else { SLACK_BYTES };
        let held = self.fixed_bytes() + state.held_bytes().max(least);
        let before = std::mem::replace(&mut state.counted, held);
        match held.cmp(&before) {
            Ordering::Greater => self.account.fetch_add(held - before, Relaxed),
            Ordering::Less => self.account.fetch_sub(before - held, Relaxed),
            Ordering::Equal => return false,
        };
        held > before
    }

    /// What is under way on it. Nothing that is kept is ever half changed, so a panic elsewhere spoils nothing.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it takes in memory but for what is under way on it.
    pub(crate) fn fixed_bytes(&self) -> usize {
        size_of::<Self>()
            + self.peer.as_ref().map_or(0, String::capacity)
            + self.secured.as_ref().map_or(0, |_| size_of::<Secured>() + 16)
    }

    /// The version of HTTP on it, as far as it can be told.
    pub(crate) fn protocol(&self) -> Option<&'static str> {
        let state = self.state();
        match (&state.frames, state.exchanges) {
            (Some(_), _) => Some("HTTP/2"),
            (None, 0) => None,
            (None, _) => Some("HTTP/1.1"),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let counted = self.state().counted;
        self.account.fetch_sub(counted, Relaxed);
    }
}

impl State {
    /// What is held of exchanges under way, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        let underway = self.underway.iter();
        let messages: usize = underway.map(|each| size_of::<Underway>() + each.pieces.cost_bytes()).sum();
        messages + self.frames.as_ref().map_or(0, |frames| frames.held_bytes())
    }

    /// The exchange of this number, begun if it is new.
    pub(crate) fn of(&mut self, number: u64, at: u64) -> &mut Underway {
        let place = self.underway.iter().position(|each| each.number == number);
        let place = place.unwrap_or_else(|| {
            let Spare { pieces, trail } = spare::take();
            let (received, sent) = (Flow::default(), Flow::default());
            self.underway.push(Underway { number, stream: None, first_in: None, at, pieces, received, sent, trail });
            self.underway.len() - 1
        });
        &mut self.underway[place]
    }
}
