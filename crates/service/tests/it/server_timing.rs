//! What Server-Timing tells of what was done inside.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, StatusCode, Version};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::layer::{ServerTiming, Stage};
use wirelight_service::trail::{Came, Hop, Mark, Sent, Steps};
use wirelight_service::{
    Body, Clock, Error, Exchange, Fault, Kind, Request, Response, Result, Service, ServiceExt, Trail,
};

const MILLISECOND: Duration = Duration::from_millis(1);

static RULE: Rule = Rule { name: "test", section: "RFC 9110, section 1", says: "Tests decide." };

/// Something that was refused for a reason with characters that end a quoted string.
#[derive(Debug)]
struct Refused;

impl Decision for Refused {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        "200 OK".into()
    }

    fn because(&self) -> Cow<'static, str> {
        "it said \"no\"\r\nto ü".into()
    }

    fn declines(&self) -> bool {
        true
    }
}

/// A connection that stood after so long, or had been there.
#[derive(Debug)]
struct Line(Option<Mark>);

impl Steps for Line {
    fn steps(&self) -> Vec<Mark> {
        self.0.iter().cloned().collect()
    }

    fn reused(&self) -> bool {
        self.0.is_none()
    }
}

/// Asks a server, in vain or not, which takes eight milliseconds.
fn hop(trail: &Trail, clock: &Clock, attempt: u32, reused: bool) {
    let began = clock.now();
    clock.advance(3 * MILLISECOND);
    let connected = Mark { name: "connected".into(), at: clock.now() };
    clock.advance(5 * MILLISECOND);
    let sent = Sent { method: Method::GET, target: "/".to_owned(), fields: HeaderMap::new() };
    let came = Came { status: StatusCode::OK, version: Version::HTTP_11, fields: HeaderMap::new() };
    trail.hop(Hop {
        upstream: "secret.internal".to_owned(),
        attempt,
        request: sent,
        response: Some(came),
        failed: None,
        began,
        ended: clock.now(),
        steps: Some(Box::new(Line((!reused).then_some(connected)))),
    });
}

/// What is told of a request for a path, with what the response said already.
async fn told(path: &str, reasons: bool, trail: Option<Trail>) -> Result<Vec<String>> {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let turned = clock.clone();
    let inner = move |request: Request| {
        let clock = turned.clone();
        async move {
            let trail = Trail::of(&request);
            clock.advance(Duration::from_micros(12_345));
            let mut response = Response::new(Body::empty());
            match request.uri().path() {
                "/routed" => trail.mark("routed"),
                "/upstream" => hop(&trail, &clock, 1, false),
                "/again" => {
                    hop(&trail, &clock, 1, false);
                    hop(&trail, &clock, 2, true);
                    response.headers_mut().insert("server-timing", "db;dur=5".parse().unwrap());
                }
                "/refused" => trail.note(Refused),
                "/fails" => return Err(Error::new(Kind::Other, Fault::Ours, "it broke")),
                _ => {}
            }
            Ok(response)
        }
    };
    let service = inner
        .layer(Stage::named("handler"))
        .layer(Stage::named("limit"))
        .layer(ServerTiming { clock: clock.clone(), reasons });
    let mut request = http::Request::get(path).body(Body::empty()).unwrap();
    if let Some(trail) = trail {
        if trail.is_watched() {
            // What was done outside is not told.
            drop(trail.timed_from_here(&clock).enter("outer", None));
            clock.advance(MILLISECOND);
        }
        request.extensions_mut().insert(Exchange { trail, ..Exchange::default() });
    }
    let response = service.call(request).await?;
    let all = response.headers().get_all("server-timing").iter();
    Ok(all.map(|value| value.to_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn what_was_done_inside_is_told_with_its_times() {
    let why = r#", why;desc="200 OK: it said \"no\"??to ?""#;
    for (path, reasons, before, expected) in [
        ("/", true, "", "limit;dur=12.345, handler;dur=12.345, total;dur=12.345".to_owned()),
        ("/routed", true, "", "routed;dur=12.345, limit;dur=12.345, handler;dur=12.345, total;dur=12.345".to_owned()),
        (
            "/upstream",
            false,
            "",
            "limit;dur=20.345, handler;dur=20.345, connect;dur=3.000, upstream;dur=8.000, total;dur=20.345".to_owned(),
        ),
        (
            "/again",
            true,
            "db;dur=5",
            "limit;dur=28.345, handler;dur=28.345, connect;dur=3.000;desc=\"attempt 1\", \
             upstream;dur=8.000;desc=\"attempt 1\", upstream;dur=8.000;desc=\"attempt 2\", total;dur=28.345"
                .to_owned(),
        ),
        ("/refused", true, "", format!("limit;dur=12.345, handler;dur=12.345, total;dur=12.345{why}")),
        ("/refused", false, "", "limit;dur=12.345, handler;dur=12.345, total;dur=12.345".to_owned()),
    ] {
        let expected: Vec<String> = [before.to_owned(), expected].into_iter().filter(|each| !each.is_empty()).collect();
        // Whether anybody else watches makes no difference.
        for trail in [None, Some(Trail::unwatched()), Some(Trail::watched())] {
            assert_eq!(told(path, reasons, trail).await.unwrap(), expected, "{path} {reasons}");
        }
    }
    assert_eq!(told("/fails", true, None).await.unwrap_err().because(), "it broke");
}
