//! node and Python's http.server: what they give is what was asked for.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::header::{CONTENT_ENCODING, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use wirelight_client::{Client, ClientConfig, Versions};
use wirelight_net::tls::Identity;
use wirelight_service::Body;

use crate::tls::{Folder, authority, identity};

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

/// Starts a command that prints its port, as the first number of four or five digits; ./test installs all that are
/// started here.
fn start(command: &mut Command) -> Server {
    let name = format!("{command:?}");
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
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
        panic!("{name} does not say its port");
    };
    // What it still prints goes nowhere, but must not fill its pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Server { child, port }
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
    let server = start(Command::new("node").args(["-e", NODE]));
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
    let server = start(Command::new("node").args(["-e", NODE]));
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
    let server = start(Command::new("python3").args(arguments));
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
  stream.on('error', () => {});
  if (headers[':path'] === '/echo') { stream.respond({'x-method': headers[':method']}); stream.pipe(stream); return; }
  if (headers[':path'] === '/reset') { stream.close(7); return; }
  stream.respond({':status': 200}); stream.end('two');
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

#[tokio::test]
async fn node_speaks_http_2_with_prior_knowledge() {
    let server = start(Command::new("node").args(["-e", NODE_HTTP2]));
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
    assert!(reset.to_string().contains("the server reset the stream"), "{reset}");
}

/// HTTPS with both versions of HTTP, as ALPN chooses.
const NODE_SECURE: &str = "
const fs = require('fs'), zlib = require('zlib');
const folder = process.argv[1];
const page = 'a line that is like the others\\n'.repeat(1000);
const options = {allowHTTP1: true, cert: fs.readFileSync(folder + '/cert.pem'), key: fs.readFileSync(folder + '/key.pem')};
const server = require('http2').createSecureServer(options, (request, response) => {
  if (request.url === '/old') { response.writeHead(302, {location: '/page'}); response.end(); return; }
  if (request.headers['if-none-match'] === '\"v1\"') { response.writeHead(304, {etag: '\"v1\"'}); response.end(); return; }
  const accepted = request.headers['accept-encoding'] || '';
  for (const [name, code] of [['br', zlib.brotliCompressSync], ['gzip', zlib.gzipSync], ['deflate', zlib.deflateSync]]) {
    if (request.url === '/' + name && accepted.includes(name)) {
      response.writeHead(200, {'content-encoding': name}); response.end(code(page)); return;
    }
  }
  response.writeHead(200, {etag: '\"v1\"'}); response.end(page);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
";

/// A folder with an authority, and a certificate for `localhost` that it signed.
fn certified(name: &str) -> Folder {
    let known = authority("the authority of servers");
    let folder = Folder::new(name);
    let Identity::Pem(certificate, key) = identity(&known, |_| {}) else { panic!("it is made as PEM") };
    for (file, text) in [("ca.pem", &known.pem), ("cert.pem", &certificate), ("key.pem", &key)] {
        folder.write(file, text);
    }
    folder
}

fn trusting(folder: &Folder, versions: Versions) -> Client {
    let mut config = ClientConfig::default();
    config.connections.tls.authorities = vec![folder.0.join("ca.pem")];
    config.connections.tls.only_authorities = true;
    config.connections.versions = versions;
    Client::with(config).unwrap()
}

#[tokio::test]
async fn node_speaks_both_versions_over_tls() {
    let folder = certified("node");
    let server = start(Command::new("node").args(["-e", NODE_SECURE]).arg(&folder.0));
    let page = "a line that is like the others\n".repeat(1000);
    for (versions, version) in
        [(Versions::Negotiated, http::Version::HTTP_2), (Versions::Http1, http::Version::HTTP_11)]
    {
        let client = trusting(&folder, versions);
        let url = |path: &str| format!("https://localhost:{}{path}", server.port);
        for path in ["/br", "/gzip", "/deflate", "/plain", "/old"] {
            let response = client.get(&url(path)).send().await.unwrap();
            assert_eq!((response.status().as_u16(), response.version()), (200, version), "{path}");
            assert!(!response.headers().contains_key(CONTENT_ENCODING), "{path}");
            assert_eq!(response.url().path(), if path == "/old" { "/page" } else { path });
            assert_eq!(response.text().await.unwrap(), page, "{path}");
        }
        let same = client.get(&url("/plain")).header(IF_NONE_MATCH, "\"v1\"").send().await.unwrap();
        assert_eq!((same.status().as_u16(), &same.headers()[ETAG]), (304, &"\"v1\"".parse().unwrap()));
        assert_eq!(same.bytes().await.unwrap(), "");
        assert_eq!(client.connections().count().0, 1);
    }
}

/// Python's http.server, kept alive and over TLS.
const PYTHON_SECURE: &str = "
import http.server, ssl, sys
folder = sys.argv[1]
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def __init__(self, *arguments): super().__init__(*arguments, directory=folder)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/cert.pem', folder + '/key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
";

#[tokio::test]
async fn python_is_kept_alive_over_tls() {
    let folder = certified("python");
    std::fs::create_dir_all(folder.0.join("deep")).unwrap();
    folder.write("deep/index.html", "<p>here</p>");
    let server = start(Command::new("python3").args(["-u", "-c", PYTHON_SECURE]).arg(&folder.0));
    let client = trusting(&folder, Versions::Negotiated);
    let url = |path: &str| format!("https://localhost:{}{path}", server.port);
    let certificate = client.get(&url("/cert.pem")).send().await.unwrap();
    let modified = certificate.headers()[LAST_MODIFIED].clone();
    assert_eq!(certificate.version(), http::Version::HTTP_11);
    assert_eq!(certificate.bytes().await.unwrap(), std::fs::read(folder.0.join("cert.pem")).unwrap());
    let same = client.get(&url("/cert.pem")).header(IF_MODIFIED_SINCE, modified).send().await.unwrap();
    assert_eq!((same.status().as_u16(), same.timings().reused), (304, true));
    assert_eq!(same.bytes().await.unwrap(), "");
    let moved = client.get(&url("/deep")).send().await.unwrap();
    assert_eq!((moved.status().as_u16(), moved.url().path()), (200, "/deep/"));
    assert_eq!(moved.text().await.unwrap(), "<p>here</p>");
    let head = client.head(&url("/deep/")).send().await.unwrap();
    assert_eq!((head.headers()["content-length"].to_str().unwrap(), head.timings().reused), ("11", true));
    let refused = client.post(&url("/deep/")).body("x").send().await.unwrap();
    assert_eq!(refused.status(), 501);
}
