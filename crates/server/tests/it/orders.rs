//! The orders example: one conversation, held with the service itself and then over TCP.

use http::{Method, StatusCode};
use wirelight_semantics::status::name;
use wirelight_service::{Body, Exchange, Service, Trail};

use crate::wire::{Answer, Served};

// Its `main` is for people.
#[allow(dead_code)]
#[path = "../../../../examples/orders.rs"]
mod application;

const JSON: &str = "content-type: application/json";
const PATCH: &str = "content-type: application/merge-patch+json";
const PROBLEM: &str = "content-type: application/problem+json";
const ADA: &str = r#"{"reference":"A-1","customer":"Ada","items":[{"sku":"lamp","count":2}]}"#;
const BOB: &str = r#"{"reference":"B-1","customer":"Bob","items":[{"sku":"fuse","count":9}]}"#;

/// One request, and what its response must hold.
struct Turn {
    asks: &'static str,
    fields: &'static [&'static str],
    content: &'static str,
    status: u16,
    has: &'static [&'static str],
    holds: &'static str,
}

const fn turn(
    asks: &'static str,
    fields: &'static [&'static str],
    content: &'static str,
    status: u16,
    has: &'static [&'static str],
    holds: &'static str,
) -> Turn {
    Turn { asks, fields, content, status, has, holds }
}

/// The conversation, in order: later turns rest on what earlier ones have changed.
static CONVERSATION: &[Turn] = &[
    turn("GET /orders", &[], "", 200, &["etag: \"all.0\"", JSON, "cache-control: no-cache"], "[]"),
    turn("GET /orders/1", &[], "", 404, &[PROBLEM], "there is no order 1"),
    // Creating.
    turn("POST /orders", &[JSON], ADA, 201, &["location: /orders/1", "etag: \"1.1\"", JSON], "\"state\":\"open\""),
    turn("POST /orders", &[JSON], ADA, 409, &[PROBLEM], "order 1 has the reference"),
    turn("POST /orders", &[JSON], "{\"reference\":", 400, &[PROBLEM], "the content is not JSON"),
    turn("POST /orders", &[JSON], "", 400, &[PROBLEM], "the content is not JSON"),
    turn("POST /orders", &[JSON], "{\"reference\":\"C\"}", 422, &[PROBLEM], "missing field"),
    turn("POST /orders", &["content-type: text/plain"], ADA, 415, &[PROBLEM, "accept: application/json"], "POST wants"),
    turn("POST /orders", &[], ADA, 415, &[PROBLEM, "accept: application/json"], "POST wants"),
    turn("POST /orders", &["content-type: application/json; charset=utf-8"], BOB, 201, &["location: /orders/2"], "Bob"),
    // Reading, with and without conditions.
    turn("GET /orders/1", &[], "", 200, &["etag: \"1.1\"", "access-control-allow-origin: *"], "Ada"),
    turn("HEAD /orders/1", &[], "", 200, &["etag: \"1.1\"", "content-length: 93"], ""),
    turn("GET /orders/1", &["if-none-match: \"1.1\""], "", 304, &["etag: \"1.1\""], ""),
    turn("GET /orders/1", &["if-none-match: W/\"1.1\", \"0\""], "", 304, &["etag: \"1.1\""], ""),
    turn("GET /orders/1", &["if-none-match: \"0\""], "", 200, &["etag: \"1.1\""], "Ada"),
    turn("GET /orders/1", &["if-match: \"0\""], "", 412, &[PROBLEM, "etag: \"1.1\""], "\"rule\":\"if-match\""),
    turn("GET /orders", &["if-none-match: \"all.2\""], "", 304, &["etag: \"all.2\""], ""),
    turn("GET /orders", &["if-none-match: \"all.1\""], "", 200, &["etag: \"all.2\""], "\"id\":2"),
    // Replacing: the second time nothing changes.
    turn("PUT /orders/7", &[JSON, "if-match: *"], ADA, 412, &[PROBLEM], "if-match"),
    turn("PUT /orders/7", &[JSON], ADA, 409, &[PROBLEM], "order 1 has the reference"),
    turn("PUT /orders/2", &[JSON, "if-none-match: *"], BOB, 412, &[PROBLEM, "etag: \"2.2\""], "if-none-match"),
    turn(
        "PUT /orders/7",
        &[JSON, "if-none-match: *"],
        r#"{"reference":"G","customer":"Grace","items":[{"sku":"moth","count":1}]}"#,
        201,
        &["location: /orders/7", "etag: \"7.3\""],
        "Grace",
    ),
    turn(
        "PUT /orders/7",
        &[JSON],
        r#"{"reference":"G","customer":"Grace","items":[{"sku":"moth","count":1}]}"#,
        200,
        &["etag: \"7.3\""],
        "Grace",
    ),
    turn(
        "PUT /orders/7",
        &[JSON, "if-match: \"7.3\""],
        r#"{"reference":"G","customer":"Grace Hopper","items":[{"sku":"moth","count":1}]}"#,
        200,
        &["etag: \"7.4\""],
        "Grace Hopper",
    ),
    turn("PUT /orders/7", &[JSON, "if-match: \"7.3\""], BOB, 412, &[PROBLEM, "etag: \"7.4\""], "7.3"),
    turn("PUT /orders/7", &[JSON], "[]", 422, &[PROBLEM], "Unprocessable"),
    // Patching.
    turn(
        "PATCH /orders/7",
        &[JSON],
        "{}",
        415,
        &[PROBLEM, "accept-patch: application/merge-patch+json"],
        "PATCH wants",
    ),
    turn("PATCH /orders/7", &[PATCH, "if-match: \"7.3\""], "{}", 412, &[PROBLEM], "if-match"),
    turn("PATCH /orders/7", &[PATCH], "{\"customer\":null}", 422, &[PROBLEM], "missing field"),
    turn("PATCH /orders/7", &[PATCH], "{\"items\":[]}", 422, &[PROBLEM], "at least one item"),
    turn("PATCH /orders/7", &[PATCH], "nonsense", 400, &[PROBLEM], "the content is not JSON"),
    turn("PATCH /orders/8", &[PATCH], "{}", 404, &[PROBLEM], "there is no order 8"),
    turn("PATCH /orders/7", &[PATCH], "{}", 200, &["etag: \"7.4\""], "Grace Hopper"),
    turn(
        "PATCH /orders/7",
        &[PATCH, "if-match: \"7.4\""],
        "{\"state\":\"shipped\"}",
        200,
        &["etag: \"7.5\""],
        "\"state\":\"shipped\"",
    ),
    turn("PATCH /orders/7", &[PATCH], "{\"customer\":\"Eve\"}", 409, &[PROBLEM], "order 7 is shipped"),
    // Removing.
    turn("DELETE /orders/7", &["if-match: \"7.4\""], "", 412, &[PROBLEM], "if-match"),
    turn("DELETE /orders/7", &["if-match: \"7.5\""], "", 204, &[], ""),
    turn("DELETE /orders/7", &[], "", 404, &[PROBLEM], "there is no order 7"),
    turn(
        "POST /orders",
        &[JSON],
        r#"{"reference":"N","customer":"Niklaus","items":[{"sku":"p","count":1}]}"#,
        201,
        &["location: /orders/8"],
        "Niklaus",
    ),
    // What is not there.
    turn("GET /nothing", &[], "", 404, &[PROBLEM], "there is nothing at /nothing"),
    turn("GET /orders/", &[], "", 404, &[PROBLEM], "there is nothing at /orders/"),
    turn("GET /orders/seven", &[], "", 404, &[PROBLEM], "seven"),
    turn("DELETE /orders", &[], "", 405, &[PROBLEM, "allow: GET,HEAD,POST"], "DELETE"),
    turn("POST /orders/1", &[JSON], ADA, 405, &[PROBLEM, "allow: GET,HEAD,PUT,PATCH,DELETE"], "POST"),
    turn("BREW /orders/1", &[], "", 405, &[PROBLEM, "allow: GET,HEAD,PUT,PATCH,DELETE"], "BREW"),
    // CorsLayer answers the preflight.
    turn(
        "OPTIONS /orders/1",
        &["origin: https://shop.test", "access-control-request-method: PUT"],
        "",
        200,
        &["access-control-allow-origin: *", "access-control-allow-methods: GET,POST,PUT,PATCH,DELETE"],
        "",
    ),
];

impl Turn {
    fn check(&self, answer: &Answer) {
        let Self { asks, fields, .. } = self;
        let Answer { status, content, .. } = answer;
        assert_eq!(*status, self.status, "{asks} {fields:?}: {content}");
        for field in self.has {
            let (name, value) = field.split_once(": ").unwrap();
            assert_eq!(answer.fields.get(name).map(String::as_str), Some(value), "{asks} {fields:?}: {name}");
        }
        assert!(content.contains(self.holds), "{asks} {fields:?}: {content}");
        assert_eq!(content.is_empty(), self.holds.is_empty(), "{asks} {fields:?}: {content}");
        assert!(answer.fields.contains_key("date"), "{asks} {fields:?}");
        // Neither may say a length of nothing (RFC 9110, section 8.6); axum does say it of a 304.
        let is_silent = matches!(self.status, 204 | 304);
        assert!(!is_silent || !answer.fields.contains_key("content-length"), "{asks} {fields:?}");
        if self.has.contains(&PROBLEM) {
            let problem: serde_json::Value = serde_json::from_str(content).unwrap();
            assert_eq!(problem["status"], self.status, "{asks}");
            assert_eq!(problem["title"], name(StatusCode::from_u16(self.status).unwrap()));
        }
    }

    fn method(&self) -> &'static str {
        self.asks.split_once(' ').unwrap().0
    }

    fn target(&self) -> &'static str {
        self.asks.split_once(' ').unwrap().1
    }

    fn request(&self) -> http::Request<Body> {
        let mut request = http::Request::builder().method(self.method()).uri(self.target());
        for (name, value) in self.fields.iter().map(|field| field.split_once(": ").unwrap()) {
            request = request.header(name, value);
        }
        request.body(Body::from(self.content)).unwrap()
    }

    fn bytes(&self) -> String {
        let mut head = format!("{} HTTP/1.1\r\nhost: shop.test\r\n", self.asks);
        for field in self.fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        if !self.content.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", self.content.len()));
        }
        format!("{head}\r\n{}", self.content)
    }
}

#[tokio::test]
async fn the_service_holds_the_conversation() {
    let service = application::service();
    for turn in CONVERSATION {
        let (parts, body) = service.call(turn.request()).await.unwrap().into_parts();
        let field = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
        };
        let content = body.collect(10_000).await.unwrap();
        let content = String::from_utf8(content.to_vec()).unwrap();
        turn.check(&Answer {
            status: parts.status.as_u16(),
            fields: parts.headers.iter().map(field).collect(),
            content,
        });
    }
}

#[tokio::test]
async fn the_conversation_is_held_over_one_connection() {
    let served = Served::begin(application::service()).await;
    let mut client = served.connect().await;
    for turn in CONVERSATION {
        client.say(&turn.bytes()).await;
        turn.check(&client.hear(turn.method() == "HEAD").await);
    }
    drop(client);
    served.end().await;
}

#[tokio::test]
async fn the_conversation_is_held_in_one_breath() {
    let served = Served::begin(application::service()).await;
    let mut client = served.connect().await;
    let everything: String = CONVERSATION.iter().map(Turn::bytes).collect();
    client.say(&everything).await;
    for turn in CONVERSATION {
        turn.check(&client.hear(turn.method() == "HEAD").await);
    }
    drop(client);
    served.end().await;
}

#[tokio::test]
async fn what_the_application_decides_stands_in_the_trail() {
    let exchange = Exchange { trail: Trail::watched(), ..Exchange::default() };
    let service = application::service();
    let create = http::Request::post("/orders").header("content-type", "application/json").body(Body::from(ADA));
    assert_eq!(service.call(create.unwrap()).await.unwrap().status(), StatusCode::CREATED);
    let mut request = http::Request::new(Body::empty());
    *request.method_mut() = Method::DELETE;
    *request.uri_mut() = "/orders/1".parse().unwrap();
    request.headers_mut().insert("if-match", "\"0\"".parse().unwrap());
    request.extensions_mut().insert(exchange.clone());
    assert_eq!(service.call(request).await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    let rules = exchange.trail.read(|all| all.iter().map(|decision| decision.rule().name).collect::<Vec<_>>());
    assert_eq!(rules, ["if-match"]);
}
