//! A server that plays a script on each connection, on a port that the system chooses.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// One step of a script.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Reads to the end of a head.
    Head,
    /// Reads so many bytes.
    Read(usize),
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes again and again, so often.
    Repeat(Vec<u8>, usize),
    /// Waits; a script that ends with it leaves the client waiting.
    Hang,
    /// Pauses for so many milliseconds.
    Pause(u64),
    /// Says that nothing more comes, and goes on reading.
    End,
    /// Closes with a reset.
    Reset,
}

pub(crate) fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// A scripted server. It stops when it is dropped.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    /// All that each connection sent.
    pub(crate) heard: Arc<Mutex<Vec<Vec<u8>>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Peer {
    /// Plays the first script on the first connection, and so on; the last is played on all that follow.
    pub(crate) async fn play(scripts: Vec<Vec<Step>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let all = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            let mut number = 0;
            while let Ok((stream, _)) = listener.accept().await {
                let script = scripts[number.min(scripts.len() - 1)].clone();
                number += 1;
                let index = {
                    let mut all = all.lock().unwrap();
                    all.push(Vec::new());
                    all.len() - 1
                };
                let all = Arc::clone(&all);
                tokio::spawn(perform(stream, script, all, index));
            }
        });
        Self { address, heard, task }
    }

    pub(crate) async fn once(script: Vec<Step>) -> Self {
        Self::play(vec![script]).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn text(&self, connection: usize) -> String {
        let heard = self.heard.lock().unwrap();
        String::from_utf8_lossy(heard.get(connection).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard.lock().unwrap().len()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn perform(mut stream: TcpStream, script: Vec<Step>, all: Arc<Mutex<Vec<Vec<u8>>>>, index: usize) {
    let mut unread: Vec<u8> = Vec::new();
    for step in script {
        match step {
            Step::Head => {
                let end = loop {
                    if let Some(at) = unread.windows(4).position(|four| four == b"\r\n\r\n") {
                        break at + 4;
                    }
                    if !more(&mut stream, &mut unread, &all, index).await {
                        return;
                    }
                };
                unread.drain(..end);
            }
            Step::Read(length) => {
                while unread.len() < length {
                    if !more(&mut stream, &mut unread, &all, index).await {
                        return;
                    }
                }
                unread.drain(..length);
            }
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Repeat(bytes, times) => {
                for _ in 0..times {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
            }
            Step::Pause(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            Step::Hang => while more(&mut stream, &mut unread, &all, index).await {},
            Step::End => {
                let _ = stream.shutdown().await;
            }
            Step::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
        }
    }
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>, all: &Mutex<Vec<Vec<u8>>>, index: usize) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer).await {
        Ok(0) | Err(_) => false,
        Ok(length) => {
            unread.extend_from_slice(&buffer[..length]);
            all.lock().unwrap()[index].extend_from_slice(&buffer[..length]);
            true
        }
    }
}
