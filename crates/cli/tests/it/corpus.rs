//! The corpus over sockets: `server` cases against `wirelight echo`, `static` cases against `wirelight serve`.

use std::collections::VecDeque;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use wirelight_testkit::corpus::{Case, Piece, Seen, cases};

use crate::process::Listening;

/// How long it is quiet after a complete answer before nothing more is expected.
const QUIET: Duration = Duration::from_millis(350);
/// How long a case may take whatever happens.
const CASE_MAX: Duration = Duration::from_secs(20);
/// How many cases are under way at once.
const AT_ONCE: usize = 16;

/// Cases that are wrong, and why: they are left out.
const WRONG: &[(&str, &str)] =
    &[("sta-range-017", "it wants the byte `P`, but file.txt begins with `W`, as its neighbour sta-range-001 has it")];

fn corpus(target: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/corpus.json");
    let wrong = |case: &Case| WRONG.iter().any(|(id, _)| *id == case.id);
    cases(&path).into_iter().filter(|case| case.target == target && !wrong(case)).collect()
}

#[test]
fn every_server_case_passes_against_echo() {
    let server = Listening::start(&["echo"]);
    replay(corpus("server"), 235, server.address);
}

#[test]
fn every_static_case_passes_against_serve() {
    let folder = Fixture::make("corpus-static");
    let server = Listening::start(&["serve", folder.root().to_str().unwrap()]);
    replay(corpus("static"), 84, server.address);
}

/// Runs the cases, our own stricter expectations first, and lists every one that fails.
fn replay(cases: Vec<Case>, expected: usize, server: SocketAddr) {
    assert_eq!(cases.len(), expected, "the corpus is not whole");
    let queue = Mutex::new(VecDeque::from(cases));
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = take(&queue) {
                    let seen = talk(&case, server);
                    if let Err(why) = case.check(&seen, true) {
                        let line = format!("{} ({}): {why}; seen: {}", case.id, case.description, seen.brief());
                        failed.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {expected} cases failed:\n{}", failed.len(), failed.join("\n"));
}

fn take(queue: &Mutex<VecDeque<Case>>) -> Option<Case> {
    queue.lock().unwrap().pop_front()
}

/// One connection to the server, and what came over it.
struct Talk<'a> {
    stream: TcpStream,
    data: Vec<u8>,
    closed: bool,
    heads: &'a [usize],
    began: Instant,
}

pub(crate) fn talk(case: &Case, server: SocketAddr) -> Seen {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut talk = Talk { stream, data: Vec::new(), closed: false, heads: &case.heads, began: Instant::now() };
    for piece in &case.input {
        match piece {
            Piece::Bytes(bytes) => talk.send(bytes),
            Piece::Pause(length) => talk.listen(Instant::now() + *length, |_| false),
            Piece::Response => {
                talk.listen(Instant::now() + case.wait, |seen| !seen.answers.is_empty() || !seen.interim.is_empty())
            }
        }
    }
    if case.half_close && !talk.closed {
        // The peer may have gone already: then there is no half to close.
        let _ = talk.stream.shutdown(Shutdown::Write);
    }
    talk.conclude(case);
    let elapsed = talk.began.elapsed();
    Seen::new(talk.data, &case.heads, talk.closed, elapsed)
}

impl Talk<'_> {
    fn send(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.closed && self.began.elapsed() < CASE_MAX {
            match self.stream.write(&bytes[..bytes.len().min(256 * 1024)]) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.read() {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                Err(_) => {
                    // It closed while we were sending: what it said before is worth hearing.
                    self.listen(Instant::now() + QUIET, |_| false);
                    self.closed = true;
                }
            }
        }
    }

    /// Reads what is there; whether anything was.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.closed = true,
            Ok(length) => {
                self.data.extend_from_slice(&buffer[..length]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => self.closed = true,
        }
        false
    }

    fn seen(&self) -> Seen {
        Seen::new(self.data.clone(), self.heads, false, Duration::ZERO)
    }

    fn listen(&mut self, until: Instant, enough: impl Fn(&Seen) -> bool) {
        while !self.closed && Instant::now() < until {
            if self.read() {
                if enough(&self.seen()) {
                    return;
                }
            } else {
                thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Listens until the server closes, or has said what it had to say.
    fn conclude(&mut self, case: &Case) {
        let began = Instant::now();
        let mut last = began;
        let mut complete = 0;
        let needs_close = case.needs_close(true);
        let wanted = case.responses_wanted(true);
        while !self.closed && self.began.elapsed() < CASE_MAX {
            if self.read() {
                last = Instant::now();
                if self.data.len() < 1024 * 1024 {
                    complete = self.seen().answers.iter().filter(|answer| answer.complete).count();
                }
                continue;
            }
            let quiet = last.elapsed() > QUIET;
            let waited = began.elapsed() > case.wait;
            let answered = !needs_close && complete >= wanted.unwrap_or(1);
            if quiet && (waited || answered) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The tree that the static cases expect; it is removed with the test.
struct Fixture(PathBuf);

impl Fixture {
    fn make(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("wirelight-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for below in ["root/sub/deep", "root/.git", "root-secret"] {
            fs::create_dir_all(folder.join(below)).unwrap();
        }
        let big: Vec<u8> = (0..=255).cycle().take(1024 * 1024).collect();
        let files: &[(&str, &[u8])] = &[
            ("secret.txt", b"WIRELIGHT-SECRET-outside\n"),
            ("root-secret/secret.txt", b"WIRELIGHT-SECRET-sibling\n"),
            ("root/index.html", b"<html>WIRELIGHT-INDEX</html>\n"),
            ("root/file.txt", b"WIRELIGHT-FILE 0123456789\n"),
            ("root/a b.txt", b"WIRELIGHT-SPACE\n"),
            ("root/percent%41.txt", b"WIRELIGHT-PERCENT\n"),
            ("root/sub/inner.txt", b"WIRELIGHT-INNER\n"),
            ("root/sub/index.html", b"<html>WIRELIGHT-SUBINDEX</html>\n"),
            ("root/sub/deep/leaf.txt", b"WIRELIGHT-LEAF\n"),
            ("root/.env", b"WIRELIGHT-HIDDEN-env\n"),
            ("root/.git/config", b"WIRELIGHT-HIDDEN-git\n"),
            ("root/.htaccess", b"WIRELIGHT-HIDDEN-ht\n"),
            ("root/big.bin", &big),
        ];
        for (path, content) in files {
            fs::write(folder.join(path), content).unwrap();
        }
        for (name, target) in
            [("link-out.txt", "../secret.txt"), ("link-in.txt", "file.txt"), ("link-dir", "../root-secret")]
        {
            symlink(target, folder.join("root").join(name)).unwrap();
        }
        Self(folder)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
