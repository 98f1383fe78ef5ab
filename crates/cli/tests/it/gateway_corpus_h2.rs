//! The corpus's `h2-proxy` cases: what comes in over HTTP/2 must not become something else on the way to a server of
//! HTTP/1.1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wirelight_proto::h2::frame::{Frame, HEAD_LENGTH, Head};
use wirelight_proto::h2::hpack::{Decoder, Field, Sink};
use wirelight_testkit::corpus::{Case, cases};

use crate::gateway_corpus::{Reached, Upstream, forwarded};
use crate::process::{Listening, command};

/// How long it is quiet before nothing more is expected.
const QUIET: Duration = Duration::from_millis(300);
/// The stream that every case is about.
const STREAM: u32 = 1;

/// What a client saw.
#[derive(Debug, Default)]
struct Seen {
    dead: bool,
    reset: bool,
    status: Option<u16>,
    ended: bool,
    answered_ping: bool,
}

impl Seen {
    fn is_complete(&self) -> bool {
        self.dead || self.answered_ping && (self.reset || self.ended)
    }
}

#[derive(Default)]
struct Status(Option<u16>);

impl Sink for Status {
    fn admits(&mut self, _: usize) -> bool {
        true
    }

    fn field(&mut self, field: Field) {
        if let Field::Status(status) = field {
            self.0 = Some(status.as_u16());
        }
    }
}

#[test]
fn every_h2_proxy_case_passes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json");
    let cases: Vec<Case> = cases(&path).into_iter().filter(|case| case.target == "h2-proxy").collect();
    assert_eq!(cases.len(), 27, "the corpus is not whole");
    let upstream = Upstream::start();
    let url = format!("http://{}", upstream.address);
    let proxy = Listening::spawn(&mut command(&["proxy", "127.0.0.1:0", &url, "-q", "--workers", "1"]));
    let mut failed = Vec::new();
    for case in &cases {
        upstream.begin(&json!({}));
        let seen = talk(case, proxy.address);
        if let Err(why) = judge(case, &seen, &upstream.seen()) {
            failed.push(format!("{} ({}): {why}; seen: {seen:?}", case.id, case.description));
        }
        if case.json["followup"] == true && !followed(proxy.address) {
            failed.push(format!("{} ({}): the next request was not answered well", case.id, case.description));
        }
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
}

/// Sends what a case sends, and a PING behind it; hears until nothing more is to come.
fn talk(case: &Case, proxy: SocketAddr) -> Seen {
    let hex = case.json["wire_hex"].as_str().expect("every case has its bytes");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    let mut wire: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    wire.extend(Head { length: 8, kind: 6, flags: 0, stream: 0 }.octets());
    wire.extend(b"there???");
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // It may close before it has read all of it.
    let _ = stream.write_all(&wire);
    let (mut came, mut seen) = (Vec::new(), Seen::default());
    let mut decoder = Decoder::default();
    let mut last = Instant::now();
    let mut piece = [0; 16 * 1024];
    while !seen.is_complete() && last.elapsed() < QUIET {
        match stream.read(&mut piece) {
            Ok(0) => seen.dead = true,
            Ok(length) => {
                last = Instant::now();
                came.extend_from_slice(&piece[..length]);
                hear(&mut came, &mut decoder, &mut seen);
            }
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => seen.dead = true,
        }
    }
    seen
}

/// Reads the frames that are whole.
fn hear(came: &mut Vec<u8>, decoder: &mut Decoder, seen: &mut Seen) {
    while let Some(head) = Head::read(came) {
        if came.len() < HEAD_LENGTH + head.length {
            return;
        }
        let bytes: Vec<u8> = came.drain(..HEAD_LENGTH + head.length).collect();
        match Frame::read(head, &bytes[HEAD_LENGTH..]).expect("a valid frame") {
            Frame::Headers(frame) => {
                let mut status = Status::default();
                decoder.decode(frame.fragment, &mut status).expect("a valid block");
                if frame.stream == STREAM {
                    seen.status = status.0.or(seen.status);
                    seen.ended |= frame.end_stream;
                }
            }
            Frame::Data(frame) => seen.ended |= frame.stream == STREAM && frame.end_stream,
            Frame::RstStream(frame) => seen.reset |= frame.stream == STREAM && frame.code.0 != 0,
            Frame::GoAway(frame) => seen.dead |= frame.code.0 != 0,
            Frame::Ping(frame) => seen.answered_ping |= frame.ack,
            _ => {}
        }
    }
}

/// Whether some acceptable end was seen, with what reached the upstream; our own stricter expectation comes first.
fn judge(case: &Case, seen: &Seen, reached: &Reached) -> Result<(), String> {
    let mut first = None;
    for expect in case.alternatives(true) {
        match ended(expect.json(), seen).and_then(|()| forwarded(expect, reached)) {
            Ok(()) => return Ok(()),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or_default())
}

fn ended(expect: &Value, seen: &Seen) -> Result<(), String> {
    if expect["dead"] == true && !seen.dead {
        return Err("the connection lives".to_owned());
    }
    if !expect["rst"].is_null() && !seen.reset {
        return Err("the stream was not reset".to_owned());
    }
    let statuses = expect["statuses"].as_array();
    if statuses.is_some_and(|statuses| !statuses.iter().any(|status| status.as_u64() == seen.status.map(u64::from))) {
        return Err(format!("status {:?}", seen.status));
    }
    Ok(())
}

/// Whether a request of somebody else is answered with what it asked for.
fn followed(proxy: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /followup-check HTTP/1.1\r\nHost: wirelight.test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("UP:GET /followup-check")
}
