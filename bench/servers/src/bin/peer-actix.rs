//! actix-web with one worker: 13 bytes at `/`.

use std::time::Duration;

use actix_web::{App, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).expect("an address");
    HttpServer::new(|| App::new().route("/", web::get().to(async || "Hello, world!")))
        .workers(1)
        .max_connections(100_000)
        .keep_alive(Duration::from_secs(75))
        .bind(address)?
        .run()
        .await
}
