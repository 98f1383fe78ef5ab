//! What passes on a connection, shown to whoever watches the bytes: messages as they are, or frames.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wirelight_proto::outgoing::End;
use wirelight_proto::{Connection, ConnectionError, Event, Part};
use wirelight_service::Service;

use super::Context;
use super::exchange::RawHead;
use super::link::Turn;
use super::serve::Serve;
use crate::Transport;
use crate::observe::{ConnectionInfo, Watcher, Wire};

/// What a connection keeps for whoever watches its bytes.
pub(super) struct Watched {
    watcher: Option<Box<dyn Watcher>>,
    /// What was consumed without an event yet.
    pub(super) seen: Vec<u8>,
    /// How much of what waits to leave was shown to whoever watches frames.
    pub(super) shown: usize,
    /// When the first byte that belongs to no request yet was there.
    pub(super) first_in: Option<Instant>,
}

impl Watched {
    /// Begins to watch a connection, if anybody wants its bytes.
    pub(super) fn begin(context: &Context, connection: &Arc<ConnectionInfo>) -> Option<Box<Self>> {
        let watcher = context.observer.as_ref().and_then(|observer| observer.watch(connection));
        let wants_bytes = context.observer.as_ref().is_some_and(|observer| observer.wants_bytes());
        let watched = watcher.is_some() || wants_bytes || context.config.raw_head;
        watched.then(|| Box::new(Self { watcher, seen: Vec::new(), shown: 0, first_in: None }))
    }

    /// Whoever watches this connection alone.
    pub(super) fn watcher(&self) -> Option<&dyn Watcher> {
        self.watcher.as_deref()
    }
}

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// Shows what the engine has consumed: with the event that came of it, or frame by frame.
    pub(super) fn show_received(&self, event: &mut Result<Option<Event>, ConnectionError>, turn: &mut Turn) {
        let frames = self.link.engine.is_multiplexed();
        if !frames && matches!(event, Ok(None)) {
            return;
        }
        let now = turn.now;
        let Some(bytes) = turn.input.watched() else { return };
        match event {
            _ if frames => self.tell(0, Wire::FramesReceived, now, &bytes),
            Ok(Some(Event::Received(_, part))) => self.show_part(part, now, &bytes),
            Err(_) => {
                // What could not be read was not consumed.
                let mut bytes = bytes.into_owned();
                bytes.extend_from_slice(turn.input.bytes());
                let (number, wire) = match self.exchanges.is_empty() {
                    true => (self.number + 1, Wire::HeadReceived),
                    false => (self.number, Wire::ContentReceived),
                };
                self.tell(number, wire, now, &bytes);
            }
            Ok(_) => {}
        }
    }

    fn show_part(&self, part: &mut Part, now: Instant, bytes: &[u8]) {
        let (number, wire) = match part {
            Part::Request(..) => (self.number + 1, Wire::HeadReceived),
            _ => (self.number, Wire::ContentReceived),
        };
        self.tell(number, wire, now, bytes);
        if let Part::Request(parts, _) = part
            && self.context.config.raw_head
        {
            parts.extensions.insert(RawHead(Bytes::copy_from_slice(bytes)));
        }
    }

    /// Shows what was appended to the output since `from`, where it is a message of its own.
    pub(super) fn show_sent(&self, wire: Wire, from: End, turn: &Turn) {
        if self.watched.is_some() && !self.link.engine.is_multiplexed() {
            turn.out.appended_since(from).for_each(|piece| self.tell(self.number, wire, turn.now, piece));
        }
    }

    /// Shows the frames that are about to leave and were not shown yet.
    pub(super) fn show_frames(&self, turn: &Turn) {
        let Some(watched) = self.watched.as_ref().filter(|_| self.link.engine.is_multiplexed()) else { return };
        let now = self.context.clock.now();
        unshown(watched.shown, turn, |bytes| self.tell(0, Wire::FramesSent, now, bytes));
    }

    fn tell(&self, number: u64, wire: Wire, at: Instant, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if let Some(watcher) = self.watcher() {
            watcher.bytes(number, wire, at, bytes);
        }
        if let Some(observer) = self.context.observer.as_deref().filter(|observer| observer.wants_bytes()) {
            observer.bytes(&self.connection, number, wire, bytes);
        }
    }
}

impl<T, E, S> Serve<T, E, S> {
    /// Whoever watches this connection alone.
    pub(super) fn watcher(&self) -> Option<&dyn Watcher> {
        self.watched.as_ref()?.watcher()
    }
}

/// Tells of what waits to leave, but for its first `shown` bytes.
pub(super) fn unshown(mut shown: usize, turn: &Turn, mut tell: impl FnMut(&[u8])) {
    for piece in turn.out.pieces() {
        let seen = shown.min(piece.len());
        shown -= seen;
        if seen < piece.len() {
            tell(&piece[seen..]);
        }
    }
}
