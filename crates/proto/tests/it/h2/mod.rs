//! The HTTP/2 engine, driven from outside.

mod peer;
mod server;
