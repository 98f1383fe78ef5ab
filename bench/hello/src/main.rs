//! Wirelight on one worker, with its limits, timers, trails, usual layers and access log: 13 bytes at `/`, and below
//! it a folder's files, compressed on the fly.
//!
//! `wirelight-bench-hello ADDRESS LOG FOLDER WIRE CERTIFICATE KEY [DEFERRED]`: lines of the access log go to the file LOG,
//! which may be `/dev/null`. If WIRE ends in `+tls`, it is all over TLS. If DEFERRED is `deferred`, a connection is
//! accepted once its first bytes have come.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use wirelight_gateway::access_log::{self, AccessLog, Format};
use wirelight_gateway::files::{self, Files};
use wirelight_net::tls::{self, Acceptor, Identity};
use wirelight_server::{Config, Listener, Server, Workers};
use wirelight_service::layer::{AddDate, AnswerErrors, CatchPanic, Compress};
use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};

/// How long a deferred connection may take to say something before it is accepted all the same.
const FIRST_BYTES_WITHIN: Duration = Duration::from_secs(10);

struct Site<F>(F);

impl<F: Service> Service for Site<F> {
    async fn call(&self, request: Request) -> Result<Response> {
        if request.uri().path() != "/" {
            return self.0.call(request).await;
        }
        let mut response = Response::new(Body::from("Hello, world!"));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        Ok(response)
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, address, log, folder, wire, certificate, key, deferred @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("wirelight-bench-hello ADDRESS LOG FOLDER WIRE CERTIFICATE KEY [DEFERRED]"));
    };
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let lines = access_log::Config { format: Format::Combined, ..access_log::Config::default() };
    let (log, writer) = AccessLog::start(lines, File::create(log)?, None)?;
    let folder = files::Config { root: folder.into(), ..files::Config::default() };
    let files = Files::open(folder)?.layer(Compress::default());
    let site = Site(files).layer(CatchPanic).layer(AnswerErrors::default()).layer(AddDate::default());
    let server = Server::observed(Config::default(), Clock::system(), Some(Arc::new(log)));
    let mut listener = Listener::tcp(address)?;
    if deferred.iter().any(|deferred| deferred == "deferred") {
        listener = listener.deferred(FIRST_BYTES_WITHIN)?;
    }
    if wire.ends_with("+tls") {
        let identities = vec![Identity::Files(certificate.into(), key.into())];
        let settings = tls::Settings { identities, client_authorities: None, http2: true, key_log: None };
        listener = listener.secured(Arc::new(Acceptor::new(&settings).map_err(io::Error::other)?));
    }
    let ended = Workers::start(&server, vec![listener], NonZeroUsize::new(1), site)?.join();
    writer.finish();
    ended
}
