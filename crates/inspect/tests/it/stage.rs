//! Connections in memory that an inspector watches, and a desk to ask.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use wirelight_inspect::{Access, Config, Desk, Inspector, Setting};
use wirelight_net::{Close, ConnectionInfo, Context};
use wirelight_proto::{Engine, h1, h2};
use wirelight_semantics::decision::Decision;
use wirelight_service::layer::{AnswerErrors, CatchPanic, Conditional};
use wirelight_service::service::Boxed;
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt};

pub(crate) const TOKEN: &str = "T0ken";

/// An inspector and the server that it watches.
pub(crate) struct Stage {
    pub(crate) inspector: Inspector,
    context: Arc<Context>,
    service: Arc<Boxed>,
    desk: Desk,
}

impl Stage {
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, answer)
    }

    pub(crate) fn with(config: Config, service: impl Service) -> Self {
        let inspector = Inspector::new(config, Clock::system(), None);
        let observer = Some(Arc::new(inspector.clone()) as _);
        let context = Arc::new(Context { observer, ..Context::default() });
        let service = service.layer(Conditional::default()).layer(CatchPanic).layer(AnswerErrors::default()).boxed();
        let setting = Setting {
            access: Access::new(TOKEN, 4040),
            listeners: vec!["http://a.test".to_owned()],
            sender: Some(service.clone()),
        };
        let desk = Desk::new(&inspector, setting);
        Self { inspector, context, service: Arc::new(service), desk }
    }

    /// A connection, and the task that serves it.
    pub(crate) fn connect(&self, buffer_bytes: usize) -> (DuplexStream, JoinHandle<Close>) {
        let (near, far) = tokio::io::duplex(buffer_bytes);
        let (http1, http2) = (Arc::new(h1::Config::default()), Arc::new(h2::Config::default()));
        let engine = Engine::by_preface(http1, http2, self.context.clock.now());
        let info = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
        let served = wirelight_net::serve(far, engine, Arc::clone(&self.service), Arc::clone(&self.context), info);
        (near, tokio::spawn(served))
    }

    /// Sends bytes on a connection of their own, ends, and gives what came back.
    pub(crate) async fn say(&self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let (mut near, served) = self.connect(1 << 20);
        near.write_all(bytes.as_ref()).await.unwrap();
        near.shutdown().await.unwrap();
        let mut came = Vec::new();
        near.read_to_end(&mut came).await.unwrap();
        drop(near);
        served.await.unwrap();
        came
    }

    /// Asks the desk, as its page would.
    pub(crate) async fn ask(&self, method: Method, target: &str, content: &str) -> Response {
        let request = http::Request::builder().method(method).uri(target);
        let request = request.header("host", "127.0.0.1:4040").header("authorization", format!("Bearer {TOKEN}"));
        let request = request.header("content-type", "application/json");
        self.desk.call(request.body(Body::from(content.to_owned())).unwrap()).await.unwrap()
    }

    /// What the desk says, which must have gone well.
    pub(crate) async fn get(&self, target: &str) -> Value {
        let response = self.ask(Method::GET, target, "").await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        read(response).await
    }

    pub(crate) async fn post(&self, target: &str, content: &str) -> Value {
        let response = self.ask(Method::POST, target, content).await;
        let status = response.status();
        let said = read(response).await;
        assert_eq!(status, StatusCode::OK, "{target}: {said}");
        said
    }
}

pub(crate) async fn read(response: Response) -> Value {
    let bytes = response.into_body().collect(1 << 30).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// What the servers of these tests answer: by path.
async fn answer(request: Request) -> Result<Response> {
    let path = request.uri().path().to_owned();
    let response = http::Response::builder().header("set-cookie", "session=SECRET").header("etag", "\"a1\"");
    let response = response.header("content-type", "text/plain");
    match &*path {
        "/echo" => {
            let content = request.into_body().collect(1 << 20).await?;
            Ok(response.body(Body::from(content)).unwrap())
        }
        "/stream" => {
            let body = Body::stream(Pieces(vec!["one ", "two ", "three"].into_iter().map(Bytes::from).collect()));
            Ok(response.body(body).unwrap())
        }
        "/fail" => Err(Error::new(Kind::Other, Fault::Ours, "the disk is full")),
        "/large" => Ok(response.body(Body::from(vec![b'x'; 300_000])).unwrap()),
        _ => Ok(response.body(Body::from("Hello, world!")).unwrap()),
    }
}

/// Content that comes in pieces, from the first on.
pub(crate) struct Pieces(pub(crate) std::collections::VecDeque<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>>>> {
        std::task::Poll::Ready(self.0.pop_front().map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

/// The sentences of a story, without their times.
pub(crate) fn sentences(detail: &Value) -> Vec<String> {
    let story = detail["story"].as_array().unwrap();
    let spans = regex::Regex::new(r"\d+(\.\d+)? (µs|ms|s)\b").unwrap();
    story
        .iter()
        .map(|sentence| spans.replace_all(sentence["sentence"].as_str().unwrap(), "TIME").into_owned())
        .collect()
}

/// A decision that nobody else makes.
#[derive(Debug)]
pub(crate) struct Odd;

static ODD: wirelight_semantics::decision::Rule =
    wirelight_semantics::decision::Rule { name: "odd", section: "RFC 9110, section 1", says: "Odd things are odd." };

impl Decision for Odd {
    fn rule(&self) -> &'static wirelight_semantics::decision::Rule {
        &ODD
    }

    fn outcome(&self) -> std::borrow::Cow<'static, str> {
        "refused as odd".into()
    }

    fn because(&self) -> std::borrow::Cow<'static, str> {
        "it is <b>odd</b>".into()
    }

    fn otherwise(&self) -> Option<std::borrow::Cow<'static, str>> {
        Some("an even one would pass".into())
    }

    fn declines(&self) -> bool {
        true
    }
}
