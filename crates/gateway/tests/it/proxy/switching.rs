//! WebSocket through the gateway, from either version of HTTP to either.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirelight_client::Connections;
use wirelight_client::connections::{Config, Versions};
use wirelight_net::Upgrade;
use wirelight_proto::h2::Protocol;
use wirelight_service::{Body, Request, Response, Result, Service};

use super::{Front, PATIENCE, Scripted, request, status};

/// The key of RFC 6455's example, and its answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A server of HTTP/1.1 that answers the handshake with what `accept` makes of the key, and then echoes.
fn http1(accept: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    let server = Scripted::start(move |_, mut stream| {
        let head = request(&mut stream).unwrap();
        let lower = head.to_ascii_lowercase();
        assert!(head.starts_with("GET /chat?x HTTP/1.1\r\n"), "{head}");
        assert!(
            lower.contains("\r\nupgrade: websocket\r\n") && lower.contains("\r\nconnection: upgrade\r\n"),
            "{head}"
        );
        assert!(lower.contains("\r\nsec-websocket-version: 13\r\n"), "{head}");
        let at = lower.find("sec-websocket-key: ").unwrap() + "sec-websocket-key: ".len();
        let key = head[at..].split("\r\n").next().unwrap();
        stream.write_all(accept(key).as_bytes()).unwrap();
        let mut said = [0; 4];
        if stream.read_exact(&mut said).is_ok() {
            stream.write_all(&said).unwrap();
        }
    });
    server.address
}

/// What a server of HTTP/1.1 says that agrees.
fn agreed(key: &str) -> String {
    use base64::Engine as _;
    use sha1::{Digest, Sha1};
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let accept = base64::engine::general_purpose::STANDARD.encode(digest);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )
}

/// A server of HTTP/2 that agrees with this status, and then echoes.
fn http2(answered: StatusCode) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = move |request: Request| async move {
        assert_eq!(request.method(), Method::CONNECT);
        assert_eq!(request.extensions().get::<Protocol>(), Some(&Protocol::WEBSOCKET));
        assert_eq!(request.uri().path_and_query().unwrap(), "/chat?x");
        let fields = request.headers();
        assert_eq!(fields["sec-websocket-version"], "13");
        assert!(!fields.contains_key("sec-websocket-key") && !fields.contains_key("upgrade"));
        let upgrade = Upgrade::of(request.extensions()).unwrap();
        if answered.is_success() {
            tokio::spawn(async move {
                let mut tunnel = upgrade.switched().await.unwrap();
                let mut said = [0; 4];
                tunnel.read_exact(&mut said).await.unwrap();
                tunnel.write_all(&said).await.unwrap();
                tunnel.shutdown().await.unwrap();
            });
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answered;
        Ok::<_, wirelight_service::Error>(response)
    };
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listener.set_nonblocking(true).unwrap();
            wirelight_server::serve(tokio::net::TcpListener::from_std(listener).unwrap(), service).await.unwrap();
        });
    });
    address
}

fn front(server: SocketAddr, protocol: &str) -> Front {
    Front::start(&format!("protocol {protocol}"), &[server])
}

/// What a client of HTTP/1.1 sees that says `ping` once it may.
fn ask_http1(front: &Front) -> String {
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = format!(
        "GET /chat?x HTTP/1.1\r\nHost: a.test\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\nping"
    );
    stream.write_all(asked.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// The same for one of HTTP/2: the status, and what came through.
fn ask_http2(front: &Front) -> (StatusCode, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections =
            Connections::new(Config { versions: Versions::Http2PriorKnowledge, ..Config::default() }).unwrap();
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = format!("http://{}/chat?x", front.address).parse().unwrap();
        request.extensions_mut().insert(Protocol::WEBSOCKET);
        request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
        let response: Result<Response> = connections.call(request).await;
        let (parts, _body) = response.unwrap().into_parts();
        assert!(!parts.headers.contains_key("sec-websocket-accept") && !parts.headers.contains_key("upgrade"));
        let Some(upgrade) = Upgrade::of(&parts.extensions) else { return (parts.status, String::new()) };
        let mut tunnel = upgrade.switched().await.unwrap();
        tunnel.write_all(b"ping").await.unwrap();
        tunnel.shutdown().await.unwrap();
        let mut came = String::new();
        tunnel.read_to_string(&mut came).await.unwrap();
        (parts.status, came)
    })
}

#[test]
fn every_way_leads_through() {
    for (server, protocol) in
        [(http1(agreed), "http1"), (http1(agreed), "negotiated"), (http2(StatusCode::OK), "http2")]
    {
        let front = front(server, protocol);
        let answer = ask_http1(&front);
        assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{protocol}: {answer}\n{}", front.trail(0));
        let lower = answer.to_ascii_lowercase();
        let accept = ACCEPT.to_ascii_lowercase();
        assert!(lower.contains(&format!("\r\nsec-websocket-accept: {accept}\r\n")), "{protocol}: {answer}");
        assert!(lower.contains("\r\nupgrade: websocket\r\n"), "{protocol}: {answer}");
        assert!(answer.ends_with("\r\n\r\nping"), "{protocol}: {answer}");
    }
    for (server, protocol) in
        [(http1(agreed), "http1"), (http1(agreed), "negotiated"), (http2(StatusCode::OK), "http2")]
    {
        let front = front(server, protocol);
        assert_eq!(ask_http2(&front), (StatusCode::OK, "ping".to_owned()), "{protocol}");
    }
}

#[test]
fn a_server_that_does_not_agree_is_not_taken_for_one_that_does() {
    for (says, expected, because) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", 403, ""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 502, "as if no other protocol had been asked for"),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
            502,
            "is no answer to the key",
        ),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: chess\r\nConnection: Upgrade\r\n\r\n",
            502,
            "which nobody had asked for",
        ),
    ] {
        let front = front(http1(move |_| says.to_owned()), "http1");
        let (status, _) = ask_http2(&front);
        assert_eq!(status.as_u16(), expected, "{says}");
        assert!(front.trail(0).contains(because), "{says}: {}", front.trail(0));
    }
    let front = self::front(http2(StatusCode::FORBIDDEN), "http2");
    assert_eq!(status(&ask_http1(&front)), 403);
    assert_eq!(ask_http2(&front).0, StatusCode::FORBIDDEN);
}
