//! The reverse proxy between clients of raw bytes and scripted servers: every way in which a server can go wrong gives
//! the right status or an answer that does not look whole, leaves the next request unharmed, and is named.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use wirelight_gateway::config::File;
use wirelight_gateway::run::Gateway;
use wirelight_net::observe::{Observer, Record};
use wirelight_server::Address;
use wirelight_service::Clock;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a scripted server does with one connection.
type Script = Arc<dyn Fn(usize, TcpStream) + Send + Sync>;

/// A server whose connections are scripted, each by its number from 0.
struct Scripted {
    address: SocketAddr,
    accepted: Arc<Mutex<usize>>,
}

impl Scripted {
    fn start(script: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let accepted = Arc::new(Mutex::new(0));
        let (count, script): (_, Script) = (Arc::clone(&accepted), Arc::new(script));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count - 1
                };
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let script = Arc::clone(&script);
                thread::spawn(move || script(number, stream));
            }
        });
        Self { address, accepted }
    }

    fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

/// Reads one request with its content, as far as Content-Length says or the last chunk; its bytes as text.
fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let length: Option<usize> =
        head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    if let Some(length) = length {
        let from = bytes.len();
        bytes.resize(from + length, 0);
        stream.read_exact(&mut bytes[from..]).ok()?;
    } else if head.contains("transfer-encoding: chunked") {
        while !bytes.ends_with(b"0\r\n\r\n") {
            if stream.read(&mut byte).ok()? == 0 {
                return None;
            }
            bytes.push(byte[0]);
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers every request well, until the client goes.
fn well(mut stream: TcpStream) {
    while request(&mut stream).is_some() {
        if stream.write_all(OK).is_err() {
            return;
        }
    }
}

/// Keeps what was decided about each exchange.
#[derive(Clone, Default)]
struct Trails(Arc<Mutex<Vec<String>>>);

impl Observer for Trails {
    fn finished(&self, record: Box<Record>) {
        let lines = record.trail.read(|all| {
            all.iter().map(|each| format!("{}: {}", each.outcome(), each.because())).collect::<Vec<_>>().join("\n")
        });
        self.0.lock().unwrap().push(lines);
    }
}

/// A gateway in front of scripted servers.
struct Front {
    gateway: Gateway,
    address: SocketAddr,
    trails: Trails,
}

impl Front {
    fn start(settings: &str, servers: &[SocketAddr]) -> Self {
        let servers: String = servers.iter().map(|address| format!("server \"http://{address}\"\n")).collect();
        Self::run(&format!(
            "upstream u {{\n{servers}{settings}\n}}\nsite default {{ listen \"127.0.0.1:0\"\n route {{ proxy u }}\n }}"
        ))
    }

    fn run(config: &str) -> Self {
        let plan = File::parse("test.kdl", config, "/".as_ref()).unwrap_or_else(|faults| panic!("{faults}"));
        let plan = plan.plan().unwrap_or_else(|faults| panic!("{faults}"));
        let trails = Trails::default();
        let observer: Arc<dyn Observer> = Arc::new(trails.clone());
        let gateway = Gateway::start(plan, NonZeroUsize::new(1), Some(observer), Clock::system()).unwrap();
        let Address::Internet(address) = gateway.addresses()[0] else { panic!("it listens on an address") };
        Self { gateway, address, trails }
    }

    /// Sends bytes on a connection of their own, and reads to its end.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset after what was said is an end, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self) -> String {
        self.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    }

    /// The decisions about the exchange of this number, once it is over.
    fn trail(&self, number: usize) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(trail) = self.trails.0.lock().unwrap().get(number) {
                return trail.clone();
            }
            assert!(Instant::now() < until, "exchange {number} never ended");
            thread::yield_now();
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.gateway.drain();
    }
}

/// The status of an answer.
fn status(answer: &str) -> u16 {
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

/// Whether an answer looks whole to a client.
fn is_whole(answer: &str) -> bool {
    let Some((head, content)) = answer.split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return content.ends_with("0\r\n\r\n");
    }
    match head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok()) {
        Some(length) => content.len() == length,
        None => true,
    }
}

/// What the first connection of a bad server does once it has read the request; later ones answer well.
struct Bad {
    name: &'static str,
    /// What it writes.
    says: &'static [u8],
    /// What it does then.
    then: Then,
    /// What the client is told; 0 where its answer breaks off.
    status: u16,
    /// What Proxy-Status and the trail say.
    error: &'static str,
    /// What stands in the cause.
    cause: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Close,
    Reset,
    Hang,
}

const BAD: &[Bad] = &[
    Bad {
        name: "closes at once",
        says: b"",
        then: Then::Close,
        status: 502,
        error: "connection_terminated",
        cause: "ended before a response",
    },
    Bad {
        name: "resets at once",
        says: b"",
        then: Then::Reset,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad {
        name: "dies in the status line",
        says: b"HTTP/1.1 2",
        then: Then::Close,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad {
        name: "dies in the head",
        says: b"HTTP/1.1 200 OK\r\nContent-Le",
        then: Then::Close,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad {
        name: "resets in the head",
        says: b"HTTP/1.1 200 OK\r\nContent-Le",
        then: Then::Reset,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad {
        name: "dies after 100",
        says: b"HTTP/1.1 100 Continue\r\n\r\n",
        then: Then::Close,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad {
        name: "dies after 103",
        says: b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        then: Then::Close,
        status: 502,
        error: "connection_terminated",
        cause: "",
    },
    Bad { name: "never answers", says: b"", then: Then::Hang, status: 504, error: "http_response_timeout", cause: "" },
    Bad {
        name: "stops in the head",
        says: b"HTTP/1.1 200 OK\r\nX-A: b\r\n",
        then: Then::Hang,
        status: 504,
        error: "http_response_timeout",
        cause: "",
    },
    Bad {
        name: "is no HTTP",
        says: b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "is HTTP/0.9",
        says: b"<html>hello</html>\r\n\r\n",
        then: Then::Close,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "two lengths",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a length that is none",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a length and chunks",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "an unknown coding",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\nok",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a field with a control",
        says: b"HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a field without a colon",
        says: b"HTTP/1.1 200 OK\r\nfoo\r\nContent-Length: 0\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a status of two digits",
        says: b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "an upgrade nobody asked for",
        says: b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        then: Then::Hang,
        status: 502,
        error: "http_",
        cause: "",
    },
    Bad {
        name: "dies in the content",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        then: Then::Close,
        status: 0,
        error: "http_response_incomplete",
        cause: "",
    },
    Bad {
        name: "resets in the content",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        then: Then::Reset,
        status: 0,
        error: "",
        cause: "",
    },
    Bad {
        name: "stops in the content",
        says: b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        then: Then::Hang,
        status: 0,
        error: "connection_read_timeout",
        cause: "no more of the response",
    },
    Bad {
        name: "dies in a chunk",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        then: Then::Close,
        status: 0,
        error: "http_response_incomplete",
        cause: "",
    },
    Bad {
        name: "dies between chunks",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        then: Then::Close,
        status: 0,
        error: "http_response_incomplete",
        cause: "",
    },
    Bad {
        name: "resets between chunks",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        then: Then::Reset,
        status: 0,
        error: "",
        cause: "",
    },
    Bad {
        name: "a chunk size that is none",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
        then: Then::Hang,
        status: 0,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "a chunk without its end",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalfX\r\n0\r\n\r\n",
        then: Then::Hang,
        status: 0,
        error: "http_protocol_error",
        cause: "",
    },
    Bad {
        name: "dies in the trailers",
        says: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nX-A",
        then: Then::Close,
        status: 0,
        error: "http_response_incomplete",
        cause: "",
    },
];

/// Plays a bad server once for each method, and looks at everything that must hold.
fn play(bad: &Bad, method: &str, wrong: &mut String) {
    let (says, then) = (bad.says, bad.then);
    let server = Scripted::start(move |number, mut stream| {
        // What may be tried again is met by the same twice, so that what comes of it is seen.
        if number > 1 {
            return well(stream);
        }
        if request(&mut stream).is_none() {
            return;
        }
        let _ = stream.write_all(says);
        match then {
            Then::Close => drop(stream),
            Then::Reset => reset(stream),
            Then::Hang => {
                let _ = stream.read(&mut [0]);
            }
        }
    });
    let front = Front::start("timeout answer=\"300ms\" stall=\"300ms\"", &[server.address]);
    let content = if method == "GET" { "" } else { "Content-Length: 3\r\n" };
    let rest = if method == "GET" { "" } else { "abc" };
    let answer = front
        .send(format!("{method} /x HTTP/1.1\r\nHost: a.test\r\n{content}Connection: close\r\n\r\n{rest}").as_bytes());
    let trail = front.trail(0);
    let mut say = |what: &str| {
        wrong.push_str(&format!("{} with {method}: {what}\n  answer: {answer:?}\n  trail: {trail}\n", bad.name))
    };
    if bad.status == 0 {
        if is_whole(&answer) {
            say("the answer looks whole");
        }
    } else {
        if !answer.starts_with(&format!("HTTP/1.1 {} ", bad.status)) || !is_whole(&answer) {
            say(&format!("not a whole answer with {}", bad.status));
        }
        let named = answer.lines().any(|line| {
            line.starts_with("Proxy-Status: wirelight; error=")
                && line.contains(bad.error)
                && line.contains(&server.address.to_string())
        });
        if !named {
            say("Proxy-Status does not name the error and the server");
        }
    }
    if !trail.contains(bad.error) || !trail.contains(bad.cause) || !trail.contains(&server.address.to_string()) {
        say("the trail does not name the error and the server");
    }
    // A safe method is tried again where nothing was said; nothing else is.
    let silent = bad.says.is_empty() && bad.then != Then::Hang && method == "GET";
    let tries = server.accepted();
    if !(silent && tries == 2 || tries == 1 || method == "GET" && tries == 2) {
        say(&format!("{tries} connections"));
    }
    while server.accepted() < 2 {
        let _ = front.get();
    }
    let next = front.get();
    if status(&next) != 200 || !next.ends_with("ok") {
        wrong.push_str(&format!("{} with {method}: the next request was answered {next:?}\n", bad.name));
    }
}

#[test]
fn a_bad_server_is_answered_for_honestly() {
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for bad in BAD {
            for method in ["GET", "POST"] {
                let wrong = &wrong;
                scope.spawn(move || {
                    let mut found = String::new();
                    play(bad, method, &mut found);
                    wrong.lock().unwrap().push_str(&found);
                });
            }
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

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
