//! Deadlines and the limits that servers name, with a clock that is turned by hand; and timings that are complete.

use std::time::{Duration, SystemTime};

use wirelight_client::layer::{RateLimits, Timeouts};
use wirelight_client::{Client, ClientConfig, Phase, Versions};
use wirelight_service::{Clock, Error};

use crate::script::Step::{Hang, Head};
use crate::script::{Peer, send};
use crate::tls::{Folder, authority, identity, serve, settings};

const S: fn(u64) -> Duration = Duration::from_secs;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn client(change: impl FnOnce(&mut ClientConfig)) -> (Client, Clock) {
    let clock = Clock::manual(SystemTime::UNIX_EPOCH);
    let mut config = ClientConfig::default();
    config.connections.clock = clock.clone();
    // Whoever rests for a minute while the clock is turned is not what these tests are about.
    config.connections.pool.idle_timeout = S(100_000);
    config.connections.pool.age_max = S(100_000);
    change(&mut config);
    (Client::with(config).unwrap(), clock)
}

/// Lets other tasks go on until something has come true.
async fn until(is_true: impl Fn() -> bool) {
    while !is_true() {
        tokio::task::yield_now().await;
    }
}

/// Sends a request, waits until the peer has heard it, turns the clock, and says what came of it.
async fn overdue(peer: &Peer, timeouts: Timeouts, turn: Duration) -> Result<String, Error> {
    let (client, clock) = client(|config| config.timeouts = Some(timeouts));
    let url = peer.url("/");
    let asked = tokio::spawn(async move { client.get(&url).send().await?.text().await });
    until(|| peer.text(0).contains("\r\n\r\n")).await;
    clock.advance(turn);
    asked.await.unwrap()
}

#[tokio::test]
async fn each_deadline_says_what_did_not_come_in_time() {
    let none = || Timeouts { first_byte: None, between_bytes: None, total: None, ..Timeouts::default() };
    let part = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let table = [
        (vec![Head, Hang], Timeouts { first_byte: Some(S(5)), ..none() }, Phase::Wait, "no response began within 5s"),
        (vec![Head, Hang], Timeouts { total: Some(S(5)), ..none() }, Phase::Wait, "it was not complete within 5s"),
        (
            vec![Head, send(part), Hang],
            Timeouts { total: Some(S(5)), ..none() },
            Phase::Receive,
            "it was not complete within 5s",
        ),
    ];
    for (script, timeouts, phase, says) in table {
        let peer = Peer::once(script).await;
        let error = overdue(&peer, timeouts, S(5)).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        // Whether the head was there already when the clock was turned is the peer's affair.
        assert!(Phase::of(&error) == phase || Phase::of(&error) == Phase::Wait, "{error}");
    }
    let peer = Peer::once(vec![Head, send(part), Hang]).await;
    let (client, clock) = client(|config| {
        config.timeouts = Some(Timeouts { between_bytes: Some(S(5)), first_byte: None, ..Timeouts::default() });
    });
    let mut response = client.get(&peer.url("/")).send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "hello");
    // The pause counts from when somebody waits.
    clock.advance(S(100));
    let waiting = tokio::spawn(async move { response.chunk().await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    clock.advance(S(5));
    let error = waiting.await.unwrap().unwrap().unwrap_err();
    assert_eq!((Phase::of(&error), error.to_string().as_str()), (Phase::Receive, "no more content came for 5s"));
}

#[tokio::test]
async fn a_connection_has_to_stand_in_time() {
    let peer = Peer::once(vec![Hang]).await;
    let (client, clock) = client(|config| config.timeouts = None);
    let url = format!("https://{}/", peer.address);
    let asked = tokio::spawn(async move { client.get(&url).send().await.map(|_| ()) });
    // The first flight of the handshake has arrived, so that the connection is being made.
    until(|| !peer.text(0).is_empty()).await;
    clock.advance(S(20));
    let error = asked.await.unwrap().unwrap_err();
    assert!(error.to_string().ends_with("in 20s: the TLS handshake was not over"), "{error}");
    assert_eq!(Phase::of(&error), Phase::Secure);
}

#[tokio::test]
async fn a_server_that_wants_a_pause_gets_it() {
    let busy = "HTTP/1.1 429 Busy\r\nRetry-After: 10\r\nContent-Length: 0\r\n\r\n";
    let used = "HTTP/1.1 200 OK\r\nRateLimit: \"day\";r=0;t=31\r\nContent-Length: 2\r\n\r\nok";
    let peer = Peer::once(vec![Head, send(busy), Head, send(used), Head, send(OK), Hang]).await;
    let (client, clock) = client(|config| config.rate_limits = Some(RateLimits::default()));
    let heard = || peer.text(0).matches("GET / ").count();
    let url = peer.url("/");
    let first = client.get(&url).send().await.unwrap();
    assert_eq!(first.status(), 429);
    first.bytes().await.unwrap();
    let second = tokio::spawn(client.get(&url).send());
    tokio::task::yield_now().await;
    clock.advance(S(9));
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!second.is_finished() && heard() == 1, "it is held back");
    clock.advance(S(1));
    let second = second.await.unwrap().unwrap();
    let why = second.trail().read(|all| format!("{}: {}", all[0].outcome(), all[0].because()));
    let says = "the origin wants no request for 10.0s more: it answered 429 with Retry-After";
    assert_eq!(why, format!("held back for 10.0s: {says}"));
    assert_eq!(second.text().await.unwrap(), "ok");
    let refused = client.get(&url).send().await.unwrap_err();
    assert_eq!((Phase::of(&refused), refused.retry_after()), (Phase::Queue, Some(S(31))), "{refused}");
    assert!(refused.to_string().contains("its RateLimit says that nothing remains"), "{refused}");
    assert_eq!(heard(), 2, "31 s are longer than it waits, so that it says so at once");
    clock.advance(S(31));
    assert_eq!(client.get(&url).send().await.unwrap().text().await.unwrap(), "ok");
}

#[tokio::test]
async fn timings_are_complete_and_in_order() {
    let known = authority("the authority of timings");
    let folder = Folder::new("timings");
    let trusted = folder.write("ca.pem", &known.pem);
    for (http2, versions) in [(false, Versions::Http1), (true, Versions::Negotiated)] {
        let address = serve(settings(identity(&known, |_| {}), http2)).await;
        let mut config = ClientConfig::default();
        config.connections.tls.authorities = vec![trusted.clone()];
        config.connections.tls.only_authorities = true;
        config.connections.versions = versions;
        let client = Client::with(config).unwrap();
        let url = format!("https://localhost:{}/", address.port());
        for round in 0..2 {
            let response = client.get(&url).send().await.unwrap();
            let watch = response.watch().clone();
            let length = response.bytes().await.unwrap().len() as u64;
            let timings = watch.last().unwrap();
            let made = [timings.resolved, timings.connected, timings.secured];
            let each = [timings.queued, timings.sent, timings.first_byte, timings.done];
            assert!(each.iter().all(Option::is_some), "{timings:?}");
            assert!(made.iter().all(|step| step.is_some() == (round == 0)), "{timings:?}");
            let all: Vec<Duration> = [&each[..1], &made, &each[1..]].concat().into_iter().flatten().collect();
            assert!(all.is_sorted(), "{timings:?}");
            assert_eq!((timings.reused, timings.received_bytes), (round == 1, length));
            assert_eq!(timings.asked, format!("GET {url}"));
            assert_eq!((timings.ends.is_some(), timings.tls.is_some()), (round == 0, round == 0));
        }
    }
}
