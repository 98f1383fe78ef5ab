//! `wirelight capture` on the loopback, beside real traffic; others read the files that it writes.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use crate::inspector::inspected_in;
use crate::process::{Listening, command, curl, site, wirelight};
use crate::tls::Secure;

/// A capture under way.
struct Capturing {
    child: Child,
    told: BufReader<ChildStdout>,
    text: String,
}

impl Capturing {
    /// Listens for the port of a server, and returns once it does.
    fn start(port: u16, arguments: &[&str]) -> Self {
        let port = port.to_string();
        let mut command = command(&[&["capture", "-i", "lo", "--port", &port, "--for", "30"], arguments].concat());
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut notes = BufReader::new(child.stderr.take().unwrap());
        let mut note = String::new();
        notes.read_line(&mut note).unwrap();
        assert_eq!(note, format!("-- listening on lo for port {port}; INT ends it\n"));
        // Whoever writes to a pipe that nobody reads is ended by it.
        std::thread::spawn(move || std::io::copy(&mut notes, &mut std::io::sink()));
        let told = BufReader::new(child.stdout.take().unwrap());
        Self { child, told, text: String::new() }
    }

    /// Reads until a line holds these words.
    fn until(&mut self, words: &str) {
        while !self.text.contains(words) {
            let read = self.told.read_line(&mut self.text).unwrap();
            assert_ne!(read, 0, "`{words}` was never said:\n{}", self.text);
        }
    }

    /// Ends it as a user does, and gives all that it has told.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        self.told.read_to_string(&mut self.text).unwrap();
        assert!(self.child.wait().unwrap().success());
        self.text
    }
}

/// Whether this process may listen to packets (CAP_NET_RAW is the fourteenth capability).
fn may_listen() -> bool {
    const NET_RAW: u64 = 1 << 13;
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap().trim();
    u64::from_str_radix(effective, 16).unwrap() & NET_RAW != 0
}

fn file(folder: &TempDir) -> (PathBuf, String) {
    let path = folder.path().join("a.pcapng");
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

/// What tshark reads of some packets.
fn tshark(path: &Path, which: &[&str], fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(path).args(which).args(["-T", "fields"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.stderr(Stdio::piped()).output().expect("tshark is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn a_connection_from_its_handshake_to_its_end_with_the_exchange_that_rode_on_it() {
    if !may_listen() {
        return without_the_capability();
    }
    let folder = TempDir::new().unwrap();
    let (path, kept) = file(&folder);
    let server = Listening::start(&["serve", &site()]);
    let port = server.address.port();
    let mut capturing = Capturing::start(port, &["-w", &kept]);
    curl(&["-o", "/dev/null", "-H", "Connection: close", &server.url("/about.html")]);
    capturing.until("finished first");
    let told = capturing.end();
    let expected = [
        format!("to 127.0.0.1:{port}\n"),
        " > SYN           asks for a connection; takes ".to_owned(),
        " < SYN, ACK      agrees after ".to_owned(),
        " > ACK           the connection stands after ".to_owned(),
        " > PSH, ACK      bytes 0 to ".to_owned(),
        " | exchange 1: GET /about.html HTTP/1.1\n".to_owned(),
        " | exchange 1: the request is complete, with 0 bytes of content\n".to_owned(),
        " | exchange 1: 200 OK\n".to_owned(),
        " | exchange 1: the response is complete, with ".to_owned(),
        "has no more to send, after ".to_owned(),
        "both sides have finished: the connection is closed\n".to_owned(),
        format!("to 127.0.0.1:{port}, closed; "),
        " finished first, after ".to_owned(),
        "the handshake took ".to_owned(),
    ];
    let mut rest = &*told;
    for words in expected {
        let at = rest.find(&words).unwrap_or_else(|| panic!("`{words}` is missing, or too early, in:\n{told}"));
        rest = &rest[at + words.len()..];
    }

    let again = wirelight(&["capture", &kept]);
    assert!(again.status.success());
    assert_eq!(String::from_utf8(again.stdout).unwrap(), told, "the file tells the same");
    let decode = format!("tcp.port=={port},http");
    let http = tshark(&path, &["-d", &decode, "-Y", "http"], &["http.request.uri", "http.response.code"]);
    assert_eq!(http, ["/about.html\t", "\t200"]);
}

#[test]
fn the_secrets_in_the_file_decrypt_it() {
    if !may_listen() {
        return without_the_capability();
    }
    let folder = TempDir::new().unwrap();
    let (path, kept) = file(&folder);
    let key_log = folder.path().join("keys.log");
    let key_log = key_log.to_str().unwrap();
    let secure = Secure::start(&["serve", &site(), "--tls", "--keylog", key_log]);
    let mut capturing = Capturing::start(secure.server.address.port(), &["-w", &kept, "--keylog", key_log]);
    let authority = secure.authority();
    let authority = authority.to_str().unwrap();
    curl(&["--http2", "--cacert", authority, "-o", "/dev/null", &secure.server.url("/about.html")]);
    capturing.until(" bytes to the server and ");
    let told = capturing.end();
    assert!(told.contains("HTTP is not followed further: it is TLS: what it carries is encrypted"), "{told}");
    let paths = tshark(&path, &["-Y", "http2.headers.path"], &["http2.headers.path"]);
    assert_eq!(paths, ["/about.html"]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let again = wirelight(&["capture", &kept, "--quiet"]);
    let notes = String::from_utf8(again.stderr).unwrap();
    assert!(notes.contains("-- the file holds secrets of TLS: Wireshark can decrypt what they belong to"), "{notes}");
}

#[test]
fn an_encrypted_connection_is_named_with_the_exchanges_that_rode_on_it() {
    if !may_listen() {
        return without_the_capability();
    }
    let folder = TempDir::new().unwrap();
    let (_, kept) = file(&folder);
    // The authority is made by another: its maker says so before it says where it listens.
    let maker = Secure::start(&["serve", &site(), "--tls"]);
    let authority = maker.authority();
    let environment = [("XDG_DATA_HOME", authority.parent().unwrap().parent().unwrap())];
    let (server, entrance) = inspected_in(&["serve", &site(), "--tls"], &environment);
    let mut capturing = Capturing::start(server.address.port(), &["-w", &kept, "--at", &entrance]);
    let authority = authority.to_str().unwrap();
    let urls = [server.url("/about.html"), server.url("/nothing-here")];
    curl(&["--http2", "--cacert", authority, &urls[0], "-o", "/dev/null", &urls[1], "-o", "/dev/null"]);
    capturing.until("GET /nothing-here -> ");
    let told = capturing.end();
    for words in [
        "#1 the inspector knows it as connection 1, encrypted with TLS",
        ": 2 exchanges rode on it\n",
        "#1   exchange 1-1 on stream 1: GET /about.html -> 200 OK",
        "#1   exchange 1-2 on stream 3: GET /nothing-here -> 404 Not Found",
    ] {
        assert!(told.contains(words), "`{words}` is missing in:\n{told}");
    }

    let again = wirelight(&["capture", &kept, "--quiet", "--at", &entrance]);
    let again = String::from_utf8(again.stdout).unwrap();
    assert!(again.contains("exchange 1-2 on stream 3: GET /nothing-here -> 404 Not Found"), "{again}");
    // Another connection may have had the same port at another time: what was long ago is not taken for this one.
    let (_elsewhere, other) = inspected_in(&["serve", &site()], &[]);
    let unknown = wirelight(&["capture", &kept, "--quiet", "--at", &other]);
    let unknown = String::from_utf8(unknown.stdout).unwrap();
    assert!(unknown.contains("#1 ") && !unknown.contains("exchange"), "{unknown}");
    let locked = wirelight(&["capture", &kept, "--at", &entrance.replace("token=", "token=x")]);
    let locked = String::from_utf8(locked.stderr).unwrap();
    assert!(!locked.is_empty() && locked.contains("Give the whole URL"), "{locked}");
}

#[test]
fn what_cannot_be_captured_or_read_says_why() {
    let folder = TempDir::new().unwrap();
    let text = folder.path().join("a.txt");
    fs::write(&text, "not packets").unwrap();
    let text = text.to_str().unwrap();
    for (arguments, expected) in [
        (&["capture", text][..], "a.txt is neither a pcapng nor a pcap file"),
        (&["capture", "/nonexistent.pcapng"], "/nonexistent.pcapng cannot be read: No such file or directory"),
        (&["capture", "-i", "nothing0"], "there is no interface `nothing0`"),
        (&["capture", "--keylog", "k", "--for", "1"], "--write <FILE>"),
    ] {
        let output = wirelight(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
    }
}

/// Without the capability the command says what it needs.
fn without_the_capability() {
    let output = wirelight(&["capture", "--for", "1"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("CAP_NET_RAW") && said.contains("sudo"), "{said}");
}
