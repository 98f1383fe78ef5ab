//! What every version's engine is to the driver: a machine without a socket or a clock.

use std::time::Instant;

use http::{HeaderMap, Method, header, request, response};

use crate::{ConnectionError, Event, Incoming, Length, Outgoing, Part, Reason, SendError, StreamFault, StreamId};

/// Which end of the connection an engine plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Receives requests, sends responses.
    Server,
    /// Sends requests, receives responses.
    Client,
}

/// Bytes and time in, events and bytes out.
///
/// The input and the output are lent for each call, so that a connection owns no buffer while it is idle: the caller
/// keeps what is left in `input` and appends what arrives next. Bytes are parsed lazily, one event a call, and what a
/// call consumed is exactly the wire image of the event it returned.
///
/// After any call that takes `&mut self`, drain [`poll_event`](Self::poll_event) and then
/// [`poll_transmit`](Self::poll_transmit) before waiting for anything.
pub trait Connection {
    /// The next event that `input` holds, or `None` when more bytes, more credit or more time are needed.
    ///
    /// An error is final: nothing more is received. A server may still send one response that says why
    /// ([`ConnectionError::status`]); then the connection is over.
    fn poll_event(&mut self, input: &mut Incoming, now: Instant) -> Result<Option<Event>, ConnectionError>;

    /// Takes the end of a message, where that is what comes next and it has no trailers; false where it is not.
    ///
    /// The same as to poll the event, for a message that most often ends at once.
    fn take_end(&mut self, stream: StreamId) -> bool {
        let _ = stream;
        false
    }

    /// The peer will send nothing more. Call once, then drain events: what stands in the input is still heard.
    fn receive_eof(&mut self);

    /// The earliest moment at which [`handle_timeout`](Self::handle_timeout) has something to do.
    fn next_timeout(&self) -> Option<Instant>;

    /// Tells the engine the time once [`next_timeout`](Self::next_timeout) has come; the consequences are events.
    fn handle_timeout(&mut self, now: Instant);

    /// Opens an exchange, or says that none may be opened now.
    ///
    /// A server opens one only after [`poll_event`](Self::poll_event) failed with a status while no exchange was
    /// under way: the response that says why goes on it.
    fn open(&mut self) -> Option<StreamId>;

    /// Sends the next part of a message; framing and the fields that belong to the connection are the engine's.
    fn send(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError>;

    /// Sends the head of a request, as [`send`](Self::send) does, from where it lies.
    fn send_request(
        &mut self,
        stream: StreamId,
        parts: &request::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.send(stream, Part::request(parts.clone(), length), out)
    }

    /// Sends the head of the final response, as [`send`](Self::send) does, from where it lies.
    fn send_response(
        &mut self,
        stream: StreamId,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError>;

    /// Ends a message that has no trailers: the same as to send [`Part::End`] without any.
    fn finish(&mut self, stream: StreamId, out: &mut Outgoing) -> Result<(), SendError> {
        self.send(stream, Part::End(HeaderMap::new()), out)
    }

    /// Whether the client waits for 100 before it sends the content of the request that was just received (RFC 9110,
    /// section 10.1.1).
    fn awaits_continue(&self, parts: &request::Parts) -> bool {
        let expects = parts.headers.get(header::EXPECT);
        expects.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }

    /// Whether the request that was just received may take the connection over, if it is agreed to: it asks for a tunnel
    /// or offers another protocol.
    fn may_switch(&self, parts: &request::Parts) -> bool {
        parts.method == Method::CONNECT
    }

    /// Returns credit for `length` bytes of received content that the application has taken.
    fn consume(&mut self, stream: StreamId, length: usize);

    /// Ends an exchange at once. On HTTP/1 this ends the connection, so that nothing short looks whole.
    fn reset(&mut self, stream: StreamId, reason: Reason, out: &mut Outgoing);

    /// Begins to drain: exchanges under way finish, no new one begins.
    fn shut_down(&mut self, out: &mut Outgoing);

    /// Moves what is ready to be sent into `out`, up to what `out` has room for.
    fn poll_transmit(&mut self, out: &mut Outgoing, now: Instant);

    /// How many bytes of content may be sent on this stream now; the driver also bounds what `out` holds.
    fn capacity(&self, stream: StreamId) -> usize;

    /// How much content of this stream may now be handed to the transport without passing through here: none, unless
    /// it leaves as it is.
    fn unframed(&self, stream: StreamId) -> u64 {
        let _ = stream;
        0
    }

    /// Notes that content was handed to the transport, at most as much as [`unframed`](Self::unframed) allows.
    fn sent_unframed(&mut self, stream: StreamId, length: u64) {
        let _ = (stream, length);
    }

    /// Whether more bytes from the peer could be of use now; when not, the transport should not be read.
    fn wants_read(&self) -> bool;

    /// Whether no exchange is under way: buffers can be freed, and a drain is complete.
    fn is_idle(&self) -> bool;

    /// Whether the peer may still be sending when the connection ends: a close that it does not expect would reset it.
    fn may_hear_more(&self) -> bool {
        !self.is_idle()
    }

    /// Whether the connection is over once what was sent has left: close (a server lingers first).
    fn is_finished(&self) -> bool;

    /// Whether exchanges share the connection as streams of frames, so that a 2xx to CONNECT makes a tunnel of its
    /// stream's content and does not take the connection over ([`Event::Switched`]).
    fn is_multiplexed(&self) -> bool {
        false
    }

    /// Whether the peer has not yet said what it allows, though it is to (RFC 9113, section 3.4).
    fn awaits_settings(&self) -> bool {
        false
    }

    /// Why the engine ended a stream by itself: a fault of the peer that no other stream pays for.
    ///
    /// Ask before acting on [`Event::Reset`], and after events: some faulty streams never become an exchange.
    fn poll_fault(&mut self) -> Option<StreamFault> {
        None
    }

    /// In what words the peer announced that it ends the connection, where its protocol has any (RFC 9113, section 6.8).
    fn farewell(&self) -> Option<String> {
        None
    }

    /// Whether the transport must be torn down (a TCP reset, no TLS close_notify) instead of closed in order, since
    /// an orderly end would make a message that was cut short look whole.
    fn must_abort(&self) -> bool {
        false
    }
}
