//! Files with everything around them, remembered: nobody can tell the difference but by the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::Method;
use wirelight_gateway::files::{Config, Files};
use wirelight_semantics::cors::{Origins, Policy};
use wirelight_service::layer::{
    AddDate, AnswerErrors, AnswerTrace, CatchPanic, Compress, Cors, Remember, SecureResponses,
};
use wirelight_service::{Request, Service, ServiceExt};

use crate::site::{Answer, Site};

/// Files with what the command puts around them, and how often that was asked.
fn around(site: &Site) -> (impl Service, Arc<AtomicU32>) {
    let (root, clock) = (site.path(""), site.clock.clone());
    let files = Files::open(Config { root, clock: clock.clone(), ..Config::default() }).unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&asked);
    let whole = files
        .layer(CatchPanic)
        .layer(AnswerErrors::default())
        .layer(AnswerTrace::default())
        .layer(Compress::default())
        .layer(Cors { policy: Policy { origins: Origins::Any, ..Policy::default() } })
        .layer(SecureResponses::default())
        .layer(AddDate { clock })
        .shared();
    let service = move |request: Request| {
        counted.fetch_add(1, Ordering::Relaxed);
        let whole = whole.clone();
        async move { whole.call(request).await }
    };
    (service, asked)
}

fn site() -> Site {
    let text = "the same again and again\n".repeat(100);
    let site = Site::new(&[
        ("file.txt", text.as_str()),
        ("short.txt", "short"),
        ("empty", ""),
        ("folder/index.html", text.as_str()),
        ("app.js", text.as_str()),
        ("app.js.gz", "coded"),
    ]);
    site.write("large.bin", vec![b'x'; 200_000]);
    site
}

const TARGETS: [&str; 12] = [
    "/file.txt",
    "/file.txt?query",
    "/%66ile.txt",
    "/short.txt",
    "/empty",
    "/folder",
    "/folder/",
    "/app.js",
    "/large.bin",
    "/nothing",
    "/../x",
    "/.hidden",
];

const FIELDS: [&[(&str, &str)]; 34] = [
    &[],
    &[("host", "a.test"), ("user-agent", "x"), ("accept", "*/*")],
    &[("accept", "text/html")],
    &[("accept-encoding", "gzip")],
    &[("accept-encoding", "zstd, br;q=0.5")],
    &[("accept-encoding", "br")],
    &[("accept-encoding", "deflate")],
    &[("accept-encoding", "identity")],
    &[("accept-encoding", "gzip;q=0")],
    &[("accept-encoding", "*;q=0")],
    &[("accept-encoding", "")],
    &[("accept-encoding", "gzip"), ("accept-encoding", "br")],
    &[("accept-language", "fr"), ("cookie", "a=1"), ("sec-fetch-mode", "navigate"), ("priority", "u=1")],
    &[("cache-control", "no-cache"), ("pragma", "no-cache"), ("te", "trailers")],
    &[("if-none-match", "*")],
    &[("if-none-match", "\"x\"")],
    &[("if-match", "\"x\"")],
    &[("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")],
    &[("if-unmodified-since", "Thu, 01 Jan 1970 00:00:00 GMT")],
    &[("range", "bytes=0-3")],
    &[("range", "bytes=0-0,-1")],
    &[("range", "bytes=300000-")],
    &[("range", "bytes=0-3"), ("if-range", "\"x\"")],
    &[("origin", "http://b.test")],
    &[("origin", "null")],
    &[("origin", "http://b.test"), ("access-control-request-method", "PUT")],
    &[("authorization", "Basic YTpi")],
    &[("x-unknown", "x")],
    &[("expect", "100-continue")],
    &[("content-length", "0")],
    &[("forwarded", "proto=https")],
    &[("x-forwarded-proto", "https")],
    &[("accept-encoding", "gzip"), ("if-none-match", "*")],
    &[("accept-encoding", "gzip"), ("range", "bytes=0-3")],
];

fn same(plain: &Answer, remembered: &Answer, of: &str) {
    assert_eq!(plain.status, remembered.status, "{of}");
    assert_eq!(format!("{:?}", plain.fields), format!("{:?}", remembered.fields), "{of}");
    assert_eq!(plain.content, remembered.content, "{of}");
    assert_eq!(plain.decisions, remembered.decisions, "{of}");
}

#[tokio::test]
async fn a_remembered_answer_is_the_answer_that_would_have_been_made() {
    let site = site();
    let (plain, plain_asked) = around(&site);
    let (inner, asked) = around(&site);
    let remembered = inner.layer(Remember { clock: site.clock.clone(), ..Remember::default() });
    for round in 0..4 {
        for target in TARGETS {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::TRACE] {
                for fields in FIELDS {
                    let of = format!("{method} {target} {fields:?} in round {round}");
                    let made = Answer::of(&plain, method.clone(), target, fields).await;
                    same(&made, &Answer::of(&remembered, method.clone(), target, fields).await, &of);
                }
            }
        }
        site.clock.advance(Duration::from_millis(300));
    }
    let (made, asked) = (plain_asked.load(Ordering::Relaxed), asked.load(Ordering::Relaxed));
    assert!(asked < made, "of {made} answers {asked} were made");
}

#[tokio::test]
async fn a_file_is_remembered_until_it_is_looked_at_again() {
    let site = Site::new(&[("file.txt", "one")]);
    let (inner, asked) = around(&site);
    let service = inner.layer(Remember { clock: site.clock.clone(), ..Remember::default() });
    let get = async || Answer::of(&service, Method::GET, "/file.txt", &[]).await;
    // The first look finds it, the second answer is the first to come from memory.
    for _ in 0..5 {
        get().await.is(200, "one");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    site.write("file.txt", "three");
    site.clock.advance(Duration::from_secs(1));
    let changed = get().await;
    changed.is(200, "three");
    changed.has_decision("recheck-interval: looked at again");
}

#[tokio::test]
async fn a_file_in_several_languages_depends_on_more() {
    let site = Site::new(&[("page.html", "hello"), ("page.fr.html", "bonjour")]);
    let languages = vec!["en".to_owned(), "fr".to_owned()];
    let config = Config { root: site.path(""), clock: site.clock.clone(), languages, ..Config::default() };
    let remember = Remember { clock: site.clock.clone(), ..Remember::default() };
    let service = Files::open(config).unwrap().layer(remember);
    for _ in 0..3 {
        for (language, content) in [("en", "hello"), ("fr", "bonjour"), ("de", "hello")] {
            Answer::of(&service, Method::GET, "/page.html", &[("accept-language", language)]).await.is(200, content);
        }
    }
}
