//! Frames: nine octets of head and a payload (RFC 9113, sections 4 and 6).
//!
//! Knows the layout of each frame and which streams it may name; what a frame does to a stream is not known here.

mod continuation;
mod data;
mod go_away;
mod headers;
mod ping;
mod priority;
mod push_promise;
mod rst_stream;
mod settings;
mod window_update;

pub use continuation::Continuation;
pub use data::Data;
pub use go_away::GoAway;
pub use headers::Headers;
pub use ping::Ping;
pub use priority::{Priority, PriorityUpdate};
pub use push_promise::PushPromise;
pub use rst_stream::RstStream;
pub use settings::{Setting, Settings};
pub use window_update::WindowUpdate;

use super::fault::{Code, FRAME_SIZE, Fault, PADDING, STREAM_IDENTIFIER};

/// The octets before a payload (RFC 9113, section 4.1).
pub const HEAD_LENGTH: usize = 9;

/// The largest payload that every endpoint accepts, in bytes (RFC 9113, section 4.2).
pub const PAYLOAD_DEFAULT_MAX: usize = 16_384;

/// The largest stream identifier.
pub const STREAM_LAST: u32 = (1 << 31) - 1;

/// The types of frames.
pub mod kind {
    /// Content (RFC 9113, section 6.1).
    pub const DATA: u8 = 0x0;
    /// A field section (RFC 9113, section 6.2).
    pub const HEADERS: u8 = 0x1;
    /// An older ranking, passed over (RFC 9113, section 6.3).
    pub const PRIORITY: u8 = 0x2;
    /// A stream is given up (RFC 9113, section 6.4).
    pub const RST_STREAM: u8 = 0x3;
    /// Limits and habits (RFC 9113, section 6.5).
    pub const SETTINGS: u8 = 0x4;
    /// A response that nobody asked for (RFC 9113, section 6.6).
    pub const PUSH_PROMISE: u8 = 0x5;
    /// Whether the other end is there (RFC 9113, section 6.7).
    pub const PING: u8 = 0x6;
    /// The connection ends (RFC 9113, section 6.8).
    pub const GOAWAY: u8 = 0x7;
    /// More may be sent (RFC 9113, section 6.9).
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// More of a field section (RFC 9113, section 6.10).
    pub const CONTINUATION: u8 = 0x9;
    /// A ranking (RFC 9218, section 7.1).
    pub const PRIORITY_UPDATE: u8 = 0x10;
}

/// The flags of frames.
pub(crate) mod flag {
    pub(crate) const ACK: u8 = 0x1;
    pub(crate) const END_STREAM: u8 = 0x1;
    pub(crate) const END_HEADERS: u8 = 0x4;
    pub(crate) const PADDED: u8 = 0x8;
    pub(crate) const PRIORITY: u8 = 0x20;
}

/// The nine octets before a payload (RFC 9113, section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The length of the payload, in bytes.
    pub length: usize,
    /// The type.
    pub kind: u8,
    /// The flags, whose meaning depends on the type.
    pub flags: u8,
    /// The stream, or 0 for the connection.
    pub stream: u32,
}

impl Head {
    /// Reads a head where there is a whole one.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let head: &[u8; HEAD_LENGTH] = bytes.first_chunk()?;
        Some(Self {
            length: usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]),
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]) & STREAM_LAST,
        })
    }

    /// The head as it stands on the wire.
    #[inline]
    pub fn octets(&self) -> [u8; HEAD_LENGTH] {
        let length = (self.length as u32).to_be_bytes();
        let stream = self.stream.to_be_bytes();
        [length[1], length[2], length[3], self.kind, self.flags, stream[0], stream[1], stream[2], stream[3]]
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A frame whose payload has the layout of its type, borrowed from where it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Content.
    Data(Data<'a>),
    /// The beginning of a header block.
    Headers(Headers<'a>),
    /// The priority of RFC 7540, which says nothing any more.
    Priority(Priority),
    /// The end of a stream by force.
    RstStream(RstStream),
    /// Settings.
    Settings(Settings<'a>),
    /// The acknowledgement of settings.
    SettingsAck,
    /// A promise to push.
    PushPromise(PushPromise<'a>),
    /// A question whether the other end is there, or the answer.
    Ping(Ping),
    /// The end of the connection, announced.
    GoAway(GoAway<'a>),
    /// More room in a window.
    WindowUpdate(WindowUpdate),
    /// More of a header block.
    Continuation(Continuation<'a>),
    /// The priority of RFC 9218.
    PriorityUpdate(PriorityUpdate<'a>),
    /// A type that is not known, to be ignored (RFC 9113, section 5.5).
    Unknown,
}

impl<'a> Frame<'a> {
    /// Reads a payload, which is as long as its head says.
    #[inline]
    pub fn read(head: Head, payload: &'a [u8]) -> Result<Self, Fault> {
        Ok(match head.kind {
            kind::DATA => Self::Data(Data::read(head, payload)?),
            kind::HEADERS => Self::Headers(Headers::read(head, payload)?),
            kind::PRIORITY => Self::Priority(Priority::read(head, payload)?),
            kind::RST_STREAM => Self::RstStream(RstStream::read(head, payload)?),
            kind::SETTINGS => return Settings::read(head, payload),
            kind::PUSH_PROMISE => Self::PushPromise(PushPromise::read(head, payload)?),
            kind::PING => Self::Ping(Ping::read(head, payload)?),
            kind::GOAWAY => Self::GoAway(GoAway::read(head, payload)?),
            kind::WINDOW_UPDATE => Self::WindowUpdate(WindowUpdate::read(head, payload)?),
            kind::CONTINUATION => Self::Continuation(Continuation::read(head, payload)?),
            kind::PRIORITY_UPDATE => Self::PriorityUpdate(PriorityUpdate::read(head, payload)?),
            _ => Self::Unknown,
        })
    }

    /// Appends the frame as it stands on the wire; padding is zeros. An unknown frame writes nothing.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Data(frame) => frame.write(out),
            Self::Headers(frame) => frame.write(out),
            Self::Priority(frame) => frame.write(out),
            Self::RstStream(frame) => frame.write(out),
            Self::Settings(frame) => frame.write(out),
            Self::SettingsAck => Settings::write_ack(out),
            Self::PushPromise(frame) => frame.write(out),
            Self::Ping(frame) => frame.write(out),
            Self::GoAway(frame) => frame.write(out),
            Self::WindowUpdate(frame) => frame.write(out),
            Self::Continuation(frame) => frame.write(out),
            Self::PriorityUpdate(frame) => frame.write(out),
            Self::Unknown => {}
        }
    }
}

/// The name of a type of frame, as RFC 9113 writes it.
pub fn kind_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        kind::DATA => "DATA",
        kind::HEADERS => "HEADERS",
        kind::PRIORITY => "PRIORITY",
        kind::RST_STREAM => "RST_STREAM",
        kind::SETTINGS => "SETTINGS",
        kind::PUSH_PROMISE => "PUSH_PROMISE",
        kind::PING => "PING",
        kind::GOAWAY => "GOAWAY",
        kind::WINDOW_UPDATE => "WINDOW_UPDATE",
        kind::CONTINUATION => "CONTINUATION",
        kind::PRIORITY_UPDATE => "PRIORITY_UPDATE",
        _ => return None,
    })
}

/// Writes a frame's head and whatever `payload` appends, whose length it then knows.
pub(crate) fn write(kind: u8, flags: u8, stream: u32, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; HEAD_LENGTH]);
    payload(out);
    let length = out.len() - at - HEAD_LENGTH;
    out[at..at + HEAD_LENGTH].copy_from_slice(&Head { length, kind, flags, stream }.octets());
}

/// A frame that belongs to a stream must name one.
#[inline]
fn of_stream(head: Head) -> Result<(), Fault> {
    if head.stream == 0 { Err(misplaced(head)) } else { Ok(()) }
}

/// A frame that belongs to the connection must not name a stream.
fn of_connection(head: Head) -> Result<(), Fault> {
    if head.stream == 0 { Ok(()) } else { Err(misplaced(head)) }
}

#[cold]
fn misplaced(head: Head) -> Fault {
    let name = kind_name(head.kind).unwrap_or("a frame");
    let because = format!("{name} arrived on stream {}", head.stream);
    Fault::connection(&STREAM_IDENTIFIER, Code::PROTOCOL_ERROR, because)
}

/// A payload that has to have exactly one length.
fn sized<const LENGTH: usize>(head: Head, payload: &[u8]) -> Result<[u8; LENGTH], Fault> {
    payload.try_into().map_err(|_| wrong_size(head, format!("exactly {LENGTH} octets")))
}

#[cold]
fn wrong_size(head: Head, wanted: String) -> Fault {
    let name = kind_name(head.kind).unwrap_or("a frame");
    let because = format!("{name} came with {} octets of payload", head.length);
    Fault::connection(&FRAME_SIZE, Code::FRAME_SIZE_ERROR, because).or(format!("{wanted} would have been accepted"))
}

/// Splits a payload into what is not padding and the length of the padding, where it is padded.
#[inline]
fn unpad(head: Head, payload: &[u8]) -> Result<(&[u8], Option<u8>), Fault> {
    if !head.has(flag::PADDED) {
        return Ok((payload, None));
    }
    let Some((length, rest)) = payload.split_first() else {
        return Err(wrong_size(head, "at least the octet that says how long the padding is".into()));
    };
    match rest.len().checked_sub(usize::from(*length)) {
        Some(content) => Ok((&rest[..content], Some(*length))),
        None => {
            let because = format!("{length} octets of padding in a frame of {}", head.length);
            Err(Fault::connection(&PADDING, Code::PROTOCOL_ERROR, because))
        }
    }
}

/// Appends padding of zeros and returns the flag that announces it.
fn write_padded(padding: Option<u8>, out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend(padding);
    content(out);
    out.resize(out.len() + usize::from(padding.unwrap_or(0)), 0);
}

fn u32_at(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

#[cfg(test)]
mod tests;
