//! The sending half: from parts to frames.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, request, response};

use super::{Connection, Leaving};
use crate::h2::message;
use crate::h2::stream::{Promised, Sending};
use crate::{Length, Outgoing, Part, Role, SendError};

impl Connection {
    #[inline]
    pub(super) fn send_part(&mut self, id: u32, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        if self.over {
            return Err(SendError::Closing);
        }
        match (part, self.role) {
            (Part::Response(parts, length), Role::Server) => self.send_final(id, &parts, length, out),
            (Part::Content(content), _) => self.send_content(id, content),
            (Part::End(trailers), _) => self.send_end(id, trailers, out),
            (Part::Interim(parts), Role::Server) => self.send_interim(id, &parts, out),
            (Part::Request(parts, length), Role::Client) => self.send_request(id, &parts, length, out),
            _ => Err(SendError::OutOfOrder),
        }
    }

    /// The head of the final response, from where it lies.
    #[inline]
    pub(super) fn send_head(
        &mut self,
        id: u32,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        match self.role {
            _ if self.over => Err(SendError::Closing),
            Role::Server => self.send_final(id, parts, length, out),
            Role::Client => Err(SendError::OutOfOrder),
        }
    }

    #[inline]
    fn send_final(
        &mut self,
        id: u32,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::NoSuchStream)?;
        if stream.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        if parts.status.is_informational() {
            return Err(SendError::Invalid);
        }
        let shape = message::response_shape(parts, length, stream.head_only, stream.tunnel)?;
        stream.sending = Sending::Content;
        stream.tunnel &= parts.status.is_success();
        stream.promised = shape.promised;
        stream.end_is_sent = shape.ends;
        stream.starved = !shape.ends && stream.capacity(self.config.queue_bytes_max) == 0;
        self.flush(out);
        let encoder = &mut self.encoder;
        message::block(id, shape.ends, self.announced.frame_bytes_max, out.buffer(), |out| {
            message::response(parts, shape.content_length, encoder, out);
        });
        Ok(())
    }

    fn send_interim(&mut self, id: u32, parts: &response::Parts, out: &mut Outgoing) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::NoSuchStream)?;
        if stream.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        if !parts.status.is_informational() || parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::Invalid);
        }
        self.flush(out);
        let encoder = &mut self.encoder;
        message::block(id, false, self.announced.frame_bytes_max, out.buffer(), |out| {
            message::response(parts, None, encoder, out);
        });
        Ok(())
    }

    fn send_request(
        &mut self,
        id: u32,
        parts: &request::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::NoSuchStream)?;
        // A stream that is skipped is closed by the one that follows it (RFC 9113, section 5.1.1).
        if stream.sending != Sending::Head || id < self.last_sent {
            return Err(SendError::OutOfOrder);
        }
        if self.leaving != Leaving::No && self.peer_ended {
            return Err(SendError::Closing);
        }
        let shape = message::request_shape(parts, length)?;
        self.flush(out);
        let (encoder, extended_connect) = (&mut self.encoder, self.announced.extended_connect);
        let out = out.buffer();
        let before = out.len();
        let mut written = Ok(());
        message::block(id, shape.ends, self.announced.frame_bytes_max, out, |out| {
            written = message::request(parts, shape.content_length, extended_connect, encoder, out);
        });
        if written.is_err() {
            out.truncate(before);
            return written;
        }
        self.last_sent = id;
        let Some(stream) = self.streams.get_mut(id) else { return Err(SendError::NoSuchStream) };
        stream.sending = Sending::Content;
        stream.head_only = parts.method == Method::HEAD;
        stream.tunnel = parts.method == Method::CONNECT;
        stream.promised = shape.promised;
        stream.end_is_sent = shape.ends;
        stream.starved = !shape.ends && stream.capacity(self.config.queue_bytes_max) == 0;
        Ok(())
    }

    #[inline]
    fn send_content(&mut self, id: u32, content: Bytes) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::NoSuchStream)?;
        if stream.sending != Sending::Content {
            return Err(SendError::OutOfOrder);
        }
        if content.is_empty() {
            return Ok(());
        }
        match &mut stream.promised {
            // The response to HEAD is what the response to GET would be, without its content.
            Promised::Absent if stream.head_only => return Ok(()),
            Promised::Absent => return Err(SendError::WrongLength),
            Promised::Known(left) => {
                *left = left.checked_sub(content.len() as u64).ok_or(SendError::WrongLength)?;
            }
            Promised::Unknown => {}
        }
        stream.queue.push(content);
        stream.starved |= stream.capacity(self.config.queue_bytes_max) == 0;
        if !stream.ready && stream.can_send() {
            stream.ready = true;
            self.schedule.add(id, stream.priority);
        }
        Ok(())
    }

    #[inline]
    fn send_end(&mut self, id: u32, trailers: HeaderMap, out: &mut Outgoing) -> Result<(), SendError> {
        let stream = self.streams.get_mut(id).ok_or(SendError::NoSuchStream)?;
        if stream.sending != Sending::Content {
            return Err(SendError::OutOfOrder);
        }
        if matches!(stream.promised, Promised::Known(1..)) {
            return Err(SendError::WrongLength);
        }
        stream.starved = false;
        if stream.end_is_sent {
            stream.sending = Sending::Ended;
            self.end_sending(id);
            return Ok(());
        }
        stream.sending = Sending::Ending;
        if !trailers.is_empty() && message::has_trailers(&trailers) {
            stream.trailers = Some(Box::new(trailers));
        }
        if stream.queue.is_empty() || self.may_overtake(id, out) {
            self.flush(out);
            self.emit(id, out);
        }
        Ok(())
    }
}
