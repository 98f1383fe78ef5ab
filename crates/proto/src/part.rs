//! The one vocabulary of messages, for every version and in both directions.

use bytes::Bytes;
use http::{HeaderMap, request, response};

/// Names one exchange on a connection: counts up from 0 on HTTP/1, the wire's stream identifier on HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// How many bytes of content a message has, as the engine decided from its framing (RFC 9112, section 6.3).
///
/// Received, it is what the framing promises. Sent, it is what the caller promises: the engine writes the framing.
/// In the response to HEAD, and in a 304, it is the length that the content would have had, and none follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Exactly this many bytes; `Known(0)` is a message without content.
    Known(u64),
    /// Not known before the end: chunked, or delimited by the close of the connection.
    Unknown,
}

/// One piece of a message, in the order in which it is received or sent.
///
/// Heads are boxed: a part is handed on many times before somebody reads it, and each time the whole head would move.
#[derive(Debug)]
pub enum Part {
    /// The head of a request.
    Request(Box<request::Parts>, Length),
    /// An interim response (1xx but 101): zero or more before the response.
    Interim(Box<response::Parts>),
    /// The head of the final response; 101 and a 2xx to CONNECT are followed by [`Event::Switched`].
    Response(Box<response::Parts>, Length),
    /// Some of the content, decoded from its framing; never empty when received.
    Content(Bytes),
    /// The end of the message, with its trailer section (empty where there was none).
    End(HeaderMap),
}

impl Part {
    /// The head of a request.
    pub fn request(parts: request::Parts, length: Length) -> Self {
        Self::Request(Box::new(parts), length)
    }

    /// An interim response.
    pub fn interim(parts: response::Parts) -> Self {
        Self::Interim(Box::new(parts))
    }

    /// The head of the final response.
    pub fn response(parts: response::Parts, length: Length) -> Self {
        Self::Response(Box::new(parts), length)
    }
}

/// What an engine has to say.
#[derive(Debug)]
pub enum Event {
    /// A part of a message arrived.
    Received(StreamId, Part),
    /// [`crate::Connection::capacity`] of this stream grew from nothing.
    Writable(StreamId),
    /// The exchange is dead; nothing more will be received on it and nothing can be sent.
    Reset(StreamId, Reason),
    /// The peer will not accept exchanges after this one.
    GoingAway(StreamId),
    /// From here on the bytes are not HTTP's: what is left in the input, and all that follows, belongs to the
    /// protocol that was switched to (101, or a 2xx to CONNECT).
    Switched(StreamId),
}

/// Why an exchange was reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The peer no longer wants it (HTTP/2 CANCEL; on HTTP/1 the connection went away).
    Cancelled,
    /// It was refused before anything was processed, and is safe to repeat (HTTP/2 REFUSED_STREAM).
    Refused,
    /// The message was malformed (HTTP/2 PROTOCOL_ERROR).
    Malformed,
    /// The sender of the content failed before its end.
    Broken,
    /// A limit or a deadline was exceeded (HTTP/2 ENHANCE_YOUR_CALM).
    Excessive,
    /// Any other HTTP/2 error code.
    Code(u32),
}
