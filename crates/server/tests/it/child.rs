//! Servers in a process of their own: this one's test binary, told by its environment what to play.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use wirelight_server::{Address, Config, Listener, Server};
use wirelight_service::{Body, Request, Response, Result};

/// The variable that tells the child what to play.
const PART: &str = "WIRELIGHT_TEST_PART";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
/// How much memory an idle connection may cost: its task, its socket's registration, its timer, and what is allocated
/// around them. It was 1,189 bytes when this was written.
const IDLE_BYTES_MAX: usize = 1_300;

async fn hello(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("hello")))
}

/// What is played in a child; in the parent's own run there is no part and this is a test that passes.
#[test]
fn play_a_part() {
    let Ok(part) = std::env::var(PART) else { return };
    let config = Config { accept_pause: Duration::from_millis(20), ..Config::default() };
    let listener = match part.as_str() {
        "inherited" => Listener::inherited().unwrap().pop().expect("an inherited socket"),
        part => {
            let limit: u64 = part.parse().expect("how many descriptors");
            raise_descriptors(limit);
            Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap()
        }
    };
    let Address::Internet(address) = listener.address() else { panic!("a TCP listener has an address") };
    println!("address {address}");
    let server = Server::new(config);
    let shutdown = server.shutdown();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        shutdown.drain();
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(server.serve(listener, hello)).unwrap();
    println!("drained");
}

/// Sets how many descriptors this process may have; as many as it may at the most.
fn raise_descriptors(wanted: u64) -> u64 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = wanted.min(maximum.unwrap_or(u64::MAX));
    setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum }).unwrap();
    current
}

/// A server in a child process.
struct Played {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    address: SocketAddr,
}

impl Played {
    fn begin(part: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child::play_a_part", "--nocapture"]);
        Self::begin_as(command, part, Stdio::piped())
    }

    fn begin_as(mut command: Command, part: &str, stdin: Stdio) -> Self {
        let mut child = command.env(PART, part).stdin(stdin).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.by_ref().map(Result::unwrap).find_map(|line| Some(line.split_once("address ")?.1.to_owned()));
        let address = said.expect("the child says where it listens").parse().unwrap();
        Self { child, stdin, lines, address }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).unwrap()
    }

    /// How long the child has been at work, in user and system time.
    fn worked(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// How much memory the child has of its own, in bytes.
    fn resident_bytes(&self) -> usize {
        let statm = std::fs::read_to_string(format!("/proc/{}/statm", self.child.id())).unwrap();
        let pages: Vec<usize> = statm.split_whitespace().map(|pages| pages.parse().unwrap()).collect();
        (pages[1] - pages[2]) * 4096
    }

    fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.lines.by_ref().any(|line| line.unwrap().contains("drained")));
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(GET).unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(b"hello") {
        let mut piece = [0; 1000];
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "the connection ended");
        heard.extend_from_slice(&piece[..length]);
    }
}

#[test]
fn without_descriptors_accepting_neither_spins_nor_ends() {
    let server = Played::begin("40");
    let mut streams: Vec<TcpStream> = (0..100).map(|_| server.connect()).collect();
    ask(&mut streams[0]);
    let last = streams.last_mut().unwrap();
    last.write_all(GET).unwrap();
    last.set_read_timeout(Some(Duration::from_millis(600))).unwrap();
    let before = server.worked();
    assert!(last.read(&mut [0; 100]).is_err(), "there is no descriptor for it");
    let worked = server.worked() - before;
    assert!(worked <= Duration::from_millis(150), "it was at work for {worked:?} of 600 ms");
    ask(&mut streams[0]);
    let mut last = streams.pop().unwrap();
    drop(streams);
    last.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    assert!(last.read(&mut [0; 100]).unwrap() > 0, "those who waited are served in the end");
    drop(last);
    server.end();
}

#[test]
fn a_socket_that_the_system_opened_is_served() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // The number of the process that the variable names is known only to the process itself.
    let mut command = Command::new("/bin/sh");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" --exact child::play_a_part --nocapture";
    command.args(["-c", script]).arg(std::env::current_exe().unwrap());
    let server = Played::begin_as(command, "inherited", Stdio::from(OwnedFd::from(socket)));
    assert_eq!(server.address, address);
    // Its standard input has ended, so it drains as soon as what it has begun is over; what was queued is not lost.
    server.end();
}

#[test]
fn ten_thousand_idle_connections_cost_little() {
    let wanted = 10_000;
    let allowed = raise_descriptors(wanted + 200);
    let count = allowed.saturating_sub(200).min(wanted) as usize;
    assert!(count >= 500, "too few descriptors to tell: {allowed}");
    let server = Played::begin(&(wanted + 200).to_string());
    let mut warm: Vec<TcpStream> = (0..count / 10).map(|_| server.connect()).collect();
    warm.iter_mut().for_each(ask);
    drop(warm);
    ask(&mut server.connect());
    let before = server.resident_bytes();
    let mut streams: Vec<TcpStream> = (0..count).map(|_| server.connect()).collect();
    streams.iter_mut().for_each(ask);
    let each = server.resident_bytes().saturating_sub(before) / count;
    println!("{each} bytes for each of {count} idle connections");
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes for each of {count} idle connections");
    let worked = server.worked();
    streams.iter_mut().step_by(97).for_each(ask);
    assert!(server.worked() - worked <= Duration::from_secs(1));
    drop(streams);
    server.end();
}
