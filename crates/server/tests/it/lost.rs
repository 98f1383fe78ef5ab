//! Nothing is lost at the edges of a server: limits, deadlines, Unix sockets, workers, and clients that go away.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use wirelight_net::{ConnectionInfo, Ending, Observer, Record};
use wirelight_server::{Address, Config, Listener, Server, Workers};
use wirelight_service::{Body, Clock, Request, Response, Result, Service};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// Tells a test what its server saw.
struct Told {
    records: mpsc::UnboundedSender<(u16, Ending)>,
    closed: mpsc::UnboundedSender<String>,
}

impl Observer for Told {
    fn finished(&self, record: Box<Record>) {
        let _ = self.records.send((record.status.as_u16(), record.ending));
    }

    fn closed(&self, _: &ConnectionInfo, because: &dyn std::fmt::Display) {
        let _ = self.closed.send(because.to_string());
    }
}

/// A server with one worker thread or more, and what it tells.
struct House {
    server: Server,
    workers: Workers,
    clock: Clock,
    records: mpsc::UnboundedReceiver<(u16, Ending)>,
    closed: mpsc::UnboundedReceiver<String>,
    address: SocketAddr,
}

fn house(config: Config, workers: usize, service: impl Service) -> House {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let (to_records, records) = mpsc::unbounded_channel();
    let (to_closed, closed) = mpsc::unbounded_channel();
    let told = Arc::new(Told { records: to_records, closed: to_closed });
    let server = Server::observed(config, clock.clone(), Some(told));
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let Address::Internet(address) = listener.address() else { panic!("a TCP listener has an address") };
    let workers = Workers::start(&server, vec![listener], NonZeroUsize::new(workers), service).unwrap();
    House { server, workers, clock, records, closed, address }
}

impl House {
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    fn end(self) {
        self.server.shutdown().drain();
        self.workers.join().unwrap();
        assert_eq!(self.server.connections(), 0);
    }
}

async fn hello(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("hello")))
}

async fn never(_: Request) -> Result<Response> {
    std::future::pending().await
}

/// Reads one response whose content is `content`.
fn hear(stream: &mut (impl Read + ?Sized), content: &str) {
    let mut heard = Vec::new();
    while !heard.ends_with(content.as_bytes()) {
        let mut piece = [0; 1000];
        let length = stream.read(&mut piece).unwrap();
        assert_ne!(length, 0, "{:?}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..length]);
    }
}

fn ask(stream: &mut TcpStream) {
    stream.write_all(GET).unwrap();
    hear(stream, "hello");
}

#[test]
fn more_connections_than_there_may_be_wait_their_turn() {
    let house = house(Config { connections_max: 2, ..Config::default() }, 2, hello);
    let mut streams: Vec<TcpStream> = (0..8).map(|_| house.connect()).collect();
    for stream in &mut streams {
        stream.write_all(GET).unwrap();
    }
    let mut served = 0;
    while let Some(mut stream) = streams.pop() {
        // Whoever has a place gives it up, until it is this one's turn.
        while stream.set_read_timeout(Some(Duration::from_millis(50))).is_ok() && stream.peek(&mut [0]).is_err() {
            assert!(house.server.connections() <= 2);
            streams.rotate_left(1);
            drop(streams.pop());
        }
        hear(&mut stream, "hello");
        served += 1;
    }
    assert!(served >= 1);
    house.end();
}

#[test]
fn one_address_holds_only_so_many_connections() {
    let mut house = house(Config { connections_per_peer_max: Some(2), ..Config::default() }, 1, hello);
    let mut held: Vec<TcpStream> = (0..2).map(|_| house.connect()).collect();
    held.iter_mut().for_each(ask);
    let mut refused = house.connect();
    assert_eq!(refused.read(&mut [0]).unwrap(), 0, "closed as it came");
    let because = house.closed.blocking_recv().unwrap();
    assert!(because.contains("already holds 2 connections open"), "{because}");
    drop(held.pop());
    assert!(house.closed.blocking_recv().is_some());
    ask(&mut house.connect());
    drop(held);
    house.end();
}

#[test]
fn a_drain_cuts_off_what_takes_too_long() {
    let mut house = house(Config { drain_timeout: Duration::from_secs(5), ..Config::default() }, 1, never);
    let mut stream = house.connect();
    stream.write_all(GET).unwrap();
    while house.server.connections() == 0 {
        std::thread::yield_now();
    }
    house.server.shutdown().drain();
    // Until the worker has begun to wait, time that passes is not yet counted.
    while house.server.connections() > 0 {
        house.clock.advance(Duration::from_secs(5));
        std::thread::yield_now();
    }
    assert_eq!(house.records.blocking_recv(), Some((499, Ending::Abandoned)));
    let mut rest = Vec::new();
    assert!(stream.read_to_end(&mut rest).is_err() || rest.is_empty());
    house.end();
}

#[test]
fn every_worker_serves() {
    let name = async |_: Request| Ok(Response::new(Body::from(std::thread::current().name().unwrap_or("").to_owned())));
    let house = house(Config::default(), 3, name);
    let mut names = BTreeSet::new();
    for _ in 0..200 {
        let mut stream = house.connect();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        names.insert(text.rsplit_once("\r\n\r\n").unwrap().1.to_owned());
        if names.len() == 3 {
            break;
        }
    }
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["wirelight-0", "wirelight-1", "wirelight-2"]);
    house.end();
}

#[test]
fn a_panic_is_one_answer_and_no_connection() {
    let mut house = house(Config::default(), 1, async |request: Request| match request.uri().path() {
        "/panic" => std::panic::resume_unwind(Box::new("on purpose")),
        _ => Ok(Response::new(Body::from("hello"))),
    });
    let mut stream = house.connect();
    stream.write_all(b"GET /panic HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    hear(&mut stream, "500 Internal Server Error\n");
    ask(&mut stream);
    assert_eq!(house.records.blocking_recv(), Some((500, Ending::Complete)));
    assert_eq!(house.records.blocking_recv(), Some((200, Ending::Complete)));
    drop(stream);
    house.end();
}

#[test]
fn a_client_that_went_away_is_499() {
    let mut house = house(Config::default(), 1, never);
    let stream = house.connect();
    (&stream).write_all(GET).unwrap();
    // A socket that is closed with unread bytes, or at once, is reset.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    drop(stream);
    assert_eq!(house.records.blocking_recv(), Some((499, Ending::Abandoned)));
    house.end();
}

#[test]
fn a_reader_that_stops_is_cut_off_and_sees_that_it_was() {
    let size = 64 << 20;
    let mut house =
        house(Config::default(), 1, async move |_: Request| Ok(Response::new(Body::from(vec![b'x'; 64 << 20]))));
    let mut stream = house.connect();
    stream.write_all(GET).unwrap();
    assert_eq!(stream.read(&mut [0; 100]).unwrap(), 100, "it has begun");
    while house.server.connections() > 0 {
        house.clock.advance(Config::default().connection.write_timeout);
        std::thread::yield_now();
    }
    assert_eq!(house.records.blocking_recv(), Some((200, Ending::Abandoned)));
    assert!(house.closed.blocking_recv().unwrap().contains("took none of the response"));
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(rest.len() < size);
    assert!(ended.is_err(), "a reset, and not an end");
    house.end();
}

#[test]
fn a_unix_socket_is_there_while_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // A server that ended without a word has left its file behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let server = Server::default();
    let listener = Listener::unix(&path).unwrap();
    assert_eq!(listener.address(), Address::Path(path.clone()));
    let workers = Workers::start(&server, vec![listener], NonZeroUsize::new(2), hello).unwrap();
    assert!(Listener::unix(&path).is_err(), "somebody listens there");
    for _ in 0..4 {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(GET).unwrap();
        hear(&mut stream, "hello");
    }
    server.shutdown().drain();
    workers.join().unwrap();
    assert!(!path.exists(), "its file goes with it");

    std::fs::write(&path, "a file").unwrap();
    assert!(Listener::unix(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file", "what is no socket is not touched");
}

#[test]
fn ports_that_the_system_chooses_are_not_shared() {
    let port = |listener: &Listener| match listener.address() {
        Address::Internet(address) => address.port(),
        other => panic!("{other}"),
    };
    let held = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let some: Vec<_> = (0..25).map(|_| Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap()).collect();
                held.lock().unwrap().extend(some);
            });
        }
    });
    let held = held.into_inner().unwrap();
    let ports: BTreeSet<u16> = held.iter().map(port).collect();
    assert_eq!(ports.len(), held.len());
    let taken = format!("127.0.0.1:{}", port(&held[0])).parse().unwrap();
    assert!(Listener::tcp(taken).is_err(), "a port that is named and in use is an error");
}
