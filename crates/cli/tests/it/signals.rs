//! TERM and INT: what is under way is answered, and then the process ends.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::{Listening, until};

const DRIP: &[u8] = b"GET /drip?bytes=20&seconds=1 HTTP/1.1\r\nHost: a\r\n\r\n";

/// Reads until a byte of the content has come.
fn begin(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n*") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        received.push(byte[0]);
    }
    received
}

fn drains(signal: &str) {
    let mut server = Listening::start(&["echo"]);
    let mut idle = server.connect();
    idle.write_all(b"GET /status/200 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).unwrap();
    let mut busy = server.connect();
    busy.write_all(DRIP).unwrap();
    let mut received = begin(&mut busy);
    let began = Instant::now();
    server.signal(signal);
    idle.read_to_end(&mut Vec::new()).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "an idle connection held up the drain");
    until("new connections to be refused", || TcpStream::connect(server.address).err());
    busy.read_to_end(&mut received).unwrap();
    assert!(received.ends_with(&[b'*'; 20]), "{}", received.escape_ascii());
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn term_drains_and_exits_with_0() {
    drains("TERM");
}

#[test]
fn int_drains_and_exits_with_0() {
    drains("INT");
}

#[test]
fn a_second_int_exits_at_once() {
    let mut server = Listening::start(&["echo"]);
    let mut busy = server.connect();
    busy.write_all(b"GET /drip?bytes=60&seconds=60 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    begin(&mut busy);
    server.signal("INT");
    until("new connections to be refused", || TcpStream::connect(server.address).err());
    let began = Instant::now();
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn with_nothing_to_do_it_ends_at_once() {
    let began = Instant::now();
    for signal in ["TERM", "INT"] {
        let mut server = Listening::start(&["serve", &crate::process::site()]);
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0));
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}
