//! The generator: one thread, constant requests, answers that are counted rather than parsed.
//!
//! It has to cost less than the fastest server, or it measures itself. So an answer's length is learned from the first
//! one, and later ones are counted; that each begins as an answer must, is looked at whenever a read begins with one. Of
//! HTTP/2 only what stands before each frame is read.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::latency::Latency;
use crate::link::{Buffers, Got, Link};
use crate::load::Load;
use crate::poll::Poll;
use crate::speech::{Speech, Turns};
use crate::streams::Streams;

/// How many connections are opened before the server is waited for: a queue that overflows costs each a second.
const OPENED_TOGETHER: usize = 64;
/// How long nothing may come before the server is given up.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// Connections that ask, and what was counted.
pub struct Generator<'a> {
    load: &'a Load,
    /// What is said on a connection that begins.
    turns: Turns,
    content_bytes: usize,
    poll: Poll,
    connections: Vec<Connection>,
    buffers: Buffers,
    /// Connections that wait for their turn, if there is a rate.
    idle: VecDeque<usize>,
    next_due: Instant,
    requests: u64,
    latency: Latency,
    heard: Instant,
}

struct Connection {
    link: Link,
    speech: Speech,
    requests: u64,
    answered: bool,
    due: Instant,
}

impl<'a> Generator<'a> {
    /// Opens the connections, and asks on them if there is no rate.
    pub fn open(load: &'a Load, answer: &Answer) -> io::Result<Self> {
        let now = Instant::now();
        let mut generator = Self {
            load,
            turns: Turns::new(load, answer),
            content_bytes: answer.content.len(),
            poll: Poll::new()?,
            connections: Vec::with_capacity(load.connections),
            buffers: Buffers::new(&load.target),
            idle: VecDeque::new(),
            next_due: now,
            requests: 0,
            latency: Latency::default(),
            heard: now,
        };
        for key in 0..load.connections {
            let link = if load.closes { load.target.begin()? } else { load.target.connect()? };
            if !load.closes && key % OPENED_TOGETHER == OPENED_TOGETHER - 1 {
                // An answer to another one shows that those before it were accepted.
                Answer::learn(&load.target, &load.request)?;
            }
            generator.poll.watch(link.socket(), key)?;
            let connection = generator.connection(link);
            generator.connections.push(connection);
        }
        if load.rate.is_some() {
            generator.idle.extend(0..load.connections);
        } else {
            for key in 0..load.connections {
                generator.ask(key, load.depth, Instant::now())?;
            }
        }
        Ok(generator)
    }

    fn connection(&self, link: Link) -> Connection {
        let speech = match self.load.target.wire.http2 {
            true => Speech::Streams(Streams::new(&self.load.request)),
            false => Speech::Turns(self.turns.clone()),
        };
        Connection { link, speech, requests: 0, answered: true, due: Instant::now() }
    }

    /// Forgets what was counted.
    pub fn begin_to_count(&mut self) {
        self.requests = 0;
        self.latency = Latency::default();
    }

    /// What was counted; an error if the content of HTTP/2 was not as long as it must have been.
    pub fn counted(self) -> io::Result<(u64, Latency)> {
        for connection in &self.connections {
            let Speech::Streams(streams) = &connection.speech else { continue };
            let whole = connection.requests * self.content_bytes as u64;
            let begun = (self.load.depth * self.content_bytes) as u64;
            if self.content_bytes > 0 && !(whole..=whole + begun).contains(&streams.content_bytes) {
                let because = format!("{} bytes came where {whole} were expected", streams.content_bytes);
                return Err(io::Error::new(io::ErrorKind::InvalidData, because));
            }
        }
        Ok((self.requests, self.latency))
    }

    /// Goes on for a time.
    pub fn run_for(&mut self, length: Duration) -> io::Result<()> {
        let mut now = Instant::now();
        let end = now + length;
        self.heard = now;
        self.next_due = self.next_due.max(now);
        while now < end {
            now = self.step(end)?;
            self.ask_what_is_due(now)?;
        }
        Ok(())
    }

    /// Goes on until something was answered.
    pub fn run_until_answered(&mut self) -> io::Result<()> {
        self.heard = Instant::now();
        while self.requests == 0 {
            self.step(Instant::now() + SILENCE_MAX)?;
        }
        Ok(())
    }

    /// Waits once, at most to `end`, and does what can be done then.
    fn step(&mut self, end: Instant) -> io::Result<Instant> {
        let patience = self.patience(Instant::now(), end);
        let changes = self.poll.wait(Some(patience))?;
        let now = Instant::now();
        if changes > 0 {
            self.heard = now;
        } else if now - self.heard > SILENCE_MAX {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the server fell silent"));
        }
        for index in 0..changes {
            let key = self.poll.key(index);
            self.turn(key, now)?;
        }
        Ok(now)
    }

    /// How long to wait for changes.
    fn patience(&self, now: Instant, end: Instant) -> Duration {
        let due = if self.load.rate.is_some() && !self.idle.is_empty() { self.next_due.min(end) } else { end };
        due.saturating_duration_since(now)
    }

    /// Asks what the rate wants asked by now, as far as there are connections that have nothing to do.
    fn ask_what_is_due(&mut self, now: Instant) -> io::Result<()> {
        let Some(rate) = self.load.rate else { return Ok(()) };
        let step = Duration::from_secs(1) / rate;
        while self.next_due <= now {
            let Some(key) = self.idle.pop_front() else { return Ok(()) };
            self.ask(key, self.load.depth, self.next_due)?;
            self.next_due += step;
        }
        Ok(())
    }

    /// Asks so many times on a connection.
    fn ask(&mut self, key: usize, times: usize, due: Instant) -> io::Result<()> {
        let connection = &mut self.connections[key];
        connection.answered = false;
        connection.due = due;
        connection.speech.ask(times);
        connection.send()
    }

    /// Does what can be done on a connection.
    fn turn(&mut self, key: usize, now: Instant) -> io::Result<()> {
        self.connections[key].send()?;
        loop {
            let connection = &mut self.connections[key];
            let (length, emptied) = match connection.link.read(&mut self.buffers)? {
                Got::Bytes { length, emptied } => (length, emptied),
                Got::Nothing => return Ok(()),
                Got::End => return self.ended(key, now),
            };
            let answered = connection.speech.take(&self.buffers.plain[..length])?;
            if answered > 0 {
                self.answered(key, answered, now)?;
            } else if !connection.speech.unsent().is_empty() {
                connection.send()?;
            }
            // A short read emptied the socket, unless its end is to be seen too.
            if emptied && !self.load.closes {
                return Ok(());
            }
        }
    }

    fn answered(&mut self, key: usize, answered: usize, now: Instant) -> io::Result<()> {
        let connection = &mut self.connections[key];
        connection.answered = true;
        connection.requests += answered as u64;
        self.requests += answered as u64;
        if !self.load.target.wire.http2 {
            self.latency.record(now - connection.due.min(now));
        }
        if self.load.rate.is_some() {
            self.idle.push_back(key);
        } else if !self.load.closes {
            self.ask(key, answered, now)?;
        }
        Ok(())
    }

    /// The server closed a connection: as it should, or too early.
    fn ended(&mut self, key: usize, now: Instant) -> io::Result<()> {
        if !self.load.closes || !self.connections[key].answered {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection too early"));
        }
        let link = self.load.target.begin()?;
        self.poll.watch(link.socket(), key)?;
        self.connections[key] = self.connection(link);
        self.ask(key, self.load.depth, now)
    }
}

impl Connection {
    /// Sends what there is to be sent, as far as there is room, once connected.
    fn send(&mut self) -> io::Result<()> {
        loop {
            let unsent = self.speech.unsent();
            if unsent.is_empty() {
                return self.link.flush();
            }
            match self.link.write(unsent)? {
                0 => return Ok(()),
                length => self.speech.sent(length),
            }
        }
    }
}
