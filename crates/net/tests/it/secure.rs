//! The driver over TLS: what is cut short is seen to be, and nothing else is.

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use wirelight_net::tls::{Acceptor, Identity, Settings, client};
use wirelight_net::{Close, Config, ConnectionInfo, Context, Drain, Transport};
use wirelight_proto::{Role, h1};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Service};

fn acceptor() -> Acceptor {
    let signed = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let identity = Identity::Pem(signed.cert.pem(), signed.signing_key.serialize_pem());
    let settings = Settings { identities: vec![identity], client_authorities: None, http2: false, key_log: None };
    Acceptor::new(&settings).unwrap()
}

/// A client over TLS, and the clock and the task of what serves it.
struct Scene {
    client: client::ClientSide<DuplexStream>,
    clock: Clock,
    drain: Drain,
    served: JoinHandle<Close>,
}

/// Begins to serve over a pipe that holds no more than `pipe_bytes`.
async fn scene(pipe_bytes: usize, service: impl Service) -> Scene {
    let (near, far) = tokio::io::duplex(pipe_bytes);
    let settings = client::Settings { insecure: true, http1: true, ..client::Settings::default() };
    let mut client = client::Connector::new(&settings).unwrap().connect(far, "a.test").unwrap().unwrap();
    let (clock, drain) = (Clock::manual(SystemTime::UNIX_EPOCH), Drain::default());
    let context = Context { config: Config::default(), clock: clock.clone(), observer: None, drain: drain.clone() };
    let served = tokio::spawn(async move {
        let mut tls = acceptor().accept(near, &[]).unwrap();
        let secured = poll_fn(|cx| tls.poll_handshake(cx)).await.unwrap();
        let engine = h1::Connection::new(Role::Server, Arc::default(), context.clock.now());
        let connection = ConnectionInfo { id: 1, peer: None, secured: Some(Box::new(secured)), local: None };
        wirelight_net::serve(tls, engine, Arc::new(service), Arc::new(context), connection).await
    });
    poll_fn(|cx| client.poll_handshake(cx)).await.unwrap();
    Scene { client, clock, drain, served }
}

impl Scene {
    async fn say(&mut self, text: &str) {
        let written = poll_fn(|cx| self.client.poll_write(cx, &[IoSlice::new(text.as_bytes())])).await.unwrap();
        assert_eq!(written, text.len());
        poll_fn(|cx| self.client.poll_flush(cx)).await.unwrap();
    }

    /// Everything up to the end, and how it ended.
    async fn hear(&mut self) -> (Vec<u8>, std::io::Result<()>) {
        let mut heard = BytesMut::new();
        loop {
            heard.reserve(16 * 1024);
            match poll_fn(|cx| self.client.poll_read(cx, &mut heard)).await {
                Ok(0) => return (heard.to_vec(), Ok(())),
                Ok(_) => {}
                Err(error) => return (heard.to_vec(), Err(error)),
            }
        }
    }
}

async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

const CLOSING: &str = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn the_last_response_leaves_whole_and_with_a_goodbye_however_slow_its_reader() {
    for content_bytes in [10, 50_000, 1_000_000] {
        let answer = move |_: Request| async move { Ok(Response::new(Body::from(vec![b'x'; content_bytes]))) };
        let mut scene = scene(1024, answer).await;
        scene.say(CLOSING).await;
        settle().await;
        assert!(content_bytes < 1000 || !scene.served.is_finished(), "most of it waits in the layer of TLS");
        let (heard, ended) = scene.hear().await;
        ended.expect("close_notify");
        assert_eq!(heard.iter().filter(|byte| **byte == b'x').count(), content_bytes);
        drop(scene.client);
        assert!(matches!(scene.served.await.unwrap(), Close::Finished));
    }
}

#[tokio::test]
async fn an_idle_connection_that_drains_says_goodbye() {
    let mut scene = scene(64 * 1024, async |_: Request| Ok(Response::new(Body::from("x")))).await;
    scene.say("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    settle().await;
    scene.drain.begin();
    let (heard, ended) = scene.hear().await;
    ended.expect("close_notify");
    assert!(heard.ends_with(b"x"));
    assert!(matches!(scene.served.await.unwrap(), Close::Drained));
}

#[tokio::test]
async fn a_response_that_breaks_off_has_no_goodbye() {
    for request in [CLOSING, "GET / HTTP/1.0\r\n\r\n"] {
        let mut scene = scene(64 * 1024, async |_: Request| {
            let (mut sender, body) = Body::channel(None);
            sender.push(Bytes::from_static(b"some"));
            sender.fail(Error::new(Kind::Io, Fault::Ours, "the disk failed"));
            Ok(Response::new(body))
        })
        .await;
        scene.say(request).await;
        let (_, ended) = scene.hear().await;
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert!(matches!(scene.served.await.unwrap(), Close::Broken));
    }
}

#[tokio::test]
async fn a_reader_is_slow_as_long_as_it_takes_anything_and_then_it_is_cut_off() {
    let mut scene = scene(1024, async |_: Request| Ok(Response::new(Body::from(vec![b'x'; 60_000])))).await;
    scene.say(CLOSING).await;
    settle().await;
    let limit = Config::default().write_timeout;
    let mut heard = BytesMut::with_capacity(16 * 1024);
    for _ in 0..10 {
        scene.clock.advance(limit / 2);
        settle().await;
        assert!(!scene.served.is_finished());
        // It takes what the pipe holds, and waits for the rest of the record.
        poll_fn(|cx| Poll::Ready(scene.client.poll_read(cx, &mut heard).is_ready())).await;
        settle().await;
    }
    scene.clock.advance(limit);
    settle().await;
    assert!(matches!(scene.served.await.unwrap(), Close::Stalled(_)));
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// As `tokio::io::split` has it: one task reads, and another writes.
#[tokio::test]
async fn a_writer_in_one_task_is_not_forgotten_for_a_reader_in_another() {
    let (near, far) = tokio::io::duplex(1024);
    let settings = client::Settings { insecure: true, http1: true, ..client::Settings::default() };
    let mut client = client::Connector::new(&settings).unwrap().connect(far, "a.test").unwrap().unwrap();
    let mut server = acceptor().accept(near, &[]).unwrap();
    let (one, other) = tokio::join!(poll_fn(|cx| client.poll_handshake(cx)), poll_fn(|cx| server.poll_handshake(cx)));
    one.and(other).unwrap();
    let mut tickets = BytesMut::with_capacity(16 * 1024);
    assert!(poll_fn(|cx| Poll::Ready(client.poll_read(cx, &mut tickets).is_pending())).await);

    let writer = Arc::new(Woken::default());
    let reader = Arc::new(Woken::default());
    let (writes, reads) = (Waker::from(Arc::clone(&writer)), Waker::from(Arc::clone(&reader)));
    let (mut writes, mut reads) = (Task::from_waker(&writes), Task::from_waker(&reads));
    let long = [b'x'; 10_000];
    assert!(server.poll_write(&mut writes, &[IoSlice::new(&long)]).is_ready());
    assert!(server.poll_flush(&mut writes).is_pending(), "it waits for room");
    assert!(client.poll_write(&mut Task::from_waker(Waker::noop()), &[IoSlice::new(b"hello")]).is_ready());
    let mut heard = BytesMut::with_capacity(16 * 1024);
    assert!(server.poll_read(&mut reads, &mut heard).is_ready());
    assert!(server.poll_read(&mut reads, &mut heard).is_pending());
    writer.0.store(false, Ordering::SeqCst);
    let _ = client.poll_read(&mut Task::from_waker(Waker::noop()), &mut tickets);
    assert!(writer.0.load(Ordering::SeqCst), "there is room, and the writer hears of it");
}
