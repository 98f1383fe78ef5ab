//! What passes on a connection that requests are sent on, shown to whoever watches the bytes.

use wirelight_proto::{Connection, ConnectionError, Event, Part};

use super::super::link::Turn;
use super::super::tap::unshown;
use super::Requests;
use super::exchange::Exchange;
use crate::observe::{Way, Wire};
use crate::{Observer, Transport};

impl<T: Transport, E: Connection + Unpin> Requests<T, E> {
    fn watcher(&self) -> Option<&dyn Observer> {
        self.context.observer.as_deref().filter(|observer| observer.wants_bytes())
    }

    /// Whether anybody wants what arrives.
    pub(super) fn is_heard(&self) -> bool {
        let awaits = |exchange: &Exchange| exchange.heads.is_some() && !exchange.answered;
        self.watcher().is_some() || self.exchanges.iter().any(awaits) || self.waiting.iter().any(awaits)
    }

    /// Shows what the engine has consumed: with the event that came of it, or frame by frame.
    pub(super) fn show_received(&self, event: &Result<Option<Event>, ConnectionError>, turn: &mut Turn) {
        let frames = self.link.engine.is_multiplexed();
        if !frames && matches!(event, Ok(None)) {
            return;
        }
        let Some(bytes) = turn.input.watched() else { return };
        let wire = match event {
            _ if frames => Wire::FramesReceived,
            Ok(Some(Event::Received(_, Part::Response(..) | Part::Interim(_)))) | Err(_) => Wire::HeadReceived,
            _ => Wire::ContentReceived,
        };
        if bytes.is_empty() {
            return;
        }
        let heads = self.exchanges.first().and_then(|exchange| exchange.heads.as_ref());
        if let Some(heads) = heads.filter(|_| wire == Wire::HeadReceived) {
            heads.note(Way::Received, turn.now, &bytes);
        }
        if let Some(observer) = self.watcher() {
            observer.bytes(&self.connection, if frames { 0 } else { self.number }, wire, &bytes);
        }
    }

    /// Shows what was appended to the output since it was `from` bytes long, where it is a message of its own.
    pub(super) fn show_sent(&self, wire: Wire, from: usize, exchange: &Exchange, turn: &Turn) {
        if self.link.engine.is_multiplexed() {
            return;
        }
        let bytes = turn.out.appended(from);
        if let Some(heads) = exchange.heads.as_ref().filter(|_| wire == Wire::HeadSent) {
            heads.note(Way::Sent, turn.now, bytes);
        }
        if let Some(observer) = self.watcher().filter(|_| !bytes.is_empty()) {
            observer.bytes(&self.connection, self.number, wire, bytes);
        }
    }

    /// Shows the frames that are about to leave and were not shown yet.
    pub(super) fn show_frames(&self, turn: &Turn) {
        if let Some(observer) = self.watcher()
            && self.link.engine.is_multiplexed()
        {
            unshown(self.shown, turn, |bytes| observer.bytes(&self.connection, 0, Wire::FramesSent, bytes));
        }
    }
}
