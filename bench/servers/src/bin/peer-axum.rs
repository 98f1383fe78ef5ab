//! axum on one single-threaded runtime: 13 bytes at `/`, and tower-http's `ServeDir` below it.

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tower_http::services::ServeDir;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("an address");
    let folder = arguments.next().expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let router =
            Router::new().route("/", get(|| async { "Hello, world!" })).fallback_service(ServeDir::new(folder));
        let listener = TcpListener::bind(address).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })
}
