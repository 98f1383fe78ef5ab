//! Reading the config again under requests and streams, and handing the sockets to another process, from outside.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::process::{PATIENCE, command, curl, until};

/// A gateway that runs a config, in a folder of its own; the processes that succeed it are found by what they say.
pub(crate) struct Running {
    folder: tempfile::TempDir,
    child: Child,
    /// What all of them have printed on standard error.
    said: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
}

impl Running {
    /// Starts a gateway on a port of its own, which stands in the config as `ADDRESS`.
    pub(crate) fn start(config: &str, arguments: &[&str]) -> Self {
        Self::start_with(config, arguments, |_| {})
    }

    pub(crate) fn start_with(config: &str, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wirelight.kdl");
        fs::write(&path, config.replace("ADDRESS", &address.to_string())).unwrap();
        let control = folder.path().join("control");
        let mut command = command(&["run", "--config", path.to_str().unwrap(), "--control", control.to_str().unwrap()]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (page, lines) = (Arc::clone(&said), BufReader::new(child.stderr.take().unwrap()));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                page.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        let running = Self { folder, child, said, address };
        until("the gateway to listen", || TcpStream::connect(address).ok());
        running
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, config: &str) {
        fs::write(self.path("wirelight.kdl"), config.replace("ADDRESS", &self.address.to_string())).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Runs `wirelight reload`: whether it did, and what it printed.
    pub(crate) fn reload(&self, arguments: &[&str]) -> (bool, String) {
        let (config, control) = (self.path("wirelight.kdl"), self.path("control"));
        let mut command = command(&["reload", "--config", config.to_str().unwrap()]);
        let output = command.args(["--control", control.to_str().unwrap()]).args(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    }

    /// The number of the process that serves now.
    pub(crate) fn process(&self) -> u32 {
        self.status()["process"].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap()
    }

    fn status(&self) -> serde_json::Value {
        let control = self.path("control");
        let arguments = ["-sS", "--max-time", "30", "--unix-socket", control.to_str().unwrap()];
        // Whoever asks is answered at any time, also while one process takes over from another.
        let output = Command::new("curl").args(arguments).arg("http://localhost/status").output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
    }

    pub(crate) fn signal(process: u32, name: &str) {
        assert!(Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap().success());
    }

    fn said_when(&self, condition: impl Fn(&str) -> bool) -> String {
        until("a line on standard error", || {
            let said = self.said.lock().unwrap().clone();
            condition(&said).then_some(said)
        })
    }

    /// Has a new process take over, and waits until it has.
    pub(crate) fn upgrade(&self) -> u32 {
        let before = self.process();
        Self::signal(before, "USR2");
        let after = until("a new process to serve", || Some(self.process()).filter(|now| *now != before));
        // Both answer until the old one has heard that the new one does.
        until("the old process to leave", || (0..5).all(|_| self.process() == after).then_some(after))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only processes of this test have its folder in their arguments.
        let folder = self.folder.path().to_str().unwrap().to_owned();
        for entry in fs::read_dir("/proc").unwrap().filter_map(Result::ok) {
            let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&arguments).contains(&folder) {
                let _ = Command::new("kill").args(["-s", "KILL", entry.file_name().to_str().unwrap()]).status();
            }
        }
        let _ = self.child.wait();
    }
}

/// An event stream that was asked for: its events are lines that begin with `data:`.
pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    pub(crate) fn open(address: SocketAddr, path: &str) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    /// The next event; `None` once the stream has ended or broken off.
    pub(crate) fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            if let Some(event) = line.strip_prefix("data:") {
                return Some(event.trim().to_owned());
            }
            assert!(line.trim_end() != "0", "the stream looks whole, though it was broken off");
        }
    }
}

/// A server that answers `/events` with an event whenever it is told to, and everything else at once.
pub(crate) fn server_of_events() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || serve_events(stream));
        }
    });
    address
}

fn serve_events(stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        if !head.contains("/events") {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            if stream.write_all(answer).is_err() {
                return;
            }
            continue;
        }
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut written = stream.write_all(head.as_bytes());
        for number in 0.. {
            let event = format!("data: {number}\n\n");
            written = written.and_then(|()| write!(stream, "{:x}\r\n{event}\r\n", event.len()));
            if written.is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

fn config(server: SocketAddr, routes: &str) -> String {
    format!("upstream u {{ server \"http://{server}\" }}\nsite default {{\n listen \"ADDRESS\"\n{routes} }}\n")
}

const EVENTS: &str = "route \"/events/{*rest}\" name=events { proxy u }\n";

#[test]
fn a_reload_says_what_changes_and_closes_only_what_it_must() {
    let server = server_of_events();
    let (hello, other) =
        ("route \"/hello\" name=hello { respond one }\n", "route \"/other/{*rest}\" name=other { proxy u }\n");
    let old = config(server, &format!("{hello}{EVENTS}{other}"));
    let running = Running::start(&old, &["--grace", "0.2"]);
    let mut kept = Events::open(running.address, "/events/kept?token=SECRET");
    let mut closed = Events::open(running.address, "/other/events");
    assert_eq!((kept.next().unwrap(), closed.next().unwrap()), ("0".to_owned(), "0".to_owned()));

    let (done, text) = running.reload(&[]);
    assert!(done && text.starts_with("nothing is different\n2 streams go on undisturbed\n"), "{text}");
    running.write(&config(server, &format!("{}{EVENTS}", hello.replace("one", "two"))));
    let (done, text) = running.reload(&["--dry-run"]);
    assert!(done, "{text}");
    for part in [
        "there would be 2 changes:",
        "~ route hello of default",
        "- respond \"one\"",
        "+ respond \"two\"",
        "- route other of default",
        "1 stream would go on undisturbed",
        "this would be closed after 0.2 s unless it ends before:",
        "GET /other/events of 127.0.0.1:",
        "route other of default is not there any more",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("SECRET"), "{text}");
    assert_eq!(curl(&[&running.url("/hello")]), "one", "a dry run changes nothing");
    let (done, text) = running.reload(&[]);
    assert!(done && text.contains("1 stream goes on undisturbed\nthis is closed after 0.2 s"), "{text}");
    assert_eq!(curl(&[&running.url("/hello")]), "two");
    while closed.next().is_some() {}
    let last: u32 = kept.next().unwrap().parse().unwrap();
    let next: u32 = kept.next().unwrap().parse().unwrap();
    assert_eq!(next, last + 1);
}

#[test]
fn the_connections_of_a_listener_that_goes_are_closed_and_told_before() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listening = |second: bool| {
        let second = if second { format!("listen \"{other}\"\n") } else { String::new() };
        format!("site default {{\n listen \"ADDRESS\"\n {second} route {{ respond ok }}\n}}")
    };
    let running = Running::start(&listening(true), &["--grace", "0.2"]);
    let mut resting = TcpStream::connect(other).unwrap();
    resting.set_read_timeout(Some(PATIENCE)).unwrap();
    resting.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nok") {
        let mut byte = [0];
        resting.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    running.write(&listening(false));
    let (done, text) = running.reload(&["--dry-run"]);
    assert!(done && text.contains(&format!("- listener {other}")), "{text}");
    assert!(text.contains(&format!("1 connection on http://{other}/: the listener is not there any more")), "{text}");
    assert!(running.reload(&[]).0);
    assert_eq!(resting.read(&mut [0]).unwrap(), 0, "it rested, and is closed");
    until("nobody to listen there", || TcpStream::connect(other).err());
    assert_eq!(curl(&[&running.url("/")]), "ok");
}

#[test]
fn a_file_with_faults_changes_nothing_and_its_faults_are_shown() {
    let running = Running::start("site default { listen \"ADDRESS\"; route { respond one } }", &[]);
    running.write("site default {\n lisen \"ADDRESS\"\n route { respond two } }");
    let (done, text) = running.reload(&[]);
    assert!(!done, "{text}");
    for part in ["wirelight.kdl:2:2", "did you mean `listen`?", "nothing was changed: the old config runs on"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(curl(&[&running.url("/")]), "one");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    running.write(&format!("site default {{ listen \"ADDRESS\"; listen \"{taken}\"; route {{ respond two }} }}"));
    // Somebody has that port only for as long as the listener above lives.
    let _holder = TcpListener::bind(taken);
    let (done, text) = running.reload(&[]);
    assert!(!done && text.contains(&format!("cannot listen on {taken}")), "{text}");
    assert_eq!(curl(&[&running.url("/")]), "one");
    let status = running.status();
    assert_eq!((status["reloads_done"].as_u64(), status["reloads_refused"].as_u64()), (Some(0), Some(2)), "{status}");
}

#[test]
fn nobody_to_tell_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.kdl");
    let output = command(&["reload", "--config", path.to_str().unwrap()]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && text.contains("no process that runs"), "{text}");
}

#[test]
fn a_reload_swaps_the_access_log_and_the_admin_listener_too() {
    let running = Running::start("access-log \"one.log\"\nsite default { listen \"ADDRESS\"; route { respond } }", &[]);
    curl(&[&running.url("/first")]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let with = |token: &str| {
        format!(
            "access-log \"two.log\" format=json\nadmin \"127.0.0.1:{port}\" token={token}\n\
             site default {{ listen \"ADDRESS\"; route {{ respond }} }}"
        )
    };
    running.write(&with("old"));
    let (done, text) = running.reload(&[]);
    assert!(done && text.contains("~ access-log") && text.contains("+ admin"), "{text}");
    curl(&[&running.url("/second")]);
    let read = |name: &str| fs::read_to_string(running.path(name)).unwrap_or_default();
    until("the line to be written", || read("two.log").contains("\"target\":\"/second\"").then_some(()));
    assert!(read("one.log").contains("GET /first ") && !read("one.log").contains("second"));
    let health = |token: &str| {
        curl(&["-i", "-H", &format!("Authorization: Bearer {token}"), &format!("http://127.0.0.1:{port}/healthz")])
    };
    assert!(health("old").ends_with("\r\n\r\nok\n"));
    running.write(&with("new"));
    assert!(running.reload(&[]).0);
    assert!(health("old").starts_with("HTTP/1.1 401") && health("new").ends_with("ok\n"));
    running.write("site default { listen \"ADDRESS\"; route { respond } }");
    assert!(running.reload(&[]).0);
    until("the admin listener to go", || TcpStream::connect(("127.0.0.1", port)).err());
}

#[test]
fn usr1_opens_the_log_again() {
    let running = Running::start("access-log \"a.log\"\nsite default { listen \"ADDRESS\"; route { respond } }", &[]);
    curl(&[&running.url("/first")]);
    until("the first line", || fs::read_to_string(running.path("a.log")).ok().filter(|log| log.contains("/first")));
    fs::rename(running.path("a.log"), running.path("b.log")).unwrap();
    Running::signal(running.child.id(), "USR1");
    until("the log to be made anew", || running.path("a.log").exists().then_some(()));
    curl(&[&running.url("/second")]);
    until("the second line", || fs::read_to_string(running.path("a.log")).ok().filter(|log| log.contains("/second")));
    assert!(!fs::read_to_string(running.path("b.log")).unwrap().contains("/second"));
}

#[test]
fn another_process_takes_over_without_losing_what_is_under_way() {
    let server = server_of_events();
    let config = config(server, &format!("{EVENTS}route {{ proxy u }}\n"));
    let mut running = Running::start(&config, &["--workers", "2", "--grace", "1"]);
    let first = running.process();
    let mut events = Events::open(running.address, "/events/a");
    events.next().unwrap();
    // A connection that rests, and one whose request is not complete.
    let mut resting = TcpStream::connect(running.address).unwrap();
    resting.set_read_timeout(Some(PATIENCE)).unwrap();
    let second = running.upgrade();
    assert_ne!(first, second);
    resting.write_all(b"GET /late HTTP/1.1\r\nHost: a.test\r\n\r\n").unwrap();
    let mut answer = String::new();
    resting.read_to_string(&mut answer).unwrap();
    let lower = answer.to_ascii_lowercase();
    assert!(answer.starts_with("HTTP/1.1 200") && lower.contains("connection: close"), "{answer}");
    assert!(events.next().is_some());
    assert_eq!(curl(&[&running.url("/")]), "ok");
    let ended = until("the old process to end", || running.child.try_wait().unwrap());
    assert!(ended.success(), "{ended}");
    while events.next().is_some() {}
    // The file of the socket for commands is the new process's now.
    assert_eq!(running.process(), second);
    let third = running.upgrade();
    assert!(running.reload(&[]).0 && third != second);
    Running::signal(third, "TERM");
    until("the socket for commands to go", || (!running.path("control").exists()).then_some(()));
}

#[test]
fn a_new_process_that_cannot_serve_leaves_the_old_one_serving() {
    let running = Running::start("site default { listen \"ADDRESS\"; route { respond one } }", &[]);
    running.write("site default { nonsense }");
    let process = running.process();
    Running::signal(process, "USR2");
    let said = running.said_when(|said| said.contains("this one goes on"));
    assert!(said.contains("nonsense") && said.contains("the new process ended before it served"), "{said}");
    assert_eq!((curl(&[&running.url("/")]), running.process()), ("one".to_owned(), process));
    running.write("site default { listen \"ADDRESS\"; route { respond two } }");
    running.upgrade();
    assert_eq!(curl(&[&running.url("/")]), "two");
}

#[test]
fn a_new_process_that_fails_late_leaves_the_way_to_the_old_one_open() {
    let good = "site default { listen \"ADDRESS\"; route { respond one } }";
    let running = Running::start(good, &[]);
    // The config is good, and cannot be run: the process has taken the sockets by the time it finds out.
    running.write(&format!("access-log \"nowhere/a.log\"\n{good}"));
    let process = running.process();
    Running::signal(process, "USR2");
    let said = running.said_when(|said| said.contains("this one goes on"));
    assert!(said.contains("nowhere/a.log cannot be opened"), "{said}");
    assert!(running.path("control").exists());
    running.write(&good.replace("one", "two"));
    assert_eq!(running.process(), process);
    let (done, text) = running.reload(&[]);
    assert!(done, "{text}");
    assert_eq!(curl(&[&running.url("/")]), "two");
}

#[test]
fn while_processes_take_over_from_one_another_a_command_is_always_heard() {
    let running = Running::start("site default { listen \"ADDRESS\"; route { respond one } }", &["--workers", "1"]);
    let is_over = AtomicBool::new(false);
    let heard = thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut heard = 0;
            while !is_over.load(SeqCst) {
                let (done, text) = running.reload(&["--dry-run"]);
                assert!(done && text.starts_with("nothing is different"), "after {heard}: {text}");
                heard += 1;
            }
            heard
        });
        for _ in 0..4 {
            running.upgrade();
        }
        is_over.store(true, SeqCst);
        asking.join().unwrap()
    });
    assert!(heard >= 4, "{heard}");
}

/// What systemd's end of the notify socket hears next.
fn heard(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn systemd_is_told_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = "site default { listen \"ADDRESS\"; route { respond } }";
    let running = Running::start_with(config, &[], |command| {
        command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    });
    let until_heard = |wanted: &str| {
        for _ in 0..100 {
            let said = heard(&socket);
            if said.contains(wanted) {
                return said;
            }
        }
        panic!("never heard {wanted}");
    };
    until_heard("READY=1");
    until_heard("WATCHDOG=1");
    Running::signal(running.child.id(), "HUP");
    let reloading = until_heard("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    until_heard("READY=1");
    let process = running.upgrade();
    let succeeded = until_heard("MAINPID=");
    assert!(succeeded.contains(&format!("MAINPID={process}\n")), "{succeeded}");
    until_heard("WATCHDOG=1");
    Running::signal(process, "TERM");
    until_heard("STOPPING=1");
}

#[test]
fn sockets_that_were_opened_before_are_served() {
    // The shell puts the socket where systemd would, at number 3.
    let script = r#"
import os, socket, sys
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(8)
address = "%s:%d" % s.getsockname()
path = sys.argv[2]
open(path, "w").write('site default { listen "%s"; route { respond inherited } }' % address)
print(address, flush=True)
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_FDS"] = "1"
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[1], [sys.argv[1], "run", "--config", path, "--control", path + ".sock"])
"#;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("a.kdl");
    let mut child = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_wirelight"), config.to_str().unwrap()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut address = String::new();
    // It ends once nobody can read what it prints.
    let mut printed = BufReader::new(child.stdout.take().unwrap());
    printed.read_line(&mut address).unwrap();
    assert_eq!(curl(&[&format!("http://{}/", address.trim())]), "inherited");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(Path::new(&config).exists());
}
