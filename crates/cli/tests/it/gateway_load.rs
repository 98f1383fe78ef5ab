//! What must cost no request: reloads, processes that take over, servers that stop; and what must cost no memory.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use crate::gateway_reload::{Events, Running, server_of_events};
use crate::process::{PATIENCE, until};

/// How often things happen under load, and how much is sent; the full measure is for a quiet machine.
struct Measure {
    reloads: usize,
    upgrades: usize,
    megabytes: usize,
}

fn measure() -> Measure {
    let said = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    Measure {
        reloads: said("WIRELIGHT_LOAD_RELOADS", 20),
        upgrades: said("WIRELIGHT_LOAD_UPGRADES", 3),
        megabytes: said("WIRELIGHT_LOAD_MEGABYTES", 96),
    }
}

/// A server that answers `ok` until it is told to stop; then each connection ends with its next answer, as servers do
/// that are stopped well.
struct Stoppable {
    address: SocketAddr,
    stops: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Stoppable {
    fn start(address: &str) -> Self {
        let listener = until("the address to be free", || TcpListener::bind(address).ok());
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stops, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (told, count) = (Arc::clone(&stops), Arc::clone(&answered));
        thread::spawn(move || {
            while !told.load(SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let (told, count) = (Arc::clone(&told), Arc::clone(&count));
                        thread::spawn(move || answer(stream, &told, &count));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
            // Who waits in the queue is answered, too.
            while let Ok((stream, _)) = listener.accept() {
                let (told, count) = (Arc::clone(&told), Arc::clone(&count));
                thread::spawn(move || answer(stream, &told, &count));
            }
        });
        Self { address, stops, answered }
    }

    fn stop(&self) {
        self.stops.store(true, SeqCst);
    }
}

fn answer(mut stream: TcpStream, stops: &AtomicBool, count: &AtomicU64) {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut head = Vec::new();
    let mut bytes = [0; 4096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return,
            Ok(length) => head.extend_from_slice(&bytes[..length]),
            // It rests: when the server stops, it may be closed.
            Err(_) if stops.load(SeqCst) => return,
            Err(_) => continue,
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        count.fetch_add(1, SeqCst);
        let last = stops.load(SeqCst);
        let close = if last { "Connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{close}\r\nok");
        if stream.write_all(answer.as_bytes()).is_err() || last {
            return;
        }
    }
}

/// Steady load: connections that are kept, each with a request under way at any time.
struct Load {
    wrk: std::process::Child,
    seconds: u64,
}

impl Load {
    fn begin(url: &str, seconds: u64) -> Self {
        let length = format!("{seconds}s");
        let mut wrk = Command::new("wrk");
        wrk.args(["-t", "1", "-c", "16", "-d", &length, "--timeout", "10s", url]);
        Self { wrk: wrk.stdout(Stdio::piped()).spawn().expect("wrk is installed"), seconds }
    }

    fn is_on(&mut self) -> bool {
        self.wrk.try_wait().unwrap().is_none()
    }

    /// Waits for the end; every request must have been answered well.
    fn end(self) -> String {
        let output = self.wrk.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("requests in"), "{text}");
        assert!(!text.contains("Socket errors") && !text.contains("Non-2xx"), "over {} s: {text}", self.seconds);
        text
    }
}

#[test]
fn reloads_and_processes_that_take_over_cost_no_request_and_no_stream() {
    let Measure { reloads, upgrades, .. } = measure();
    let events = server_of_events();
    let servers = [Stoppable::start("127.0.0.1:0"), Stoppable::start("127.0.0.1:0")];
    let config = |turn: usize| {
        format!(
            "upstream load {{\n server \"http://{}\"\n server \"http://{}\"\n timeout idle=\"{}s\"\n}}\n\
             upstream events {{ server \"http://{events}\" }}\nsite default {{\n listen \"ADDRESS\"\n \
             route \"/events\" name=events {{ proxy events }}\n route \"/turn\" {{ respond \"{turn}\" }}\n \
             route name=load {{ proxy load }}\n}}\n",
            servers[0].address,
            servers[1].address,
            2 + turn % 3
        )
    };
    let running = Running::start(&config(0), &["--workers", "2", "--grace", "2"]);
    let mut stream = Events::open(running.address, "/events");
    let first: u64 = stream.next().unwrap().parse().unwrap();
    let mut load = Load::begin(&running.url("/"), 6 + (reloads as u64) / 10 + 2 * upgrades as u64);
    for turn in 1..=reloads {
        running.write(&config(turn));
        let (done, text) = running.reload(&[]);
        assert!(done && text.contains("1 stream goes on undisturbed"), "{text}");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(load.is_on(), "the load must last for all reloads");
    // Nothing was lost of the stream: it counts.
    for expected in first + 1..first + 20 {
        assert_eq!(stream.next().unwrap(), expected.to_string());
    }
    let before: u64 = servers.iter().map(|server| server.answered.load(SeqCst)).sum();
    for _ in 0..upgrades {
        running.upgrade();
        thread::sleep(Duration::from_millis(200));
    }
    assert!(load.is_on(), "the load must last for all processes");
    let text = load.end();
    let after: u64 = servers.iter().map(|server| server.answered.load(SeqCst)).sum();
    assert!(after > before, "requests went on");
    println!(
        "{reloads} reloads, {upgrades} upgrades: {}",
        text.lines().find(|line| line.contains("requests in")).unwrap()
    );
}

#[test]
fn a_rolling_stop_of_each_server_costs_no_request() {
    let mut servers = [Stoppable::start("127.0.0.1:0"), Stoppable::start("127.0.0.1:0")];
    let addresses = [servers[0].address, servers[1].address];
    let running = Running::start(
        &format!(
            "upstream load {{\n server \"http://{}\"\n server \"http://{}\"\n eject failures=3 for=\"200ms\"\n}}\n\
             site default {{\n listen \"ADDRESS\"\n route {{ proxy load }}\n}}\n",
            addresses[0], addresses[1]
        ),
        &["--workers", "2"],
    );
    let mut load = Load::begin(&running.url("/"), 10);
    for round in 0..4 {
        let which = round % 2;
        servers[which].stop();
        thread::sleep(Duration::from_millis(600));
        servers[which] = Stoppable::start(&addresses[which].to_string());
        until("the server to be asked again", || {
            (servers[which].answered.load(SeqCst) > 0 || !load.is_on()).then_some(())
        });
    }
    assert!(load.is_on(), "the load must last for all stops");
    load.end();
}

/// The most memory that a process has had in use, in bytes.
fn peak(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// A server that sends as many bytes as the path says, or counts what it is sent.
fn server_of_bytes() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || carry_bytes(stream));
        }
    });
    address
}

fn carry_bytes(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let piece = vec![b'x'; 64 * 1024];
    if let Some(asked) = head.strip_prefix("get /") {
        let length: usize = asked.split(' ').next().unwrap().parse().unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n").unwrap();
        let mut left = length;
        while left > 0 {
            let count = left.min(piece.len());
            if stream.write_all(&piece[..count]).is_err() {
                return;
            }
            left -= count;
        }
        return;
    }
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<u64>().ok());
    let counted = std::io::copy(&mut (&mut stream).take(length.unwrap()), &mut std::io::sink()).unwrap();
    let text = counted.to_string();
    let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len());
}

/// Asks and reads to the end without keeping it: how many bytes of content came.
fn download(address: SocketAddr, length: usize, pause: Option<&AtomicBool>) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /{length} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
    let mut bytes = vec![0; 256 * 1024];
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut bytes[..1]).unwrap();
        head.push(bytes[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
    let mut total = 0;
    loop {
        while pause.is_some_and(|pause| pause.load(SeqCst)) {
            thread::sleep(Duration::from_millis(5));
        }
        match stream.read(&mut bytes).unwrap() {
            0 => return total,
            length => total += length,
        }
    }
}

#[test]
fn what_passes_takes_no_memory_and_a_slow_reader_slows_only_its_own() {
    let length = measure().megabytes * 1_000_000;
    let server = server_of_bytes();
    let running = Running::start(
        &format!(
            "upstream u {{ server \"http://{server}\" }}\nsite default {{ listen \"ADDRESS\"; route {{ proxy u }} }}"
        ),
        &["--workers", "2"],
    );
    let process = running.process();
    let idle = peak(process);
    assert_eq!(download(running.address, length, None), length);
    let down = peak(process);
    let mut stream = TcpStream::connect(running.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n").unwrap();
    let piece = vec![b'x'; 250_000];
    for _ in 0..length / piece.len() {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(&format!("\r\n\r\n{length}")), "{answer}");
    let up = peak(process);
    // Somebody who does not read: others are as fast as before, and what waits for him is bounded.
    let pause = Arc::new(AtomicBool::new(true));
    let (slow, address) = (Arc::clone(&pause), running.address);
    let reader = thread::spawn(move || download(address, 64_000_000, Some(&slow)));
    for _ in 0..4 {
        assert_eq!(download(running.address, 8_000_000, None), 8_000_000);
    }
    let slowed = peak(process);
    pause.store(false, SeqCst);
    assert_eq!(reader.join().unwrap(), 64_000_000);
    let all = [idle, down, up, slowed].map(|bytes| bytes / 1024);
    println!("{length} bytes down and up: at most {all:?} KiB idle, down, up and with a slow reader");
    assert!(slowed <= 32 << 20, "{all:?} KiB");
    assert!(slowed - idle <= 8 << 20, "it grew with what passed: {all:?} KiB");
}
