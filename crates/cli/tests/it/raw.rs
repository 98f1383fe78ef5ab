//! `wirelight raw`: bytes out, bytes back.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::thread;
use std::time::Duration;

use crate::process::{Listening, command};

/// Runs `raw` against a server that reads until our side closes (or not) and sends an answer; gives what it read, too.
fn raw(answer: &'static [u8], input: &[u8], flags: &[&str]) -> (Output, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    let length = input.len();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = vec![0; length];
        stream.read_exact(&mut received).unwrap();
        stream.write_all(answer).unwrap();
        received
    });
    let mut arguments = vec!["raw"];
    arguments.extend_from_slice(flags);
    arguments.push(&server);
    let mut child =
        command(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    (output, serving.join().unwrap())
}

#[test]
fn bytes_pass_unchanged_both_ways_and_the_end_of_the_head_is_told() {
    let every: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: \xff\x00\r\n\r\n\x00binary\n\n\xfe";
    let (output, received) = raw(answer, &every, &["--half-close"]);
    assert!(output.status.success());
    assert_eq!(received, every);
    assert_eq!(output.stdout, answer);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(notes.contains("sent 100000 bytes, and closed our side"), "{notes}");
    assert!(notes.contains("`HTTP/1.1 103 Early Hints`: the head is bytes 0 to 28 (28 bytes, 0 fields)"), "{notes}");
    assert!(notes.contains("`HTTP/1.1 200 OK`: the head is bytes 28 to 54 (26 bytes, 1 fields)"), "{notes}");
    assert!(notes.contains("closed by the server after 64 bytes, 10 of them after the head"), "{notes}");
}

#[test]
fn without_notes_there_are_only_bytes() {
    let (output, _) = raw(b"HTTP/1.1 204 No Content\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", &["--quiet"]);
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(output.stdout, b"HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn an_answer_without_a_whole_head_is_a_failure() {
    for (answer, expected) in
        [(&b""[..], "the server sent nothing"), (b"HTTP/1.1 200 OK\r\n", "no complete response head")]
    {
        let (output, _) = raw(answer, b"x", &[]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(output.stdout, answer);
        assert!(String::from_utf8(output.stderr).unwrap().contains(expected));
    }
}

#[test]
fn silence_is_not_waited_for_forever() {
    let server = Listening::start(&["echo"]);
    let address = server.address.to_string();
    let mut child = command(&["raw", "--wait", "0.3", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"GET /status/200 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"HTTP/1.1 200 OK\r\n"));
    assert!(String::from_utf8(output.stderr).unwrap().contains("then nothing for 0.3 s"));
}

#[test]
fn who_types_slowly_is_waited_for() {
    let server = Listening::start(&["echo"]);
    let address = server.address.to_string();
    let mut child = command(&["raw", "--wait", "0.05", &address])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut typed = child.stdin.take().unwrap();
    for line in [&b"GET /status/200 HTTP/1.1\r\n"[..], b"Host: a\r\n", b"\r\n"] {
        thread::sleep(Duration::from_millis(120));
        typed.write_all(line).unwrap();
    }
    let mut head = [0; 15];
    child.stdout.take().unwrap().read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    drop(typed);
    assert!(child.wait().unwrap().success());
}

#[test]
fn nobody_listening_is_said() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = command(&["raw", &free]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("does not take connections"));
}
