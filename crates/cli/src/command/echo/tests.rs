//! Every endpoint, without a socket.

use std::io::Read;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use wirelight_net::RawHead;
use wirelight_service::{Body, Clock, Request, Response, Service};

use super::endpoint::{ENDPOINTS, pairs};
use super::{Echo, Limits};

fn echo() -> Echo {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    Echo { clock: Clock::manual(wall), limits: Limits { content_kept_bytes: 100 } }
}

/// A request line, fields and content, as a person would write them.
fn request(written: &str) -> Request {
    let (head, content) = written.split_once("\n\n").unwrap_or((written, ""));
    let mut lines = head.lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut request = Request::new(Body::from(content.to_owned()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = target.parse().unwrap();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        request.headers_mut().append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    request.extensions_mut().insert(RawHead(Bytes::from(head.replace('\n', "\r\n") + "\r\n\r\n")));
    request
}

async fn ask(written: &str) -> Response {
    echo().call(request(written)).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect(1 << 20).await.unwrap().to_vec()).unwrap()
}

async fn value(response: Response) -> Value {
    serde_json::from_str(&text(response).await).unwrap()
}

fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn what_arrived_comes_back_whole() {
    let response = ask("PUT /any/path?a=b+c&d\nX-Two: 1\nX-Two: 2\n\nhello").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(field(&response, "x-echo-len"), "5");
    assert_eq!(field(&response, "content-type"), "application/json");
    let value = value(response).await;
    assert_eq!(value["method"], "PUT");
    assert_eq!(value["target"], "/any/path?a=b+c&d");
    assert_eq!(value["query"], serde_json::json!({ "a": "b c", "d": "" }));
    assert_eq!(value["head"], "PUT /any/path?a=b+c&d\r\nX-Two: 1\r\nX-Two: 2\r\n\r\n");
    assert_eq!(value["fields"], serde_json::json!({ "x-two": ["1", "2"] }));
    assert_eq!(value["content"], serde_json::json!({ "length": 5, "text": "hello" }));
}

#[tokio::test]
async fn text_is_the_bytes_that_came() {
    let response = ask("POST /echo\nAccept: text/plain\n\nhello").await;
    assert_eq!(field(&response, "content-type"), "text/plain");
    assert_eq!(field(&response, "vary"), "accept");
    let text = text(response).await;
    assert!(text.contains("POST /echo\r\nAccept: text/plain\r\n\r\n"), "{text}");
    assert!(text.contains("content, 5 bytes:\nhello\n"), "{text}");
}

#[tokio::test]
async fn long_content_is_counted_whole_and_kept_in_part() {
    let content = "x".repeat(250);
    let value = value(ask(&format!("POST /echo\n\n{content}")).await).await;
    assert_eq!(value["content"]["length"], 250);
    assert_eq!(value["content"]["kept"], 100);
    assert_eq!(value["content"]["text"].as_str().unwrap().len(), 100);
}

#[tokio::test]
async fn content_that_is_no_text_and_trailers_are_shown_too() {
    let (mut sender, body) = Body::channel(None);
    sender.push(Bytes::from_static(&[0xff, 0x00]));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().unwrap());
    sender.finish(trailers);
    let mut request = request("POST /echo");
    *request.body_mut() = body;
    let value = value(echo().call(request).await.unwrap()).await;
    assert_eq!(value["content"], serde_json::json!({ "length": 2, "base64": "/wA=" }));
    assert_eq!(value["trailers"], serde_json::json!({ "x-sum": "7" }));
}

#[tokio::test]
async fn browsers_get_the_index_and_it_lists_every_endpoint() {
    let response = ask("GET /\nAccept: text/html,application/xml;q=0.9,*/*;q=0.8").await;
    assert_eq!(field(&response, "content-type"), "text/html; charset=utf-8");
    let page = text(response).await;
    for endpoint in ENDPOINTS {
        assert!(page.contains(endpoint.path), "{}", endpoint.path);
        assert!(page.contains(&format!("href=\"{}\"", endpoint.example.replace('&', "&amp;"))), "{}", endpoint.example);
    }
    assert_eq!(field(&ask("GET /\nAccept: */*").await, "content-type"), "application/json");
}

#[tokio::test]
async fn every_example_matches_its_row() {
    for endpoint in ENDPOINTS {
        let path = endpoint.example.split('?').next().unwrap();
        let (found, _) = super::endpoint::find(path).unwrap();
        assert_eq!(found.path, endpoint.path);
    }
}

#[tokio::test]
async fn each_endpoint_does_what_it_says() {
    let cases = [
        ("GET /status/404", 404, "", ""),
        ("GET /status/204", 204, "", ""),
        ("GET /status/401", 401, "www-authenticate", "Basic realm=\"wirelight echo\", charset=\"UTF-8\""),
        ("GET /status/503", 503, "retry-after", "1"),
        ("GET /status/100", 400, "content-type", "application/problem+json"),
        ("GET /status/teapot", 400, "content-type", "application/problem+json"),
        ("GET /redirect/2", 302, "location", "/redirect/1"),
        ("GET /redirect/1", 302, "location", "/echo"),
        ("GET /redirect/3?status=307", 307, "location", "/redirect/2?status=307"),
        ("GET /redirect/21", 400, "", ""),
        ("GET /redirect/2?status=304", 400, "", ""),
        ("GET /basic-auth/u/p", 401, "www-authenticate", "Basic realm=\"wirelight echo\", charset=\"UTF-8\""),
        ("GET /basic-auth/u/p\nAuthorization: Basic dTpw", 200, "", ""),
        ("GET /basic-auth/u/p\nAuthorization: basic dTpw", 200, "", ""),
        ("GET /basic-auth/u/p\nAuthorization: Basic dTpx", 401, "", ""),
        ("GET /basic-auth/u/p\nAuthorization: Bearer dTpw", 401, "", ""),
        ("GET /bytes/100000001", 400, "", ""),
        ("GET /bytes/-1", 400, "", ""),
        ("GET /range/26", 200, "accept-ranges", "bytes"),
        ("GET /range/26\nRange: bytes=1-3", 206, "content-range", "bytes 1-3/26"),
        ("GET /range/26\nRange: bytes=30-", 416, "content-range", "bytes */26"),
        ("GET /range/26\nRange: bytes=1-3\nIf-Range: \"letters-26\"", 206, "content-range", "bytes 1-3/26"),
        ("GET /range/26\nRange: bytes=1-3\nIf-Range: \"other\"", 200, "etag", "\"letters-26\""),
        ("GET /etag/x", 200, "etag", "\"x\""),
        ("GET /etag/x\nIf-None-Match: \"x\"", 304, "etag", "\"x\""),
        ("GET /etag/x\nIf-Match: \"y\"", 412, "", ""),
        ("PUT /etag/x\nIf-Match: \"x\"", 200, "", ""),
        ("GET /cache/60", 200, "cache-control", "public, max-age=60"),
        ("GET /cache/60\nIf-None-Match: \"cache-60\"", 304, "cache-control", "public, max-age=60"),
        ("GET /cookies/set?a=b", 302, "location", "/cookies"),
        ("GET /cookies/set?a=b%0d%0ac", 400, "", ""),
        ("GET /cookies/set?a%20b=c", 400, "", ""),
        ("GET /cookies/set", 400, "", ""),
        ("GET /cookies/delete?a", 302, "location", "/cookies"),
        ("GET /gzip", 200, "content-encoding", "gzip"),
        ("GET /brotli", 200, "content-encoding", "br"),
        ("GET /stream/1001", 400, "", ""),
        ("GET /delay/31", 400, "", ""),
        ("GET /drip?bytes=0", 400, "", ""),
        ("GET /sse?count=101", 400, "", ""),
        ("GET /trailers", 200, "trailer", "x-content-bytes, x-content-sum"),
        ("GET /forms", 200, "content-type", "text/html; charset=utf-8"),
        ("POST /forms\nContent-Type: text/plain\n\na=b", 415, "", ""),
        ("CONNECT example.test:443", 501, "", ""),
        ("PROPFIND /echo", 200, "content-type", "application/json"),
    ];
    for (written, status, name, expected) in cases {
        let response = ask(written).await;
        assert_eq!(response.status(), status, "{written}");
        if !name.is_empty() {
            assert_eq!(field(&response, name), expected, "{written}");
        }
        assert!(!field(&response, "x-echo-len").is_empty(), "{written}");
    }
}

#[tokio::test]
async fn a_refusal_says_what_would_be_accepted() {
    let value = value(ask("GET /delay/forever").await).await;
    assert_eq!(value["status"], 400);
    assert_eq!(value["detail"], "the number of seconds is a number from 0 to 30, and `forever` is not");
}

#[tokio::test]
async fn codings_decode_to_what_arrived() {
    let gzip = ask("GET /gzip").await.into_body().collect(9999).await.unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["target"], "/gzip");
    let br = ask("GET /brotli").await.into_body().collect(9999).await.unwrap();
    let mut text = String::new();
    brotli::Decompressor::new(&br[..], 4096).read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["target"], "/brotli");
}

#[tokio::test]
async fn bytes_are_the_same_for_the_same_seed() {
    let length = 100_000;
    let get =
        async |seed: &str| ask(&format!("GET /bytes/{length}{seed}")).await.into_body().collect(length).await.unwrap();
    let bytes = get("").await;
    assert_eq!(bytes.len(), length);
    assert_eq!(bytes, get("").await);
    assert_ne!(bytes, get("?seed=1").await);
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let response = ask("GET /range/260\nRange: bytes=0-1, 200-201").await;
    assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(field(&response, "content-type"), "multipart/byteranges; boundary=wirelight-0-range");
    let text = text(response).await;
    assert!(text.contains("Content-Range: bytes 0-1/260\r\n\r\nab\r\n"), "{text}");
    assert!(text.ends_with("Content-Range: bytes 200-201/260\r\n\r\nst\r\n--wirelight-0-range--\r\n"), "{text}");
}

#[tokio::test]
async fn events_and_lines_are_numbered() {
    let lines = text(ask("GET /stream/3").await).await;
    assert_eq!(lines.lines().count(), 3);
    let events = text(ask("GET /sse?count=4&interval=0\nLast-Event-ID: 2").await).await;
    let expected =
        "id: 3\nevent: tick\ndata: {\"of\":4,\"tick\":3}\n\nid: 4\nevent: tick\ndata: {\"of\":4,\"tick\":4}\n\n";
    assert_eq!(events, expected);
}

#[tokio::test]
async fn a_drip_keeps_its_pace() {
    let echo = echo();
    let mut body = echo.call(request("GET /drip?bytes=3&seconds=3")).await.unwrap().into_body();
    assert_eq!(body.data().await.unwrap().unwrap(), "*");
    for _ in 0..2 {
        let mut next = Box::pin(body.data());
        let mut pending =
            async || std::future::poll_fn(|cx| std::task::Poll::Ready(next.as_mut().poll(cx).is_pending())).await;
        assert!(pending().await);
        echo.clock.advance(Duration::from_millis(999));
        assert!(pending().await);
        echo.clock.advance(Duration::from_millis(1));
        assert_eq!(next.await.unwrap().unwrap(), "*");
    }
    echo.clock.advance(Duration::from_secs(1));
    assert!(body.data().await.is_none());
}

#[tokio::test]
async fn a_delay_waits() {
    let echo = echo();
    let mut answer = Box::pin(echo.call(request("GET /delay/2")));
    let mut is_pending =
        async || std::future::poll_fn(|cx| std::task::Poll::Ready(answer.as_mut().poll(cx).is_pending())).await;
    assert!(is_pending().await);
    echo.clock.advance(Duration::from_millis(1_999));
    assert!(is_pending().await);
    echo.clock.advance(Duration::from_millis(1));
    assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn trailers_count_and_sum_the_content() {
    let mut body = ask("GET /trailers").await.into_body();
    let content = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["x-content-bytes"], content.len().to_string());
    let sum = content.iter().map(|byte| u64::from(*byte)).sum::<u64>() % 65_536;
    assert_eq!(trailers["x-content-sum"], sum.to_string());
    assert!(body.frame().await.is_none());
}

#[tokio::test]
async fn cookies_go_and_come() {
    let response = ask("GET /cookies/set?a=b&c=d").await;
    let set: Vec<_> = response.headers().get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set, ["a=b; Path=/; SameSite=Lax", "c=d; Path=/; SameSite=Lax"]);
    assert!(field(&ask("GET /cookies/delete?a").await, "set-cookie").contains("Max-Age=0"));
    let shown = value(ask("GET /cookies\nCookie: a=b; c=d").await).await;
    assert_eq!(shown, serde_json::json!({ "cookies": { "a": "b", "c": "d" } }));
}

#[tokio::test]
async fn forms_are_read_in_both_encodings() {
    let encoded = "POST /forms\nContent-Type: application/x-www-form-urlencoded\n\nname=J%C3%BCrgen&tea=green+tea";
    let form = &value(ask(encoded).await).await["form"];
    assert_eq!(*form, serde_json::json!({ "name": "Jürgen", "tea": "green tea" }));

    let multipart = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\n\
        Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n\r\n--b--\r\n";
    let post = |content: &str| {
        let mut request = request("POST /forms\nContent-Type: multipart/form-data; boundary=b");
        *request.body_mut() = content.to_owned().into();
        request
    };
    let echo = Echo { limits: Limits::default(), ..echo() };
    let form = &value(echo.call(post(multipart)).await.unwrap()).await["form"];
    assert_eq!(form[0], serde_json::json!({ "name": "a", "length": 1, "text": "1" }));
    let file =
        serde_json::json!({ "name": "f", "filename": "x.txt", "type": "text/plain", "length": 4, "text": "hi\r\n" });
    assert_eq!(form[1], file);
    for end in 0..multipart.len() - 4 {
        let response = echo.call(post(&multipart[..end])).await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "cut after {end} bytes");
    }
    assert_eq!(
        echo.call(post(&format!("--b{}", "\r\n--b".repeat(3)))).await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
}

#[test]
fn pairs_are_decoded_once() {
    let expected = [("a", "b"), ("c", ""), ("d%", "e f=g"), ("ü", "\u{fffd}")];
    let expected: Vec<_> = expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    assert_eq!(pairs(b"a=b&c&&d%25=e+f%3dg&%c3%bc=%ff"), expected);
}
