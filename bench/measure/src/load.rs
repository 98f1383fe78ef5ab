//! The generator: one thread, constant requests, answers that are counted rather than parsed.
//!
//! It has to cost less than the fastest server, or it measures itself. So an answer's length is learned from the first
//! one, and later ones are counted; that each begins as an answer must, is looked at whenever a read begins with one.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::{Errno, read, write};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with, sockopt};

use crate::answer::{self, Answer, Chunked, Framing};
use crate::latency::Latency;
use crate::poll::Poll;
use crate::processes::Processes;

/// How much is read at once.
const READ_BYTES: usize = 256 << 10;
/// How many connections are opened before the server is waited for: a queue that overflows costs each a second.
const OPENED_TOGETHER: usize = 64;
/// How long nothing may come before the server is given up.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How every answer begins.
const BEGINNING: &[u8] = b"HTTP/1.1 200";

/// What to ask of a server.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where it listens.
    pub address: SocketAddr,
    /// One request, as it leaves.
    pub request: Vec<u8>,
    /// How many connections there are.
    pub connections: usize,
    /// How many requests leave together on a connection.
    pub depth: usize,
    /// Whether each connection serves one request only.
    pub closes: bool,
    /// How many requests a second there are in all; None for as many as are answered.
    pub rate: Option<u32>,
    /// How long the load runs before anything counts.
    pub warm_up: Duration,
    /// For how long it counts.
    pub measured: Duration,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How many requests were answered while it counted.
    pub requests: u64,
    /// For how long it counted.
    pub elapsed: Duration,
    /// What the server spent meanwhile.
    pub cpu: Duration,
    /// What the generator spent meanwhile.
    pub own_cpu: Duration,
    /// How long the answers took: from when their request was due, if there is a rate.
    pub latency: Latency,
    /// How long opening the connections took.
    pub opening: Duration,
}

/// Runs a load against a server, and counts what the server's processes spend meanwhile.
pub fn run(load: &Load, answer: &Answer, server: &Processes) -> io::Result<Outcome> {
    let began = Instant::now();
    let mut generator = Generator::open(load, answer)?;
    let opening = began.elapsed();
    generator.run_for(load.warm_up)?;
    generator.requests = 0;
    generator.latency = Latency::default();
    let own = Processes::only(std::process::id());
    let (spent, own_spent, began) = (server.cpu()?, own.cpu()?, Instant::now());
    generator.run_for(load.measured)?;
    let (elapsed, spent_then, own_spent_then) = (began.elapsed(), server.cpu()?, own.cpu()?);
    if spent.threads > spent_then.threads {
        return Err(io::Error::other("a thread of the server ended, and what it spent is lost"));
    }
    Ok(Outcome {
        requests: generator.requests,
        elapsed,
        cpu: spent_then.time - spent.time,
        own_cpu: own_spent_then.time.saturating_sub(own_spent.time),
        latency: generator.latency,
        opening,
    })
}

struct Generator<'a> {
    load: &'a Load,
    framing: Framing,
    /// So many bytes answer the requests that left together.
    batch_bytes: usize,
    requests_batch: Vec<u8>,
    poll: Poll,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Connections that wait for their turn, if there is a rate.
    idle: VecDeque<usize>,
    next_due: Instant,
    requests: u64,
    latency: Latency,
    heard: Instant,
}

struct Connection {
    socket: OwnedFd,
    /// Requests that are not written yet.
    unsent_bytes: usize,
    /// Bytes of answers that are still to come, if they are counted.
    awaited_bytes: usize,
    /// Where the answers are read, if they are chunked; and how many are still to come.
    chunked: Chunked,
    awaited: usize,
    answered: bool,
    due: Instant,
}

impl Connection {
    fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            unsent_bytes: 0,
            awaited_bytes: 0,
            chunked: Chunked::default(),
            awaited: 0,
            answered: true,
            due: Instant::now(),
        }
    }
}

/// How far the answers on a connection are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Pending,
    Answered,
}

impl<'a> Generator<'a> {
    fn open(load: &'a Load, answer: &Answer) -> io::Result<Self> {
        let now = Instant::now();
        let mut generator = Self {
            load,
            framing: answer.framing,
            batch_bytes: answer.total_bytes * load.depth,
            requests_batch: load.request.repeat(load.depth),
            poll: Poll::new()?,
            connections: Vec::with_capacity(load.connections),
            buffer: vec![0; READ_BYTES],
            idle: VecDeque::new(),
            next_due: now,
            requests: 0,
            latency: Latency::default(),
            heard: now,
        };
        for key in 0..load.connections {
            let socket = if load.closes {
                generator.begin_to_connect()?
            } else {
                let mut stream = answer::connect(load.address)?;
                if key % OPENED_TOGETHER == OPENED_TOGETHER - 1 {
                    // An answer on this one shows that those before it were accepted.
                    stream.write_all(&load.request)?;
                    Answer::read(&mut stream)?;
                }
                stream.set_nonblocking(true)?;
                stream.into()
            };
            generator.poll.watch(&socket, key)?;
            generator.connections.push(Connection::new(socket));
        }
        if load.rate.is_some() {
            generator.idle.extend(0..load.connections);
        } else {
            for key in 0..load.connections {
                generator.ask(key, Instant::now())?;
            }
        }
        Ok(generator)
    }

    fn run_for(&mut self, length: Duration) -> io::Result<()> {
        let mut now = Instant::now();
        let end = now + length;
        self.heard = now;
        self.next_due = self.next_due.max(now);
        while now < end {
            let changes = self.poll.wait(Some(self.patience(now, end)))?;
            now = Instant::now();
            if changes > 0 {
                self.heard = now;
            } else if now - self.heard > SILENCE_MAX {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the server fell silent"));
            }
            for index in 0..changes {
                let key = self.poll.key(index);
                self.turn(key, now)?;
            }
            self.ask_what_is_due(now)?;
        }
        Ok(())
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
            self.ask(key, self.next_due)?;
            self.next_due += step;
        }
        Ok(())
    }

    /// Sends the requests of one turn on a connection.
    fn ask(&mut self, key: usize, due: Instant) -> io::Result<()> {
        let connection = &mut self.connections[key];
        connection.unsent_bytes = self.requests_batch.len();
        connection.awaited_bytes = self.batch_bytes;
        connection.awaited = self.load.depth;
        connection.answered = false;
        connection.due = due;
        self.send(key)
    }

    fn send(&mut self, key: usize) -> io::Result<()> {
        let connection = &mut self.connections[key];
        while connection.unsent_bytes > 0 {
            let unsent = &self.requests_batch[self.requests_batch.len() - connection.unsent_bytes..];
            match write(&connection.socket, unsent) {
                Ok(length) => connection.unsent_bytes -= length,
                // Not connected yet, or no room: the poll tells when that changes.
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Does what can be done on a connection.
    fn turn(&mut self, key: usize, now: Instant) -> io::Result<()> {
        if self.connections[key].unsent_bytes > 0 {
            self.send(key)?;
        }
        loop {
            let length = match read(&self.connections[key].socket, &mut *self.buffer) {
                Ok(0) => return self.ended(key, now),
                Ok(length) => length,
                Err(Errno::AGAIN | Errno::NOTCONN) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            if self.take(key, length)? == Progress::Answered {
                self.connections[key].answered = true;
                self.requests += self.load.depth as u64;
                self.latency.record(now - self.connections[key].due.min(now));
                if self.load.rate.is_some() {
                    self.idle.push_back(key);
                } else if !self.load.closes {
                    self.ask(key, now)?;
                }
            }
            // A short read emptied the socket, unless its end is to be seen too.
            if length < self.buffer.len() && !self.load.closes {
                return Ok(());
            }
        }
    }

    /// Takes what was read.
    fn take(&mut self, key: usize, length: usize) -> io::Result<Progress> {
        let connection = &mut self.connections[key];
        let mut bytes = &self.buffer[..length];
        if self.framing == Framing::Chunked {
            while connection.awaited > 0 && connection.chunked.feed(&mut bytes, None)? {
                connection.awaited -= 1;
            }
            if !bytes.is_empty() {
                return Err(unexpected(bytes));
            }
            return Ok(if connection.awaited == 0 { Progress::Answered } else { Progress::Pending });
        }
        let begins = connection.awaited_bytes == self.batch_bytes;
        if begins && !bytes.starts_with(&BEGINNING[..BEGINNING.len().min(length)]) || length > connection.awaited_bytes
        {
            return Err(unexpected(bytes));
        }
        connection.awaited_bytes -= length;
        Ok(if connection.awaited_bytes == 0 { Progress::Answered } else { Progress::Pending })
    }

    /// The server closed a connection: as it should, or too early.
    fn ended(&mut self, key: usize, now: Instant) -> io::Result<()> {
        if !self.load.closes || !self.connections[key].answered {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed a connection too early"));
        }
        let socket = self.begin_to_connect()?;
        self.poll.watch(&socket, key)?;
        self.connections[key] = Connection::new(socket);
        self.ask(key, now)
    }

    fn begin_to_connect(&self) -> io::Result<OwnedFd> {
        let family = if self.load.address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, Some(ipproto::TCP))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &self.load.address) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error.into()),
        }
    }
}

fn unexpected(bytes: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    io::Error::new(io::ErrorKind::InvalidData, format!("not the answer that was learned: {text:?}"))
}

/// Runs one load while another goes on beside it; only the first is counted.
pub fn run_beside(load: &Load, answer: &Answer, beside: (&Load, &Answer), server: &Processes) -> io::Result<Outcome> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| Generator::open(beside.0, beside.1)?.run_for(load.warm_up + load.measured));
        let outcome = run(load, answer, server);
        other.join().map_err(|_| io::Error::other("the load beside panicked"))??;
        outcome
    })
}

/// Opens connections, has one answer on each, and leaves them open.
pub fn idle(load: &Load, answer: &Answer) -> io::Result<Vec<TcpStream>> {
    let mut buffer = vec![0; answer.total_bytes];
    let mut open = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        let mut stream = answer::connect(load.address)?;
        stream.write_all(&load.request)?;
        stream.read_exact(&mut buffer)?;
        if !buffer.starts_with(BEGINNING) {
            return Err(unexpected(&buffer));
        }
        open.push(stream);
    }
    Ok(open)
}
