//! The reverse proxy between clients of raw bytes and scripted servers.

mod bad;
mod guards;
mod interims;
mod introduced;
mod leading;
mod names;
mod odd;
mod servers;
mod silence;
mod switching;
mod ways;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use wirelight_gateway::config::File;
use wirelight_gateway::run::Gateway;
use wirelight_net::observe::{Observer, Record};
use wirelight_semantics::decision::Decision;
use wirelight_server::Address;
use wirelight_service::Clock;

/// How long anything may take before a test gives up.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What a scripted server does with one connection.
type Script = Arc<dyn Fn(usize, TcpStream) + Send + Sync>;

/// A server whose connections are scripted, each by its number from 0.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    pub(super) accepted: Arc<Mutex<usize>>,
}

impl Scripted {
    pub(super) fn start(script: impl Fn(usize, TcpStream) + Send + Sync + 'static) -> Self {
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

    pub(super) fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }
}

/// Reads one request with its content, as far as Content-Length says or the last chunk; its bytes as text.
pub(super) fn request(stream: &mut TcpStream) -> Option<String> {
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

pub(super) fn reset(stream: TcpStream) {
    let socket = socket2::SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
}

pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// Answers every request well, until the client goes.
pub(super) fn well(mut stream: TcpStream) {
    while request(&mut stream).is_some() {
        if stream.write_all(OK).is_err() {
            return;
        }
    }
}

/// Keeps what was decided about each exchange.
#[derive(Clone, Default)]
pub(super) struct Trails(Arc<Mutex<Vec<String>>>);

impl Observer for Trails {
    fn finished(&self, record: Box<Record>) {
        let lines = record.trail.read(|all| {
            let line = |each: &dyn Decision| {
                let otherwise = each.otherwise().map(|otherwise| format!(" | {otherwise}")).unwrap_or_default();
                format!("{}: {}{otherwise}", each.outcome(), each.because())
            };
            all.iter().map(|each| line(&**each)).collect::<Vec<_>>().join("\n")
        });
        self.0.lock().unwrap().push(lines);
    }
}

/// A gateway in front of scripted servers.
pub(super) struct Front {
    pub(super) gateway: Gateway,
    pub(super) address: SocketAddr,
    pub(super) trails: Trails,
}

impl Front {
    pub(super) fn start(settings: &str, servers: &[SocketAddr]) -> Self {
        let servers: String = servers.iter().map(|address| format!("server \"http://{address}\"\n")).collect();
        Self::run(&format!(
            "upstream u {{\n{servers}{settings}\n}}\nsite default {{ listen \"127.0.0.1:0\"\n route {{ proxy u }}\n }}"
        ))
    }

    pub(super) fn run(config: &str) -> Self {
        Self::run_at(config, Clock::system())
    }

    pub(super) fn run_at(config: &str, clock: Clock) -> Self {
        let plan = File::parse("test.kdl", config, "/".as_ref()).unwrap_or_else(|faults| panic!("{faults}"));
        let plan = plan.plan().unwrap_or_else(|faults| panic!("{faults}"));
        let trails = Trails::default();
        let observer: Arc<dyn Observer> = Arc::new(trails.clone());
        let gateway = Gateway::start(plan, NonZeroUsize::new(1), Some(observer), clock).unwrap();
        let Address::Internet(address) = gateway.addresses()[0] else { panic!("it listens on an address") };
        Self { gateway, address, trails }
    }

    /// Sends bytes on a connection of their own, and reads to its end.
    pub(super) fn send(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // A reset after what was said is an end, too.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) fn get(&self) -> String {
        self.send(b"GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
    }

    /// The decisions about the exchange of this number, once it is over.
    pub(super) fn trail(&self, number: usize) -> String {
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

/// An answer without what came ahead of it.
pub(super) fn without_interims(answer: &str) -> &str {
    match answer.split_once("\r\n\r\n") {
        Some((interim, rest)) if interim.starts_with("HTTP/1.1 1") && rest.starts_with("HTTP/") => {
            without_interims(rest)
        }
        _ => answer,
    }
}

/// The status of an answer.
pub(super) fn status(answer: &str) -> u16 {
    let answer = without_interims(answer);
    answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no status in {answer:?}"))
}

/// Whether an answer looks whole to a client.
pub(super) fn is_whole(answer: &str) -> bool {
    let Some((head, content)) = without_interims(answer).split_once("\r\n\r\n") else { return false };
    let head = head.to_ascii_lowercase();
    if head.contains("transfer-encoding: chunked") {
        return content.ends_with("0\r\n\r\n");
    }
    match head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok()) {
        Some(length) => content.len() == length,
        None => true,
    }
}
