//! The floor: reads, and writes a constant answer for every so many bytes it has read. It parses nothing.
//!
//! `floor ADDRESS REQUEST_BYTES CONTENT_BYTES`. It shows what the kernel alone takes for an exchange.

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, read, write};
use wirelight_bench::poll::Poll;

/// At most so many bytes of small answers leave in one write.
const ANSWERS_BYTES: usize = 64 << 10;
/// The key of the listening socket.
const LISTENER: usize = usize::MAX;

struct Connection {
    socket: OwnedFd,
    /// Bytes of a request that is not complete yet.
    begun_bytes: usize,
    /// Bytes of answers that wait to be written.
    owed_bytes: usize,
}

struct Floor {
    poll: Poll,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    buffer: Vec<u8>,
    /// The answer, so many times over as there may be requests in one read.
    answers: Vec<u8>,
    answer_bytes: usize,
    request_bytes: usize,
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, request_bytes, content_bytes] = arguments.as_slice() else {
        return Err(io::Error::other("floor ADDRESS REQUEST_BYTES CONTENT_BYTES"));
    };
    let request_bytes: usize = request_bytes.parse().map_err(io::Error::other)?;
    let content_bytes: usize = content_bytes.parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let answer = answer(content_bytes);
    let poll = Poll::new()?;
    poll.watch_listener(&listener, LISTENER)?;
    let buffer = vec![0; 16 << 10];
    let mut floor = Floor {
        poll,
        connections: Vec::new(),
        free: Vec::new(),
        answers: answer.repeat((ANSWERS_BYTES / answer.len()).max(1)),
        buffer,
        answer_bytes: answer.len(),
        request_bytes,
    };
    loop {
        for index in 0..floor.poll.wait(None)? {
            match floor.poll.key(index) {
                LISTENER => floor.accept(&listener)?,
                key => floor.turn(key),
            }
        }
    }
}

fn answer(content_bytes: usize) -> Vec<u8> {
    let content = b"Hello, world!".iter().copied().cycle().take(content_bytes);
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ndate: Sat, 21 Nov 2026 00:00:00 GMT\r\ncontent-length: {content_bytes}\r\n\r\n"
    )
    .into_bytes();
    answer.extend(content);
    answer
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let Ok((stream, _)) = listener.accept() else { return Ok(()) };
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let key = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        self.poll.watch(&stream, key)?;
        self.connections[key] = Some(Connection { socket: stream.into(), begun_bytes: 0, owed_bytes: 0 });
        Ok(())
    }

    fn turn(&mut self, key: usize) {
        let Some(connection) = self.connections[key].as_mut() else { return };
        let alive = connection
            .flush(&self.answers)
            .and_then(|()| connection.turn(&mut self.buffer, &self.answers, self.request_bytes, self.answer_bytes));
        if !matches!(alive, Ok(true)) {
            self.connections[key] = None;
            self.free.push(key);
        }
    }
}

impl Connection {
    /// Reads until nothing is left, and writes for what was read; false at the end.
    fn turn(
        &mut self,
        buffer: &mut [u8],
        answers: &[u8],
        request_bytes: usize,
        answer_bytes: usize,
    ) -> Result<bool, Errno> {
        loop {
            let length = match read(&self.socket, &mut *buffer) {
                Ok(0) => return Ok(false),
                Ok(length) => length,
                Err(Errno::AGAIN) => return Ok(true),
                Err(error) => return Err(error),
            };
            self.begun_bytes += length;
            self.owed_bytes += self.begun_bytes / request_bytes * answer_bytes;
            self.begun_bytes %= request_bytes;
            self.flush(answers)?;
            if length < buffer.len() {
                return Ok(true);
            }
        }
    }

    /// Writes what is owed, as far as the socket takes it.
    fn flush(&mut self, answers: &[u8]) -> Result<(), Errno> {
        while self.owed_bytes > 0 {
            // Whatever is owed, it ends where the constant ends.
            let start = (answers.len() - self.owed_bytes % answers.len()) % answers.len();
            let owed = &answers[start..];
            match write(&self.socket, owed) {
                Ok(length) => self.owed_bytes -= length,
                Err(Errno::AGAIN) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
