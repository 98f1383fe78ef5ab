//! hyper on one single-threaded runtime: 13 bytes for whatever is asked, and 1 GiB at `/1g.bin`.
//!
//! `peer-hyper ADDRESS WIRE CERTIFICATE KEY`, where WIRE is `h1`, `h2`, `h1+tls` or `h2+tls`; TLS is rustls'.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::Full;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, header};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How much content there is at `/1g.bin`, in bytes.
const LONG_BYTES: u64 = 1 << 30;

/// The same 64 KiB again and again.
struct Long {
    piece: Bytes,
    left_bytes: u64,
}

impl Body for Long {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left_bytes == 0 {
            return Poll::Ready(None);
        }
        self.left_bytes -= self.piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left_bytes)
    }
}

async fn long() -> Response<BoxBody<Bytes, Infallible>> {
    Response::new(Long { piece: Bytes::from(vec![0; 64 << 10]), left_bytes: LONG_BYTES }.boxed())
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"Hello, world!")));
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain"));
    Ok(response)
}

async fn both(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    if request.uri().path() == "/1g.bin" {
        return Ok(long().await);
    }
    Ok(hello(request).await?.map(BodyExt::boxed))
}

/// Serves a connection. Only over TLS is there anything long, so that nothing is boxed where hyper is at its best.
async fn serve<T: Read + Write + Unpin + 'static>(stream: T, is_http2: bool, is_secure: bool) {
    // How a connection ends is its client's business.
    let _ = match (is_http2, is_secure) {
        (true, true) => {
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(stream, service_fn(both))
                .await
        }
        (true, false) => {
            http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .serve_connection(stream, service_fn(hello))
                .await
        }
        (false, true) => {
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(stream, service_fn(both)).await
        }
        (false, false) => {
            http1::Builder::new()
                .timer(TokioTimer::new())
                .pipeline_flush(true)
                .serve_connection(stream, service_fn(hello))
                .await
        }
    };
}

fn acceptor(wire: &str, certificate: &str, key: &str) -> Option<TlsAcceptor> {
    let protocol = wire.strip_suffix("+tls")?;
    let chain =
        CertificateDer::pem_file_iter(certificate).expect("a certificate").map(|one| one.expect("PEM")).collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let mut config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).expect("a pair");
    config.alpn_protocols = vec![if protocol == "h2" { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Some(TlsAcceptor::from(Arc::new(config)))
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, wire, certificate, key] = arguments.as_slice() else {
        panic!("peer-hyper ADDRESS WIRE CERTIFICATE KEY");
    };
    let (is_http2, acceptor) = (wire.starts_with("h2"), acceptor(wire, certificate, key));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            match acceptor.clone() {
                None => drop(tokio::spawn(serve(TokioIo::new(stream), is_http2, false))),
                Some(acceptor) => drop(tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    serve(TokioIo::new(stream), is_http2, true).await;
                })),
            }
        }
    })
}
