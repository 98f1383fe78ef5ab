//! What is said of the packets: a line for each, what HTTP made of them, and what became of each connection.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use wirelight_capture::{Connection, Connections, Direction, Heard, Limits, Packet, Step, Summary};
use wirelight_proto::Role;
use wirelight_proto::overheard::{Overheard, Said};

use super::Wanted;
use super::link::Link;
use crate::args::Capture;
use crate::exit::Failure;
use crate::print::{Paint, escape};

/// How many bytes stand in a line of a dump.
const DUMP_BYTES: usize = 16;
/// How wide the flags are.
const FLAGS_WIDTH: usize = 13;

/// Tells what is heard, on standard output.
pub(super) struct Tale {
    connections: Connections,
    talks: HashMap<u64, Talk>,
    paint: Paint,
    hex: bool,
    quiet: bool,
    /// Times of packets are told to the engines as if the first had come now.
    zero: Option<(Duration, Instant)>,
    /// Who knows what rode on the connections.
    link: Option<Link>,
    out: String,
}

/// What is said on one connection.
#[derive(Default)]
struct Talk {
    overheard: Overheard,
    /// Up to where each way was heard: to the server, to the client.
    heard: (u64, u64),
    /// Whether what became of it was told.
    is_told: bool,
}

impl Tale {
    pub(super) fn new(arguments: &Capture, wanted: &Wanted, link: Option<Link>) -> Self {
        Self {
            connections: Connections::new(Limits::default(), wanted.ports.clone()),
            talks: HashMap::new(),
            paint: Paint::stdout(),
            hex: arguments.hex,
            quiet: arguments.quiet,
            zero: None,
            link,
            out: String::new(),
        }
    }

    /// Says something about the whole, on standard error.
    pub(super) fn note(&mut self, words: &str) -> Result<(), Failure> {
        self.pause()?;
        let paint = Paint::stderr();
        writeln!(io::stderr(), "{}", paint.quiet(format!("-- {words}"))).map_err(Failure::of_output)
    }

    /// Hands on what was said so far.
    pub(super) fn pause(&mut self) -> Result<(), Failure> {
        let said = std::mem::take(&mut self.out);
        let mut out = io::stdout().lock();
        out.write_all(said.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)
    }

    /// Tells of one packet.
    pub(super) fn hear(&mut self, packet: &Packet) -> Result<(), Failure> {
        let (heard, forgotten) = self.connections.hear(packet);
        if let Some(forgotten) = forgotten {
            self.conclude(&forgotten);
        }
        match heard {
            Heard::Segment(step) => self.tell(&step, packet),
            Heard::Datagram { from, to, data, length, .. } if !self.quiet => {
                let _ = writeln!(self.out, "udp {from} > {to}  {length} bytes");
                self.dump(&data);
            }
            Heard::Datagram { .. } => {}
        }
        self.pause()
    }

    fn tell(&mut self, step: &Step, packet: &Packet) {
        let Some(connection) = self.connections.connection(step.connection) else { return };
        let (client, server, ended) = (connection.client(), connection.server(), connection.ended());
        let life = (connection.began(), connection.last_seen());
        let summary = ended.map(|_| connection.summary());
        let number = step.connection;
        if !self.talks.contains_key(&number) && !self.quiet {
            let ends = format!("{client} to {server}");
            let _ = writeln!(self.out, "{} {}", self.name(number), self.paint.strong(ends));
        }
        let now = self.moment(packet.at);
        let mut talk = self.talks.remove(&number).unwrap_or_default();
        if !self.quiet {
            self.line(step);
            for (_, data) in &step.delivered {
                self.dump(data);
            }
            let said = talk.hear(step, now);
            self.exchanges(number, &said);
        }
        if let (Some(summary), false) = (summary, talk.is_told) {
            talk.is_told = true;
            self.sum_up(&summary, life);
        }
        self.talks.insert(number, talk);
    }

    fn line(&mut self, step: &Step) {
        let arrow = if step.direction == Direction::ToServer { '>' } else { '<' };
        let after = format!("{:.3} ms", step.after.as_secs_f64() * 1000.0);
        let flags = format!("{:FLAGS_WIDTH$}", step.flags_in_words());
        let events: Vec<String> = step.events.iter().map(ToString::to_string).collect();
        let mut told = events.join("; ");
        if step.flags.syn {
            let _ = write!(told, "; begins at {}", step.sequence);
        } else if told.is_empty() {
            told.push_str("says nothing new");
        }
        let name = self.name(step.connection);
        let _ = writeln!(self.out, "{name} {after:>12} {arrow} {} {told}", self.paint.name(flags));
    }

    fn exchanges(&mut self, number: u64, said: &[Said]) {
        for said in said {
            let words = match said {
                Said::Request { exchange, method, target, version } => {
                    let target = escape(&target.to_string());
                    format!("exchange {exchange}: {method} {target} {version:?}")
                }
                Said::Response { exchange, status } => format!("exchange {exchange}: {status}"),
                Said::Complete { exchange, sender, content_bytes } => {
                    let message = if *sender == Role::Client { "request" } else { "response" };
                    format!("exchange {exchange}: the {message} is complete, with {content_bytes} bytes of content")
                }
                Said::Reset { exchange } => format!("exchange {exchange}: given up"),
                Said::Lost(because) => format!("HTTP is not followed further: {}", escape(&because.to_string())),
            };
            let name = self.name(number);
            let _ = writeln!(self.out, "{name} {:>12} {} {}", "", self.paint.quiet('|'), self.paint.good(words));
        }
    }

    fn dump(&mut self, data: &[u8]) {
        if !self.hex || self.quiet {
            return;
        }
        for (line, bytes) in data.chunks(DUMP_BYTES).enumerate() {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let text: String =
                bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { '.' }).collect();
            let hex = format!("{:width$}", hex.join(" "), width = DUMP_BYTES * 3 - 1);
            let _ = writeln!(self.out, "      {:06x}  {hex}  {text}", line * DUMP_BYTES);
        }
    }

    /// What became of a connection that is forgotten or still open at the end.
    fn conclude(&mut self, connection: &Connection) {
        let told = self.talks.remove(&connection.number()).is_some_and(|talk| talk.is_told);
        if !told {
            self.sum_up(&connection.summary(), (connection.began(), connection.last_seen()));
        }
    }

    fn sum_up(&mut self, summary: &Summary, life: (Duration, Duration)) {
        let name = self.name(summary.number);
        for line in summary.to_string().lines() {
            let _ = writeln!(self.out, "{name} {}", self.paint.strong(line));
        }
        for line in self.link.as_ref().map(|link| link.rode(summary, life)).unwrap_or_default() {
            let _ = writeln!(self.out, "{name} {}", self.paint.good(escape(&line)));
        }
    }

    /// Tells what is known of the connections that are still open.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        let lives = |open: &Connection| (open.summary(), (open.began(), open.last_seen()));
        let open: Vec<_> = self.connections.all().iter().map(|open| lives(open)).collect();
        for (summary, life) in open {
            if !self.talks.remove(&summary.number).is_some_and(|talk| talk.is_told) {
                self.sum_up(&summary, life);
            }
        }
        self.pause()
    }

    fn name(&self, number: u64) -> String {
        self.paint.quiet(format!("#{number}")).to_string()
    }

    fn moment(&mut self, at: Duration) -> Instant {
        let (first, zero) = *self.zero.get_or_insert_with(|| (at, Instant::now()));
        zero + at.saturating_sub(first)
    }
}

impl Talk {
    fn hear(&mut self, step: &Step, now: Instant) -> Vec<Said> {
        let (sender, heard) = match step.direction {
            Direction::ToServer => (Role::Client, &mut self.heard.0),
            Direction::ToClient => (Role::Server, &mut self.heard.1),
        };
        let mut said = Vec::new();
        for (from, data) in &step.delivered {
            if *from != *heard {
                said.extend(self.overheard.miss());
            }
            *heard = from + data.len() as u64;
            said.extend(self.overheard.hear(sender, data, now));
        }
        if step.flags.fin {
            said.extend(self.overheard.end(sender, now));
        }
        said
    }
}
