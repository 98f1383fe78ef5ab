//! Many connections in: listeners, accepting, workers, routing by pattern, draining.
//!
//! This crate must not know outbound connections.

mod accept;
pub mod config;
pub mod limits;
pub mod listener;
pub mod server;
pub mod workers;

pub use config::Config;
pub use listener::{Address, Listener};
pub use server::{Server, Shutdown, serve};
pub use workers::Workers;
