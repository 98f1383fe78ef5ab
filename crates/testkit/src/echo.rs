//! An application in a few lines over a server's engine: it answers with the number of content bytes that it saw.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;
use http::header::{EXPECT, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use wirelight_proto::{Connection, ConnectionError, Event, Incoming, Length, Outgoing, Part, StreamId};

use crate::transcript::Log;

/// The field that says how many bytes of content the application saw.
pub const SEEN: HeaderName = HeaderName::from_static("x-echo-len");

/// A server's engine with an application that reads all content and answers 200, or 405 to CONNECT.
#[derive(Debug)]
pub struct Echo<C> {
    /// The engine.
    pub engine: C,
    /// What arrived and was not consumed.
    pub input: Incoming,
    /// Everything that the engine said.
    pub log: Log,
    /// Everything that was written.
    pub written: Vec<u8>,
    /// The error that ended the connection.
    pub error: Option<ConnectionError>,
    out: Outgoing,
    now: Instant,
    exchanges: HashMap<StreamId, Exchange>,
}

#[derive(Debug, Default)]
struct Exchange {
    connect: bool,
    seen: u64,
}

impl<C: Connection> Echo<C> {
    /// An application over an engine that was just made.
    pub fn new(engine: C, now: Instant) -> Self {
        Self {
            engine,
            input: Incoming::new(),
            log: Log::default(),
            written: Vec::new(),
            error: None,
            out: Outgoing::new(),
            now,
            exchanges: HashMap::new(),
        }
    }

    /// Lets bytes arrive and answers what they complete; they are lost once the connection is over, as on a socket.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.error.is_none() && !self.engine.is_finished() {
            self.input.extend(bytes);
            self.settle();
        }
    }

    /// The peer sends nothing more.
    pub fn receive_eof(&mut self) {
        self.engine.receive_eof();
        self.settle();
    }

    fn settle(&mut self) {
        while self.error.is_none() {
            match self.engine.poll_event(&mut self.input, self.now) {
                Ok(Some(event)) => {
                    self.log.event(&event);
                    self.hear(event);
                }
                Ok(None) => break,
                Err(error) => self.fail(error),
            }
        }
        self.engine.poll_transmit(&mut self.out, self.now);
        self.written.extend(self.out.pieces().flatten());
        self.out.clear();
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Received(stream, Part::Request(parts, _)) => {
                let connect = parts.method == Method::CONNECT;
                self.exchanges.insert(stream, Exchange { connect, seen: 0 });
                if parts.headers.contains_key(EXPECT) {
                    let (mut parts, ()) = Response::new(()).into_parts();
                    parts.status = StatusCode::CONTINUE;
                    self.send(stream, Part::interim(parts));
                }
            }
            Event::Received(stream, Part::Content(content)) => {
                if let Some(exchange) = self.exchanges.get_mut(&stream) {
                    exchange.seen += content.len() as u64;
                }
                self.engine.consume(stream, content.len());
            }
            Event::Received(stream, Part::End(_)) => {
                let exchange = self.exchanges.remove(&stream).unwrap_or_default();
                let status = if exchange.connect { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK };
                self.answer(stream, status, Some(exchange.seen));
            }
            _ => {}
        }
    }

    fn answer(&mut self, stream: StreamId, status: StatusCode, seen: Option<u64>) {
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = status;
        if let Some(seen) = seen {
            parts.headers.insert(SEEN, HeaderValue::from(seen));
        }
        self.send(stream, Part::response(parts, Length::Known(3)));
        self.send(stream, Part::Content(Bytes::from_static(b"ok\n")));
        self.send(stream, Part::End(HeaderMap::new()));
    }

    fn send(&mut self, stream: StreamId, part: Part) {
        self.engine.send(stream, part, &mut self.out).expect("the application sends what may be sent");
    }

    fn fail(&mut self, error: ConnectionError) {
        self.log.error(&error);
        let under_way = self.exchanges.keys().next().copied();
        let answered = under_way.or_else(|| self.engine.open());
        if let (Some(status), Some(stream)) = (error.status, answered) {
            self.answer(stream, status, None);
        }
        self.error = Some(error);
    }
}
