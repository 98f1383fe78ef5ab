use http::Method;
use wirelight_semantics::cors::{Methods, Origins, Pattern, Policy};
use wirelight_service::layer::{AnswerErrors, Cors};
use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script;

fn layer() -> Cors {
    let origins = Origins::Listed(vec![Pattern::parse("https://app.test").unwrap()]);
    Cors { policy: Policy { origins, methods: Methods::Listed(vec![Method::PUT]), ..Policy::default() } }
}

async fn reached(_: Request) -> Result<Response> {
    let response = http::Response::builder().header("x-reached", "yes").header("vary", "accept");
    Ok(response.header("access-control-allow-origin", "*").body(Body::from("content")).unwrap())
}

/// A method and fields of a request; whether it goes on, which origin is allowed, and whether that is noted.
type Case = (&'static str, &'static [(&'static str, &'static str)], bool, Option<&'static str>, bool);

#[tokio::test]
async fn preflights_end_here_and_other_requests_go_on() {
    const ALLOWED: Option<&str> = Some("https://app.test");
    let cases: &[Case] = &[
        ("GET", &[], true, None, false),
        ("OPTIONS", &[], true, None, false),
        ("GET", &[("origin", "https://app.test")], true, ALLOWED, true),
        ("GET", &[("origin", "https://evil.test")], true, None, true),
        ("OPTIONS", &[("origin", "https://app.test")], true, ALLOWED, true),
        ("OPTIONS", &[("origin", "https://app.test"), ("access-control-request-method", "PUT")], false, ALLOWED, true),
        ("OPTIONS", &[("origin", "https://app.test"), ("access-control-request-method", "DELETE")], false, None, true),
        ("OPTIONS", &[("origin", "https://evil.test"), ("access-control-request-method", "PUT")], false, None, true),
    ];
    let service = reached.layer(layer());
    for (method, fields, goes_on, origin, is_noted) in cases {
        let mut request = http::Request::builder().method(*method);
        for (name, value) in *fields {
            request = request.header(*name, *value);
        }
        let (request, trail) = script::watched(request, Body::empty());
        let response = service.call(request).await.unwrap();
        assert_eq!(response.headers().contains_key("x-reached"), *goes_on, "{method} {fields:?}");
        assert_eq!(response.status(), if *goes_on { 200 } else { 204 }, "{method} {fields:?}");
        let allowed = response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap());
        assert_eq!(allowed, *origin, "{method} {fields:?}");
        assert!(response.headers().get_all("vary").iter().any(|vary| vary == "origin"), "{method} {fields:?}");
        assert_eq!(!script::last(&trail).is_empty(), *is_noted);
        let is_refused = is_noted & origin.is_none();
        assert_eq!(trail.read(|all| all.iter().any(|decision| decision.declines())), is_refused, "{method} {fields:?}");
    }
}

#[tokio::test]
async fn errors_that_were_answered_inside_can_be_read() {
    let failing = async |_| Err(Error::new(Kind::Malformed, Fault::Downstream, "no"));
    let service = failing.layer(AnswerErrors::default()).layer(layer());
    let request = http::Request::get("/").header("origin", "https://app.test").body(Body::empty()).unwrap();
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://app.test");
}
