//! One thread that writes what many tasks put down, in order, behind a bounded queue.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much may wait, and how long the writer does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) items_max: usize,
    pub(super) bytes_max: usize,
    pub(super) linger: Duration,
}

/// Whoever writes items down, on the journal's thread.
pub(super) trait Scribe<T>: Send + 'static {
    /// Writes one item down.
    fn write(&mut self, item: T);
    /// Writes down that so many items are missing.
    fn lost(&mut self, count: u64);
    /// Nothing more waits: what was written must reach its destination. Gives how many pieces of output failed to.
    fn rest(&mut self) -> u64;
}

/// Takes items down without ever waiting for the writer.
#[derive(Debug)]
pub(super) struct Journal<T> {
    limits: Limits,
    shared: Arc<Shared<T>>,
}

/// Ends the log: everything that was put down before [`finish`](Self::finish) is written when it returns.
pub struct Writer {
    thread: Option<JoinHandle<()>>,
    close: Box<dyn Fn() + Send + Sync>,
}

#[derive(Debug)]
struct Shared<T> {
    page: Mutex<Page<T>>,
    news: Condvar,
}

#[derive(Debug)]
struct Page<T> {
    items: Vec<T>,
    bytes: usize,
    lost: u64,
    is_closed: bool,
    /// Whether the writer wants to be woken for an item.
    is_awaited: bool,
}

impl<T> Shared<T> {
    /// No code of others runs under this lock, so a panic elsewhere never spoils the page.
    fn page(&self) -> MutexGuard<'_, Page<T>> {
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send + 'static> Journal<T> {
    pub(super) fn start(limits: Limits, mut scribe: impl Scribe<T>) -> io::Result<(Self, Writer)> {
        let page = Page { items: Vec::new(), bytes: 0, lost: 0, is_closed: false, is_awaited: false };
        let shared = Arc::new(Shared { page: Mutex::new(page), news: Condvar::new() });
        let (reads, closes) = (Arc::clone(&shared), Arc::clone(&shared));
        let run = move || write_all(&reads, limits.linger, &mut scribe);
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(run)?;
        let close = move || {
            closes.page().is_closed = true;
            closes.news.notify_one();
        };
        Ok((Self { limits, shared }, Writer { thread: Some(thread), close: Box::new(close) }))
    }

    /// Puts an item down, which holds `bytes` bytes, or counts it as lost.
    pub(super) fn put(&self, item: T, bytes: usize) {
        let mut page = self.shared.page();
        let is_full =
            page.items.len() >= self.limits.items_max || page.bytes.saturating_add(bytes) > self.limits.bytes_max;
        if is_full || page.is_closed {
            page.lost += 1;
            return;
        }
        page.items.push(item);
        page.bytes += bytes;
        if std::mem::take(&mut page.is_awaited) {
            drop(page);
            self.shared.news.notify_one();
        }
    }
}

fn write_all<T>(shared: &Shared<T>, linger: Duration, scribe: &mut impl Scribe<T>) {
    let mut items = Vec::new();
    loop {
        let mut page = shared.page();
        while page.items.is_empty() && page.lost == 0 && !page.is_closed {
            page.is_awaited = true;
            page = shared.news.wait(page).unwrap_or_else(PoisonError::into_inner);
        }
        page.is_awaited = false;
        std::mem::swap(&mut page.items, &mut items);
        page.bytes = 0;
        let lost = std::mem::take(&mut page.lost);
        let is_closed = page.is_closed;
        drop(page);
        for item in items.drain(..) {
            scribe.write(item);
        }
        if lost > 0 {
            scribe.lost(lost);
        }
        let failed = scribe.rest();
        if is_closed {
            return;
        }
        let mut page = shared.page();
        page.lost += failed;
        let closing = shared.news.wait_timeout_while(page, linger, |page| !page.is_closed);
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

    pub(super) fn put(&mut self, piece: &[u8]) {
        self.gathered.extend_from_slice(piece);
        self.pieces += 1;
        if self.gathered.len() >= GATHERED_BYTES {
            self.hand_on();
        }
    }

    /// Hands on what was gathered, and gives how many pieces were lost since the last time.
    pub(super) fn flush(&mut self) -> u64 {
        self.hand_on();
        std::mem::take(&mut self.failed)
    }

    fn hand_on(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        let written = self.output.write_all(&self.gathered).and_then(|()| self.output.flush());
        if written.is_err() {
            self.failed += self.pieces;
        }
        self.pieces = 0;
        self.gathered.clear();
        self.gathered.shrink_to(GATHERED_BYTES);
    }
}
