//! What one packet did to its connection, in the words of the text-books.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::{Flags, Options};

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the side that opened the connection.
    ToServer,
    /// To the side that opened the connection.
    ToClient,
}

/// One segment of a connection and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which connection of the capture it belongs to, from 1.
    pub connection: u64,
    /// When it was seen, since the first segment of the connection.
    pub after: Duration,
    /// Which way it went.
    pub direction: Direction,
    /// Its flags, but for ACK.
    pub flags: Flags,
    /// Whether it acknowledges anything.
    pub has_ack: bool,
    /// The raw sequence number.
    pub sequence: u32,
    /// What it did, in order.
    pub events: Vec<Event>,
    /// The bytes that can be handed on in order now, and where in the stream they lie.
    pub delivered: Vec<(u64, Bytes)>,
}

/// Something that a segment did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The capture began after the connection did.
    WasOpen,
    /// SYN: the client asks for a connection.
    Asked {
        /// What it can do.
        options: Options,
        /// How many bytes it takes unasked.
        window: u64,
        /// Since the first time, where it asks again.
        again: Option<Duration>,
    },
    /// SYN and ACK: the server agrees.
    Agreed {
        /// What it can do.
        options: Options,
        /// How many bytes it takes unasked.
        window: u64,
        /// From the SYN until this.
        round_trip: Option<Duration>,
    },
    /// The first ACK of the client: the connection stands.
    Established {
        /// From the SYN until this.
        handshake: Option<Duration>,
        /// From the agreement until this.
        round_trip: Option<Duration>,
    },
    /// Data that was not seen before.
    Data {
        /// Where in the stream its first byte lies.
        from: u64,
        /// How long it is.
        length: usize,
        /// How many bytes before it are missing: it overtook them, or they are lost, or they were not captured.
        missing: u64,
    },
    /// Data that fills what was missing.
    Filled {
        /// Where in the stream its first byte lies.
        from: u64,
        /// How long it is.
        length: usize,
    },
    /// Data that was sent before.
    Retransmitted {
        /// Where in the stream its first byte lies.
        from: u64,
        /// How long it is.
        length: usize,
        /// Since it was sent the first time, where that is still known.
        since: Option<Duration>,
    },
    /// A question whether the other side is still there.
    KeepAlive,
    /// Data is confirmed.
    Acknowledged {
        /// All before this place has arrived.
        up_to: u64,
        /// From sending until this, where it was sent once and the confirmation is of that.
        round_trip: Option<Duration>,
    },
    /// The same confirmation again, while data is on its way: something after it is missing.
    Repeated {
        /// All before this place has arrived.
        up_to: u64,
        /// How often it was said again.
        times: u32,
    },
    /// The sender of this takes nothing for now.
    WindowClosed,
    /// The sender of this takes data again.
    WindowOpened {
        /// How many bytes.
        window: u64,
    },
    /// FIN: the sender of this has sent all it had.
    Finished {
        /// How much that was.
        bytes: u64,
    },
    /// Both sides have finished, and both know it.
    Closed,
    /// RST: the connection is gone at once.
    Reset {
        /// Whether it answers the request for a connection.
        refused: bool,
    },
}

impl Direction {
    /// The other way.
    pub fn other(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }

    /// Who sends this way.
    pub fn sender(self) -> &'static str {
        match self {
            Self::ToServer => "the client",
            Self::ToClient => "the server",
        }
    }
}

impl Step {
    /// The flags as the text-books write them: `SYN, ACK`.
    pub fn flags_in_words(&self) -> String {
        let Flags { syn, fin, rst, psh } = self.flags;
        let names = [(syn, "SYN"), (fin, "FIN"), (rst, "RST"), (psh, "PSH"), (self.has_ack, "ACK")];
        let set: Vec<&str> = names.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| *name).collect();
        if set.is_empty() { "no flag".to_owned() } else { set.join(", ") }
    }
}

/// A length of time as it is read best.
pub(crate) struct Took(pub(crate) Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1000.0;
        if milliseconds < 10.0 { write!(f, "{milliseconds:.3} ms") } else { write!(f, "{milliseconds:.1} ms") }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WasOpen => f.write_str("the connection was open before the capture began"),
            Self::Asked { options, window, again: None } => {
                write!(f, "asks for a connection; takes {window} bytes unasked{options}")
            }
            Self::Asked { again: Some(since), .. } => {
                write!(f, "asks again after {}: nobody has answered", Took(*since))
            }
            Self::Agreed { options, window, round_trip } => {
                write!(f, "agrees{}; takes {window} bytes unasked{options}", After(*round_trip))
            }
            Self::Established { handshake, round_trip } => {
                write!(f, "the connection stands{}", After(*handshake))?;
                match round_trip {
                    Some(time) => write!(f, "; the client answered after {}", Took(*time)),
                    None => Ok(()),
                }
            }
            Self::Data { from, length, missing } => {
                write!(f, "{}", Stretch(*from, *length))?;
                match missing {
                    0 => Ok(()),
                    missing => write!(f, ", ahead of {missing} bytes that were not seen"),
                }
            }
            Self::Filled { from, length } => write!(f, "{}, which were missing", Stretch(*from, *length)),
            Self::Retransmitted { from, length, since } => {
                write!(f, "{} again{}", Stretch(*from, *length), After(*since))
            }
            Self::KeepAlive => f.write_str("asks whether the other side is still there"),
            Self::Acknowledged { up_to, round_trip } => {
                write!(f, "has all before byte {up_to}")?;
                match round_trip {
                    Some(time) => write!(f, ", {} after it was sent", Took(*time)),
                    None => Ok(()),
                }
            }
            Self::Repeated { up_to, times } => {
                write!(f, "still has all before byte {up_to} and no more (said again, {times})")
            }
            Self::WindowClosed => f.write_str("takes nothing for now: its window is 0"),
            Self::WindowOpened { window } => write!(f, "takes {window} bytes again"),
            Self::Finished { bytes } => write!(f, "has no more to send, after {bytes} bytes"),
            Self::Closed => f.write_str("both sides have finished: the connection is closed"),
            Self::Reset { refused: true } => f.write_str("refuses the connection: nobody listens there"),
            Self::Reset { refused: false } => f.write_str("breaks the connection off"),
        }
    }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bytes) = self.segment_bytes_max {
            write!(f, "; segments of at most {bytes} bytes")?;
        }
        if let Some(bits) = self.window_scale {
            write!(f, "; windows count in {} bytes", 1_u32 << bits.min(14))?;
        }
        if self.selective {
            f.write_str("; selective acknowledgement")?;
        }
        if self.timestamps {
            f.write_str("; timestamps")?;
        }
        Ok(())
    }
}

struct Stretch(u64, usize);

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(from, length) = *self;
        match length {
            1 => write!(f, "byte {from}"),
            _ => write!(f, "bytes {from} to {}", from + (length as u64).saturating_sub(1)),
        }
    }
}

struct After(Option<Duration>);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(time) => write!(f, " after {}", Took(time)),
            None => Ok(()),
        }
    }
}
