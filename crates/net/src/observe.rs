//! What may be observed on a connection: the bytes as they pass, and one record of each exchange.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Method, StatusCode, Uri, Version};
pub use wirelight_proto::Part;
use wirelight_semantics::decision::Decision;
use wirelight_service::{Peer, Trail};

use crate::tcp::Tcp;
use crate::tls::Secured;

/// A connection as observers know it.
#[derive(Debug, Clone)]
pub struct ConnectionInfo {
    /// Unique in this process.
    pub id: u64,
    /// Who is at the other end.
    pub peer: Option<Peer>,
    /// What its TLS handshake has agreed on; `None` in cleartext.
    pub secured: Option<Box<Secured>>,
    /// Which of our addresses it was made to, where somebody wants to know.
    pub local: Option<Arc<SocketAddr>>,
}

/// Which way bytes went, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The head of a message that arrived, exactly as it arrived.
    HeadReceived,
    /// Content (with its framing) or a trailer section that arrived, exactly as it arrived.
    ContentReceived,
    /// The head of a message as it leaves.
    HeadSent,
    /// Content (with its framing) or a trailer section as it leaves; long content is left out of `bytes`.
    ContentSent,
    /// Frames that arrived, exactly as they arrived, however they were split; they belong to no one exchange.
    FramesReceived,
    /// Frames as they leave, however they are split; they belong to no one exchange.
    FramesSent,
}

/// Which way a part of a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From us.
    Sent,
    /// To us.
    Received,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both messages were complete.
    Complete,
    /// The response was complete before the request was, or the request was refused.
    Refused,
    /// The client went away before the response was complete; of a request of ours, nobody waited for it any more.
    Abandoned,
    /// The response broke off: whoever wrote its content failed. A request of ours failed, and why stands in
    /// [`Outbound::failed`].
    Broken,
    /// The connection went over to another protocol.
    Switched,
}

/// What a request asked for, as far as its head could be read.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The target, as it was written.
    pub target: Uri,
    /// The version of HTTP it came in.
    pub version: Version,
    /// The request's fields.
    pub fields: HeaderMap,
}

/// One exchange, from the first byte of the request to the last of the response.
#[derive(Debug)]
pub struct Record {
    /// The connection it rode on.
    pub connection: Arc<ConnectionInfo>,
    /// Which exchange of the connection it was, from 1.
    pub number: u64,
    /// The request; `None` when its head could not be read.
    pub asked: Option<Asked>,
    /// The status that was sent; 499 when the client went away before any was. Of a request of ours, the status that
    /// came; where none came (`first_byte` is none), the one that a gateway would have to answer with.
    pub status: StatusCode,
    /// The response's fields, as the service gave them, or as they came.
    pub fields: HeaderMap,
    /// Bytes of content received.
    pub received_bytes: u64,
    /// Bytes of content sent.
    pub sent_bytes: u64,
    /// When the head of the request was complete, by the wall.
    pub at: SystemTime,
    /// When the head of the request was complete.
    pub began: Instant,
    /// From then to the first byte of the response; where all of it was ready at once, to the last.
    pub first_byte: Option<Duration>,
    /// From then to the last byte of the response being handed to the system.
    pub total: Duration,
    /// How it ended.
    pub ending: Ending,
    /// What was decided on the way, in order.
    pub trail: Trail,
    /// What is known only of a request that this side sent; `None` where this side answered.
    pub outbound: Option<Box<Outbound>>,
}

/// What is known of an exchange only by the side that asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outbound {
    /// The version of HTTP that the response came in; `None` where none came.
    pub version: Option<Version>,
    /// What went wrong, in one sentence.
    pub failed: Option<String>,
    /// How TCP had carried the connection by the end of the exchange, where the observer wants parts.
    pub tcp: Option<Tcp>,
}

/// Somebody who watches connections. Calls come from the connection's own task and must not block.
pub trait Observer: Send + Sync + 'static {
    /// Whether [`bytes`](Self::bytes) is to be called.
    fn wants_bytes(&self) -> bool {
        false
    }

    /// Whether exchanges that begin now are to be recorded: without, their trails are empty and cost nothing.
    fn wants_records(&self) -> bool {
        true
    }

    /// Bytes of exchange `number` of a connection, as they arrived or as they leave; 0 where they are frames.
    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        let _ = (connection, number, wire, bytes);
    }

    /// Whether [`part`](Self::part) is to be called.
    fn wants_parts(&self) -> bool {
        false
    }

    /// A part of exchange `number` of a connection on which this side asks, in whatever version of HTTP, as it is
    /// handed to the engine or comes from it.
    fn part(&self, connection: &ConnectionInfo, number: u64, way: Way, part: &Part) {
        let _ = (connection, number, way, part);
    }

    /// What of a message's fields is to stand in the record; all of them, unless the observer needs less.
    fn keep(&self, fields: &HeaderMap) -> HeaderMap {
        fields.clone()
    }

    /// The same for the fields of a response, where an observer needs others of them than of a request's.
    fn keep_of_response(&self, fields: &HeaderMap) -> HeaderMap {
        self.keep(fields)
    }

    /// Begins to watch a connection on which this side answers; without a watcher, nothing of it is timed.
    fn watch(&self, connection: &Arc<ConnectionInfo>) -> Option<Box<dyn Watcher>> {
        let _ = connection;
        None
    }

    /// An exchange is over. The record is the observer's to keep, or to send elsewhere.
    fn finished(&self, record: Box<Record>);

    /// The same, called in its place: an observer that has only looked at the record gives it back, and it is filled
    /// again for another exchange.
    fn seen(&self, record: Box<Record>) -> Option<Box<Record>> {
        self.finished(record);
        None
    }

    /// A connection ended, in words.
    fn closed(&self, connection: &ConnectionInfo, because: &dyn std::fmt::Display) {
        let _ = (connection, because);
    }
}

/// Watches one connection from its beginning to its end. Where there is one, trails keep times, steps and hops.
///
/// Calls come from the connection's own task and must not block. For each, the watcher is called before the observer.
pub trait Watcher: Send {
    /// Bytes of exchange `number`, as they arrived or as they leave, long content included; 0 where they are frames.
    ///
    /// Of a head that cannot be read, what arrived of it is shown. `at` is when the turn began in which they arrived or
    /// are about to leave: what leaves does so then at the earliest, and no later than the exchange is over.
    fn bytes(&self, number: u64, wire: Wire, at: Instant, bytes: &[u8]);

    /// The head of a request is complete: which exchange it begins and when.
    ///
    /// What is given back is a trail to be used for it, which nobody else has any more and which keeps times; without,
    /// it gets a new one.
    fn begun(&self, number: u64, begun: Begun) -> Option<Trail>;

    /// An exchange is over.
    fn finished(&self, record: &Record);

    /// The connection has ended.
    fn closed(&self, because: &dyn Decision);
}

/// How an exchange began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// On which stream, where there are many on the connection.
    pub stream: Option<u64>,
    /// When the first byte of its request was there, where that is known.
    pub first_in: Option<Instant>,
    /// When the head of its request was complete.
    pub at: Instant,
}

impl Asked {
    /// The target as a log shows it: as it was written in HTTP/1; its path and query in later versions, which always
    /// write all of it.
    pub fn shown_target(&self) -> Cow<'_, str> {
        let later = matches!(self.version, Version::HTTP_2 | Version::HTTP_3);
        match self.target.path_and_query() {
            Some(path) if later || self.target.authority().is_none() => path.as_str().into(),
            _ => self.target.to_string().into(),
        }
    }

    /// The version as a log shows it: `HTTP/1.1`.
    pub fn shown_version(&self) -> &'static str {
        match self.version {
            Version::HTTP_09 => "HTTP/0.9",
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
    }
}
