//! Interim responses of services, in both versions.

use http::{HeaderMap, StatusCode, header};
use tokio::sync::oneshot;
use wirelight_net::Config;
use wirelight_proto::h1;
use wirelight_service::{Body, Interims, Request, Response, Result};

use super::driver::{Stage, stage, stage_with};

fn hint() -> HeaderMap {
    HeaderMap::from_iter([(header::LINK, "</a>; rel=preload".parse().unwrap())])
}

fn allowing(interims_max: usize) -> Config {
    Config { interims_max, ..Config::default() }
}

const ASKED: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HINTED: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n";

#[tokio::test]
async fn what_a_service_says_at_once_comes_before_its_response() {
    async fn service(request: Request) -> Result<Response> {
        let interims = Interims::of(&request).expect("it may send some");
        interims.send(StatusCode::PROCESSING, HeaderMap::new()).unwrap();
        interims.send(StatusCode::EARLY_HINTS, hint()).unwrap();
        Ok(Response::new(Body::from("x")))
    }
    let stage = stage_with(allowing(4), h1::Config::default(), service);
    let said = stage.says(ASKED).await;
    let expected = format!("HTTP/1.1 102 Processing\r\n\r\n{HINTED}HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(said, expected);
}

#[tokio::test]
async fn one_from_another_task_leaves_while_the_service_waits_and_a_late_one_is_forgotten() {
    let (ready, go) = oneshot::channel::<()>();
    let (handed, interims) = oneshot::channel();
    let once = std::sync::Mutex::new(Some((go, handed)));
    let service = move |request: Request| {
        let (go, handed) = once.lock().unwrap().take().unwrap();
        async move {
            let _ = handed.send(Interims::of(&request).unwrap());
            let _ = go.await;
            Ok::<_, wirelight_service::Error>(Response::new(Body::empty()))
        }
    };
    let stage = stage_with(allowing(1), h1::Config::default(), service);
    assert_eq!(stage.says(ASKED).await, "");
    let interims: Interims = interims.await.unwrap();
    interims.send(StatusCode::EARLY_HINTS, hint()).unwrap();
    stage.settle().await;
    assert_eq!(stage.peer.text(), HINTED);
    ready.send(()).unwrap();
    stage.settle().await;
    assert!(stage.peer.text().ends_with("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "{}", stage.peer.text());
    let before = stage.peer.text();
    interims.send(StatusCode::EARLY_HINTS, hint()).unwrap();
    stage.settle().await;
    assert_eq!(stage.peer.text(), before);
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_once() {
    async fn service(request: Request) -> Result<Response> {
        let interims = Interims::of(&request).expect("it may send some");
        interims.send(StatusCode::CONTINUE, HeaderMap::new()).unwrap();
        let content = request.into_body().collect(10).await?;
        Ok(Response::new(Body::from(content)))
    }
    let stage = stage_with(allowing(4), h1::Config::default(), service);
    let asked = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(stage.says(asked).await, "HTTP/1.1 100 Continue\r\n\r\n");
    let said = stage.says("hi").await;
    assert_eq!(said, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
}

#[tokio::test]
async fn nobody_sends_one_to_a_client_that_cannot_read_it_or_where_the_config_has_none() {
    async fn service(request: Request) -> Result<Response> {
        assert!(Interims::of(&request).is_none());
        Ok(Response::new(Body::empty()))
    }
    let old: Stage = stage_with(allowing(4), h1::Config::default(), service);
    assert!(old.says("GET / HTTP/1.0\r\n\r\n").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(stage(service).says(ASKED).await.starts_with("HTTP/1.1 200 OK\r\n"));
}
