//! What the desk tells of exchanges.

use http::{Method, StatusCode};
use http_body::Body as _;
use serde_json::{Value, json};
use std::pin::Pin;
use wirelight_inspect::Config;
use wirelight_service::{Body, Place, Request, Response, Result, ServiceExt, Trail, layer};

use super::stage::{Odd, Stage, read, sentences};

const HELLO: &str = "GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nCookie: SECRET\r\n\r\n";

fn ids(list: &Value) -> Vec<&str> {
    list["exchanges"].as_array().unwrap().iter().map(|each| each["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_exchange_is_told_with_its_story_and_its_bytes() {
    let stage = Stage::new(Config::default());
    stage.say(format!("{HELLO}GET /x HTTP/1.1\r\nHost: a.test\r\nIf-None-Match: \"a1\"\r\n\r\n")).await;
    let list = stage.get("/api/exchanges").await;
    assert_eq!(ids(&list), ["1-2", "1-1"]);
    assert_eq!((&list["matched"], &list["seen"], &list["more"]), (&json!(2), &json!(2), &json!(false)));
    let first = &list["exchanges"][1];
    for (name, expected) in [
        ("method", json!("GET")),
        ("target", json!("/a?b=c")),
        ("host", json!("a.test")),
        ("status", json!(200)),
        ("media_type", json!("text/plain")),
        ("sent_bytes", json!(13)),
        ("ending", json!("complete")),
        ("state", json!("done")),
    ] {
        assert_eq!(first[name], expected, "{name}");
    }
    let detail = stage.get("/api/exchanges/1-1").await;
    assert_eq!(detail["request"]["fields"][1], json!({"name": "Cookie", "value": "•••", "redacted": true}));
    assert_eq!(detail["response"]["content"]["text"], "Hello, world!");
    let expected = [
        "Somebody connected; this is the first request on connection 1.",
        "The client asked to get /a?b=c (HTTP/1.1).",
        "The answer was 200 OK, with 13 bytes of text/plain.",
        "All of it had left after TIME.",
    ];
    assert_eq!(sentences(&detail), expected);
    let directions: Vec<_> = detail["wire"].as_array().unwrap().iter().map(|piece| &piece["direction"]).collect();
    assert_eq!(directions, ["received", "sent", "sent"]);
    assert_eq!(detail["wire"][0]["spans"][0]["kind"], "method");
    let phases: Vec<_> =
        detail["phases"].as_array().unwrap().iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(phases, ["accepted", "first-byte-in", "head", "first-byte-out", "done"]);
    let second = stage.get("/api/exchanges/1%2D2").await;
    assert_eq!(second["summary"]["status"], 304);
    assert_eq!(second["trail"][0]["rule"]["name"], second["summary"]["why"]["rule"]);
    assert!(second["trail"][0]["at_us"].is_i64(), "{second:#}");
    assert!(sentences(&second).last().unwrap().starts_with("It was the last on its connection"), "{second:#}");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let stage = Stage::new(Config::default());
    stage.say("GET /fail HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    stage.say("GET / HTTP/1.1\r\nHost: a.test\r\nBad Field: SECRET\r\nCookie: SECRET\r\n\r\n").await;
    let failed = stage.get("/api/exchanges/1-1").await;
    assert_eq!((&failed["summary"]["status"], &failed["summary"]["declined"]), (&json!(500), &json!(true)));
    assert!(sentences(&failed).iter().any(|told| told.contains("the disk is full")), "{failed:#}");
    let refused = stage.get("/api/exchanges/2-1").await;
    assert_eq!(refused["summary"]["status"], 400);
    assert_eq!(refused["summary"]["declined"], true);
    assert_eq!(refused["request"]["line"], "GET / HTTP/1.1", "what came of the head is there");
    assert!(refused["wire"][0]["bytes"].is_string());
    assert_eq!(refused["connection"]["closed"]["outcome"], "closed by us");
    assert_eq!(refused["response"]["content"]["length"], refused["summary"]["sent_bytes"]);
}

#[tokio::test]
async fn content_in_chunks_is_undone_and_long_content_digested() {
    let stage = Stage::new(Config::default());
    stage.say("GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    stage
        .say("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n")
        .await;
    stage.say("GET /large HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let streamed = stage.get("/api/exchanges/1-1").await;
    assert_eq!(streamed["response"]["content"]["text"], "one two three");
    let kinds = streamed["wire"].as_array().unwrap().iter().flat_map(|piece| piece["spans"].as_array().unwrap());
    let kinds: Vec<_> = kinds.map(|span| span["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "chunk-size").count(), 3, "{kinds:?}");
    let posted = stage.get("/api/exchanges/2-1").await;
    assert_eq!(posted["request"]["content"]["text"], "hello");
    assert_eq!(posted["request"]["trailers"][0]["name"], "X");
    let large = stage.get("/api/exchanges/3-1").await;
    let content = &large["response"]["content"];
    assert_eq!((&content["length"], &content["truncated"]), (&json!(300_000), &json!(true)));
    // sha256sum of 300,000 times x.
    let expected: String = {
        use sha2::Digest as _;
        sha2::Sha256::digest(vec![b'x'; 300_000]).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    assert_eq!(content["sha256"], expected.as_str());
    assert!(content["kept"].as_u64().unwrap() <= 64 << 10);
}

#[tokio::test]
async fn filters_find_what_they_name() {
    let odd = async |request: Request| -> Result<Response> {
        if request.uri().path() == "/odd" {
            Trail::of(&request).note(Odd);
        }
        let status = if request.uri().path() == "/none" { 404 } else { 200 };
        let response = http::Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Body::from(r#"{"ok":true}"#)).unwrap())
    };
    let stage = Stage::with(Config::default(), odd);
    for (method, path) in [("GET", "/one"), ("POST", "/odd"), ("GET", "/none")] {
        stage
            .say(format!("{method} {path} HTTP/1.1\r\nHost: A.test\r\nX-Name: Value\r\nContent-Length: 0\r\n\r\n"))
            .await;
    }
    for (filter, expected) in [
        ("", "3-1 2-1 1-1"),
        ("~m post", "2-1"),
        ("~c 404", "3-1"),
        ("~c 2xx", "2-1 1-1"),
        ("!~c 2xx", "3-1"),
        ("~u /o", "2-1 1-1"),
        ("/odd$", "2-1"),
        ("~m get & ~c 4", "3-1"),
        ("~m get ~c 4", "3-1"),
        ("~m post | ~c 404", "3-1 2-1"),
        ("!(~m post | ~c 404)", "1-1"),
        ("~h x-name", "3-1 2-1 1-1"),
        ("~hq \"x-name: value\"", "3-1 2-1 1-1"),
        ("~hs x-name", ""),
        ("~bs ok", "3-1 2-1 1-1"),
        ("~bq ok", ""),
        ("~d a.TEST", "3-1 2-1 1-1"),
        ("~t json", "3-1 2-1 1-1"),
        ("~why <b>odd", "2-1"),
        ("~why even", "2-1"),
        ("~e", "2-1"),
        ("~s", "3-1 2-1 1-1"),
        ("~q", ""),
        ("~id 1-1", "1-1"),
        ("~conn 2", "2-1"),
        ("~v 1.1", "3-1 2-1 1-1"),
        ("~slow 60000", ""),
    ] {
        let query: String = filter.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let list = stage.get(&format!("/api/exchanges?filter={query}")).await;
        assert_eq!(ids(&list).join(" "), expected, "{filter}");
    }
    let refused = stage.ask(Method::GET, "/api/exchanges?filter=~x", "").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let problem = read(refused).await;
    assert_eq!((&problem["at"], &problem["length"]), (&json!(0), &json!(2)));
    let page = stage.get("/api/exchanges?limit=1").await;
    assert_eq!((ids(&page), &page["more"]), (vec!["3-1"], &json!(true)));
    assert_eq!(ids(&stage.get("/api/exchanges?limit=1&before=3").await), ["2-1"]);
    let rule = stage.get("/api/rules/odd").await;
    assert_eq!(rule["url"], "https://www.rfc-editor.org/rfc/rfc9110#section-1");
    assert_eq!(rule["decided"][0]["id"], "2-1");
}

#[tokio::test]
async fn an_archive_goes_out_and_comes_in_again() {
    let stage = Stage::new(Config::default());
    stage.say(HELLO).await;
    stage.say("POST /echo HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello").await;
    let archive = stage.get("/api/har").await;
    assert_eq!(archive["log"]["entries"].as_array().unwrap().len(), 2);
    assert!(!archive.to_string().contains("SECRET"));
    let came = stage.post("/api/har", &archive.to_string()).await;
    assert_eq!(came["imported"], 2);
    let list = stage.get("/api/exchanges").await;
    assert_eq!(list["exchanges"][0]["origin"], "har");
    let id = came["ids"][1].as_str().unwrap();
    let detail = stage.get(&format!("/api/exchanges/{id}")).await;
    assert_eq!(detail["request"]["content"]["text"], "hello");
    assert_eq!(detail["response"]["content"]["text"], "hello");
    assert_eq!(detail["summary"]["host"], "a.test");
    let refused = stage.ask(Method::POST, "/api/har", "{}").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_request_is_sent_again_and_changed() {
    let stage = Stage::new(Config::default());
    stage.say("POST /echo HTTP/1.1\r\nHost: a.test\r\nCookie: SECRET\r\nContent-Length: 5\r\n\r\nhello").await;
    let again = stage.post("/api/replay", r#"{"of":"1-1"}"#).await;
    assert_eq!((&again["status"], &again["response"]["content"]["text"]), (&json!(200), &json!("hello")));
    assert_eq!(again["left_out"], json!(["Cookie"]));
    let changed = stage.post("/api/replay", r#"{"of":"1-1","content":"bye","fields":[["x-a","b"]]}"#).await;
    assert_eq!(changed["response"]["content"]["text"], "bye");
    for (said, status) in [
        (r#"{}"#, 400),
        (r#"{"of":"9-9"}"#, 404),
        (r#"{"method":"GET","target":"no path"}"#, 400),
        (r#"{"method":"G T","target":"/"}"#, 400),
        (r#"{"method":"GET","target":"/","fields":[["a b","c"]]}"#, 400),
        (r#"not json"#, 400),
    ] {
        assert_eq!(stage.ask(Method::POST, "/api/replay", said).await.status(), status, "{said}");
    }
}

#[tokio::test]
async fn events_come_as_exchanges_do_and_go_on_where_they_were_heard_last() {
    let stage = Stage::new(Config::default());
    stage.say(HELLO).await;
    let mut body = stage.ask(Method::GET, "/api/events?after=0", "").await.into_body();
    let mut told = String::new();
    let mut heard = async |until: &str| {
        while !told.contains(until) {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
            told.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        }
        std::mem::take(&mut told)
    };
    let first = heard("event: status").await;
    assert!(first.contains("retry: 1000") && first.contains("event: exchange") && first.contains("id: 1\n"), "{first}");
    stage.say(HELLO).await;
    let second = heard("id: 2\n").await;
    assert!(second.contains(r#""id":"2-1""#) && !second.contains(r#""id":"1-1""#), "{second}");
}

#[tokio::test]
async fn events_can_be_told_of_the_exchanges_of_a_filter_and_go_on_behind_the_others_too() {
    let stage = Stage::new(Config::default());
    stage.say(HELLO).await;
    stage.say("GET /other HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    stage.say(HELLO).await;
    let mut body = stage.ask(Method::GET, "/api/events?after=0&filter=~u%20other", "").await.into_body();
    let mut told = String::new();
    while !told.contains("event: status") {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    assert_eq!(told.matches("event: exchange").count(), 1, "{told}");
    assert!(told.contains(r#""id":"2-1""#) && told.ends_with("id: 3\n\n"), "{told}");
    let refused = stage.ask(Method::GET, "/api/events?filter=%28", "").await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn recording_can_stop_and_go_on_and_what_is_kept_be_forgotten() {
    let stage = Stage::new(Config::default());
    stage.say(HELLO).await;
    assert_eq!(stage.post("/api/recording", r#"{"recording":false}"#).await["recording"], false);
    stage.say(HELLO).await;
    assert_eq!(stage.inspector.kept(), 1);
    stage.post("/api/recording", r#"{"recording":true}"#).await;
    stage.say(HELLO).await;
    assert_eq!(ids(&stage.get("/api/exchanges").await), ["3-1", "1-1"]);
    let cleared = stage.post("/api/clear", "{}").await;
    assert_eq!((&cleared["kept"], &cleared["dropped"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn the_page_is_served_with_a_strict_policy() {
    let stage = Stage::new(Config::default());
    let response = stage.ask(Method::GET, "/", "").await;
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for (path, status) in [("/main.js", 200), ("/nothing.js", 404), ("/../Cargo.toml", 404), ("/openapi.json", 200)] {
        assert_eq!(stage.ask(Method::GET, path, "").await.status(), status, "{path}");
    }
    assert_eq!(stage.ask(Method::POST, "/api/status", "{}").await.status(), 405);
    let description = stage.get("/openapi.json").await;
    assert_eq!(description["openapi"], "3.1.0");
}

#[tokio::test]
async fn layers_are_told_with_their_times_and_stand_in_an_archive() {
    let hello = async |_: Request| -> Result<Response> { Ok(Response::new(Body::from("hello"))) };
    let place = Place { file: "w.kdl".to_owned(), word: "cors".to_owned(), line: 3, settings: Vec::new() };
    let outer = layer::Stage { name: "cors", place: Some(place.into()), leads: true };
    let stage = Stage::with(Config::default(), hello.layer(layer::Stage::named("files")).layer(outer));
    stage.say(HELLO).await;
    let detail = stage.get("/api/exchanges/1-1").await;
    let layers = detail["layers"].as_array().unwrap();
    let named: Vec<_> = layers.iter().map(|layer| (&layer["name"], &layer["place"])).collect();
    let (cors, files) = (json!("cors"), json!("files"));
    assert_eq!(named, [(&cors, &json!("`cors` at line 3 of w.kdl")), (&files, &Value::Null)]);
    let at = |index: usize, name: &str| layers[index][name].as_i64().unwrap();
    let order = [at(0, "in_us"), at(1, "in_us"), at(1, "out_us"), at(0, "out_us")];
    assert!(order[0] >= 0 && order.is_sorted(), "{order:?}");
    let archive = stage.get("/api/har").await;
    assert_eq!(archive["log"]["entries"][0]["_layers"], detail["layers"]);
}
