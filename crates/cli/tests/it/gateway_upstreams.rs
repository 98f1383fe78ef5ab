//! The gateway in front of servers that others wrote: nginx, node, Python's http.server, uvicorn with a FastAPI
//! application, and h2o over HTTP/2.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::gateway_reload::Running;
use crate::process::{PATIENCE, curl, until};

/// A server of others; it ends with the test.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a command that prints its port as the last number of a line.
    fn printing(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, errors) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (tell, told) = std::sync::mpsc::channel();
        for stream in [Box::new(out) as Box<dyn Read + Send>, Box::new(errors)] {
            let tell = tell.clone();
            // What it still prints goes nowhere, but must not fill its pipe.
            thread::spawn(move || {
                BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(tell.send(line)));
            });
        }
        let port = loop {
            let line = told.recv_timeout(PATIENCE).expect("it says where it listens");
            let digits = line.split(|char: char| !char.is_ascii_digit()).filter(|digits| digits.len() >= 4);
            if let Some(port) = digits.filter_map(|digits| digits.parse().ok()).find(|port| *port > 1024)
                && line.contains("port") | line.contains("http://127.0.0.1:")
            {
                break port;
            }
        };
        Self { child, port }
    }

    /// Starts a command on a port that was free a moment ago.
    fn on(port: u16, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        until("the server to listen", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn large() -> Vec<u8> {
    (0..1_000_000_u32).map(|position| (position % 251) as u8).collect()
}

/// A folder with a small and a large file.
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("small.txt"), "small\n").unwrap();
    fs::write(folder.path().join("large.bin"), large()).unwrap();
    // Servers that drop their privileges have to read it, too.
    Command::new("chmod").args(["-R", "a+rX", folder.path().to_str().unwrap()]).status().unwrap();
    folder
}

/// A gateway that forwards everything to one server.
fn front(server: &str, settings: &str) -> Running {
    front_trusting(server, settings, None)
}

fn front_trusting(server: &str, settings: &str, authority: Option<&Path>) -> Running {
    let config = format!(
        "upstream u {{\n server \"{server}\"\n {settings}\n}}\n\
         access-log \"log\" format=json\nsite default {{\n listen \"ADDRESS\"\n route name=all {{ proxy u host=upstream }}\n}}\n"
    );
    Running::start_with(&config, &[], |command| {
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
    })
}

/// What a server of files answers, over both versions of HTTP to us.
fn reads_files(front: &Running, has_ranges: bool) {
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(curl(&[version, &front.url("/small.txt")]), "small\n", "{version}");
        curl(&[version, "-o", body.to_str().unwrap(), &front.url("/large.bin")]);
        assert!(fs::read(&body).unwrap() == large(), "{version}: a large file comes as it is");
        let head = curl(&[version, "-I", &front.url("/large.bin")]).to_ascii_lowercase();
        assert!(head.contains(" 200") && head.contains("content-length: 1000000"), "{version}: {head}");
        assert!(head.contains("via: "), "{version}: {head}");
        let missing = curl(&[version, "-s", "-o", "/dev/null", "-w", "%{http_code}", &front.url("/nothing")]);
        assert_eq!(missing, "404", "{version}");
        let tag = head.lines().find_map(|line| line.strip_prefix("last-modified: ")).unwrap().to_owned();
        let date = until_capital(&tag);
        let since = format!("If-Modified-Since: {date}");
        let fresh = curl(&[version, "-o", "/dev/null", "-w", "%{http_code}", "-H", &since, &front.url("/large.bin")]);
        assert_eq!(fresh, "304", "{version} {since}");
        if has_ranges {
            let part = curl(&[version, "-r", "1-3", &front.url("/small.txt")]);
            assert_eq!(part, "mal", "{version}");
        }
    }
    // Many at once, on many connections and on one.
    for way in [&["--h1", "-c", "10"][..], &["-c", "1", "-m", "20"]] {
        let output =
            Command::new("h2load").args(["-n", "200"]).args(way).arg(front.url("/small.txt")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("200 succeeded, 0 failed") && text.contains("status codes: 200 2xx"), "{way:?}: {text}");
    }
}

/// A date in small letters as a date is written.
fn until_capital(date: &str) -> String {
    let capital = |word: &str| match word {
        "gmt" => "GMT".to_owned(),
        word => {
            let mut chars = word.chars();
            chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
        }
    };
    date.trim().split(' ').map(capital).collect::<Vec<_>>().join(" ")
}

fn nginx(folder: &Path, port: u16) -> Server {
    let here = folder.display();
    let config = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/errors;
         events {{}}
         http {{
             access_log off; client_body_temp_path {here}/body; proxy_temp_path {here}/proxy;
             fastcgi_temp_path {here}/f; uwsgi_temp_path {here}/u; scgi_temp_path {here}/s;
             client_max_body_size 10m; keepalive_requests 7;
             server {{
                 listen 127.0.0.1:{port}; root {here};
                 location /method {{ return 200 \"$request_method $http_x_forwarded_for $http_host\"; }}
                 location /close {{ keepalive_timeout 0; return 200 closed; }}
             }}
         }}"
    );
    let path = folder.join("nginx.conf");
    fs::write(&path, config).unwrap();
    let mut command = Command::new("nginx");
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    Server::on(port, command.args(["-e", folder.join("early").to_str().unwrap(), "-c", path.to_str().unwrap()]))
}

#[test]
fn nginx_is_forwarded_to() {
    let folder = site();
    let server = nginx(folder.path(), free_port());
    let front = front(&server.url(), "");
    reads_files(&front, true);
    let told = curl(&["-X", "DELETE", &front.url("/method")]);
    assert_eq!(told, format!("DELETE 127.0.0.1 127.0.0.1:{}", server.port));
    // It closes after seven requests, and at once where it is told: nobody notices.
    for _ in 0..30 {
        assert_eq!(
            curl(&["-d", "x", &front.url("/close"), &front.url("/method")]),
            format!("closedPOST 127.0.0.1 127.0.0.1:{}", server.port)
        );
    }
}

#[test]
fn http_server_of_python_is_forwarded_to() {
    let folder = site();
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "-d", folder.path().to_str().unwrap()]);
    let server = Server::printing(&mut command);
    let front = front(&server.url(), "");
    reads_files(&front, false);
    let refused = curl(&["-i", "-d", "x", &front.url("/small.txt")]);
    assert!(refused.starts_with("HTTP/1.1 501"), "{refused}");
}

const NODE: &str = "
const http = require('http');
const crypto = require('crypto');
const server = http.createServer((request, response) => {
  if (request.url === '/echo') { response.setHeader('x-method', request.method); request.pipe(response); return; }
  if (request.url === '/trailers') {
    response.setHeader('Trailer', 'x-sum'); response.write('a'); response.addTrailers({'x-sum': '17'}); response.end(); return;
  }
  if (request.url === '/hints') { response.writeEarlyHints({link: '</a>; rel=preload'}); response.end('ok'); return; }
  if (request.url === '/early') { response.end('enough'); return; }
  if (request.url === '/cut') {
    response.writeHead(200, {'Content-Length': 10}); response.write('hello'); setTimeout(() => response.destroy(), 20); return;
  }
  response.end('ok');
});
server.on('upgrade', (request, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: shout\\r\\n\\r\\n');
  socket.on('data', data => socket.write(data.toString().toUpperCase()));
});
server.keepAliveTimeout = 500;
server.listen(0, '127.0.0.1', () => console.log('port', server.address().port));
";

#[test]
fn node_is_forwarded_to() {
    let server = Server::printing(Command::new("node").args(["-e", NODE]));
    let front = front(&server.url(), "");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    fs::write(&file, large()).unwrap();
    let (name, back) = (format!("@{}", file.display()), folder.path().join("back"));
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        for coding in [&[][..], &["-H", "Transfer-Encoding: chunked"]] {
            let mut arguments = vec![version, "--data-binary", &name, "-o", back.to_str().unwrap()];
            arguments.extend(coding.iter().filter(|_| version == "--http1.1"));
            let url = front.url("/echo");
            arguments.push(&url);
            curl(&arguments);
            assert!(fs::read(&back).unwrap() == large(), "{version} {coding:?}");
        }
        let hints = curl(&[version, "-i", &front.url("/hints")]).to_ascii_lowercase();
        assert!(hints.contains(" 103") && hints.contains("link: </a>; rel=preload"), "{version}: {hints}");
        assert!(hints.ends_with("ok"), "{version}: {hints}");
        if version == "--http1.1" {
            // Debian's curl loses a response in HTTP/2 that is complete before its request.
            assert_eq!(curl(&[version, "--data-binary", &name, &front.url("/early")]), "enough");
        }
        let cut = Command::new("curl").args(["-sS", version, &front.url("/cut")]).output().unwrap();
        assert!(!cut.status.success(), "{version}: a short answer does not look whole");
        assert_eq!(curl(&[version, &front.url("/")]), "ok", "{version}: the next request is unharmed");
    }
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
        .write_all(b"GET /trailers HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.to_ascii_lowercase().ends_with("0\r\nx-sum: 17\r\n\r\n"), "{answer}");
    shouts(&front);
    // It closes connections that rest after half a second; requests of any method do not meet that.
    for pause in [480, 500, 520, 700] {
        thread::sleep(std::time::Duration::from_millis(pause));
        assert_eq!(curl(&["-d", "x", &front.url("/echo")]), "x", "after {pause} ms");
    }
}

/// Another protocol is gone over to, and carried both ways.
fn shouts(front: &Running) {
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /up HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(lines.read_line(&mut head).unwrap() > 0, "{head}");
    }
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    for word in ["hello", "again"] {
        stream.write_all(word.as_bytes()).unwrap();
        let mut shouted = [0; 5];
        lines.read_exact(&mut shouted).unwrap();
        assert_eq!(shouted, word.to_uppercase().as_bytes());
    }
}

const FASTAPI: &str = r#"
import asyncio
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

app = FastAPI()
go = None

@app.on_event("startup")
async def begin():
    global go
    go = asyncio.Event()

@app.get("/stream")
async def stream():
    async def pieces():
        yield b"data: one\n\n"
        await go.wait()
        yield b"data: two\n\n"
    return StreamingResponse(pieces(), media_type="text/event-stream")

@app.post("/go")
async def let_go():
    go.set()
    return {"went": True}

@app.post("/count")
async def count(request: Request):
    total = 0
    async for piece in request.stream():
        total += len(piece)
    return {"bytes": total}

@app.get("/broken")
async def broken():
    async def pieces():
        yield b"half"
        raise RuntimeError("it breaks")
    return StreamingResponse(pieces(), media_type="text/plain")

@app.get("/items/{number}")
async def item(number: int, q: str = ""):
    return {"number": number, "q": q}
"#;

#[test]
fn an_application_of_fastapi_is_forwarded_to_and_streams() {
    let folder = site();
    fs::write(folder.path().join("app.py"), FASTAPI).unwrap();
    // Debian's packages belong to Debian's Python.
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--lifespan", "on", "app:app"]);
    let server = Server::printing(command.current_dir(folder.path()));
    let front = front(&server.url(), "");
    assert_eq!(curl(&[&front.url("/items/7?q=a%20b")]), r#"{"number":7,"q":"a b"}"#);
    let wrong = curl(&["-s", "-o", "/dev/null", "-w", "%{http_code}", &front.url("/items/seven")]);
    assert_eq!(wrong, "422");
    let file = format!("@{}", folder.path().join("large.bin").display());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        assert_eq!(curl(&[version, "--data-binary", &file, &front.url("/count")]), r#"{"bytes":1000000}"#);
        let broken = Command::new("curl").args(["-sS", version, &front.url("/broken")]).output().unwrap();
        assert!(!broken.status.success(), "{version}: a short answer does not look whole");
    }
    // The first event is here before the second is made: nothing waits for more.
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /stream HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream);
    let mut next = || {
        let mut line = String::new();
        while !line.starts_with("data: ") {
            line.clear();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the stream goes on");
        }
        line
    };
    assert_eq!(next(), "data: one\n");
    assert_eq!(curl(&["-X", "POST", &front.url("/go")]), r#"{"went":true}"#);
    assert_eq!(next(), "data: two\n");
}

/// An authority and a certificate of it for localhost.
fn certificates(folder: &Path) {
    let run = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7"];
    let of_authority = ["req", "-x509", "-subj", "/CN=Test", "-keyout", "ca.key", "-out", "ca.pem"];
    run(&[&of_authority[..], &curve, &["-addext", "basicConstraints=critical,CA:TRUE"]].concat());
    run(&[&["req", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request.pem"][..], &curve[..5]].concat());
    fs::write(folder.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    run(&[&sign[..], &["-days", "7", "-out", "certificate.pem", "-extfile", "san"]].concat());
}

#[test]
fn h2o_is_forwarded_to_in_http2_in_cleartext_and_over_tls() {
    let folder = site();
    certificates(folder.path());
    let here = folder.path().display();
    let (clear, secure) = (free_port(), free_port());
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let config = format!(
        "user: {}\npid-file: {here}/pid\nerror-log: {here}/errors\naccess-log:\n  path: {here}/access\n  format: \"%H %r\"\n\
         num-threads: 1\nlisten:\n  host: 127.0.0.1\n  port: {clear}\nlisten:\n  host: 127.0.0.1\n  port: {secure}\n  \
         ssl:\n    certificate-file: {here}/certificate.pem\n    key-file: {here}/key.pem\n\
         hosts:\n  default:\n    paths:\n      /:\n        file.dir: {here}\n",
        user.trim()
    );
    let path = folder.path().join("h2o.conf");
    fs::write(&path, config).unwrap();
    let _server = Server::on(clear, Command::new("h2o").args(["-c", path.to_str().unwrap()]).stderr(Stdio::null()));
    let in_the_clear = front(&format!("http://127.0.0.1:{clear}"), "protocol http2");
    reads_files(&in_the_clear, true);
    let authority = folder.path().join("ca.pem");
    let over_tls = front_trusting(&format!("https://localhost:{secure}"), "protocol negotiated", Some(&authority));
    reads_files(&over_tls, true);
    let log = fs::read_to_string(folder.path().join("access")).unwrap();
    assert!(log.lines().count() > 80 && log.lines().all(|line| line.starts_with("HTTP/2")), "{log}");
    // Without the authority, the certificate is not believed, and it is said why.
    let suspicious = front(&format!("https://localhost:{secure}"), "");
    let refused = curl(&["-s", "-i", &suspicious.url("/small.txt")]);
    let why = "no authority that is trusted stands behind CN=Test";
    assert!(refused.starts_with("HTTP/1.1 502") && refused.contains(why), "{refused}");
}
