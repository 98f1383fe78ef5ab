//! Content on its way up and down: in chunks with trailers, from files and readers, and with its progress told.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use wirelight_client::multipart::{self, Form};
use wirelight_client::progress::{self, Progress};
use wirelight_client::{Client, ClientConfig, Versions};
use wirelight_service::{Body, Request, Response};

use crate::script::Step::{Hang, Head, Read};
use crate::script::{Peer, send};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a peer hears of content of an unknown length, until it ends with these bytes.
async fn heard(body: Body, length: usize) -> String {
    let peer = Peer::once(vec![Head, Read(length), send(OK), Hang]).await;
    let answer = Client::new().unwrap().post(&peer.url("/")).body(body).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    peer.text(0)
}

#[tokio::test]
async fn content_of_unknown_length_goes_in_chunks_with_its_trailers() {
    let (mut sender, body) = Body::channel(None);
    sender.push("abc".into());
    sender.push("defgh".into());
    sender.finish(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("8"))]));
    let sent = heard(body, 33).await;
    assert!(sent.contains("Transfer-Encoding: chunked\r\n") && !sent.contains("Content-Length"), "{sent}");
    assert!(sent.ends_with("3\r\nabc\r\n5\r\ndefgh\r\n0\r\nX-Sum: 8\r\n\r\n"), "{sent}");
}

#[tokio::test]
async fn trailers_go_up_and_come_back_over_http_2() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let echo =
            async |request: Request| -> wirelight_service::Result<Response> { Ok(Response::new(request.into_body())) };
        let (stream, _) = listener.accept().await.unwrap();
        let now = std::time::Instant::now();
        let engine = wirelight_proto::h2::Connection::new(wirelight_proto::Role::Server, Arc::default(), now);
        let info = wirelight_net::ConnectionInfo { id: 1, peer: None, secured: None, local: None };
        wirelight_net::serve(stream, engine, Arc::new(echo), Arc::default(), info).await;
    });
    let mut config = ClientConfig::default();
    config.connections.versions = Versions::Http2PriorKnowledge;
    let (mut sender, body) = Body::channel(None);
    sender.push("abc".into());
    sender.finish(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("3"))]));
    let client = Client::with(config).unwrap();
    let mut echoed = client.post(&format!("http://{address}/")).body(body).send().await.unwrap();
    assert_eq!(echoed.body_mut().data().await.unwrap().unwrap(), "abc");
    let trailers = echoed.body_mut().frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["x-sum"], "3");
}

#[tokio::test]
async fn files_readers_and_forms_are_sent() {
    let path = std::env::temp_dir().join(format!("wirelight-upload-{}", std::process::id()));
    std::fs::write(&path, "from a file").unwrap();
    let file = heard(multipart::file(&path).unwrap(), 11).await;
    assert!(file.contains("Content-Length: 11\r\n") && file.ends_with("\r\n\r\nfrom a file"), "{file}");
    let reader = heard(multipart::reader(&b"from a reader"[..]), 23).await;
    assert!(reader.ends_with("d\r\nfrom a reader\r\n0\r\n\r\n"), "{reader}");
    let form = || Form::new("line").text("a", "1").file("b", &path).unwrap();
    let length = form().into_body().size_hint().exact().unwrap();
    let peer = Peer::once(vec![Head, Read(usize::try_from(length).unwrap()), send(OK), Hang]).await;
    let answer = Client::new().unwrap().post(&peer.url("/")).multipart(form()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "ok");
    let sent = peer.text(0);
    assert!(sent.contains("Content-Type: multipart/form-data; boundary=line\r\n"), "{sent}");
    assert!(sent.contains("name=\"a\"\r\n\r\n1\r\n--line") && sent.contains("from a file\r\n--line--"), "{sent}");
    std::fs::remove_file(&path).unwrap();
}

/// A list of what was told, and what tells it.
fn list() -> (Arc<Mutex<Vec<Progress>>>, impl FnMut(Progress) + Send + 'static) {
    let told = Arc::<Mutex<Vec<Progress>>>::default();
    let list = Arc::clone(&told);
    (told, move |progress| list.lock().unwrap().push(progress))
}

#[tokio::test]
async fn progress_is_told_both_ways() {
    let content = vec![b'x'; 300_000];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.len());
    let answer = [head.as_bytes(), &content].concat();
    let peer = Peer::once(vec![Head, Read(300_000), send(&answer), Hang]).await;
    let (up, hears_up) = list();
    let (down, hears_down) = list();
    let body = progress::watch(multipart::reader(std::io::Cursor::new(content.clone())), hears_up);
    let sent = Client::new().unwrap().put(&peer.url("/")).body(body).send().await;
    let mut response = sent.unwrap();
    let body = std::mem::take(response.body_mut());
    let received = progress::watch(body, hears_down).collect(usize::MAX).await.unwrap();
    assert!(received == content);
    for (told, length) in [(&up, None), (&down, Some(300_000))] {
        let told = told.lock().unwrap();
        let last = told.last().unwrap();
        assert_eq!((last.done, last.length, last.is_over), (300_000, length, true));
        assert!(told.len() > 2 && told.is_sorted_by_key(|progress| progress.done), "{told:?}");
        assert!(told[..told.len() - 1].iter().all(|progress| !progress.is_over), "{told:?}");
    }
}

/// Content that comes in pieces, of a length that only its caller knows.
async fn streamed(pieces: &[&'static str], declared: &str) -> (Result<(), String>, String) {
    let (mut sender, body) = Body::channel(None);
    for piece in pieces {
        sender.push((*piece).into());
    }
    sender.finish(HeaderMap::new());
    let peer = Peer::once(vec![Head, Read(5), send(OK), Hang]).await;
    let request = Client::new().unwrap().post(&peer.url("/")).header("content-length", declared).body(body);
    let sent = request.send().await.map(drop).map_err(|error| error.to_string());
    (sent, peer.text(0))
}

#[tokio::test]
async fn a_length_that_the_caller_knows_is_believed_and_held_to() {
    let (sent, heard) = streamed(&["he", "llo"], "5").await;
    assert_eq!(sent, Ok(()));
    assert!(heard.contains("Content-Length: 5\r\n") && !heard.contains("chunked"), "{heard}");
    assert!(heard.ends_with("\r\n\r\nhello"), "{heard}");
    for (pieces, declared) in [(&["he", "llo"][..], "4"), (&["he", "llo"], "6"), (&[], "1")] {
        let (sent, _) = streamed(pieces, declared).await;
        let error = sent.expect_err(declared);
        assert!(error.contains("the content is not as long as it was said to be"), "{declared}: {error}");
    }
}

#[tokio::test]
async fn host_is_the_first_field() {
    let peer = Peer::play(vec![vec![Head, send(OK), Hang]]).await;
    for host in [None, Some("other.test")] {
        let client = Client::new().unwrap();
        let request = client.get(&peer.url("/")).header("a-first", "1");
        let request = host.into_iter().fold(request, |request, host| request.header("host", host));
        request.header("z-last", "2").send().await.unwrap();
    }
    let authority = format!("{}", peer.address);
    for (connection, host) in [(0, authority.as_str()), (1, "other.test")] {
        let heard = peer.text(connection);
        assert!(heard.starts_with(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n")), "{heard}");
        assert_eq!(heard.matches("Host:").count(), 1, "{heard}");
    }
}
