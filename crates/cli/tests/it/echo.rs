//! `wirelight echo`, driven by curl.

use std::time::Instant;

use serde_json::Value;

use crate::process::{Listening, curl};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn any_method_on_any_path_is_answered_with_what_arrived() {
    let server = Listening::start(&["echo"]);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "MKCALENDAR", "QUERY"] {
        let answer = curl(&["-i", "-X", method, "-H", "X-Odd:  a  b ", "-d", "hello", &server.url("/some/path?q=1")]);
        let (head, content) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{method}: {head}");
        assert!(head.to_lowercase().contains("x-echo-len: 5"), "{method}: {head}");
        let value = json(content);
        assert_eq!(value["method"], method);
        assert_eq!(value["content"]["text"], "hello");
        let head = value["head"].as_str().unwrap();
        assert!(
            head.starts_with(&format!("{method} /some/path?q=1 HTTP/1.1\r\nHost: {}\r\n", server.address)),
            "{head}"
        );
        assert!(head.contains("\r\nX-Odd:  a  b \r\n"), "the head is not byte for byte: {head}");
        assert_eq!(value["fields"]["x-odd"], "a  b");
    }
}

#[test]
fn accept_decides_between_json_and_text() {
    let server = Listening::start(&["echo"]);
    let text = curl(&["-H", "Accept: text/plain", "-d", "hello", &server.url("/echo")]);
    assert!(text.contains("\r\nAccept: text/plain\r\n"), "{text}");
    assert!(text.contains("content, 5 bytes:\nhello\n"), "{text}");
    assert_eq!(json(&curl(&[&server.url("/")]))["path"], "/");
    assert!(curl(&["-H", "Accept: text/html", &server.url("/")]).contains("<title>wirelight echo</title>"));
}

#[test]
fn chunked_content_is_read_whole() {
    let server = Listening::start(&["echo"]);
    let content = "x".repeat(300_000);
    let file = std::env::temp_dir().join(format!("wirelight-upload-{}", std::process::id()));
    std::fs::write(&file, &content).unwrap();
    let from = format!("@{}", file.display());
    for expect in ["Expect:", "Expect: 100-continue"] {
        let fields = ["-H", "Transfer-Encoding: chunked", "-H", expect];
        let answer = curl(&[&fields[..], &["--data-binary", &from, &server.url("/echo")]].concat());
        assert_eq!(json(&answer)["content"]["length"], 300_000, "{expect}");
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn curl_follows_authenticates_decodes_and_keeps_cookies() {
    let server = Listening::start(&["echo"]);
    let followed = curl(&["-sL", "-w", "%{num_redirects}", "-o", "/dev/null", &server.url("/redirect/3")]);
    assert_eq!(followed, "3");
    let status = |arguments: &[&str]| curl(&[&["-s", "-o", "/dev/null", "-w", "%{http_code}"], arguments].concat());
    assert_eq!(status(&[&server.url("/basic-auth/u/p")]), "401");
    assert_eq!(status(&["-u", "u:p", &server.url("/basic-auth/u/p")]), "200");
    assert_eq!(status(&[&server.url("/status/418")]), "418");
    for coding in ["/gzip", "/brotli"] {
        assert_eq!(json(&curl(&["--compressed", &server.url(coding)]))["path"], coding);
    }
    let cookies = curl(&["-sL", "-c", "/dev/null", &server.url("/cookies/set?a=b&c=d")]);
    assert_eq!(json(&cookies)["cookies"], serde_json::json!({ "a": "b", "c": "d" }));
}

#[test]
fn curl_asks_for_ranges_conditions_and_trailers() {
    let server = Listening::start(&["echo"]);
    assert_eq!(curl(&["-r", "24-27", &server.url("/range/100")]), "yzab");
    let etag = curl(&["-o", "/dev/null", "-w", "%{http_code}", "-H", "If-None-Match: \"x\"", &server.url("/etag/x")]);
    assert_eq!(etag, "304");
    assert_eq!(curl(&[&server.url("/bytes/5000"), "-o", "/dev/null", "-w", "%{size_download}"]), "5000");
    let trailers = curl(&["-i", "--raw", &server.url("/trailers")]);
    assert!(trailers.contains("\r\n0\r\nX-Content-Bytes: "), "{trailers}");
}

#[test]
fn waiting_takes_time_and_streams_come_as_they_go() {
    let server = Listening::start(&["echo"]);
    let began = Instant::now();
    curl(&[&server.url("/delay/0.4")]);
    assert!(began.elapsed().as_millis() >= 400);
    assert_eq!(curl(&[&server.url("/stream/3")]).lines().count(), 3);
    let began = Instant::now();
    let events = curl(&["-N", &server.url("/sse?count=3&interval=0.2")]);
    assert!(began.elapsed().as_millis() >= 400);
    assert_eq!(events.matches("event: tick").count(), 3);
    let began = Instant::now();
    assert_eq!(curl(&[&server.url("/drip?bytes=4&seconds=0.4")]), "****");
    assert!(began.elapsed().as_millis() >= 300);
}

#[test]
fn forms_come_back_as_curl_sends_them() {
    let server = Listening::start(&["echo"]);
    let encoded = json(&curl(&["-d", "a=1", "--data-urlencode", "b=x y&z", &server.url("/forms")]));
    assert_eq!(encoded["form"], serde_json::json!({ "a": "1", "b": "x y&z" }));
    let multipart =
        json(&curl(&["-F", "a=1", "-F", "f=content;filename=n.txt;type=text/plain", &server.url("/forms")]));
    assert_eq!(multipart["form"][0]["text"], "1");
    assert_eq!(multipart["form"][1]["filename"], "n.txt");
    assert_eq!(multipart["form"][1]["text"], "content");
}

#[test]
fn trace_shows_the_request_without_its_secrets() {
    let server = Listening::start(&["echo"]);
    let answer = curl(&["-i", "-X", "TRACE", "-H", "Cookie: secret=1", "-H", "X-Seen: yes", &server.url("/echo")]);
    assert!(answer.contains("message/http") && answer.to_lowercase().contains("x-seen: yes"), "{answer}");
    assert!(!answer.contains("secret"), "{answer}");
}
