//! Many connections out: pool, connecting, names, proxies, and the layers of a client.
//!
//! A client is a [`Service`](wirelight_service::Service), and so is each of its parts. It must not know inbound
//! connections.

pub mod blocking;
pub mod client;
mod connect;
pub mod connections;
pub mod error;
pub mod layer;
pub mod multipart;
pub mod pool;
pub mod progress;
pub mod proxy;
pub mod repeat;
pub mod resolve;
pub mod route;
mod target;
pub mod timings;

pub use client::{Client, ClientConfig, RequestBuilder, Response};
pub use connect::ConnectConfig;
pub use connections::{Config, Connections, Versions};
pub use error::Phase;
pub use resolve::Resolver;
pub use timings::{Timings, Watch};
