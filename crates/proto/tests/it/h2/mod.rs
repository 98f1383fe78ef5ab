//! The HTTP/2 engine, driven from outside.

mod abuse;
mod client;
mod corpus;
mod faults;
mod flow;
mod peer;
mod server;
mod timers;
