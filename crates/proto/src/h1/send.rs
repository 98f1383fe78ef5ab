//! The sending half: from parts to bytes.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request, response};

use super::connection::{Connection, Receiving, Sending};
use super::encode::{self, Persist};
use super::exchange::{Asked, Closing, Exchange};
use super::length::{self, Field, Framing};
use crate::{Length, Outgoing, Part, Role, SendError, StreamId};

impl Connection {
    #[inline]
    pub(super) fn send_part(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        if self.over {
            return Err(SendError::Closing);
        }
        if !self.is_current(stream) {
            return Err(SendError::NoSuchStream);
        }
        match (part, self.role) {
            (Part::Response(parts, length), Role::Server) => self.send_response(&parts, length, out),
            (Part::Content(content), _) => self.send_content(content, out),
            (Part::End(trailers), _) => self.send_end(&trailers, out),
            (Part::Interim(parts), Role::Server) => self.send_interim(&parts, out),
            (Part::Request(parts, length), Role::Client) => self.send_request(&parts, length, out),
            _ => Err(SendError::OutOfOrder),
        }
    }

    /// An interim response; one that the client cannot read or does not wait for is left out.
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
        } else if !awaited {
            return Ok(());
        }
        if !self.exchange.old {
            let out = out.buffer();
            encode::status_line(out, parts.status);
            encode::fields(out, &parts.headers);
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    fn send_response(&mut self, parts: &response::Parts, length: Length, out: &mut Outgoing) -> Result<(), SendError> {
        if self.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.send_switching(parts, out);
        }
        if parts.status.is_informational() {
            return Err(SendError::Invalid);
        }
        let Exchange { asked, old, .. } = self.exchange;
        let declared = length::declared(&parts.headers)?;
        let sent = length::to_response(asked, old, parts.status, length, declared)?;
        let wanted = encode::wanted(&parts.headers);
        let tunnel = asked == Asked::Connect && parts.status.is_success();
        if tunnel {
            self.closing = None;
        } else {
            self.decide_to_close(sent.framing, wanted.close);
        }
        let persist = match self.closing {
            Some(_) => Persist::Close,
            None if old => Persist::KeepAlive,
            None => Persist::Silent,
        };
        let persist = if tunnel { Persist::Silent } else { persist };
        let out = out.buffer();
        encode::status_line(out, parts.status);
        encode::fields(out, &parts.headers);
        encode::end_of_head(out, sent.field, persist, wanted.upgrade, &parts.headers);
        if tunnel {
            self.switch();
        } else {
            self.sending = Sending::Content(sent.framing);
        }
        Ok(())
    }

    /// Notes every reason of this side to close after the response whose head is about to go out.
    fn decide_to_close(&mut self, framing: Framing, asked_to: bool) {
        let unread = !matches!(self.receiving, Receiving::Ended | Receiving::Known(0));
        let reasons = [
            (asked_to, Closing::WeAsked),
            (framing == Framing::UntilClose, Closing::Delimiter),
            (self.shutting_down, Closing::ShuttingDown),
            (self.stream + 1 >= self.config.exchanges_max, Closing::Exchanges),
            (self.exchange.awaits_continue && unread, Closing::Expectation),
            (self.exchange.asked == Asked::Connect, Closing::TunnelRefused),
        ];
        if let Some((_, closing)) = reasons.into_iter().find(|(holds, _)| *holds) {
            self.close(closing);
        }
    }

    /// 101 (Switching Protocols), which must have been offered and must say to what.
    fn send_switching(&mut self, parts: &response::Parts, out: &mut Outgoing) -> Result<(), SendError> {
        if !self.exchange.upgrade || !parts.headers.contains_key(header::UPGRADE) {
            return Err(SendError::Invalid);
        }
        let out = out.buffer();
        encode::status_line(out, parts.status);
        encode::fields(out, &parts.headers);
        encode::end_of_head(out, Field::Absent, Persist::Silent, true, &parts.headers);
        self.switch();
        Ok(())
    }

    fn switch(&mut self) {
        self.switching = true;
        self.sending = Sending::Ended;
    }

    fn send_request(&mut self, parts: &request::Parts, length: Length, out: &mut Outgoing) -> Result<(), SendError> {
        if self.sending != Sending::Head {
            return Err(SendError::OutOfOrder);
        }
        let declared = length::declared(&parts.headers)?;
        let sent = length::to_request(&parts.method, length, declared)?;
        let wanted = encode::wanted(&parts.headers);
        let out = out.buffer();
        encode::request_line(out, parts)?;
        if wanted.close {
            self.close(Closing::WeAsked);
        }
        if self.stream + 1 >= self.config.exchanges_max {
            self.close(Closing::Exchanges);
        }
        let persist = if self.closing.is_some() { Persist::Close } else { Persist::Silent };
        encode::fields(out, &parts.headers);
        encode::end_of_head(out, sent.field, persist, wanted.upgrade, &parts.headers);
        self.exchange =
            Exchange { asked: Asked::by(&parts.method), old: false, upgrade: wanted.upgrade, awaits_continue: false };
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
    fn send_end(&mut self, trailers: &HeaderMap, out: &mut Outgoing) -> Result<(), SendError> {
        match self.sending {
            Sending::Content(Framing::Known(1..)) => return Err(SendError::WrongLength),
            Sending::Content(Framing::Chunked) => {
                let out = out.buffer();
                out.extend_from_slice(b"0\r\n");
                encode::trailers(out, trailers);
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
