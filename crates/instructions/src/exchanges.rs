//! Whole exchanges: a service behind driver and engine, as a server runs them, on a transport without a system call.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use wirelight_gateway::files::{self, Files};
use wirelight_net::{ConnectionInfo, Context, Observer, Record};
use wirelight_proto::{Engine, h1, h2};
use wirelight_service::layer::{AddDate, AnswerErrors, CatchPanic};
use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};

use crate::script::Script;

/// How often a peer asks: what a connection costs once is spread over so many exchanges.
pub const TIMES: usize = 100;

/// A connection that is about to be served to its end.
pub struct Connection {
    runtime: Runtime,
    served: Pin<Box<dyn Future<Output = ()>>>,
    seen: Arc<Seen>,
}

/// Counts exchanges, and so has their records made.
#[derive(Debug, Default)]
struct Seen(AtomicU64);

impl Observer for Seen {
    fn finished(&self, record: Box<Record>) {
        if record.status == 200 {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A connection on which 13 bytes are asked for, [`TIMES`] times; `request` may hold several requests.
pub fn hello(request: &[u8]) -> Connection {
    connection(Script::new(Bytes::copy_from_slice(request), TIMES), greet)
}

async fn greet(_: Request) -> Result<Response> {
    let mut response = Response::new(Body::from("Hello, world!"));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    Ok(response)
}

/// Serves a connection to its end; how many exchanges succeeded.
pub fn serve(connection: Connection) -> u64 {
    connection.runtime.block_on(connection.served);
    connection.seen.0.load(Ordering::Relaxed)
}

fn connection(script: Script, service: impl Service) -> Connection {
    let runtime = runtime();
    let entered = runtime.enter();
    let seen = Arc::new(Seen::default());
    let context = Context { observer: Some(Arc::clone(&seen) as _), ..Context::default() };
    let (http1, http2) = (Arc::new(h1::Config::default()), Arc::new(h2::Config::default()));
    let engine = Engine::by_preface(http1, http2, context.clock.now());
    let service = service.layer(CatchPanic).layer(AnswerErrors::default()).layer(AddDate::default());
    let info = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    let served = wirelight_net::serve(script, engine, Arc::new(service), Arc::new(context), info);
    let served = Box::pin(async {
        served.await;
    });
    drop(entered);
    Connection { runtime, served, seen }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made")
}

/// A folder with a file of 1 KiB that is in memory already, and a request for it.
pub struct Shelf {
    runtime: Runtime,
    files: Files,
    request: Request,
    _folder: TempDir,
}

/// A folder that is served.
pub fn shelf() -> Shelf {
    let runtime = runtime();
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("page.html"), [b'x'; 1024]).expect("a file can be written");
    let config = files::Config { root: folder.path().to_owned(), ..files::Config::default() };
    let files = Files::open(config).expect("the folder can be opened");
    let asked = || {
        let request = http::Request::get("/page.html").header(header::ACCEPT_ENCODING, "gzip, br");
        request.body(Body::empty()).expect("the request is well formed")
    };
    for _ in 0..3 {
        runtime.block_on(files.call(asked())).expect("the file is there");
    }
    Shelf { runtime, files, request: asked(), _folder: folder }
}

/// Answers with a file.
pub fn look_up(shelf: Shelf) -> Response {
    shelf.runtime.block_on(shelf.files.call(shelf.request)).expect("the file is there")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked;

    #[test]
    fn every_exchange_succeeds() {
        assert_eq!(serve(hello(asked::SMALL)), TIMES as u64);
        assert_eq!(serve(hello(asked::BROWSER)), TIMES as u64);
        assert_eq!(serve(hello(&asked::pipelined())), 16 * TIMES as u64);
        assert_eq!(look_up(shelf()).into_body().as_bytes().unwrap().len(), 1024);
    }
}
