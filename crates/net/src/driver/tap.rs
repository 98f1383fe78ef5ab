//! What passes on a connection, shown to whoever watches the bytes: messages as they are, or frames.

use wirelight_proto::{Connection, ConnectionError, Event, Part};
use wirelight_service::Service;

use super::exchange::RawHead;
use super::link::Turn;
use super::serve::Serve;
use crate::observe::Wire;
use crate::{Observer, Transport};

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// Shows what the engine has consumed: with the event that came of it, or frame by frame.
    pub(super) fn show_received(&self, event: &mut Result<Option<Event>, ConnectionError>, turn: &mut Turn) {
        let frames = self.link.engine.is_multiplexed();
        if !frames && !matches!(event, Ok(Some(_))) {
            return;
        }
        let Some(bytes) = turn.input.watched() else { return };
        if frames {
            self.tell(0, Wire::FramesReceived, &bytes);
        } else if let Ok(Some(Event::Received(_, part))) = event {
            self.show_part(part, bytes);
        }
    }

    fn show_part(&self, part: &mut Part, bytes: Vec<u8>) {
        let (number, wire) = match part {
            Part::Request(..) => (self.number + 1, Wire::HeadReceived),
            _ => (self.number, Wire::ContentReceived),
        };
        self.tell(number, wire, &bytes);
        if let Part::Request(parts, _) = part
            && self.context.config.raw_head
        {
            parts.extensions.insert(RawHead(bytes.into()));
        }
    }

    /// Shows what was appended to the output since it was `from` bytes long, where it is a message of its own.
    pub(super) fn show_sent(&self, wire: Wire, from: usize, turn: &Turn) {
        if self.watcher().is_some() && !self.link.engine.is_multiplexed() {
            self.tell(self.number, wire, turn.out.appended(from));
        }
    }

    /// Shows the frames that are about to leave and were not shown yet.
    pub(super) fn show_frames(&self, turn: &Turn) {
        if self.watcher().is_none() || !self.link.engine.is_multiplexed() {
            return;
        }
        unshown(self.shown, turn, |bytes| self.tell(0, Wire::FramesSent, bytes));
    }

    fn tell(&self, number: u64, wire: Wire, bytes: &[u8]) {
        if let Some(observer) = self.watcher()
            && !bytes.is_empty()
        {
            observer.bytes(&self.connection, number, wire, bytes);
        }
    }

    fn watcher(&self) -> Option<&dyn Observer> {
        self.context.observer.as_deref().filter(|observer| observer.wants_bytes())
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
