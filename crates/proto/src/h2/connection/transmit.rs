//! What leaves, and in which order.

use super::{Connection, Pending};
use crate::h2::abuse::Nuisance;
use crate::h2::fault::Code;
use crate::h2::frame::{Head, PAYLOAD_DEFAULT_MAX, RstStream, flag, kind};
use crate::h2::message;
use crate::h2::stream::{Receiving, Sending};
use crate::h2::streams::ResetBy;
use crate::{Outgoing, Role};

impl Connection {
    /// Moves control frames and then content into the output, while that has room.
    pub(super) fn transmit(&mut self, out: &mut Outgoing) {
        let room = self.config.transmit_bytes_max;
        if out.len() < room || self.over {
            self.flush(out);
        }
        while out.len() < room && self.send_window.available() > 0 {
            let Some(stream) = self.schedule.next() else { break };
            self.emit(stream, out);
        }
        if !self.timers.looks() && self.streams.iter_mut().any(|stream| !stream.queue.is_empty()) {
            self.timers.look(self.now, &self.config);
        }
    }

    /// Moves control frames out, so that whatever is written next comes behind them.
    #[inline]
    pub(super) fn flush(&mut self, out: &mut Outgoing) {
        if !self.control.is_empty() {
            out.buffer().extend_from_slice(&self.control);
            self.control.clear();
            if self.unacknowledged > 0 {
                self.timers.settings_left(self.now, &self.config);
            }
        }
    }

    /// Whether the rest of a stream may leave at once, because nothing else waits and all of it fits one frame.
    #[inline]
    pub(super) fn may_overtake(&self, id: u32, out: &Outgoing) -> bool {
        let Some(stream) = self.streams.get(id) else { return false };
        let length = stream.queue.length();
        self.schedule.is_only(id)
            && length <= PAYLOAD_DEFAULT_MAX
            && length <= stream.send_window.available()
            && length <= self.send_window.available()
            && out.len() < self.config.transmit_bytes_max
    }

    /// Writes one frame of a stream's content, and what ends the stream where that is all.
    #[inline]
    pub(super) fn emit(&mut self, id: u32, out: &mut Outgoing) {
        let Some(stream) = self.streams.get_mut(id) else { return self.schedule.remove(id) };
        let length = stream
            .queue
            .length()
            .min(stream.send_window.available())
            .min(self.send_window.available())
            .min(self.announced.frame_bytes_max)
            .min(PAYLOAD_DEFAULT_MAX);
        let last = stream.sending == Sending::Ending && length == stream.queue.length();
        let ends = last && stream.trailers.is_none();
        if length > 0 || ends {
            let flags = if ends { flag::END_STREAM } else { 0 };
            let head = Head { length, kind: kind::DATA, flags, stream: id };
            out.buffer().extend_from_slice(&head.octets());
            stream.queue.write(length, out);
            stream.send_window.spend(length);
            self.send_window.spend(length);
            stream.progress = stream.progress.saturating_add(length as u32);
            self.progress = self.progress.saturating_add(length as u32);
            self.abuse.earn(Nuisance::WindowUpdate, 4);
        }
        if last {
            stream.sending = Sending::Ended;
            if let Some(trailers) = stream.trailers.take() {
                let encoder = &mut self.encoder;
                message::block(id, true, self.announced.frame_bytes_max, out.buffer(), |out| {
                    message::trailers(&trailers, encoder, out);
                });
            }
        }
        if stream.ready && !stream.can_send() {
            stream.ready = false;
            self.schedule.remove(id);
        }
        if last {
            self.end_sending(id);
        } else {
            self.feed(id);
        }
    }

    /// Tells an application that found no room of the room that there is now.
    fn feed(&mut self, id: u32) {
        let queue_bytes_max = self.config.queue_bytes_max;
        if let Some(stream) = self.streams.get_mut(id)
            && stream.starved
            && stream.capacity(queue_bytes_max) > 0
        {
            stream.starved = false;
            self.pending.push_back(Pending::Writable(id));
        }
    }

    /// A stream's window was changed by its peer.
    pub(super) fn window_opened(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(id) else { return };
        match (stream.ready, stream.can_send() && !stream.queue.is_empty()) {
            (false, true) => {
                stream.ready = true;
                self.schedule.add(id, stream.priority);
            }
            (true, false) => {
                stream.ready = false;
                self.schedule.remove(id);
            }
            _ => {}
        }
        self.feed(id);
    }

    /// This end has ended its half of a stream. A server needs no more of the request then (RFC 9113, section 8.1).
    #[inline]
    pub(super) fn end_sending(&mut self, id: u32) {
        let Some(stream) = self.streams.get(id) else { return };
        let (receiving, tunnel) = (stream.receiving, stream.tunnel);
        if receiving == Receiving::Ended {
            if let Some(stream) = self.streams.remove(id) {
                self.closed(&stream);
            }
        } else if self.role == Role::Server && !tunnel {
            RstStream { stream: id, code: Code::NO_ERROR }.write(&mut self.control);
            self.close(id);
            self.streams.remember(id, ResetBy::Us);
            self.pending.push_back(Pending::Reset(id, Code::NO_ERROR));
        }
    }
}
