//! One thread that writes the text that many tasks put down, in order, behind a bounded queue.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much may wait, and how long the writer does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) pieces_max: usize,
    pub(super) bytes_max: usize,
    pub(super) linger: Duration,
}

/// Where a piece of text is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    /// Among the lines of exchanges.
    Lines,
    /// Among the bytes of messages.
    Raw,
}

/// Whoever hands text on to where it belongs, on the journal's thread.
pub(super) trait Scribe: Send + 'static {
    /// Writes `count` pieces of text.
    fn write(&mut self, output: Output, text: &[u8], count: u64);
    /// Writes down that so many pieces are missing.
    fn lost(&mut self, count: u64);
    /// Whoever rotates logs wants every output looked at, though nothing is to be written.
    fn look(&mut self);
    /// Nothing more waits: what was written must reach its destination. Gives how many pieces of it failed to.
    fn rest(&mut self) -> u64;
}

/// Takes pieces of text down without ever waiting for the writer.
#[derive(Debug)]
pub(super) struct Journal {
    limits: Limits,
    shared: Arc<Shared>,
}

/// Ends the log: everything that was put down before [`finish`](Self::finish) is written when it returns.
pub struct Writer {
    thread: Option<JoinHandle<()>>,
    close: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug, Default)]
struct Shared {
    page: Mutex<Page>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Page {
    written: Written,
    lost: u64,
    is_closed: bool,
    /// Whether the outputs are to be looked at.
    is_to_look: bool,
    /// Whether the writer wants to be woken for a piece.
    is_awaited: bool,
}

/// Pieces of text, one behind the other, so that many take no more allocations than one.
#[derive(Debug, Default)]
struct Written {
    text: Vec<u8>,
    /// Which part of the text goes where, in order: the offset of its end, and how many pieces it is.
    runs: Vec<(Output, usize, u64)>,
    pieces: usize,
}

impl Written {
    fn append(&mut self, output: Output, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.pieces += 1;
        match self.runs.last_mut() {
            Some((last, end, count)) if *last == output => {
                *end = self.text.len();
                *count += 1;
            }
            _ => self.runs.push((output, self.text.len(), 1)),
        }
    }

    fn clear(&mut self) {
        self.text.clear();
        self.runs.clear();
        self.pieces = 0;
    }
}

impl Shared {
    /// No code of others runs under this lock, so a panic elsewhere never spoils the page.
    fn page(&self) -> MutexGuard<'_, Page> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal {
    pub(super) fn start(limits: Limits, mut scribe: impl Scribe) -> io::Result<(Self, Writer)> {
        let shared = Arc::new(Shared::default());
        let (reads, closes) = (Arc::clone(&shared), Arc::clone(&shared));
        let run = move || write_all(&reads, limits.linger, &mut scribe);
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(run)?;
        let close = move || {
            closes.page().is_closed = true;
            closes.news.notify_one();
        };
        Ok((Self { limits, shared }, Writer { thread: Some(thread), close: Box::new(close) }))
    }

    /// Puts a piece of text down, or counts it as lost.
    pub(super) fn put(&self, output: Output, text: &[u8]) {
        let mut page = self.shared.page();
        let is_full = page.written.pieces >= self.limits.pieces_max
            || page.written.text.len().saturating_add(text.len()) > self.limits.bytes_max;
        if is_full || page.is_closed {
            page.lost += 1;
            return;
        }
        page.written.append(output, text);
        if std::mem::take(&mut page.is_awaited) {
            drop(page);
            self.shared.news.notify_one();
        }
    }
}

impl Journal {
    /// Has the writer look at its outputs.
    pub(super) fn look(&self) {
        self.shared.page().is_to_look = true;
        self.shared.news.notify_one();
    }
}

fn write_all(shared: &Shared, linger: Duration, scribe: &mut impl Scribe) {
    let mut taken = Written::default();
    loop {
        let mut page = shared.page();
        while page.written.pieces == 0 && page.lost == 0 && !page.is_to_look && !page.is_closed {
            page.is_awaited = true;
            page = shared.news.wait(page).unwrap_or_else(PoisonError::into_inner);
        }
        page.is_awaited = false;
        std::mem::swap(&mut page.written, &mut taken);
        let lost = std::mem::take(&mut page.lost);
        let is_to_look = std::mem::take(&mut page.is_to_look);
        let is_closed = page.is_closed;
        drop(page);
        let mut start = 0;
        for &(output, end, count) in &taken.runs {
            scribe.write(output, &taken.text[start..end], count);
            start = end;
        }
        taken.clear();
        if lost > 0 {
            scribe.lost(lost);
        }
        let failed = scribe.rest();
        if is_to_look {
            scribe.look();
        }
        if is_closed {
            return;
        }
        let mut page = shared.page();
        page.lost += failed;
        let closing = shared.news.wait_timeout_while(page, linger, |page| !page.is_closed && !page.is_to_look);
        drop(closing.unwrap_or_else(PoisonError::into_inner));
    }
}

impl Writer {
    /// Writes what was put down so far, and ends the log. What is put down later is lost.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        (self.close)();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to write.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("is_running", &self.thread.is_some()).finish_non_exhaustive()
    }
}

/// How much output is gathered before it is handed on.
const GATHERED_BYTES: usize = 64 * 1024;

/// Output that is gathered, and that may fail without harm to whoever writes.
pub(super) struct Pen {
    output: Box<dyn Write + Send>,
    gathered: Vec<u8>,
    /// How many pieces were gathered, and how many were lost to failures.
    pieces: u64,
    failed: u64,
}

impl Pen {
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        Self { output: Box::new(output), gathered: Vec::new(), pieces: 0, failed: 0 }
    }

    /// Writes `count` pieces of text.
    pub(super) fn put(&mut self, text: &[u8], count: u64) {
        if text.len() >= GATHERED_BYTES {
            self.hand_on();
            self.write(text, count);
            return;
        }
        self.gathered.extend_from_slice(text);
        self.pieces += count;
        if self.gathered.len() >= GATHERED_BYTES {
            self.hand_on();
        }
    }

    /// Hands on what was gathered, and gives how many pieces were lost since the last time.
    pub(super) fn flush(&mut self) -> u64 {
        self.hand_on();
        std::mem::take(&mut self.failed)
    }

    /// Has the output look whether it is still what it was.
    pub(super) fn look(&mut self) {
        // Nothing was to be written: if it cannot be opened, the next piece fails, and is counted.
        let _ = self.output.flush();
    }

    fn hand_on(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        let pieces = std::mem::take(&mut self.pieces);
        self.write(&gathered, pieces);
        gathered.clear();
        gathered.shrink_to(GATHERED_BYTES);
        self.gathered = gathered;
    }

    fn write(&mut self, text: &[u8], pieces: u64) {
        if self.output.write_all(text).and_then(|()| self.output.flush()).is_err() {
            self.failed += pieces;
        }
    }
}
