//! What `wirelight get` shows and keeps of an exchange: layers, frames, interim responses, trailers, archives, sessions.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::process::{Listening, PATIENCE, command, site, wirelight};

fn get(arguments: &[&str]) -> (i32, String, String) {
    let output = wirelight(&[&["get"], arguments].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// A server that reads a head on each connection, answers these bytes and closes; what it was asked comes back.
fn scripted(answer: &'static [u8]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (sender, asked) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let head = read_head(&mut stream);
            if sender.send(head).is_err() || stream.write_all(answer).is_err() {
                return;
            }
        }
    });
    (url, asked)
}

fn read_head(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length > 0) {
        head.extend_from_slice(&byte);
    }
    String::from_utf8_lossy(&head).into_owned()
}

#[test]
fn every_layer_of_a_secure_exchange_is_told_with_each_check() {
    let data = tempfile::tempdir().unwrap();
    let mut serve = command(&["serve", &site(), "--tls", "-p", "0"]);
    let serve = Listening::spawn(serve.env("XDG_DATA_HOME", data.path()));
    let authority = data.path().join("wirelight/authority.pem");
    let authority = authority.to_str().unwrap();
    let url = serve.url("/");
    let (code, _, told) = get(&["-v", "--cacert", authority, &url]);
    assert_eq!(code, 0, "{told}");
    let mut rest = told.as_str();
    for part in [
        "3 network       localhost stands for ",
        "4 transport     127.0.0.1:",
        "round trip ",
        "segments of ",
        "nothing sent again",
        "6 presentation  TLS 1.3, TLS13_",
        "keys by ",
        "ALPN h2",
        "certificate 1 of 1: ",
        "check of its signatures: passed",
        "check of its authority: passed",
        "check of its time: passed",
        "check of its purpose: passed",
        "check of its name: passed, localhost is among its names",
        "check of its revocation: not made",
        "7 application   > GET / HTTP/2",
        "> :authority: localhost:",
        "7 application   < HTTP/2 200",
        " of content",
        "4 transport     by then: round trip ",
        "TLS ",
        "in all",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part:?} does not follow in: {told}"));
        rest = &rest[at + part.len()..];
    }
    let (code, _, told) = get(&["-v", &url]);
    assert_eq!(code, 60, "{told}");
    assert!(told.contains("check of its authority: failed, no authority that is trusted"), "{told}");
    assert!(!told.contains("passed"), "{told}");
    assert!(told.contains("its name: not made, a chain that is not trusted proves no name"), "{told}");
    let (code, _, told) = get(&["-v", "-k", &url]);
    assert!(code == 0 && told.contains("check of the certificate: not made, any certificate"), "{told}");
    let wrong = format!("https://wrong.test:{}/", serve.address.port());
    let at = format!("wrong.test:{}:127.0.0.1", serve.address.port());
    let (code, _, told) = get(&["-v", "--cacert", authority, "--resolve", &at, &wrong]);
    assert_eq!(code, 60, "{told}");
    assert!(told.contains("its authority: passed") && told.contains("its name: failed, wrong.test"), "{told}");
    assert!(told.contains("wrong.test was asked for, and it is valid for localhost"), "{told}");
}

#[test]
fn frames_are_shown_as_serve_shows_them() {
    let serve = Listening::start(&["serve", &site()]);
    let (code, _, told) = get(&["--raw", "--http2-prior-knowledge", &serve.url("/")]);
    assert_eq!(code, 0, "{told}");
    for part in ["#1 > SETTINGS", "#1 >   :path: /\n", "#1 < HEADERS stream 1", "#1 <   :status: 200", "#1 < DATA"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let (_, _, told) = get(&["--raw", &serve.url("/")]);
    assert!(
        told.contains("#1.1 > GET / HTTP/1.1\\r\\n\n") && told.contains("#1.1 < HTTP/1.1 200 OK\\r\\n\n"),
        "{told}"
    );
}

#[test]
fn interim_responses_and_trailers_are_shown() {
    let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n\
                   HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let (url, _asked) = scripted(answer);
    let (code, out, told) = get(&["-i", "-v", &url]);
    assert_eq!(code, 0, "{told}");
    let heads =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert!(out.starts_with(heads) && out.ends_with("\r\n\r\nokx-sum: 7\r\n"), "{out:?}");
    for part in ["< HTTP/1.1 103 Early Hints\n", "< Link: </style.css>\n", "< 2 B of content", "< x-sum: 7 (trailer)"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn an_old_server_is_spoken_to_in_its_version() {
    let (url, asked) = scripted(b"HTTP/1.0 200 OK\r\n\r\nold");
    let (code, out, error) = get(&["--http1.0", &url]);
    assert_eq!((code, out.as_str()), (0, "old"), "{error}");
    let head = asked.recv_timeout(PATIENCE).unwrap();
    assert!(head.starts_with("GET / HTTP/1.0\r\n") && head.contains("Connection: close\r\n"), "{head}");
}

#[test]
fn an_archive_holds_every_exchange_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.har");
    let file = path.to_str().unwrap();
    let echo = Listening::start(&["echo"]);
    let url = echo.url("/redirect/1");
    let arguments = ["--har", file, "-L", "-u", "me:secret-word", "-b", "id=secret-cookie", &url, "drink=tea"];
    let (code, _, error) = get(&arguments);
    assert_eq!(code, 0, "{error}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    let har = wirelight_inspect::har::Har::read(text.as_bytes()).unwrap();
    let mut masked = har.clone();
    // The server says in its content what it was sent.
    masked.log.entries.iter_mut().for_each(|entry| entry.response.content.text = None);
    assert!(!masked.write().contains("secret") && masked.write().contains("***"), "{text}");
    let [first, last] = &har.log.entries[..] else { panic!("{text}") };
    assert_eq!((first.response.status, last.response.status), (302, 200));
    assert_eq!(first.request.post_data.as_ref().unwrap().text, "{\"drink\": \"tea\"}");
    assert!(last.response.content.text.as_ref().unwrap().contains("\"method\": \"GET\""), "{text}");
    assert!(first.timings.connect > 0.0 && last.timings.connect < 0.0, "{text}");
    assert!(last.decisions.iter().any(|decided| decided.outcome == "followed with GET"), "{text}");
    assert_eq!(first.request.to_http().unwrap().body().as_ref(), b"{\"drink\": \"tea\"}");
    get(&[&arguments[..], &["--har-secrets"]].concat());
    assert!(std::fs::read_to_string(&path).unwrap().contains("\"value\": \"id=secret-cookie\""));
}

#[test]
fn a_request_that_failed_is_in_the_archive_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.har");
    let (url, _asked) = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort");
    let (code, _, _) = get(&["--har", path.to_str().unwrap(), &url]);
    assert_eq!(code, 56);
    let text = std::fs::read_to_string(&path).unwrap();
    let har = wirelight_inspect::har::Har::read(text.as_bytes()).unwrap();
    assert!(har.log.entries[0].failed.as_ref().unwrap().contains("before the content did"), "{text}");
}

fn get_at(data: &Path, arguments: &[&str]) -> (i32, String) {
    let mut process = command(&[&["get"], arguments].concat());
    let output = process.env("XDG_DATA_HOME", data).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_session_keeps_cookies_fields_and_credentials_for_its_host() {
    let data = tempfile::tempdir().unwrap();
    let echo = Listening::start(&["echo"]);
    let (set, show) = (echo.url("/cookies/set?a=1"), echo.url("/any"));
    let first = ["--session", "me", "-u", "me:pw", "-b", "own=2", &set, "X-Key:k", "If-None-Match:\"1\""];
    assert_eq!(get_at(data.path(), &first).0, 0);
    let (_, out) = get_at(data.path(), &["--session-read-only", "me", &show, "X-Once:1"]);
    for part in ["\"x-key\": \"k\"", "a=1", "own=2", "Basic bWU6cHc=", "\"x-once\""] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("if-none-match"), "{out}");
    let (_, out) = get_at(data.path(), &["--session", "me", &show, "X-Key:"]);
    assert!(!out.contains("x-once") && !out.contains("x-key"), "a read-only session keeps nothing: {out}");
    let (_, out) = get_at(data.path(), &["--session", "me", &show]);
    assert!(!out.contains("x-key") && out.contains("a=1"), "what was left out is forgotten: {out}");
    let folder = format!("wirelight/sessions/{}_{}", echo.address.ip(), echo.address.port());
    let file = data.path().join(folder).join("me.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // At another origin, the same file lends its fields, but neither its credentials nor foreign cookies.
    let other = Listening::start(&["echo"]);
    let local = other.url("/any").replace("127.0.0.1", "localhost");
    let (_, out) = get_at(data.path(), &["--session-read-only", file.to_str().unwrap(), &local]);
    assert!(!out.contains("Basic") && !out.contains("a=1"), "{out}");
    assert_eq!(get_at(data.path(), &["--session", "../me", "--offline", &show]).0, 0, "a path is a path");
    assert_eq!(get_at(data.path(), &["--session", ".me", "--offline", &show]).0, 1);
}

#[test]
fn what_is_printed_offline_is_what_is_sent() {
    let (url, asked) = scripted(b"HTTP/1.1 204 No Content\r\n\r\n");
    let arguments = ["-u", "me:pw", "--compressed", "-H", "X-Y: z", "-r", "0-9", &url, "q==v"];
    let (_, offline, _) = get(&[&["--offline"], &arguments[..]].concat());
    assert_eq!(get(&arguments).0, 0);
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.trim_end().lines().map(str::to_owned).collect();
        lines[1..].sort();
        lines
    };
    assert_eq!(lines(&offline), lines(&asked.recv_timeout(PATIENCE).unwrap()));
}

/// Runs a command on a terminal, and gives all that it wrote there.
fn on_a_terminal(arguments: &[&str]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
    let line = format!("'{}' {}", env!("CARGO_BIN_EXE_wirelight"), words.join(" "));
    let mut script = Command::new("script");
    script.args(["-qc", &line, "/dev/null"]).env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::null());
    String::from_utf8_lossy(&script.output().expect("script is installed").stdout).into_owned()
}

#[test]
fn no_control_sequence_of_a_server_reaches_a_terminal() {
    let hostile: [&'static [u8]; 6] = [
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nred \x1b[31m bell \x07 csi \xc2\x9b2J \x1b]0;title\x07 \r over",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\": \"\x1b[2J\xc2\x9b\", \"b\": \"\\u001b[2J\"}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"a\": \x1b[2J",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nlatin \x9b2J \xfc",
        b"HTTP/1.1 200 \x1b[31mO\x9bK\r\nX-\x1b[2J: y\r\n\r\n",
        b"HTTP/1.1 200 O\xc2\x9b2JK\r\nX-Y: \xc2\x9b2J\xe2\x80\xae\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: \xc2\x9b1m\r\n\r\n",
    ];
    for answer in hostile {
        let (url, _asked) = scripted(answer);
        let shown = on_a_terminal(&["get", "-v", "-i", "--why", "--raw", &url]);
        // What we write ourselves: colors, and the clearing of a line that progress needs.
        let mut rest = shown.as_str();
        while let Some(at) = rest.find(|c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            rest = &rest[at..];
            let ours =
                ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[3", "\x1b[K"].into_iter().find(|own| rest.starts_with(own));
            let own = ours.unwrap_or_else(|| panic!("{:?} in {shown}", &rest[..rest.len().min(20)]));
            rest = &rest[own.len()..];
        }
        assert!(!shown.contains("\x1b[31m bell") && !shown.contains('\u{202e}'), "{shown:?}");
    }
}

#[test]
fn a_terminal_gets_indented_json_and_no_binary() {
    let (json, _asked) = scripted(b"HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\n\r\n{\"a\":[1,2]}");
    let shown = on_a_terminal(&["get", &json]);
    assert!(shown.contains("\"a\"\x1b[0m: [\r\n    \x1b[36m1"), "{shown:?}");
    let (binary, _asked) = scripted(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n\x1a\n\0\0");
    let shown = on_a_terminal(&["get", &binary]);
    assert!(shown.contains("content of type image/png is not shown") && !shown.contains("PNG\r"), "{shown:?}");
}

#[test]
fn the_exchange_is_told_as_it_goes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut child = command(&["get", "-v", &url]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    read_head(&mut stream);
    // The response has not begun: what went before is told all the same.
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("> Accept: ") {
        assert!(told.read_line(&mut seen).unwrap() > 0, "{seen}");
    }
    assert!(seen.contains("3 network ") && seen.contains("4 transport "), "{seen}");
    assert!(!seen.contains("<"), "{seen}");
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
    told.read_to_string(&mut seen).unwrap();
    assert!(child.wait().unwrap().success());
    for part in ["3 network ", "took the connection", "> GET / HTTP/1.1", "< HTTP/1.1 200 OK", "in all"] {
        assert_eq!(seen.matches(part).count(), 1, "{part}: {seen}");
    }
}

#[test]
fn a_cache_keeps_what_the_next_call_uses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let cache = format!("--cache={}", path.display());
    let (url, asked) =
        scripted(b"HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60\r\nContent-Length: 4\r\n\r\nkept");
    let (code, out, told) = get(&[&cache, "--why", &url]);
    assert_eq!((code, out.as_str()), (0, "kept"), "{told}");
    assert!(told.contains("stored in the cache: "), "{told}");
    let (code, out, told) = get(&[&cache, "-i", "-v", "--why", &url]);
    assert_eq!(code, 0, "{told}");
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n") && out.ends_with("\r\n\r\nkept"), "{out}");
    assert!(out.contains("cache-status: wirelight; hit; ttl=") && out.contains("age: "), "{out}");
    assert!(told.contains("nobody was asked") && told.contains("answered from the cache: it is "), "{told}");
    assert_eq!(asked.try_iter().count(), 1);
    // Whoever presents something else is somebody else.
    get(&[&cache, "-b", "id=2", &url]);
    assert_eq!(asked.try_iter().count(), 1);
    // Another folder: the one of the user.
    let mut home = command(&["get", "--cache", &url]);
    assert!(home.env("XDG_CACHE_HOME", folder.path()).output().unwrap().status.success());
    assert!(folder.path().join("wirelight/http/CACHEDIR.TAG").exists());
    assert_eq!(asked.try_iter().count(), 1);
    let (code, out, _) = get(&["--cache=memory", "-n", "3", &url]);
    assert!(code == 0 && out.matches(" 200 cached\n").count() == 2 && out.contains("1 connections opened"), "{out}");
    let (code, _, error) = get(&["--cache=/dev/null/x", &url]);
    assert!(code == 1 && error.contains("cannot hold a cache"), "{error}");
}

#[test]
fn a_pause_that_a_server_asks_for_is_kept() {
    let (url, asked) =
        scripted(b"HTTP/1.1 200 OK\r\nConnection: close\r\nRateLimit: \"a\";r=0;t=9\r\nContent-Length: 2\r\n\r\nok");
    let (code, out, error) = get(&["-n", "2", "--obey-limits=1", &url]);
    assert_eq!(code, 7, "{out}");
    assert!(error.contains("its RateLimit says that nothing remains"), "{error}");
    assert_eq!(asked.try_iter().count(), 1, "the second was not sent");
    let (code, out, error) = get(&["-n", "2", &url]);
    assert!(code == 0 && asked.try_iter().count() == 2, "{out}{error}");
    let began = std::time::Instant::now();
    let (code, out, _) = get(&["-n", "3", "-c", "3", "--rate", "20", &url]);
    assert!(code == 0 && began.elapsed() >= std::time::Duration::from_millis(100), "{out}");
    for rate in ["0", "x", "1/day"] {
        assert_eq!(get(&["-n", "1", "--rate", rate, &url]).0, 2, "{rate}");
    }
}
