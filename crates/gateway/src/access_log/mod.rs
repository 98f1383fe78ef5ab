//! The access log: one line for each exchange, and on request the bytes that passed.
//!
//! A line is formatted by the task whose exchange it is about, since that costs less than to hand what it is made of to
//! another thread; the text goes through a bounded queue to one thread that writes, so that no task waits for a disk or
//! a pipe. What does not fit is counted, and the count is written. No byte of a message can act on a terminal or begin
//! a line, and credentials do not get into the log.

mod combined;
mod ecs;
mod file;
mod journal;
mod json;
mod pretty;
mod raw;
pub mod redact;
mod visible;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, REFERER, USER_AGENT};
use wirelight_net::observe::{ConnectionInfo, Observer, Record, Wire};

use journal::{Journal, Output, Pen};

pub use file::{LogFile, Rotation};
pub use journal::Writer;
pub use redact::Secrets;

/// A thread keeps so much room for its next line.
const LINE_KEPT_BYTES: usize = 4096;

/// How the log looks and what may be in it.
#[derive(Debug, Clone)]
pub struct Config {
    /// What a line looks like.
    pub format: Format,
    /// Fields of requests and responses that [`Format::Json`] shows besides `Referer` and `User-Agent`. None.
    pub fields: Vec<HeaderName>,
    /// What is masked.
    pub secrets: Secrets,
    /// At most so many lines wait to be written; what is more is dropped and counted. 8192.
    pub waiting_lines_max: usize,
    /// At most so many bytes of text wait to be written; what is more is dropped and counted. 16 MiB.
    pub waiting_bytes_max: usize,
    /// After writing, the writer waits this long for more, so that it writes in larger pieces. 20 ms.
    pub linger: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            format: Format::Combined,
            fields: Vec::new(),
            secrets: Secrets::default(),
            waiting_lines_max: 8192,
            waiting_bytes_max: 16 << 20,
            linger: Duration::from_millis(20),
        }
    }
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// The line that Apache calls combined. What is not printable ASCII, quotes and backslashes are written as `\xHH`.
    #[default]
    Combined,
    /// One JSON object in ASCII, with every decision.
    Json,
    /// One JSON object in ASCII with the names of the Elastic Common Schema.
    Ecs,
    /// For people.
    Pretty {
        /// Whether to use a terminal's colours.
        colors: bool,
        /// Whether every decision follows on lines of its own, or only the decisive one at the end of the line.
        decisions: bool,
    },
}

/// An [`Observer`] that writes a line for each exchange.
///
/// ```
/// use std::sync::Arc;
/// use wirelight_gateway::access_log::{AccessLog, Config, Format};
/// use wirelight_net::observe::Observer;
///
/// # fn main() -> std::io::Result<()> {
/// let config = Config { format: Format::Json, ..Config::default() };
/// let (log, writer) = AccessLog::start(config, std::io::stdout(), None)?;
/// let observer: Arc<dyn Observer> = Arc::new(log);
/// // A server is given the observer. When it has ended, what still waits is written:
/// writer.finish();
/// # drop(observer);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct AccessLog {
    journal: Journal,
    config: Config,
    kept: Vec<HeaderName>,
    is_raw: bool,
    frames: raw::Frames,
}

thread_local! {
    /// Where this thread writes the line at hand.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl AccessLog {
    /// Starts the thread that writes lines to `lines` and, if there is a `raw`, the bytes of all messages to that.
    ///
    /// The two may be the same terminal: what happened first is written first. The log ends, with everything in it
    /// written, when the [`Writer`] is finished or dropped.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn start(
        config: Config,
        lines: impl Write + Send + 'static,
        raw: Option<Box<dyn Write + Send>>,
    ) -> io::Result<(Self, Writer)> {
        let mut kept = vec![REFERER, USER_AGENT];
        kept.extend(config.fields.iter().cloned());
        let is_raw = raw.is_some();
        let limits = journal::Limits {
            pieces_max: config.waiting_lines_max,
            bytes_max: config.waiting_bytes_max,
            linger: config.linger,
        };
        let scribe = Scribe { lines: Pen::new(lines), raw: raw.map(Pen::new), format: config.format };
        let (journal, writer) = Journal::start(limits, scribe)?;
        Ok((Self { journal, config, kept, is_raw, frames: raw::Frames::default() }, writer))
    }

    /// Has every output looked at: a file that was moved away is made anew though no line is to be written.
    pub fn reopen(&self) {
        self.journal.look();
    }

    /// Writes the line of an exchange.
    pub fn write(&self, record: &Record) {
        self.put(Output::Lines, |line| self.config.format.write(record, &self.config, line));
    }

    /// Puts down what `write` writes.
    fn put(&self, output: Output, write: impl FnOnce(&mut Vec<u8>)) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            write(line);
            if !line.is_empty() {
                self.journal.put(output, line);
            }
            line.shrink_to(LINE_KEPT_BYTES);
        });
    }
}

impl Observer for AccessLog {
    fn wants_bytes(&self) -> bool {
        self.is_raw
    }

    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        match wire {
            _ if !self.is_raw => {}
            Wire::ContentSent => {}
            Wire::FramesReceived | Wire::FramesSent => {
                self.put(Output::Raw, |shown| self.frames.write(connection.id, wire, bytes, shown));
            }
            Wire::HeadReceived | Wire::ContentReceived | Wire::HeadSent => {
                self.put(Output::Raw, |shown| raw::write_bytes(connection.id, number, wire, bytes, shown));
            }
        }
    }

    fn keep(&self, fields: &HeaderMap) -> HeaderMap {
        kept(fields, &self.kept)
    }

    fn keep_of_response(&self, fields: &HeaderMap) -> HeaderMap {
        kept(fields, &self.config.fields)
    }

    fn finished(&self, record: Box<Record>) {
        self.write(&record);
    }

    fn seen(&self, record: Box<Record>) -> Option<Box<Record>> {
        self.write(&record);
        Some(record)
    }

    fn closed(&self, connection: &ConnectionInfo, because: &dyn Display) {
        if self.is_raw {
            self.frames.forget(connection.id);
            self.put(Output::Raw, |shown| raw::write_closed(connection.id, &because.to_string(), shown));
        }
    }
}

/// The fields of these names.
fn kept(fields: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    if names.is_empty() {
        return kept;
    }
    for (name, value) in fields {
        if names.contains(name) {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// What the writing thread knows.
struct Scribe {
    format: Format,
    lines: Pen,
    raw: Option<Pen>,
}

impl journal::Scribe for Scribe {
    fn write(&mut self, output: Output, text: &[u8], count: u64) {
        match (output, &mut self.raw) {
            (Output::Raw, Some(raw)) => {
                self.lines.flush();
                raw.put(text, count);
            }
            (_, raw) => {
                if let Some(raw) = raw {
                    raw.flush();
                }
                self.lines.put(text, count);
            }
        }
    }

    fn lost(&mut self, count: u64) {
        let mut line = Vec::new();
        self.format.write_lost(count, &mut line);
        self.lines.put(&line, 1);
    }

    fn look(&mut self) {
        self.lines.look();
        if let Some(raw) = &mut self.raw {
            raw.look();
        }
    }

    fn rest(&mut self) -> u64 {
        let lost = self.lines.flush();
        lost + self.raw.as_mut().map_or(0, Pen::flush)
    }
}

impl Format {
    /// Appends the line, or lines, of one exchange.
    fn write(self, record: &Record, config: &Config, line: &mut Vec<u8>) {
        match self {
            Self::Combined => combined::write(record, &config.secrets, line),
            Self::Json => json::write(record, config, line),
            Self::Ecs => ecs::write(record, config, line),
            Self::Pretty { colors, decisions } => pretty::write(record, &config.secrets, colors, decisions, line),
        }
    }

    /// Appends a line that says how many lines are missing.
    fn write_lost(self, count: u64, line: &mut Vec<u8>) {
        match self {
            Self::Json => line.extend_from_slice(format!("{{\"lost\":{count}}}\n").as_bytes()),
            Self::Ecs => ecs::write_lost(count, line),
            Self::Combined | Self::Pretty { .. } => {
                line.extend_from_slice(format!("# {count} lines were lost: the log could not keep up\n").as_bytes());
            }
        }
    }
}
