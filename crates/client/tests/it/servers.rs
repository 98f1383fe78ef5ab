//! Servers that others wrote, where this machine has them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wirelight_client::{Client, Versions};
use wirelight_service::Body;

/// A server of others; it ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a command that prints its port, as the first number of four or five digits; `None` if there is no such
/// command on this machine.
fn start(command: &mut Command) -> Option<Server> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let port = lines.find_map(|line| {
        let line = line.ok()?;
        line.split(|c: char| !c.is_ascii_digit())
            .filter(|digits| digits.len() >= 4)
            .find_map(|digits| digits.parse().ok())
    });
    let Some(port) = port else {
        let _ = child.kill();
        let _ = child.wait();
        return None;
    };
    // What it still prints goes nowhere, but must not fill its pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Some(Server { child, port })
}

const NODE: &str = "
const http = require('http');
const server = http.createServer((request, response) => {
  if (request.url === '/echo') { response.setHeader('x-method', request.method); request.pipe(response); return; }
  if (request.url === '/trailers') {
    response.setHeader('Trailer', 'x-sum'); response.write('a'); response.addTrailers({'x-sum': '1'}); response.end(); return;
  }
  if (request.url === '/hints') { response.writeEarlyHints({link: '</a>; rel=preload'}); response.end('ok'); return; }
  if (request.url === '/cut') { response.writeHead(200, {'Content-Length': 10}); response.write('hello'); setTimeout(() => response.destroy(), 20); return; }
  response.end('ok');
});
server.keepAliveTimeout = 1000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

#[tokio::test]
async fn node_gives_what_was_asked_for() {
    let Some(server) = start(Command::new("node").args(["-e", NODE])) else { return };
    let client = Client::new().unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    for _ in 0..3 {
        assert_eq!(client.get(&url("/")).send().await.unwrap().text().await.unwrap(), "ok");
    }
    assert_eq!(client.connections().count(), (1, 1));
    let megabytes = vec![b'x'; 3 << 20];
    let echoed = client.put(&url("/echo")).body(megabytes.clone()).send().await.unwrap();
    assert_eq!(echoed.headers()["x-method"], "PUT");
    assert!(echoed.bytes().await.unwrap() == megabytes);
    let (mut sender, body) = Body::channel(None);
    let streamed = tokio::spawn(client.post(&url("/echo")).body(body).send());
    for word in ["a", "b", "c"] {
        sender.push(bytes::Bytes::from(word));
        tokio::task::yield_now().await;
    }
    sender.finish(http::HeaderMap::new());
    assert_eq!(streamed.await.unwrap().unwrap().text().await.unwrap(), "abc");
    let mut trailers = client.get(&url("/trailers")).send().await.unwrap();
    assert_eq!(trailers.body_mut().data().await.unwrap().unwrap(), "a");
    let frame = trailers.body_mut().frame().await.unwrap().unwrap();
    assert_eq!(frame.into_trailers().unwrap()["x-sum"], "1");
    assert_eq!(client.get(&url("/hints")).send().await.unwrap().text().await.unwrap(), "ok");
    let cut = client.get(&url("/cut")).send().await.unwrap().bytes().await.unwrap_err();
    assert!(cut.to_string().contains("ended before the content did"), "{cut}");
}

#[tokio::test]
async fn node_closes_what_rests_and_no_request_meets_that() {
    let Some(server) = start(Command::new("node").args(["-e", NODE])) else { return };
    let client = Client::new().unwrap();
    let url = format!("http://127.0.0.1:{}/", server.port);
    for pause in [0, 480, 520, 700, 980, 1000, 1020] {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let sent = client.post(&url).body("x").send().await;
        assert_eq!(sent.unwrap().text().await.unwrap(), "ok", "after {pause} ms");
    }
}

#[tokio::test]
async fn python_speaks_http_1_0_and_is_understood() {
    let arguments = ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", env!("CARGO_MANIFEST_DIR")];
    let Some(server) = start(Command::new("python3").args(arguments)) else { return };
    let client = Client::new().unwrap();
    let manifest = client.get(&format!("http://127.0.0.1:{}/Cargo.toml", server.port)).send().await.unwrap();
    assert_eq!(manifest.version(), http::Version::HTTP_10);
    assert_eq!(manifest.bytes().await.unwrap(), include_str!("../../Cargo.toml"));
    let missing = client.get(&format!("http://127.0.0.1:{}/none", server.port)).send().await.unwrap();
    assert!(missing.ok().unwrap_err().to_string().contains("404"));
    assert_eq!(client.connections().count(), (0, 0), "HTTP/1.0 keeps no connection");
}

const NODE_HTTP2: &str = "
const server = require('http2').createServer();
server.on('stream', (stream, headers) => {
  if (headers[':path'] === '/echo') { stream.respond({'x-method': headers[':method']}); stream.pipe(stream); return; }
  if (headers[':path'] === '/reset') { stream.close(7); return; }
  stream.respond({':status': 200}); stream.end('two');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

#[tokio::test]
async fn node_speaks_http_2_with_prior_knowledge() {
    let Some(server) = start(Command::new("node").args(["-e", NODE_HTTP2])) else { return };
    let mut config = wirelight_client::ClientConfig::default();
    config.connections.versions = Versions::Http2PriorKnowledge;
    let client = Client::with(config).unwrap();
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.port);
    let many: Vec<_> = (0..50).map(|_| tokio::spawn(client.get(&url("/")).send())).collect();
    for one in many {
        let response = one.await.unwrap().unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.text().await.unwrap(), "two");
    }
    assert_eq!(client.connections().count().0, 1);
    let megabytes = vec![b'x'; 3 << 20];
    let echoed = client.post(&url("/echo")).body(megabytes.clone()).send().await.unwrap();
    assert!(echoed.bytes().await.unwrap() == megabytes);
    let reset = client.post(&url("/reset")).body("x").send().await.unwrap_err();
    assert!(reset.to_string().contains("reset"), "{reset}");
}
