//! What passes on a connection that requests are sent on, shown to whoever watches the bytes.

use wirelight_proto::{Connection, ConnectionError, Event, Part};

use super::super::link::Turn;
use super::super::tap::unshown;
use super::Requests;
use crate::observe::Wire;
use crate::{Observer, Transport};

impl<T: Transport, E: Connection + Unpin> Requests<T, E> {
    fn watcher(&self) -> Option<&dyn Observer> {
        self.context.observer.as_deref().filter(|observer| observer.wants_bytes())
    }

    /// Shows what the engine has consumed: with the event that came of it, or frame by frame.
    pub(super) fn show_received(&self, event: &Result<Option<Event>, ConnectionError>, turn: &mut Turn) {
        let frames = self.link.engine.is_multiplexed();
        if !frames && matches!(event, Ok(None)) {
            return;
        }
        let (Some(observer), Some(bytes)) = (self.watcher(), turn.input.watched()) else { return };
        let wire = match event {
            _ if frames => Wire::FramesReceived,
            Ok(Some(Event::Received(_, Part::Response(..) | Part::Interim(_)))) | Err(_) => Wire::HeadReceived,
            _ => Wire::ContentReceived,
        };
        if !bytes.is_empty() {
            observer.bytes(&self.connection, if frames { 0 } else { self.number }, wire, &bytes);
        }
    }

    /// Shows what was appended to the output since it was `from` bytes long, where it is a message of its own.
    pub(super) fn show_sent(&self, wire: Wire, from: usize, turn: &Turn) {
        if let Some(observer) = self.watcher()
            && !self.link.engine.is_multiplexed()
        {
            let bytes = turn.out.appended(from);
            if !bytes.is_empty() {
                observer.bytes(&self.connection, self.number, wire, bytes);
            }
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
