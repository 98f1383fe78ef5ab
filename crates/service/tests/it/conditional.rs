use wirelight_service::layer::Conditional;
use wirelight_service::{Body, Response, Service, ServiceExt};

use crate::script;

const MODIFIED: &str = "Sat, 01 Nov 2025 00:00:00 GMT";
const EARLIER: &str = "Fri, 31 Oct 2025 00:00:00 GMT";

fn respond() -> Response {
    http::Response::builder()
        .header("etag", "\"1\"")
        .header("last-modified", MODIFIED)
        .header("content-type", "text/plain")
        .header("content-length", "5")
        .header("content-language", "en")
        .header("cache-control", "max-age=60")
        .header("expires", MODIFIED)
        .header("content-location", "/here")
        .header("date", MODIFIED)
        .header("vary", "origin")
        .header("set-cookie", "a=1")
        .body(Body::from("hello"))
        .unwrap()
}

async fn answer(
    layer: Conditional,
    request: http::request::Builder,
    respond: impl Fn() -> Response + Send + Sync + 'static,
) -> (Response, String) {
    let (request, trail) = script::watched(request, Body::empty());
    let service = (move |_| std::future::ready(Ok(respond()))).layer(layer);
    let response = service.call(request).await.unwrap();
    (response, script::last(&trail))
}

/// A method, fields of a request, and the status that they lead to.
type Case = (&'static str, &'static [(&'static str, &'static str)], u16);

#[tokio::test]
async fn preconditions_decide_after_the_answer() {
    let cases: &[Case] = &[
        ("GET", &[], 200),
        ("GET", &[("if-none-match", "\"1\"")], 304),
        ("GET", &[("if-none-match", "W/\"1\"")], 304),
        ("GET", &[("if-none-match", "\"0\""), ("if-none-match", "\"1\"")], 304),
        ("GET", &[("if-none-match", "*")], 304),
        ("HEAD", &[("if-none-match", "\"1\"")], 304),
        ("GET", &[("if-none-match", "\"2\"")], 200),
        ("GET", &[("if-none-match", "\"2\""), ("if-modified-since", MODIFIED)], 200),
        ("GET", &[("if-modified-since", MODIFIED)], 304),
        ("GET", &[("if-modified-since", EARLIER)], 200),
        ("GET", &[("if-modified-since", "yesterday")], 200),
        ("GET", &[("if-match", "\"1\"")], 200),
        ("GET", &[("if-match", "\"2\"")], 412),
        ("GET", &[("if-match", "W/\"1\"")], 412),
        ("GET", &[("if-match", "\"1\""), ("if-none-match", "\"1\"")], 304),
        ("GET", &[("if-unmodified-since", EARLIER)], 412),
        ("GET", &[("if-unmodified-since", MODIFIED)], 200),
        ("PUT", &[("if-match", "\"2\"")], 200),
        ("POST", &[("if-none-match", "*")], 200),
    ];
    for (method, fields, status) in cases {
        let mut request = http::Request::builder().method(*method);
        for (name, value) in *fields {
            request = request.header(*name, *value);
        }
        let (response, said) = answer(Conditional::default(), request, respond).await;
        assert_eq!(response.status(), *status, "{method} {fields:?}: {said}");
        let content = response.body().as_bytes().unwrap();
        match status {
            200 => assert_eq!(content, "hello"),
            304 => assert!(content.is_empty() && said.starts_with("304"), "{said}"),
            _ => assert!(said.starts_with("412"), "{said}"),
        }
    }
}

fn names(response: &Response) -> Vec<&str> {
    let mut names: Vec<_> = response.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn what_a_304_and_a_412_say() {
    let request = http::Request::get("/").header("if-none-match", "\"1\"");
    let (response, _) = answer(Conditional::default(), request, respond).await;
    let kept = ["cache-control", "content-location", "date", "etag", "expires", "set-cookie", "vary"];
    assert_eq!(names(&response), kept);

    let request = http::Request::get("/").header("if-modified-since", MODIFIED);
    let (response, _) = answer(Conditional::default(), request, || {
        let mut response = respond();
        response.headers_mut().remove("etag");
        response
    })
    .await;
    assert_eq!(response.headers()["last-modified"], MODIFIED);

    let request = http::Request::get("/").header("if-match", "\"2\"").header("accept", "application/json");
    let (response, _) = answer(Conditional::default(), request, respond).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(names(&response), ["cache-control", "content-location", "content-type", "date", "set-cookie", "vary"]);
    let said: serde_json::Value = serde_json::from_slice(response.body().as_bytes().unwrap()).unwrap();
    assert_eq!(said["status"], 412);
    assert!(said["detail"].as_str().unwrap().contains("If-Match"), "{said}");
}

#[tokio::test]
async fn an_answer_that_is_no_success_is_sent_as_it_is() {
    for status in [201, 301, 404, 500] {
        let request = http::Request::get("/").header("if-none-match", "\"1\"").header("if-match", "\"2\"");
        let (response, _) = answer(Conditional::default(), request, move || {
            let mut response = respond();
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response
        })
        .await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn content_at_hand_gets_a_tag_if_that_is_asked_for() {
    let plain = |content: &'static str, content_type: &'static str| {
        move || http::Response::builder().header("content-type", content_type).body(Body::from(content)).unwrap()
    };
    let tag = async |layer: Conditional, content, content_type| {
        let (response, _) = answer(layer, http::Request::get("/"), plain(content, content_type)).await;
        response.headers().get("etag").cloned()
    };
    let layer = Conditional { tagged_max_bytes: 5 };
    assert_eq!(tag(Conditional::default(), "hello", "text/plain").await, None);
    assert_eq!(tag(layer, "hello!", "text/plain").await, None);
    assert_eq!(tag(layer, "", "text/plain").await, None);
    let first = tag(layer, "hello", "text/plain").await.unwrap();
    assert_eq!(tag(layer, "hello", "text/plain").await.as_ref(), Some(&first));
    assert_ne!(tag(layer, "hellO", "text/plain").await.as_ref(), Some(&first));
    assert_ne!(tag(layer, "hello", "text/html").await.as_ref(), Some(&first));

    let again = http::Request::get("/").header("if-none-match", first);
    let (response, _) = answer(layer, again, plain("hello", "text/plain")).await;
    assert_eq!(response.status(), 304);
}
