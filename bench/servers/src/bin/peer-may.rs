//! may_minihttp with one worker: 13 bytes for whatever is asked.

use std::io;

use may_minihttp::{HttpServer, HttpService, Request, Response};

#[derive(Clone)]
struct Hello;

impl HttpService for Hello {
    fn call(&mut self, _: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain");
        response.body("Hello, world!");
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).expect("an address");
    may::config().set_workers(1);
    let server = HttpServer(Hello).start(address)?;
    server.join().map_err(|_| io::Error::other("the server panicked"))
}
