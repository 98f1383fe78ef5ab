//! One connection, driven: transports, the driver, upgrades, and what may be observed on a wire.
//!
//! This crate is the only place where an engine and a handler meet. It must not know listeners, pools, routes or
//! policy.

pub mod arrival;
pub mod close;
pub mod drain;
pub mod driver;
mod heads;
pub mod observe;
pub mod proxy_protocol;
pub mod tcp;
pub mod tls;
pub mod transport;
mod tunnel;
pub mod upgrade;

pub use arrival::Arrival;
pub use close::Close;
pub use drain::Drain;
pub use driver::request;
pub use driver::{Config, Context, RawHead, serve};
pub use heads::{Head, Heads};
pub use observe::{ConnectionInfo, Ending, Observer, Record, Watcher, Wire};
pub use tcp::Tcp;
pub use transport::Transport;
pub use upgrade::{Upgrade, Upgraded};
