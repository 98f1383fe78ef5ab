//! The bodies of the fuzz targets: bytes in, and a panic where an invariant does not hold.
//!
//! They live here so that the saved inputs are also replayed by ordinary tests.

pub mod h2;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, request};
use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{Connection as _, ConnectionError, Event, Incoming, Length, Outgoing, Part, Role, StreamId};

use crate::Split;
use crate::echo::Echo;
use crate::transcript::Log;

/// A fuzz target: its name, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target by its name, as the folders of saved inputs are named.
pub const TARGETS: [Target; 8] = [
    ("h1_head", h1_head),
    ("h1_chunked", h1_chunked),
    ("h1_machine", h1_machine),
    ("h2_frames", h2::frames),
    ("h2_hpack", h2::hpack),
    ("h2_hpack_round_trip", h2::hpack_round_trip),
    ("h2_machine", h2::machine),
    ("h2_against_itself", h2::against_itself),
];

/// A request head that was read, is written and read again: it says the same.
pub fn h1_head(data: &[u8]) {
    let Some((parts, length)) = read_request(data) else { return };
    let again = copy(&parts);
    let mut client = Connection::new(Role::Client, Arc::default(), Instant::now());
    let mut out = Outgoing::new();
    let stream = client.open().expect("a new connection takes an exchange");
    let mut sent = copy(&parts);
    // The length is promised beside the head; the field would have to say the same.
    sent.headers.remove(http::header::CONTENT_LENGTH);
    if client.send(stream, Part::request(sent, length), &mut out).is_err() {
        return;
    }
    let written: Vec<u8> = out.pieces().flatten().copied().collect();
    let Some((parts, length_again)) = read_request(&written) else {
        panic!("what was written is refused: {}", written.escape_ascii())
    };
    assert_eq!(parts.method, again.method);
    assert_eq!(parts.uri, again.uri);
    assert_eq!(length_again, length);
    for (name, value) in &parts.headers {
        let connection = ["connection", "content-length", "transfer-encoding"].contains(&name.as_str());
        assert!(connection || again.headers.get_all(name).iter().any(|it| it == value), "{name} came from nowhere");
    }
}

fn copy(parts: &request::Parts) -> request::Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    copy.method = parts.method.clone();
    copy.uri = parts.uri.clone();
    copy.headers = parts.headers.clone();
    copy
}

fn read_request(data: &[u8]) -> Option<(request::Parts, Length)> {
    // The writer has no limits of its own, and adds a field or two and the space after each colon.
    let config = Config { head_bytes_max: 1 << 20, fields_max: data.len() + 2, ..Config::default() };
    let mut server = Connection::new(Role::Server, Arc::new(config), Instant::now());
    let mut input = Incoming::new();
    input.extend(data);
    match server.poll_event(&mut input, Instant::now()) {
        Ok(Some(Event::Received(_, Part::Request(parts, length)))) => Some((*parts, length)),
        _ => None,
    }
}

/// Chunked content says the same however it is split, and what was read of it is written and read again.
pub fn h1_chunked(data: &[u8]) {
    let message = [b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", data].concat();
    let whole = hear(Role::Server, &message, Split::Whole, &Config::default());
    for split in [Split::Bytes, Split::Seeded(data.len() as u64)] {
        assert_eq!(whole, hear(Role::Server, &message, split, &Config::default()), "{split}");
    }
    let Some((content, trailers)) = whole.1 else { return };
    let mut client = Connection::new(Role::Client, Arc::default(), Instant::now());
    let stream = client.open().expect("a new connection takes an exchange");
    let mut out = Outgoing::new();
    let request = Request::post("http://a/").body(()).expect("a request");
    let mut send = |part| client.send(stream, part, &mut out).expect("a message that was read can be written");
    send(Part::request(request.into_parts().0, Length::Unknown));
    send(Part::Content(Bytes::from(content.clone())));
    send(Part::End(trailers.clone()));
    let written: Vec<u8> = out.pieces().flatten().copied().collect();
    let again = hear(Role::Server, &written, Split::Whole, &Config::default());
    assert_eq!(again.1, Some((content, trailers)));
}

/// A whole connection says, and writes, the same however its bytes are split, in both roles.
pub fn h1_machine(data: &[u8]) {
    let [choice, seed, rest @ ..] = data else { return };
    // Small limits are met by short inputs.
    let config = match choice & 2 {
        0 => Config::default(),
        _ => Config {
            head_bytes_max: 256,
            target_bytes_max: 32,
            method_bytes_max: 8,
            fields_max: 4,
            field_bytes_max: 64,
            trailer_bytes_max: 64,
            chunk_extension_bytes_max: 8,
            chunk_extensions_bytes_max: 16,
            exchanges_max: 3,
            content_buffer_bytes: 16,
            ..Config::default()
        },
    };
    let seeded = Split::Seeded((*seed).into());
    if choice & 1 == 0 {
        let whole = echo(rest, Split::Whole, &config);
        for split in [Split::Bytes, seeded] {
            assert_eq!(whole, echo(rest, split, &config), "{split}");
        }
    } else {
        let whole = hear(Role::Client, rest, Split::Whole, &config);
        for split in [Split::Bytes, seeded] {
            assert_eq!(whole, hear(Role::Client, rest, split, &config), "{split}");
        }
    }
}

/// What an echo server says and writes.
fn echo(bytes: &[u8], split: Split, config: &Config) -> (Log, Vec<u8>, bool) {
    let now = Instant::now();
    let mut echo = Echo::new(Connection::new(Role::Server, Arc::new(config.clone()), now), now);
    for piece in split.pieces(bytes, &mut split.random()) {
        echo.receive(piece);
    }
    echo.receive_eof();
    (echo.log, echo.written, echo.engine.is_finished())
}

/// What an engine hears of one message, and its content and trailers where it is whole.
fn hear(role: Role, bytes: &[u8], split: Split, config: &Config) -> (Log, Option<(Vec<u8>, HeaderMap)>) {
    let now = Instant::now();
    let mut engine = Connection::new(role, Arc::new(config.clone()), now);
    if role == Role::Client {
        let stream = engine.open().expect("a new connection takes an exchange");
        let request = Request::get("http://a/").header("upgrade", "b").body(()).expect("a request");
        let mut out = Outgoing::new();
        let mut send = |part| engine.send(stream, part, &mut out).expect("a request can be sent");
        send(Part::request(request.into_parts().0, Length::Known(0)));
        send(Part::End(HeaderMap::new()));
    }
    let mut hearing = Hearing { log: Log::default(), content: Vec::new(), whole: None };
    let mut input = Incoming::new();
    let mut pieces = split.pieces(bytes, &mut split.random()).into_iter();
    loop {
        match pieces.next() {
            Some(piece) => input.extend(piece),
            None => engine.receive_eof(),
        }
        let ended = engine.is_finished() || !engine.wants_read() && pieces.len() == 0;
        if hearing.all(&mut engine, &mut input, now).is_err() || ended {
            return (hearing.log, hearing.whole);
        }
    }
}

struct Hearing {
    log: Log,
    content: Vec<u8>,
    whole: Option<(Vec<u8>, HeaderMap)>,
}

impl Hearing {
    fn all(&mut self, engine: &mut Connection, input: &mut Incoming, now: Instant) -> Result<(), ConnectionError> {
        loop {
            match engine.poll_event(input, now) {
                Ok(Some(event)) => {
                    self.log.event(&event);
                    self.part(engine, event);
                }
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.log.error(&error);
                    return Err(error);
                }
            }
        }
    }

    fn part(&mut self, engine: &mut Connection, event: Event) {
        match event {
            Event::Received(StreamId(0), Part::Content(content)) => {
                engine.consume(StreamId(0), content.len());
                self.content.extend_from_slice(&content);
            }
            Event::Received(StreamId(0), Part::End(trailers)) => {
                self.whole = Some((std::mem::take(&mut self.content), trailers));
            }
            _ => {}
        }
    }
}
