//! `wirelight raw`: bytes out as they are, bytes back as they are, and where the heads end.

use std::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::Raw;
use crate::exit::Failure;
use crate::print::Paint;

/// How long making the connection may take, for each address of the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the note of what was sent may come after the end.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;
/// Where the search for the end of a head is given up.
const HEAD_BYTES_MAX: usize = 1024 * 1024;

/// Sends standard input, prints what comes back.
pub(crate) fn run(arguments: &Raw) -> Result<(), Failure> {
    let notes = Notes { quiet: arguments.quiet, paint: Paint::stderr() };
    let server = connect(&arguments.server)?;
    if let Ok(address) = server.peer_addr() {
        notes.say(format_args!("connected to {address}"));
    }
    server.set_read_timeout(Some(arguments.wait)).map_err(|error| broken(&error))?;
    let to_server = server.try_clone().map_err(|error| broken(&error))?;
    let half_close = arguments.half_close;
    let (done, sent) = mpsc::channel();
    // It may wait for standard input forever: it is left behind when the server has closed.
    let sender = thread::spawn(move || {
        let outcome = send(&mut io::stdin().lock(), &to_server, half_close);
        match outcome {
            Ok(bytes) => {
                notes.say(format_args!("sent {bytes} bytes{}", if half_close { ", and closed our side" } else { "" }))
            }
            Err(error) => notes.say(format_args!("sending stopped: {error}")),
        }
        // Nobody listens any more once the server has closed.
        let _ = done.send(());
    });
    let mut heads = Heads::default();
    let show = |bytes: &[u8]| {
        for head in heads.feed(bytes) {
            notes.say(head);
        }
    };
    let ending = receive(&server, &mut io::stdout().lock(), || !sender.is_finished(), show)?;
    // What was sent is told before how it ended, where it was all sent.
    let _ = sent.recv_timeout(LAST_WORDS);
    conclude(&heads, &ending, notes)
}

fn connect(server: &str) -> Result<TcpStream, Failure> {
    let shape = "Name the server as HOST:PORT, for instance 127.0.0.1:8080 or [::1]:8080.";
    let addresses = server.to_socket_addrs().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Failure::new(format!("`{server}` is not HOST:PORT")).advise(shape),
        _ => Failure::new(format!("the name in `{server}` could not be resolved: {error}")).advise(shape),
    })?;
    let mut refused = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = Some(format!("{address} does not take connections: {error}")),
        }
    }
    let refused = refused.unwrap_or_else(|| format!("`{server}` has no address"));
    Err(Failure::new(refused).advise("Is the server running, and is that its port?"))
}

fn broken(error: &io::Error) -> Failure {
    Failure::new(format!("the connection broke: {error}"))
}

/// Sends everything there is to read, and then closes our side if that is wished for.
fn send(from: &mut impl Read, mut to: &TcpStream, half_close: bool) -> io::Result<u64> {
    let mut buffer = vec![0; READ_BYTES];
    let mut sent = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => {
                to.write_all(&buffer[..length])?;
                sent += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    if half_close {
        to.shutdown(Shutdown::Write)?;
    }
    Ok(sent)
}

/// How receiving ended.
#[derive(Debug, PartialEq, Eq)]
enum Ending {
    Closed { after: Duration },
    Broken { because: String },
    Silent { wait: Duration },
}

/// Prints what comes until the server closes, or is silent though all was said to it: who types slowly is not silence.
fn receive(
    mut from: &TcpStream,
    to: &mut impl Write,
    is_sending: impl Fn() -> bool,
    mut seen: impl FnMut(&[u8]),
) -> Result<Ending, Failure> {
    let began = Instant::now();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(Ending::Closed { after: began.elapsed() }),
            Ok(length) => {
                to.write_all(&buffer[..length]).and_then(|()| to.flush()).map_err(Failure::of_output)?;
                seen(&buffer[..length]);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut if is_sending() => {}
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    let wait = from.read_timeout().ok().flatten().unwrap_or_default();
                    return Ok(Ending::Silent { wait });
                }
                _ => return Ok(Ending::Broken { because: error.to_string() }),
            },
        }
    }
}

/// Says how it ended; without a whole head, the server did not answer, and that is a failure.
fn conclude(heads: &Heads, ending: &Ending, notes: Notes) -> Result<(), Failure> {
    let received = heads.received;
    let after_heads = received - heads.ended.unwrap_or(received);
    let content = if heads.ended.is_some() { format!(", {after_heads} of them after the head") } else { String::new() };
    match ending {
        Ending::Closed { after } => {
            notes.say(format_args!(
                "closed by the server after {received} bytes{content}, {:.1} ms",
                after.as_secs_f64() * 1e3
            ));
        }
        Ending::Silent { wait } => {
            notes.say(format_args!(
                "{received} bytes{content}, then nothing for {} s; the connection is still open",
                wait.as_secs_f64()
            ));
        }
        Ending::Broken { because } => {
            return Err(Failure::new(format!("the server broke the connection after {received} bytes: {because}")));
        }
    }
    match (heads.ended, received) {
        (Some(_), _) => Ok(()),
        (None, 0) => Err(Failure::new("the server sent nothing")
            .advise("Perhaps the request is not complete; an HTTP/1.1 head ends with an empty line.")),
        (None, _) => Err(Failure::new("no complete response head came back")),
    }
}

/// Finds where the heads end: every interim response's, and the final one's.
#[derive(Debug, Default)]
struct Heads {
    /// What of the current head has come, until the final head is complete.
    pending: Vec<u8>,
    /// The offset at which the current head begins.
    begin: u64,
    /// The offset at which the final head ended.
    ended: Option<u64>,
    received: u64,
    given_up: bool,
}

/// A head that is complete: offsets count from the first byte that came back.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    begin: u64,
    end: u64,
    first_line: String,
    fields: usize,
    bare_line_feeds: bool,
}

impl Heads {
    fn feed(&mut self, bytes: &[u8]) -> Vec<Head> {
        self.received += bytes.len() as u64;
        let mut found = Vec::new();
        if self.ended.is_some() || self.given_up {
            return found;
        }
        self.pending.extend_from_slice(bytes);
        while self.ended.is_none()
            && let Some(length) = head_length(&self.pending)
        {
            let head = self.describe(length);
            self.pending.drain(..length);
            self.begin = head.end;
            // An interim response (RFC 9110, section 15.2) is followed by another head; 101 is not.
            let status = head.first_line.split(' ').nth(1).unwrap_or_default();
            let interim = status.len() == 3 && status.starts_with('1') && status != "101";
            if !interim {
                self.ended = Some(head.end);
                self.pending = Vec::new();
            }
            found.push(head);
        }
        if self.pending.len() > HEAD_BYTES_MAX {
            self.given_up = true;
            self.pending = Vec::new();
        }
        found
    }

    fn describe(&self, length: usize) -> Head {
        let head = &self.pending[..length];
        let mut lines = head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first_line = lines.next().unwrap_or_default();
        let bare_line_feeds =
            head.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || head[at - 1] != b'\r'));
        Head {
            begin: self.begin,
            end: self.begin + length as u64,
            first_line: first_line.escape_ascii().to_string(),
            fields: lines.filter(|line| !line.is_empty()).count(),
            bare_line_feeds,
        }
    }
}

/// The length of the head at the start of `bytes`, with the empty line that ends it.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        let next = from + at + 1;
        match &bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => from = next,
        }
    }
    None
}

impl Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { begin, end, first_line, fields, .. } = self;
        write!(f, "`{first_line}`: the head is bytes {begin} to {end} ({} bytes, {fields} fields)", end - begin)?;
        if self.bare_line_feeds {
            f.write_str("; lines end with LF alone, which RFC 9112, section 2.2, does not allow to be sent")?;
        }
        Ok(())
    }
}

/// Where notes go.
#[derive(Debug, Clone, Copy)]
struct Notes {
    quiet: bool,
    paint: Paint,
}

impl Notes {
    fn say(self, what: impl Display) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{}", self.paint.quiet(format_args!("-- {what}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8], step: usize) -> (Vec<Head>, Heads) {
        let mut heads = Heads::default();
        let found = bytes.chunks(step).flat_map(|piece| heads.feed(piece)).collect();
        (found, heads)
    }

    #[test]
    fn heads_end_at_the_same_byte_however_they_arrive() {
        type Found = &'static [(u64, u64, usize)];
        let cases: &[(&[u8], Found)] = &[
            (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello\r\n\r\n", &[(0, 25, 1)]),
            (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", &[(0, 25, 0), (25, 52, 0)]),
            (b"HTTP/1.1 101 Switching Protocols\r\n\r\n\r\n\r\n", &[(0, 36, 0)]),
            (b"HTTP/1.0 200 OK\nA: b\n\nx", &[(0, 22, 1)]),
            (b"HTTP/1.1 200 OK\r\nA: b\r\n", &[]),
        ];
        for (bytes, expected) in cases {
            for step in 1..=bytes.len() {
                let (found, heads) = split(bytes, step);
                let found: Vec<_> = found.iter().map(|head| (head.begin, head.end, head.fields)).collect();
                assert_eq!(found, *expected, "{} in steps of {step}", bytes.escape_ascii());
                assert_eq!(heads.received, bytes.len() as u64);
            }
        }
    }

    #[test]
    fn a_note_names_the_line_and_its_leniency() {
        let (found, _) = split(b"HTTP/1.0 200 OK\nA: b\n\n", 99);
        let note = found[0].to_string();
        assert!(note.starts_with("`HTTP/1.0 200 OK`: the head is bytes 0 to 22 (22 bytes, 1 fields)"), "{note}");
        assert!(note.contains("LF alone"), "{note}");
    }
}
