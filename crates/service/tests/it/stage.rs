//! What a trail tells of the layers that a request went through.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use wirelight_service::layer::Stage;
use wirelight_service::trail::Layer;
use wirelight_service::{Body, Clock, Exchange, Place, Request, Response, Result, Service, ServiceExt, Trail};

const SECOND: Duration = Duration::from_secs(1);

/// A request of an exchange with this trail.
fn request(trail: &Trail) -> Request {
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
    request
}

/// What is known of each layer: its name, its line, and its seconds from the beginning.
fn told(trail: &Trail, clock: &Clock, began: Duration) -> Vec<(&'static str, Option<usize>, f64, Option<f64>)> {
    let origin = clock.now() - began;
    let since = |at: std::time::Instant| (at - origin).as_secs_f64();
    let told = trail.layers().into_iter().map(|layer: Layer| {
        (layer.name, layer.place.map(|place| place.line), since(layer.entered), layer.left.map(since))
    });
    told.collect()
}

fn place(word: &str, line: usize) -> Option<Arc<Place>> {
    let (file, word) = ("wirelight.kdl".to_owned(), word.to_owned());
    Some(Arc::new(Place { file, word, line, settings: Vec::new() }))
}

#[tokio::test]
async fn layers_are_told_from_the_outermost_with_when_they_were_entered_and_left() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let turned = clock.clone();
    let slow = move |_: Request| {
        turned.advance(2 * SECOND);
        async { Ok(Response::new(Body::from("slow"))) }
    };
    let turned = clock.clone();
    let inner = slow.layer(Stage::named("slow")).shared();
    let outer = move |request: Request| {
        turned.advance(SECOND);
        let (inner, turned) = (inner.clone(), turned.clone());
        async move {
            let response = inner.call(request).await;
            turned.advance(4 * SECOND);
            response
        }
    };
    let service = outer.layer(Stage { name: "outer", place: place("outer", 7), leads: true });
    let trail = Trail::timed(clock.clone());
    service.call(request(&trail)).await.unwrap();
    let expected = [("outer", Some(7), 0.0, Some(7.0)), ("slow", None, 1.0, Some(3.0))];
    assert_eq!(told(&trail, &clock, 7 * SECOND), expected);

    for quiet in [Trail::unwatched(), Trail::watched()] {
        service.call(request(&quiet)).await.unwrap();
        assert_eq!(quiet.layers(), [], "nobody wants times");
    }
}

#[tokio::test]
async fn a_layer_is_left_when_nobody_waits_for_its_answer_any_more() {
    async fn stuck(_: Request) -> Result<Response> {
        std::future::pending().await
    }
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let service = stuck.layer(Stage::named("stuck"));
    let trail = Trail::timed(clock.clone());
    let mut call = Box::pin(service.call(request(&trail)));
    assert!(std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await);
    clock.advance(SECOND);
    assert_eq!(told(&trail, &clock, SECOND), [("stuck", None, 0.0, None)]);
    drop(call);
    assert_eq!(told(&trail, &clock, SECOND), [("stuck", None, 0.0, Some(1.0))]);
}

#[test]
fn a_trail_may_begin_to_keep_times_when_some_decisions_are_made() {
    use wirelight_semantics::cors::Judgement;
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let trail = Trail::watched();
    trail.note(Judgement::NotCors);
    let timed = trail.timed_from_here(&clock);
    timed.note(Judgement::NotCors);
    trail.note(Judgement::NotCors);
    assert_eq!(trail.times(), [None, Some(clock.now()), Some(clock.now())]);
    assert_eq!(timed.read(<[_]>::len), 3, "they are one list");

    let alone = Trail::unwatched().timed_from_here(&clock);
    alone.mark("here");
    assert_eq!(alone.marks()[0].at, clock.now());
}
