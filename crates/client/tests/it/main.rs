//! The client against peers that are scripted, and against our own server.

mod behaviour;
mod peers;
mod script;
mod servers;
mod tls;
