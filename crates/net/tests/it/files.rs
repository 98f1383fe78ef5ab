//! Content that lies in a file and is sent by the system, over TCP.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wirelight_net::{ConnectionInfo, Context, Ending, Observer, Record};
use wirelight_proto::{Role, h1};
use wirelight_service::body::FileContent;
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Result};

/// A file of which so much was promised, and how much of it was read as a body.
struct Promised {
    file: Arc<File>,
    offset: u64,
    left: u64,
    read: Arc<Mutex<u64>>,
}

impl FileContent for Promised {
    fn at_hand(&self) -> Option<(&File, u64, u64)> {
        Some((&self.file, self.offset, self.left.min(1 << 20)))
    }

    fn take_at_hand(&mut self, _: usize) -> Option<Bytes> {
        None
    }

    fn skip(&mut self, length: u64) {
        self.offset += length;
        self.left -= length;
    }
}

impl http_body::Body for Promised {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; self.left.min(65_536) as usize];
        let length = self.file.read_at(&mut piece, self.offset).unwrap();
        if length == 0 {
            self.left = 0;
            return Poll::Ready(Some(Err(Error::new(Kind::Io, Fault::Ours, "the file became shorter"))));
        }
        piece.truncate(length);
        self.skip(length as u64);
        *self.read.lock().unwrap() += length as u64;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[derive(Default)]
struct Records(Mutex<Vec<(u64, Ending)>>);

impl Observer for Records {
    fn finished(&self, record: Box<Record>) {
        self.0.lock().unwrap().push((record.sent_bytes, record.ending));
    }
}

/// What came of asking for a file of `length` bytes of which `promised` were promised.
struct Came {
    content: Vec<u8>,
    second: Vec<u8>,
    read: u64,
    records: Vec<(u64, Ending)>,
}

async fn ask(content: &[u8], promised: u64) -> Came {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let (file, read) = (Arc::new(file), Arc::new(Mutex::new(0)));
    let (records, counted) = (Arc::new(Records::default()), Arc::clone(&read));
    let service = move |_: Request| {
        let content = Promised { file: Arc::clone(&file), offset: 0, left: promised, read: Arc::clone(&counted) };
        std::future::ready(Ok(Response::new(Body::file(content))))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    let observer: Arc<dyn Observer> = Arc::clone(&records) as _;
    let context = Context { observer: Some(observer), ..Context::default() };
    let engine = h1::Connection::new(Role::Server, Arc::default(), Clock::system().now());
    let info = ConnectionInfo { id: 1, peer: None, secured: None, local: None };
    let served = tokio::spawn(wirelight_net::serve(near, engine, Arc::new(service), Arc::new(context), info));
    // The second request waits for the first to be answered whole.
    let get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    peer.write_all(get).await.unwrap();
    let mut heard = Vec::new();
    // A peer that is cut off may see a reset.
    let _ = peer.read_to_end(&mut heard).await;
    drop(peer);
    served.await.unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n");
    let heard = heard.strip_prefix(head.as_bytes()).expect("a head with the length that was promised");
    let (content, second) = heard.split_at(heard.len().min(promised as usize));
    let read = *read.lock().unwrap();
    let records = records.0.lock().unwrap().clone();
    Came { content: content.to_vec(), second: second.to_vec(), read, records }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 12) as u8).collect()
}

#[tokio::test]
async fn a_large_file_is_sent_whole_and_hardly_read() {
    let file = content(5_000_000);
    let came = ask(&file, file.len() as u64).await;
    assert!(came.content == file);
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n", file.len());
    let second = came.second.windows(file.len()).next_back().expect("the second answer is whole");
    assert!(second == file, "{} bytes of a second answer", came.second.len());
    assert!(came.second.len() <= head.len() + 2 + file.len());
    assert_eq!(came.records, [(file.len() as u64, Ending::Complete); 2]);
    // Only what was left at the end, where so little is at hand that a system call for it does not pay.
    assert!(came.read <= 2 * 128 * 1024, "{} bytes were read", came.read);
}

#[tokio::test]
async fn a_small_file_is_read() {
    let file = content(1000);
    let came = ask(&file, 1000).await;
    assert!(came.content == file);
    assert_eq!(came.read, 2000);
}

#[tokio::test]
async fn a_file_that_became_shorter_does_not_look_whole() {
    let file = content(1_000_000);
    let came = ask(&file, 3_000_000).await;
    assert!(came.content.len() <= file.len() && file.starts_with(&came.content));
    assert!(came.second.is_empty());
    assert_eq!(came.records.len(), 1);
    assert_eq!(came.records[0].1, Ending::Broken);
}
