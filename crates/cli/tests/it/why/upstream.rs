//! Servers that behave as troubles need them to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

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
}

/// A server under way; it ends with the test.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    over: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) fn start(behaviour: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        if let Upstream::Gone = behaviour {
            return Self { address, over, serving: None };
        }
        let ended = Arc::clone(&over);
        let serving = thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                thread::spawn(move || behave(behaviour, stream));
            }
        });
        Self { address, over, serving: Some(serving) }
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

fn behave(behaviour: Upstream, mut stream: TcpStream) {
    if let Upstream::Closes = behaviour {
        return;
    }
    if !read_head(&mut stream) {
        return;
    }
    match behaviour {
        Upstream::Says(answer) => {
            // Whoever has asked may have gone away.
            let _ = stream.write_all(answer.replace('\n', "\r\n").as_bytes());
        }
        Upstream::Races => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine");
            read_head(&mut stream);
        }
        _ => {
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
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
