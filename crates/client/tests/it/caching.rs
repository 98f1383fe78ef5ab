//! The private cache, rule by rule, with a clock that is turned by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::sync::Notify;
use wirelight_client::layer::Cache;
use wirelight_client::layer::cache::{Limits, Stored};
use wirelight_client::{Client, ClientConfig, blocking};
use wirelight_semantics::cache::status::CACHE_STATUS;
use wirelight_semantics::date;
use wirelight_service::{Body, Clock, Error, Exchange, Fault, Kind, Layer, Request, Response, Result, Service, Trail};

use crate::script::{Peer, Step, send};

/// An origin that gives one answer after the other, and remembers what it was asked.
#[derive(Clone)]
struct Origin(Arc<Inner>);

struct Inner {
    clock: Clock,
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<(Method, HeaderMap)>>,
    /// While it is set, an answer waits to be let go.
    gate: Mutex<Option<Arc<Notify>>>,
}

#[derive(Clone)]
enum Answer {
    Gives(u16, &'static str, &'static str),
    /// Content in pieces, of which the last may be missing.
    Streams(&'static str, &'static [&'static str], bool),
    Fails,
}

impl Service for Origin {
    async fn call(&self, request: Request) -> Result<Response> {
        self.0.asked.lock().unwrap().push((request.method().clone(), request.headers().clone()));
        let gate = self.0.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let answer = self.0.answers.lock().unwrap().pop_front().expect("the origin was not to be asked");
        let mut response = Response::new(Body::empty());
        response.headers_mut().insert(http::header::DATE, date::format(self.0.clock.wall()));
        let head = match answer {
            Answer::Fails => return Err(Error::new(Kind::Unreachable, Fault::Upstream, "it is gone")),
            Answer::Gives(status, head, content) => {
                *response.status_mut() = StatusCode::from_u16(status).unwrap();
                *response.body_mut() = Body::from(content);
                head
            }
            Answer::Streams(head, pieces, whole) => {
                let (mut sender, body) = Body::channel(None);
                for piece in pieces {
                    sender.push(bytes::Bytes::from_static(piece.as_bytes()));
                }
                match whole {
                    true => sender.finish(HeaderMap::new()),
                    false => sender.fail(Error::new(Kind::Gone, Fault::Upstream, "it broke off")),
                }
                *response.body_mut() = body;
                head
            }
        };
        response.headers_mut().extend(fields(head));
        Ok(response)
    }
}

fn fields(text: &str) -> HeaderMap {
    let lines = text.split('\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

struct Bench {
    origin: Origin,
    clock: Clock,
    caching: <Cache as Layer<Origin>>::Service,
    stored: Stored,
}

/// What came back.
#[derive(Debug)]
struct Got {
    status: u16,
    headers: HeaderMap,
    content: String,
    trail: Vec<String>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn status_line(&self) -> &str {
        self.headers.get(CACHE_STATUS).map_or("", |value| value.to_str().unwrap())
    }
}

impl Bench {
    fn new(change: impl FnOnce(&mut Cache)) -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        let inner =
            Inner { clock: clock.clone(), answers: Mutex::default(), asked: Mutex::default(), gate: Mutex::default() };
        let origin = Origin(Arc::new(inner));
        let mut cache = Cache { clock: clock.clone(), name: "c".to_owned(), ..Cache::default() };
        change(&mut cache);
        let stored = cache.stored.clone();
        Self { caching: cache.layer(origin.clone()), origin, clock, stored }
    }

    fn usual() -> Self {
        Self::new(|_| {})
    }

    fn will(&self, answer: Answer) -> &Self {
        self.origin.0.answers.lock().unwrap().push_back(answer);
        self
    }

    fn gives(&self, status: u16, head: &'static str, content: &'static str) -> &Self {
        self.will(Answer::Gives(status, head, content))
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn asked(&self) -> usize {
        self.origin.0.asked.lock().unwrap().len()
    }

    /// A field of the last request that the origin was sent.
    fn heard(&self, name: &str) -> Option<String> {
        let asked = self.origin.0.asked.lock().unwrap();
        asked.last()?.1.get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    fn request(method: &str, uri: &str, head: &str, trail: &Trail) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().extend(fields(head));
        request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
        request
    }

    async fn try_ask(&self, method: &str, uri: &str, head: &str) -> Result<Got> {
        let trail = Trail::watched();
        let response = self.caching.call(Self::request(method, uri, head, &trail)).await?;
        let (parts, body) = response.into_parts();
        let content = body.collect(1 << 20).await?;
        Ok(Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            content: String::from_utf8(content.to_vec()).unwrap(),
            trail: trail.read(|all| all.iter().map(|d| format!("{}: {}", d.outcome(), d.because())).collect()),
        })
    }

    async fn ask(&self, head: &str) -> Got {
        self.try_ask("GET", "http://a.test/x", head).await.unwrap()
    }
}

#[tokio::test]
async fn a_fresh_response_is_used_without_a_request() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=10\nSet-Cookie: a=1\nConnection: x-hop\nX-Hop: 1", "one");
    let first = bench.ask("").await;
    assert_eq!((first.content.as_str(), first.status_line()), ("one", "c; fwd=uri-miss; stored"));
    assert_eq!((first.header("set-cookie"), first.header("age")), ("a=1", ""));
    assert_eq!(
        first.trail,
        ["not found in the cache: nothing is stored for its URI", "stored in the cache: it says how long it is fresh"]
    );
    bench.pass(9);
    let hit = bench.ask("").await;
    assert_eq!((hit.content.as_str(), hit.status_line(), hit.header("age")), ("one", "c; hit; ttl=1", "9"));
    assert_eq!((hit.header("set-cookie"), hit.header("x-hop"), hit.header("content-length")), ("", "", "3"));
    assert_eq!(hit.trail, ["answered from the cache: it is 9 s old, and max-age says 10 s"]);
    assert_eq!(bench.asked(), 1);
    bench.pass(1);
    bench.gives(200, "Cache-Control: max-age=10", "two");
    let stale = bench.ask("").await;
    assert_eq!((stale.content.as_str(), stale.status_line()), ("two", "c; fwd=stale; fwd-status=200; stored"));
    assert_eq!(
        stale.trail[0],
        "the origin was asked whether the stored response still holds: it is 10 s old, and max-age says 10 s"
    );
    assert_eq!(bench.asked(), 2);
}

#[tokio::test]
async fn keys_are_whole_uris_and_heads_are_answered_too() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=10\nX-A: 1", "one");
    bench.ask("").await;
    let head = bench.try_ask("HEAD", "http://A.test:80/x", "").await.unwrap();
    assert_eq!((head.status, head.content.as_str(), head.header("content-length")), (200, "", "3"));
    for uri in ["http://a.test/x?", "http://a.test/X", "https://a.test/x", "http://a.test:81/x", "http://a.test/%78"] {
        bench.gives(200, "Cache-Control: max-age=10", "other");
        assert_eq!(bench.try_ask("GET", uri, "").await.unwrap().content, "other", "{uri}");
    }
    assert_eq!(bench.stored.size().0, 6);
    bench.pass(20);
    bench.gives(200, "Content-Length: 3\nX-A: 2\nCache-Control: max-age=10", "");
    let head = bench.try_ask("HEAD", "http://a.test/x", "").await.unwrap();
    assert!(
        head.trail.contains(
            &"the stored response was freshened: the answer to HEAD has the same validators and length".to_owned()
        ),
        "{:?}",
        head.trail
    );
    let hit = bench.ask("").await;
    assert_eq!((hit.content.as_str(), hit.header("x-a"), hit.status_line()), ("one", "2", "c; hit; ttl=10"));
    bench.pass(20);
    bench.gives(200, "Content-Length: 4\nCache-Control: max-age=10", "");
    bench.try_ask("HEAD", "http://a.test/x", "").await.unwrap();
    assert_eq!(bench.stored.size().0, 5, "another length tells that it is outdated");
}

#[tokio::test]
async fn what_may_not_be_stored_is_not() {
    for (asked, status, head) in [
        ("", 200, "Cache-Control: no-store, max-age=10"),
        ("Cache-Control: no-store", 200, "Cache-Control: max-age=10"),
        ("", 200, "Cache-Control: max-age=10\nVary: *"),
        ("", 200, ""),
        ("", 500, "ETag: \"a\""),
        ("Range: bytes=0-0", 206, "Cache-Control: max-age=10\nContent-Range: bytes 0-0/3"),
    ] {
        let bench = Bench::usual();
        bench.gives(status, head, "one").gives(200, "", "two");
        let first = bench.ask(asked).await;
        assert!(!first.status_line().contains("stored"), "{head}: {}", first.status_line());
        assert_eq!(bench.ask("").await.content, "two", "{asked} {head}");
        assert_eq!(bench.stored.size(), (0, 0));
    }
}

#[tokio::test]
async fn content_that_is_streamed_is_stored_when_it_is_whole() {
    let bench = Bench::new(|cache| cache.stored = Stored::new(Limits { content_bytes_max: 8, ..Limits::default() }));
    let url = |path: &str| format!("http://a.test/{path}");
    let head = "Cache-Control: max-age=10";
    bench.will(Answer::Streams(head, &["ab", "cd"], true));
    assert_eq!(bench.try_ask("GET", &url("whole"), "").await.unwrap().content, "abcd");
    assert_eq!(bench.try_ask("GET", &url("whole"), "").await.unwrap().content, "abcd");
    assert_eq!(bench.asked(), 1);
    bench.will(Answer::Streams(head, &["ab"], false));
    assert!(bench.try_ask("GET", &url("broken"), "").await.is_err());
    bench.will(Answer::Streams(head, &["ab"], true));
    assert_eq!(bench.try_ask("GET", &url("broken"), "").await.unwrap().content, "ab");
    bench.will(Answer::Streams(head, &["abcde", "fghij"], true));
    assert_eq!(bench.try_ask("GET", &url("long"), "").await.unwrap().content, "abcdefghij");
    bench.will(Answer::Streams(head, &["ab"], true));
    // What is not read to its end is not stored either.
    let response = bench.caching.call(Bench::request("GET", &url("left"), "", &Trail::unwatched())).await.unwrap();
    drop(response);
    assert_eq!(bench.stored.size().0, 2);
}

#[tokio::test]
async fn a_stale_response_is_validated() {
    let bench = Bench::usual();
    let modified = "Sat, 08 Sep 2001 00:00:00 GMT";
    bench.gives(
        200,
        "Cache-Control: max-age=10\nETag: \"a\"\nLast-Modified: Sat, 08 Sep 2001 00:00:00 GMT\nX-A: 1\nX-B: 1",
        "one",
    );
    bench.ask("").await;
    bench.pass(10);
    bench.gives(304, "Cache-Control: max-age=20\nETag: \"a\"\nX-A: 2", "");
    let validated = bench.ask("").await;
    assert_eq!((validated.status, validated.content.as_str()), (200, "one"));
    assert_eq!(validated.status_line(), "c; fwd=stale; fwd-status=304; ttl=20");
    assert_eq!((validated.header("x-a"), validated.header("x-b"), validated.header("age")), ("2", "1", "0"));
    assert_eq!(bench.heard("if-none-match").as_deref(), Some("\"a\""));
    assert_eq!(bench.heard("if-modified-since").as_deref(), Some(modified));
    assert!(validated.trail.iter().any(|line| line.contains("304 with the same entity tag")), "{:?}", validated.trail);
    bench.pass(19);
    assert_eq!(bench.ask("").await.status_line(), "c; hit; ttl=1");
    // A 304 for what is not stored is not taken for an answer.
    bench.pass(1);
    bench.gives(304, "ETag: \"b\"", "").gives(200, "Cache-Control: max-age=5\nETag: \"b\"", "two");
    let other = bench.ask("").await;
    assert_eq!((other.status, other.content.as_str(), bench.heard("if-none-match")), (200, "two", None));
    bench.pass(5);
    bench.gives(404, "", "gone");
    assert_eq!((bench.ask("").await.status, bench.stored.size().0), (404, 0));
}

#[tokio::test]
async fn what_the_request_says_counts() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=100", "one");
    bench.ask("").await;
    bench.pass(50);
    for (asked, hits) in [
        ("Cache-Control: max-age=50", true),
        ("Cache-Control: max-age=49", false),
        ("Cache-Control: min-fresh=50", true),
        ("Cache-Control: min-fresh=51", false),
        ("Cache-Control: no-cache", false),
        ("Pragma: no-cache", false),
    ] {
        if !hits {
            bench.gives(503, "", "asked");
        }
        let got = bench.ask(asked).await;
        assert_eq!(got.content == "one", hits, "{asked}: {got:?}");
    }
    bench.pass(60);
    assert_eq!(bench.ask("Cache-Control: max-stale").await.status_line(), "c; hit; ttl=-10");
    assert_eq!(bench.ask("Cache-Control: max-stale=10").await.content, "one");
    assert_eq!(bench.ask("Cache-Control: only-if-cached").await.status, 504);
    let asked = bench.asked();
    let none = bench.try_ask("GET", "http://a.test/none", "Cache-Control: only-if-cached").await.unwrap();
    assert_eq!((none.status, none.status_line()), (504, "c; detail=\"only-if-cached\""));
    assert_eq!(bench.asked(), asked);
}

#[tokio::test]
async fn no_cache_and_immutable() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: no-cache, max-age=100\nETag: \"a\"", "one").gives(304, "", "");
    bench.ask("").await;
    assert_eq!(bench.ask("").await.content, "one");
    assert_eq!(bench.asked(), 2, "no-cache is stored, and validated each time");
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=100, no-cache=\"x-a\"\nX-A: 1\nX-B: 1", "one");
    bench.ask("").await;
    let hit = bench.ask("").await;
    assert_eq!((hit.header("x-a"), hit.header("x-b")), ("", "1"));
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=100, immutable", "one");
    bench.ask("").await;
    assert_eq!(bench.ask("Cache-Control: max-age=0").await.content, "one");
    assert_eq!(bench.asked(), 1, "a reload does not ask for what cannot change");
}

#[tokio::test]
async fn variants_are_kept_apart() {
    let bench = Bench::usual();
    let head = "Cache-Control: max-age=10\nVary: Accept-Language";
    bench.gives(200, head, "de").gives(200, head, "en");
    assert_eq!(bench.ask("Accept-Language: de").await.content, "de");
    let other = bench.ask("Accept-Language: en").await;
    assert_eq!((other.content.as_str(), other.status_line()), ("en", "c; fwd=vary-miss; stored"));
    assert!(other.trail[0].contains("it was made for `de`, and the request has `en`"), "{:?}", other.trail);
    assert_eq!(bench.ask("Accept-Language: DE").await.content, "de");
    assert_eq!(bench.ask("Accept-Language: en").await.content, "en");
    assert_eq!((bench.asked(), bench.stored.size().0), (2, 2));
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=10", "one's").gives(200, "Cache-Control: max-age=10", "two's");
    assert_eq!(bench.ask("Authorization: one").await.content, "one's");
    assert_eq!(bench.ask("Authorization: two").await.content, "two's", "credentials are told apart without Vary");
    assert_eq!(bench.ask("Authorization: one").await.content, "one's");
}

#[tokio::test]
async fn ranges_and_conditions_are_answered_from_what_is_whole() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=10\nETag: \"a\"", "0123456789");
    bench.ask("").await;
    for (asked, status, range, content) in [
        ("Range: bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("Range: bytes=-1", 206, "bytes 9-9/10", "9"),
        ("Range: bytes=5-", 206, "bytes 5-9/10", "56789"),
        ("Range: bytes=10-", 416, "bytes */10", ""),
        ("Range: bytes=0-0,5-5", 200, "", "0123456789"),
        ("Range: lines=1-2", 200, "", "0123456789"),
        ("Range: bytes=2-4\nIf-Range: \"a\"", 206, "bytes 2-4/10", "234"),
        ("Range: bytes=2-4\nIf-Range: \"b\"", 200, "", "0123456789"),
        ("If-None-Match: \"a\"", 304, "", ""),
        ("If-None-Match: \"b\"", 200, "", "0123456789"),
        ("If-None-Match: *", 304, "", ""),
    ] {
        let got = bench.ask(asked).await;
        assert_eq!(
            (got.status, got.header("content-range"), got.content.as_str()),
            (status, range, content),
            "{asked}"
        );
        let length = if status == 304 { String::new() } else { content.len().to_string() };
        assert_eq!(got.header("content-length"), length, "{asked}");
    }
    assert_eq!(bench.asked(), 1);
    bench.pass(10);
    bench.gives(304, "ETag: \"a\"\nCache-Control: max-age=10", "");
    let range = bench.ask("Range: bytes=0-1").await;
    assert_eq!((range.status, range.content.as_str()), (206, "01"), "a validated response has ranges, too");
    bench.pass(10);
    bench.gives(304, "ETag: \"z\"", "");
    let own = bench.ask("If-None-Match: \"z\"").await;
    assert_eq!((own.status, bench.heard("if-none-match").as_deref()), (304, Some("\"z\"")));
    bench.gives(412, "", "");
    assert_eq!(bench.ask("If-Match: \"q\"").await.status, 412, "If-Match is the origin's to judge");
}

#[tokio::test]
async fn stale_while_revalidate_answers_at_once_and_asks_meanwhile() {
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=10, stale-while-revalidate=5\nETag: \"a\"", "one");
    bench.ask("").await;
    bench.pass(12);
    let gate = Arc::new(Notify::new());
    *bench.origin.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    bench.gives(200, "Cache-Control: max-age=10\nETag: \"b\"", "two");
    for _ in 0..3 {
        let stale = bench.ask("").await;
        assert_eq!((stale.content.as_str(), stale.status_line()), ("one", "c; hit; ttl=-2"));
        assert!(stale.trail[0].starts_with("answered from the cache, stale, and validated meanwhile"));
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.asked(), 2, "once, however many found it stale");
    assert_eq!(bench.heard("if-none-match").as_deref(), Some("\"a\""));
    *bench.origin.0.gate.lock().unwrap() = None;
    gate.notify_one();
    while bench.ask("").await.content != "two" {
        tokio::task::yield_now().await;
    }
    bench.pass(16);
    bench.gives(304, "ETag: \"b\"", "");
    assert!(bench.ask("").await.status_line().starts_with("c; fwd=stale"), "after that it is asked for first");
}

#[tokio::test]
async fn stale_if_error_stands_in() {
    for failure in [Answer::Fails, Answer::Gives(503, "", "busy")] {
        let bench = Bench::usual();
        bench.gives(200, "Cache-Control: max-age=10, stale-if-error=20", "one");
        bench.ask("").await;
        bench.pass(25);
        bench.will(failure.clone());
        let stale = bench.ask("").await;
        assert_eq!((stale.status, stale.content.as_str()), (200, "one"));
        assert!(stale.status_line().contains("fwd=stale") && stale.status_line().contains("ttl=-15"), "{stale:?}");
        assert!(stale.trail.iter().any(|line| line.contains("stale-if-error allows 20 s")), "{:?}", stale.trail);
        bench.pass(6);
        bench.will(failure);
        let got = bench.try_ask("GET", "http://a.test/x", "").await;
        assert!(got.is_err() || got.unwrap().status == 503, "not for longer");
    }
    let bench = Bench::new(|cache| cache.stale_if_error = Some(Duration::from_secs(100)));
    bench.gives(200, "Cache-Control: max-age=10", "one").gives(200, "Cache-Control: max-age=10, must-revalidate", "m");
    bench.ask("").await;
    bench.try_ask("GET", "http://a.test/m", "").await.unwrap();
    bench.pass(50);
    bench.will(Answer::Fails).will(Answer::Fails);
    assert_eq!(bench.ask("").await.content, "one", "the config may grant what nobody says");
    assert!(bench.try_ask("GET", "http://a.test/m", "").await.is_err(), "but not against must-revalidate");
}

#[tokio::test]
async fn unsafe_methods_make_invalid() {
    let bench = Bench::usual();
    let head = "Cache-Control: max-age=100";
    let y = "http://a.test/y";
    bench.gives(200, head, "one").gives(200, head, "y");
    bench.ask("").await;
    bench.try_ask("GET", y, "").await.unwrap();
    bench.gives(500, "", "");
    bench.try_ask("POST", "http://a.test/x", "").await.unwrap();
    assert_eq!(bench.stored.size().0, 2, "what failed changed nothing");
    bench.gives(201, "Location: /y", "");
    let post = bench.try_ask("POST", "http://a.test/x", "").await.unwrap();
    assert_eq!(
        post.trail,
        [
            "the cache was passed by: it keeps no answers to POST, only to GET and HEAD",
            "what is stored is no longer used: POST may have changed http://a.test/x and http://a.test/y",
        ]
    );
    assert_eq!(bench.stored.size().0, 0);
}

#[tokio::test]
async fn of_those_that_are_alike_one_is_sent() {
    let bench = Arc::new(Bench::usual());
    let gate = Arc::new(Notify::new());
    *bench.origin.0.gate.lock().unwrap() = Some(Arc::clone(&gate));
    bench.gives(200, "Cache-Control: max-age=10", "one");
    let many: Vec<_> = (0..20)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.ask("").await })
        })
        .collect();
    while bench.asked() == 0 {
        tokio::task::yield_now().await;
    }
    *bench.origin.0.gate.lock().unwrap() = None;
    gate.notify_one();
    let mut collapsed = 0;
    for one in many {
        let got = one.await.unwrap();
        assert_eq!(got.content, "one");
        collapsed += usize::from(got.status_line().contains("collapsed"));
    }
    assert_eq!((bench.asked(), collapsed), (1, 19));
    // What cannot be stored is sent for each, and all at once.
    bench.pass(100);
    for _ in 0..5 {
        bench.gives(200, "Cache-Control: no-store", "each");
    }
    let each: Vec<_> = (0..5)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.try_ask("GET", "http://a.test/each", "").await.unwrap() })
        })
        .collect();
    for one in each {
        assert_eq!(one.await.unwrap().content, "each");
    }
    assert_eq!(bench.asked(), 6);
}

#[tokio::test]
async fn heuristics_are_bounded_and_age_counts_from_the_origin() {
    let bench = Bench::usual();
    // A thousand seconds before the clock's beginning: a tenth of that is a hundred.
    bench.gives(200, "Last-Modified: Sun, 09 Sep 2001 01:30:00 GMT", "one");
    bench.ask("").await;
    bench.pass(99);
    let hit = bench.ask("").await;
    assert!(hit.trail[0].contains("is guessed, as it had not been modified for 1000 s"), "{:?}", hit.trail);
    bench.pass(1);
    bench.gives(304, "", "");
    bench.ask("").await;
    assert_eq!(bench.asked(), 2);
    let bench = Bench::usual();
    bench.gives(200, "Cache-Control: max-age=100\nAge: 90", "old").gives(200, "Cache-Control: max-age=100", "new");
    bench.ask("").await;
    bench.pass(9);
    assert_eq!(bench.ask("").await.header("age"), "99");
    bench.pass(1);
    assert_eq!(bench.ask("").await.content, "new");
}

#[test]
fn the_client_and_its_blocking_twin_cache() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // The coded content of `hello`, as gzip -n makes it.
    let coded = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcbH\xcd\xc9\xc9\x07\x00\x86\xa6\x106\x05\x00\x00\x00";
    let head = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip\r\n";
    let answer = [format!("{head}Content-Length: {}\r\n\r\n", coded.len()).as_bytes(), coded].concat();
    let script = vec![Step::Head, send(&answer), Step::Head, send(&answer), Step::Hang];
    let peer = runtime.block_on(Peer::once(script));
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let mut config = ClientConfig { cache: Some(Cache::default()), ..ClientConfig::default() };
    config.connections.clock = clock.clone();
    let client = blocking::Client::with(config.clone()).unwrap();
    let twin = Client::with(config).unwrap();
    for round in 0..3 {
        let response = client.get(&peer.url("/")).send().unwrap();
        assert_eq!(response.timings().from_cache, round > 0);
        assert_eq!(response.timings().connected.is_some(), round == 0);
        assert_eq!(response.text().unwrap(), "hello");
    }
    let shared = runtime.block_on(async { twin.get(&peer.url("/")).send().await.unwrap().text().await.unwrap() });
    assert_eq!(shared, "hello", "clients may share what is stored");
    assert_eq!(peer.text(0).matches("GET / ").count(), 1);
    clock.advance(Duration::from_secs(60));
    let again = client.get(&peer.url("/")).send().unwrap();
    let why = again.trail().read(|all| all[0].because().into_owned());
    assert_eq!((again.timings().from_cache, why.as_str()), (false, "it is 60 s old, and max-age says 60 s"));
    assert_eq!(again.text().unwrap(), "hello");
    assert_eq!(peer.connections(), 2, "what rested for so long is not used again either");
    assert_eq!(peer.text(1).matches("GET / ").count(), 1);
}
