//! `wirelight get` and `wirelight bench` as a user runs them, against our own server.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Output, Stdio};
use std::thread;

use super::process::{Listening, command, site, wirelight};

fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn get(arguments: &[&str]) -> (i32, String, String) {
    said(&wirelight(&[&["get"], arguments].concat()))
}

#[test]
fn items_become_a_request_that_can_be_seen_before_it_is_sent() {
    let (code, out, error) =
        get(&["--offline", "PUT", ":8080/x", "a=b", "n:=[1]", "q==v w", "X-Y:z", "User-Agent:", "odd\\:name=1"]);
    assert_eq!(code, 0, "{error}");
    let (head, content) = out.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /x?q=v%20w HTTP/1.1\r\nHost: localhost:8080\r\n"), "{head}");
    assert!(head.contains("X-Y: z") && head.contains("Content-Type: application/json"), "{head}");
    assert!(!head.to_lowercase().contains("user-agent"), "{head}");
    assert_eq!(content, "{\"a\": \"b\", \"n\": [1], \"odd:name\": \"1\"}");
    let (_, out, _) = get(&["--offline", "--form", ":8080/x", "a=b c", "d=&"]);
    assert!(out.starts_with("POST ") && out.ends_with("\r\n\r\na=b%20c&d=%26"), "{out}");
    let (_, out, _) = get(&["--curl", "-u", "me:it's", ":8080/x", "a=b"]);
    assert!(out.starts_with("curl -H ") && out.contains("-u 'me:it'\\''s'"), "{out}");
}

#[test]
fn what_is_sent_arrives() {
    let echo = Listening::start(&["echo"]);
    let url = format!("http://{}/any", echo.address);
    let (code, out, error) = get(&["POST", &url, "drink=tea", "n:=2", "q==v", "X-Test:yes"]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("drink") && out.contains("x-test") && out.contains("POST"), "{out}");
    let mut child = command(&["get", "-d", "@-", &url]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"from standard input").unwrap();
    let (code, out, _) = said(&child.wait_with_output().unwrap());
    assert!(code == 0 && out.contains("from standard input"), "{out}");
}

#[test]
fn the_exit_status_says_what_happened() {
    let serve = Listening::start(&["serve", &site()]);
    let here = format!("http://{}", serve.address);
    let missing = format!("{here}/nowhere");
    let closed =
        format!("http://127.0.0.1:{}/", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let waits = format!("http://{}/", silent.local_addr().unwrap());
    let short = one_answer("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    let tls = format!("https://{}/", serve.address);
    let table: [(&[&str], i32, &str); 9] = [
        (&[&here], 0, ""),
        (&[&missing], 0, ""),
        (&["--check-status", &missing], 4, ""),
        (&["http://nobody.invalid/"], 6, "could not be resolved"),
        (&[&closed], 7, "nothing listens"),
        (&["-m", "0.2", &waits], 28, "not complete within"),
        (&[&tls], 35, "does not speak TLS"),
        (&[&short], 56, "ended before the content did"),
        (&["ftp://a.test/"], 1, "not a scheme"),
    ];
    for (arguments, expected, says) in table {
        let (code, _, error) = get(arguments);
        assert_eq!(code, expected, "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
        let silent: Vec<&str> = [&["-s"], arguments].concat();
        let (code, _, error) = get(&silent);
        assert!(code == expected && error.is_empty(), "{silent:?}: {error}");
    }
}

/// A server that gives everybody the same answer.
fn one_answer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    url
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let serve = Listening::start(&["serve", &site()]);
    let url = format!("http://{}/index.html", serve.address);
    let whole = std::fs::read(format!("{}/index.html", site())).unwrap();
    let folder = std::env::temp_dir().join(format!("wirelight-get-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("part");
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    for _ in 0..2 {
        let (code, _, error) = get(&["-o", path.to_str().unwrap(), "-C", "-", &url]);
        assert_eq!(code, 0, "{error}");
        assert!(std::fs::read(&path).unwrap() == whole);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_layer_is_shown_and_nothing_of_a_stranger_acts_on_the_terminal() {
    let url = one_answer("HTTP/1.1 200 OK\r\nX-Odd: \x1b[31mred\u{9b}2J\r\nContent-Length: 2\r\n\r\nok");
    let (code, out, error) = get(&["-v", "--why", "-i", &url]);
    // A control character in a field is against the protocol: it is refused, and told of without being printed.
    assert_eq!(code, 56, "{error}");
    assert!(!error.contains('\x1b') && !out.contains('\x1b'), "{error}");
    let serve = Listening::start(&["serve", &site()]);
    let (code, out, error) = get(&["-v", "--why", "-i", &format!("http://{}/", serve.address)]);
    assert_eq!(code, 0, "{error}");
    for part in [
        "3 network",
        "4 transport",
        "7 application",
        "> GET / HTTP/1.1",
        "< HTTP/1.1 200 OK",
        "in all",
        "a connection was opened",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(out.starts_with("HTTP/1.1 200 OK\r\n"), "{out}");
}

#[test]
fn repeating_shows_what_concurrency_and_reuse_gain() {
    let serve = Listening::start(&["serve", &site()]);
    let url = format!("http://{}/", serve.address);
    let (code, out, error) = get(&["-n", "12", "-c", "3", &url]);
    assert_eq!(code, 0, "{error}");
    assert!(out.contains("12 x 200") && out.contains("12 requests, 3 at once"), "{out}");
    assert!(out.contains("reused"), "{out}");
    let output = wirelight(&["bench", "-t", "0.3", "-c", "4", "--json", &url]);
    let (code, out, error) = said(&output);
    assert_eq!(code, 0, "{error}");
    let result: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(result["statuses"]["200"], result["requests"]);
    assert!(result["requests"].as_u64().unwrap() > 10, "{result}");
}

#[test]
fn a_load_is_counted_in_each_version_and_at_a_steady_pace() {
    let serve = Listening::start(&["serve", &site()]);
    let url = serve.url("/");
    let table: [&[&str]; 4] = [
        &["-n", "40", "-c", "3"],
        &["-n", "40", "-c", "2", "-s", "5", "--http2-prior-knowledge", "--threads", "2"],
        &["-n", "40", "-c", "2", "-r", "400"],
        &["-n", "40", "-c", "2", "-H", "Connection: close"],
    ];
    for arguments in table {
        let (code, out, error) = said(&wirelight(&[&["bench", "--json", &url], arguments].concat()));
        assert_eq!(code, 0, "{arguments:?}: {error}");
        let result: serde_json::Value = serde_json::from_str(&out).unwrap();
        let counted = (&result["requests"], &result["statuses"]["200"], &result["unanswered"], &result["failures"]);
        let expected = (&40.into(), &40.into(), &0.into(), &serde_json::json!({}));
        assert_eq!(counted, expected, "{arguments:?}: {result}");
        assert!(result["p50_ms"].as_f64().unwrap() > 0.0 && result["seconds"].as_f64().unwrap() > 0.0, "{result}");
    }
    let missing = said(&wirelight(&["bench", "-n", "2", "-c", "1", &serve.url("/nowhere")]));
    assert!(missing.0 == 0 && missing.1.contains("2 x 404"), "{missing:?}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, _, error) = said(&wirelight(&["bench", &format!("http://{closed}/")]));
    assert!(code == 7 && error.contains("nothing listens"), "{code}: {error}");
    let (code, _, error) = said(&wirelight(&["bench", "-s", "2", &url]));
    assert!(code == 1 && error.contains("Leave out --streams"), "{code}: {error}");
}
