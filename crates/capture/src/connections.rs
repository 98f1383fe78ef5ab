//! All connections of a capture, and which of them a packet belongs to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::connection::Connection;
use crate::step::{Direction, Step};
use crate::{Carries, Packet, Segment};

/// How much is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many connections; beyond that the one that was silent longest is forgotten.
    pub connections_max: usize,
    /// How many bytes of a direction wait for a segment that is missing.
    pub ahead_bytes_max: usize,
}

/// What a packet was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A segment of a connection.
    Segment(Step),
    /// A datagram, which belongs to nothing.
    Datagram {
        /// When it was seen, since 1970.
        at: Duration,
        /// Who sent it.
        from: SocketAddr,
        /// Who is to have it.
        to: SocketAddr,
        /// What was captured of it.
        data: Bytes,
        /// How long it was.
        length: usize,
    },
}

/// All connections of a capture.
#[derive(Debug, Default)]
pub struct Connections {
    limits: Limits,
    /// Known ports of servers, for connections whose beginning was not seen.
    ports: Vec<u16>,
    known: HashMap<Ends, Connection>,
    opened: u64,
}

/// Both ends of a connection, the lesser first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ends(SocketAddr, SocketAddr);

impl Default for Limits {
    /// 4,096 connections, and 4 MiB for each direction.
    fn default() -> Self {
        Self { connections_max: 4096, ahead_bytes_max: 4 * 1024 * 1024 }
    }
}

impl Connections {
    /// No connection yet; `ports` are those of servers.
    pub fn new(limits: Limits, ports: Vec<u16>) -> Self {
        Self { limits, ports, known: HashMap::new(), opened: 0 }
    }

    /// Hears a packet, and the connection that is forgotten for it, if one is.
    pub fn hear(&mut self, packet: &Packet) -> (Heard, Option<Connection>) {
        let Packet { at, from, to, .. } = *packet;
        let segment = match &packet.carries {
            Carries::Udp { data, length } => {
                return (Heard::Datagram { at, from, to, data: data.clone(), length: *length }, None);
            }
            Carries::Tcp(segment) => segment,
        };
        let ends = Ends::of(from, to);
        let is_asking = segment.flags.syn && segment.acknowledged.is_none();
        let mut left = None;
        if is_asking && !self.known.get(&ends).is_some_and(|known| known.is_asked_again(segment)) {
            // The same ports may be used again once a connection is over.
            left = self.known.remove(&ends);
        }
        if !self.known.contains_key(&ends) {
            left = left.or_else(|| self.make_room());
            let (client, server) = self.roles(from, to, segment);
            self.opened += 1;
            self.known.insert(ends, Connection::new(self.opened, client, server, at));
        }
        let connection = self.known.get_mut(&ends).expect("it was put there");
        let direction = if from == connection.client() { Direction::ToServer } else { Direction::ToClient };
        (Heard::Segment(connection.hear(direction, segment, at, &self.limits)), left)
    }

    fn make_room(&mut self) -> Option<Connection> {
        if self.known.len() < self.limits.connections_max.max(1) {
            return None;
        }
        let ends = *self.known.iter().min_by_key(|(_, known)| (known.ended().is_none(), known.last_seen()))?.0;
        self.known.remove(&ends)
    }

    /// Who is the client, where the beginning was not seen: whoever has the port that is less like a server's.
    fn roles(&self, from: SocketAddr, to: SocketAddr, segment: &Segment) -> (SocketAddr, SocketAddr) {
        let is_known = |end: SocketAddr| self.ports.contains(&end.port());
        let to_client = match segment.flags.syn {
            true => segment.acknowledged.is_some(),
            false if is_known(from) != is_known(to) => is_known(from),
            false => from.port() < to.port(),
        };
        if to_client { (to, from) } else { (from, to) }
    }

    /// The connection of that number, if it is still remembered.
    pub fn connection(&self, number: u64) -> Option<&Connection> {
        self.known.values().find(|known| known.number() == number)
    }

    /// All that are remembered, in the order in which they were opened.
    pub fn all(&self) -> Vec<&Connection> {
        let mut all: Vec<&Connection> = self.known.values().collect();
        all.sort_by_key(|connection| connection.number());
        all
    }
}

impl Ends {
    fn of(one: SocketAddr, other: SocketAddr) -> Self {
        if one <= other { Self(one, other) } else { Self(other, one) }
    }
}
