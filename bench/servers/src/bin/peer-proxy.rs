//! A reverse proxy of hyper and hyper-util's pool, on one single-threaded runtime: `peer-proxy ADDRESS UPSTREAM`.
//!
//! It does what any proxy has to: hop-by-hop fields are taken off, and the client's address is told.

use std::net::SocketAddr;

use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Error, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;

type Upstream = Client<HttpConnector, Incoming>;

const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

async fn forward(
    mut request: Request<Incoming>,
    upstream: Upstream,
    to: String,
    from: SocketAddr,
) -> Result<Response<BoxBody<Bytes, Error>>, Error> {
    let path = request.uri().path_and_query().cloned();
    let uri = Uri::builder()
        .scheme("http")
        .authority(to)
        .path_and_query(path.map_or("/".to_owned(), |path| path.to_string()));
    *request.uri_mut() = uri.build().expect("a URI");
    strip(request.headers_mut());
    let forwarded = HeaderValue::from_str(&from.ip().to_string()).expect("an address");
    request.headers_mut().append("x-forwarded-for", forwarded);
    match upstream.request(request).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            Ok(response.map(BodyExt::boxed))
        }
        Err(_) => {
            let mut response = Response::new(http_body_util::Empty::new().map_err(|never| match never {}).boxed());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            Ok(response)
        }
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, to] = arguments.as_slice() else { panic!("peer-proxy ADDRESS UPSTREAM") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let upstream: Upstream = Client::builder(TokioExecutor::new()).build(connector);
        loop {
            let Ok((stream, from)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let (upstream, to) = (upstream.clone(), to.clone());
            let service = service_fn(move |request| forward(request, upstream.clone(), to.clone(), from));
            tokio::spawn(async move {
                let mut server = http1::Builder::new();
                // How a connection ends is its client's business.
                let _ = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
