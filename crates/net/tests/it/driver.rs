//! What a server's driver does with each kind of peer and handler, one small scene each.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;
use wirelight_net::observe::Begun;
use wirelight_net::{Close, Config, ConnectionInfo, Context, Drain, Ending, Observer, Record, Upgrade, Watcher, Wire};
use wirelight_proto::{Role, h1};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Result, Service, Trail};

use super::pipe::{Peer, pipe};

/// What an observer saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) records: Mutex<Vec<Record>>,
    pub(crate) bytes: Mutex<Vec<(u64, Wire, Vec<u8>)>>,
}

impl Observer for Seen {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn bytes(&self, _: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        self.bytes.lock().unwrap().push((number, wire, bytes.to_vec()));
    }

    fn finished(&self, record: Box<Record>) {
        self.records.lock().unwrap().push(*record);
    }
}

/// One connection on a stage: a peer to play, a clock to turn, and what was seen.
pub(crate) struct Stage {
    pub(crate) peer: Peer,
    pub(crate) clock: Clock,
    pub(crate) drain: Drain,
    pub(crate) seen: Arc<Seen>,
    pub(crate) task: JoinHandle<Close>,
}

pub(crate) fn stage(service: impl Service) -> Stage {
    stage_with(Config::default(), h1::Config::default(), service)
}

pub(crate) fn stage_with(config: Config, http1: h1::Config, service: impl Service) -> Stage {
    let (near, peer) = pipe();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let seen = Arc::new(Seen::default());
    let drain = Drain::default();
    let observer: Arc<dyn Observer> = Arc::clone(&seen) as _;
    let context = Context { config, clock: clock.clone(), observer: Some(observer), drain: drain.clone() };
    let engine = h1::Connection::new(Role::Server, Arc::new(http1), clock.now());
    let connection = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    let task = tokio::spawn(wirelight_net::serve(near, engine, Arc::new(service), Arc::new(context), connection));
    Stage { peer, clock, drain, seen, task }
}

impl Stage {
    /// Lets everybody act until nobody has anything to do.
    pub(crate) async fn settle(&self) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn says(&self, bytes: impl AsRef<[u8]>) -> String {
        self.peer.send(bytes);
        self.settle().await;
        self.peer.text()
    }

    pub(crate) fn endings(&self) -> Vec<(u16, Ending)> {
        self.seen.records.lock().unwrap().iter().map(|record| (record.status.as_u16(), record.ending)).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        let records = self.seen.records.lock().unwrap();
        records
            .iter()
            .filter_map(|record| record.trail.decisive(record.status, |why| why.because().into_owned()))
            .collect()
    }
}

pub(crate) async fn echo(request: Request) -> Result<Response> {
    let content = request.into_body().collect(1 << 20).await?;
    Ok(Response::new(Body::from(content)))
}

pub(crate) async fn never(_: Request) -> Result<Response> {
    std::future::pending().await
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_in_one_write() {
    let stage = stage(async |request: Request| Ok(Response::new(Body::from(request.uri().path().to_owned()))));
    let text = stage.says("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(text.find("/a").unwrap() < text.find("/b").unwrap(), "{text}");
    assert_eq!(stage.peer.writes(), 1);
    assert_eq!(stage.endings(), [(200, Ending::Complete); 2]);
}

#[tokio::test]
async fn content_arrives_however_it_is_framed_and_split() {
    for request in [
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ] {
        for read_max in [1, 7, 1000] {
            let stage = stage(echo);
            stage.peer.read_max(read_max);
            let text = stage.says(request).await;
            for _ in 0..4 {
                stage.settle().await;
            }
            let text = if text.is_empty() { stage.peer.text() } else { text };
            assert!(text.ends_with("\r\n\r\nhello"), "{read_max}: {text}");
            let seen: Vec<u8> = stage
                .seen
                .bytes
                .lock()
                .unwrap()
                .iter()
                .flat_map(|(_, wire, bytes)| match wire {
                    Wire::HeadReceived | Wire::ContentReceived => bytes.clone(),
                    _ => Vec::new(),
                })
                .collect();
            assert_eq!(String::from_utf8(seen).unwrap(), request, "what is shown is what arrived");
        }
    }
}

#[tokio::test]
async fn a_client_that_waits_for_100_gets_it_when_the_handler_wants_content() {
    let stage = stage(echo);
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(stage.says(head).await, "HTTP/1.1 100 Continue\r\n\r\n");
    assert!(stage.says("hello").await.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn a_client_that_waits_for_100_may_be_refused_without_it() {
    let refuse = async |_: Request| {
        let mut response = Response::new(Body::from("no"));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        Ok(response)
    };
    let stage = stage(refuse);
    let text = stage.says("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 413 ") && text.to_lowercase().contains("connection: close"), "{text}");
    assert!(stage.peer.saw_end());
}

#[tokio::test]
async fn a_panic_costs_one_exchange_a_500() {
    let stage = stage(async |request: Request| match request.uri().path() {
        "/panic" => panic!("on purpose"),
        _ => Ok(Response::new(Body::from("well"))),
    });
    let text = stage.says("GET /panic HTTP/1.1\r\nHost: x\r\n\r\nGET /well HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 500 ") && text.ends_with("well"), "{text}");
    assert!(!text.contains("on purpose"), "what went wrong inside stays inside");
    assert_eq!(stage.reasons()[0], "the handler panicked: on purpose");
}

#[tokio::test]
async fn a_broken_request_is_refused_with_its_rule_and_closed() {
    let stage = stage(echo);
    let text = stage.says("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab").await;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("RFC 9112"), "{text}");
    assert_eq!(stage.endings(), [(400, Ending::Refused)]);
    assert!(stage.peer.saw_end(), "it said goodbye first");
    stage.peer.end();
    assert!(matches!(stage.task.await.unwrap(), Close::Refused(_)));
}

#[tokio::test]
async fn broken_content_is_told_to_the_handler_and_answered_400() {
    let stage = stage(echo);
    let text = stage.says("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhexx").await;
    assert!(text.starts_with("HTTP/1.1 400 "), "{text}");
    assert_eq!(stage.endings(), [(400, Ending::Refused)]);
}

fn breaks_off(length: Option<u64>) -> Response {
    let (mut sender, body) = Body::channel(length);
    sender.push(Bytes::from_static(b"some"));
    sender.fail(Error::new(Kind::Io, Fault::Ours, "the disk failed"));
    Response::new(body)
}

#[tokio::test]
async fn a_response_that_breaks_off_never_looks_whole() {
    let stage_known = stage(async |_: Request| Ok(breaks_off(Some(10))));
    let text = stage_known.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(text.contains("Content-Length: 10") && text.ends_with("some"), "{text}");
    assert!(matches!(stage_known.task.await.unwrap(), Close::Broken));

    let stage_chunked = stage(async |_: Request| Ok(breaks_off(None)));
    let text = stage_chunked.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    assert!(matches!(stage_chunked.task.await.unwrap(), Close::Broken));

    let stage_close = stage(async |_: Request| Ok(breaks_off(None)));
    stage_close.says("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(stage_close.endings(), [(200, Ending::Broken)]);
    assert!(stage_close.peer.saw_reset(), "only a reset shows that close-delimited content is short");
}

#[tokio::test]
async fn a_client_that_goes_away_is_499() {
    let stage = stage(never);
    stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    stage.peer.vanish();
    stage.settle().await;
    assert_eq!(stage.endings(), [(499, Ending::Abandoned)]);
}

#[tokio::test]
async fn a_client_that_only_stopped_sending_still_gets_its_answer() {
    let stage = stage(async |_: Request| Ok(Response::new(Body::from("answer"))));
    stage.peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.peer.end();
    stage.settle().await;
    assert!(stage.peer.text().ends_with("answer"));
}

#[tokio::test]
async fn a_client_that_stopped_sending_long_ago_counts_as_gone() {
    let stage = stage(never);
    stage.peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    stage.peer.end();
    stage.settle().await;
    assert!(stage.endings().is_empty());
    stage.clock.advance(Config::default().half_close_timeout);
    stage.settle().await;
    assert_eq!(stage.endings(), [(499, Ending::Abandoned)]);
}

#[tokio::test]
async fn slow_clients_meet_their_timers() {
    let http1 = h1::Config::default();
    let slow_head = stage(echo);
    slow_head.says("GET / HTTP/1.1\r\nHo").await;
    slow_head.clock.advance(http1.header_timeout);
    slow_head.settle().await;
    assert!(slow_head.peer.text().starts_with("HTTP/1.1 408 "), "{}", slow_head.peer.text());

    let slow_content = stage(echo);
    slow_content.says("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\na").await;
    slow_content.clock.advance(http1.content_grace * 2);
    slow_content.settle().await;
    slow_content.clock.advance(http1.content_grace * 2);
    slow_content.settle().await;
    assert!(slow_content.peer.text().starts_with("HTTP/1.1 408 "), "{}", slow_content.peer.text());

    let idle = stage(echo);
    assert!(idle.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 200 "));
    let before = idle.peer.received().len();
    idle.clock.advance(http1.keep_alive_timeout);
    idle.settle().await;
    assert_eq!(idle.peer.received().len(), before, "an idle connection closes without a word");
    assert!(idle.task.is_finished());
}

#[tokio::test]
async fn a_slow_reader_is_served_at_its_pace_and_cut_off_when_it_stops() {
    let big = Bytes::from(vec![b'x'; 100_000]);
    let config = Config::default();
    let content = big.clone();
    let stage = stage(move |_: Request| {
        let content = content.clone();
        async move { Ok(Response::new(Body::from(content))) }
    });
    stage.peer.window(Some(1000));
    stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    for _ in 0..3 {
        stage.clock.advance(config.write_timeout / 2);
        stage.peer.window(Some(1000));
        stage.settle().await;
    }
    assert_eq!(stage.peer.received().len(), 4000);
    stage.clock.advance(config.write_timeout);
    stage.settle().await;
    assert!(matches!(stage.task.await.unwrap(), Close::Stalled(_)));
}

#[tokio::test]
async fn a_drain_ends_idle_connections_and_waits_for_busy_ones() {
    let idle = stage(echo);
    idle.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    idle.drain.begin();
    idle.settle().await;
    assert!(matches!(idle.task.await.unwrap(), Close::Drained));

    let release = Arc::new(tokio::sync::Notify::new());
    let wait = Arc::clone(&release);
    let busy = stage(move |_: Request| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            Ok(Response::new(Body::from("done")))
        }
    });
    busy.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    busy.drain.begin();
    busy.settle().await;
    assert!(!busy.task.is_finished());
    release.notify_one();
    busy.settle().await;
    let text = busy.peer.text();
    assert!(text.to_lowercase().contains("connection: close") && text.ends_with("done"), "{text}");
    busy.peer.end();
    assert!(matches!(busy.task.await.unwrap(), Close::Drained));
}

#[tokio::test]
async fn a_connection_goes_over_to_another_protocol_with_what_had_arrived() {
    let switch = async |request: Request| {
        let upgrade = Upgrade::of(request.extensions()).expect("the request may switch");
        tokio::spawn(async move {
            let mut upgraded = upgrade.switched().await.unwrap();
            let mut said = [0; 5];
            upgraded.read_exact(&mut said).await.unwrap();
            upgraded.write_all(&said).await.unwrap();
        });
        let mut response = Response::new(Body::empty());
        if request.method() != Method::CONNECT {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        }
        Ok(response)
    };
    for request in [
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n",
        "CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n",
    ] {
        let stage = stage(switch);
        let text = stage.says(format!("{request}hello")).await;
        assert!(text.ends_with("\r\n\r\nhello"), "{text}");
        assert_eq!(stage.endings()[0].1, Ending::Switched);
        assert!(matches!(stage.task.await.unwrap(), Close::Switched));
    }
}

#[tokio::test]
async fn the_length_that_a_handler_promises_is_kept_or_it_is_our_fault() {
    let lie = async |_: Request| {
        let mut response = Response::new(Body::from("four"));
        response.headers_mut().insert("content-length", "5".parse().unwrap());
        Ok(response)
    };
    let stage = stage(lie);
    assert!(stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn trailers_arrive_and_leave() {
    let pass = async |request: Request| {
        let (mut sender, body) = Body::channel(None);
        let mut content = request.into_body();
        let mut trailers = HeaderMap::new();
        while let Some(frame) = content.frame().await {
            match frame?.into_data() {
                Ok(data) => sender.push(data),
                Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
        sender.finish(trailers);
        Ok(Response::new(body))
    };
    let stage = stage(pass);
    let text = stage
        .says("POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n")
        .await;
    assert!(text.to_lowercase().ends_with("1\r\na\r\n0\r\nx-sum: 1\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn an_upload_waits_for_its_reader() {
    let stage = stage(|request: Request| async move {
        let _unread = request;
        never(Request::new(Body::empty())).await
    });
    stage.says("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n").await;
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..100 {
        stage.peer.send(&piece);
        stage.settle().await;
    }
    let taken: usize = stage.seen.bytes.lock().unwrap().iter().map(|(_, _, bytes)| bytes.len()).sum();
    assert!(taken < 1024 * 1024, "{taken} bytes were read that nobody wanted");
}

/// Time does not pass by itself here.
#[tokio::test]
async fn a_manual_clock_stands_still() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let before = clock.now();
    clock.advance(Duration::from_secs(1));
    assert_eq!(clock.now() - before, Duration::from_secs(1));
}

/// HTTP/2 by hand: the preface, our settings, and one stream whose head breaks a rule.
#[tokio::test]
async fn a_malformed_stream_is_refused_in_the_log_with_its_rule_and_the_connection_goes_on() {
    let (near, peer) = pipe();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let seen = Arc::new(Seen::default());
    let observer: Arc<dyn Observer> = Arc::clone(&seen) as _;
    let context = Context { clock: clock.clone(), observer: Some(observer), ..Context::default() };
    let engine = wirelight_proto::Engine::by_preface(Arc::default(), Arc::default(), clock.now());
    let connection = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    let task = tokio::spawn(wirelight_net::serve(near, engine, Arc::new(echo), Arc::new(context), connection));
    peer.send(wirelight_proto::h2::PREFACE);
    peer.send([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    // HEADERS that end the stream, with `:method: GET` (index 2) alone: `:scheme` and `:path` are missing.
    peer.send([0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82]);
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    let records = seen.records.lock().unwrap();
    let [record] = &records[..] else { panic!("{} records", records.len()) };
    assert_eq!((record.status.as_u16(), record.ending), (400, Ending::Refused));
    let why = record
        .trail
        .decisive(record.status, |why| (why.rule().section.to_owned(), why.because().into_owned()))
        .unwrap();
    assert!(why.0.starts_with("RFC 9113"), "{why:?}");
    assert!(!task.is_finished(), "a stream's fault ends no connection");
}

/// What a watcher was told, one line each.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn watch(&self, connection: &Arc<ConnectionInfo>) -> Option<Box<dyn Watcher>> {
        self.0.lock().unwrap().push(format!("watch {}", connection.id));
        Some(Box::new(Ear(self.clone())))
    }

    fn finished(&self, _: Box<Record>) {
        self.0.lock().unwrap().push("observer: finished".to_owned());
    }
}

struct Ear(Told);

impl Ear {
    fn note(&self, line: String) {
        self.0.0.lock().unwrap().push(line);
    }
}

impl Watcher for Ear {
    fn bytes(&self, number: u64, wire: Wire, _: Instant, bytes: &[u8]) {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]).into_owned();
        self.note(format!("{number} {wire:?} {} {shown:?}", bytes.len()));
    }

    fn begun(&self, number: u64, begun: Begun) -> Option<Trail> {
        self.note(format!("begun {number} {:?} {}", begun.stream, begun.first_in.is_some()));
        None
    }

    fn finished(&self, record: &Record) {
        let timed = record.trail.is_timed() && record.trail.times().len() == record.trail.read(<[_]>::len);
        self.note(format!("finished {} {} {timed}", record.number, record.status));
    }

    fn closed(&self, because: &dyn wirelight_semantics::decision::Decision) {
        self.note(format!("closed: {}", because.because()));
    }
}

#[tokio::test]
async fn a_watcher_hears_everything_of_its_connection_in_order() {
    let told = Told::default();
    let (near, peer) = pipe();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let observer: Arc<dyn Observer> = Arc::new(told.clone());
    let context = Context { clock: clock.clone(), observer: Some(observer), ..Context::default() };
    let engine = h1::Connection::new(Role::Server, Arc::new(h1::Config::default()), clock.now());
    let connection = ConnectionInfo { id: 7, peer: None, secured: None, local: None };
    let service = async |_: Request| Ok::<Response, Error>(Response::new(Body::from(vec![b'x'; 20_000])));
    let task = tokio::spawn(wirelight_net::serve(near, engine, Arc::new(service), Arc::new(context), connection));
    for bytes in ["GET / HT", "TP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nBad Field: b\r\n\r\n"] {
        peer.send(bytes);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    peer.end();
    task.await.unwrap();
    let told = told.0.lock().unwrap();
    let expected = [
        "watch 7",
        r#"1 HeadReceived 27 "GET / HTTP/1.1\r\nHost""#,
        "begun 1 None true",
        r#"1 HeadSent 42 "HTTP/1.1 200 OK\r\nCon""#,
        r#"1 ContentSent 20000 "xxxxxxxxxxxxxxxxxxxx""#,
        "finished 1 200 OK true",
        "observer: finished",
        r#"2 HeadReceived 41 "GET / HTTP/1.1\r\nHost""#,
    ];
    assert_eq!(told[..expected.len()], expected);
    assert!(told.last().unwrap().starts_with("closed: "), "{told:#?}");
}
