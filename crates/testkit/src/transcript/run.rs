//! A transcript, run: each case whole, byte by byte, or split at random.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, Version};
use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{
    Connection as _, ConnectionError, Event, Incoming, Length, Outgoing, Part, Reason, Role, SendError, StreamId,
};

use super::read::{Act, Case, Check, Head, Step};
use crate::{Random, Split};

/// Runs a case with its bytes split in one way; the error says where and how it went wrong.
pub fn run(case: &Case, split: Split) -> Result<(), String> {
    let mut stage = Stage::new(case, split);
    for (line, step) in &case.steps {
        stage.step(step).map_err(|why| format!("\"{}\", line {line}, {split}: {why}", case.name))?;
    }
    stage.leftover().map_err(|why| format!("\"{}\", at its end, {split}: {why}", case.name))
}

/// What an engine said, in lines that can be compared; adjoining content is one line.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Log {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Event(String, Vec<String>),
    Content(Vec<u8>),
}

impl Log {
    /// Notes an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Received(_, Part::Content(content)) => match self.lines.last_mut() {
                Some(Line::Content(before)) => before.extend_from_slice(content),
                _ => self.lines.push(Line::Content(content.to_vec())),
            },
            Event::Received(_, part) => {
                let (line, fields) = received(part);
                self.lines.push(Line::Event(line, fields));
            }
            Event::Writable(_) => self.plain("writable"),
            Event::Reset(_, reason) => self.plain(&format!("reset {reason:?}")),
            Event::GoingAway(_) => self.plain("going away"),
            Event::Switched(_) => self.plain("switched"),
        }
    }

    /// Notes an error.
    pub fn error(&mut self, error: &ConnectionError) {
        let status = error.status.map_or("silent".to_owned(), |status| status.as_u16().to_string());
        let at = error.at.map_or(String::new(), |at| format!(" at {at}"));
        self.plain(&format!("error {status} {}{at}", error.rule.name));
    }

    fn plain(&mut self, line: &str) {
        self.lines.push(Line::Event(line.to_owned(), Vec::new()));
    }
}

fn received(part: &Part) -> (String, Vec<String>) {
    match part {
        Part::Request(parts, length) => {
            let line =
                format!("request {} {} {:?} {}", parts.method, shown(&parts.uri), parts.version, promised(*length));
            (line, fields(&parts.headers))
        }
        Part::Interim(parts) => (format!("interim {}", parts.status.as_u16()), fields(&parts.headers)),
        Part::Response(parts, length) => {
            let old = if parts.version == Version::HTTP_10 { " HTTP/1.0" } else { "" };
            let line = format!("response {}{old} {}", parts.status.as_u16(), promised(*length));
            (line, fields(&parts.headers))
        }
        Part::Content(content) => (format!("content {}", content.escape_ascii()), Vec::new()),
        Part::End(trailers) => ("end".to_owned(), fields(trailers)),
    }
}

fn shown(uri: &http::Uri) -> String {
    uri.to_string()
}

fn promised(length: Length) -> String {
    match length {
        Length::Known(length) => format!("length {length}"),
        Length::Unknown => "length unknown".to_owned(),
    }
}

fn fields(map: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.as_bytes().escape_ascii());
    map.iter().map(|field| line(field).trim_end().to_owned()).collect()
}

/// A case under way.
struct Stage {
    engine: Connection,
    role: Role,
    input: Incoming,
    out: Outgoing,
    log: Log,
    written: Vec<u8>,
    stream: StreamId,
    now: Instant,
    takes: bool,
    failed: bool,
    split: Split,
    random: Random,
}

impl Stage {
    fn new(case: &Case, split: Split) -> Self {
        let now = Instant::now();
        Self {
            engine: engine(case.role, &case.config, now),
            role: case.role,
            input: Incoming::new(),
            out: Outgoing::new(),
            log: Log::default(),
            written: Vec::new(),
            stream: StreamId(0),
            now,
            takes: case.takes,
            failed: false,
            split,
            random: split.random(),
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        if matches!(step, Step::Receive(_) | Step::Act(..)) {
            self.settle();
        }
        match step {
            Step::Receive(bytes) => {
                self.nothing_unsaid()?;
                for piece in self.split.pieces(bytes, &mut self.random) {
                    if !self.failed {
                        self.input.extend(piece);
                        self.settle();
                    }
                }
                Ok(())
            }
            Step::Said(line, fields) => self.said(line, fields),
            Step::Wrote(bytes) => {
                self.settle();
                let written = std::mem::take(&mut self.written);
                if written == *bytes {
                    return Ok(());
                }
                Err(format!("wrote\n{}\nand not\n{}", written.escape_ascii(), bytes.escape_ascii()))
            }
            Step::Act(act, refusal) => {
                self.nothing_unsaid()?;
                let result = self.act(act)?;
                self.settle();
                match (result, refusal) {
                    (Ok(()), None) => Ok(()),
                    (Err(error), Some(name)) if format!("{error:?}") == *name => Ok(()),
                    (result, _) => Err(format!("sending gave {result:?}")),
                }
            }
            Step::Check(check, holds) => {
                self.settle();
                if self.holds(check) == *holds { Ok(()) } else { Err(format!("{check:?} is not {holds}")) }
            }
        }
    }

    /// Hears everything and collects everything, as the contract asks.
    fn settle(&mut self) {
        while !self.failed {
            match self.engine.poll_event(&mut self.input, self.now) {
                Ok(Some(event)) => self.hear(&event),
                Ok(None) => break,
                Err(error) => {
                    self.failed = true;
                    self.log.error(&error);
                    self.stream = self.engine.open().unwrap_or(self.stream);
                }
            }
        }
        self.engine.poll_transmit(&mut self.out, self.now);
        self.written.extend(self.out.pieces().flatten());
        self.out.clear();
    }

    fn hear(&mut self, event: &Event) {
        self.log.event(event);
        match event {
            Event::Received(stream, Part::Request(..)) => self.stream = *stream,
            Event::Received(stream, Part::Content(content)) if self.takes => {
                self.engine.consume(*stream, content.len());
            }
            _ => {}
        }
    }

    fn said(&mut self, line: &str, fields: &[String]) -> Result<(), String> {
        self.settle();
        if self.log.lines.is_empty() {
            return Err(format!("the engine did not say: {line}"));
        }
        match (self.log.lines.remove(0), line.strip_prefix("content ")) {
            (Line::Content(content), Some(text)) if content == super::read::unescape(text)? => Ok(()),
            (Line::Event(said, _), None) if said != line => Err(format!("the engine said: {said}\nand not: {line}")),
            (Line::Event(_, said), None) if (line == "end" || !fields.is_empty()) && said != fields => {
                Err(format!("the fields were {said:?}"))
            }
            (Line::Event(..), None) => Ok(()),
            (Line::Content(content), _) => Err(format!("the engine said: content {}", content.escape_ascii())),
            (Line::Event(said, _), Some(_)) => Err(format!("the engine said: {said}")),
        }
    }

    fn nothing_unsaid(&self) -> Result<(), String> {
        match self.log.lines.first() {
            None => Ok(()),
            Some(line) => Err(format!("the engine also said: {line:?}")),
        }
    }

    fn leftover(&mut self) -> Result<(), String> {
        self.settle();
        self.nothing_unsaid()?;
        if self.written.is_empty() {
            return Ok(());
        }
        Err(format!("the engine also wrote {}", self.written.escape_ascii()))
    }

    fn act(&mut self, act: &Act) -> Result<Result<(), SendError>, String> {
        let part = match act {
            Act::Request(head) => Part::request(request(head)?, head.length),
            Act::Interim(head) => Part::interim(response(head)?),
            Act::Response(head) => Part::response(response(head)?, head.length),
            Act::Content(content) => Part::Content(Bytes::copy_from_slice(content)),
            Act::End(trailers) => Part::End(trailers.clone()),
            Act::Reset => {
                self.engine.reset(self.stream, Reason::Cancelled, &mut self.out);
                return Ok(Ok(()));
            }
            Act::Open => {
                self.stream = self.engine.open().ok_or("no exchange could be opened")?;
                return Ok(Ok(()));
            }
            Act::Eof => {
                self.engine.receive_eof();
                return Ok(Ok(()));
            }
            Act::Wait(time) => {
                self.wait(*time);
                return Ok(Ok(()));
            }
            Act::Consume(length) => {
                self.engine.consume(self.stream, *length);
                return Ok(Ok(()));
            }
            Act::ShutDown => {
                self.engine.shut_down(&mut self.out);
                return Ok(Ok(()));
            }
        };
        Ok(self.engine.send(self.stream, part, &mut self.out))
    }

    fn wait(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.engine.next_timeout().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.engine.handle_timeout(self.now);
            self.settle();
        }
        self.now = until;
    }

    fn holds(&mut self, check: &Check) -> bool {
        match check {
            Check::Finished => self.engine.is_finished(),
            Check::Idle => self.engine.is_idle(),
            Check::Reads => self.engine.wants_read(),
            Check::Aborts => self.engine.must_abort(),
            Check::Opens => self.role == Role::Client && self.engine.open().is_some(),
            Check::Timeout(None) => self.engine.next_timeout().is_some(),
            Check::Timeout(Some(time)) => self.engine.next_timeout() == Some(self.now + *time),
            Check::Left(length) => self.input.len() == *length,
            Check::Closing(name) => self.engine.closing().is_some_and(|closing| format!("{closing:?}") == *name),
        }
    }
}

fn engine(role: Role, config: &Config, now: Instant) -> Connection {
    Connection::new(role, Arc::new(config.clone()), now)
}

fn request(head: &Head) -> Result<http::request::Parts, String> {
    let [method, target] = &head.words[..] else { return Err("a request has a method and a target".into()) };
    let request = Request::builder().method(method.as_str()).uri(target.as_str()).body(());
    let (mut parts, ()) = request.map_err(|error| error.to_string())?.into_parts();
    parts.headers = head.fields.clone();
    Ok(parts)
}

fn response(head: &Head) -> Result<http::response::Parts, String> {
    let [status] = &head.words[..] else { return Err("a response has a status".into()) };
    let response = Response::builder().status(status.as_str()).body(());
    let (mut parts, ()) = response.map_err(|error| error.to_string())?.into_parts();
    parts.headers = head.fields.clone();
    Ok(parts)
}
