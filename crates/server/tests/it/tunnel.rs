//! CONNECT over HTTP/2: the stream becomes the connection that was asked for (RFC 9113, section 8.5; RFC 8441).

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wirelight_net::Upgrade;
use wirelight_proto::h2::{self, Protocol};
use wirelight_proto::{Event, Length, Part, Reason};
use wirelight_service::{Body, Request, Response, Result};

use crate::peer::Peer;
use crate::wire::Served;

/// Turns CONNECT to `echo` into a protocol that says everything twice; refuses others, and answers what is no CONNECT.
async fn service(request: Request) -> Result<Response> {
    let wants_echo = request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "echo")
        || request.uri().authority().is_some_and(|authority| authority.as_str() == "echo.test:7");
    let mut response = Response::new(Body::from("no tunnel here\n"));
    match Upgrade::of(request.extensions()) {
        Some(upgrade) if wants_echo => {
            tokio::spawn(async move {
                let mut stream = upgrade.switched().await.unwrap();
                let mut buffer = [0; 1024];
                loop {
                    let length = stream.read(&mut buffer).await.unwrap();
                    if length == 0 {
                        stream.write_all(b"bye").await.unwrap();
                        return stream.shutdown().await.unwrap();
                    }
                    stream.write_all(&buffer[..length]).await.unwrap();
                    stream.write_all(&buffer[..length]).await.unwrap();
                }
            });
        }
        Some(_) => *response.status_mut() = StatusCode::NOT_IMPLEMENTED,
        None => {}
    }
    Ok(response)
}

async fn peer(served: &Served) -> Peer<TcpStream> {
    Peer::new(TcpStream::connect(served.address).await.unwrap(), h2::Config::default())
}

fn connect(uri: &str, protocol: Option<&str>) -> http::Request<()> {
    let mut request = http::Request::builder().method(Method::CONNECT).uri(uri).body(()).unwrap();
    if let Some(protocol) = protocol {
        request.extensions_mut().insert(Protocol::from_bytes(protocol.as_bytes()).unwrap());
    }
    request
}

/// Reads from a stream until so many bytes have come.
async fn read(peer: &mut Peer<TcpStream>, stream: wirelight_proto::StreamId, length: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < length {
        heard.extend_from_slice(&peer.content(stream).await.expect("more is to come"));
    }
    heard
}

#[tokio::test]
async fn a_stream_becomes_a_tunnel_and_its_siblings_go_on() {
    let served = Served::begin(service).await;
    let mut peer = peer(&served).await;
    // The server's settings come first: they say that extended CONNECT may be used.
    let first = peer.get("http://a.test/");
    assert_eq!(peer.answer(first).await.status, StatusCode::OK);

    for (uri, protocol) in [("echo.test:7", None), ("http://a.test/chat", Some("echo"))] {
        let stream = peer.ask(connect(uri, protocol), Length::Unknown);
        let head = peer.head(stream).await;
        assert_eq!((head.status, head.headers.get("content-length")), (StatusCode::OK, None), "{uri}");

        peer.send(stream, Part::Content(Bytes::from_static(b"one")));
        assert_eq!(read(&mut peer, stream, 6).await, b"oneone");
        let sibling = peer.get("http://a.test/");
        assert_eq!(peer.answer(sibling).await.content, b"no tunnel here\n");
        peer.send(stream, Part::Content(Bytes::from_static(b"two")));
        assert_eq!(read(&mut peer, stream, 6).await, b"twotwo");

        peer.send(stream, Part::End(HeaderMap::new()));
        assert_eq!(read(&mut peer, stream, 3).await, b"bye", "the other direction stays open");
        assert_eq!(peer.content(stream).await, None);
    }
    drop(peer);
    served.end().await;
}

#[tokio::test]
async fn more_than_the_windows_hold_goes_through() {
    let served = Served::begin(service).await;
    let mut peer = peer(&served).await;
    let stream = peer.ask(connect("echo.test:7", None), Length::Unknown);
    peer.head(stream).await;
    let piece = Bytes::from(vec![b'x'; 16 * 1024]);
    let (pieces, mut sent, mut heard) = (64, 0, 0);
    while heard < 2 * pieces * piece.len() {
        use wirelight_proto::Connection;
        while sent < pieces && peer.engine.capacity(stream) >= piece.len() {
            peer.send(stream, Part::Content(piece.clone()));
            sent += 1;
        }
        match peer.next().await {
            Event::Received(_, Part::Content(content)) => {
                peer.engine.consume(stream, content.len());
                heard += content.len();
            }
            Event::Writable(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((sent, heard), (pieces, 2 * pieces * piece.len()));
    peer.send(stream, Part::End(HeaderMap::new()));
    assert_eq!(read(&mut peer, stream, 3).await, b"bye");
    assert_eq!(peer.content(stream).await, None);
    drop(peer);
    served.end().await;
}

#[tokio::test]
async fn a_refused_tunnel_is_an_ordinary_answer() {
    let served = Served::begin(service).await;
    let mut peer = peer(&served).await;
    let stream = peer.ask(connect("elsewhere.test:443", None), Length::Unknown);
    let head = peer.head(stream).await;
    assert_eq!(head.status, StatusCode::NOT_IMPLEMENTED);
    assert_eq!(head.headers["content-length"], "15");
    assert_eq!(peer.content(stream).await.unwrap(), "no tunnel here\n");
    let sibling = peer.get("http://a.test/");
    assert_eq!(peer.answer(sibling).await.status, StatusCode::OK);
    drop(peer);
    served.end().await;
}

#[tokio::test]
async fn a_tunnel_that_nobody_took_is_closed() {
    async fn agree(_: Request) -> Result<Response> {
        Ok(Response::new(Body::empty()))
    }
    let served = Served::begin(agree).await;
    let mut peer = peer(&served).await;
    let stream = peer.ask(connect("a.test:1", None), Length::Unknown);
    assert_eq!(peer.head(stream).await.status, StatusCode::OK);
    assert_eq!(peer.content(stream).await, None, "as by a socket that is closed");
    loop {
        match peer.next().await {
            Event::Reset(of, reason) => {
                assert_eq!((of, reason), (stream, Reason::Cancelled), "nobody will read what we send");
                break;
            }
            Event::Writable(_) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(peer);
    served.end().await;
}
