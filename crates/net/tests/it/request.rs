//! What a client's driver does with each kind of server and body, one small scene each.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirelight_net::request::{
    Answer, Failure, Home, OnInterim, Phase, RequestConfig, RequestContext, Requests, Sending, Sent,
};
use wirelight_net::{Close, ConnectionInfo, Upgrade};
use wirelight_proto::{Role, h1};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request};

use super::pipe::{Peer, Pipe, pipe};

type Client = Requests<Pipe, h1::Connection>;

/// Where connections go, and what became of them.
#[derive(Default)]
struct House {
    #[expect(clippy::vec_box, reason = "a connection comes back in its box, and is asked for in it")]
    back: Mutex<Vec<Box<Client>>>,
    closed: Mutex<Vec<String>>,
}

impl Home<Pipe, h1::Connection> for House {
    fn take_back(self: Arc<Self>, connection: Box<Client>) {
        self.back.lock().unwrap().push(connection);
    }

    fn closed(&self, _: &Arc<ConnectionInfo>, because: &Close) {
        self.closed.lock().unwrap().push(because.to_string());
    }
}

struct Stage {
    client: Option<Box<Client>>,
    peer: Peer,
    clock: Clock,
    house: Arc<House>,
}

fn stage() -> Stage {
    let (near, peer) = pipe();
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let context = RequestContext { config: RequestConfig::default(), clock: clock.clone(), observer: None };
    let engine = h1::Connection::new(Role::Client, Arc::new(h1::Config::default()), clock.now());
    let info = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    let client = Some(Box::new(Requests::new(near, engine, Arc::new(context), info)));
    Stage { client, peer, clock, house: Arc::default() }
}

fn get() -> Request {
    http::Request::builder().uri("http://a.test/x").body(Body::empty()).unwrap()
}

fn post(body: Body) -> Request {
    http::Request::builder().method(Method::POST).uri("http://a.test/x").body(body).unwrap()
}

impl Stage {
    fn send(&mut self, request: Request) -> Pin<Box<Sending<Pipe, h1::Connection>>> {
        let client =
            self.client.take().or_else(|| self.house.back.lock().unwrap().pop()).expect("a connection at rest");
        Box::pin(client.send(request, Arc::clone(&self.house) as _))
    }

    /// Sends a request and plays the whole answer.
    async fn answered(&mut self, request: Request, answer: impl AsRef<[u8]>) -> Result<Answer, Failure> {
        let mut sending = self.send(request);
        assert!(poll(&mut sending).is_pending());
        self.peer.send(answer);
        sending.await
    }

    fn rests(&self) -> usize {
        self.house.back.lock().unwrap().len()
    }

    fn closings(&self) -> Vec<String> {
        self.house.closed.lock().unwrap().clone()
    }
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn exchanges_follow_one_another_on_one_connection() {
    let mut stage = stage();
    for round in 1..=3 {
        let answer = stage.answered(get(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!(answer.response.into_body().into_bytes().unwrap(), "hello", "the content was at hand");
        assert_eq!((stage.rests(), stage.peer.writes()), (1, round));
    }
    assert!(
        stage.peer.text().starts_with("GET http://a.test/x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
        "{}",
        stage.peer.text()
    );
}

#[tokio::test]
async fn content_is_read_as_it_comes_and_then_the_connection_rests() {
    for (head, pieces) in [
        ("Content-Length: 10", ["hello", "world"]),
        ("Transfer-Encoding: chunked", ["5\r\nhello\r\n", "5\r\nworld\r\n0\r\nX-Sum: 1\r\n\r\n"]),
    ] {
        let mut stage = stage();
        let answer = stage.answered(get(), format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n")).await.unwrap();
        let mut body = answer.response.into_body();
        for (piece, expected) in pieces.iter().zip(["hello", "world"]) {
            assert_eq!(stage.rests(), 0);
            stage.peer.send(piece);
            assert_eq!(body.data().await.unwrap().unwrap(), expected);
        }
        if let Some(trailers) = body.frame().await {
            assert_eq!(trailers.unwrap().into_trailers().unwrap()["x-sum"], "1");
        }
        assert_eq!(stage.rests(), 1, "{head}");
    }
}

#[tokio::test]
async fn content_until_close_ends_with_the_connection() {
    let mut stage = stage();
    let answer = stage.answered(get(), "HTTP/1.1 200 OK\r\n\r\nall of it").await.unwrap();
    stage.peer.end();
    assert_eq!(answer.response.into_body().collect(100).await.unwrap(), "all of it");
    assert_eq!((stage.rests(), stage.closings().len()), (0, 1));
}

#[tokio::test]
async fn a_response_that_says_close_is_the_last() {
    let mut stage = stage();
    let answer =
        stage.answered(get(), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
    assert_eq!(answer.response.status(), StatusCode::OK);
    assert_eq!(stage.rests(), 0);
    assert!(stage.peer.saw_end());
}

#[tokio::test]
async fn what_is_cut_short_is_an_error_and_never_an_end() {
    for (answer, cause) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell", "the connection ended before the content did"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell", "the connection ended"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "the connection ended inside chunked"),
    ] {
        let mut stage = stage();
        let mut body = stage.answered(get(), answer).await.unwrap().response.into_body();
        stage.peer.end();
        let error = loop {
            match body.data().await.expect("an error comes before the end") {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert!(error.because().contains(cause), "{error}");
        assert_eq!(error.fault(), Fault::Upstream);
        assert!(body.data().await.is_none());
        assert_eq!(stage.rests(), 0);
    }
}

#[tokio::test]
async fn a_failure_says_how_far_the_exchange_had_come() {
    // Closed while it rested: nothing was sent.
    let mut idle = stage();
    idle.peer.end();
    let mut sending = idle.send(get());
    let Poll::Ready(Err(failure)) = poll(&mut sending) else { panic!("it is known at once or at the next read") };
    assert!(failure.is_premature_close, "{failure}");

    // Closed when the request was there, without an answer.
    let mut silent = stage();
    let mut sending = silent.send(get());
    assert!(poll(&mut sending).is_pending());
    silent.peer.end();
    let failure = sending.await.unwrap_err();
    assert_eq!((failure.phase, failure.sent, failure.is_premature_close), (Phase::Waiting, Sent::Something, true));
    let (asked, _) = get().into_parts();
    let head = failure.head.expect("whoever asked may send it again");
    assert_eq!((&head.method, &head.uri, &head.headers), (&asked.method, &asked.uri, &asked.headers));

    // Reset before anything left.
    let mut gone = stage();
    gone.peer.vanish();
    let failure = gone.send(get()).await.unwrap_err();
    assert_eq!((failure.phase, failure.sent, failure.is_premature_close), (Phase::Sending, Sent::Nothing, true));

    // Half a head is not silence.
    let mut half = stage();
    let mut sending = half.send(get());
    assert!(poll(&mut sending).is_pending());
    half.peer.send("HTTP/1.1 20");
    half.peer.end();
    let failure = sending.await.unwrap_err();
    assert!(!failure.is_premature_close);
    assert!(failure.to_string().contains("inside a head"), "{failure}");
}

#[tokio::test]
async fn an_idle_connection_that_ends_or_talks_is_noticed_at_once() {
    struct Noted(Mutex<bool>);
    impl std::task::Wake for Noted {
        fn wake(self: Arc<Self>) {
            *self.0.lock().unwrap() = true;
        }
    }
    for (act, expected) in [("end", "closed by the peer"), ("talk", "unsolicited-response")] {
        let mut stage = stage();
        let mut client = stage.client.take().unwrap();
        let noted = Arc::new(Noted(Mutex::new(false)));
        let waker = Waker::from(Arc::clone(&noted));
        assert!(client.poll_idle(&mut Context::from_waker(&waker)).is_pending());
        if act == "end" {
            stage.peer.end()
        } else {
            stage.peer.send("HTTP/1.1 408 Request Timeout\r\n\r\n")
        }
        assert!(*noted.0.lock().unwrap(), "the watcher is woken");
        let Poll::Ready(close) = client.poll_idle(&mut Context::from_waker(&waker)) else { panic!("it is over") };
        assert!(close.to_string().contains(expected), "{close}");
    }
}

#[tokio::test]
async fn content_goes_up_in_bounded_memory() {
    let mut stage = stage();
    stage.peer.window(Some(0));
    let pulled = Arc::new(Mutex::new(0));
    struct Endless(Arc<Mutex<usize>>);
    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Error;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
            *self.0.lock().unwrap() += 1;
            Poll::Ready(Some(Ok(http_body::Frame::data(Bytes::from(vec![b'x'; 32 * 1024])))))
        }
    }
    let mut sending = stage.send(post(Body::stream(Endless(Arc::clone(&pulled)))));
    assert!(poll(&mut sending).is_pending());
    let before = *pulled.lock().unwrap();
    assert!(before * 32 * 1024 <= RequestConfig::default().output_bytes_max + 64 * 1024, "{before} pieces");
    stage.peer.window(Some(1 << 20));
    assert!(poll(&mut sending).is_pending());
    assert!(*pulled.lock().unwrap() > before);
    // A server that takes nothing is given up.
    stage.clock.advance(RequestConfig::default().write_timeout);
    let failure = sending.await.unwrap_err();
    assert!(failure.to_string().contains("took none of the request"), "{failure}");
    assert_eq!(failure.error.kind(), Kind::Timeout);
}

#[tokio::test]
async fn content_goes_both_ways_at_once() {
    let mut stage = stage();
    let (mut up, body) = Body::channel(None);
    let mut sending = stage.send(post(body));
    assert!(poll(&mut sending).is_pending());
    stage.peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut down = sending.await.unwrap().response.into_body();
    for word in ["one", "two", "three"] {
        up.push(Bytes::from(word));
        while !stage.peer.text().contains(word) {
            tokio::task::yield_now().await;
        }
        stage.peer.send(format!("{:x}\r\n{word}\r\n", word.len()));
        assert_eq!(down.data().await.unwrap().unwrap(), word);
    }
    stage.peer.send("0\r\n\r\n");
    assert!(down.data().await.is_none());
    assert_eq!(stage.rests(), 0, "the request is not complete");
    up.finish(HeaderMap::new());
    while stage.rests() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(stage.peer.text().ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn content_that_fails_never_looks_whole() {
    let mut stage = stage();
    let (mut up, body) = Body::channel(None);
    up.push(Bytes::from_static(b"some"));
    up.fail(Error::new(Kind::Io, Fault::Ours, "the disk failed"));
    let failure = stage.send(post(body)).await.unwrap_err();
    assert_eq!((failure.error.because(), failure.error.fault()), ("the disk failed", Fault::Ours));
    assert!(!stage.peer.text().ends_with("0\r\n\r\n"));
    assert!(stage.peer.saw_reset());
}

#[tokio::test]
async fn interim_responses_are_told_and_passed_over() {
    let mut stage = stage();
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut request = get();
    let list = Arc::clone(&told);
    request.extensions_mut().insert(OnInterim::new(move |parts| list.lock().unwrap().push(parts.status.as_u16())));
    let interims = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    let answer = stage.answered(request, format!("{interims}HTTP/1.1 204 No Content\r\n\r\n")).await.unwrap();
    assert_eq!(answer.response.status(), 204);
    assert_eq!(*told.lock().unwrap(), [103, 102]);
}

#[tokio::test]
async fn content_waits_for_100_for_a_while() {
    let expecting = || {
        let mut request = post(Body::from("hello"));
        request.headers_mut().insert("expect", "100-continue".parse().unwrap());
        request
    };
    // Asked for.
    let mut stage = stage();
    let mut sending = stage.send(expecting());
    assert!(poll(&mut sending).is_pending());
    assert!(stage.peer.text().ends_with("\r\n\r\n"), "{}", stage.peer.text());
    stage.peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert!(poll(&mut sending).is_pending());
    assert!(stage.peer.text().ends_with("hello"));
    // Not asked for in time.
    let mut patient = self::stage();
    let mut sending = patient.send(expecting());
    assert!(poll(&mut sending).is_pending());
    patient.clock.advance(RequestConfig::default().continue_timeout);
    assert!(poll(&mut sending).is_pending());
    assert!(patient.peer.text().ends_with("hello"));
    // Refused: the content stays here, and the connection cannot be used again.
    let mut refused = self::stage();
    let answer = refused.answered(expecting(), "HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
    assert_eq!(answer.response.status(), 417);
    assert!(!refused.peer.text().contains("hello"));
    assert_eq!(refused.rests(), 0);
}

#[tokio::test]
async fn a_switch_of_protocols_gives_the_connection_away() {
    for (request, answer) in [
        (
            http::Request::builder().uri("http://a.test/ws").header("upgrade", "echo").body(Body::empty()).unwrap(),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nleft",
        ),
        (
            http::Request::builder().method(Method::CONNECT).uri("a.test:443").body(Body::empty()).unwrap(),
            "HTTP/1.1 200 OK\r\n\r\nleft",
        ),
    ] {
        let mut stage = stage();
        let answer = stage.answered(request, answer).await.unwrap();
        let mut raw = Upgrade::of(answer.response.extensions()).unwrap().switched().await.unwrap();
        let mut left = [0; 4];
        raw.read_exact(&mut left).await.unwrap();
        assert_eq!(&left, b"left");
        raw.write_all(b"ping").await.unwrap();
        assert!(stage.peer.text().ends_with("ping"));
        assert!(stage.closings()[0].contains("another protocol"), "{:?}", stage.closings());
    }
}

#[tokio::test]
async fn giving_up_closes_the_connection() {
    let mut stage = stage();
    let mut sending = stage.send(get());
    assert!(poll(&mut sending).is_pending());
    drop(sending);
    assert_eq!((stage.rests(), stage.closings().len()), (0, 1));

    let mut later = self::stage();
    let answer = later.answered(get(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhell").await.unwrap();
    drop(answer);
    assert_eq!((later.rests(), later.closings().len()), (0, 1));
}

#[tokio::test]
async fn an_early_answer_outlives_a_connection_that_breaks_under_the_upload() {
    let mut stage = stage();
    stage.peer.window(Some(100));
    let mut sending = stage.send(post(Body::from(vec![b'x'; 1 << 20])));
    assert!(poll(&mut sending).is_pending());
    stage.peer.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig");
    stage.peer.end();
    let answer = sending.await.unwrap();
    assert_eq!(answer.response.status(), 413);
    assert_eq!(answer.response.into_body().collect(10).await.unwrap(), "big");
}

#[tokio::test]
async fn a_shared_connection_serves_its_handles_in_turn() {
    let mut stage = stage();
    let (handle, task) = (*stage.client.take().unwrap()).share();
    let task = tokio::spawn(task);
    let first = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send(get()).await.unwrap().response.into_body().collect(10).await.unwrap() }
    });
    let second = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send(get()).await.unwrap().response.into_body().collect(10).await.unwrap() }
    });
    for word in ["one", "two"] {
        tokio::time::sleep(Duration::from_millis(1)).await;
        stage.peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{word}"));
    }
    let mut words = [first.await.unwrap(), second.await.unwrap()];
    words.sort();
    assert_eq!(words, ["one", "two"]);
    drop(handle);
    assert!(matches!(task.await.unwrap(), Close::Finished | Close::Left));
}

#[tokio::test]
async fn a_shared_connection_does_not_rest_for_ever() {
    let mut stage = stage();
    let (handle, task) = (*stage.client.take().unwrap()).share();
    let task = tokio::spawn(task);
    let limit = RequestConfig::default().rest_timeout;
    tokio::task::yield_now().await;
    stage.clock.advance(limit / 2);
    let sending = tokio::spawn({
        let handle = handle.clone();
        async move { handle.send(get()).await.unwrap().response.into_body().collect(10).await.unwrap() }
    });
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    stage.peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    assert_eq!(sending.await.unwrap(), "one");
    tokio::task::yield_now().await;
    stage.clock.advance(limit - Duration::from_millis(1));
    tokio::task::yield_now().await;
    assert!(handle.is_usable(), "its rest began anew");
    stage.clock.advance(Duration::from_millis(1));
    assert!(matches!(task.await.unwrap(), Close::Finished));
    assert!(!handle.is_usable());
    assert!(handle.send(get()).await.unwrap_err().is_premature_close);
}
