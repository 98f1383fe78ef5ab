//! `wirelight get` beside curl: the same flags, the same request.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::process::{PATIENCE, command};

/// A server that keeps what it is asked, and answers one after the other.
struct Capture {
    port: u16,
    asked: Receiver<Asked>,
}

/// A request as it came.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    line: String,
    fields: BTreeMap<String, Vec<String>>,
    content: String,
}

impl Capture {
    /// Answers every request with the next of the answers, and then with the last for ever.
    fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Vec<String> = answers.iter().map(|answer| answer.replace("PORT", &port.to_string())).collect();
        let (sender, asked) = channel();
        thread::spawn(move || {
            let mut number = 0;
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while let Some(request) = read(&mut reader) {
                    let answer = answers.get(number).unwrap_or(answers.last().unwrap());
                    number += 1;
                    if sender.send(request).is_err() || stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            }
        });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The next requests that came, so many.
    fn asked(&self, number: usize) -> Vec<Asked> {
        (0..number).map(|_| self.asked.recv_timeout(PATIENCE).expect("a request comes")).collect()
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        fields.entry(name.to_ascii_lowercase()).or_default().push(value.trim().to_owned());
    }
    let length = fields.get("content-length").map_or(0, |values| values[0].parse().unwrap());
    let mut content = vec![0; length];
    reader.read_exact(&mut content).ok()?;
    Some(Asked { line: first, fields, content: String::from_utf8_lossy(&content).into_owned() })
}

impl Asked {
    /// The request without what cannot be the same: who asks, on which port, and the boundary of a form.
    fn comparable(mut self, port: u16) -> Self {
        for name in ["user-agent", "proxy-connection", "connection", "expect"] {
            self.fields.remove(name);
        }
        let mut boundary = None;
        for values in self.fields.values_mut() {
            for value in values {
                *value = value.replace(&port.to_string(), "PORT");
                if let Some((kind, found)) = value.clone().split_once("; boundary=") {
                    boundary = Some(found.to_owned());
                    *value = kind.to_owned();
                }
            }
        }
        self.line = self.line.replace(&port.to_string(), "PORT");
        if let Some(boundary) = boundary {
            self.content = self.content.replace(&boundary, "BOUNDARY").replace("--BOUNDARY", "BOUNDARY");
            // What holds the parts apart has another length.
            self.content = self.content.replace("--BOUNDARY", "BOUNDARY").trim_start_matches('-').to_owned();
            self.content = self.content.lines().map(|line| line.trim_start_matches('-')).collect::<Vec<_>>().join("\n");
            self.fields.remove("content-length");
        }
        self
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";

/// Runs one of the two to its end, and gives its exit status and output.
fn run(is_curl: bool, folder: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let mut process = match is_curl {
        true => {
            let mut curl = Command::new("curl");
            curl.args(["-s", "--max-time", "30"]);
            curl
        }
        false => command(&["get", "-s"]),
    };
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        process.env_remove(name).env_remove(name.to_ascii_uppercase());
    }
    let output = process.args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What both send for the same arguments; `URL` in them is the server's, and the answers are the server's.
fn both(answers: &[&str], arguments: &[&str], path: &str, requests: usize) -> [Vec<Asked>; 2] {
    let folder = folder();
    [true, false].map(|is_curl| {
        let capture = Capture::start(answers);
        let url = capture.url(path);
        let port = capture.port.to_string();
        let filled = |word: &&str| word.replace("URL", &url).replace("PORT", &port);
        let arguments: Vec<String> = arguments.iter().map(filled).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, out) = run(is_curl, &folder, &arguments);
        assert_eq!(code, 0, "{arguments:?}, curl: {is_curl}: {out}");
        capture.asked(requests).into_iter().map(|asked| asked.comparable(capture.port)).collect()
    })
}

/// A folder with a file of two lines in it.
fn folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("wirelight-parity-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // A test beside this one may read the file at this moment: it is put there whole.
    let beside = folder.join(format!("{:?}", thread::current().id()));
    std::fs::write(&beside, "one\ntwo&=\r\n").unwrap();
    std::fs::rename(beside, folder.join("lines.txt")).unwrap();
    folder
}

#[test]
fn the_same_flags_make_the_same_request() {
    let table: [&[&str]; 35] = [
        &["URL"],
        &["-d", "a=1", "-d", "b=2", "URL"],
        &["-d", "@lines.txt", "URL"],
        &["-d", "", "URL"],
        &["--data-binary", "@lines.txt", "URL"],
        &["--data-binary", "@lines.txt", "--data-binary", "x", "URL"],
        &["--data-raw", "@lines.txt", "URL"],
        &["--data-urlencode", "n=a b&c/~", "URL"],
        &["--data-urlencode", "=a=b", "--data-urlencode", "n@lines.txt", "URL"],
        &["-d", "a=1", "--data-urlencode", "b= ", "-d", "c", "--data-raw", "@d", "URL"],
        &["-G", "-d", "a=1", "-d", "b=2", "URL"],
        &["-G", "-d", "a=1", "URL?q=0"],
        &["-G", "-I", "-d", "a=1", "URL"],
        &["--json", "{\"a\": 1}", "URL"],
        &["--json", "@lines.txt", "-H", "Content-Type: text/x", "URL"],
        &["-F", "a=b", "-F", "c=d e", "URL"],
        &["-F", "f=@lines.txt", "-F", "g=<lines.txt", "URL"],
        &["-F", "f=@lines.txt;type=a/b;filename=z.bin", "-F", "t=v;type=text/x", "URL"],
        &["--form-string", "a=@b;type=c", "URL"],
        &["-I", "URL"],
        &["-X", "PUT", "-d", "x", "URL"],
        &["-X", "DELETE", "URL"],
        &["-u", "me:pass:word", "URL"],
        &["-b", "a=b; c=d", "URL"],
        &["-A", "x/1", "-e", "http://r.test/", "URL"],
        &["-A", "", "URL"],
        &["-r", "0-4", "URL"],
        &["-C", "5", "-o", "part.bin", "URL"],
        &["-H", "X: y", "-H", "x: z", "-H", "Accept:", "-H", "Z;", "URL"],
        &["-H", "Host: other.test", "URL"],
        &["-T", "lines.txt", "URL"],
        &["-T", "lines.txt", "URLfolder/"],
        &["--resolve", "a.test:PORT:127.0.0.1", "http://a.test:PORT/"],
        &["-x", "URL", "http://a.test/x?y"],
        &["-H", "Content-Type: text/x", "-d", "x", "URL"],
    ];
    for arguments in table {
        let partial = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-6/7\r\nContent-Length: 2\r\n\r\nok";
        let answer = if arguments.contains(&"-C") { partial } else { OK };
        let answer = if arguments.contains(&"-I") { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { answer };
        std::fs::write(folder().join("part.bin"), "12345").unwrap();
        let [theirs, ours] = both(&[answer], arguments, "/", 1);
        assert_eq!(ours, theirs, "{arguments:?}");
    }
}

#[test]
fn redirections_are_followed_with_the_same_method() {
    for status in ["301", "302", "303", "307", "308"] {
        let there = format!("HTTP/1.1 {status} X\r\nLocation: /there?x#y\r\nContent-Length: 0\r\n\r\n");
        for arguments in [
            &["-L", "URL"][..],
            &["-L", "-d", "x=y", "-H", "X-Own: 1", "URL"],
            &["-L", "-u", "me:pw", "-b", "a=b", "URL"],
            &["-L", "-I", "URL"],
        ] {
            let last = if arguments.contains(&"-I") { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK };
            let [theirs, ours] = both(&[&there, last], arguments, "/", 2);
            assert_eq!(ours, theirs, "{status} {arguments:?}");
        }
    }
}

#[test]
fn cookies_are_kept_and_sent_as_curl_does() {
    let set = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/x; HttpOnly; Max-Age=1000\r\n\
               Set-Cookie: c=3; Domain=elsewhere.test\r\nContent-Length: 2\r\n\r\nok";
    let folder = folder();
    let jars = [true, false].map(|is_curl| {
        let capture = Capture::start(&[set]);
        let jar = format!("jar-{is_curl}.txt");
        std::fs::write(folder.join(&jar), "").unwrap();
        for path in ["/", "/x/y", "/z"] {
            assert_eq!(run(is_curl, &folder, &["-b", &jar, "-c", &jar, &capture.url(path)]).0, 0);
        }
        let sent: Vec<_> = capture.asked(3).into_iter().map(|asked| asked.fields.get("cookie").cloned()).collect();
        let text = std::fs::read_to_string(folder.join(&jar)).unwrap();
        let mut kept: Vec<String> = text
            .lines()
            .filter(|line| !line.is_empty() && (!line.starts_with('#') || line.starts_with("#HttpOnly_")))
            .map(|line| {
                // All but the time of expiry, which depends on when it was set.
                let columns: Vec<&str> = line.split('\t').collect();
                [&columns[..4], &columns[5..]].concat().join(" ")
            })
            .collect();
        kept.sort();
        (sent, kept)
    });
    assert_eq!(jars[1], jars[0]);
    assert_eq!(jars[1].0[1], Some(vec!["b=2; a=1".to_owned()]), "the longer path comes first");
}

#[test]
fn variables_are_replaced_as_curl_replaces_them() {
    let there = "HTTP/1.1 302 X\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n";
    let format = "%{http_code} %{response_code} %{http_version} %{method} %{scheme} %{content_type} %{num_redirects} \
                  %{num_connects} %{size_download} %{size_upload} %{size_header} %{redirect_url} %{url} \
                  %{url_effective} %{remote_ip} %{exitcode} %{filename_effective} %{num_headers} %{nonsense} \
                  %header{content-type} %header{none} 100%% \\t\\q\\n";
    for (answers, arguments) in [
        (&[OK][..], &["URL"][..]),
        (&[OK], &["-d", "hello", "-o", "out.txt", "URL"]),
        (&[there, OK], &["-L", "URL"]),
        (&[there], &["URL"]),
        (&["HTTP/1.0 404 Not Found\r\n\r\n"], &["URL"]),
    ] {
        let folder = folder();
        let said = [true, false].map(|is_curl| {
            let capture = Capture::start(answers);
            let arguments: Vec<String> = arguments.iter().map(|word| word.replace("URL", &capture.url("/"))).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["-w", format]).collect();
            let closes = answers[0].starts_with("HTTP/1.0");
            let capture = if closes { close_after(answers[0]) } else { capture };
            let arguments: Vec<String> = match closes {
                true => vec![capture.url("/"), "-w".to_owned(), format.to_owned()],
                false => arguments.iter().map(|word| (*word).to_owned()).collect(),
            };
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let (code, out) = run(is_curl, &folder, &arguments);
            assert_eq!(code, 0, "{arguments:?}");
            // This curl calls HTTP/1.0 by the number 1, later ones by 1.0.
            out.replace(&capture.port.to_string(), "PORT").replace(" 1.0 GET", " 1 GET")
        });
        assert_eq!(said[1], said[0], "{arguments:?}");
    }
}

/// A server that answers once on each connection, and closes it.
fn close_after(answer: &str) -> Capture {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = channel();
    let answer = answer.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let request = read(&mut BufReader::new(stream.try_clone().unwrap()));
            if request.is_none_or(|request| sender.send(request).is_err())
                || stream.write_all(answer.as_bytes()).is_err()
            {
                return;
            }
        }
    });
    Capture { port, asked }
}
