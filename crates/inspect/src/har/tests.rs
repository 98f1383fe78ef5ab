//! Exchanges as entries, and entries as exchanges.

use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use wirelight_net::observe::{Asked, ConnectionInfo, Ending, Outbound, Record};
use wirelight_service::{Peer, Trail};

use super::*;

fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    fields.iter().map(pair).collect()
}

fn record(outbound: bool) -> Record {
    let asked = Asked {
        method: Method::POST,
        target: "/orders?drink=green%20tea&n=2".parse().unwrap(),
        version: Version::HTTP_11,
        fields: map(&[
            ("host", "shop.test"),
            ("authorization", "Bearer secret"),
            ("cookie", "a=1; b=2"),
            ("content-type", "text/plain"),
        ]),
    };
    let outbound = outbound.then(|| Box::new(Outbound { version: Some(Version::HTTP_11), ..Outbound::default() }));
    Record {
        connection: Arc::new(ConnectionInfo {
            id: 7,
            peer: Some(Peer::Internet("192.0.2.1:80".parse().unwrap())),
            secured: None,
            local: None,
        }),
        number: 1,
        asked: Some(asked),
        status: StatusCode::SEE_OTHER,
        fields: map(&[
            ("location", "/orders/1"),
            ("content-type", "image/png"),
            ("content-encoding", "gzip"),
            ("set-cookie", "id=7; Path=/; HttpOnly; Secure; Expires=Thu, 01 Jan 2032 00:00:00 GMT"),
        ]),
        received_bytes: 3,
        sent_bytes: 5,
        at: UNIX_EPOCH + Duration::from_millis(1_795_248_930_250),
        began: Instant::now(),
        first_byte: Some(Duration::from_millis(20)),
        total: Duration::from_millis(25),
        ending: Ending::Complete,
        trail: Trail::unwatched(),
        outbound,
    }
}

#[test]
fn an_exchange_becomes_an_entry_and_comes_back() {
    let bodies = Bodies { request: Some(b"hello"), response: Some(b"\x89PNG") };
    let entry = Entry::of(&record(true), bodies, Mask::Nothing).unwrap();
    assert_eq!(entry.request.url, "http://shop.test/orders?drink=green%20tea&n=2");
    assert_eq!(entry.request.query_string[0], Field { name: "drink".into(), value: "green tea".into() });
    assert_eq!(entry.request.cookies.len(), 2);
    assert_eq!((entry.request.body_size, entry.response.body_size), (5, 3));
    assert_eq!((entry.response.content.size, entry.response.content.compression), (4, Some(1)));
    assert_eq!(entry.response.redirect_url, "/orders/1");
    let set = &entry.response.cookies[0];
    assert_eq!((set.name.as_str(), set.http_only, set.secure), ("id", Some(true), Some(true)));
    assert_eq!((entry.time, entry.timings.wait, entry.timings.dns), (25.0, 20.0, -1.0));
    assert_eq!(entry.server_ip_address.as_deref(), Some("192.0.2.1"));

    let text = Har::new(vec![entry.clone()]).write();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let written = &value["log"]["entries"][0];
    for (pointer, expected) in [
        ("/startedDateTime", "2026-11-21T08:15:30.250Z"),
        ("/request/httpVersion", "HTTP/1.1"),
        ("/request/postData/text", "hello"),
        ("/response/content/encoding", "base64"),
        ("/response/redirectURL", "/orders/1"),
        ("/serverIPAddress", "192.0.2.1"),
    ] {
        assert_eq!(written.pointer(pointer).and_then(|value| value.as_str()), Some(expected), "{pointer}");
    }
    let har = Har::read(text.as_bytes()).unwrap();
    assert_eq!(har.log.entries, std::slice::from_ref(&entry));

    let request = entry.request.to_http().unwrap();
    assert_eq!((request.method(), request.body().as_ref()), (&Method::POST, &b"hello"[..]));
    assert_eq!(request.headers()["authorization"], "Bearer secret");
    let response = entry.response.to_http().unwrap();
    assert_eq!((response.status(), response.body().as_ref()), (StatusCode::SEE_OTHER, &b"\x89PNG"[..]));
    assert!(!response.headers().contains_key("content-encoding"));
}

#[test]
fn secrets_are_masked_unless_they_are_asked_for() {
    let text = Har::new(vec![Entry::of(&record(true), Bodies::default(), Mask::Secrets).unwrap()]).write();
    for secret in ["Bearer", "a=1", "id=7", "\"1\"", "\"7; "] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("***"));
}

#[test]
fn what_was_answered_counts_the_other_way_round() {
    let entry = Entry::of(&record(false), Bodies::default(), Mask::Secrets).unwrap();
    assert_eq!((entry.request.body_size, entry.response.body_size), (3, 5));
    assert_eq!(entry.server_ip_address, None, "the peer is the client");
}

#[test]
fn a_request_that_failed_has_no_response_but_a_reason() {
    let mut record = record(true);
    record.outbound =
        Some(Box::new(Outbound { failed: Some("the server went away".to_owned()), ..Outbound::default() }));
    let entry = Entry::of(&record, Bodies::default(), Mask::Secrets).unwrap();
    assert_eq!((entry.response.status, entry.failed.as_deref()), (0, Some("the server went away")));
    assert!(entry.response.to_http().is_err());
    record.asked = None;
    assert!(Entry::of(&record, Bodies::default(), Mask::Secrets).is_none());
}

#[test]
fn what_other_programs_write_is_read() {
    let text = br#"{"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": [],
        "entries": [{"_initiator": {"type": "other"}, "cache": {}, "startedDateTime": "2024-05-06T07:08:09.123Z",
        "request": {"method": "POST", "url": "https://a.test/form#top", "httpVersion": "h2", "cookies": [],
            "headers": [{"name": ":authority", "value": "a.test"}, {"name": "Accept", "value": "*/*"},
                        {"name": "Content-Length", "value": "999"}],
            "queryString": [], "headersSize": -1, "bodySize": 7,
            "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a b", "value": "c&d"}]}},
        "response": {"status": 200, "statusText": "", "httpVersion": "h2", "headers": [], "cookies": [],
            "content": {"size": 2, "mimeType": "text/plain", "text": "ok"}, "redirectURL": "", "headersSize": -1,
            "bodySize": -1, "_transferSize": 99},
        "time": 1.5, "timings": {"blocked": 0.5, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 1, "receive": 0,
            "_blocked_queueing": 0.1}}]}}"#;
    let har = Har::read(&[b"\xef\xbb\xbf", &text[..]].concat()).unwrap();
    let entry = &har.log.entries[0];
    let request = entry.request.to_http().unwrap();
    assert_eq!((request.uri().to_string().as_str(), request.headers().len()), ("https://a.test/form", 1));
    assert_eq!(request.body().as_ref(), b"a%20b=c%26d");
    assert_eq!(entry.response.to_http().unwrap().body().as_ref(), b"ok");
    assert!(read_timestamp(&entry.started_date_time).is_some());
    for wrong in [&b"{"[..], b"{}", b"{\"log\": {}}", b"[]", b"\xff"] {
        assert!(Har::read(wrong).unwrap_err().to_string().starts_with("this is no HTTP Archive"));
    }
}

#[test]
fn what_cannot_be_sent_says_why() {
    let mut request = Entry::of(&record(true), Bodies::default(), Mask::Nothing).unwrap().request;
    type Spoil = fn(&mut Request);
    let table: [(Spoil, &str); 4] = [
        (|request| request.method = "GE T".to_owned(), "is no method"),
        (|request| request.url = "/relative".to_owned(), "is no whole URL"),
        (|request| request.headers[0].value = "a\nb".to_owned(), "cannot be sent"),
        (
            |request| {
                request.post_data = Some(PostData {
                    mime_type: String::new(),
                    params: Vec::new(),
                    text: "!".to_owned(),
                    encoding: Some("base64".to_owned()),
                });
            },
            "no base64",
        ),
    ];
    let whole = request.clone();
    for (spoil, says) in table {
        request.clone_from(&whole);
        spoil(&mut request);
        assert!(request.to_http().unwrap_err().to_string().contains(says), "{says}");
    }
}
