//! One HTTP/1 connection: its two halves, and what happens between two exchanges.

use std::sync::Arc;
use std::time::Instant;

use http::{Method, request, response};

use super::chunked::Decoder;
use super::config::Config;
use super::exchange::{Closing, Exchange};
use super::length::Framing;
use super::timer::{Awaited, Timer};
use crate::{ConnectionError, Event, Incoming, Length, Outgoing, Part, Reason, Role, SendError, StreamId};

/// One HTTP/1 connection, in either role.
///
/// Exchanges are numbered from 0. The one response that a server may send after an error belongs to the exchange under
/// way, or to the one that [`open`](crate::Connection::open) names where none was. After the end of a response, what is left of its
/// request is read on and dropped, up to a limit, and no event tells of it; so an exchange is over for the caller of
/// a server once it has sent [`Part::End`]. A client's is over when both messages have ended.
///
/// A client sends the form of target that the URI has: a path alone is origin-form, a whole URI absolute-form, an
/// authority alone authority-form (CONNECT). Without a Host field it writes the authority's.
#[derive(Debug)]
pub struct Connection {
    pub(super) config: Arc<Config>,
    pub(super) timer: Timer,
    /// The number of the exchange under way, or of the next one.
    pub(super) stream: u64,
    pub(super) receiving: Receiving,
    pub(super) sending: Sending,
    /// How many bytes of the message that is being received were consumed.
    pub(super) offset: u64,
    /// How much received content the application has not taken yet.
    pub(super) held: usize,
    /// How much content was read on after the response had ended.
    pub(super) drained: u64,
    /// How much of the input was searched for the end of a head.
    pub(super) scanned: u32,
    pub(super) interims: u16,
    pub(super) empty_lines: u8,
    pub(super) exchange: Exchange,
    pub(super) closing: Option<Closing>,
    pub(super) role: Role,
    /// The first byte of a head has come.
    pub(super) begun: bool,
    /// What is left of the request is dropped: its response has ended.
    pub(super) discarding: bool,
    /// Another protocol follows once both messages of the exchange have ended.
    pub(super) switching: bool,
    /// Bytes of a later exchange stand in the input.
    pub(super) backlog: bool,
    pub(super) eof: bool,
    pub(super) shutting_down: bool,
    /// An error was reported: one response may still be sent.
    pub(super) failed: bool,
    /// The last message was received to its end.
    heard_out: bool,
    /// The connection is over once what was sent has left.
    pub(super) over: bool,
    /// An orderly end of the connection would make a short message look whole.
    pub(super) abort: bool,
}

/// What is received next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Receiving {
    /// A head.
    Head,
    /// This much content.
    Known(u64),
    /// Chunks.
    Chunked(Decoder),
    /// Content until the connection ends.
    UntilClose,
    /// Nothing before the exchange is over.
    Ended,
    /// Nothing of HTTP.
    Switched,
    /// Nothing at all.
    Over,
}

impl Receiving {
    pub(super) fn content(framing: Framing) -> Self {
        match framing {
            Framing::Absent => Self::Known(0),
            Framing::Known(length) => Self::Known(length),
            Framing::Chunked => Self::Chunked(Decoder::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }
}

/// What may be sent next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// Nothing: there is no exchange.
    Idle,
    /// A head.
    Head,
    /// Content, or its end.
    Content(Framing),
    /// Nothing before the exchange is over.
    Ended,
}

impl Connection {
    /// A connection that was just made.
    pub fn new(role: Role, config: Arc<Config>, now: Instant) -> Self {
        let mut timer = Timer::new();
        if role == Role::Server {
            timer.wait(Awaited::FirstByte, now, &config);
        }
        Self {
            config,
            timer,
            stream: 0,
            receiving: Receiving::Head,
            sending: Sending::Idle,
            offset: 0,
            held: 0,
            drained: 0,
            scanned: 0,
            interims: 0,
            empty_lines: 0,
            exchange: Exchange::UNKNOWN,
            closing: None,
            role,
            begun: false,
            discarding: false,
            switching: false,
            backlog: false,
            eof: false,
            shutting_down: false,
            failed: false,
            heard_out: false,
            over: false,
            abort: false,
        }
    }

    /// Why the connection ends after the exchange under way, or has ended; `None` while it persists.
    pub fn closing(&self) -> Option<Closing> {
        self.closing
    }

    /// Notes why the connection ends; the first reason stands.
    pub(super) fn close(&mut self, closing: Closing) {
        self.closing.get_or_insert(closing);
    }

    /// Ends the connection: nothing more is received or sent.
    pub(super) fn end(&mut self, closing: Closing) {
        self.close(closing);
        self.timer.stop();
        self.heard_out |= matches!(self.receiving, Receiving::Ended);
        self.receiving = Receiving::Over;
        self.over = true;
    }

    /// Goes on once one of the two messages has ended: to the next exchange, or to the end of the connection.
    pub(super) fn settle(&mut self) {
        let received = matches!(self.receiving, Receiving::Ended);
        let sent = self.sending == Sending::Ended;
        match (self.role, self.closing) {
            _ if self.switching || self.over => {}
            (Role::Server, Some(closing)) if sent => self.end(closing),
            (Role::Client, Some(closing)) if received => self.end(closing),
            _ if received && sent => self.next_exchange(),
            (Role::Server, None) if sent => self.discard(),
            _ => {}
        }
    }

    /// Reads the rest of a request whose response has ended, if that is worth it.
    fn discard(&mut self) {
        self.discarding = true;
        self.held = 0;
        if matches!(self.receiving, Receiving::Known(left) if left > self.config.drain_bytes_max) {
            self.end(Closing::Unread);
        }
    }

    fn next_exchange(&mut self) {
        self.stream += 1;
        self.receiving = Receiving::Head;
        self.sending = Sending::Idle;
        self.offset = 0;
        self.held = 0;
        self.drained = 0;
        self.scanned = 0;
        self.interims = 0;
        self.empty_lines = 0;
        self.begun = false;
        self.discarding = false;
        self.backlog = false;
        self.timer.stop();
        if self.shutting_down {
            self.end(Closing::ShuttingDown);
        }
    }

    /// Whether `stream` is the exchange under way, or the one whose response tells of an error.
    pub(super) fn is_current(&self, stream: StreamId) -> bool {
        stream.0 == self.stream && self.sending != Sending::Idle
    }
}

impl crate::Connection for Connection {
    #[inline]
    fn poll_event(&mut self, input: &mut Incoming, now: Instant) -> Result<Option<Event>, ConnectionError> {
        self.receive(input, now)
    }

    fn receive_eof(&mut self) {
        self.eof = true;
    }

    #[inline]
    fn next_timeout(&self) -> Option<Instant> {
        self.timer.deadline()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.timer.look(now, &self.config);
    }

    fn open(&mut self) -> Option<StreamId> {
        if self.role == Role::Server {
            return (self.failed && self.sending == Sending::Head && !self.over).then_some(StreamId(self.stream));
        }
        let free = self.sending == Sending::Idle;
        let usable = self.closing.is_none() && !self.over && !self.eof && !self.shutting_down;
        if !free || !usable {
            return None;
        }
        self.sending = Sending::Head;
        Some(StreamId(self.stream))
    }

    #[inline]
    fn send(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        self.send_part(stream, part, out)
    }

    #[inline]
    fn take_end(&mut self, stream: StreamId) -> bool {
        self.is_current(stream) && self.take_known_end()
    }

    #[inline]
    fn send_request(
        &mut self,
        stream: StreamId,
        parts: &request::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.send_asked(stream, parts, length, out)
    }

    #[inline]
    fn send_response(
        &mut self,
        stream: StreamId,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.send_head(stream, parts, length, out)
    }

    #[inline]
    fn finish(&mut self, stream: StreamId, out: &mut Outgoing) -> Result<(), SendError> {
        self.send_bare_end(stream, out)
    }

    #[inline]
    fn awaits_continue(&self, _: &request::Parts) -> bool {
        self.exchange.awaits_continue
    }

    #[inline]
    fn may_switch(&self, parts: &request::Parts) -> bool {
        self.exchange.upgrade || parts.method == Method::CONNECT
    }

    #[inline]
    fn consume(&mut self, stream: StreamId, length: usize) {
        if stream.0 == self.stream {
            self.held = self.held.saturating_sub(length);
        }
    }

    fn reset(&mut self, stream: StreamId, _reason: Reason, _out: &mut Outgoing) {
        if self.is_current(stream) && !self.over {
            self.abort = matches!(self.sending, Sending::Content(Framing::UntilClose));
            self.end(Closing::Reset);
        }
    }

    fn shut_down(&mut self, _out: &mut Outgoing) {
        self.shutting_down = true;
        if self.is_idle() && !self.begun {
            self.end(Closing::ShuttingDown);
        }
    }

    #[inline]
    fn poll_transmit(&mut self, _out: &mut Outgoing, _now: Instant) {}

    #[inline]
    fn capacity(&self, stream: StreamId) -> usize {
        if self.is_current(stream) && !self.over { usize::MAX } else { 0 }
    }

    fn unframed(&self, stream: StreamId) -> u64 {
        match self.sending {
            Sending::Content(Framing::Known(left)) if self.is_current(stream) && !self.over => left,
            _ => 0,
        }
    }

    fn sent_unframed(&mut self, stream: StreamId, length: u64) {
        if let Sending::Content(Framing::Known(left)) = &mut self.sending
            && stream.0 == self.stream
        {
            *left = left.saturating_sub(length);
        }
    }

    #[inline]
    fn wants_read(&self) -> bool {
        if self.over || self.eof {
            return false;
        }
        match self.receiving {
            Receiving::Head => true,
            Receiving::Known(_) | Receiving::Chunked(_) | Receiving::UntilClose => {
                self.discarding || self.held < self.config.content_buffer_bytes
            }
            // Reading on shows that the peer went away; what it pipelined is not piled up.
            Receiving::Ended => !self.backlog,
            Receiving::Switched | Receiving::Over => false,
        }
    }

    #[inline]
    fn is_idle(&self) -> bool {
        self.sending == Sending::Idle && matches!(self.receiving, Receiving::Head | Receiving::Over)
    }

    /// A peer that said close with its last message sends no other (RFC 9112, section 9.6).
    fn may_hear_more(&self) -> bool {
        let said_close = matches!(self.closing, Some(Closing::PeerAsked | Closing::PeerIsOld));
        !(self.is_idle() || self.heard_out && said_close)
    }

    #[inline]
    fn is_finished(&self) -> bool {
        self.over
    }

    #[inline]
    fn must_abort(&self) -> bool {
        self.abort
    }
}
