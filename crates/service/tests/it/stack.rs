//! All layers together, in the order in which they belong.

use std::io::Read;
use std::time::SystemTime;

use http::Method;
use wirelight_semantics::cors::Policy;
use wirelight_service::layer::{
    AddDate, AnswerErrors, AnswerTrace, AssignRequestId, CatchPanic, Compress, Conditional, Cors, LimitConcurrency,
    LimitContent, SecureResponses, Timeout,
};
use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};

use crate::script;

async fn handler(request: Request) -> Result<Response> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/page") => {
            let page = "<p>the same again</p>\n".repeat(100);
            Ok(http::Response::builder().header("content-type", "text/html").body(Body::from(page)).unwrap())
        }
        (&Method::POST, "/upload") => {
            let content = request.into_body().collect(1000).await?;
            Ok(Response::new(Body::from(content)))
        }
        _ => panic!("nothing but /page and /upload"),
    }
}

fn stack() -> impl Service {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    handler
        .layer(CatchPanic)
        .layer(Timeout { clock: clock.clone(), ..Timeout::default() })
        .layer(LimitConcurrency { clock: clock.clone(), ..LimitConcurrency::default() })
        .layer(LimitContent { bytes_max: 8 })
        .layer(Conditional { tagged_max_bytes: 1 << 20 })
        .layer(Compress::default())
        .layer(AnswerTrace::default())
        .layer(AnswerErrors::default())
        .layer(Cors { policy: Policy::default() })
        .layer(SecureResponses::default())
        .layer(AssignRequestId::default())
        .layer(AddDate { clock })
}

#[tokio::test]
async fn a_page_is_tagged_coded_and_not_sent_twice() {
    let service = stack();
    let ask = || http::Request::get("/page").header("accept-encoding", "gzip");
    let first = service.call(ask().body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(first.headers()["content-encoding"], "gzip");
    assert_eq!(first.headers()["date"], "Thu, 01 Jan 1970 00:00:00 GMT");
    assert_eq!(first.headers()["x-content-type-options"], "nosniff");
    assert_eq!(first.headers()["x-request-id"].len(), 32);
    let tag = first.headers()["etag"].clone();
    assert!(tag.as_bytes().starts_with(b"W/\""));
    let mut page = String::new();
    let coded = first.into_body().into_bytes().unwrap();
    flate2::read::GzDecoder::new(&coded[..]).read_to_string(&mut page).unwrap();
    assert_eq!(page.lines().count(), 100);

    let (request, trail) = script::watched(ask().header("if-none-match", tag.clone()), Body::empty());
    let again = service.call(request).await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(again.headers()["etag"], tag);
    assert!(again.headers().get_all("vary").iter().any(|vary| vary == "accept-encoding"));
    let outcomes = trail.read(|all| all.iter().map(|decision| decision.outcome().into_owned()).collect::<Vec<_>>());
    assert_eq!(outcomes, ["a new request id", "304 Not Modified", "fields as of a response coded with gzip",]);
}

#[tokio::test]
async fn what_goes_wrong_is_told_with_every_field_in_place() {
    let service = stack();
    for (request, status) in [
        (http::Request::post("/upload").body(Body::from("12345678")).unwrap(), 200),
        (http::Request::post("/upload").body(Body::from("123456789")).unwrap(), 413),
        (http::Request::post("/upload").body(script::pieces(b"123456789", 4)).unwrap(), 413),
        (http::Request::get("/elsewhere").body(Body::empty()).unwrap(), 500),
        (http::Request::trace("/page").body(Body::empty()).unwrap(), 405),
    ] {
        let response = service.call(request).await.unwrap();
        assert_eq!(response.status(), status);
        for name in ["date", "x-request-id", "x-frame-options"] {
            assert!(response.headers().contains_key(name), "{status}: {name}");
        }
    }
}
