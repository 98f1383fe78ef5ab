//! What is said on a connection of the generator, and how its answers are counted.

use std::io;
use std::rc::Rc;

use crate::answer::{Answer, Chunked, Framing};
use crate::load::Load;
use crate::streams::Streams;

/// How every answer begins.
const BEGINNING: &[u8] = b"HTTP/1.1 200";

/// One side of a connection, without a socket.
pub enum Speech {
    /// HTTP/1.1: requests leave together, and the next follow when all are answered.
    Turns(Turns),
    /// HTTP/2: the next request leaves as soon as one is answered.
    Streams(Streams),
}

/// Requests that leave together, and their answers.
#[derive(Clone)]
pub struct Turns {
    batch: Rc<[u8]>,
    depth: usize,
    framing: Framing,
    /// So many bytes answer the requests that left together.
    batch_bytes: usize,
    /// Requests that are not written yet.
    unsent_bytes: usize,
    /// Bytes of answers that are still to come, if they are counted.
    awaited_bytes: usize,
    /// Where the answers are read, if they are chunked; and how many are still to come.
    chunked: Chunked,
    awaited: usize,
}

impl Turns {
    /// Nothing said yet.
    pub fn new(load: &Load, answer: &Answer) -> Self {
        Self {
            batch: load.request.repeat(load.depth).into(),
            depth: load.depth,
            framing: answer.framing,
            batch_bytes: answer.total_bytes * load.depth,
            unsent_bytes: 0,
            awaited_bytes: 0,
            chunked: Chunked::default(),
            awaited: 0,
        }
    }

    fn ask(&mut self) {
        self.unsent_bytes = self.batch.len();
        self.awaited_bytes = self.batch_bytes;
        self.awaited = self.depth;
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        if self.framing == Framing::Chunked {
            while self.awaited > 0 && self.chunked.feed(&mut bytes, None)? {
                self.awaited -= 1;
            }
            if !bytes.is_empty() {
                return Err(unexpected(bytes));
            }
            return Ok(if self.awaited == 0 { self.depth } else { 0 });
        }
        let begins = self.awaited_bytes == self.batch_bytes;
        if begins && !bytes.starts_with(&BEGINNING[..BEGINNING.len().min(bytes.len())])
            || bytes.len() > self.awaited_bytes
        {
            return Err(unexpected(bytes));
        }
        self.awaited_bytes -= bytes.len();
        Ok(if self.awaited_bytes == 0 { self.depth } else { 0 })
    }
}

impl Speech {
    /// Asks so many times; in turns, that is always the depth.
    pub fn ask(&mut self, times: usize) {
        match self {
            Self::Turns(turns) => turns.ask(),
            Self::Streams(streams) => streams.ask(times),
        }
    }

    /// What is to be sent.
    pub fn unsent(&self) -> &[u8] {
        match self {
            Self::Turns(turns) => &turns.batch[turns.batch.len() - turns.unsent_bytes..],
            Self::Streams(streams) => &streams.out,
        }
    }

    /// So much of it was sent.
    pub fn sent(&mut self, length: usize) {
        match self {
            Self::Turns(turns) => turns.unsent_bytes -= length,
            Self::Streams(streams) => drop(streams.out.drain(..length)),
        }
    }

    /// Takes what came; how many more requests are answered.
    pub fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Turns(turns) => turns.take(bytes),
            Self::Streams(streams) => streams.take(bytes, None),
        }
    }
}

fn unexpected(bytes: &[u8]) -> io::Error {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(300)]);
    io::Error::new(io::ErrorKind::InvalidData, format!("not the answer that was learned: {text:?}"))
}
