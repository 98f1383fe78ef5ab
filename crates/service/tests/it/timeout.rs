use std::task::Poll;
use std::time::{Duration, SystemTime};

use wirelight_service::layer::Timeout;
use wirelight_service::{Body, Clock, Fault, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script::{self, Hand, Step};

const SECOND: Duration = Duration::from_secs(1);

fn layer(clock: &Clock, fault: Fault) -> Timeout {
    Timeout { clock: clock.clone(), handler_timeout: Some(3 * SECOND), stall_timeout: Some(5 * SECOND), fault }
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_given_up_as_configured() {
    async fn stuck(_: Request) -> Result<Response> {
        std::future::pending().await
    }
    for (fault, status) in [(Fault::Ours, 503), (Fault::Upstream, 504), (Fault::Downstream, 408)] {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let service = stuck.layer(layer(&clock, fault));
        let (request, trail) = script::watched(http::Request::get("/"), Body::empty());
        let mut call = std::pin::pin!(service.call(request));
        assert!(futures_poll(&mut call).await.is_pending());
        clock.advance(3 * SECOND - Duration::from_nanos(1));
        assert!(futures_poll(&mut call).await.is_pending());
        clock.advance(Duration::from_nanos(1));
        let error = call.await.unwrap_err();
        assert_eq!((error.kind(), error.status().as_u16()), (Kind::Timeout, status));
        assert_eq!(script::last(&trail), "the service was given up: the service did not answer within 3s");
    }
}

async fn futures_poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::future::poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut *future).poll(cx))).await
}

#[tokio::test]
async fn content_that_stalls_is_broken_off_and_slow_readers_are_not() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let stalling =
        async |_| Ok(Response::new(script::body([Step::Data(b"one"), Step::Pause, Step::Data(b"two"), Step::Stall])));
    let (request, trail) = script::watched(http::Request::get("/"), Body::empty());
    let mut hand = Hand::new(stalling.layer(layer(&clock, Fault::Upstream)).call(request).await.unwrap().into_body());
    clock.advance(100 * SECOND);
    assert_eq!(hand.data(), "one");
    clock.advance(100 * SECOND);
    assert!(hand.poll().is_pending());
    clock.advance(4 * SECOND);
    assert_eq!(hand.data(), "two");
    assert!(hand.poll().is_pending());
    let woken = hand.woken();
    clock.advance(4 * SECOND);
    assert!(hand.poll().is_pending());
    clock.advance(SECOND);
    assert!(hand.woken() > woken, "the deadline woke nobody");
    match hand.poll() {
        Poll::Ready(Some(Err(error))) => assert_eq!(error.status(), 504),
        other => panic!("{other:?}"),
    }
    assert!(matches!(hand.poll(), Poll::Ready(None)));
    assert_eq!(script::last(&trail), "content broken off: the response had no more content for 5s");
}

#[tokio::test]
async fn without_deadlines_nothing_is_wrapped() {
    let none = Timeout { handler_timeout: None, stall_timeout: None, ..Timeout::default() };
    let hello = async |_| Ok(Response::new(script::body([Step::Data(b"hello"), Step::Trailers("a", "b")])));
    let response = hello.layer(none).call(Request::new(Body::empty())).await.unwrap();
    let seen = script::read(response.into_body()).await;
    assert_eq!(seen.content, b"hello");
    assert!(seen.trailers.is_some());
}
