//! Many connections out: pool, connecting, names, proxies, and the layers of a client.
//!
//! A client is a [`Service`](wirelight_service::Service), and so is each of its parts. It must not know inbound
//! connections.

mod connect;
pub mod connections;
pub mod error;
pub mod pool;
pub mod proxy;
pub mod resolve;
pub mod route;
pub mod timings;

pub use connect::ConnectConfig;
pub use connections::{Config, Connections, Versions};
pub use error::Phase;
pub use timings::{Timings, Watch};
