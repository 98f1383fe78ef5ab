//! The bodies of the fuzz targets of HTTP/2.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use wirelight_proto::h2::frame::{Frame, HEAD_LENGTH, Head};
use wirelight_proto::h2::hpack::{Decoder, Encoder, Field, Sink};
use wirelight_proto::h2::{Config, Connection, PREFACE};
use wirelight_proto::{Connection as _, Event, Incoming, Length, Outgoing, Part, Reason, Role, StreamId};

use crate::echo::Echo;
use crate::transcript::Log;
use crate::{Pair, Split};

/// A frame that was read is written and read again: it says the same.
pub fn frames(data: &[u8]) {
    let mut rest = data;
    while let Some(head) = Head::read(rest) {
        assert_eq!(Head::read(&head.octets()), Some(head));
        let Some(payload) = rest[HEAD_LENGTH..].get(..head.length) else { return };
        rest = &rest[HEAD_LENGTH + head.length..];
        let Ok(frame) = Frame::read(head, payload) else { continue };
        let mut written = Vec::new();
        frame.write(&mut written);
        let Some(again) = Head::read(&written) else {
            assert_eq!(frame, Frame::Unknown);
            continue;
        };
        assert_eq!(Frame::read(again, &written[HEAD_LENGTH..]), Ok(frame));
    }
}

/// Fields as they were decoded.
#[derive(Default)]
struct Fields {
    fields: Vec<Field>,
    bytes: usize,
}

impl Sink for Fields {
    fn admits(&mut self, size: usize) -> bool {
        self.bytes += size;
        // A bomb is to be decoded without being kept.
        self.bytes < 1 << 20
    }

    fn field(&mut self, field: Field) {
        self.fields.push(field);
    }
}

fn lines(fields: &[Field]) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|field| (field.name().as_bytes().to_vec(), field.value().to_vec())).collect()
}

/// Blocks, each behind an octet that is its length, decode or do not, and what they stand for can be written again.
pub fn hpack(data: &[u8]) {
    let (mut decoder, mut encoder, mut other) = (Decoder::default(), Encoder::new(4096), Decoder::default());
    let mut rest = data;
    while let [length, tail @ ..] = rest {
        let (block, tail) = tail.split_at(tail.len().min((*length).into()));
        rest = tail;
        let mut decoded = Fields::default();
        if decoder.decode(block, &mut decoded).is_err() {
            return;
        }
        let mut written = Vec::new();
        let mut expected = Vec::new();
        encoder.begin(&mut written);
        for field in decoded.fields {
            if write(&field, &mut encoder, &mut written) {
                expected.push(field);
            }
        }
        let mut again = Fields::default();
        other.decode(&written, &mut again).expect("what was written can be read");
        assert_eq!(lines(&again.fields), lines(&expected));
    }
}

fn write(field: &Field, encoder: &mut Encoder, out: &mut Vec<u8>) -> bool {
    match field {
        Field::Method(method) => encoder.method(method, out),
        Field::Scheme(scheme) => encoder.scheme(scheme.as_str(), out),
        Field::Authority(authority) => encoder.authority(authority.as_str(), out),
        Field::Path(path) => encoder.path(path.as_str(), out),
        Field::Status(status) => encoder.status(*status, out),
        Field::Protocol(protocol) => encoder.protocol(protocol.as_str(), out),
        Field::Regular(name, value) => encoder.field(name, value, out),
        Field::NoAuthority | Field::Malformed(_) => return false,
    }
    true
}

/// Fields made of the data come out of encoder and decoder as they went in, however the table is resized.
pub fn hpack_round_trip(data: &[u8]) {
    let mut data = Data(data);
    let limit = data.number() * 64;
    let (mut encoder, mut decoder) = (Encoder::new(limit), Decoder::default());
    while !data.0.is_empty() {
        let mut block = Vec::new();
        let mut expected = Vec::new();
        if data.number().is_multiple_of(8) {
            let bytes_max = data.number() * 32;
            encoder.limit_table(bytes_max);
            decoder.limit_table(bytes_max);
        }
        encoder.begin(&mut block);
        for _ in 0..data.number() % 8 {
            let name = ["server", "x-custom", "cookie", "content-length", "x-y", "authorization"][data.number() % 6];
            let length = data.number();
            let bytes = data.bytes(length);
            let Ok(mut value) = HeaderValue::from_bytes(bytes) else { continue };
            value.set_sensitive(length.is_multiple_of(16));
            encoder.field(&HeaderName::from_static(name), &value, &mut block);
            expected.push((name.as_bytes().to_vec(), bytes.trim_ascii().to_vec()));
        }
        let mut decoded = Fields::default();
        decoder.decode(&block, &mut decoded).expect("what was written can be read");
        let trimmed = lines(&decoded.fields).into_iter().map(|(name, value)| (name, value.trim_ascii().to_vec()));
        assert_eq!(trimmed.collect::<Vec<_>>(), expected);
    }
}

/// Choices made by the data; zeros once it is at its end.
struct Data<'a>(&'a [u8]);

impl<'a> Data<'a> {
    fn number(&mut self) -> usize {
        self.bytes(1).first().copied().unwrap_or(0).into()
    }

    fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        bytes
    }
}

/// Limits that short inputs meet.
fn small() -> Config {
    Config {
        streams_max: 3,
        stream_window_bytes: 100,
        connection_window_bytes: 65_535,
        received_bytes_max: 200,
        received_pieces_max: 8,
        queue_bytes_max: 10,
        control_bytes_max: 64,
        header_list_bytes_max: 300,
        fields_max: 8,
        header_block_bytes_max: 300,
        continuations_max: 3,
        table_bytes_max: 128,
        encoder_table_bytes_max: 128,
        ..Config::default()
    }
}

/// A connection says and writes the same however its bytes are split, in both roles.
pub fn machine(data: &[u8]) {
    let [choice, seed, rest @ ..] = data else { return };
    let config = if choice & 1 == 0 { Config::default() } else { small() };
    let (role, opening) = match choice & 2 {
        0 => (Role::Server, &PREFACE[..]),
        _ => (Role::Client, &b""[..]),
    };
    let settings = Head { length: 0, kind: 4, flags: 0, stream: 0 }.octets();
    let begun = if choice & 4 == 0 { [opening, &settings, rest].concat() } else { rest.to_vec() };
    let seeded = Split::Seeded((*seed).into());
    let whole = silent(role, &begun, Split::Whole, &config);
    for split in [Split::Bytes, seeded] {
        assert_eq!(whole, silent(role, &begun, split, &config), "{split}");
    }
    if role == Role::Server {
        let whole = answered(&begun, None, &config);
        for split in [Split::Bytes, seeded] {
            assert_eq!(whole, answered(&begun, Some(split), &config), "{split}");
        }
    }
}

/// What an engine says and writes whose application only listens.
fn silent(role: Role, bytes: &[u8], split: Split, config: &Config) -> (Log, Vec<u8>) {
    let now = Instant::now();
    let mut engine = Connection::new(role, Arc::new(config.clone()), now);
    let (mut log, mut input, mut out) = (Log::default(), Incoming::new(), Outgoing::new());
    if role == Role::Client {
        for _ in 0..3 {
            let Some(stream) = engine.open() else { break };
            let request = Request::get("http://a/").body(()).expect("a request").into_parts().0;
            engine.send(stream, Part::request(request, Length::Known(0)), &mut out).expect("a request can be sent");
            engine.send(stream, Part::End(HeaderMap::new()), &mut out).expect("and ended");
        }
    }
    let mut written = Vec::new();
    for piece in split.pieces(bytes, &mut split.random()) {
        input.extend(piece);
        loop {
            match engine.poll_event(&mut input, now) {
                Ok(Some(event)) => {
                    log.event(&event);
                    continue;
                }
                Ok(None) => {}
                Err(error) => log.error(&error),
            }
            engine.poll_transmit(&mut out, now);
            if out.is_empty() {
                break;
            }
            written.extend(out.pieces().flatten());
            out.clear();
        }
        assert_timers(&engine, now);
    }
    (log, written)
}

/// A deadline is never in the past of the last time that the engine was told.
fn assert_timers(engine: &Connection, now: Instant) {
    assert!(engine.next_timeout().is_none_or(|at| at >= now));
}

/// What an echo server says and writes that gets frame by frame, each in pieces.
///
/// What is answered between two frames depends on which of them arrived, so that frames are not to be joined.
fn answered(bytes: &[u8], split: Option<Split>, config: &Config) -> (Log, Vec<u8>, bool) {
    let now = Instant::now();
    let mut echo = Echo::new(Connection::new(Role::Server, Arc::new(config.clone()), now), now);
    let mut rest = bytes;
    let mut random = split.unwrap_or(Split::Whole).random();
    while !rest.is_empty() {
        let length = match Head::read(rest) {
            _ if rest.starts_with(PREFACE) => PREFACE.len(),
            Some(head) => HEAD_LENGTH + head.length,
            None => rest.len(),
        };
        let (frame, tail) = rest.split_at(length.min(rest.len()));
        rest = tail;
        match split {
            None => echo.receive(frame),
            Some(split) => split.pieces(frame, &mut random).into_iter().for_each(|piece| echo.receive(piece)),
        }
    }
    echo.receive_eof();
    (echo.log, echo.written, echo.engine.is_finished())
}

/// Two engines that do what the data says never find fault with one another, and finish what they began.
pub fn against_itself(data: &[u8]) {
    let mut data = Data(data);
    let now = Instant::now();
    // Windows small enough to stall, limits wide enough that no honest peer meets them.
    let config = |data: &mut Data<'_>| {
        Arc::new(Config {
            stream_window_bytes: 1 + data.number() as u32 * 300,
            queue_bytes_max: 1 + data.number() * 10,
            table_bytes_max: data.number() as u32 * 32,
            encoder_table_bytes_max: data.number() * 32,
            streams_max: 1 + data.number() as u32 % 8,
            received_pieces_max: u32::MAX,
            budgets: wirelight_proto::h2::Budgets {
                rapid_reset: UNBOUNDED,
                provoked_reset: UNBOUNDED,
                settings: UNBOUNDED,
                ping: UNBOUNDED,
                empty: UNBOUNDED,
                window_update: UNBOUNDED,
                ignored: UNBOUNDED,
            },
            ..Config::default()
        })
    };
    let client = Connection::new(Role::Client, config(&mut data), now);
    let server = Connection::new(Role::Server, config(&mut data), now);
    let mut play = Play { pair: Pair::new(client, server, now, data.number() as u64), open: VecDeque::new(), asked: 0 };
    while !data.0.is_empty() {
        play.act(&mut data);
    }
    play.finish();
}

const UNBOUNDED: wirelight_proto::h2::Budget = wirelight_proto::h2::Budget { burst: u32::MAX, per_second: 0 };

struct Play {
    pair: Pair<Connection>,
    /// Streams that were opened, with whether each end has sent its head.
    open: VecDeque<(StreamId, bool)>,
    asked: usize,
}

impl Play {
    fn act(&mut self, data: &mut Data<'_>) {
        let choice = data.number();
        let picked = choice / 8 % self.open.len().max(1);
        match choice % 8 {
            0 => self.ask(data),
            1 => self.answer(picked, data),
            2 | 3 => self.send(picked, choice % 8 == 2, data),
            4 | 5 => self.end(picked, choice % 8 == 4),
            6 => self.reset(picked, data.number().is_multiple_of(2)),
            _ => self.settle(),
        }
    }

    fn ask(&mut self, data: &mut Data<'_>) {
        // More resets than a server remembers would be no fault of its memory.
        if self.asked == 200 {
            return;
        }
        self.asked += 1;
        let Some(stream) = self.pair.client.engine.open() else { return };
        let method = if data.number().is_multiple_of(4) { Method::HEAD } else { Method::PUT };
        let mut parts = Request::new(()).into_parts().0;
        (parts.method, parts.uri) = (method, "http://a.test/path".parse().expect("a target"));
        let value = "v".repeat(data.number());
        parts.headers.insert("x-value", HeaderValue::from_str(&value).expect("a value"));
        let client = &mut self.pair.client;
        client.engine.send(stream, Part::request(parts, Length::Unknown), &mut client.out).expect("a valid request");
        self.open.push_back((stream, false));
    }

    /// Answers, if the request has arrived; what the engine refuses is refused for good reason.
    fn answer(&mut self, picked: usize, data: &mut Data<'_>) {
        let Some((stream, answered)) = self.open.get_mut(picked) else { return };
        let mut parts = Response::new(()).into_parts().0;
        parts.status = [StatusCode::OK, StatusCode::NO_CONTENT, StatusCode::NOT_FOUND][data.number() % 3];
        let server = &mut self.pair.server;
        *answered |= server.engine.send(*stream, Part::response(parts, Length::Unknown), &mut server.out).is_ok();
    }

    fn send(&mut self, picked: usize, from_client: bool, data: &mut Data<'_>) {
        let Some((stream, _)) = self.open.get(picked) else { return };
        let end = if from_client { &mut self.pair.client } else { &mut self.pair.server };
        let room = end.engine.capacity(*stream);
        let content = Bytes::from(vec![b'x'; room.min(1 + data.number() * 16)]);
        let _ = end.engine.send(*stream, Part::Content(content), &mut end.out);
    }

    fn end(&mut self, picked: usize, from_client: bool) {
        let Some((stream, _)) = self.open.get(picked) else { return };
        let end = if from_client { &mut self.pair.client } else { &mut self.pair.server };
        let _ = end.engine.send(*stream, Part::End(HeaderMap::new()), &mut end.out);
    }

    fn reset(&mut self, picked: usize, from_client: bool) {
        let Some((stream, answered)) = self.open.remove(picked) else { return };
        // A server can only give up what has reached it.
        let end = if from_client || !answered { &mut self.pair.client } else { &mut self.pair.server };
        end.engine.reset(stream, Reason::Cancelled, &mut end.out);
    }

    fn settle(&mut self) {
        self.pair.settle();
        for end in [&mut self.pair.client, &mut self.pair.server] {
            assert!(end.error.is_none(), "{:?}", end.error);
            while let Some(fault) = end.engine.poll_fault() {
                // More streams than the server takes, before the client has heard how many that is.
                assert_eq!(fault.code, wirelight_proto::h2::Code::REFUSED_STREAM, "{fault:?}");
            }
            for event in end.events.drain(..) {
                assert!(!matches!(event, Event::Reset(_, Reason::Malformed)), "{event:?}");
            }
        }
    }

    /// Ends everything that was begun, and the connection.
    fn finish(&mut self) {
        self.settle();
        for at in 0..self.open.len() {
            self.answer(at, &mut Data(&[]));
            self.end(at, true);
            self.end(at, false);
        }
        self.settle();
        self.pair.server.engine.shut_down(&mut self.pair.server.out);
        self.settle();
        let (client, server) = (&self.pair.client.engine, &self.pair.server.engine);
        assert!(client.is_finished() && server.is_finished(), "{client:?}, {server:?}, {:?}", self.open);
    }
}
