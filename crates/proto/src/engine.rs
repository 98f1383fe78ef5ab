//! The engine of a connection whose version is only known once it speaks, or once ALPN has chosen it.

use std::sync::Arc;
use std::time::Instant;

use http::{request, response};

use crate::{
    Connection, ConnectionError, Event, Incoming, Length, Outgoing, Part, Reason, Role, SendError, StreamFault,
    StreamId, h1, h2,
};

/// How much of the preface of HTTP/2 (RFC 9113, section 3.4) would be a whole head to HTTP/1.
const PREFACE_HEAD: usize = b"PRI * HTTP/2.0\r\n\r\n".len();

/// HTTP/1 or HTTP/2, behind one type.
#[derive(Debug)]
pub struct Engine(Kind);

#[derive(Debug)]
enum Kind {
    /// HTTP/1; with a configuration for HTTP/2 where the peer's first bytes may still ask for that.
    One(h1::Connection, Option<Arc<h2::Config>>),
    Two(Box<h2::Connection>),
}

impl Engine {
    /// A server's, for a connection in cleartext: HTTP/2 with prior knowledge, or HTTP/1.
    pub fn by_preface(http1: Arc<h1::Config>, http2: Arc<h2::Config>, now: Instant) -> Self {
        Self(Kind::One(h1::Connection::new(Role::Server, http1, now), Some(http2)))
    }

    /// HTTP/1, decided.
    pub fn http1(role: Role, config: Arc<h1::Config>, now: Instant) -> Self {
        Self(Kind::One(h1::Connection::new(role, config, now), None))
    }

    /// HTTP/2, decided.
    pub fn http2(role: Role, config: Arc<h2::Config>, now: Instant) -> Self {
        Self(Kind::Two(Box::new(h2::Connection::new(role, config, now))))
    }

    /// Looks at the first bytes of a connection whose version is open; true if they do not suffice.
    #[cold]
    fn decide(&mut self, input: &Incoming, now: Instant) -> bool {
        let Kind::One(_, undecided) = &mut self.0 else { return false };
        let heard = input.bytes();
        let compared = heard.len().min(h2::PREFACE.len());
        if heard[..compared] != h2::PREFACE[..compared] {
            *undecided = None;
        } else if compared == h2::PREFACE.len()
            && let Some(http2) = undecided.take()
        {
            *self = Self::http2(Role::Server, http2, now);
        } else {
            // From here on HTTP/1 would take the preface for a request; before that, it keeps the time.
            return compared >= PREFACE_HEAD;
        }
        false
    }
}

macro_rules! both {
    ($self:ident, $engine:ident => $call:expr) => {
        match &$self.0 {
            Kind::One($engine, _) => $call,
            Kind::Two($engine) => $call,
        }
    };
    (mut $self:ident, $engine:ident => $call:expr) => {
        match &mut $self.0 {
            Kind::One($engine, _) => $call,
            Kind::Two($engine) => $call,
        }
    };
}

impl Connection for Engine {
    #[inline]
    fn poll_event(&mut self, input: &mut Incoming, now: Instant) -> Result<Option<Event>, ConnectionError> {
        if matches!(&self.0, Kind::One(_, Some(_))) && self.decide(input, now) {
            return Ok(None);
        }
        both!(mut self, engine => engine.poll_event(input, now))
    }

    #[inline]
    fn take_end(&mut self, stream: StreamId) -> bool {
        both!(mut self, engine => engine.take_end(stream))
    }

    fn receive_eof(&mut self) {
        both!(mut self, engine => engine.receive_eof());
    }

    #[inline]
    fn next_timeout(&self) -> Option<Instant> {
        both!(self, engine => engine.next_timeout())
    }

    fn handle_timeout(&mut self, now: Instant) {
        both!(mut self, engine => engine.handle_timeout(now));
    }

    fn open(&mut self) -> Option<StreamId> {
        both!(mut self, engine => engine.open())
    }

    #[inline]
    fn send(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        both!(mut self, engine => engine.send(stream, part, out))
    }

    #[inline]
    fn send_response(
        &mut self,
        stream: StreamId,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        match &mut self.0 {
            Kind::One(engine, _) => engine.send_response(stream, parts, length, out),
            Kind::Two(engine) => Connection::send_response(&mut **engine, stream, parts, length, out),
        }
    }

    #[inline]
    fn finish(&mut self, stream: StreamId, out: &mut Outgoing) -> Result<(), SendError> {
        both!(mut self, engine => engine.finish(stream, out))
    }

    #[inline]
    fn awaits_continue(&self, parts: &request::Parts) -> bool {
        both!(self, engine => engine.awaits_continue(parts))
    }

    #[inline]
    fn may_switch(&self, parts: &request::Parts) -> bool {
        both!(self, engine => engine.may_switch(parts))
    }

    #[inline]
    fn consume(&mut self, stream: StreamId, length: usize) {
        both!(mut self, engine => engine.consume(stream, length));
    }

    fn reset(&mut self, stream: StreamId, reason: Reason, out: &mut Outgoing) {
        both!(mut self, engine => engine.reset(stream, reason, out));
    }

    fn shut_down(&mut self, out: &mut Outgoing) {
        both!(mut self, engine => engine.shut_down(out));
    }

    #[inline]
    fn poll_transmit(&mut self, out: &mut Outgoing, now: Instant) {
        both!(mut self, engine => engine.poll_transmit(out, now));
    }

    #[inline]
    fn capacity(&self, stream: StreamId) -> usize {
        both!(self, engine => engine.capacity(stream))
    }

    fn unframed(&self, stream: StreamId) -> u64 {
        both!(self, engine => engine.unframed(stream))
    }

    fn sent_unframed(&mut self, stream: StreamId, length: u64) {
        both!(mut self, engine => engine.sent_unframed(stream, length));
    }

    #[inline]
    fn wants_read(&self) -> bool {
        both!(self, engine => engine.wants_read())
    }

    #[inline]
    fn is_idle(&self) -> bool {
        both!(self, engine => engine.is_idle())
    }

    fn may_hear_more(&self) -> bool {
        both!(self, engine => engine.may_hear_more())
    }

    #[inline]
    fn is_finished(&self) -> bool {
        both!(self, engine => engine.is_finished())
    }

    fn is_multiplexed(&self) -> bool {
        both!(self, engine => engine.is_multiplexed())
    }

    fn awaits_settings(&self) -> bool {
        both!(self, engine => engine.awaits_settings())
    }

    #[inline]
    fn poll_fault(&mut self) -> Option<StreamFault> {
        match &mut self.0 {
            Kind::One(engine, _) => engine.poll_fault(),
            Kind::Two(engine) => Connection::poll_fault(&mut **engine),
        }
    }

    #[inline]
    fn must_abort(&self) -> bool {
        both!(self, engine => engine.must_abort())
    }

    fn farewell(&self) -> Option<String> {
        both!(self, engine => engine.farewell())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(heard: &[u8]) -> &'static str {
        let now = Instant::now();
        let mut engine = Engine::by_preface(Arc::default(), Arc::default(), now);
        let mut input = Incoming::new();
        for byte in heard {
            input.extend(&[*byte]);
            let _ = engine.poll_event(&mut input, now);
        }
        match engine.0 {
            Kind::One(_, Some(_)) => "undecided",
            Kind::One(_, None) => "HTTP/1",
            Kind::Two(_) => "HTTP/2",
        }
    }

    #[test]
    fn the_first_bytes_decide() {
        for (heard, version) in [
            ("", "undecided"),
            ("P", "undecided"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "undecided"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2"),
            ("PRI * HTTP/2.0\r\nx", "HTTP/1"),
            ("POST / HTTP/1.1\r\n", "HTTP/1"),
            ("G", "HTTP/1"),
            ("\r\n", "HTTP/1"),
        ] {
            assert_eq!(decided(heard.as_bytes()), version, "{heard:?}");
        }
    }
}
