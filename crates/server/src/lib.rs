//! Many connections in: listeners, accepting, workers, routing by pattern, draining.
//!
//! This crate must not know outbound connections.

mod accept;
pub mod config;
mod engine;
pub mod limits;
pub mod listener;
pub mod pattern;
pub mod router;
mod secure;
pub mod server;
pub mod workers;

pub use config::Config;
pub use listener::{Address, Introductions, Listener};
pub use pattern::Pattern;
pub use router::Router;
pub use server::{Server, Shutdown, serve};
pub use workers::{Pulse, Workers};
