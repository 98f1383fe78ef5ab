//! hyper-util's client with its pool. `client-pool URL TASKS`.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn ask(client: Client<HttpConnector, Empty<Bytes>>, uri: Uri) -> Result<(), Failure> {
    loop {
        let mut body = client.get(uri.clone()).await?.into_body();
        while let Some(frame) = body.frame().await {
            frame?;
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let uri: Uri = arguments[1].parse().expect("a URL");
    let tasks: usize = arguments[2].parse().expect("a number of tasks");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(ask(client.clone(), uri.clone()))).collect();
        for task in tasks {
            task.await.expect("no panic").expect("an answer");
        }
    });
}
