//! A conversation between others, followed from the bytes that went each way.
//!
//! Two engines listen, each in the place of one side, and are told what the other has heard. Nothing that they would
//! say themselves is sent.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use http::{Method, StatusCode, Uri, Version};

use crate::{Connection, Engine, Event, Incoming, Outgoing, Part, Reason, Role, StreamId, h1, h2};

/// A conversation between others.
#[derive(Debug)]
pub struct Overheard(State);

#[derive(Debug)]
enum State {
    /// Nothing was heard yet.
    Silent,
    Following(Box<Following>),
    /// It is not HTTP, or no longer, or not to be understood.
    Over,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// The head of a request.
    Request {
        /// Which exchange of the connection it begins, from 1.
        exchange: u64,
        /// Its method.
        method: Method,
        /// Its target.
        target: Uri,
        /// The version of HTTP.
        version: Version,
    },
    /// The head of a response, or of an interim one.
    Response {
        /// Which exchange it belongs to.
        exchange: u64,
        /// Its status.
        status: StatusCode,
    },
    /// A message is complete.
    Complete {
        /// Which exchange it belongs to.
        exchange: u64,
        /// Who sent it.
        sender: Role,
        /// Bytes of content.
        content_bytes: u64,
    },
    /// The exchange was given up.
    Reset {
        /// Which exchange.
        exchange: u64,
    },
    /// From here on it is followed no further, for this cause.
    Lost(Lost),
}

/// Why a conversation is not followed further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// It begins like a handshake of TLS: what follows is encrypted.
    Secured,
    /// It does not begin like a request.
    Foreign,
    /// It went over to another protocol.
    Switched,
    /// Who listens at this side would have refused it, in words.
    Refused(Role, String),
    /// Bytes are missing.
    Missing,
}

#[derive(Debug)]
struct Following {
    server: Ear,
    client: Ear,
    /// The exchanges by the stream that the server's side hears, and by that which the client's hears.
    known: HashMap<StreamId, Exchange>,
    by_client: HashMap<StreamId, StreamId>,
    begun: u64,
}

#[derive(Debug)]
struct Exchange {
    number: u64,
    to_client: StreamId,
    request_bytes: u64,
    response_bytes: u64,
}

/// An engine that hears and whose words go nowhere.
#[derive(Debug)]
struct Ear {
    engine: Engine,
    input: Incoming,
    out: Outgoing,
}

impl Default for Overheard {
    fn default() -> Self {
        Self(State::Silent)
    }
}

impl Overheard {
    /// Hears what `sender` has said next, in order.
    pub fn hear(&mut self, sender: Role, bytes: &[u8], now: Instant) -> Vec<Said> {
        if let State::Silent = self.0 {
            match Following::begin(sender, bytes, now) {
                Ok(following) => self.0 = State::Following(following),
                Err(lost) => return self.lose(lost),
            }
        }
        let State::Following(following) = &mut self.0 else {
            return Vec::new();
        };
        let mut said = Vec::new();
        match following.hear(sender, bytes, now, &mut said) {
            Ok(()) => {}
            Err(lost) => said.append(&mut self.lose(lost)),
        }
        said
    }

    /// `sender` says nothing more: content that only the end delimits is complete.
    pub fn end(&mut self, sender: Role, now: Instant) -> Vec<Said> {
        let State::Following(following) = &mut self.0 else {
            return Vec::new();
        };
        following.ear(sender).engine.receive_eof();
        let mut said = Vec::new();
        // An end in the middle of a message is for those who hold the connection to judge.
        let _ = following.hear(sender, &[], now, &mut said);
        said
    }

    /// Bytes are missing: it cannot be followed further.
    pub fn miss(&mut self) -> Vec<Said> {
        self.lose(Lost::Missing)
    }

    fn lose(&mut self, lost: Lost) -> Vec<Said> {
        match std::mem::replace(&mut self.0, State::Over) {
            State::Over => Vec::new(),
            State::Silent | State::Following(_) => vec![Said::Lost(lost)],
        }
    }
}

impl Following {
    fn begin(sender: Role, bytes: &[u8], now: Instant) -> Result<Box<Self>, Lost> {
        const TLS_HANDSHAKE: u8 = 22;
        let (is_http2, is_http1) = match sender {
            Role::Client => (bytes.starts_with(&h2::PREFACE[..bytes.len().min(h2::PREFACE.len())]), {
                bytes.first().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'\r' | b'\n'))
            }),
            // A server that speaks first speaks something else.
            Role::Server => (false, false),
        };
        if !is_http1 && !is_http2 {
            return Err(if bytes.first() == Some(&TLS_HANDSHAKE) { Lost::Secured } else { Lost::Foreign });
        }
        let http1 = Arc::new(h1::Config { exchanges_max: u64::MAX, ..h1::Config::default() });
        let http2 = Arc::new(generous());
        let ear = |role| {
            let engine = match is_http2 {
                true => Engine::http2(role, Arc::clone(&http2), now),
                false => Engine::http1(role, Arc::clone(&http1), now),
            };
            Ear { engine, input: Incoming::new(), out: Outgoing::new() }
        };
        Ok(Box::new(Self {
            server: ear(Role::Server),
            client: ear(Role::Client),
            known: HashMap::new(),
            by_client: HashMap::new(),
            begun: 0,
        }))
    }

    /// Who hears what `sender` says.
    fn ear(&mut self, sender: Role) -> &mut Ear {
        match sender {
            Role::Client => &mut self.server,
            Role::Server => &mut self.client,
        }
    }

    fn hear(&mut self, sender: Role, bytes: &[u8], now: Instant, said: &mut Vec<Said>) -> Result<(), Lost> {
        self.ear(sender).input.extend(bytes);
        while let Some((sender, event)) = self.next(now)? {
            match event {
                Event::Received(stream, part) => self.pass(sender, stream, part, said),
                Event::Reset(stream, reason) => self.give_up(sender, stream, reason, said),
                Event::Switched(_) => return Err(Lost::Switched),
                Event::Writable(_) | Event::GoingAway(_) => {}
            }
        }
        Ok(())
    }

    /// What was said next. Requests come first: a response is only understood by who knows what was asked.
    fn next(&mut self, now: Instant) -> Result<Option<(Role, Event)>, Lost> {
        for sender in [Role::Client, Role::Server] {
            let event = self.ear(sender).next(now).map_err(|because| Lost::Refused(other(sender), because))?;
            if let Some(event) = event {
                return Ok(Some((sender, event)));
            }
        }
        Ok(None)
    }

    fn pass(&mut self, sender: Role, stream: StreamId, part: Part, said: &mut Vec<Said>) {
        if let Part::Content(content) = &part {
            self.ear(sender).engine.consume(stream, content.len());
        }
        match sender {
            Role::Client => self.pass_up(stream, part, said),
            Role::Server => self.pass_down(stream, part, said),
        }
    }

    fn pass_up(&mut self, stream: StreamId, part: Part, said: &mut Vec<Said>) {
        if let Part::Request(parts, _) = &part {
            let Some(to_client) = self.client.open(stream) else { return };
            self.begun += 1;
            let (exchange, method, target) = (self.begun, parts.method.clone(), parts.uri.clone());
            said.push(Said::Request { exchange, method, target, version: parts.version });
            let known = Exchange { number: exchange, to_client, request_bytes: 0, response_bytes: 0 };
            self.known.insert(stream, known);
            self.by_client.insert(to_client, stream);
        }
        let Some(known) = self.known.get_mut(&stream) else { return };
        match &part {
            Part::Content(content) => known.request_bytes += content.len() as u64,
            Part::End(_) => said.push(Said::Complete {
                exchange: known.number,
                sender: Role::Client,
                content_bytes: known.request_bytes,
            }),
            Part::Request(..) | Part::Interim(_) | Part::Response(..) => {}
        }
        self.client.say(known.to_client, part);
    }

    fn pass_down(&mut self, stream: StreamId, part: Part, said: &mut Vec<Said>) {
        let Some(&to_server) = self.by_client.get(&stream) else { return };
        let Some(known) = self.known.get_mut(&to_server) else { return };
        let exchange = known.number;
        match &part {
            Part::Interim(parts) | Part::Response(parts, _) => {
                said.push(Said::Response { exchange, status: parts.status });
            }
            Part::Content(content) => known.response_bytes += content.len() as u64,
            Part::End(_) => {
                let content_bytes = known.response_bytes;
                said.push(Said::Complete { exchange, sender: Role::Server, content_bytes });
                self.known.remove(&to_server);
                self.by_client.remove(&stream);
            }
            Part::Request(..) => {}
        }
        self.server.say(to_server, part);
    }

    fn give_up(&mut self, sender: Role, stream: StreamId, reason: Reason, said: &mut Vec<Said>) {
        let stream = match sender {
            Role::Client => Some(stream),
            Role::Server => self.by_client.get(&stream).copied(),
        };
        if let Some((stream, known)) = stream.and_then(|stream| Some((stream, self.known.remove(&stream)?))) {
            self.by_client.remove(&known.to_client);
            self.client.engine.reset(known.to_client, reason, &mut self.client.out);
            self.server.engine.reset(stream, reason, &mut self.server.out);
            said.push(Said::Reset { exchange: known.number });
        }
    }
}

impl Ear {
    fn next(&mut self, now: Instant) -> Result<Option<Event>, String> {
        let event = self.engine.poll_event(&mut self.input, now);
        self.engine.poll_transmit(&mut self.out, now);
        self.out.clear();
        event.map_err(|error| error.to_string())
    }

    /// What the others have said is said here too, so that the engine knows where the conversation is.
    fn say(&mut self, stream: StreamId, part: Part) {
        // What this engine would not have said, they have said nevertheless.
        let _ = self.engine.send(stream, part, &mut self.out);
        self.out.clear();
    }

    /// Opens the stream that the others have opened; on HTTP/2 they may have left out some.
    fn open(&mut self, like: StreamId) -> Option<StreamId> {
        loop {
            let opened = self.engine.open()?;
            if !self.engine.is_multiplexed() || opened >= like {
                return Some(opened);
            }
            self.engine.reset(opened, Reason::Cancelled, &mut self.out);
            self.out.clear();
        }
    }
}

/// What the others allow one another is not known before they say it, so everything is allowed.
fn generous() -> h2::Config {
    const MOST: u32 = (1 << 31) - 1;
    h2::Config {
        streams_max: MOST,
        streams_before_settings: MOST,
        stream_window_bytes: MOST,
        stream_window_bytes_max: MOST,
        connection_window_bytes: MOST,
        received_bytes_max: MOST,
        received_pieces_max: MOST,
        table_bytes_max: 65_536,
        ..h2::Config::default()
    }
}

fn other(role: Role) -> Role {
    match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secured => f.write_str("it is TLS: what it carries is encrypted"),
            Self::Foreign => f.write_str("it does not begin like HTTP"),
            Self::Switched => f.write_str("it went over to another protocol"),
            Self::Refused(Role::Server, because) => write!(f, "a server would have refused it: {because}"),
            Self::Refused(Role::Client, because) => write!(f, "a client would have refused it: {because}"),
            Self::Missing => f.write_str("bytes are missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Ear {
        fn written(&mut self, now: Instant) -> Vec<u8> {
            self.engine.poll_transmit(&mut self.out, now);
            let bytes = self.out.pieces().flatten().copied().collect();
            self.out.clear();
            bytes
        }
    }

    /// What was said, in short, when both sides speak in turn.
    fn follow(turns: &[(Role, &[u8])]) -> Vec<String> {
        let (mut overheard, now) = (Overheard::default(), Instant::now());
        let mut said = Vec::new();
        for (sender, bytes) in turns {
            said.extend(overheard.hear(*sender, bytes, now));
        }
        said.extend(overheard.end(Role::Server, now));
        said.iter().map(short).collect()
    }

    fn short(said: &Said) -> String {
        match said {
            Said::Request { exchange, method, target, .. } => format!("{exchange} {method} {target}"),
            Said::Response { exchange, status } => format!("{exchange} {}", status.as_u16()),
            Said::Complete { exchange, sender, content_bytes } => format!("{exchange} {sender:?} {content_bytes}"),
            Said::Reset { exchange } => format!("{exchange} reset"),
            Said::Lost(lost) => lost.to_string(),
        }
    }

    #[test]
    fn exchanges_of_http1() {
        use Role::{Client, Server};
        type Turn = (Role, &'static [u8]);
        let cases: &[(&[Turn], &[&str])] = &[
            (
                &[
                    (Client, b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nHEAD /b HTTP/1.1\r\nHo"),
                    (Client, b"st: a\r\n\r\n"),
                    (Server, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"),
                    (Server, b"loHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
                ],
                &["1 GET /a", "1 Client 0", "1 200", "1 Server 5", "2 HEAD /b", "2 Client 0", "2 200", "2 Server 0"],
            ),
            (
                &[
                    (Client, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
                    (Server, b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end"),
                ],
                &["1 POST /", "1 Client 3", "1 103", "1 200", "1 Server 10"],
            ),
            (&[(Client, b"\x16\x03\x01\x02\x00\x01"), (Server, b"\x16")], &["it is TLS: what it carries is encrypted"]),
            (&[(Server, b"220 mail\r\n"), (Client, b"HELO\r\n")], &["it does not begin like HTTP"]),
            (
                &[
                    (Client, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
                    (
                        Server,
                        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81",
                    ),
                ],
                &["1 GET /", "1 Client 0", "1 101", "it went over to another protocol"],
            ),
        ];
        for (turns, expected) in cases {
            assert_eq!(follow(turns), *expected);
        }
    }

    #[test]
    fn what_is_refused_says_by_whom() {
        let said = follow(&[(Role::Client, b"GET / HTTP/1.1\r\n\r\n")]);
        assert!(said[0].starts_with("a server would have refused it: "), "{said:?}");
    }

    #[test]
    fn exchanges_of_http2_with_streams_left_out() {
        let config = Arc::new(h2::Config::default());
        let now = Instant::now();
        let ear = |role| Ear {
            engine: Engine::http2(role, Arc::clone(&config), now),
            input: Incoming::new(),
            out: Outgoing::new(),
        };
        let (mut client, mut server) = (ear(Role::Client), ear(Role::Server));
        let mut overheard = Overheard::default();
        let mut said = Vec::new();
        let skipped = client.engine.open().unwrap();
        client.engine.reset(skipped, Reason::Cancelled, &mut client.out);
        let stream = client.engine.open().unwrap();
        let (parts, ()) = http::Request::get("http://a/b").body(()).unwrap().into_parts();
        client.engine.send(stream, Part::request(parts, crate::Length::Known(0)), &mut client.out).unwrap();
        client.engine.send(stream, Part::End(http::HeaderMap::new()), &mut client.out).unwrap();
        for _ in 0..4 {
            let bytes = client.written(now);
            said.extend(overheard.hear(Role::Client, &bytes, now));
            server.input.extend(&bytes);
            while let Some(event) = server.engine.poll_event(&mut server.input, now).unwrap() {
                if let Event::Received(stream, Part::Request(..)) = event {
                    let (parts, ()) = http::Response::builder().status(204).body(()).unwrap().into_parts();
                    let response = Part::response(parts, crate::Length::Known(0));
                    server.engine.send(stream, response, &mut server.out).unwrap();
                    server.engine.send(stream, Part::End(http::HeaderMap::new()), &mut server.out).unwrap();
                }
            }
            let bytes = server.written(now);
            said.extend(overheard.hear(Role::Server, &bytes, now));
            client.input.extend(&bytes);
            while client.engine.poll_event(&mut client.input, now).unwrap().is_some() {}
        }
        let said: Vec<String> = said.iter().map(short).collect();
        assert_eq!(said, ["1 GET http://a/b", "1 Client 0", "1 204", "1 Server 0"]);
    }
}
