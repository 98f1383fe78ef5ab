//! Packets as two machines would send them.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use wirelight_capture::{Carries, Connections, Direction, Flags, Heard, Limits, Options, Packet, Segment, Step};

pub(crate) const CLIENT: &str = "127.0.0.1:50000";
pub(crate) const SERVER: &str = "127.0.0.1:8080";
/// Numbers near where they come round again.
pub(crate) const CLIENT_BEGINS: u32 = u32::MAX - 2;
pub(crate) const SERVER_BEGINS: u32 = 7000;

/// A wire between a client and a server, and whoever listens on it.
pub(crate) struct Cable {
    pub(crate) connections: Connections,
    microseconds: u64,
}

/// One segment that is about to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    direction: Direction,
    segment: Segment,
}

impl Sent {
    /// A segment `to_server` or `to_client` whose data begins at `from` of its stream, with an ACK of all before `up_to`.
    pub(crate) fn new(direction: Direction, from: u32, up_to: u32, data: &'static [u8]) -> Self {
        let (ours, theirs) = match direction {
            Direction::ToServer => (CLIENT_BEGINS, SERVER_BEGINS),
            Direction::ToClient => (SERVER_BEGINS, CLIENT_BEGINS),
        };
        let segment = Segment {
            sequence: ours.wrapping_add(1).wrapping_add(from),
            acknowledged: Some(theirs.wrapping_add(1).wrapping_add(up_to)),
            flags: Flags { psh: !data.is_empty(), ..Flags::default() },
            window: 500,
            options: Options::default(),
            data: Bytes::from_static(data),
            length: data.len(),
        };
        Self { direction, segment }
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Segment)) -> Self {
        change(&mut self.segment);
        self
    }

    pub(crate) fn fin(self) -> Self {
        self.with(|segment| segment.flags.fin = true)
    }

    pub(crate) fn rst(self) -> Self {
        self.with(|segment| segment.flags.rst = true)
    }

    pub(crate) fn syn(direction: Direction) -> Self {
        let begins = if direction == Direction::ToServer { CLIENT_BEGINS } else { SERVER_BEGINS };
        Self::new(direction, 0, 0, b"").with(|segment| {
            segment.sequence = begins;
            segment.flags.syn = true;
            segment.window = 65_495;
            segment.options =
                Options { segment_bytes_max: Some(65_495), window_scale: Some(7), selective: true, timestamps: true };
            if direction == Direction::ToServer {
                segment.acknowledged = None;
            }
        })
    }
}

impl Cable {
    pub(crate) fn new() -> Self {
        Self { connections: Connections::new(Limits::default(), vec![8080]), microseconds: 0 }
    }

    /// Sends a segment 250 microseconds after the one before it.
    pub(crate) fn send(&mut self, sent: Sent) -> Step {
        let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        let (from, to) = if sent.direction == Direction::ToServer { (client, server) } else { (server, client) };
        self.microseconds += 250;
        let at = Duration::from_micros(self.microseconds);
        let (heard, _) = self.connections.hear(&Packet { at, from, to, carries: Carries::Tcp(sent.segment) });
        match heard {
            Heard::Segment(step) => step,
            Heard::Datagram { .. } => unreachable!("only segments are sent"),
        }
    }

    pub(crate) fn open(&mut self) {
        self.send(Sent::syn(Direction::ToServer));
        self.send(Sent::syn(Direction::ToClient));
        self.send(Sent::new(Direction::ToServer, 0, 0, b""));
    }
}
