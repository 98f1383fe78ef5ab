//! Connections that the system hands over with their first bytes: they are answered as all others are.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroUsize;
use std::time::Duration;

use wirelight_server::{Address, Listener, Server, Workers};
use wirelight_service::{Body, Request, Response, Result};

async fn hello(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("hello")))
}

#[test]
fn every_worker_defers_and_answers() {
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.deferred(Duration::from_secs(30)).unwrap();
    let Address::Internet(address) = listener.address() else { panic!("a TCP listener has an address") };
    let server = Server::default();
    let workers = Workers::start(&server, vec![listener], NonZeroUsize::new(2), hello).unwrap();
    let silent: Vec<TcpStream> = (0..16).map(|_| TcpStream::connect(address).unwrap()).collect();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("\r\n\r\nhello") && answer.contains("Connection: close\r\n"), "{answer}");
    }
    let mut kept = TcpStream::connect(address).unwrap();
    for _ in 0..3 {
        kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nhello") {
            let mut piece = [0; 256];
            let length = kept.read(&mut piece).unwrap();
            assert!(length > 0);
            answer.extend_from_slice(&piece[..length]);
        }
    }
    // Whoever has said nothing was never accepted.
    assert!(server.connections() <= 1, "{}", server.connections());
    drop((silent, kept));
    server.shutdown().drain();
    workers.join().unwrap();
}
