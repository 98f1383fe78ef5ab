//! The HTTP/2 engine, driven from outside.

mod abuse;
mod client;
mod corpus;
mod faults;
mod flow;
mod pair;
mod peer;
mod published;
mod server;
mod timers;
