//! Servers of HTTP/2 that fall silent while requests wait on their connections (RFC 9113, section 6.7).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Front, Scripted, status};

const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const PREFACE_BYTES: usize = 24;

/// The next frame: its type, its flags and stream, and its payload; nothing once the connection has ended.
fn frame(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).ok()?;
    Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// A server that answers a request once it has seen so many PINGs, each of which it answers; it answers no more.
fn after_pings(answered: usize, then_answers: bool) -> Scripted {
    Scripted::start(move |_, mut stream| {
        stream.read_exact(&mut [0; PREFACE_BYTES]).unwrap();
        stream.write_all(&SETTINGS).unwrap();
        let (mut pings, mut asked) = (0, 0);
        while let Some((kind, flags, id, payload)) = frame(&mut stream) {
            match (kind, flags & 1) {
                (1, _) => asked = id,
                (4, 0) => stream.write_all(&[0, 0, 0, 4, 1, 0, 0, 0, 0]).unwrap(),
                (6, 0) if pings < answered => {
                    pings += 1;
                    stream.write_all(&[&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload[..]].concat()).unwrap();
                    if pings == answered && then_answers {
                        // HEADERS with END_STREAM and END_HEADERS: the status 200 of the static table.
                        let mut headers = vec![0, 0, 1, 1, 5, 0, 0, 0, 0, 0x88];
                        headers[5..9].copy_from_slice(&asked.to_be_bytes());
                        stream.write_all(&headers).unwrap();
                    }
                }
                _ => {}
            }
        }
    })
}

/// A server of HTTP/2 that answers well.
fn well() -> Front {
    Front::run("site default { listen \"127.0.0.1:0\"; route { respond well } }")
}

const TIMES: &str = "protocol http2\ntimeout silence=\"60ms\" ping=\"40ms\" answer=\"15s\"";

fn asking(front: &Front, method: &str) -> String {
    let request = format!("{method} /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    front.send(request.as_bytes())
}

#[test]
fn a_server_that_answers_no_ping_is_given_up_and_the_timer_is_named() {
    let silent = after_pings(0, false);
    let front = Front::start(&format!("{TIMES}\nretry attempts=1"), &[silent.address]);
    let answer = asking(&front, "GET");
    assert_eq!(status(&answer), 504, "{answer}");
    let because = "nothing came for 60ms, and a PING was not answered in 40ms";
    let field = answer.lines().find(|line| line.starts_with("Proxy-Status: ")).unwrap();
    assert!(field.contains("error=connection_read_timeout") && field.contains(because), "{field}");
    let trail = front.trail(0);
    assert!(trail.contains(because) && trail.contains("a longer `ping` would have waited on"), "{trail}");
    assert!(trail.contains("(`ping` at line 4 of test.kdl)"), "{trail}");
}

#[test]
fn what_waits_on_a_connection_that_is_given_up_is_sent_elsewhere_if_it_may_be() {
    for (method, expected, why) in [
        ("GET", 200, "tried again: the connection ended before a response had begun, and the method is idempotent"),
        ("PUT", 200, "tried again: "),
        ("POST", 504, "not tried again: the request had left, and its method is not idempotent"),
    ] {
        let (silent, other) = (after_pings(0, false), well());
        let servers: [SocketAddr; 2] = [silent.address, other.address];
        let front = Front::start(TIMES, &servers);
        let answer = asking(&front, method);
        assert_eq!(status(&answer), expected, "{method}: {answer}");
        assert!(front.trail(0).contains(why), "{method}: {}", front.trail(0));
        assert_eq!(silent.accepted(), 1, "the first server is asked first");
        // The next request is unharmed.
        assert_eq!(status(&asking(&front, "GET")), 200);
    }
}

#[test]
fn a_server_that_is_slow_and_there_is_waited_for() {
    let slow = after_pings(2, true);
    let front = Front::start(TIMES, &[slow.address]);
    assert_eq!(status(&asking(&front, "POST")), 200, "{}", front.trail(0));
    let patient =
        Front::start("protocol http2\ntimeout silence=\"0s\" answer=\"300ms\"", &[after_pings(0, false).address]);
    let answer = asking(&patient, "GET");
    assert!(answer.contains("error=http_response_timeout"), "nobody asks: {answer}");
}
