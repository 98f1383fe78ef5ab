//! The content of a file that is too large to be kept in memory, read a piece at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};
use tokio::task::JoinHandle;
use wirelight_service::body::FileContent;
use wirelight_service::{Error, Fault, Kind, Result};

use super::present;

/// How much is looked for in memory at a time.
const AT_HAND_MAX: u64 = 1 << 20;

/// A stretch of a file: which file, from where, how much is left.
///
/// It gives exactly what was promised or an error, never less that looks whole, and never more.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    offset: u64,
    remaining: u64,
    chunk_bytes: usize,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// `length` bytes of `file` from `offset`, read in pieces of at most `chunk_bytes`.
    pub fn new(file: Arc<File>, offset: u64, length: u64, chunk_bytes: usize) -> Self {
        Self { file, offset, remaining: length, chunk_bytes: chunk_bytes.max(1), reading: None }
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                return Poll::Ready(read.unwrap_or_else(|fault| Err(io::Error::other(fault))));
            }
            let length = self.remaining.min(self.chunk_bytes as u64) as usize;
            if let Some(read) = read_from_memory(&self.file, self.offset, length) {
                return Poll::Ready(read);
            }
            let (file, offset) = (Arc::clone(&self.file), self.offset);
            self.reading = Some(tokio::task::spawn_blocking(move || read_waiting(&file, offset, length)));
        }
    }
}

impl FileContent for FileBody {
    fn at_hand(&self) -> Option<(&File, u64, u64)> {
        let length = self.remaining.min(AT_HAND_MAX);
        if self.reading.is_some() || length == 0 {
            return None;
        }
        // Files are read ahead, so that what lies between two bytes in memory mostly is there too.
        let is_there = |offset| present::holds(&self.file, offset);
        let is_at_hand = is_there(self.offset) && is_there(self.offset + length - 1);
        is_at_hand.then_some((&*self.file, self.offset, length))
    }

    fn take_at_hand(&mut self, bytes_max: usize) -> Option<Bytes> {
        if self.reading.is_some() || self.remaining > bytes_max as u64 {
            return None;
        }
        let content = read_from_memory(&self.file, self.offset, self.remaining as usize)?.ok()?;
        if content.len() as u64 != self.remaining {
            return None;
        }
        self.skip(content.len() as u64);
        Some(content)
    }

    fn skip(&mut self, length: u64) {
        self.remaining = self.remaining.checked_sub(length).expect("no more is sent than was promised");
        self.offset += length;
    }
}

/// Reads what the system holds in memory; `None` when it would have to wait for a disk.
fn read_from_memory(file: &File, offset: u64, length: usize) -> Option<io::Result<Bytes>> {
    let mut buffer = BytesMut::zeroed(length);
    let read = present::read(file, &mut buffer, offset)?;
    Some(read.map(|read| {
        buffer.truncate(read);
        buffer.freeze()
    }))
}

fn read_waiting(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(length);
    let mut filled = 0;
    while filled < length {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    buffer.truncate(filled);
    Ok(buffer.freeze())
}

impl http_body::Body for FileBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let read = ready!(self.poll_chunk(cx));
        let failure = match read {
            Ok(chunk) if !chunk.is_empty() => {
                self.skip(chunk.len() as u64);
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            Ok(_) => {
                let because = format!("the file became shorter by {} bytes while it was sent", self.remaining);
                Error::new(Kind::Io, Fault::Ours, because)
            }
            Err(error) => {
                let because = format!("the file could not be read at byte {}: {error}", self.offset);
                Error::new(Kind::Io, Fault::Ours, because).with_source(error)
            }
        };
        self.remaining = 0;
        Poll::Ready(Some(Err(failure)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}
