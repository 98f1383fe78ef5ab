//! Connections that rest, streams, tunnels, several servers, and a plan that is swapped.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use wirelight_gateway::config::File;

use super::{Front, OK, PATIENCE, Scripted, request, reset, status, well};

#[test]
fn a_connection_that_closes_as_a_request_goes_out_costs_nothing() {
    // Each connection answers one request and closes when the second arrives, before it has read it.
    for (method, content, expected) in [("GET", "", 200), ("PUT", "abc", 200), ("POST", "abc", 502)] {
        let server = Scripted::start(|number, mut stream| {
            if number > 0 {
                return well(stream);
            }
            request(&mut stream).unwrap();
            stream.write_all(OK).unwrap();
            let _ = stream.peek(&mut [0]);
            reset(stream);
        });
        let front = Front::start("", &[server.address]);
        assert_eq!(status(&front.get()), 200);
        let length = content.len();
        let second = front.send(
            format!(
                "{method} /x HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{content}"
            )
            .as_bytes(),
        );
        assert_eq!(status(&second), expected, "{method}: {second}\n{}", front.trail(1));
        assert_eq!(server.accepted(), if expected == 200 { 2 } else { 1 }, "{method}");
        assert_eq!(status(&front.get()), 200);
    }
}

#[test]
fn a_connection_that_was_closed_while_it_rested_is_not_used_even_for_post() {
    let (closed, wait) = std::sync::mpsc::channel();
    let closed = Mutex::new(closed);
    let server = Scripted::start(move |number, mut stream| {
        if number > 0 {
            return well(stream);
        }
        request(&mut stream).unwrap();
        stream.write_all(OK).unwrap();
        drop(stream);
        closed.lock().unwrap().send(()).unwrap();
    });
    let front = Front::start("", &[server.address]);
    assert_eq!(status(&front.get()), 200);
    wait.recv_timeout(PATIENCE).unwrap();
    let answer = front.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    assert_eq!(status(&answer), 200, "{answer}\n{}", front.trail(1));
}

#[test]
fn what_a_server_says_after_the_end_is_nobodys_answer() {
    let server = Scripted::start(|number, mut stream| {
        if number > 0 {
            return well(stream);
        }
        request(&mut stream).unwrap();
        let _ = stream.write_all(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
        );
        let _ = stream.read(&mut [0]);
    });
    let front = Front::start("", &[server.address]);
    for _ in 0..3 {
        let answer = front.get();
        assert!(answer.ends_with("\r\n\r\nok"), "{answer}");
    }
    assert!(server.accepted() > 1);
}

#[test]
fn an_answer_before_the_end_of_the_request_is_passed_on() {
    let server = Scripted::start(|_, mut stream| {
        let mut head = [0; 16];
        stream.read_exact(&mut head).unwrap();
        stream
            .write_all(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
            .unwrap();
    });
    let front = Front::start("", &[server.address]);
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.ends_with("no"), "{answer}");
}

#[test]
fn content_streams_both_ways_at_once() {
    // The server sends back each byte as it comes, which only works if neither direction waits for the other.
    let server = Scripted::start(|_, mut stream| {
        let mut byte = [0];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        for _ in 0..3 {
            let mut chunk = [0; 6];
            stream.read_exact(&mut chunk).unwrap();
            stream.write_all(&chunk).unwrap();
        }
        let mut end = [0; 5];
        stream.read_exact(&mut end).unwrap();
        stream.write_all(b"0\r\nX-Sum: 3\r\n\r\n").unwrap();
    });
    let front = Front::start("", &[server.address]);
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"POST /x HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    for letter in ["a", "b", "c"] {
        stream.write_all(format!("1\r\n{letter}\r\n").as_bytes()).unwrap();
        while !answer.ends_with(format!("{letter}\r\n").as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut rest = String::new();
    let _ = stream.read_to_string(&mut rest);
    assert!(rest.to_ascii_lowercase().contains("x-sum: 3"), "the trailers pass: {rest}");
}

#[test]
fn names_of_fields_are_spelled_as_they_came() {
    let heard = Arc::new(Mutex::new(String::new()));
    let heads = Arc::clone(&heard);
    let server = Scripted::start(move |_, mut stream| {
        *heads.lock().unwrap() = request(&mut stream).unwrap();
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nX-reqID: 7\r\nETAG: \"a\"\r\nContent-Length: 0\r\n\r\n");
    });
    let front = Front::start("", &[server.address]);
    let asked = b"GET /x HTTP/1.1\r\nhOsT: a\r\nSOAPAction: get\r\nx-lower: 1\r\nConnection: close\r\n\r\n";
    let answer = front.send(asked);
    for line in ["X-reqID: 7", "ETAG: \"a\"", "Via: 1.1 wirelight"] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
    }
    let heard = heard.lock().unwrap();
    for line in ["hOsT: a", "SOAPAction: get", "x-lower: 1", "X-Forwarded-Host: a"] {
        assert!(heard.contains(&format!("\r\n{line}\r\n")), "{line}: {heard}");
    }
}

#[test]
fn an_upgrade_becomes_a_tunnel() {
    let server = Scripted::start(|_, mut stream| {
        let head = request(&mut stream).unwrap().to_ascii_lowercase();
        assert!(head.contains("\r\nupgrade: echo\r\n") && head.contains("\r\nconnection: upgrade\r\n"), "{head}");
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhi")
            .unwrap();
        let mut said = [0; 4];
        stream.read_exact(&mut said).unwrap();
        stream.write_all(&said).unwrap();
    });
    let front = Front::start("", &[server.address]);
    let answer = front.send(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nping");
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nhiping"), "{answer}");
}

#[test]
fn a_server_that_is_down_is_passed_over_and_ejected() {
    let down = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let up = Scripted::start(|_, stream| well(stream));
    let front = Front::start("eject failures=2 for=\"1h\"\nretry attempts=2 budget=100", &[down, up.address]);
    for _ in 0..12 {
        // Nothing had left when the connection was refused, so that even POST goes on to the other.
        let answer = front.send(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nConnection: close\r\n\r\na");
        assert_eq!(status(&answer), 200, "{answer}");
    }
    let trails: Vec<String> = (0..12).map(|number| front.trail(number)).collect();
    let refused = trails.iter().filter(|trail| trail.contains("tried again: none of the request had left")).count();
    assert_eq!(refused, 2, "{trails:?}");
    assert_eq!(trails.iter().filter(|trail| trail.contains("is left alone for")).count(), 1);
}

#[test]
fn a_server_that_is_ill_is_asked_nothing_until_it_is_well() {
    let is_well = Arc::new(Mutex::new(false));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (health, asked) = (Arc::clone(&is_well), Arc::clone(&seen));
    let server = Scripted::start(move |_, mut stream| {
        while let Some(head) = request(&mut stream) {
            let is_check = head.starts_with("GET /up ");
            asked.lock().unwrap().push(is_check);
            let answer: &[u8] =
                if is_check && !*health.lock().unwrap() { b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" } else { OK };
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    let front = Front::start("health path=\"/up\" every=\"10ms\" healthy=1 unhealthy=1", &[server.address]);
    let until = |wanted: u16| {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = front.get();
            if status(&answer) == wanted {
                return answer;
            }
            assert!(Instant::now() < end, "never {wanted}: {answer}");
        }
    };
    let refused = until(503);
    assert!(refused.contains("error=destination_unavailable") && refused.contains("Retry-After: 1"), "{refused}");
    *is_well.lock().unwrap() = true;
    until(200);
}

#[test]
fn a_plan_is_swapped_under_requests_and_a_bad_one_changes_nothing() {
    let (first, second) = (
        Scripted::start(|_, stream| well(stream)),
        Scripted::start(|_, mut stream| {
            while request(&mut stream).is_some() {
                stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap();
            }
        }),
    );
    let config = |server: SocketAddr| {
        format!("site default {{ listen \"127.0.0.1:0\"\n route {{ proxy \"http://{server}\" }}\n }}")
    };
    let plan = |text: &str| File::parse("test.kdl", text, "/".as_ref()).unwrap().plan().unwrap();
    let front = Front::run(&config(first.address));
    // A connection that stands is served by the new plan from its next request on.
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut ask = || {
        stream.write_all(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        if answer.starts_with(b"HTTP/1.1 200") {
            stream.read_exact(&mut [0; 2]).unwrap();
        }
        status(&String::from_utf8(answer).unwrap())
    };
    assert_eq!(ask(), 200);
    front.gateway.reload(plan(&config(second.address))).unwrap();
    assert_eq!(ask(), 201);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bad = format!(
        "{}\nsite a {{ listen \"{}\"; route {{ respond }} }}",
        config(first.address),
        taken.local_addr().unwrap()
    );
    assert!(front.gateway.reload(plan(&bad)).is_err());
    assert_eq!(ask(), 201);
    assert_eq!(front.gateway.addresses().len(), 1);
}
