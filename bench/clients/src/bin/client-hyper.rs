//! hyper's bare connection: each task has one of its own, and asks on it again and again. `client-hyper URL TASKS`.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Uri, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type Failure = Box<dyn std::error::Error>;

async fn ask(uri: &Uri) -> Result<(), Failure> {
    let authority = uri.authority().expect("a host");
    let stream = TcpStream::connect(authority.as_str()).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(connection);
    loop {
        let request = Request::get(uri.path()).header(header::HOST, authority.as_str()).body(Empty::<Bytes>::new())?;
        let mut body = sender.send_request(request).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
        sender.ready().await?;
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let uri: Uri = arguments[1].parse().expect("a URL");
    let tasks: usize = arguments[2].parse().expect("a number of tasks");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..tasks)
            .map(|_| {
                let uri = uri.clone();
                tokio::task::spawn_local(async move { ask(&uri).await.expect("an answer") })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
    });
}
