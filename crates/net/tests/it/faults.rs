//! What once went wrong, or easily could: one small scene each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::Notify;
use wirelight_net::{Close, Config, ConnectionInfo, Context, Ending, Upgrade};
use wirelight_proto::{Connection, Engine, Event, Incoming, Length, Outgoing, Part, Role, h1, h2};
use wirelight_service::{Body, Request, Response, Result};

use super::driver::{echo, stage};
use super::pipe::pipe;

/// A body whose content comes from a closure, piece by piece.
struct Pieces<F>(F);

impl<F: FnMut() -> Option<Bytes> + Unpin + Send> http_body::Body for Pieces<F> {
    type Data = Bytes;
    type Error = wirelight_service::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>>>> {
        std::task::Poll::Ready((self.0)().map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[tokio::test]
async fn a_record_is_closed_when_its_response_has_left_and_not_when_all_have() {
    let stage = stage(async |_: Request| Ok(Response::new(Body::from("some content"))));
    stage.peer.window(Some(0));
    for _ in 0..3 {
        stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    }
    let mut closed = Vec::new();
    for _ in 0..3 {
        stage.peer.window(Some(60));
        stage.settle().await;
        closed.push(stage.endings().len());
    }
    assert_eq!(closed, [1, 2, 3], "{}", stage.peer.text());
}

#[tokio::test]
async fn a_response_that_ends_with_the_connection_is_not_cut_short_by_a_close() {
    for cut in [true, false] {
        let stage = stage(async |_: Request| {
            let mut left = 3;
            let piece = move || {
                left -= 1;
                (left >= 0).then(|| Bytes::from_static(b"piece"))
            };
            Ok(Response::new(Body::stream(Pieces(piece))))
        });
        stage.peer.window(Some(45));
        stage.says("GET / HTTP/1.0\r\n\r\n").await;
        if cut {
            stage.drain.cut();
        } else {
            stage.clock.advance(Config::default().write_timeout);
        }
        stage.settle().await;
        assert!(stage.peer.saw_reset(), "all was made, and not all of it was taken");
        assert_eq!(stage.endings(), [(200, Ending::Abandoned)]);
    }
}

#[tokio::test]
async fn a_response_made_of_its_request_lets_the_client_continue() {
    let stage = stage(async |request: Request| Ok(Response::new(request.into_body())));
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    let text = stage.says(head).await;
    assert!(text.contains("HTTP/1.1 100 Continue\r\n\r\n"), "{text}");
    assert!(stage.says("hello").await.ends_with("hello"));
}

#[tokio::test]
async fn a_switch_waits_for_content_that_nobody_reads() {
    let content = vec![b'x'; 2 * h1::Config::default().content_buffer_bytes];
    let stage = stage(async |request: Request| {
        let upgrade = Upgrade::of(request.extensions()).expect("the request may switch");
        tokio::spawn(async move {
            let upgraded = upgrade.switched().await.unwrap();
            let (_, mut write) = tokio::io::split(upgraded);
            tokio::io::AsyncWriteExt::write_all(&mut write, b"switched").await.unwrap();
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert("upgrade", "echo".parse().unwrap());
        Ok(response)
    });
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\nContent-Length: ";
    stage.says(format!("{head}{}\r\n\r\n", content.len())).await;
    for piece in content.chunks(32 * 1024) {
        stage.says(piece).await;
    }
    let text = stage.peer.text();
    assert!(text.ends_with("switched"), "{text}");
}

#[tokio::test]
async fn an_endless_pipeline_lets_others_have_their_turn() {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let stage = stage(move |_: Request| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok(Response::new(Body::from("x"))) }
    });
    stage.peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50_000));
    let other = tokio::spawn(async move {
        let (mut longest, mut before) = (0, 0);
        while before < 50_000 {
            tokio::task::yield_now().await;
            let now = answered.load(Ordering::Relaxed);
            longest = longest.max(now - before);
            before = now;
        }
        longest
    });
    let longest = other.await.unwrap();
    assert!(longest <= 4_000, "{longest} requests in a row");
}

#[tokio::test]
async fn endless_content_lets_others_have_their_turn() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let piece = Bytes::from(vec![b'x'; 32 * 1024]);
    let stage = stage(move |_: Request| {
        let (count, piece) = (Arc::clone(&count), piece.clone());
        async move {
            let more = move || (count.fetch_add(1, Ordering::Relaxed) < 2_000).then(|| piece.clone());
            Ok(Response::new(Body::stream(Pieces(more))))
        }
    });
    stage.peer.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let other = tokio::spawn(async move {
        let mut turns = 0;
        while made.load(Ordering::Relaxed) < 2_000 {
            tokio::task::yield_now().await;
            turns += 1;
        }
        turns
    });
    let turns = other.await.unwrap();
    assert!(turns >= 10, "64 MB in {turns} turns");
}

#[tokio::test]
async fn a_reader_that_takes_something_at_the_last_moment_is_not_cut_off() {
    let config = Config::default();
    let stage = stage(async |_: Request| Ok(Response::new(Body::from(vec![b'x'; 100_000]))));
    stage.peer.window(Some(1000));
    stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    // Both come at once, as after a pause of the whole machine.
    stage.clock.advance(config.write_timeout);
    stage.peer.window(Some(1000));
    stage.settle().await;
    assert!(!stage.task.is_finished());
    assert_eq!(stage.peer.received().len(), 2000);
}

/// A handler's state that panics as it goes.
struct Sore;

impl Drop for Sore {
    fn drop(&mut self) {
        panic!("sore");
    }
}

#[tokio::test]
async fn a_handler_that_panics_as_it_is_dropped_costs_nothing() {
    let stage_handler = stage(async |_: Request| {
        let _sore = Sore;
        std::future::pending::<()>().await;
        Ok(Response::new(Body::empty()))
    });
    stage_handler.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    stage_handler.peer.vanish();
    stage_handler.settle().await;
    assert_eq!(stage_handler.endings(), [(499, Ending::Abandoned)]);
    assert!(matches!(stage_handler.task.await.unwrap(), Close::Abandoned(_)));

    let stage_body = stage(async |_: Request| {
        let sore = Sore;
        let mut left = 1;
        let piece = move || {
            let _ = &sore;
            left -= 1;
            (left >= 0).then(|| Bytes::from_static(b"piece"))
        };
        Ok(Response::new(Body::stream(Pieces(piece))))
    });
    let text = stage_body.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2)).await;
    assert_eq!(text.matches("piece").count(), 2, "{text}");
    assert_eq!(stage_body.endings(), [(200, Ending::Complete); 2]);
}

#[tokio::test]
async fn a_response_that_cannot_be_written_is_our_fault_and_says_so() {
    let stage = stage(async |_: Request| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::EARLY_HINTS;
        Ok(response)
    });
    let text = stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
    assert_eq!(stage.endings(), [(500, Ending::Complete)]);
}

#[tokio::test]
async fn content_that_nobody_reads_costs_no_more_than_its_buffer() {
    let release = Arc::new(Notify::new());
    let wait = Arc::clone(&release);
    let stage = stage(move |request: Request| {
        drop(request);
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            Ok(Response::new(Body::from("late")))
        }
    });
    stage.says("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n").await;
    for _ in 0..10 {
        stage.says(vec![b'x'; 10_000]).await;
    }
    release.notify_one();
    stage.settle().await;
    let text = stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(text.ends_with("late"), "{text}");
    release.notify_one();
    stage.settle().await;
    assert_eq!(stage.endings(), [(200, Ending::Complete); 2]);
}

#[tokio::test]
async fn an_idle_connection_is_left_alone() {
    let stage = stage(echo);
    stage.says("GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let before = stage.peer.reads();
    for _ in 0..5 {
        stage.clock.advance(Duration::from_secs(10));
        stage.settle().await;
    }
    assert!(stage.peer.reads() - before <= 2, "{} polls of an idle connection", stage.peer.reads() - before);
}

/// A handler that waits, and counts how often it is asked whether it still does.
struct Waits(Arc<Notify>, Arc<AtomicUsize>);

impl Waits {
    async fn answer(self) -> Result<Response> {
        let mut waiting = std::pin::pin!(self.0.notified());
        std::future::poll_fn(|cx| {
            self.1.fetch_add(1, Ordering::Relaxed);
            waiting.as_mut().poll(cx)
        })
        .await;
        Ok(Response::new(Body::from("done")))
    }
}

#[tokio::test]
async fn a_handler_is_asked_when_it_has_something_to_say_and_not_when_another_has() {
    let streams = 100;
    let notifies: Arc<Vec<_>> = Arc::new((0..streams).map(|_| Arc::new(Notify::new())).collect());
    let polls = Arc::new(AtomicUsize::new(0));
    let (waited, counted) = (Arc::clone(&notifies), Arc::clone(&polls));
    let service = move |request: Request| {
        let at: usize = request.uri().path()[1..].parse().unwrap();
        Waits(Arc::clone(&waited[at]), Arc::clone(&counted)).answer()
    };
    let (near, peer) = pipe();
    let engine = h2::Connection::new(Role::Server, Arc::default(), Instant::now());
    let connection = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    tokio::spawn(wirelight_net::serve(near, engine, Arc::new(service), Arc::new(Context::default()), connection));
    let mut client = h2::Connection::new(Role::Client, Arc::default(), Instant::now());
    let (mut input, mut out) = (Incoming::new(), Outgoing::new());
    for at in 0..streams {
        let stream = client.open().unwrap();
        let (parts, ()) = http::Request::get(format!("http://a.test/{at}")).body(()).unwrap().into_parts();
        client.send(stream, Part::request(parts, Length::Known(0)), &mut out).unwrap();
    }
    client.poll_transmit(&mut out, Instant::now());
    peer.send(out.pieces().flatten().copied().collect::<Vec<_>>());
    let settle = async || {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    };
    settle().await;
    for notify in notifies.iter() {
        notify.notify_one();
        settle().await;
    }
    input.extend(&peer.take());
    let mut ended = 0;
    while let Some(event) = client.poll_event(&mut input, Instant::now()).unwrap() {
        ended += usize::from(matches!(event, Event::Received(_, Part::End(_))));
    }
    assert_eq!(ended, streams);
    let polls = polls.load(Ordering::Relaxed);
    assert!(polls <= 6 * streams, "{polls} polls of {streams} handlers");
}

/// A connection is kept for as long as it stands idle, so each of its bytes counts ten thousand times.
#[test]
fn a_connection_is_small() {
    type Handler = fn(Request) -> std::future::Ready<Result<Response>>;
    let sizes = [
        ("driver::Serve", size_of::<wirelight_net::driver::Serve<tokio::net::TcpStream, Engine, Handler>>(), 464),
        ("ConnectionInfo", size_of::<ConnectionInfo>(), 56),
        ("Engine", size_of::<Engine>(), 144),
        ("h1::Connection", size_of::<h1::Connection>(), 136),
    ];
    for (what, bytes, bytes_max) in sizes {
        println!("{what}: {bytes} bytes");
        assert!(bytes <= bytes_max, "{what} takes {bytes} bytes; {bytes_max} were enough");
    }
}
