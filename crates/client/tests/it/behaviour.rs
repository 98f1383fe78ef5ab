//! What the client does with peers that behave.

use std::time::Duration;

use wirelight_client::layer::{Authenticate, Credentials, Retry, SharedJar};
use wirelight_client::{Client, ClientConfig};
use wirelight_semantics::uri::Origin;

use super::script::Step::{self, Hang, Head};
use super::script::{Peer, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn exchanges(answers: &[&str]) -> Vec<Step> {
    answers.iter().flat_map(|answer| [Head, send(answer)]).chain([Hang]).collect()
}

async fn text(client: &Client, url: &str) -> String {
    client.get(url).send().await.unwrap().text().await.unwrap()
}

fn reasons(response: &wirelight_client::Response) -> Vec<String> {
    response.trail().read(|all| all.iter().map(|one| format!("{}: {}", one.outcome(), one.because())).collect())
}

#[tokio::test]
async fn a_connection_is_used_again_and_the_trail_says_so() {
    let peer = Peer::once(exchanges(&[OK; 3])).await;
    let client = Client::new().unwrap();
    for round in 0..3 {
        let response = client.get(&peer.url("/")).send().await.unwrap();
        assert_eq!(response.timings().reused, round > 0);
        let reasons = reasons(&response);
        let expected = if round == 0 { "a connection was opened" } else { "a connection was used again" };
        assert!(reasons[0].starts_with(expected), "{reasons:?}");
        assert_eq!(response.text().await.unwrap(), "ok");
    }
    assert_eq!((peer.connections(), client.connections().count()), (1, (1, 1)));
}

#[tokio::test]
async fn a_connection_that_the_server_closes_is_gone_at_once() {
    let peer = Peer::once(vec![Head, send(OK), Step::Pause(20)]).await;
    let client = Client::new().unwrap();
    assert_eq!(text(&client, &peer.url("/")).await, "ok");
    assert_eq!(client.connections().count(), (1, 1));
    for _ in 0..100 {
        if client.connections().count() == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody noticed");
}

#[tokio::test]
async fn an_idempotent_request_on_a_dead_connection_is_sent_again_once() {
    // The first connection dies under its second request.
    let peer = Peer::play(vec![vec![Head, send(OK), Head, Step::Reset], exchanges(&[OK])]).await;
    let client = Client::new().unwrap();
    assert_eq!(text(&client, &peer.url("/1")).await, "ok");
    let response = client.get(&peer.url("/2")).send().await.unwrap();
    let reasons = reasons(&response);
    assert!(
        reasons.iter().any(|reason| reason.starts_with("sent again: ") && reason.contains("idempotent")),
        "{reasons:?}"
    );
    assert!(peer.text(1).starts_with("GET /2 "));
}

#[tokio::test]
async fn a_request_that_might_be_done_twice_is_not_sent_again() {
    let peer = Peer::play(vec![vec![Head, send(OK), Head, Step::Reset], exchanges(&[OK])]).await;
    let client = Client::new().unwrap();
    assert_eq!(text(&client, &peer.url("/1")).await, "ok");
    let error = client.post(&peer.url("/2")).body("x").send().await.unwrap_err();
    assert!(error.to_string().contains("the connection broke"), "{error}");
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn what_the_server_says_of_its_patience_is_kept_to() {
    let announcing = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok";
    let peer = Peer::once(exchanges(&[announcing, OK])).await;
    let client = Client::new().unwrap();
    text(&client, &peer.url("/")).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    text(&client, &peer.url("/")).await;
    assert_eq!(peer.connections(), 2, "half a second before the server would have closed, it is not used any more");
}

#[tokio::test]
async fn connections_are_limited_and_requests_wait_their_turn() {
    let peer = Peer::once(exchanges(&[OK; 8])).await;
    let mut config = ClientConfig::default();
    config.connections.pool.connections_max = 1;
    let client = Client::with(config).unwrap();
    let url = peer.url("/");
    let all: Vec<_> = (0..8)
        .map(|_| {
            let (client, url) = (client.clone(), url.clone());
            tokio::spawn(async move { text(&client, &url).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), "ok");
    }
    assert_eq!(peer.connections(), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_does_not_keep_its_place() {
    let peer = Peer::play(vec![vec![Hang], exchanges(&[OK])]).await;
    let mut config = ClientConfig::default();
    config.connections.pool.connections_max = 1;
    let client = Client::with(config).unwrap();
    let url = peer.url("/");
    let given_up = tokio::time::timeout(Duration::from_millis(50), client.get(&url).send()).await;
    assert!(given_up.is_err());
    assert_eq!(text(&client, &url).await, "ok");
}

#[tokio::test]
async fn redirections_change_what_the_status_says() {
    let peer =
        Peer::once(exchanges(&["HTTP/1.1 303 See Other\r\nLocation: /there?x\r\nContent-Length: 0\r\n\r\n", OK])).await;
    let client = Client::new().unwrap();
    let response = client.post(&peer.url("/here")).json(&1).send().await.unwrap();
    assert_eq!(response.url().path(), "/there");
    let heard = peer.text(0);
    assert!(heard.contains("POST /here ") && heard.contains("GET /there?x "), "{heard}");
    assert!(!heard.split("GET /there").nth(1).unwrap().to_lowercase().contains("content-type"), "{heard}");
}

#[tokio::test]
async fn credentials_stay_behind_when_the_origin_changes() {
    let elsewhere = Peer::once(exchanges(&[OK])).await;
    let answer = format!("HTTP/1.1 307 Elsewhere\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", elsewhere.url("/"));
    let peer = Peer::once(exchanges(&[&answer])).await;
    let client = Client::new().unwrap();
    let sent = client.get(&peer.url("/")).bearer("secret").header("cookie", "a=b").send().await.unwrap();
    assert_eq!(sent.status(), 200);
    assert!(peer.text(0).contains("secret"));
    let heard = elsewhere.text(0).to_lowercase();
    assert!(!heard.contains("secret") && !heard.contains("cookie"), "{heard}");
}

#[tokio::test]
async fn cookies_come_back() {
    let setting = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Domain=other.test\r\nContent-Length: 2\r\n\r\nok";
    let peer = Peer::once(exchanges(&[setting, OK])).await;
    let client = Client::with(ClientConfig { cookies: Some(SharedJar::default()), ..ClientConfig::default() }).unwrap();
    text(&client, &peer.url("/")).await;
    text(&client, &peer.url("/")).await;
    let second = peer.text(0);
    assert!(second.to_lowercase().contains("\r\ncookie: a=1\r\n"), "{second}");
}

#[tokio::test]
async fn a_digest_is_proved_and_remembered() {
    let challenge = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256\r\nContent-Length: 2\r\n\r\nno";
    let peer = Peer::once(exchanges(&[challenge, OK, OK])).await;
    let origin = Origin::parse(&format!("http://{}", peer.address)).unwrap();
    let authenticate = Authenticate::to(origin, Credentials::Digest("me".into(), "secret".into()));
    let client = Client::with(ClientConfig { authenticate: Some(authenticate), ..ClientConfig::default() }).unwrap();
    assert_eq!(text(&client, &peer.url("/a")).await, "ok");
    assert_eq!(text(&client, &peer.url("/b")).await, "ok");
    let heard = peer.text(0);
    assert!(heard.contains("nc=00000001") && heard.contains("nc=00000002") && !heard.contains("secret"), "{heard}");
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n";
    let peer = Peer::once(exchanges(&[busy, busy, OK])).await;
    let retry = Retry { wait: Duration::from_millis(1), ..Retry::default() };
    let client = Client::with(ClientConfig { retry: Some(retry), ..ClientConfig::default() }).unwrap();
    assert_eq!(text(&client, &peer.url("/")).await, "ok");
}

#[tokio::test]
async fn every_coding_comes_off() {
    use std::io::Write;
    let content = b"hello ".repeat(50_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&content).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(&content).unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    raw.write_all(&content).unwrap();
    let mut brotli = Vec::new();
    brotli::BrotliCompress(&mut &content[..], &mut brotli, &Default::default()).unwrap();
    let table = [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", raw.finish().unwrap()),
        ("br", brotli),
        ("zstd", zstd::encode_all(&content[..], 3).unwrap()),
    ];
    for (coding, coded) in table {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", coded.len());
        let peer = Peer::once(vec![Head, send([head.as_bytes(), &coded].concat()), Hang]).await;
        let response = Client::new().unwrap().get(&peer.url("/")).send().await.unwrap();
        assert!(!response.headers().contains_key("content-encoding"));
        assert!(response.bytes().await.unwrap() == content, "{coding}");
    }
}

#[test]
fn the_blocking_twin_does_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let peer = runtime.block_on(Peer::once(exchanges(&[OK, OK])));
    let client = wirelight_client::blocking::Client::new().unwrap();
    for _ in 0..2 {
        assert_eq!(client.get(&peer.url("/")).query([("a", "b c")]).send().unwrap().text().unwrap(), "ok");
    }
    assert_eq!(peer.connections(), 1);
    assert!(peer.text(0).starts_with("GET /?a=b+c HTTP/1.1\r\n"), "{}", peer.text(0));
}

#[tokio::test]
async fn a_request_that_cannot_be_made_says_why() {
    let client = Client::new().unwrap();
    for (url, says) in [
        ("example.org", "does not say a scheme and a host"),
        ("ftp://a.test/", "`ftp` is not a scheme"),
        ("http://", "no URL"),
        ("http://a.test:99999/", "no URL"),
        ("http://[::1/", "no URL"),
    ] {
        let error = client.get(url).send().await.unwrap_err();
        assert!(error.to_string().contains(says), "{url}: {error}");
    }
    let error = client.get("http://a.test/").header("a b", "c").send().await.unwrap_err();
    assert!(error.to_string().contains("a name that no field can have"), "{error}");
}
