//! What is remembered, of what, for whom and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};
use wirelight_semantics::decision::Decision;
use wirelight_service::layer::remember::{Lasting, Wanted};
use wirelight_service::layer::trace::Traced;
use wirelight_service::layer::{AddDate, AnswerErrors, Remember};
use wirelight_service::{
    Body, Clock, Error, Exchange, Fault, Kind, Request, Response, Result, Service, ServiceExt, Trail,
};

/// Numbers its answers, which last for 400 ms of a clock that begins 300 ms into a second.
struct Counter {
    clock: Clock,
    made: AtomicU32,
}

struct Counting(Arc<Counter>);

impl Service for Counting {
    async fn call(&self, request: Request) -> Result<Response> {
        let made = self.0.made.fetch_add(1, Ordering::Relaxed);
        Trail::of(&request).note(Traced::Shown { left_out: made as usize });
        let mut response = Response::new(Body::from(format!("{made}")));
        match request.uri().path() {
            "/missing" => *response.status_mut() = StatusCode::NOT_FOUND,
            "/stream" => {
                let (mut sender, body) = Body::channel(None);
                sender.finish(HeaderMap::new());
                *response.body_mut() = body;
            }
            "/marked" => drop(response.extensions_mut().insert(7)),
            "/fails" => return Err(Error::new(Kind::Io, Fault::Ours, "it fails")),
            "/moment" => return Ok(response),
            _ => {}
        }
        if request.extensions().get::<Wanted>().is_some() {
            let until = self.0.clock.now() + Duration::from_millis(400);
            response.extensions_mut().insert(Lasting { until });
        }
        Ok(response)
    }
}

fn counter() -> Arc<Counter> {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH + Duration::from_millis(300));
    Arc::new(Counter { clock, made: AtomicU32::new(0) })
}

fn around(counter: &Arc<Counter>, remember: Remember) -> impl Service {
    let clock = counter.clock.clone();
    Counting(Arc::clone(counter))
        .layer(AnswerErrors::default())
        .layer(AddDate { clock: clock.clone() })
        .layer(Remember { clock, ..remember })
}

async fn get(service: &impl Service, path: &str, trail: Trail) -> String {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    request.extensions_mut().insert(Exchange { trail, ..Exchange::default() });
    let response = service.call(request).await.unwrap();
    assert!(response.headers().contains_key("date"));
    let content = response.into_body().collect(1000).await.unwrap();
    String::from_utf8(content.to_vec()).unwrap()
}

#[tokio::test]
async fn only_whole_successes_that_last_are_remembered() {
    for path in ["/missing", "/stream", "/marked", "/fails", "/moment"] {
        let counter = counter();
        let service = around(&counter, Remember::default());
        for _ in 0..3 {
            get(&service, path, Trail::unwatched()).await;
        }
        assert_eq!(counter.made.load(Ordering::Relaxed), 3, "{path}");
    }
}

#[tokio::test]
async fn until_its_moment_or_the_end_of_the_second() {
    let counter = counter();
    let service = around(&counter, Remember::default());
    let mut seen = Vec::new();
    for _ in 0..12 {
        seen.push(get(&service, "/", Trail::unwatched()).await);
        counter.clock.advance(Duration::from_millis(100));
    }
    // At 300, 700, 1000 and 1400 ms.
    assert_eq!(seen, ["0", "0", "0", "0", "1", "1", "1", "2", "2", "2", "2", "3"]);
}

#[tokio::test]
async fn decisions_are_noted_again_and_made_again_where_nobody_had_watched() {
    let counter = counter();
    let service = around(&counter, Remember::default());
    let outcomes =
        |trail: &Trail| -> Vec<String> { trail.read(|all| all.iter().map(|one| one.because().into()).collect()) };
    assert_eq!(get(&service, "/", Trail::unwatched()).await, "0");
    for _ in 0..3 {
        let trail = Trail::watched();
        assert_eq!(get(&service, "/", trail.clone()).await, "1");
        assert_eq!(outcomes(&trail), ["TRACE is enabled; 1 confidential fields were left out"]);
        let kind = |decision: &Traced| decision.declines();
        assert_eq!(trail.first(kind), Some(false), "a decision that is shared is still of its kind");
    }
    let timed = Trail::timed(counter.clock.clone());
    assert_eq!(get(&service, "/", timed.clone()).await, "2");
    assert_eq!(timed.times().len(), 1);
}

#[tokio::test]
async fn memory_is_bounded() {
    let limits = [
        Remember { paths_max: 2, ..Remember::default() },
        Remember { bytes_max: 2, ..Remember::default() },
        Remember { paths_max: 0, ..Remember::default() },
        Remember { bytes_max: 0, ..Remember::default() },
        Remember { answers_max: 0, ..Remember::default() },
    ];
    for limit in limits {
        let counter = counter();
        let shown = format!("{limit:?}");
        let remembers = limit.paths_max.min(limit.bytes_max).min(limit.answers_max) > 0;
        let service = around(&counter, limit);
        for path in ["/a", "/b", "/c", "/d", "/e"] {
            get(&service, path, Trail::unwatched()).await;
        }
        assert_eq!(counter.made.load(Ordering::Relaxed), 5, "{shown}");
        get(&service, "/e", Trail::unwatched()).await;
        get(&service, "/a", Trail::unwatched()).await;
        assert_eq!(counter.made.load(Ordering::Relaxed), if remembers { 6 } else { 7 }, "{shown}");
    }
}

#[tokio::test]
async fn a_path_that_is_made_again_takes_no_room_from_another() {
    let counter = counter();
    let service = around(&counter, Remember { paths_max: 2, ..Remember::default() });
    for (path, made, then) in [("/a", "0", 250), ("/b", "1", 150), ("/a", "2", 50), ("/b", "1", 0), ("/a", "2", 0)] {
        assert_eq!(get(&service, path, Trail::unwatched()).await, made, "{path}");
        counter.clock.advance(Duration::from_millis(then));
    }
}
