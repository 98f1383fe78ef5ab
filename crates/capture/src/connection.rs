//! One TCP connection, followed from its first segment to its last.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::half::Half;
use crate::step::{Direction, Event, Step, Took};
use crate::{Limits, Segment};

/// One TCP connection.
#[derive(Debug)]
pub struct Connection {
    number: u64,
    client: SocketAddr,
    server: SocketAddr,
    /// Since 1970.
    began: Duration,
    last: Duration,
    asked: Option<Duration>,
    agreed: Option<Duration>,
    established: Option<Duration>,
    to_server: Half,
    to_client: Half,
    round_trips: RoundTrips,
    segments: u64,
    first_finish: Option<Direction>,
    ended: Option<Ended>,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Both sides finished; this one first.
    Closed(Direction),
    /// Who sends this way broke it off.
    Reset(Direction),
    /// Who sends this way did not want it.
    Refused(Direction),
}

/// How long it took until data was confirmed.
#[derive(Debug, Clone, Copy, Default)]
struct RoundTrips {
    count: u32,
    least: Duration,
    most: Duration,
    sum: Duration,
}

/// What there is to say of a connection as a whole; its `Display` is that, in a few lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which connection of the capture, from 1.
    pub number: u64,
    /// Who opened it.
    pub client: SocketAddr,
    /// Who was asked.
    pub server: SocketAddr,
    /// From the SYN until the connection stood, where that was seen.
    pub handshake: Option<Duration>,
    /// The least, the mean and the greatest time until data was confirmed.
    pub round_trips: Option<(Duration, Duration, Duration)>,
    /// How many segments were seen.
    pub segments: u64,
    /// Bytes to the server and to the client.
    pub bytes: (u64, u64),
    /// Segments that were sent again, to the server and to the client.
    pub retransmissions: (u64, u64),
    /// Bytes that were on the wire and not captured.
    pub missed_bytes: u64,
    /// From the first segment to the last.
    pub lasted: Duration,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ended>,
}

impl Connection {
    pub(crate) fn new(number: u64, client: SocketAddr, server: SocketAddr, at: Duration) -> Self {
        Self {
            number,
            client,
            server,
            began: at,
            last: at,
            asked: None,
            agreed: None,
            established: None,
            to_server: Half::default(),
            to_client: Half::default(),
            round_trips: RoundTrips::default(),
            segments: 0,
            first_finish: None,
            ended: None,
        }
    }

    /// Which connection of the capture it is, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Who opened it.
    pub fn client(&self) -> SocketAddr {
        self.client
    }

    /// Who was asked.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// How it ended; `None` while it is open.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }

    /// When its first packet was seen, since 1970.
    pub fn began(&self) -> Duration {
        self.began
    }

    /// When its last packet so far was seen, since 1970.
    pub fn last_seen(&self) -> Duration {
        self.last
    }

    /// Whether a SYN with this number asks for the connection that is known, once more.
    pub(crate) fn is_asked_again(&self, segment: &Segment) -> bool {
        self.ended.is_none() && self.asked.is_some() && self.to_server.is_first(segment.sequence.wrapping_add(1))
    }

    /// Hears a segment of this connection.
    pub(crate) fn hear(&mut self, direction: Direction, segment: &Segment, at: Duration, limits: &Limits) -> Step {
        self.last = self.last.max(at);
        self.segments += 1;
        let mut events = Vec::new();
        self.hear_opening(direction, segment, at, &mut events);
        let length = segment.length;
        let (told, delivered) = match segment.flags.syn || segment.flags.rst {
            true => (None, Vec::new()),
            false => self.half(direction).data(segment.sequence, &segment.data, length, at, limits.ahead_bytes_max),
        };
        self.hear_confirmation(direction, segment, at, told.is_none(), &mut events);
        events.extend(told);
        self.hear_window(direction, segment, &mut events);
        self.hear_end(direction, segment, &mut events);
        Step {
            connection: self.number,
            after: at.saturating_sub(self.began),
            direction,
            flags: segment.flags,
            has_ack: segment.acknowledged.is_some(),
            sequence: segment.sequence,
            events,
            delivered,
        }
    }

    fn half(&mut self, direction: Direction) -> &mut Half {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }

    fn hear_opening(&mut self, direction: Direction, segment: &Segment, at: Duration, events: &mut Vec<Event>) {
        let options = segment.options;
        if segment.flags.syn {
            let half = self.half(direction);
            half.begin(segment.sequence);
            half.scale = options.window_scale.unwrap_or(0).min(14);
            // The window of a SYN is never scaled.
            let window = segment.window.into();
            events.push(match direction {
                Direction::ToServer => {
                    let again = self.asked.map(|asked| at.saturating_sub(asked));
                    self.asked.get_or_insert(at);
                    Event::Asked { options, window, again }
                }
                Direction::ToClient => {
                    self.agreed = Some(at);
                    Event::Agreed { options, window, round_trip: self.asked.map(|asked| at.saturating_sub(asked)) }
                }
            });
            return;
        }
        if self.asked.is_none() && self.agreed.is_none() && self.segments == 1 {
            events.push(Event::WasOpen);
        }
        if !self.half(direction).is_begun() {
            self.half(direction).join(segment.sequence);
        }
        if let Some(number) = segment.acknowledged {
            self.half(direction.other()).join(number);
        }
        let is_answer = direction == Direction::ToServer && segment.acknowledged.is_some() && !segment.flags.rst;
        if let (Some(agreed), None, true) = (self.agreed, self.established, is_answer) {
            self.established = Some(at);
            let handshake = self.asked.map(|asked| at.saturating_sub(asked));
            events.push(Event::Established { handshake, round_trip: Some(at.saturating_sub(agreed)) });
        }
    }

    fn hear_confirmation(
        &mut self,
        direction: Direction,
        segment: &Segment,
        at: Duration,
        carries_nothing: bool,
        events: &mut Vec<Event>,
    ) {
        let flags = segment.flags;
        let Some(number) = segment.acknowledged.filter(|_| !flags.syn && !flags.rst) else {
            return;
        };
        let is_bare = carries_nothing && !flags.fin && !self.half(direction).window_closed && segment.window != 0;
        let told = self.half(direction.other()).confirm(number, at, is_bare);
        if let Some(Event::Acknowledged { round_trip: Some(time), .. }) = told {
            self.round_trips.add(time);
        }
        events.extend(told);
    }

    fn hear_window(&mut self, direction: Direction, segment: &Segment, events: &mut Vec<Event>) {
        if segment.flags.syn || segment.flags.rst {
            return;
        }
        let half = self.half(direction);
        match (half.window_closed, segment.window) {
            (false, 0) => {
                half.window_closed = true;
                events.push(Event::WindowClosed);
            }
            (true, window @ 1..) => {
                half.window_closed = false;
                events.push(Event::WindowOpened { window: u64::from(window) << half.scale });
            }
            _ => {}
        }
    }

    fn hear_end(&mut self, direction: Direction, segment: &Segment, events: &mut Vec<Event>) {
        if segment.flags.rst {
            let refused = self.established.is_none() && self.agreed.is_none() && self.asked.is_some();
            events.push(Event::Reset { refused });
            self.ended.get_or_insert(if refused { Ended::Refused(direction) } else { Ended::Reset(direction) });
            return;
        }
        if segment.flags.fin {
            self.first_finish.get_or_insert(direction);
            events.extend(self.half(direction).finish(segment.sequence, segment.length));
        }
        if let (Some(first), true, true, None) =
            (self.first_finish, self.to_server.end_confirmed, self.to_client.end_confirmed, self.ended)
        {
            self.ended = Some(Ended::Closed(first));
            events.push(Event::Closed);
        }
    }

    /// What there is to say of it as a whole.
    pub fn summary(&self) -> Summary {
        Summary {
            number: self.number,
            client: self.client,
            server: self.server,
            handshake: self.asked.zip(self.established).map(|(asked, stood)| stood.saturating_sub(asked)),
            round_trips: self.round_trips.told(),
            segments: self.segments,
            bytes: (self.to_server.sent(), self.to_client.sent()),
            retransmissions: (self.to_server.retransmissions, self.to_client.retransmissions),
            missed_bytes: self.to_server.missed_bytes + self.to_client.missed_bytes,
            lasted: self.last.saturating_sub(self.began),
            ended: self.ended,
        }
    }
}

impl RoundTrips {
    fn add(&mut self, time: Duration) {
        self.least = if self.count == 0 { time } else { self.least.min(time) };
        self.most = self.most.max(time);
        self.sum += time;
        self.count += 1;
    }

    fn told(self) -> Option<(Duration, Duration, Duration)> {
        (self.count > 0).then(|| (self.least, self.sum / self.count, self.most))
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(first) => write!(f, "closed; {} finished first", first.sender()),
            Self::Reset(by) => write!(f, "broken off by {}", by.sender()),
            Self::Refused(by) => write!(f, "refused by {}", by.sender()),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}, ", self.client, self.server)?;
        match self.ended {
            Some(ended) => write!(f, "{ended}, after {}", Took(self.lasted))?,
            None => write!(f, "still open, {} since the first segment", Took(self.lasted))?,
        }
        let (up, down) = self.bytes;
        write!(f, "\n{up} bytes to the server and {down} to the client in {} segments", self.segments)?;
        let (again_up, again_down) = self.retransmissions;
        if again_up + again_down > 0 {
            write!(f, "; sent again: {again_up} to the server, {again_down} to the client")?;
        }
        if self.missed_bytes > 0 {
            write!(f, "; {} bytes were not captured", self.missed_bytes)?;
        }
        if let Some(handshake) = self.handshake {
            write!(f, "\nthe handshake took {}", Took(handshake))?;
            if self.round_trips.is_some() {
                f.write_str("; ")?;
            }
        } else if self.round_trips.is_some() {
            f.write_str("\n")?;
        }
        match self.round_trips {
            Some((least, mean, most)) => {
                write!(f, "data was confirmed after {} (mean {}, at most {})", Took(least), Took(mean), Took(most))
            }
            None => Ok(()),
        }
    }
}
