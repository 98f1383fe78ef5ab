//! Wirelight's client: `wirelight-bench-client URL TASKS connections|client`.
//!
//! `connections` is the pool with its connections alone, `client` what a program has from `Client::new`: redirections,
//! decompression, timeouts, trails and timings around it.

use http::Uri;
use wirelight_client::{Client, Config, Connections};
use wirelight_service::{Body, Request, Result, Service};

async fn by_connections(connections: Connections, uri: Uri) -> Result<()> {
    loop {
        let mut request = Request::new(Body::empty());
        request.uri_mut().clone_from(&uri);
        let mut body = connections.call(request).await?.into_body();
        while let Some(piece) = body.data().await {
            piece?;
        }
    }
}

async fn by_client(client: Client, url: String) -> Result<()> {
    loop {
        let mut answer = client.get(&url).send().await?;
        while let Some(piece) = answer.body_mut().data().await {
            piece?;
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (url, tasks) = (&arguments[1], arguments[2].parse::<usize>().expect("a number of tasks"));
    let uri: Uri = url.parse().expect("a URL");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = match arguments[3].as_str() {
            "client" => {
                let client = Client::new().expect("a client");
                (0..tasks).map(|_| tokio::spawn(by_client(client.clone(), url.clone()))).collect()
            }
            _ => {
                let connections = Connections::new(Config::default()).expect("connections");
                (0..tasks).map(|_| tokio::spawn(by_connections(connections.clone(), uri.clone()))).collect()
            }
        };
        for task in tasks {
            task.await.expect("no panic").expect("an answer");
        }
    });
}
