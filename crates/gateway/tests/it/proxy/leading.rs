//! The forward proxy: tunnels and whole URIs, and nowhere else.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use super::{Front, PATIENCE, Scripted, request, status};

fn front(allowed: &str) -> Front {
    Front::run(&format!(
        "site default {{ listen \"127.0.0.1:0\"\n route {{\n  connect timeout=\"5s\" {{\n   allow {allowed}\n  }}\n }}\n}}"
    ))
}

fn echo() -> Scripted {
    Scripted::start(|_, mut stream| {
        let mut said = [0; 4];
        stream.read_exact(&mut said).unwrap();
        stream.write_all(&said).unwrap();
    })
}

#[test]
fn a_tunnel_leads_to_what_is_allowed() {
    let server = echo();
    let front = front(&format!("\"127.0.0.0/8:{}\"", server.address.port()));
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let target = server.address;
    stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nping").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nping"), "{answer}");
    let trail = front.trail(0);
    assert!(
        trail.contains(&format!("led to {target}: `allow \"127.0.0.0/8:{}\"` is for {target}", target.port())),
        "{trail}"
    );
    assert!(trail.contains("`allow` at line 4 of test.kdl says so"), "{trail}");
}

#[test]
fn nothing_else_is_reached() {
    let server = echo();
    let SocketAddr::V4(address) = server.address else { panic!("it listens on IPv4") };
    let port = address.port();
    // Every public address, and a name that stands for one of ours.
    let front = front(&format!("\"*:{port}\" \"localhost:{port}\""));
    for (target, expected) in [
        (format!("127.0.0.1:{port}"), 403),
        (format!("localhost:{port}"), 403),
        (format!("localhost.:{port}"), 403),
        (format!("[::ffff:127.0.0.1]:{port}"), 403),
        (format!("[::1]:{port}"), 403),
        (format!("2130706433:{port}"), 400),
        (format!("127.1:{port}"), 400),
        ("example.org:25".to_owned(), 403),
    ] {
        let answer = front.send(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nping").as_bytes());
        assert_eq!(status(&answer), expected, "{target}: {answer}");
        let answer = front
            .send(format!("GET http://{target}/ HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(status(&answer), expected, "{target}: {answer}");
    }
    assert_eq!(server.accepted(), 0);
    let trail = front.trail(2);
    assert!(
        trail.contains("stands for 127.0.0.1, which is not public") || trail.contains("stands for ::1,"),
        "{trail}"
    );
    assert!(trail.contains("(`allow` at line 4 of test.kdl)"), "{trail}");
    let itself = front.send(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assert_eq!(status(&itself), 400, "{itself}");
}

#[test]
fn a_whole_uri_is_asked_for_as_its_own_server_is() {
    let seen = Arc::new(Mutex::new(String::new()));
    let head = Arc::clone(&seen);
    let server = Scripted::start(move |_, mut stream| {
        *head.lock().unwrap() = request(&mut stream).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n").unwrap();
    });
    let target = server.address;
    let front = front(&format!("\"127.0.0.1:{}\"", target.port()));
    let answer = front.send(
        format!(
            "POST http://{target}/a?b HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: close\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        )
        .as_bytes(),
    );
    assert_eq!(status(&answer), 200, "{answer}");
    assert!(answer.contains("hi"), "{answer}");
    let asked = seen.lock().unwrap().to_ascii_lowercase();
    assert!(asked.starts_with("post /a?b http/1.1\r\n") && asked.ends_with("\r\n\r\nabc"), "{asked}");
    assert!(asked.contains(&format!("\r\nhost: {target}\r\n")), "{asked}");
    for absent in ["proxy-", "forwarded", "x-forwarded", "other.test"] {
        assert!(!asked.contains(absent), "{absent}: {asked}");
    }
    assert!(asked.contains("\r\nvia: 1.1 wirelight\r\n"), "{asked}");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let front = self::front(&format!("\"127.0.0.1:{}\"", gone.port()));
    let refused = front.send(format!("CONNECT {gone} HTTP/1.1\r\nHost: {gone}\r\n\r\n").as_bytes());
    assert_eq!(status(&refused), 502, "{refused}");
    assert!(refused.contains("error=connection_refused"), "{refused}");
}
