//! Interim responses through the gateway, from either version of HTTP to either.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use http::header::LINK;
use http::{HeaderMap, StatusCode};
use wirelight_client::Connections;
use wirelight_client::connections::{Config, Versions};
use wirelight_net::request::OnInterim;
use wirelight_server::{Listener, Server};
use wirelight_service::{Body, Interims, Request, Response, Result, Service};

use super::Front;

/// A server of either version that hints at two things before it answers.
fn hinting() -> SocketAddr {
    let service = |request: Request| async move {
        let interims = Interims::of(&request).unwrap();
        for hint in ["</a>; rel=preload", "</b>; rel=preload"] {
            let fields = HeaderMap::from_iter([(LINK, hint.parse().unwrap())]);
            interims.send(StatusCode::EARLY_HINTS, fields).unwrap();
        }
        Ok::<_, wirelight_service::Error>(Response::new(Body::from("whole")))
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connection = wirelight_net::Config { interims_max: 4, ..wirelight_net::Config::default() };
            let server = Server::new(wirelight_server::Config { connection, ..wirelight_server::Config::default() });
            server.serve(Listener::from_std(listener).unwrap(), service).await.unwrap();
        });
    });
    address
}

/// What comes to a client: each interim response with its hint, and the content of the response.
fn ask(address: SocketAddr, versions: Versions) -> (Vec<(u16, String)>, Vec<u8>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections = Connections::new(Config { versions, ..Config::default() }).unwrap();
        let came = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&came);
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = format!("http://{address}/x").parse().unwrap();
        request.extensions_mut().insert(OnInterim::new(move |parts| {
            assert_eq!(parts.headers["via"].to_str().unwrap().split(' ').nth(1), Some("wirelight"));
            seen.lock().unwrap().push((parts.status.as_u16(), parts.headers[LINK].to_str().unwrap().to_owned()));
        }));
        let response: Result<Response> = connections.call(request).await;
        let content = response.unwrap().into_body().collect(100).await.unwrap();
        let came = came.lock().unwrap().clone();
        (came, content.to_vec())
    })
}

#[test]
fn what_a_server_says_ahead_of_its_response_passes_every_way() {
    let server = hinting();
    for protocol in ["http1", "http2"] {
        let front = Front::start(&format!("protocol {protocol}"), &[server]);
        for versions in [Versions::Http1, Versions::Http2PriorKnowledge] {
            let (came, content) = ask(front.address, versions);
            let hint = |name: &str| (103, format!("</{name}>; rel=preload"));
            assert_eq!(came, [hint("a"), hint("b")], "from {protocol} to {versions:?}");
            assert_eq!(content, b"whole");
        }
    }
}
