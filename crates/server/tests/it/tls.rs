//! TLS on a listener: handshakes have their time and their turn, cleartext is told where it is, and streams that stall
//! leave their siblings alone.

use std::fmt::Display;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use wirelight_net::observe::{ConnectionInfo, Record};
use wirelight_net::tls::client::ClientSide;
use wirelight_net::tls::{Acceptor, Identity, Settings, client};
use wirelight_net::{Observer, Transport};
use wirelight_proto::{Connection, Event, Length, Part, StreamId, h2};
use wirelight_server::{Address, Config, Listener, Server};
use wirelight_service::{Body, Clock, Request, Response, Result, Service};

use crate::peer::Peer;

/// Keeps why connections ended.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<String>>);

impl Observer for Ends {
    fn finished(&self, _: Box<Record>) {}

    fn closed(&self, _: &ConnectionInfo, because: &dyn Display) {
        self.0.lock().unwrap().push(because.to_string());
    }
}

/// A service over TLS on a clock that the test turns.
struct Secure {
    server: Server,
    clock: Clock,
    ends: Arc<Ends>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Secure {
    fn begin(config: Config, service: impl Service) -> Self {
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let identity = Identity::Pem(signed.cert.pem(), signed.signing_key.serialize_pem());
        let settings = Settings { identities: vec![identity], client_authorities: None, http2: true, key_log: None };
        let acceptor = Arc::new(Acceptor::new(&settings).unwrap());
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap().secured(acceptor);
        let Address::Secure(address) = listener.address() else { panic!("a listener over TLS has an address") };
        let (clock, ends) = (Clock::manual(SystemTime::UNIX_EPOCH), Arc::<Ends>::default());
        let server = Server::observed(config, clock.clone(), Some(Arc::clone(&ends) as Arc<dyn Observer>));
        let task = tokio::spawn({
            let server = server.clone();
            async move { server.serve(listener, service).await }
        });
        Self { server, clock, ends, address, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Turns the clock on until `done` is.
    async fn pass_time_until<T>(&self, done: impl Future<Output = T>) -> T {
        let mut done = std::pin::pin!(done);
        loop {
            tokio::select! {
                biased;
                ended = &mut done => return ended,
                () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(100)),
            }
        }
    }

    async fn end(self) {
        self.server.shutdown().drain();
        self.task.await.unwrap().unwrap();
    }
}

fn to(transport: TcpStream) -> ClientSide<TcpStream> {
    let settings = client::Settings { insecure: true, http2: true, http1: true, ..client::Settings::default() };
    client::Connector::new(&settings).unwrap().connect(transport, "localhost").unwrap().unwrap()
}

async fn secured(transport: TcpStream) -> std::io::Result<ClientSide<TcpStream>> {
    let mut tls = to(transport);
    poll_fn(|cx| tls.poll_handshake(cx)).await.map(|secured| {
        assert_eq!(secured.alpn.as_deref(), Some(&b"h2"[..]));
        tls
    })
}

async fn hello(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("hello\n")))
}

/// The head of a TLS record that promises a handshake message which does not come.
const BEGUN: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1];

#[tokio::test]
async fn a_handshake_that_is_not_finished_in_time_is_given_up() {
    let secure = Secure::begin(Config::default(), hello);
    for sent in [b"".as_slice(), BEGUN] {
        let mut stream = secure.connect().await;
        stream.write_all(sent).await.unwrap();
        let mut rest = Vec::new();
        // A reset is an end as well: not everything that came was read.
        let _ = secure.pass_time_until(stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty());
    }
    let ends = secure.ends.0.lock().unwrap().clone();
    assert_eq!(ends.len(), 2);
    assert!(ends.iter().all(|end| end.contains("the TLS handshake took longer than 10 s")), "{ends:?}");
    let mut peer = Peer::new(secured(secure.connect().await).await.unwrap(), h2::Config::default());
    let stream = peer.get("https://localhost/");
    assert_eq!(peer.answer(stream).await.content, b"hello\n");
    drop(peer);
    secure.end().await;
}

/// Everything that can be done without time passing is done in this many turns.
async fn let_others_go_on() {
    for _ in 0..2000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn handshakes_wait_for_their_turn_within_their_time() {
    let config = Config { handshakes_max: 1, ..Config::default() };
    let secure = Secure::begin(config, hello);
    let mut holds_up = secure.connect().await;
    holds_up.write_all(BEGUN).await.unwrap();
    let_others_go_on().await;
    let stream = secure.connect().await;
    let waits = tokio::spawn(secured(stream));
    let_others_go_on().await;
    assert!(!waits.is_finished(), "its turn has not come");
    assert!(secure.pass_time_until(waits).await.unwrap().is_err(), "and did not come in its time");
    let_others_go_on().await;
    let ends = secure.ends.0.lock().unwrap().clone();
    assert!(ends.iter().all(|end| end.contains("took longer than 10 s")), "{ends:?}");
    assert_eq!(ends.len(), 2, "{ends:?}");
    assert!(secured(secure.connect().await).await.is_ok(), "the turn came back");
    secure.end().await;
}

#[tokio::test]
async fn cleartext_is_told_where_it_is_in_its_own_version() {
    let secure = Secure::begin(Config::default(), hello);
    let mut stream = secure.connect().await;
    stream.write_all(b"GET /a HTTP/1.0\r\nHost: here.test\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("https://here.test/a"), "{answer}");
    drop(stream);

    let mut peer = Peer::new(secure.connect().await, h2::Config::default());
    let stream = peer.get("http://here.test/b");
    let answer = peer.answer(stream).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let text = String::from_utf8(answer.content).unwrap();
    assert!(text.contains("https://here.test/b"), "{text}");
    drop(peer);
    secure.end().await;
}

const LARGE: usize = 4 * 1024 * 1024;

/// Answers `/large` with more than any window holds, counts what is sent to `/count`, and lets `/hold` wait.
async fn streams(request: Request, held: Arc<Notify>) -> Result<Response> {
    match request.uri().path() {
        "/large" => Ok(Response::new(Body::from(Bytes::from(vec![b'x'; LARGE])))),
        "/hold" => {
            held.notified().await;
            let content = request.into_body().collect(LARGE).await?;
            Ok(Response::new(Body::from(content.len().to_string())))
        }
        _ => {
            let content = request.into_body().collect(LARGE).await?;
            Ok(Response::new(Body::from(content.len().to_string())))
        }
    }
}

/// Sends content as windows allow it until all is sent, and hears what comes meanwhile.
async fn upload(peer: &mut Peer<impl Transport>, stream: StreamId, mut length: usize) {
    while length > 0 {
        let piece = peer.engine.capacity(stream).min(length).min(16 * 1024);
        if piece == 0 {
            peer.next().await;
            continue;
        }
        peer.send(stream, Part::Content(Bytes::from(vec![b'y'; piece])));
        length -= piece;
    }
    peer.send(stream, Part::End(HeaderMap::new()));
}

fn post(path: &str) -> http::Request<()> {
    http::Request::post(format!("https://localhost{path}")).body(()).unwrap()
}

#[tokio::test]
async fn a_stream_that_stalls_never_slows_its_siblings() {
    let held = Arc::new(Notify::new());
    let service = {
        let held = Arc::clone(&held);
        move |request: Request| streams(request, Arc::clone(&held))
    };
    let secure = Secure::begin(Config::default(), service);
    let mut peer = Peer::new(secured(secure.connect().await).await.unwrap(), h2::Config::default());

    // One response that nobody reads, and one request that nobody reads.
    let unread = peer.get("https://localhost/large");
    let mut kept = 0;
    let head = peer.head(unread).await;
    assert_eq!(head.status, StatusCode::OK);
    let unheard = peer.ask(post("/hold"), Length::Unknown);
    let mut pushed = 0;
    while peer.engine.capacity(unheard) > 0 && pushed < LARGE / 2 {
        let piece = peer.engine.capacity(unheard).min(16 * 1024);
        peer.send(unheard, Part::Content(Bytes::from(vec![b'z'; piece])));
        pushed += piece;
    }

    // Their siblings get all they want, in both directions and more than once.
    for round in 0..3 {
        for (sibling, length) in [("/large", LARGE), ("/count", LARGE / 2)] {
            let stream = match sibling {
                "/large" => peer.get("https://localhost/large"),
                path => {
                    let stream = peer.ask(post(path), Length::Known(length as u64));
                    upload(&mut peer, stream, length).await;
                    stream
                }
            };
            let mut content = Vec::new();
            loop {
                match peer.next().await {
                    Event::Received(of, Part::Content(piece)) if of == stream => {
                        peer.engine.consume(stream, piece.len());
                        content.extend_from_slice(&piece);
                    }
                    Event::Received(of, Part::Content(piece)) if of == unread => kept += piece.len(),
                    Event::Received(of, Part::End(_)) if of == stream => break,
                    Event::Reset(of, reason) => panic!("{of:?} was reset: {reason:?}"),
                    _ => {}
                }
            }
            match sibling {
                "/large" => assert_eq!(content.len(), length, "round {round}"),
                _ => assert_eq!(content, length.to_string().into_bytes(), "round {round}"),
            }
        }
    }
    assert!(kept < LARGE, "the window of the stalled stream is shut at {kept} bytes");

    // And what has stalled goes on when it is wanted again.
    peer.engine.consume(unread, kept);
    while let Some(piece) = peer.content(unread).await {
        kept += piece.len();
    }
    assert_eq!(kept, LARGE);
    held.notify_one();
    upload(&mut peer, unheard, LARGE / 2).await;
    assert_eq!(peer.answer(unheard).await.content, (pushed + LARGE / 2).to_string().into_bytes());
    drop(peer);
    secure.end().await;
}
