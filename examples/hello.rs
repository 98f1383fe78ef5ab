//! The smallest server: every request is answered with a greeting.
//!
//! `cargo run -p wirelight-server --example hello`, then `curl -i http://127.0.0.1:8080/`.

use std::num::NonZeroUsize;

use wirelight_server::{Config, Listener, Server, Workers};
use wirelight_service::{Body, Request, Response, Result};

async fn hello(_: Request) -> Result<Response> {
    Ok(Response::new(Body::from("Hello, world!")))
}

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let listener = Listener::tcp(address.parse().map_err(std::io::Error::other)?)?;
    println!("listening on {}", listener.address());
    let server = Server::new(Config::default());
    Workers::start(&server, vec![listener], NonZeroUsize::new(1), hello)?.join()
}
