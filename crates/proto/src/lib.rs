//! HTTP on the wire, as state machines: bytes and time in, events and bytes out.
//!
//! This crate knows RFC 9112 and its siblings. It must not know sockets, clocks, an async runtime, handlers or
//! caching. Every version speaks the same [`part::Part`] in both directions behind [`connection::Connection`].

pub mod connection;
pub mod engine;
pub mod error;
pub mod h1;
pub mod h2;
pub mod incoming;
pub mod outgoing;
pub mod overheard;
pub mod part;

pub use connection::{Connection, Role};
pub use engine::Engine;
pub use error::{ConnectionError, SendError, StreamFault};
pub use incoming::Incoming;
pub use outgoing::Outgoing;
pub use overheard::Overheard;
pub use part::{Event, Length, Part, Reason, StreamId};
