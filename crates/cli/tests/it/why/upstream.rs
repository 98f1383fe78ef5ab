//! Servers that behave as troubles need them to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::process::PATIENCE;

/// What a server does with each connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Upstream {
    /// Reads a request head, sends these bytes and closes.
    Says(&'static str),
    /// Reads a request head and says nothing, until the other side has had enough.
    Waits,
    /// Closes what it has accepted without a word.
    Closes,
    /// Answers the first request of a connection and keeps it, and closes it when the second comes.
    Races,
    /// Nothing listens there.
    Gone,
    /// Sends what stands before the bar, and what stands behind it at once; and closes.
    Sends(&'static str),
    /// The same, but holds the second part back for a while.
    Holds(&'static str),
    /// The same, but never sends the second part.
    Stalls(&'static str),
    /// Goes over to WebSocket, gives back what comes first, and closes; or closes if nothing comes for so long.
    Chats(Duration),
    /// Answers nobody until a second one has asked.
    Second,
}

/// How long something is held back.
const HELD: Duration = Duration::from_millis(150);

/// How many requests have come.
#[derive(Default)]
struct Asked {
    count: Mutex<usize>,
    changed: Condvar,
}

impl Asked {
    fn add(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Waits for so many; false if they do not come.
    fn wait(&self, count: usize) -> bool {
        let (asked, _) =
            self.changed.wait_timeout_while(self.count.lock().unwrap(), PATIENCE, |asked| *asked < count).unwrap();
        *asked >= count
    }
}

/// A server under way; it ends with the test.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    over: Arc<AtomicBool>,
    asked: Arc<Asked>,
    serving: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(behaviour: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let asked = Arc::<Asked>::default();
        if let Upstream::Gone = behaviour {
            return Self { address, over, asked, serving: None };
        }
        let (ended, heard) = (Arc::clone(&over), Arc::clone(&asked));
        let serving = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let asked = Arc::clone(&heard);
                thread::spawn(move || behave(behaviour, stream, &asked));
            }
        });
        Self { address, over, asked, serving: Some(serving) }
    }

    /// Waits until so many requests have come.
    pub(super) fn has(&self, count: usize) {
        assert!(self.asked.wait(count), "{count} requests did not come");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(serving) = self.serving.take() {
            let _ = TcpStream::connect(self.address);
            let _ = serving.join();
        }
    }
}

fn behave(behaviour: Upstream, mut stream: TcpStream, asked: &Asked) {
    if let Upstream::Closes = behaviour {
        return;
    }
    if !read_head(&mut stream) {
        return;
    }
    asked.add();
    match behaviour {
        Upstream::Says(answer) => {
            // Whoever has asked may have gone away.
            let _ = stream.write_all(answer.replace('\n', "\r\n").as_bytes());
        }
        Upstream::Races => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
            read_head(&mut stream);
        }
        Upstream::Sends(answer) | Upstream::Holds(answer) | Upstream::Stalls(answer) => {
            let answer = answer.replace('\n', "\r\n");
            let (first, second) = answer.split_once('|').unwrap();
            let _ = stream.write_all(first.as_bytes());
            match behaviour {
                Upstream::Holds(_) => drop(said_within(&mut stream, HELD)),
                Upstream::Stalls(_) => return drop(stream.read_to_end(&mut Vec::new())),
                _ => {}
            }
            let _ = stream.write_all(second.as_bytes());
        }
        Upstream::Chats(patience) => {
            // The answer to the one key that is used here (RFC 6455, section 1.3).
            let _ = stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                  sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            );
            if let Some(said) = said_within(&mut stream, patience) {
                let _ = stream.write_all(&said);
            }
        }
        Upstream::Second => {
            if asked.wait(2) {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
            }
        }
        Upstream::Waits | Upstream::Closes | Upstream::Gone => {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
}

/// Waits for what comes; `None` if nothing does for so long.
fn said_within(stream: &mut TcpStream, patience: Duration) -> Option<Vec<u8>> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut came = [0; 100];
    let length = stream.read(&mut came).ok()?;
    Some(came[..length].to_vec())
}

/// Reads a request's head; false if the other side closes before its end.
fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return false,
        }
    }
    true
}
