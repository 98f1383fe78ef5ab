//! One way of a connection: what its sender sent, what of it was seen, and what the other side has confirmed.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Buf, Bytes};

use crate::sequence;
use crate::step::Event;

/// How many segments that wait for confirmation are remembered, to tell how long that took.
const FLIGHTS_MAX: usize = 1024;

/// One way of a connection.
#[derive(Debug, Default)]
pub(crate) struct Half {
    /// The sequence number of the stream's first byte, once one was seen.
    base: Option<u32>,
    /// Where the furthest byte seen ends.
    sent: u64,
    /// Where what was handed on in order ends.
    delivered: u64,
    /// What was seen behind something that is missing.
    ahead: BTreeMap<u64, Bytes>,
    ahead_bytes: usize,
    /// How far the other side has confirmed.
    confirmed: u64,
    repeats: u32,
    flights: VecDeque<Flight>,
    /// Where the stream ends.
    pub(crate) end: Option<u64>,
    /// Whether the other side has confirmed the end.
    pub(crate) end_confirmed: bool,
    /// By how many bits this sender's windows are shifted.
    pub(crate) scale: u8,
    pub(crate) window_closed: bool,
    /// Segments that were sent again.
    pub(crate) retransmissions: u64,
    /// Bytes that were never seen.
    pub(crate) missed_bytes: u64,
}

/// A segment on its way.
#[derive(Debug)]
struct Flight {
    end: u64,
    at: Duration,
    again: bool,
}

impl Half {
    /// How many bytes the sender has sent, as far as was seen.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether the stream begins with the byte of this number.
    pub(crate) fn is_first(&self, number: u32) -> bool {
        self.base == Some(number)
    }

    pub(crate) fn is_begun(&self) -> bool {
        self.base.is_some()
    }

    /// The stream begins behind a SYN of this sequence number.
    pub(crate) fn begin(&mut self, syn: u32) {
        self.base = Some(syn.wrapping_add(1));
    }

    /// The stream is under way, and the next byte that will be seen has this number.
    pub(crate) fn join(&mut self, sequence: u32) {
        self.base.get_or_insert(sequence);
    }

    fn position(&self, number: u32) -> i64 {
        self.base.map_or(0, |base| sequence::position(base, self.sent as i64, number))
    }

    /// Takes the data of a segment; at most `ahead_bytes_max` wait for what is missing.
    pub(crate) fn data(
        &mut self,
        number: u32,
        data: &Bytes,
        length: usize,
        at: Duration,
        ahead_bytes_max: usize,
    ) -> (Option<Event>, Vec<(u64, Bytes)>) {
        let position = self.position(number);
        if length <= 1 && position == self.sent as i64 - 1 && self.delivered == self.sent {
            return (Some(Event::KeepAlive), Vec::new());
        }
        if length == 0 {
            return (None, Vec::new());
        }
        // What lies before the beginning was sent before the capture began.
        let Ok(from) = u64::try_from(position) else {
            return (Some(Event::Retransmitted { from: 0, length, since: None }), Vec::new());
        };
        let event = self.event(from, length, at);
        let delivered = self.deliver(from, data.clone(), length, ahead_bytes_max);
        (Some(event), delivered)
    }

    fn event(&mut self, from: u64, length: usize, at: Duration) -> Event {
        let end = from + length as u64;
        if from >= self.sent {
            let missing = from - self.sent;
            self.sent = end;
            self.fly(Flight { end, at, again: false });
            return Event::Data { from, length, missing };
        }
        if from >= self.delivered && !self.ahead.contains_key(&from) {
            self.sent = self.sent.max(end);
            return Event::Filled { from, length };
        }
        self.retransmissions += 1;
        self.sent = self.sent.max(end);
        let flight = self.flights.iter_mut().find(|flight| flight.end >= end);
        let since = flight.map(|flight| {
            flight.again = true;
            at.saturating_sub(flight.at)
        });
        Event::Retransmitted { from, length, since }
    }

    fn fly(&mut self, flight: Flight) {
        if self.flights.len() == FLIGHTS_MAX {
            self.flights.pop_front();
        }
        self.flights.push_back(flight);
    }

    /// Hands on what is in order now.
    fn deliver(&mut self, from: u64, data: Bytes, length: usize, ahead_bytes_max: usize) -> Vec<(u64, Bytes)> {
        self.ahead_bytes += data.len();
        self.ahead.insert(from, data.clone());
        if data.len() < length {
            // The rest was on the wire and not captured: the stream goes on behind it.
            self.ahead.insert(from + data.len() as u64, Bytes::new());
            self.missed_bytes += (length - data.len()) as u64;
        }
        let mut delivered = self.drain();
        while self.ahead_bytes > ahead_bytes_max {
            // It will not come any more: what is behind it is handed on without it.
            let Some((&next, _)) = self.ahead.first_key_value() else { break };
            self.missed_bytes += next - self.delivered;
            self.delivered = next;
            delivered.append(&mut self.drain());
        }
        if data.len() < length {
            self.delivered = self.delivered.max(from + length as u64);
        }
        delivered
    }

    fn drain(&mut self) -> Vec<(u64, Bytes)> {
        let mut delivered = Vec::new();
        while let Some(entry) = self.ahead.first_entry() {
            let from = *entry.key();
            if from > self.delivered {
                break;
            }
            let mut data = entry.remove();
            self.ahead_bytes -= data.len();
            let known = self.delivered - from;
            if known < data.len() as u64 {
                data.advance(known as usize);
                let at = self.delivered;
                self.delivered += data.len() as u64;
                delivered.push((at, data));
            }
        }
        delivered
    }

    /// The other side confirms what this one sent, all before `number`; `is_bare` is a segment that does nothing else.
    pub(crate) fn confirm(&mut self, number: u32, at: Duration, is_bare: bool) -> Option<Event> {
        let position = self.position(number);
        let end = self.end.map(|end| end as i64 + 1);
        if end.is_some_and(|end| position >= end) {
            self.end_confirmed = true;
        }
        let up_to = u64::try_from(position).ok()?.min(self.end.unwrap_or(u64::MAX));
        if up_to > self.confirmed {
            self.confirmed = up_to;
            self.repeats = 0;
            // A confirmation may be seen of what was not: then that was not captured.
            self.sent = self.sent.max(up_to);
            return Some(Event::Acknowledged { up_to, round_trip: self.landed(up_to, at) });
        }
        if up_to == self.confirmed && is_bare && self.sent > self.confirmed {
            self.repeats += 1;
            return Some(Event::Repeated { up_to, times: self.repeats });
        }
        None
    }

    /// How long the last of what was confirmed had been on its way (RFC 6298, section 3: not if it was sent twice).
    fn landed(&mut self, up_to: u64, at: Duration) -> Option<Duration> {
        let mut last = None;
        while let Some(flight) = self.flights.pop_front_if(|flight| flight.end <= up_to) {
            last = Some(flight);
        }
        last.filter(|flight| !flight.again).map(|flight| at.saturating_sub(flight.at))
    }

    /// FIN behind what the segment carried.
    pub(crate) fn finish(&mut self, number: u32, length: usize) -> Option<Event> {
        let end = u64::try_from(self.position(number)).ok()? + length as u64;
        let is_new = self.end.is_none();
        self.end = Some(end);
        is_new.then_some(Event::Finished { bytes: end })
    }
}
