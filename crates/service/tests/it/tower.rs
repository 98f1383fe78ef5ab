use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use bytes::Bytes;
use http_body::Frame;
use tower::ServiceExt as _;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::trace::TraceLayer;
use wirelight_service::layer::{AnswerErrors, CatchPanic, LimitContent, RequestId};
use wirelight_service::tower::{FromTower, IntoTower, TowerLayer};
use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script::{self, Step};

async fn hello(request: Request) -> Result<Response> {
    let name = request.extensions().get::<RequestId>().map(|id| id.0.clone());
    Ok(Response::new(Body::from(format!("hello {name:?}"))))
}

#[tokio::test]
async fn a_router_of_axum_is_a_service_and_takes_our_layers() {
    let echo = async |content: String| content;
    let router = Router::new().route("/echo", post(echo)).route("/panic", get(async || -> &str { panic!("so") }));
    let service = FromTower(router).layer(LimitContent { bytes_max: 8 }).layer(CatchPanic);
    let post = |body: Body| http::Request::post("/echo").body(body).unwrap();

    let pieces = script::body([Step::Data(b"one "), Step::Pause, Step::Data(b"two")]);
    let response = service.call(post(pieces)).await.unwrap();
    assert_eq!(response.into_body().collect(100).await.unwrap(), "one two");

    let error = service.call(post(Body::from("123456789"))).await.unwrap_err();
    assert_eq!(error.status(), 413);

    let error = service.call(http::Request::get("/panic").body(Body::empty()).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Panicked);

    let missing = service.call(http::Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn a_service_is_a_route_of_axum() {
    let picky = async |request: Request| match request.uri().path() {
        "/ours/fine" => Ok(Response::new(Body::from("fine"))),
        _ => Err(Error::new(Kind::Malformed, Fault::Downstream, "not that one")),
    };
    let router: Router = Router::new()
        .route_service("/ours/{*rest}", IntoTower::new(picky).answering(AnswerErrors::default()))
        .layer(DefaultBodyLimit::disable());
    let ask = |path: &str| http::Request::get(path).body(axum::body::Body::empty()).unwrap();
    let response = router.clone().oneshot(ask("/ours/fine")).await.unwrap();
    assert_eq!(axum::body::to_bytes(response.into_body(), 100).await.unwrap(), "fine");
    let response = router.oneshot(ask("/ours/other")).await.unwrap();
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn layers_of_tower_http_apply_unchanged() {
    let service = hello
        .layer(TowerLayer(TraceLayer::new_for_http()))
        .layer(TowerLayer(CorsLayer::permissive()))
        .layer(TowerLayer(RequestBodyLimitLayer::new(4)))
        .layer(TowerLayer(CompressionLayer::new()));
    let mut request = http::Request::get("/").header("origin", "https://a.test").body(Body::empty()).unwrap();
    request.extensions_mut().insert(RequestId("me".parse().unwrap()));
    let response = service.call(request).await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.into_body().collect(100).await.unwrap(), "hello Some(\"me\")");

    let long = http::Request::post("/").header("content-length", "5").body(Body::from("12345")).unwrap();
    assert_eq!(service.call(long).await.unwrap().status(), 413);
}

#[tokio::test]
async fn blame_survives_the_layers_of_others() {
    let failing = async |_| Err(Error::new(Kind::Timeout, Fault::Upstream, "the upstream slept"));
    let service = failing.layer(TowerLayer(CompressionLayer::new())).layer(TowerLayer(tower::util::MapErrLayer::new(
        |error: Error| -> Box<dyn std::error::Error + Send + Sync> { Box::new(error) },
    )));
    let error = service.call(Request::new(Body::empty())).await.unwrap_err();
    assert_eq!((error.status().as_u16(), error.because()), (504, "the upstream slept"));

    let breaking = async |_| Ok(Response::new(script::body([Step::Data(b"a"), Step::Fail])));
    let service = breaking.layer(TowerLayer(CompressionLayer::new())).layer(TowerLayer(TraceLayer::new_for_http()));
    let seen = script::read(service.call(Request::new(Body::empty())).await.unwrap().into_body()).await;
    assert_eq!((&seen.content[..], seen.error.unwrap().because()), (&b"a"[..], "the script says so"));
}

/// Is ready only when polled a second time, or never.
#[derive(Clone)]
struct Reluctant {
    polls_left: usize,
    fails: bool,
}

impl tower::Service<Request> for Reluctant {
    type Response = http::Response<Slow>;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if self.fails {
            return Poll::Ready(Err(std::io::Error::other("never ready")));
        }
        if self.polls_left == 0 {
            return Poll::Ready(Ok(()));
        }
        self.polls_left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, _: Request) -> Self::Future {
        assert_eq!(self.polls_left, 0, "called before it was ready");
        self.polls_left = 2;
        std::future::ready(Ok(http::Response::new(Slow(VecDeque::from([b"abc".to_vec(), b"def".to_vec()])))))
    }
}

/// A body whose data is not `Bytes`.
struct Slow(VecDeque<Vec<u8>>);

impl http_body::Body for Slow {
    type Data = VecDeque<u8>;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Poll::Ready(match self.0.pop_front() {
            Some(data) => Some(Ok(Frame::data(data.into()))),
            None => Some(Err(std::io::Error::other("worn out"))),
        })
    }
}

#[tokio::test]
async fn readiness_is_waited_for_and_any_data_becomes_bytes() {
    let service = FromTower(Reluctant { polls_left: 2, fails: false });
    for _ in 0..2 {
        let mut body = service.call(Request::new(Body::empty())).await.unwrap().into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), Bytes::from_static(b"abc"));
        assert_eq!(body.data().await.unwrap().unwrap(), Bytes::from_static(b"def"));
        let error = body.data().await.unwrap().unwrap_err();
        assert_eq!((error.fault(), error.because()), (Fault::Ours, "worn out"));
    }
    let error =
        FromTower(Reluctant { polls_left: 0, fails: true }).call(Request::new(Body::empty())).await.unwrap_err();
    assert_eq!(error.because(), "never ready");
}

#[tokio::test]
async fn a_router_does_not_tell_the_length_of_what_is_not_sent() {
    let not_modified = http::StatusCode::NOT_MODIFIED;
    let router = Router::new().route("/", get(async move || not_modified)).route("/empty", get(async || ()));
    let service = FromTower(router);
    for (path, has_length) in [("/", false), ("/empty", true)] {
        let response = service.call(http::Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.headers().contains_key("content-length"), has_length, "{path}");
    }
}

#[tokio::test]
async fn a_body_of_ours_stays_as_known_as_it_was() {
    let whole = async |_| Ok(Response::new(Body::from("whole")));
    let plain = whole.layer(TowerLayer(tower::layer::util::Identity::new()));
    let response = plain.call(Request::new(Body::empty())).await.unwrap();
    assert_eq!(response.into_body().as_bytes().unwrap(), "whole");
}
