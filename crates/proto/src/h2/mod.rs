//! HTTP/2: frames, compression, streams and flow control as one state machine (RFC 9113, RFC 7541).

pub mod fault;
pub mod frame;
pub mod hpack;
mod protocol;

pub use fault::{Code, Fault};
pub use protocol::Protocol;
