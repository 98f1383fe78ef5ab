//! The other end of an engine under test: writes frames by hand, and reads what the engine wrote.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use wirelight_proto::h2::frame::{
    Continuation, Data, Frame, GoAway, HEAD_LENGTH, Head, Headers, Ping, RstStream, Setting, WindowUpdate,
};
use wirelight_proto::h2::hpack::{Decoder, Field, Sink};
use wirelight_proto::h2::{Code, Config, Connection, PREFACE};
use wirelight_proto::{Connection as _, ConnectionError, Event, Incoming, Length, Outgoing, Part, Role, StreamId};

/// A frame that the engine wrote, without what no test asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrote {
    /// The fields, as `name: value`, and whether they end the stream.
    Headers(u32, Vec<String>, bool),
    Data(u32, Vec<u8>, bool),
    Reset(u32, Code),
    Settings(Vec<(u16, u32)>),
    SettingsAck,
    Ping(bool, [u8; 8]),
    GoAway(u32, Code),
    WindowUpdate(u32, u32),
}

/// An engine, and the peer that a test plays.
pub(super) struct Bench {
    pub(super) engine: Connection,
    pub(super) now: Instant,
    input: Incoming,
    out: Outgoing,
    decoder: Decoder,
    /// A header block that the engine has begun.
    block: Option<(u32, bool, Vec<u8>)>,
    /// The preface of a client was read, or there is none to read.
    begun: bool,
}

#[derive(Default)]
struct Lines(Vec<String>);

impl Sink for Lines {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.0.push(format!("{}: {}", text(field.name().as_bytes()), text(field.value())));
    }
}

/// A header block in which every field is a literal.
pub(super) fn block(lines: &str) -> Vec<u8> {
    let mut block = Vec::new();
    for line in lines.split('\n').filter(|line| !line.is_empty()) {
        let colon = 1 + line[1..].find(": ").expect("a colon");
        let (name, value) = (&line[..colon], &line[colon + 2..]);
        block.push(0);
        for text in [name, value] {
            string(text.as_bytes(), &mut block);
        }
    }
    block
}

pub(super) fn string(text: &[u8], block: &mut Vec<u8>) {
    let mut rest = text.len();
    if rest < 127 {
        block.push(rest as u8);
    } else {
        block.push(127);
        rest -= 127;
        while rest >= 128 {
            block.push(rest as u8 | 128);
            rest >>= 7;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(text);
}

/// A GET of `/` with these fields behind it.
pub(super) fn get(fields: &str) -> Vec<u8> {
    block(&[":method: GET\n:scheme: http\n:path: /\n:authority: a.test\n", fields].concat())
}

/// A POST to `/` with these fields behind it.
pub(super) fn post(fields: &str) -> Vec<u8> {
    block(&[":method: POST\n:scheme: http\n:path: /\n:authority: a.test\n", fields].concat())
}

impl Bench {
    pub(super) fn new(role: Role, config: Config) -> Self {
        let now = Instant::now();
        Self {
            engine: Connection::new(role, Arc::new(config), now),
            now,
            input: Incoming::new(),
            out: Outgoing::new(),
            decoder: Decoder::default(),
            block: None,
            begun: role == Role::Server,
        }
    }

    /// A server that has exchanged settings with its client.
    pub(super) fn server(config: Config) -> Self {
        Self::server_with(config, &[])
    }

    /// A server that has exchanged settings with its client, which announced these.
    pub(super) fn server_with(config: Config, settings: &[(u16, u32)]) -> Self {
        let mut bench = Self::new(Role::Server, config);
        bench.raw(PREFACE);
        bench.settings(settings);
        bench.frame(Frame::SettingsAck);
        assert!(bench.events().is_empty());
        let wrote = bench.wrote();
        assert!(matches!(wrote.first(), Some(Wrote::Settings(_))), "{wrote:?}");
        assert_eq!(wrote.last(), Some(&Wrote::SettingsAck));
        bench
    }

    /// A client that has exchanged settings with its server.
    pub(super) fn client(config: Config) -> Self {
        let mut bench = Self::new(Role::Client, config);
        bench.settings(&[]);
        bench.frame(Frame::SettingsAck);
        assert!(bench.events().is_empty());
        assert_eq!(bench.wrote().last(), Some(&Wrote::SettingsAck));
        bench
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.input.extend(bytes);
    }

    pub(super) fn frame(&mut self, frame: Frame<'_>) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.raw(&bytes);
    }

    pub(super) fn settings(&mut self, settings: &[(u16, u32)]) {
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(identifier, value)| [&identifier.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        self.raw(&Head { length: payload.len(), kind: 4, flags: 0, stream: 0 }.octets());
        self.raw(&payload);
    }

    pub(super) fn headers(&mut self, stream: u32, fragment: &[u8], end_stream: bool) {
        self.frame(Frame::Headers(Headers {
            stream,
            end_stream,
            end_headers: true,
            fragment,
            dependency: None,
            padding: None,
        }));
    }

    pub(super) fn begin_headers(&mut self, stream: u32, fragment: &[u8], end_stream: bool) {
        self.frame(Frame::Headers(Headers {
            stream,
            end_stream,
            end_headers: false,
            fragment,
            dependency: None,
            padding: None,
        }));
    }

    pub(super) fn continuation(&mut self, stream: u32, fragment: &[u8], end_headers: bool) {
        self.frame(Frame::Continuation(Continuation { stream, end_headers, fragment }));
    }

    pub(super) fn data(&mut self, stream: u32, content: &[u8], end_stream: bool) {
        self.frame(Frame::Data(Data { stream, end_stream, content, padding: None }));
    }

    pub(super) fn reset(&mut self, stream: u32, code: Code) {
        self.frame(Frame::RstStream(RstStream { stream, code }));
    }

    pub(super) fn window(&mut self, stream: u32, increment: u32) {
        self.frame(Frame::WindowUpdate(WindowUpdate { stream, increment }));
    }

    pub(super) fn ping(&mut self, ack: bool, payload: [u8; 8]) {
        self.frame(Frame::Ping(Ping { ack, payload }));
    }

    pub(super) fn go_away(&mut self, last_stream: u32) {
        self.frame(Frame::GoAway(GoAway { last_stream, code: Code::NO_ERROR, debug: b"" }));
    }

    /// Everything that the engine says.
    pub(super) fn hear(&mut self) -> Result<Vec<Event>, ConnectionError> {
        let mut events = Vec::new();
        loop {
            while let Some(event) = self.engine.poll_event(&mut self.input, self.now)? {
                events.push(event);
            }
            let before = self.out.len();
            self.engine.poll_transmit(&mut self.out, self.now);
            if self.out.len() == before {
                return Ok(events);
            }
        }
    }

    /// Everything that the engine says, in short, where nothing is wrong.
    pub(super) fn events(&mut self) -> Vec<String> {
        self.hear().expect("no error").iter().map(brief).collect()
    }

    /// The error that the connection ends with, and the code of its GOAWAY.
    pub(super) fn error(&mut self) -> (&'static str, Code) {
        let error = self.hear().expect_err("an error");
        self.engine.poll_transmit(&mut self.out, self.now);
        assert!(self.engine.is_finished());
        match self.wrote().last() {
            Some(Wrote::GoAway(_, code)) => (error.rule.name, *code),
            other => panic!("no GOAWAY but {other:?}"),
        }
    }

    /// Lets time pass, and tells the engine where it asked for that.
    pub(super) fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(at) = self.engine.next_timeout().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.engine.handle_timeout(self.now);
            assert_ne!(self.engine.next_timeout(), Some(at), "a deadline that has passed is not asked for again");
        }
        self.now = until;
    }

    pub(super) fn send(&mut self, stream: u32, part: Part) {
        self.engine.send(StreamId(stream.into()), part, &mut self.out).expect("sent");
    }

    pub(super) fn respond(&mut self, stream: u32, content: &[u8]) {
        self.begin_response(stream, content);
        self.end(stream);
    }

    /// A response whose end is not given.
    pub(super) fn begin_response(&mut self, stream: u32, content: &[u8]) {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = StatusCode::OK;
        self.send(stream, Part::response(parts, Length::Unknown));
        self.send(stream, Part::Content(Bytes::copy_from_slice(content)));
    }

    pub(super) fn end(&mut self, stream: u32) {
        self.send(stream, Part::End(HeaderMap::new()));
    }

    pub(super) fn drop_stream(&mut self, stream: u32, reason: wirelight_proto::Reason) {
        self.engine.reset(StreamId(stream.into()), reason, &mut self.out);
    }

    pub(super) fn shut_down(&mut self) {
        self.engine.shut_down(&mut self.out);
    }

    /// The frames that the engine wrote since the last call.
    pub(super) fn wrote(&mut self) -> Vec<Wrote> {
        self.engine.poll_transmit(&mut self.out, self.now);
        let bytes: Vec<u8> = self.out.pieces().flatten().copied().collect();
        self.out.clear();
        let mut rest = &bytes[..];
        if !self.begun && !rest.is_empty() {
            rest = rest.strip_prefix(PREFACE.as_slice()).expect("the preface");
            self.begun = true;
        }
        let mut wrote = Vec::new();
        while let Some(head) = Head::read(rest) {
            let (frame, tail) = rest.split_at(HEAD_LENGTH + head.length);
            wrote.extend(self.read(head, &frame[HEAD_LENGTH..]));
            rest = tail;
        }
        assert!(rest.is_empty(), "whole frames");
        wrote
    }

    fn read(&mut self, head: Head, payload: &[u8]) -> Option<Wrote> {
        Some(match Frame::read(head, payload).expect("a valid frame") {
            Frame::Headers(frame) => {
                self.block = Some((frame.stream, frame.end_stream, frame.fragment.to_vec()));
                return frame.end_headers.then(|| self.end_block());
            }
            Frame::Continuation(frame) => {
                let (stream, _, bytes) = self.block.as_mut().expect("a block to continue");
                assert_eq!(*stream, frame.stream);
                bytes.extend_from_slice(frame.fragment);
                return frame.end_headers.then(|| self.end_block());
            }
            Frame::Data(frame) => Wrote::Data(frame.stream, frame.content.to_vec(), frame.end_stream),
            Frame::RstStream(frame) => Wrote::Reset(frame.stream, frame.code),
            Frame::Settings(frame) => {
                Wrote::Settings(frame.iter().map(|Setting { identifier, value }| (identifier, value)).collect())
            }
            Frame::SettingsAck => Wrote::SettingsAck,
            Frame::Ping(frame) => Wrote::Ping(frame.ack, frame.payload),
            Frame::GoAway(frame) => Wrote::GoAway(frame.last_stream, frame.code),
            Frame::WindowUpdate(frame) => Wrote::WindowUpdate(frame.stream, frame.increment),
            frame => panic!("an engine does not write {frame:?}"),
        })
    }

    fn end_block(&mut self) -> Wrote {
        let (stream, end_stream, bytes) = self.block.take().expect("a block");
        let mut lines = Lines::default();
        self.decoder.decode(&bytes, &mut lines).expect("a valid block");
        Wrote::Headers(stream, lines.0, end_stream)
    }
}

/// An event in one line.
pub(super) fn brief(event: &Event) -> String {
    match event {
        Event::Received(stream, Part::Request(parts, length)) => {
            format!("{} request {} {} {length:?}", stream.0, parts.method, parts.uri)
        }
        Event::Received(stream, Part::Interim(parts)) => format!("{} interim {}", stream.0, parts.status.as_u16()),
        Event::Received(stream, Part::Response(parts, length)) => {
            format!("{} response {} {length:?}", stream.0, parts.status.as_u16())
        }
        Event::Received(stream, Part::Content(content)) => {
            format!("{} content {}", stream.0, content.escape_ascii())
        }
        Event::Received(stream, Part::End(trailers)) if trailers.is_empty() => format!("{} end", stream.0),
        Event::Received(stream, Part::End(trailers)) => format!("{} end {trailers:?}", stream.0),
        Event::Writable(stream) => format!("{} writable", stream.0),
        Event::Reset(stream, reason) => format!("{} reset {reason:?}", stream.0),
        Event::GoingAway(stream) => format!("going away after {}", stream.0),
        Event::Switched(stream) => format!("{} switched", stream.0),
    }
}
