//! Servers that have a name: it is asked for again when its answer has expired, and the last good answer goes on.

use std::collections::VecDeque;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Front, request, status};

/// What a server of DNS says when it is asked for an address: one for so many seconds, or that it has failed.
type Said = Option<(Ipv4Addr, u32)>;

/// A server of DNS on loopback that says one thing after the other, and the last of them for ever.
struct Names {
    address: SocketAddr,
    asked: Arc<Mutex<usize>>,
}

impl Names {
    fn start(script: &[Said]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(0));
        let count = Arc::clone(&asked);
        let mut script: VecDeque<Said> = script.iter().copied().collect();
        thread::spawn(move || {
            let mut bytes = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut bytes) {
                let query = &bytes[..length];
                let name = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
                let is_v4 = query[name..name + 2] == [0, 1];
                let said = script[0];
                if is_v4 {
                    *count.lock().unwrap() += 1;
                    if script.len() > 1 {
                        script.pop_front();
                    }
                }
                socket.send_to(&reply(query, name + 4, said, is_v4), from).unwrap();
            }
        });
        Self { address, asked }
    }
}

/// The reply to a query whose question ends at `end` (RFC 1035, section 4.1).
fn reply(query: &[u8], end: usize, said: Said, is_v4: bool) -> Vec<u8> {
    let answers = u8::from(said.is_some() && is_v4);
    let code = if said.is_some() { 0 } else { 2 };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(&query[12..end]);
    if let (Some((address, seconds)), true) = (said, is_v4) {
        reply.extend([0xc0, 12, 0, 1, 0, 1]);
        reply.extend(seconds.to_be_bytes());
        reply.extend([0, 4]);
        reply.extend(address.octets());
    }
    reply
}

/// A server that says which it is, and keeps no connection.
fn named(address: SocketAddr, name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            request(&mut stream);
            let length = name.len();
            let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{name}");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_name_is_asked_for_again_when_its_answer_has_expired_and_the_last_good_answer_goes_on() {
    let (one, two) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    let first = named("127.0.0.1:0".parse().unwrap(), "one");
    named(SocketAddr::new(two.into(), first.port()), "two");
    // For an hour; then for no time at all, which is held for a second; then it fails.
    for (script, expected, asked) in [
        (&[Some((one, 3600)), Some((two, 3600))][..], &["one", "one", "one"][..], 1),
        (&[Some((one, 1)), Some((two, 1)), None], &["one", "two", "two", "two"], 4),
    ] {
        let names = Names::start(script);
        let clock = wirelight_service::Clock::manual(std::time::SystemTime::UNIX_EPOCH);
        let front = Front::run_at(
            &format!(
                "upstream u {{ server \"http://up.test:{}\"; resolver \"{}\" }}\n\
                 site default {{ listen \"127.0.0.1:0\"; route {{ proxy u }} }}",
                first.port(),
                names.address
            ),
            clock.clone(),
        );
        for name in expected {
            let answer = front.get();
            assert_eq!(status(&answer), 200, "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{name}")), "{script:?}: {name}: {answer}");
            clock.advance(std::time::Duration::from_secs(2));
        }
        let count = *names.asked.lock().unwrap();
        assert!(count >= asked && (asked > 1 || count == 1), "{script:?}: asked {count} times");
    }
}

#[test]
fn a_name_that_was_never_known_says_so() {
    let names = Names::start(&[None]);
    let front = Front::run(&format!(
        "upstream u {{ server \"http://up.test:1\"; resolver \"{}\" }}\n\
         site default {{ listen \"127.0.0.1:0\"; route {{ proxy u }} }}",
        names.address
    ));
    let answer = front.get();
    assert_eq!(status(&answer), 502, "{answer}");
    assert!(answer.contains("error=dns_error") && answer.contains("up.test"), "{answer}");
}
