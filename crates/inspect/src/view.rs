//! What is shown, as JSON has it: the objects of the inspector's interface.
//!
//! Times that end in `_us` are microseconds; those of an exchange count from the moment its head was complete.

use serde::{Deserialize, Serialize};

/// An exchange as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The connection and which exchange of it: `3-2`.
    pub id: String,
    /// Which exchange of all it was, in the order in which they ended; of one under way, behind all that have ended.
    pub seq: u64,
    /// `open` while it is under way, then `done`.
    pub state: String,
    /// The connection it rode on.
    pub connection: u64,
    /// Which exchange of the connection it was, from 1.
    pub number: u64,
    /// When the head of the request was complete (RFC 3339).
    pub at: String,
    /// Who asked.
    pub peer: Option<String>,
    /// Whether the connection is encrypted.
    pub secure: bool,
    /// `http` or `https`.
    pub scheme: String,
    /// The version of HTTP.
    pub version: String,
    /// The method, where the head could be read.
    pub method: Option<String>,
    /// The host that was asked for.
    pub host: Option<String>,
    /// The target as it was written.
    pub target: Option<String>,
    /// The status; 0 while there is none.
    pub status: u16,
    /// The status in words.
    pub reason: String,
    /// The media type of the response.
    pub media_type: Option<String>,
    /// Bytes of content received.
    pub received_bytes: u64,
    /// Bytes of content sent.
    pub sent_bytes: u64,
    /// Until the first byte of the response.
    pub first_byte_us: Option<u64>,
    /// Until its last.
    pub total_us: u64,
    /// `complete`, `refused`, `abandoned`, `broken`, `switched` or `open`.
    pub ending: String,
    /// Whether anything was declined.
    pub declined: bool,
    /// The decision that explains the outcome best.
    pub why: Option<Why>,
    /// Where it was sent on to.
    pub upstream: Option<String>,
    /// The stream it had, where a connection carries many.
    pub stream: Option<u32>,
    /// `live`, or `har` where it was read from an archive.
    pub origin: String,
}

/// A decision in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    /// The name of the rule.
    pub rule: String,
    /// What was decided.
    pub outcome: String,
    /// Why.
    pub because: String,
}

/// A page of exchanges, the newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List {
    /// The exchanges.
    pub exchanges: Vec<Summary>,
    /// How many of those kept match the filter.
    pub matched: usize,
    /// How many are kept.
    pub kept: usize,
    /// How many were kept once.
    pub dropped: u64,
    /// How many there have been.
    pub seen: u64,
    /// Whether older ones match that are not in this list.
    pub more: bool,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its stable name.
    pub name: String,
    /// Where it is written.
    pub section: String,
    /// What it says, in one sentence.
    pub says: String,
    /// The page on it.
    pub link: String,
    /// Where the document can be read.
    pub url: Option<String>,
}

/// All that is known of one exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// As the list shows it.
    pub summary: Summary,
    /// The request, as it came.
    pub request: Option<Message>,
    /// The response, as it was sent.
    pub response: Option<Message>,
    /// What was decided, in order.
    pub trail: Vec<Decided>,
    /// What happened, from top to bottom.
    pub story: Vec<Sentence>,
    /// When its steps were taken.
    pub phases: Vec<Phase>,
    /// The layers that it went through, the outermost first, and the handler last.
    #[serde(default)]
    pub layers: Vec<Layer>,
    /// What was sent on, and what came back.
    pub hops: Vec<Hop>,
    /// What it rode on.
    pub connection: Connection,
    /// The bytes as they passed.
    pub wire: Vec<Piece>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// By which rule.
    pub rule: Rule,
    /// What was decided.
    pub outcome: String,
    /// Why.
    pub because: String,
    /// What would have changed it.
    pub otherwise: Option<String>,
    /// Whether something that was asked for was refused.
    pub declines: bool,
    /// When.
    pub at_us: Option<i64>,
}

/// A sentence of the story.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// The sentence.
    pub sentence: String,
    /// What it is about: `connection`, `request`, `decision`, `upstream`, `response` or `end`.
    pub kind: String,
    /// Whether something was refused.
    pub declines: bool,
    /// The name of the rule.
    pub rule: Option<String>,
    /// Which decision of the trail it tells.
    pub trail: Option<usize>,
    /// When.
    pub at_us: Option<i64>,
}

/// A step, and when it was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// When; before the head of the request was complete it is negative.
    pub at_us: i64,
    /// What it is.
    pub says: String,
}

/// A layer of a route, or its handler; each is inside of the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What it is called: `compress`, `proxy`.
    pub name: String,
    /// When the request came to it.
    pub in_us: i64,
    /// When its response left it, or nobody waited for one any more; absent until then.
    pub out_us: Option<i64>,
    /// Where the config says that it is there.
    pub place: Option<String>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Message {
    /// Its first line.
    pub line: String,
    /// The method of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The target of a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The version of HTTP.
    pub version: String,
    /// The status of a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The status of a response in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its fields, in order.
    pub fields: Vec<Field>,
    /// Its trailer fields.
    pub trailers: Vec<Field>,
    /// Its content; absent where none is kept.
    pub content: Option<Content>,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its value, or what stands in the place of a secret.
    pub value: String,
    /// Whether the value was a secret.
    pub redacted: bool,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// How long it was.
    pub length: u64,
    /// How much of it is kept.
    pub kept: u64,
    /// Whether not all of it is.
    pub truncated: bool,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its coding, where it has one.
    pub coding: Option<String>,
    /// What is kept as text, where it is that.
    pub text: Option<String>,
    /// What is kept, in Base64.
    pub bytes: String,
    /// The SHA-256 of all of it in hexadecimal, where not all is kept.
    pub sha256: Option<String>,
}

/// A request that was sent on, and what came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The server that was asked.
    pub upstream: String,
    /// Which attempt it was.
    pub attempt: u32,
    /// Whether the connection had carried an exchange before.
    pub reused: bool,
    /// The request as it was sent on.
    pub request: Message,
    /// The response as it came.
    pub response: Option<Message>,
    /// Why there is none.
    pub error: Option<String>,
    /// When its steps were taken.
    pub phases: Vec<Phase>,
    /// The heads as they passed between this side and the server; fields of HTTP/2 are written out.
    #[serde(default)]
    pub wire: Vec<Piece>,
    /// What came from the client beside what was sent on: on the left are pieces of the exchange, on the right of the hop.
    #[serde(default)]
    pub request_beside: Vec<Pair>,
    /// What came back beside what left: on the left are pieces of the hop, on the right of the exchange.
    #[serde(default)]
    pub response_beside: Vec<Pair>,
}

/// A line of a head beside the line that it became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// `same`, `changed`, `added`, `removed`, or `hidden` where both are secrets that nobody can compare.
    pub kind: String,
    /// The name of the field, as the left or else the right has it; empty for the first line and for the end.
    pub name: String,
    /// Whether it stands elsewhere among the lines of the right.
    pub moved: bool,
    /// Where it stands on the left.
    pub left: Vec<Place>,
    /// Where it stands on the right.
    pub right: Vec<Place>,
}

/// Bytes of a piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which piece, from 0.
    pub piece: usize,
    /// Where in the piece they begin.
    pub start: usize,
    /// How many they are.
    pub length: usize,
    /// Which of them differ from the other side; one of no length is where the other side has more.
    pub marks: Vec<Stretch>,
}

/// Some bytes of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Where they begin.
    pub start: usize,
    /// How many they are.
    pub length: usize,
}

/// A connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its number.
    pub id: u64,
    /// Who is at the other end.
    pub peer: Option<String>,
    /// What the TLS handshake agreed on.
    pub secure: Option<Secure>,
    /// The version of HTTP on it.
    pub protocol: Option<String>,
    /// Why it is there.
    pub opened: Opened,
    /// How many exchanges have begun on it.
    pub exchanges: u64,
    /// Whether it still stands.
    pub open: bool,
    /// How it ended.
    pub closed: Option<Closed>,
}

/// What a TLS handshake agreed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secure {
    /// The version of TLS.
    pub version: Option<String>,
    /// The cipher suite.
    pub suite: Option<String>,
    /// The key exchange group.
    pub group: Option<String>,
    /// The protocol that ALPN chose.
    pub alpn: Option<String>,
}

/// When a connection was there, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// When.
    pub at: String,
    /// Why.
    pub because: String,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: String,
    /// Who ended it.
    pub outcome: String,
    /// Why.
    pub because: String,
    /// By which rule.
    pub rule: Option<Rule>,
    /// What would have kept it.
    pub otherwise: Option<String>,
    /// Whether something was refused.
    pub declines: bool,
}

/// A connection with all that rode on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The connection.
    #[serde(flatten)]
    pub connection: Connection,
    /// Its exchanges that are kept, the oldest first.
    pub rode: Vec<Summary>,
    /// Its frames that are kept, in order.
    pub frames: Vec<Frame>,
    /// How many frames that belong to no exchange are not kept any more.
    pub frames_dropped: u64,
}

/// A frame of HTTP/2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// `received` or `sent`.
    pub direction: String,
    /// When, from the opening of the connection.
    pub at_us: i64,
    /// Its stream.
    pub stream: u32,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its flags.
    pub flags: Vec<String>,
    /// The length of its payload; of one with secrets, as it is shown.
    pub length: u64,
    /// What it does.
    pub says: String,
    /// The frame in Base64, as far as it is kept.
    pub bytes: String,
    /// Whether not all of it is.
    pub truncated: bool,
    /// What its bytes mean.
    pub spans: Vec<Span>,
}

/// Bytes that passed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// `received` or `sent`.
    pub direction: String,
    /// When.
    pub at_us: Option<i64>,
    /// The bytes in Base64, as far as they are kept, with secrets masked.
    pub bytes: String,
    /// How many there were.
    pub length: u64,
    /// Whether not all are kept.
    pub truncated: bool,
    /// Whether they are frames.
    pub frames: bool,
    /// Whether they are written out here to be read, and passed in another form.
    #[serde(default)]
    pub written: bool,
    /// What they mean.
    pub spans: Vec<Span>,
}

/// What some bytes mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where they begin.
    pub start: usize,
    /// How many they are.
    pub length: usize,
    /// A span of depth 1 lies inside of one of depth 0.
    pub depth: u8,
    /// What kind of bytes they are: `field-name`, `chunk-size`.
    pub kind: String,
    /// What they are called.
    pub name: String,
    /// What they mean, in one sentence.
    pub says: String,
    /// Where that is written.
    pub rule: Option<String>,
    /// What they stand for, where that is not what they are.
    pub value: Option<String>,
    /// Whether they stand in the place of a secret.
    pub redacted: bool,
}
