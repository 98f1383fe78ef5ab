//! Content of any size goes down and up in little memory: measured in a process of its own, as the kernel counts it.

use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use wirelight_client::{Client, ClientConfig, Versions};
use wirelight_net::tls::Acceptor;
use wirelight_net::{ConnectionInfo, Context, Transport};
use wirelight_proto::{Role, h1, h2};
use wirelight_service::{Body, Error, Request, Response, Result};

use crate::tls::{Folder, authority, identity, settings};

/// How much is sent each way, in bytes; as many as the variable says, in MiB.
const BYTES: u64 = 256 << 20;
/// The most resident memory that the process may ever have had, in KiB.
const RESIDENT_KIB_MAX: u64 = 20 * 1024;
/// How much more that may be than after a little was sent, in KiB.
const GROWTH_KIB_MAX: u64 = 6 * 1024;

/// So many bytes, in pieces of 64 KiB of which there is one.
struct Pieces {
    left: u64,
    piece: Bytes,
}

fn pieces(length: u64) -> Body {
    Body::stream(Pieces { left: length, piece: Bytes::from(vec![b'x'; 64 * 1024]) })
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = self.piece.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..length)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Sends as many bytes as the path says, or says how many it was sent.
async fn answer(mut request: Request) -> Result<Response> {
    if let Ok(length) = request.uri().path()[1..].parse() {
        return Ok(Response::new(pieces(length)));
    }
    let mut received = 0;
    while let Some(content) = request.body_mut().data().await {
        received += content?.len() as u64;
    }
    Ok(Response::new(Body::from(received.to_string())))
}

async fn serve(carrier: impl Transport + 'static, http2: bool) {
    let (context, info) =
        (Arc::new(Context::default()), ConnectionInfo { id: 1, peer: None, secured: None, local: None });
    if http2 {
        let engine = h2::Connection::new(Role::Server, Arc::default(), Instant::now());
        wirelight_net::serve(carrier, engine, Arc::new(answer), context, info).await;
    } else {
        let engine = h1::Connection::new(Role::Server, Arc::default(), Instant::now());
        wirelight_net::serve(carrier, engine, Arc::new(answer), context, info).await;
    }
}

/// Has a process send and receive, and says what it said of its memory.
async fn measure(scheme: &str, http2: bool) -> (u64, u64) {
    let known = authority("the authority of memory");
    let folder = Folder::new(&format!("memory-{scheme}-{http2}"));
    let trusted = folder.write("ca.pem", &known.pem);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = (scheme == "https").then(|| Acceptor::new(&settings(identity(&known, |_| {}), http2)).unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            match &acceptor {
                None => drop(tokio::spawn(serve(stream, http2))),
                Some(acceptor) => {
                    let mut tls = acceptor.accept(stream, &[]).unwrap();
                    tokio::spawn(async move {
                        std::future::poll_fn(|cx| tls.poll_handshake(cx)).await.unwrap();
                        serve(tls, http2).await;
                    });
                }
            }
        }
    });
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "memory::child", "--ignored", "--nocapture", "--test-threads=1"]);
    child.env("WIRELIGHT_MEMORY", format!("{scheme}://localhost:{port}/ {http2} {}", trusted.display()));
    let output = tokio::task::spawn_blocking(move || child.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let numbers = said.lines().find_map(|line| line.strip_prefix("resident ")).unwrap_or_else(|| panic!("{said}"));
    let (most, growth) = numbers.split_once(' ').unwrap();
    (most.parse().unwrap(), growth.parse().unwrap())
}

async fn is_small(scheme: &str, http2: bool) {
    let (most, growth) = measure(scheme, http2).await;
    eprintln!("{scheme}, HTTP/2: {http2}: {most} KiB, {growth} KiB of it for the last 255 MiB");
    assert!(growth <= GROWTH_KIB_MAX, "{growth} KiB more than before");
    assert!(most <= RESIDENT_KIB_MAX, "{most} KiB");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_1() {
    is_small("http", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_1_and_tls() {
    is_small("https", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_2() {
    is_small("http", true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn over_http_2_and_tls() {
    is_small("https", true).await;
}

/// A number that the kernel keeps of this process, in KiB.
fn kept(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
#[ignore = "the tests above run it, in a process of its own"]
fn child() {
    let told = std::env::var("WIRELIGHT_MEMORY").expect("it is run by the tests above");
    let [url, http2, trusted] = told.split(' ').collect::<Vec<_>>()[..] else { panic!("{told}") };
    let mut config = ClientConfig::default();
    config.connections.tls.authorities = vec![Path::new(trusted).to_owned()];
    config.connections.tls.only_authorities = true;
    if http2 == "true" && url.starts_with("http:") {
        config.connections.versions = Versions::Http2PriorKnowledge;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::with(config).unwrap();
        exchange(&client, url, 1 << 20).await;
        let before = kept("VmHWM");
        let bytes = std::env::var("WIRELIGHT_MEMORY_MIB").map_or(BYTES, |mib| mib.parse::<u64>().unwrap() << 20);
        exchange(&client, url, bytes).await;
        // The kernel counts in batches, so that it may tell a little less than it did before.
        let most = kept("VmHWM");
        println!("\nresident {most} {}", most.saturating_sub(before));
    });
}

async fn exchange(client: &Client, url: &str, length: u64) {
    let mut down = client.get(&format!("{url}{length}")).send().await.unwrap();
    let mut received = 0;
    while let Some(content) = down.chunk().await {
        received += content.unwrap().len() as u64;
    }
    assert_eq!(received, length);
    let up = client.post(&format!("{url}up")).body(pieces(length)).send().await.unwrap();
    assert_eq!(up.text().await.unwrap(), length.to_string());
}
