//! Who may pass: passwords, and another server that is asked.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Front, OK, Scripted, request, status, well};
use crate::config::HASH;

fn get(front: &Front, fields: &str) -> String {
    front.send(format!("GET /x?y HTTP/1.1\r\nHost: a.test\r\n{fields}Connection: close\r\n\r\n").as_bytes())
}

fn basic(user: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{password}")))
}

#[test]
fn a_password_opens_the_route_and_its_absence_says_which_line_closed_it() {
    let front = Front::run(&format!(
        "site default {{ listen \"127.0.0.1:0\"\n route {{\n  basic-auth realm=staff {{ user anna \"{HASH}\" }}\n  respond in\n }}\n}}"
    ));
    for (fields, expected) in [
        (String::new(), 401),
        (basic("anna", "U*U"), 200),
        (basic("anna", "U*V"), 401),
        (basic("bob", "U*U"), 401),
        ("Authorization: Bearer x\r\n".to_owned(), 401),
    ] {
        let answer = get(&front, &fields);
        assert_eq!(status(&answer), expected, "{fields}: {answer}");
        let challenged = answer.contains("WWW-Authenticate: Basic realm=\"staff\", charset=\"UTF-8\"\r\n");
        assert_eq!(challenged, expected == 401, "{answer}");
    }
    let trail = front.trail(0);
    assert!(trail.contains("401 Unauthorized: the request has no Authorization"), "{trail}");
    assert!(trail.contains("(`basic-auth` at line 3 of test.kdl)"), "{trail}");
    assert!(!front.trail(2).contains("U*V"), "{}", front.trail(2));
}

#[test]
fn another_server_says_who_passes_and_as_whom() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&asked);
    let guard = Scripted::start(move |_, mut stream| {
        while let Some(head) = request(&mut stream) {
            let answer: &[u8] = match () {
                () if head.contains("let-me-in") => {
                    b"HTTP/1.1 200 OK\r\nRemote-User: anna\r\nX-Other: y\r\nContent-Length: 0\r\n\r\n"
                }
                () => b"HTTP/1.1 302 Found\r\nLocation: https://login.test/\r\nSet-Cookie: s=1\r\nContent-Length: 2\r\n\r\nno",
            };
            heads.lock().unwrap().push(head);
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    let behind = Arc::new(Mutex::new(Vec::new()));
    let heads = Arc::clone(&behind);
    let server = Scripted::start(move |_, mut stream| {
        while let Some(head) = request(&mut stream) {
            heads.lock().unwrap().push(head);
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    let front = Front::run(&format!(
        "site default {{ listen \"127.0.0.1:0\"\n route {{\n  forward-auth \"http://{}/verify\" {{ copy Remote-User }}\n  proxy \"http://{}\"\n }}\n}}",
        guard.address, server.address
    ));
    let answer = get(&front, "");
    assert_eq!(status(&answer), 302, "{answer}");
    assert!(answer.contains("Location: https://login.test/") && answer.ends_with("\r\n\r\nno"), "{answer}");
    assert!(behind.lock().unwrap().is_empty());
    let trail = front.trail(0);
    assert!(trail.contains("302 Found: the server that was asked said 302 Found"), "{trail}");
    assert!(trail.contains("(`forward-auth` at line 3 of test.kdl)"), "{trail}");
    let posted = front.send(
        b"POST /x?y HTTP/1.1\r\nHost: a.test\r\nCookie: let-me-in\r\nRemote-User: root\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    );
    assert_eq!(status(&posted), 200, "{posted}");
    let question = asked.lock().unwrap()[1].to_ascii_lowercase();
    assert!(question.starts_with("get /verify http/1.1\r\n"), "{question}");
    for field in ["x-forwarded-method: post\r\n", "x-forwarded-uri: /x?y\r\n", "x-forwarded-host: a.test\r\n"] {
        assert!(question.contains(field), "{question}");
    }
    assert!(!question.contains("content-length"), "{question}");
    let passed = behind.lock().unwrap()[0].to_ascii_lowercase();
    assert!(passed.starts_with("post /x?y http/1.1\r\n") && passed.ends_with("abc"), "{passed}");
    assert!(passed.contains("remote-user: anna\r\n") && !passed.contains("root"), "{passed}");
    assert!(!passed.contains("x-other"), "{passed}");
}

#[test]
fn a_guard_that_is_gone_lets_nobody_in() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Scripted::start(|_, stream| well(stream));
    let front = Front::run(&format!(
        "site default {{ listen \"127.0.0.1:0\"; route {{ forward-auth \"http://{gone}\"; proxy \"http://{}\" }} }}",
        server.address
    ));
    let answer = get(&front, "");
    assert_eq!(status(&answer), 502, "{answer}");
    assert_eq!(server.accepted(), 0);
}
