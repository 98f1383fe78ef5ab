use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use wirelight_service::layer::{LimitConcurrency, LimitContent};
use wirelight_service::{Body, Clock, Error, Kind, Request, Response, Result, Service, ServiceExt};

use crate::script::{self, Step};

async fn count(request: Request) -> Result<Response> {
    let content = request.into_body().collect(1000).await?;
    Ok(Response::new(Body::from(content.len().to_string())))
}

/// A service that makes something else of every error.
async fn obscure(request: Request) -> Result<Response> {
    count(request).await.map_err(|_| Error::ours("the upload failed"))
}

#[tokio::test]
async fn content_is_refused_by_its_length_and_by_its_bytes() {
    let ten = || [Step::Data(b"12345"), Step::Pause, Step::Data(b"67890"), Step::Trailers("a", "b")];
    for (bytes_max, refused) in [(10, false), (9, true), (4, true), (0, true)] {
        for obscured in [false, true] {
            let limit = LimitContent { bytes_max };
            let service = if obscured { obscure.layer(limit).boxed() } else { count.layer(limit).boxed() };
            let known = Body::channel(Some(10));
            let mut sender = known.0;
            sender.push(Bytes::from_static(b"1234567890"));
            sender.finish(Default::default());
            for (body, declared) in [(script::body(ten()), false), (Body::from("1234567890"), true), (known.1, true)] {
                let (request, trail) = script::watched(http::Request::post("/"), body);
                match service.call(request).await {
                    Ok(response) => {
                        assert!(!refused);
                        assert_eq!(response.into_body().as_bytes().unwrap(), "10");
                    }
                    Err(error) => {
                        assert!(refused);
                        assert_eq!((error.kind(), error.status().as_u16()), (Kind::TooLarge, 413));
                        let of = if declared { " of 10 bytes" } else { "" };
                        let because = format!("the content{of} is larger than the limit of {bytes_max} bytes");
                        assert_eq!(error.because(), because);
                        assert_eq!(script::last(&trail), format!("413 Content Too Large: {because}"));
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_the_content_stays_that_error() {
    let body = script::body([Step::Data(b"123"), Step::Fail]);
    let error = count.layer(LimitContent { bytes_max: 5 }).call(Request::new(body)).await.unwrap_err();
    assert_eq!(error.because(), "the script says so");
}

#[tokio::test]
async fn a_queue_is_waited_in_and_left() {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let running = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&running);
    let service = move |_| {
        let running = Arc::clone(&counting);
        async move {
            running.fetch_add(1, Ordering::SeqCst);
            Ok(Response::new(script::body([Step::Data(b"a"), Step::Pause, Step::Data(b"b")])))
        }
    };
    let limit = LimitConcurrency {
        clock: clock.clone(),
        exchanges_max: 1,
        queued_max: 1,
        queue_timeout: Duration::from_secs(5),
        retry_after: Duration::from_secs(2),
    };
    let service = service.layer(limit).shared();
    let call = || {
        tokio::spawn({
            let service = service.clone();
            async move { service.call(Request::new(Body::empty())).await }
        })
    };

    let first = call().await.unwrap().unwrap();
    let second = call();
    tokio::task::yield_now().await;
    let third = call().await.unwrap().unwrap_err();
    assert_eq!((third.status().as_u16(), third.retry_after()), (503, Some(Duration::from_secs(2))));
    assert_eq!(third.because(), "1 exchanges were under way and 1 waited for their turn");
    clock.advance(Duration::from_secs(4));
    tokio::task::yield_now().await;
    assert_eq!(running.load(Ordering::SeqCst), 1, "the first counts until its content is read");

    assert_eq!(script::read(first.into_body()).await.content, b"ab");
    let second = second.await.unwrap().unwrap();
    assert_eq!(running.load(Ordering::SeqCst), 2);

    let fourth = call();
    tokio::task::yield_now().await;
    clock.advance(Duration::from_secs(5));
    let error = fourth.await.unwrap().unwrap_err();
    assert_eq!(error.because(), "its turn did not come within 5s");

    drop(second);
    assert!(call().await.unwrap().is_ok());
}
