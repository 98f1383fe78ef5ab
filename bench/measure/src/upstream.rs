//! A fast server in a thread of our own: what clients under test ask, and what proxies under test forward to.
//!
//! It finds the ends of requests, looks at their paths, and answers constants; it counts what it answered, so that a
//! client needs not be asked how far it is.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use memchr::memmem;
use rustix::io::{Errno, read, write};

use crate::poll::Poll;
use crate::site;

/// The key of the listening socket.
const LISTENER: usize = usize::MAX;
/// How often it is looked whether we are to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How much is read at once.
const READ_BYTES: usize = 64 << 10;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    answered: AtomicU64,
    ends: AtomicBool,
}

impl Upstream {
    /// Starts it, on the cores that this thread may use.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let serve = move || Service::new(theirs)?.run(&listener);
        let thread = thread::Builder::new().name("upstream".to_owned()).spawn(serve)?;
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// How many requests it has answered.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the upstream ended: {error}");
        }
    }
}

struct Service {
    poll: Poll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    answers: Answers,
    shared: Arc<Shared>,
}

struct Connection {
    socket: OwnedFd,
    /// The beginning of a head whose end has not come.
    begun: Vec<u8>,
    /// Answers that are owed, the first of them from an offset on.
    owed: VecDeque<usize>,
    offset: usize,
}

/// What is answered, by paths; the first to whatever else is asked for.
struct Answers(Vec<(&'static str, Vec<u8>)>);

impl Answers {
    fn new() -> Self {
        let answer = |(path, content): (&'static str, Vec<u8>)| {
            let mut answer = format!(
                "HTTP/1.1 200 OK\r\nServer: upstream\r\nDate: Sat, 21 Nov 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
                content.len()
            )
            .into_bytes();
            answer.extend(content);
            (path, answer)
        };
        let contents = [
            ("/", b"Hello, world!".to_vec()),
            (site::ONE_KIBIBYTE, site::text(1 << 10)),
            (site::SIXTY_FOUR_KIBIBYTES, site::text(64 << 10)),
            (site::ONE_MEBIBYTE, site::text(1 << 20)),
        ];
        Self(contents.into_iter().map(answer).collect())
    }

    /// Which answer a head asks for.
    fn choose(&self, head: &[u8]) -> usize {
        let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        self.0.iter().position(|(known, _)| known.as_bytes() == path).unwrap_or(0)
    }
}

impl Service {
    fn new(shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            connections: Vec::new(),
            free: Vec::new(),
            buffer: vec![0; READ_BYTES],
            answers: Answers::new(),
            shared,
        })
    }

    fn run(mut self, listener: &TcpListener) -> io::Result<()> {
        self.poll.watch_listener(listener, LISTENER)?;
        while !self.shared.ends.load(Ordering::Relaxed) {
            for index in 0..self.poll.wait(Some(LOOK_EVERY))? {
                match self.poll.key(index) {
                    LISTENER => self.accept(listener)?,
                    key => self.turn(key),
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let Ok((stream, _)) = listener.accept() else { return Ok(()) };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let key = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.poll.watch(&stream, key)?;
        let connection = Connection { socket: stream.into(), begun: Vec::new(), owed: VecDeque::new(), offset: 0 };
        self.connections[key] = Some(connection);
        Ok(())
    }

    fn turn(&mut self, key: usize) {
        let Some(connection) = self.connections[key].as_mut() else { return };
        let alive = connection
            .flush(&self.answers, &self.shared)
            .and_then(|()| connection.turn(&mut self.buffer, &self.answers, &self.shared));
        if !matches!(alive, Ok(true)) {
            self.connections[key] = None;
            self.free.push(key);
        }
    }
}

impl Connection {
    /// Reads until nothing is left, and answers what was asked; false at the end.
    fn turn(&mut self, buffer: &mut [u8], answers: &Answers, shared: &Shared) -> Result<bool, Errno> {
        loop {
            let length = match read(&self.socket, &mut *buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => length,
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error),
            };
            self.take(&buffer[..length], answers);
            self.flush(answers, shared)?;
            if length < buffer.len() {
                return Ok(true);
            }
        }
    }

    fn take(&mut self, bytes: &[u8], answers: &Answers) {
        let begun = std::mem::take(&mut self.begun);
        let joined;
        let mut rest = match begun.is_empty() {
            true => bytes,
            false => {
                joined = [&begun, bytes].concat();
                &joined
            }
        };
        while let Some(end) = memmem::find(rest, b"\r\n\r\n") {
            self.owed.push_back(answers.choose(&rest[..end]));
            rest = &rest[end + 4..];
        }
        self.begun.extend_from_slice(rest);
    }

    /// Writes what is owed, as far as the socket takes it.
    fn flush(&mut self, answers: &Answers, shared: &Shared) -> Result<(), Errno> {
        while let Some(&next) = self.owed.front() {
            let answer = &answers.0[next].1;
            match write(&self.socket, &answer[self.offset..]) {
                Ok(length) => self.offset += length,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
            if self.offset == answer.len() {
                self.owed.pop_front();
                self.offset = 0;
                shared.answered.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;
    use crate::answer::Answer;

    #[test]
    fn requests_are_answered_by_their_paths_and_counted() {
        let upstream = Upstream::start().unwrap();
        let mut stream = TcpStream::connect(upstream.address).unwrap();
        for (path, length) in [("/", 13), (site::ONE_KIBIBYTE, 1 << 10), (site::ONE_MEBIBYTE, 1 << 20)] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            let (one, other) = request.split_at(request.len() - 2);
            stream.write_all(one.as_bytes()).unwrap();
            stream.write_all(other.as_bytes()).unwrap();
            assert_eq!(Answer::read(&mut stream).unwrap().content.len(), length);
        }
        // The last one is counted right after it has left.
        while upstream.answered() < 3 {
            thread::yield_now();
        }
    }
}
