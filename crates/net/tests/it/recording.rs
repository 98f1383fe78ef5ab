//! What an observer is told of the exchanges of a client: their parts, their frames and their records.

use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::{Duration, SystemTime};

use http::{Method, Version};
use wirelight_net::observe::{Part, Way};
use wirelight_net::request::{Home, RequestConfig, RequestContext, Requests};
use wirelight_net::{Close, ConnectionInfo, Ending, Observer, Record, Wire};
use wirelight_proto::h2::Describer;
use wirelight_proto::{Role, h1, h2};
use wirelight_service::{Body, Clock, Request, Trail};

use super::pipe::{Peer, Pipe, pipe};

/// Keeps all that it is told.
#[derive(Default)]
struct Notebook {
    parts: Mutex<Vec<String>>,
    wires: Mutex<Vec<(Wire, Vec<u8>)>>,
    records: Mutex<Vec<Record>>,
}

impl Observer for Notebook {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn wants_parts(&self) -> bool {
        true
    }

    fn bytes(&self, _: &ConnectionInfo, _: u64, wire: Wire, bytes: &[u8]) {
        self.wires.lock().unwrap().push((wire, bytes.to_vec()));
    }

    fn part(&self, _: &ConnectionInfo, number: u64, way: Way, part: &Part) {
        let words = match part {
            Part::Request(parts, _) => format!("{} {} {:?}", parts.method, parts.uri, parts.version),
            Part::Interim(parts) => format!("interim {}", parts.status.as_u16()),
            Part::Response(parts, _) => format!("response {}", parts.status.as_u16()),
            Part::Content(content) => format!("content {}", content.len()),
            Part::End(trailers) => format!("end {}", trailers.len()),
        };
        self.parts.lock().unwrap().push(format!("{number} {way:?} {words}"));
    }

    fn finished(&self, record: Box<Record>) {
        self.records.lock().unwrap().push(*record);
    }
}

impl Notebook {
    fn parts(&self) -> Vec<String> {
        std::mem::take(&mut self.parts.lock().unwrap())
    }

    fn record(&self) -> Record {
        let mut records = self.records.lock().unwrap();
        assert_eq!(records.len(), 1, "{records:?}");
        records.remove(0)
    }

    fn wire(&self, wanted: Wire) -> Vec<u8> {
        let wires = self.wires.lock().unwrap();
        wires.iter().filter(|(wire, _)| *wire == wanted).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// Forgets connections.
struct Nowhere;

impl Home<Pipe, h1::Connection> for Nowhere {
    fn take_back(self: Arc<Self>, _: Box<Requests<Pipe, h1::Connection>>) {}

    fn closed(&self, _: &Arc<ConnectionInfo>, _: &Close) {}
}

fn context(notebook: &Arc<Notebook>) -> (Arc<RequestContext>, Clock) {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let observer = Some(Arc::clone(notebook) as Arc<dyn Observer>);
    (Arc::new(RequestContext { config: RequestConfig::default(), clock: clock.clone(), observer }), clock)
}

fn info() -> ConnectionInfo {
    ConnectionInfo { id: 1, peer: None, secured: None, local: None }
}

fn old(notebook: &Arc<Notebook>) -> (Box<Requests<Pipe, h1::Connection>>, Peer, Clock) {
    let (near, peer) = pipe();
    let (context, clock) = context(notebook);
    let engine = h1::Connection::new(Role::Client, Arc::new(h1::Config::default()), clock.now());
    (Box::new(Requests::new(near, engine, context, info())), peer, clock)
}

fn post(content: &'static str) -> Request {
    let mut request =
        http::Request::builder().method(Method::POST).uri("http://a.test/x").body(Body::from(content)).unwrap();
    let exchange = wirelight_service::Exchange { trail: Trail::watched(), ..wirelight_service::Exchange::default() };
    request.extensions_mut().insert(exchange);
    request
}

#[tokio::test]
async fn each_part_is_told_as_it_passes_and_the_record_at_the_end() {
    let notebook = Arc::new(Notebook::default());
    let (client, peer, clock) = old(&notebook);
    let mut sending = Box::pin(client.send(post("hello"), Arc::new(Nowhere)));
    assert!(sending.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(notebook.parts(), ["1 Sent POST http://a.test/x HTTP/1.1", "1 Sent content 5", "1 Sent end 0"]);
    clock.advance(Duration::from_millis(20));
    peer.send(
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    let answer = sending.await.unwrap();
    assert_eq!(notebook.parts(), ["1 Received interim 103", "1 Received response 201"]);
    assert!(notebook.records.lock().unwrap().is_empty(), "it is not over");
    clock.advance(Duration::from_millis(5));
    peer.send("2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_eq!(answer.response.into_body().collect(100).await.unwrap(), "ok");
    assert_eq!(notebook.parts(), ["1 Received content 2", "1 Received end 1"]);
    let record = notebook.record();
    let asked = record.asked.as_ref().unwrap();
    assert_eq!((&asked.method, asked.target.path()), (&Method::POST, "/x"));
    assert_eq!((record.status.as_u16(), record.received_bytes, record.sent_bytes), (201, 2, 5));
    assert_eq!(record.first_byte, Some(Duration::from_millis(20)));
    assert_eq!((record.total, record.ending), (Duration::from_millis(25), Ending::Complete));
    assert!(record.trail.is_watched());
    let outbound = record.outbound.unwrap();
    assert_eq!((outbound.version, outbound.failed), (Some(Version::HTTP_11), None));
    assert!(notebook.wire(Wire::HeadReceived).ends_with(b"Transfer-Encoding: chunked\r\n\r\n"));
}

#[tokio::test]
async fn each_way_to_end_is_told_apart() {
    type Play = fn(&Peer);
    let table: [(&str, Play, Ending, u16, &str); 4] = [
        (
            "cut short",
            |peer| {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello");
                peer.end();
            },
            Ending::Broken,
            200,
            "ended before the content did",
        ),
        ("no answer", Peer::end, Ending::Broken, 502, "before a response came"),
        ("nonsense", |peer| peer.send("nonsense\r\n\r\n"), Ending::Broken, 502, "is not a version"),
        (
            "nobody reads",
            |peer| peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"),
            Ending::Abandoned,
            200,
            "",
        ),
    ];
    for (name, play, ending, status, says) in table {
        let notebook = Arc::new(Notebook::default());
        let (client, peer, _) = old(&notebook);
        let mut sending = Box::pin(client.send(post(""), Arc::new(Nowhere)));
        assert!(sending.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        play(&peer);
        if let Ok(answer) = sending.await {
            let mut body = answer.response.into_body();
            assert!(body.data().await.is_some(), "{name}");
            if ending != Ending::Abandoned {
                assert!(body.data().await.is_none_or(|piece| piece.is_err()), "{name}");
            }
        }
        let record = notebook.record();
        let failed = record.outbound.unwrap().failed.unwrap_or_default();
        assert_eq!((record.ending, record.status.as_u16()), (ending, status), "{name}: {failed}");
        assert!(failed.contains(says) && failed.is_empty() == says.is_empty(), "{name}: {failed}");
    }
}

#[tokio::test]
async fn frames_are_shown_both_ways() {
    let notebook = Arc::new(Notebook::default());
    let (near, peer) = pipe();
    let (context, clock) = context(&notebook);
    let engine = h2::Connection::new(Role::Client, Arc::new(h2::Config::default()), clock.now());
    let (handle, mut task) = Requests::new(near, engine, context, info()).share();
    let mut sending = Box::pin(handle.send(post("hello")));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sending.as_mut().poll(&mut cx).is_pending());
    assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
    // An empty SETTINGS, and a HEADERS of `:status: 204` that ends stream 1 (RFC 9113, section 6; RFC 7541, appendix A).
    peer.send(b"\0\0\0\x04\0\0\0\0\0\0\0\x01\x01\x05\0\0\0\x01\x89");
    assert!(std::pin::Pin::new(&mut task).poll(&mut cx).is_pending());
    assert_eq!(sending.await.unwrap().response.status().as_u16(), 204);
    let mut lines = Vec::new();
    for (wire, mut describer) in
        [(Wire::FramesSent, Describer::of_client()), (Wire::FramesReceived, Describer::of_server())]
    {
        describer.describe(&notebook.wire(wire), |line| lines.push(line.to_string()));
    }
    let text = lines.join("\n");
    for part in ["SETTINGS", "HEADERS", "/x", "DATA", "204"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(notebook.parts()[0], "1 Sent POST http://a.test/x HTTP/2.0");
    let record = notebook.record();
    assert_eq!((record.ending, record.status.as_u16()), (Ending::Complete, 204));
    assert_eq!(record.outbound.unwrap().version, Some(Version::HTTP_2));
}
