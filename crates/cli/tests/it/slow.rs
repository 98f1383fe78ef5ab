//! Slow clients over real sockets, on a clock that the test turns: the timers are on by default.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirelight_server::{Config, Listener, Server};
use wirelight_service::{Body, Clock, Request, Response, Result};

/// How long everybody gets to do what can be done without waiting, before the clock is turned on.
const BREATH: Duration = Duration::from_millis(4);

/// A server with default limits, and its clock.
struct Timed {
    server: Server,
    clock: Clock,
    address: std::net::SocketAddr,
}

/// Reads the content, and answers with ten megabytes.
async fn large(request: Request) -> Result<Response> {
    request.into_body().collect(1 << 20).await?;
    Ok(Response::new(Body::from(vec![b'x'; 10 << 20])))
}

impl Timed {
    fn start() -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let server = Server::observed(Config::default(), clock.clone(), None);
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener::from_std(socket).unwrap();
        let serving = server.clone();
        tokio::spawn(async move { serving.serve(listener, large).await });
        Self { server, clock, address }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        while self.server.connections() == 0 {
            tokio::time::sleep(BREATH).await;
        }
        stream
    }

    /// Turns the clock on, a second at a time, until the server has closed the connection; gives what came and when.
    ///
    /// Each second `slow` is sent, and one byte is read where `reads`.
    async fn endure(&self, mut stream: TcpStream, slow: &[u8], reads: bool) -> (u64, String) {
        let mut received = Vec::new();
        for second in 0..200 {
            if self.server.connections() == 0 {
                // What the server said last is still there to be read.
                let _ = tokio::time::timeout(Duration::from_secs(1), stream.read_to_end(&mut received)).await;
                return (second, String::from_utf8_lossy(&received[..received.len().min(400)]).into_owned());
            }
            // Once the server has closed, writing fails.
            let _ = stream.write_all(slow).await;
            if reads {
                let mut byte = [0];
                if let Ok(Ok(length)) = tokio::time::timeout(BREATH, stream.read(&mut byte)).await {
                    received.extend_from_slice(&byte[..length]);
                }
            }
            tokio::time::sleep(BREATH).await;
            self.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(BREATH).await;
        }
        panic!("the connection was still open after 200 seconds");
    }
}

async fn sending(first: &[u8], slow: &[u8], reads: bool) -> (u64, String) {
    let timed = Timed::start();
    let mut stream = timed.connect().await;
    stream.write_all(first).await.unwrap();
    timed.endure(stream, slow, reads).await
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed_within_30_seconds() {
    let (seconds, answer) = sending(b"", b"", true).await;
    assert!((5..=30).contains(&seconds), "closed after {seconds} s");
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn a_head_that_trickles_is_answered_with_408() {
    let (seconds, answer) = sending(b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"x", false).await;
    assert!((5..=60).contains(&seconds), "closed after {seconds} s");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn content_that_trickles_is_answered_with_408() {
    let (seconds, answer) = sending(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", b"x", false).await;
    assert!((5..=120).contains(&seconds), "closed after {seconds} s");
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
}

#[tokio::test]
async fn an_idle_connection_is_closed_within_75_seconds() {
    let timed = Timed::start();
    let mut stream = timed.connect().await;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    let (seconds, _) = timed.endure(stream, b"", false).await;
    assert!((5..=75).contains(&seconds), "closed after {seconds} s");
}

#[tokio::test]
async fn a_client_that_reads_a_byte_a_second_is_closed_within_120_seconds() {
    let (seconds, _) = sending(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"", true).await;
    assert!((5..=120).contains(&seconds), "closed after {seconds} s");
}

#[tokio::test]
async fn slow_clients_hold_up_nobody() {
    let timed = Timed::start();
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = timed.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        slow.push(stream);
    }
    let mut quick = timed.connect().await;
    quick.write_all(b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    quick.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}
