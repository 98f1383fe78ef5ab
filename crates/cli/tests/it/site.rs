//! `wirelight serve` on the example site, driven by curl.

use std::fs;
use std::io::Read;

use serde_json::Value;

use crate::process::{Listening, command, curl, site};

fn serve(flags: &[&str]) -> Listening {
    let site = site();
    Listening::start(&[&["serve", &site], flags].concat())
}

/// The head and the content of an answer.
fn ask(arguments: &[&str]) -> (String, String) {
    let answer = curl(&[&["-i"], arguments].concat());
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), content.to_owned())
}

/// The value of a field in a head in lower case.
fn field<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

#[test]
fn every_file_comes_whole_with_its_media_type() {
    let server = serve(&[]);
    let kinds = [
        ("/", "index.html", "text/html; charset=utf-8"),
        ("/try.html", "try.html", "text/html; charset=utf-8"),
        ("/style.css", "style.css", "text/css; charset=utf-8"),
        ("/try.js", "try.js", "text/javascript; charset=utf-8"),
        ("/images/wirelight.svg", "images/wirelight.svg", "image/svg+xml"),
        ("/images/filament.png", "images/filament.png", "image/png"),
        ("/images/filament.webp", "images/filament.webp", "image/webp"),
        ("/fonts/jetbrains-mono-bold.woff2", "fonts/jetbrains-mono-bold.woff2", "font/woff2"),
        ("/media/pulses.webm", "media/pulses.webm", "video/webm"),
        ("/data/primes.txt", "data/primes.txt", "text/plain; charset=utf-8"),
        ("/data/status-codes.json", "data/status-codes.json", "application/json"),
    ];
    for (path, file, kind) in kinds {
        let copy = std::env::temp_dir().join(format!("wirelight-copy-{}", std::process::id()));
        let got = curl(&["-o", copy.to_str().unwrap(), "-w", "%{http_code} %{content_type}", &server.url(path)]);
        assert!(got.to_lowercase().starts_with(&format!("200 {kind}")), "{path}: {got}");
        assert!(fs::read(&copy).unwrap() == fs::read(format!("{}/{file}", site())).unwrap(), "{path} is not the file");
        fs::remove_file(copy).unwrap();
    }
}

#[test]
fn every_response_is_dated_and_careful() {
    let server = serve(&[]);
    for path in ["/", "/nothing-here", "/data/"] {
        let (head, _) = ask(&[&server.url(path)]);
        assert!(field(&head, "date").ends_with(" gmt"), "{head}");
        assert_eq!(field(&head, "x-content-type-options"), "nosniff", "{head}");
        assert!(!field(&head, "referrer-policy").is_empty(), "{head}");
        assert!(!field(&head, "x-frame-options").is_empty(), "{head}");
    }
}

#[test]
fn text_is_compressed_as_accepted_and_pictures_are_not() {
    let server = serve(&[]);
    let primes = fs::read_to_string(format!("{}/data/primes.txt", site())).unwrap();
    for (accepted, coding) in
        [("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"), ("deflate", "deflate"), ("gzip;q=0.5, br", "br")]
    {
        let accept = format!("Accept-Encoding: {accepted}");
        let (head, _) = ask(&["-H", &accept, "-o", "/dev/null", "-D", "-", &server.url("/data/primes.txt")]);
        assert_eq!(field(&head, "content-encoding"), coding, "{accepted}: {head}");
        assert!(field(&head, "vary").contains("accept-encoding"), "{head}");
        assert!(field(&head, "etag").starts_with("w/"), "two codings share a strong tag: {head}");
        assert_eq!(curl(&["--compressed", "-H", &accept, &server.url("/data/primes.txt")]), primes);
    }
    let (head, _) =
        ask(&["-H", "Accept-Encoding: gzip", "-o", "/dev/null", "-D", "-", &server.url("/images/filament.png")]);
    assert_eq!(field(&head, "content-encoding"), "");
    let (head, content) = ask(&["-H", "Accept-Encoding: identity", &server.url("/data/primes.txt")]);
    assert_eq!(field(&head, "content-encoding"), "");
    assert!(field(&head, "etag").starts_with('"'), "{head}");
    assert!(content == primes);
}

#[test]
fn precompressed_siblings_are_sent_and_are_what_they_stand_for() {
    let server = serve(&[]);
    let plain = fs::read(format!("{}/data/status-codes.json", site())).unwrap();
    let gz = fs::read(format!("{}/data/status-codes.json.gz", site())).unwrap();
    let br = fs::read(format!("{}/data/status-codes.json.br", site())).unwrap();
    let mut decoded = Vec::new();
    flate2::read::GzDecoder::new(&gz[..]).read_to_end(&mut decoded).unwrap();
    assert!(decoded == plain, "status-codes.json.gz is stale");
    decoded.clear();
    brotli::Decompressor::new(&br[..], 4096).read_to_end(&mut decoded).unwrap();
    assert!(decoded == plain, "status-codes.json.br is stale");
    for (accepted, length) in [("br", br.len()), ("gzip", gz.len())] {
        let accept = format!("Accept-Encoding: {accepted}");
        let url = server.url("/data/status-codes.json");
        let (head, _) = ask(&["-H", &accept, "-o", "/dev/null", "-D", "-", &url]);
        assert_eq!(field(&head, "content-encoding"), accepted, "{head}");
        assert_eq!(field(&head, "content-length"), length.to_string(), "{head}");
    }
}

#[test]
fn copies_are_validated() {
    let server = serve(&[]);
    let url = server.url("/style.css");
    let (head, _) = ask(&[&url]);
    let etag = format!("If-None-Match: {}", field(&head, "etag"));
    let (not_modified, content) = ask(&["-H", &etag, &url]);
    assert!(not_modified.starts_with("http/1.1 304") && content.is_empty(), "{not_modified}");
    assert_eq!(field(&not_modified, "etag"), field(&head, "etag"));
    let modified = curl(&["-o", "/dev/null", "-w", "%{http_code}", "-z", &format!("{}/style.css", site()), &url]);
    assert_eq!(modified, "304");
    let (failed, _) = ask(&["-H", "If-Match: \"other\"", &url]);
    assert!(failed.starts_with("http/1.1 412"), "{failed}");
}

#[test]
fn ranges_are_parts_of_the_whole() {
    let server = serve(&[]);
    let url = server.url("/data/primes.txt");
    let whole = fs::read_to_string(format!("{}/data/primes.txt", site())).unwrap();
    assert_eq!(curl(&["-r", "0-95", &url]), whole[..96]);
    assert_eq!(curl(&["-r", "-70", &url]), whole[whole.len() - 70..]);
    let (head, content) = ask(&["-r", "10-19,300000-300009", &url]);
    assert!(
        head.starts_with("http/1.1 206") && head.contains("content-type: multipart/byteranges; boundary="),
        "{head}"
    );
    assert!(content.contains(&whole[10..20]) && content.contains(&whole[300_000..300_010]));
    let (head, _) = ask(&["-r", "9999999-", &url]);
    assert!(head.starts_with("http/1.1 416"), "{head}");
    assert_eq!(field(&head, "content-range"), format!("bytes */{}", whole.len()));
    let part = std::env::temp_dir().join(format!("wirelight-resume-{}", std::process::id()));
    fs::write(&part, &whole[..100_000]).unwrap();
    curl(&["-C", "-", "-o", part.to_str().unwrap(), &url]);
    assert!(fs::read_to_string(&part).unwrap() == whole, "a download that was taken up again is not the file");
    fs::remove_file(part).unwrap();
}

#[test]
fn one_address_answers_in_three_languages() {
    let server = serve(&[]);
    let url = server.url("/about.html");
    for (accepted, language) in [("fr", "fr"), ("de-CH, de;q=0.9", "de"), ("en", "en"), ("ja, fr;q=0.1", "fr")] {
        let (head, content) = ask(&["-H", &format!("Accept-Language: {accepted}"), &url]);
        assert!(content.contains(&format!("<html lang=\"{language}\">")), "{accepted}: {head}");
        assert_eq!(field(&head, "content-language"), language);
        assert!(field(&head, "vary").contains("accept-language"), "{head}");
    }
    let english = |name: &str| fs::read(format!("{}/{name}", site())).unwrap();
    assert!(english("about.html") == english("about.en.html"), "the English page and its named variant differ");
}

#[test]
fn folders_are_listed_for_people_and_for_programs() {
    let server = serve(&[]);
    let (head, content) = ask(&["-H", "Accept: text/html", &server.url("/data/")]);
    assert!(field(&head, "content-type").starts_with("text/html"), "{head}");
    assert!(content.contains("primes.txt"), "{content}");
    let (head, content) = ask(&["-H", "Accept: application/json", &server.url("/data/")]);
    assert!(field(&head, "content-type").starts_with("application/json"), "{head}");
    assert!(serde_json::from_str::<Value>(&content).unwrap().to_string().contains("primes.txt"));
    let (head, _) = ask(&[&server.url("/data")]);
    assert!(head.starts_with("http/1.1 30"), "{head}");
    assert_eq!(field(&head, "location"), "./data/", "{head}");
    let closed = serve(&["--no-listing"]);
    assert!(ask(&[&closed.url("/data/")]).0.starts_with("http/1.1 404"));
}

#[test]
fn methods_that_make_no_sense_are_refused_with_what_does() {
    let server = serve(&[]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "PROPFIND"] {
        let (head, _) = ask(&["-X", method, &server.url("/index.html")]);
        assert!(head.starts_with("http/1.1 405"), "{method}: {head}");
        assert!(field(&head, "allow").contains("get"), "{method}: {head}");
    }
    let (head, content) = ask(&["-I", &server.url("/index.html")]);
    assert!(head.starts_with("http/1.1 200") && content.is_empty());
    let (head, _) = ask(&["-X", "TRACE", "-H", "Cookie: a=b", &server.url("/")]);
    assert!(head.starts_with("http/1.1 405"), "{head}");
}

#[test]
fn a_site_says_in_its_own_words_that_there_is_nothing() {
    let server = serve(&[]);
    let (head, content) = ask(&["-H", "Accept: text/html", &server.url("/nothing-here")]);
    assert!(head.starts_with("http/1.1 404") && content.contains("Nothing <span"), "{head}");
    let (head, content) = ask(&["-H", "Accept: application/json", &server.url("/nothing-here")]);
    assert!(field(&head, "content-type").starts_with("application/problem+json"), "{head}");
    assert_eq!(serde_json::from_str::<Value>(&content).unwrap()["status"], 404);
}

#[test]
fn flags_change_what_is_served() {
    let folder = std::env::temp_dir().join(format!("wirelight-flags-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in [("index.html", "index"), ("start.html", "start"), (".hidden", "hidden")] {
        fs::write(folder.join(name), content).unwrap();
    }
    let serve = |flags: &[&str]| Listening::start(&[&["serve", folder.to_str().unwrap()], flags].concat());
    let plain = serve(&[]);
    assert_eq!(curl(&[&plain.url("/")]), "index");
    assert!(ask(&[&plain.url("/.hidden")]).0.starts_with("http/1.1 404"));
    assert!(ask(&["-H", "Accept: text/html", &plain.url("/some/route")]).0.starts_with("http/1.1 404"));
    assert_eq!(field(&ask(&["-H", "Origin: http://a.test", &plain.url("/")]).0, "access-control-allow-origin"), "");
    assert_eq!(curl(&[&serve(&["--index", "start.html"]).url("/")]), "start");
    assert_eq!(curl(&[&serve(&["--hidden"]).url("/.hidden")]), "hidden");
    assert_eq!(curl(&["-H", "Accept: text/html", &serve(&["--spa"]).url("/some/route")]), "index");
    let cors = serve(&["--cors"]);
    assert_eq!(field(&ask(&["-H", "Origin: http://a.test", &cors.url("/")]).0, "access-control-allow-origin"), "*");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn each_exchange_is_a_line_in_the_form_that_was_asked_for() {
    let server = serve(&[]);
    curl(&[&server.url("/style.css?q=%1b%5b31m")]);
    let line = server.printed_when(|printed| printed.contains("/style.css"));
    assert!(line.contains("GET") && line.contains("200") && !line.contains('\x1b'), "{line:?}");

    let mut combined = command(&["serve", &site(), "-p", "0", "--log", "combined"]);
    combined.stderr(std::process::Stdio::piped());
    let combined = Programs::start(&mut combined);
    curl(&["-A", "me", &format!("{}style.css", combined.url)]);
    let line = combined.line();
    assert!(line.starts_with("127.0.0.1 - - [") && line.contains("\"GET /style.css HTTP/1.1\" 200 "), "{line}");
    assert!(line.ends_with("\"-\" \"me\""), "{line}");

    let mut json = command(&["serve", &site(), "-p", "0", "--log", "json"]);
    let json = Programs::start(&mut json);
    curl(&["-A", "\",\"level\":\"fatal", &format!("{}style.css", json.url)]);
    let line: Value = serde_json::from_str(&json.line()).unwrap();
    assert_eq!(line["status"], 200);
    assert_eq!(line["level"], Value::Null);

    let quiet = serve(&["--quiet"]);
    curl(&[&quiet.url("/")]);
    drop(quiet);
}

#[test]
fn raw_shows_the_bytes_of_requests_and_the_heads_of_responses() {
    let server = serve(&["--raw"]);
    server.exchange(b"GET /style.css HTTP/1.1\r\nHost:a\r\nX-Odd:  \tb\r\nConnection: close\r\n\r\n");
    let printed = server.printed_when(|printed| printed.contains("HTTP/1.1 200 OK"));
    assert!(printed.contains("GET /style.css HTTP/1.1") && printed.contains("X-Odd:  "), "{printed}");
    assert!(!printed.contains("font-face"), "content of a response was printed");
}

/// A command that prints its log for programs: the address goes to standard error.
struct Programs {
    child: std::process::Child,
    url: String,
    lines: std::cell::RefCell<std::io::Lines<std::io::BufReader<std::process::ChildStdout>>>,
}

impl Programs {
    fn start(command: &mut std::process::Command) -> Self {
        use std::io::BufRead as _;
        let piped = std::process::Stdio::piped;
        let mut child = command.stdout(piped()).stderr(piped()).spawn().unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        let url = format!("http://{}", line.trim_end().split("http://").nth(1).unwrap());
        let lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, url, lines: lines.into() }
    }

    fn line(&self) -> String {
        self.lines.borrow_mut().next().unwrap().unwrap()
    }
}

impl Drop for Programs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
