//! What goes wrong on a machine: the exchange ends honestly, and the server stays up.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{Listening, command, curl, site, until};

/// A folder that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn make(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("wirelight-trouble-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn status(url: &str) -> String {
    curl(&["-o", "/dev/null", "-w", "%{http_code}", url])
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_never_looks_whole() {
    const LENGTH: u64 = 64 * 1024 * 1024;
    let folder = Folder::make("shrinks");
    let path = folder.0.join("large.bin");
    File::create(&path).unwrap().set_len(LENGTH).unwrap();
    fs::write(folder.0.join("other.txt"), "other").unwrap();
    let server = Listening::start(&["serve", folder.0.to_str().unwrap()]);
    let mut stream = server.connect();
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut received = vec![0; 100_000];
    stream.read_exact(&mut received).unwrap();
    let head = String::from_utf8_lossy(&received[..400]).to_lowercase();
    assert!(head.contains(&format!("content-length: {LENGTH}\r\n")), "{head}");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(1024).unwrap();
    let mut rest = Vec::new();
    // A reset is as honest as an early end.
    let _ = stream.read_to_end(&mut rest);
    assert!((received.len() + rest.len()) as u64 <= LENGTH, "a short file was padded or looked whole");
    server.printed_when(|printed| printed.contains("large.bin"));
    assert_eq!(curl(&[&server.url("/other.txt")]), "other");
}

#[test]
fn a_file_that_may_not_be_read_is_an_error_of_that_exchange() {
    let folder = Folder::make("unreadable");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.0.join("secret.txt"), "secret").unwrap();
    fs::set_permissions(folder.0.join("secret.txt"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::write(folder.0.join("open.txt"), "open").unwrap();
    let mut serve = command(&["serve", folder.0.to_str().unwrap(), "-p", "0"]);
    // The administrator may read everything, so the test must not be the administrator.
    if File::open(folder.0.join("secret.txt")).is_ok() {
        serve.uid(65_534).gid(65_534);
    }
    let server = Listening::spawn(&mut serve);
    let refused = status(&server.url("/secret.txt"));
    assert!(["403", "404", "500"].contains(&refused.as_str()), "{refused}");
    assert_eq!(curl(&[&server.url("/open.txt")]), "open");
}

#[test]
fn a_folder_that_is_removed_is_not_found_until_it_is_back() {
    let folder = Folder::make("removed");
    fs::create_dir(folder.0.join("below")).unwrap();
    fs::write(folder.0.join("below/a.txt"), "a").unwrap();
    let server = Listening::start(&["serve", folder.0.to_str().unwrap()]);
    assert_eq!(status(&server.url("/below/a.txt")), "200");
    fs::remove_dir_all(folder.0.join("below")).unwrap();
    until("the file to be gone", || (status(&server.url("/below/a.txt")) == "404").then_some(()));
    fs::create_dir(folder.0.join("below")).unwrap();
    fs::write(folder.0.join("below/a.txt"), "b").unwrap();
    until("the file to be back", || (curl(&[&server.url("/below/a.txt")]) == "b").then_some(()));
}

#[test]
fn a_full_disk_loses_the_log_and_nothing_else() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child =
        command(&["serve", &site(), "-p", "0", "--log", "json"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    let url = format!("http://{}", line.trim_end().split("http://").nth(1).unwrap());
    for _ in 0..5 {
        assert_eq!(status(&url), "200");
    }
    assert!(child.try_wait().unwrap().is_none(), "the server ended");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_client_that_goes_away_is_logged_as_499() {
    let server = Listening::start(&["echo"]);
    let mut stream = server.connect();
    stream.write_all(b"GET /delay/20?gone HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    drop(stream);
    let log = server.printed_when(|printed| printed.contains("/delay/20?gone"));
    assert!(log.contains("499"), "{log}");
}

#[test]
fn running_out_of_file_descriptors_is_survived() {
    let mut limited = Command::new("sh");
    let script = format!("ulimit -n 40; exec '{}' echo -p 0 --workers 1", env!("CARGO_BIN_EXE_wirelight"));
    let server = Listening::spawn(limited.args(["-c", &script]).env_remove("PORT"));
    let held: Vec<TcpStream> = (0..80).filter_map(|_| TcpStream::connect(server.address).ok()).collect();
    assert!(held.len() > 40, "only {} connections were made", held.len());
    let before = processor_time(server.id());
    std::thread::sleep(Duration::from_secs(1));
    let spent = processor_time(server.id()) - before;
    assert!(spent < Duration::from_millis(500), "it spent {spent:?} of a second on accepting in vain");
    drop(held);
    until("connections to be answered again", || (status(&server.url("/status/200")) == "200").then_some(()));
}

/// How much processor time a process has used, of its own and of the system (proc(5), /proc/PID/stat).
fn processor_time(id: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[test]
fn ambiguous_requests_are_refused_and_the_log_says_by_which_rule() {
    let server = Listening::start(&["echo"]);
    let request = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = server.exchange(request);
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    let log = server.printed_when(|printed| printed.contains("400"));
    assert!(log.contains("at byte 68  [coding-and-length (RFC 9112, section 6.1)]"), "the log does not say why: {log}");
}

#[test]
fn secrets_do_not_reach_the_log() {
    let server = Listening::start(&["echo", "--verbose"]);
    curl(&[
        "-H",
        "Authorization: Bearer SECRET",
        "-H",
        "Cookie: id=SECRET",
        &server.url("/marked?access_token=SECRET"),
    ]);
    let log = server.printed_when(|printed| printed.contains("/marked"));
    assert!(!log.contains("SECRET"), "{log}");
}
