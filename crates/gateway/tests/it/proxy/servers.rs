//! Which server of a group is asked: cookies, a circuit breaker, and what servers say ahead of their responses.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

use super::{Front, OK, PATIENCE, Scripted, request, status};

/// A server that says which it is.
fn named(name: &'static str) -> Scripted {
    Scripted::start(move |_, mut stream| {
        while request(&mut stream).is_some() {
            let answer = format!("HTTP/1.1 200 OK\r\nX-Name: {name}\r\nContent-Length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_client_stays_with_its_server_as_long_as_that_is_well() {
    let servers = [named("a"), named("b"), named("c")];
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let front = Front::start("sticky cookie=srv max-age=\"1h\"\neject failures=1 for=\"1h\"", &addresses);
    let first = front.get();
    let cookie = field(&first, "Set-Cookie").unwrap();
    assert!(
        cookie.starts_with("srv=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"),
        "{cookie}"
    );
    let name = field(&first, "X-Name").unwrap();
    let pair = cookie.split(';').next().unwrap();
    let ask = |cookie: &str| {
        front.send(format!("GET /x HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n").as_bytes())
    };
    for _ in 0..5 {
        let again = ask(&format!("x=y; {pair}"));
        assert_eq!(field(&again, "X-Name"), Some(name));
        assert_eq!(field(&again, "Set-Cookie"), None, "it has one already");
    }
    let trail = front.trail(1);
    assert!(
        trail.contains("the client stays with it, as its cookie says | `cookie` at line 5 of test.kdl says so"),
        "{trail}"
    );
    let forged = ask("srv=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    assert!(field(&forged, "Set-Cookie").is_some(), "{forged}");
}

#[test]
fn a_group_that_mostly_fails_is_left_alone_and_then_tried() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = Arc::clone(&is_well);
    let server = Scripted::start(move |_, mut stream| {
        while request(&mut stream).is_some() {
            let answer: &[u8] = if well.load(Relaxed) { OK } else { b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    let front = Front::start("breaker percent=50 requests=4 within=\"1m\" for=\"200ms\" trials=1", &[server.address]);
    for _ in 0..4 {
        let answer = front.get();
        assert_eq!(status(&answer), 503);
        assert!(field(&answer, "Proxy-Status").is_none(), "it is the server's own answer: {answer}");
    }
    let refused = front.get();
    assert_eq!(status(&refused), 503);
    assert_eq!(field(&refused, "Retry-After"), Some("1"), "{refused}");
    assert!(field(&refused, "Proxy-Status").is_some_and(|said| said.contains("left alone")), "{refused}");
    let opened = front.trail(3);
    assert!(opened.contains("4 of the last 4 requests failed | `percent` at line 3 of test.kdl says so"), "{opened}");
    let trail = front.trail(4);
    assert!(
        trail.contains("and the servers are left alone for") && trail.contains("(`for` at line 3 of test.kdl)"),
        "{trail}"
    );
    is_well.store(true, Relaxed);
    let until = Instant::now() + PATIENCE;
    let mut number = 5;
    while status(&front.get()) != 200 {
        assert!(Instant::now() < until, "it never closed again");
        number += 1;
    }
    let trail = front.trail(number);
    assert!(trail.contains("forwarded on trial") && trail.contains("the servers are well again"), "{trail}");
}

#[test]
fn a_server_that_takes_too_long_names_the_line_that_says_so() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let front = Front::start("timeout answer=\"20ms\"", &[silent.local_addr().unwrap()]);
    let answer = front.get();
    assert_eq!(status(&answer), 504, "{answer}");
    let trail = front.trail(0);
    assert!(trail.contains("a longer `answer` would have waited on (`answer` at line 3 of test.kdl)"), "{trail}");
    assert!(
        trail.contains("route *: it is the first, and its conditions hold | `route` at line 6 of test.kdl says so"),
        "{trail}"
    );
}

#[test]
fn what_a_server_says_ahead_of_its_response_passes() {
    let server = Scripted::start(|_, mut stream| {
        while request(&mut stream).is_some() {
            let said = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
            let _ = stream.write_all(said.as_bytes());
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    let front = Front::start("", &[server.address]);
    let answer = front.get();
    let (hints, rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(hints.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload"), "{answer}");
    assert!(!hints.contains("Hop") && hints.contains("Via: 1.1 wirelight"), "{answer}");
    assert!(
        rest.starts_with("HTTP/1.1 102 Processing\r\n") && rest.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{answer}"
    );
    let trail = front.trail(0);
    assert!(trail.contains("103 Early Hints passed on: the server sent it ahead of its response"), "{trail}");
    let old = front.send(b"GET /x HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.1 200 OK\r\n"), "{old}");
}
