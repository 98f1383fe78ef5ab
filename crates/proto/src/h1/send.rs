//! The sending half: from parts to bytes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, request, response};

use super::connection::{Connection, Receiving, Sending};
use super::encode::{self, Persist, WithHost};
use super::exchange::{Asked, Closing, Exchange};
use super::length::{self, Field, Framing};
use crate::{Length, Outgoing, Part, Role, SendError, StreamId};

impl Connection {
    #[inline]
    pub(super) fn send_part(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        self.may_send(stream)?;
        match (part, self.role) {
            (Part::Response(parts, length), Role::Server) => self.send_final(&parts, length, out),
            (Part::Content(content), _) => self.send_content(content, out),
            (Part::End(trailers), _) => self.send_end(Some(&trailers), out),
            (Part::Interim(parts), Role::Server) => self.send_interim(&parts, out),
            (Part::Request(parts, length), Role::Client) => self.send_request(&parts, length, out),
            _ => Err(SendError::OutOfOrder),
        }
    }

    /// The end of a message that has no trailers.
    #[inline]
    pub(super) fn send_bare_end(&mut self, stream: StreamId, out: &mut Outgoing) -> Result<(), SendError> {
        self.may_send(stream)?;
        self.send_end(None, out)
    }

    /// The head of the final response, from where it lies.
    #[inline]
    pub(super) fn send_head(
        &mut self,
        stream: StreamId,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.may_send(stream)?;
        match self.role {
            Role::Server => self.send_final(parts, length, out),
            Role::Client => Err(SendError::OutOfOrder),
        }
    }

    /// The head of a request, from where it lies.
    #[inline]
    pub(super) fn send_asked(
        &mut self,
        stream: StreamId,
        parts: &request::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.may_send(stream)?;
        match self.role {
            Role::Client => self.send_request(parts, length, out),
            Role::Server => Err(SendError::OutOfOrder),
        }
    }

    #[inline]
    fn may_send(&self, stream: StreamId) -> Result<(), SendError> {
        if self.over {
            return Err(SendError::Closing);
        }
        if !self.is_current(stream) {
            return Err(SendError::NoSuchStream);
        }
        Ok(())
    }

    /// An interim response; one that the client cannot read is left out, and so is 100 for content that has come.
    fn send_interim(&mut self, parts: &response::Parts, out: &mut Outgoing) -> Result<(), SendError> {
        if self.sending != Sending::Head || self.failed {
            return Err(SendError::OutOfOrder);
        }
        if !parts.status.is_informational() || parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::Invalid);
        }
        let awaited = std::mem::take(&mut self.exchange.awaits_continue);
        if parts.status != StatusCode::CONTINUE {
            self.exchange.awaits_continue = awaited;
        } else if !awaited && self.exchange.expects_continue {
            return Ok(());
        }
        if self.exchange.old {
            return Ok(());
        }
        let out = out.buffer();
        let start = out.len();
        encode::status_line(out, parts.status);
        let own = encode::fields(out, &parts.headers, &parts.extensions, WithHost::Field);
        out.extend_from_slice(b"\r\n");
        own.map(|_| ()).inspect_err(|_| out.truncate(start))
    }

    fn send_final(&mut self, parts: &response::Parts, length: Length, out: &mut Outgoing) -> Result<(), SendError> {
        if self.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        let out = out.buffer();
        let start = out.len();
        let sent = self.write_response(parts, length, out);
        if sent.is_err() {
            out.truncate(start);
        }
        sent
    }

    /// Writes a head; after an error the caller forgets what was written.
    fn write_response(&mut self, parts: &response::Parts, length: Length, out: &mut Vec<u8>) -> Result<(), SendError> {
        encode::status_line(out, parts.status);
        let own = encode::fields(out, &parts.headers, &parts.extensions, WithHost::Field)?;
        if parts.status.is_informational() {
            // 101 (Switching Protocols) must have been offered and must say to what.
            if parts.status != StatusCode::SWITCHING_PROTOCOLS || !self.exchange.upgrade || !own.upgrade {
                return Err(SendError::Invalid);
            }
            encode::end_of_head(out, Field::Absent, Persist::Silent, &own, &parts.headers);
            self.switch();
            return Ok(());
        }
        let Exchange { asked, old, .. } = self.exchange;
        let sent = length::to_response(asked, old, parts.status, length, own.length)?;
        if asked == Asked::Connect && parts.status.is_success() {
            encode::end_of_head(out, sent.field, Persist::Silent, &own, &parts.headers);
            self.switch();
            return Ok(());
        }
        self.decide_to_close(sent.framing, own.close);
        let persist = match self.closing {
            Some(_) => Persist::Close,
            None if old => Persist::KeepAlive,
            None => Persist::Silent,
        };
        encode::end_of_head(out, sent.field, persist, &own, &parts.headers);
        self.sending = Sending::Content(sent.framing);
        Ok(())
    }

    /// Notes every reason of this side to close after the response whose head is about to go out.
    fn decide_to_close(&mut self, framing: Framing, asked_to: bool) {
        let unread = !matches!(self.receiving, Receiving::Ended | Receiving::Known(0));
        let closing = match self.exchange.asked {
            _ if asked_to => Closing::WeAsked,
            _ if framing == Framing::UntilClose => Closing::Delimiter,
            _ if self.shutting_down => Closing::ShuttingDown,
            _ if self.stream + 1 >= self.config.exchanges_max => Closing::Exchanges,
            _ if self.exchange.awaits_continue && unread => Closing::Expectation,
            Asked::Connect => Closing::TunnelRefused,
            Asked::Content | Asked::Head => return,
        };
        self.close(closing);
    }

    fn switch(&mut self) {
        self.closing = None;
        self.switching = true;
        self.sending = Sending::Ended;
    }

    fn send_request(&mut self, parts: &request::Parts, length: Length, out: &mut Outgoing) -> Result<(), SendError> {
        if self.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        let out = out.buffer();
        let start = out.len();
        let sent = self.write_request(parts, length, out);
        if sent.is_err() {
            out.truncate(start);
        }
        sent
    }

    /// Writes a head; after an error the caller forgets what was written.
    fn write_request(&mut self, parts: &request::Parts, length: Length, out: &mut Vec<u8>) -> Result<(), SendError> {
        encode::request_line(out, parts)?;
        let own = encode::fields(out, &parts.headers, &parts.extensions, WithHost::Written)?;
        let sent = length::to_request(&parts.method, length, own.length)?;
        let old = parts.version == Version::HTTP_10;
        if old && sent.framing == Framing::Chunked {
            // HTTP/1.0 knows no chunks, and only a length can end the content of a request.
            return Err(SendError::Invalid);
        }
        if own.close || old {
            self.close(Closing::WeAsked);
        }
        if self.stream + 1 >= self.config.exchanges_max {
            self.close(Closing::Exchanges);
        }
        let persist = if self.closing.is_some() { Persist::Close } else { Persist::Silent };
        encode::end_of_head(out, sent.field, persist, &own, &parts.headers);
        self.exchange = Exchange { asked: Asked::by(&parts.method), upgrade: own.upgrade, ..Exchange::UNKNOWN };
        self.sending = Sending::Content(sent.framing);
        Ok(())
    }

    #[inline]
    fn send_content(&mut self, content: Bytes, out: &mut Outgoing) -> Result<(), SendError> {
        let Sending::Content(framing) = self.sending else { return Err(SendError::OutOfOrder) };
        if content.is_empty() {
            return Ok(());
        }
        match framing {
            // The response to HEAD is what the response to GET would be, without its content.
            Framing::Absent if self.exchange.asked == Asked::Head => {}
            Framing::Absent => return Err(SendError::WrongLength),
            Framing::Known(left) => {
                let left = left.checked_sub(content.len() as u64).ok_or(SendError::WrongLength)?;
                self.sending = Sending::Content(Framing::Known(left));
                out.push(content);
            }
            Framing::Chunked => {
                encode::chunk_size(out.buffer(), content.len());
                out.push(content);
                out.buffer().extend_from_slice(b"\r\n");
            }
            Framing::UntilClose => out.push(content),
        }
        Ok(())
    }

    #[inline]
    fn send_end(&mut self, trailers: Option<&HeaderMap>, out: &mut Outgoing) -> Result<(), SendError> {
        match self.sending {
            Sending::Content(Framing::Known(1..)) => return Err(SendError::WrongLength),
            Sending::Content(Framing::Chunked) => {
                let out = out.buffer();
                let start = out.len();
                out.extend_from_slice(b"0\r\n");
                if let Some(trailers) = trailers {
                    encode::trailers(out, trailers).inspect_err(|_| out.truncate(start))?;
                }
                out.extend_from_slice(b"\r\n");
            }
            Sending::Content(_) => {}
            _ => return Err(SendError::OutOfOrder),
        }
        self.sending = Sending::Ended;
        self.settle();
        Ok(())
    }
}
