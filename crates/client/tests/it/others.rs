//! nginx, h2o and caddy, each over HTTP/1.1, over TLS, and over HTTP/2: what they give is what was asked for.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_NONE_MATCH, RANGE};
use wirelight_client::layer::Cache;
use wirelight_client::{Client, ClientConfig, Phase, Response, Versions};
use wirelight_net::tls::Identity;

use crate::tls::{Folder, authority, identity};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often one is started again because somebody took its port meanwhile.
const STARTS_MAX: usize = 5;

/// A server of others with a folder of files; it ends with the test.
struct Other {
    name: &'static str,
    folder: Folder,
    process: Child,
    /// The port of HTTP, and that of HTTPS.
    ports: [u16; 2],
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ports that nobody has now; the server that is to have them may find that somebody was faster.
fn free_ports() -> [u16; 2] {
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn text() -> String {
    (0..5000).map(|line| format!("{line}: a line that is much like the others\n")).collect()
}

fn large() -> Vec<u8> {
    (0..1_000_000u32).flat_map(u32::to_be_bytes).collect()
}

impl Other {
    fn start(name: &'static str, arguments: &[&str], configuration: fn(&Path, [u16; 2]) -> String) -> Self {
        let folder = Folder::new(&format!("{name}-{:?}", std::thread::current().id()).replace(['(', ')'], ""));
        let at = |name: &str| folder.0.join(name);
        let known = authority("the authority of others");
        let Identity::Pem(certificate, key) = identity(&known, |_| {}) else { panic!("it is made as PEM") };
        fs::create_dir_all(at("site")).unwrap();
        for (file, content) in [
            ("ca.pem", known.pem.as_bytes()),
            ("certificate.pem", certificate.as_bytes()),
            ("key.pem", key.as_bytes()),
            ("site/small.txt", b"small\n"),
            ("site/text.txt", text().as_bytes()),
            ("site/large.bin", &large()),
        ] {
            fs::write(at(file), content).unwrap();
        }
        for _ in 0..STARTS_MAX {
            let ports = free_ports();
            fs::write(at("configuration"), configuration(&folder.0, ports)).unwrap();
            let log = fs::File::create(at("log")).unwrap();
            // Servers are installed where not every user looks.
            let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
            let mut process = Command::new(name)
                .env("PATH", path)
                .envs([("HOME", &folder.0), ("XDG_DATA_HOME", &folder.0), ("XDG_CONFIG_HOME", &folder.0)])
                .args(arguments)
                .arg(at("configuration"))
                .stdin(Stdio::null())
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
                .unwrap_or_else(|error| panic!("{name}, which ./test installs: {error}"));
            let deadline = Instant::now() + PATIENCE;
            while process.try_wait().unwrap().is_none() {
                if ports.iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                    return Self { name, folder, process, ports };
                }
                assert!(Instant::now() < deadline, "{name}: {}", fs::read_to_string(at("log")).unwrap());
                std::thread::yield_now();
            }
        }
        panic!("{name} does not run: {}", fs::read_to_string(at("log")).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    fn client(&self, versions: Versions, change: impl FnOnce(&mut ClientConfig)) -> Client {
        let mut config = ClientConfig::default();
        config.connections.tls.authorities = vec![self.path("ca.pem")];
        config.connections.tls.only_authorities = true;
        config.connections.versions = versions;
        change(&mut config);
        Client::with(config).unwrap()
    }

    /// Each way to speak to it: the beginning of its URLs, what is offered, and what comes of that.
    fn ways(&self) -> [(String, Versions, http::Version); 3] {
        let [http, https] = self.ports;
        let secure = format!("https://localhost:{https}");
        [
            (format!("http://localhost:{http}"), Versions::Negotiated, http::Version::HTTP_11),
            (secure.clone(), Versions::Http1, http::Version::HTTP_11),
            (secure, Versions::Negotiated, http::Version::HTTP_2),
        ]
    }
}

fn nginx() -> Other {
    Other::start("nginx", &["-c"], |folder, [http, https]| {
        let here = folder.display();
        format!(
            "daemon off; master_process off; pid {here}/pid; error_log {here}/log;
             events {{}}
             http {{
                 access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
                 fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
                 types {{ text/plain txt; }} default_type application/octet-stream; gzip on; gzip_types text/plain; gzip_min_length 100; client_max_body_size 100m;
                 server {{
                     listen 127.0.0.1:{http}; listen 127.0.0.1:{https} ssl http2; root {here}/site;
                     ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem;
                     location = /old {{ return 301 /small.txt; }}
                     location = /count {{ proxy_pass http://unix:{here}/inner; }}
                 }}
                 server {{ listen unix:{here}/inner; location / {{ return 200 $http_content_length; }} }}
             }}"
        )
    })
}

fn h2o() -> Other {
    Other::start("h2o", &["-c"], |folder, [http, https]| {
        let here = folder.display();
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        format!(
            "user: {}\npid-file: {here}/pid\nerror-log: {here}/log\nnum-threads: 1\ncompress: ON\n\
             listen:\n  host: 127.0.0.1\n  port: {http}\n\
             listen:\n  host: 127.0.0.1\n  port: {https}\n  \
             ssl:\n    certificate-file: {here}/certificate.pem\n    key-file: {here}/key.pem\n\
             hosts:\n  default:\n    paths:\n      /old:\n        redirect:\n          status: 301\n          \
             url: /small.txt\n      /:\n        file.dir: {here}/site\n",
            user.trim()
        )
    })
}

fn caddy() -> Other {
    Other::start("caddy", &["run", "--adapter", "caddyfile", "--config"], |folder, [http, https]| {
        let here = folder.display();
        let site = format!(
            "bind 127.0.0.1\nroot * {here}/site\nencode gzip\nredir /old /small.txt 301\n\
             respond /count {{http.request.header.content-length}}\nfile_server\n"
        );
        format!(
            "{{\nadmin off\nauto_https off\n}}\n\
             http://localhost:{http} {{\n{site}}}\n\
             https://localhost:{https} {{\ntls {here}/certificate.pem {here}/key.pem\n{site}}}\n"
        )
    })
}

fn reasons(response: &Response) -> Vec<String> {
    response.trail().read(|all| all.iter().map(|one| format!("{}: {}", one.outcome(), one.because())).collect())
}

/// Whole content, its head alone, a part of it, and what is not there; all over one connection.
async fn reads(client: &Client, base: &str, version: http::Version, name: &str) {
    for round in 0..3 {
        let small = client.get(&format!("{base}/small.txt")).send().await.unwrap();
        assert_eq!((small.status().as_u16(), small.version()), (200, version), "{name}");
        assert_eq!(small.timings().reused, round > 0, "{name}: {:?}", reasons(&small));
        assert_eq!(small.text().await.unwrap(), "small\n", "{name}");
    }
    let large_url = format!("{base}/large.bin");
    assert!(client.get(&large_url).send().await.unwrap().bytes().await.unwrap() == large(), "{name}");
    let head = client.head(&large_url).send().await.unwrap();
    assert_eq!(
        (&head.headers()[CONTENT_LENGTH], &head.headers()[ACCEPT_RANGES]),
        (&"4000000".parse().unwrap(), &"bytes".parse().unwrap()),
        "{name}"
    );
    assert_eq!(head.bytes().await.unwrap(), "", "{name}");
    let part = client.get(&large_url).header(RANGE, "bytes=4-11").send().await.unwrap();
    assert_eq!(
        (part.status().as_u16(), &part.headers()[CONTENT_RANGE]),
        (206, &"bytes 4-11/4000000".parse().unwrap()),
        "{name}"
    );
    assert_eq!(part.bytes().await.unwrap()[..], [0, 0, 0, 1, 0, 0, 0, 2], "{name}");
    let beyond = client.get(&large_url).header(RANGE, "bytes=4000000-").send().await.unwrap();
    assert_eq!(beyond.status(), 416, "{name}");
    drop(beyond.bytes().await);
    let none = client.get(&format!("{base}/none")).send().await.unwrap();
    assert_eq!(none.status(), 404, "{name}");
    drop(none.bytes().await);
    assert_eq!(client.connections().count().0, 1, "{name}: all of it over one connection");
}

/// Content that is compressed on the way, and a redirection.
async fn codings_and_redirections(client: &Client, base: &str, name: &str) {
    let coded = client.get(&format!("{base}/text.txt")).send().await.unwrap();
    assert!(!coded.headers().contains_key(CONTENT_ENCODING), "{name}");
    let because = reasons(&coded);
    assert!(because.iter().any(|one| one.starts_with("the content was decoded: ")), "{name}: {because:?}");
    assert_eq!(coded.text().await.unwrap(), text(), "{name}");
    let moved = client.get(&format!("{base}/old")).send().await.unwrap();
    assert_eq!((moved.status().as_u16(), moved.url().path()), (200, "/small.txt"), "{name}");
    assert_eq!(moved.text().await.unwrap(), "small\n", "{name}");
}

/// What has not changed is not sent again, whether the caller asks so or the cache.
async fn validation(other: &Other, base: &str, versions: Versions) {
    let name = other.name;
    let url = format!("{base}/small.txt");
    let client = other.client(versions, |config| config.cache = Some(Cache::default()));
    let first = client.get(&url).send().await.unwrap();
    let tag = first.headers()[ETAG].clone();
    assert_eq!(first.text().await.unwrap(), "small\n", "{name}");
    let asked = other.client(versions, |_| {}).get(&url).header(IF_NONE_MATCH, tag.clone()).send().await.unwrap();
    assert_eq!((asked.status().as_u16(), &asked.headers()[ETAG]), (304, &tag), "{name}");
    assert_eq!(asked.bytes().await.unwrap(), "", "{name}");
    let again = client.get(&url).header("cache-control", "max-age=0").send().await.unwrap();
    assert_eq!(again.headers()["cache-status"], "wirelight; fwd=request; fwd-status=304; ttl=0", "{name}");
    assert_eq!((again.status().as_u16(), again.timings().reused), (200, true), "{name}");
    assert_eq!(again.text().await.unwrap(), "small\n", "{name}");
}

async fn each_way(other: Other) {
    for (base, versions, version) in other.ways() {
        let client = other.client(versions, |_| {});
        reads(&client, &base, version, other.name).await;
        codings_and_redirections(&client, &base, other.name).await;
        // Many at once: over HTTP/2, they share what is there.
        let url = format!("{base}/text.txt");
        let many: Vec<_> = (0..40).map(|_| tokio::spawn(client.get(&url).send())).collect();
        for one in many {
            assert_eq!(one.await.unwrap().unwrap().text().await.unwrap(), text(), "{}", other.name);
        }
        if version == http::Version::HTTP_2 {
            assert_eq!(client.connections().count().0, 1, "{}", other.name);
        }
    }
    let secure = format!("https://localhost:{}/", other.ports[1]);
    let stranger = authority("nobody");
    let folder = Folder::new(&format!("stranger-{}", other.name));
    let mut config = ClientConfig::default();
    config.connections.tls.authorities = vec![folder.write("ca.pem", &stranger.pem)];
    config.connections.tls.only_authorities = true;
    let error = Client::with(config).unwrap().get(&secure).send().await.unwrap_err();
    assert_eq!(Phase::of(&error), Phase::Secure, "{}: {error}", other.name);
    assert!(error.to_string().contains("no authority that is trusted stands behind"), "{}: {error}", other.name);
}

/// Content goes up as it is read, with its length and without.
async fn uploads(other: &Other) {
    for (base, versions, _) in other.ways() {
        let client = other.client(versions, |_| {});
        let url = format!("{base}/count");
        let content = vec![b'x'; 2_000_000];
        let counted = client.post(&url).body(content).send().await.unwrap();
        assert_eq!(counted.text().await.unwrap(), "2000000", "{}", other.name);
    }
}

#[tokio::test]
async fn nginx_gives_what_was_asked_for() {
    let nginx = nginx();
    uploads(&nginx).await;
    for (base, versions, _) in nginx.ways() {
        validation(&nginx, &base, versions).await;
    }
    each_way(nginx).await;
}

#[tokio::test]
async fn h2o_gives_what_was_asked_for() {
    let h2o = h2o();
    for (base, versions, _) in h2o.ways() {
        validation(&h2o, &base, versions).await;
    }
    each_way(h2o).await;
}

#[tokio::test]
async fn caddy_gives_what_was_asked_for() {
    let caddy = caddy();
    uploads(&caddy).await;
    for (base, versions, _) in caddy.ways() {
        validation(&caddy, &base, versions).await;
    }
    each_way(caddy).await;
}
