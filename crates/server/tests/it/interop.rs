//! Our HTTP/2 engine as a client of servers that others wrote, over TLS and in cleartext.

use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tempfile::TempDir;
use tokio::net::UnixStream;
use wirelight_net::Transport;
use wirelight_net::tls::client;
use wirelight_proto::{Connection, Length, Part, h2};

use crate::peer::Peer;

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with its files, on Unix sockets so that no port can be taken; killed with the test.
struct Other {
    folder: TempDir,
    process: Child,
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Other {
    /// Writes files, certificates and a configuration, and starts the server.
    fn start(program: &str, arguments: &[&str], configuration: impl Fn(&Path) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(at("certificate.pem"), signed.cert.pem()).unwrap();
        fs::write(at("key.pem"), signed.signing_key.serialize_pem()).unwrap();
        fs::create_dir(at("site")).unwrap();
        fs::write(at("site/small.txt"), "small\n").unwrap();
        fs::write(at("site/large.bin"), large()).unwrap();
        fs::write(at("configuration"), configuration(folder.path())).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        // Servers are installed where not every user looks.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        let process = Command::new(program)
            .env("PATH", path)
            .args(arguments)
            .arg(at("configuration"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { folder, process }
    }

    fn socket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn connect(&self, socket: &str) -> UnixStream {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match UnixStream::connect(self.socket(socket)).await {
                Ok(stream) => return stream,
                Err(_) if Instant::now() < deadline => tokio::task::yield_now().await,
                Err(error) => panic!("{error}: {}", fs::read_to_string(self.socket("log")).unwrap()),
            }
        }
    }

    async fn connect_securely(&self, socket: &str) -> client::ClientSide<UnixStream> {
        let settings = client::Settings {
            authorities: vec![self.socket("certificate.pem")],
            only_authorities: true,
            http2: true,
            ..client::Settings::default()
        };
        let connector = client::Connector::new(&settings).unwrap();
        let mut tls = connector.connect(self.connect(socket).await, "localhost").unwrap().unwrap();
        let secured = poll_fn(|cx| tls.poll_handshake(cx)).await.unwrap();
        assert_eq!(secured.alpn.as_deref(), Some(&b"h2"[..]));
        tls
    }
}

fn large() -> Vec<u8> {
    (0..1_000_000u32).flat_map(u32::to_be_bytes).collect()
}

fn nginx() -> Other {
    Other::start("nginx", &["-c"], |folder| {
        let here = folder.display();
        format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/log;
             events {{}}
             http {{
                 access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
                 fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
                 client_max_body_size 10m;
                 server {{
                     listen unix:{here}/secure ssl http2; listen unix:{here}/clear http2;
                     ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem;
                     root {here}/site;
                     location /count {{ proxy_pass http://unix:{here}/inner; }}
                 }}
                 server {{
                     listen unix:{here}/inner;
                     location / {{ return 200 $http_content_length; }}
                 }}
             }}"
        )
    })
}

fn h2o() -> Other {
    Other::start("h2o", &["-c"], |folder| {
        let here = folder.display();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        format!(
            "user: {}\npid-file: {here}/pid\nerror-log: {here}/log\nnum-threads: 1\n\
             listen:\n  type: unix\n  port: {here}/clear\n\
             listen:\n  type: unix\n  port: {here}/secure\n  \
             ssl:\n    certificate-file: {here}/certificate.pem\n    key-file: {here}/key.pem\n\
             hosts:\n  default:\n    paths:\n      /:\n        file.dir: {here}/site\n",
            user.trim()
        )
    })
}

/// Small and large content, many streams at once, and what is not there.
async fn reads(mut peer: Peer<impl Transport>) {
    let stream = peer.get("https://localhost/small.txt");
    let answer = peer.answer(stream).await;
    assert_eq!((answer.status, &answer.content[..]), (StatusCode::OK, &b"small\n"[..]));
    let stream = peer.get("https://localhost/large.bin");
    assert!(peer.answer(stream).await.content == large());
    let stream = peer.get("https://localhost/nothing");
    assert_eq!(peer.answer(stream).await.status, StatusCode::NOT_FOUND);
    for _ in 0..50 {
        // The first of many is awaited last, so that answers cross.
        let first = peer.get("https://localhost/small.txt");
        let second = peer.ask(http::Request::head("https://localhost/large.bin").body(()).unwrap(), Length::Known(0));
        let mut ended = 0;
        while ended < 2 {
            match peer.next().await {
                wirelight_proto::Event::Received(of, Part::Response(parts, _)) => {
                    assert!(of == first || of == second);
                    assert_eq!(parts.status, StatusCode::OK);
                }
                wirelight_proto::Event::Received(of, Part::Content(content)) => {
                    assert_eq!((of, &content[..]), (first, &b"small\n"[..]));
                    peer.engine.consume(of, content.len());
                }
                wirelight_proto::Event::Received(_, Part::End(_)) => ended += 1,
                wirelight_proto::Event::Reset(of, reason) => panic!("{of:?}: {reason:?}"),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn nginx_is_spoken_to() {
    let nginx = nginx();
    reads(Peer::new(nginx.connect("clear").await, h2::Config::default())).await;
    reads(Peer::new(nginx.connect_securely("secure").await, h2::Config::default())).await;

    let mut peer = Peer::new(nginx.connect_securely("secure").await, h2::Config::default());
    let content = large();
    let request = http::Request::post("https://localhost/count").body(()).unwrap();
    let stream = peer.ask(request, Length::Known(content.len() as u64));
    let mut sent = 0;
    while sent < content.len() {
        let piece = peer.engine.capacity(stream).min(content.len() - sent).min(16 * 1024);
        match piece {
            0 => drop(peer.next().await),
            piece => peer.send(stream, Part::Content(Bytes::copy_from_slice(&content[sent..sent + piece]))),
        }
        sent += piece;
    }
    peer.send(stream, Part::End(HeaderMap::new()));
    let answer = peer.answer(stream).await;
    assert_eq!((answer.status, answer.content), (StatusCode::OK, content.len().to_string().into_bytes()));
}

#[tokio::test]
async fn h2o_is_spoken_to() {
    let h2o = h2o();
    reads(Peer::new(h2o.connect("clear").await, h2::Config::default())).await;
    reads(Peer::new(h2o.connect_securely("secure").await, h2::Config::default())).await;
}
