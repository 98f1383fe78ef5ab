//! Two engines joined in memory: what one writes the other reads, in pieces of random length.

use std::time::Instant;

use wirelight_proto::{Connection, ConnectionError, Event, Incoming, Outgoing, Part};

use crate::Random;

/// One end of a pair.
#[derive(Debug)]
pub struct End<C> {
    /// The engine.
    pub engine: C,
    /// What it may read.
    pub input: Incoming,
    /// What it wrote and the other end has not got yet.
    pub out: Outgoing,
    /// What it said, oldest first; take it from here.
    pub events: Vec<Event>,
    /// The error that ended it.
    pub error: Option<ConnectionError>,
    closed: bool,
}

impl<C: Connection> End<C> {
    fn new(engine: C) -> Self {
        let (input, out) = (Incoming::new(), Outgoing::new());
        Self { engine, input, out, events: Vec::new(), error: None, closed: false }
    }

    /// Hears everything; content is taken at once. Says whether anything was heard.
    fn hear(&mut self, now: Instant) -> bool {
        let before = self.events.len();
        while self.error.is_none() {
            match self.engine.poll_event(&mut self.input, now) {
                Ok(Some(event)) => {
                    if let Event::Received(stream, Part::Content(content)) = &event {
                        self.engine.consume(*stream, content.len());
                    }
                    self.events.push(event);
                }
                Ok(None) => break,
                Err(error) => self.error = Some(error),
            }
        }
        self.engine.poll_transmit(&mut self.out, now);
        self.events.len() > before
    }
}

/// Two engines joined in memory.
#[derive(Debug)]
pub struct Pair<C, S = C> {
    /// The end that sends requests.
    pub client: End<C>,
    /// The end that sends responses.
    pub server: End<S>,
    /// The time that both are told.
    pub now: Instant,
    random: Random,
}

impl<C: Connection, S: Connection> Pair<C, S> {
    /// Joins two engines; `seed` decides how their bytes are split.
    pub fn new(client: C, server: S, now: Instant, seed: u64) -> Self {
        Self { client: End::new(client), server: End::new(server), now, random: Random::new(seed) }
    }

    /// Carries bytes to and fro until nothing moves; an end that is finished is closed after its last byte.
    pub fn settle(&mut self) {
        loop {
            let mut moved = self.client.hear(self.now) | self.server.hear(self.now);
            moved |= carry(&mut self.client, &mut self.server, &mut self.random);
            moved |= carry(&mut self.server, &mut self.client, &mut self.random);
            if !moved {
                return;
            }
        }
    }
}

fn carry<A: Connection, B: Connection>(from: &mut End<A>, to: &mut End<B>, random: &mut Random) -> bool {
    if from.out.is_empty() {
        if from.engine.is_finished() && !from.closed {
            from.closed = true;
            to.engine.receive_eof();
            return true;
        }
        return false;
    }
    if !to.engine.wants_read() && !to.engine.is_finished() {
        return false;
    }
    let length = 1 + random.below(from.out.len());
    let bytes: Vec<u8> = from.out.pieces().flatten().take(length).copied().collect();
    to.input.extend(&bytes);
    from.out.advance(length);
    true
}
