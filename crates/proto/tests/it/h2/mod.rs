//! The HTTP/2 engine, driven from outside.

mod abuse;
mod client;
mod faults;
mod flow;
mod peer;
mod server;
mod timers;
