use wirelight_service::layer::CatchPanic;
use wirelight_service::{Body, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script::{self, Step};

#[tokio::test]
async fn a_panic_is_an_error_of_that_exchange() {
    async fn later(_: Request) -> Result<Response> {
        tokio::task::yield_now().await;
        panic!("later")
    }
    fn at_once(_: Request) -> std::future::Ready<Result<Response>> {
        panic!("{}", "at once".to_owned())
    }
    for (service, message) in
        [(later.layer(CatchPanic).boxed(), "later"), (at_once.layer(CatchPanic).boxed(), "at once")]
    {
        let (request, trail) = script::watched(http::Request::get("/"), Body::empty());
        let error = service.call(request).await.unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16()), (Kind::Panicked, 500));
        let expected = format!("500 Internal Server Error: the service panicked: {message}");
        assert_eq!(script::last(&trail), expected);
    }
}

#[tokio::test]
async fn a_panic_in_content_breaks_it_off() {
    let service = async |_| {
        let body = script::body([Step::Data(b"one"), Step::Pause, Step::Panic, Step::Data(b"two")]);
        Ok(Response::new(body))
    };
    let (request, trail) = script::watched(http::Request::get("/"), Body::empty());
    let response = answer(service.layer(CatchPanic), request).await;
    let seen = script::read(response.into_body()).await;
    assert_eq!(seen.content, b"one");
    assert_eq!(seen.error.unwrap().kind(), Kind::Panicked);
    assert_eq!(script::last(&trail), "content broken off: the content of the response panicked: the script says so");
}

#[tokio::test]
async fn content_without_a_panic_is_unchanged() {
    let whole = async |_| Ok(Response::new(Body::from("whole")));
    let response = answer(whole.layer(CatchPanic), Request::new(Body::empty())).await;
    assert_eq!(response.into_body().as_bytes().unwrap(), "whole");

    let parts = async |_| Ok(Response::new(script::body([Step::Data(b"a"), Step::Pause, Step::Trailers("x", "y")])));
    let response = answer(parts.layer(CatchPanic), Request::new(Body::empty())).await;
    let seen = script::read(response.into_body()).await;
    assert_eq!((&seen.content[..], seen.trailers.unwrap()["x"].to_str().unwrap()), (&b"a"[..], "y"));
    assert!(seen.error.is_none());
}

async fn answer(service: impl Service, request: Request) -> Response {
    service.call(request).await.unwrap()
}
