//! HTTP/2: frames, compression, streams and flow control as one state machine (RFC 9113, RFC 7541).
//!
//! [`Connection`] speaks the same [`Part`](crate::Part)s as HTTP/1 behind [`crate::Connection`]. What is its own:
//!
//! - The URI of a received request holds scheme, authority and path; of CONNECT the authority alone. A Host field is
//!   neither added nor removed.
//! - CONNECT, with or without a [`Protocol`] (RFC 8441), is followed by no [`Event::Switched`](crate::Event): the
//!   content of its stream, in both directions, is the tunnel.
//! - [`poll_transmit`](crate::Connection::poll_transmit) chooses content by priority (RFC 9218) from what was sent
//!   on all streams, and may leave events behind, since what left makes room: drain events again after it.
//! - After an error it still gives out the GOAWAY that says why.
//!
//! Knows no sockets, no clock and no handlers; time is an argument.

mod abuse;
mod config;
mod connection;
mod describe;
pub mod fault;
mod flow;
pub mod frame;
pub mod hpack;
mod message;
mod protocol;
mod schedule;
mod settings;
mod stream;
mod streams;

pub use config::{Budget, Budgets, Config};
pub use connection::Connection;
pub use describe::Describer;
pub use fault::{Code, Fault};
pub use protocol::Protocol;

/// What a client sends before anything else (RFC 9113, section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The rules that an HTTP/2 engine decides by, beside those of [`fault`].
pub mod rule {
    pub use super::abuse::{
        ABANDONED, CONTINUATION_FLOOD, EMPTY_FLOOD, FRAME_TIMEOUT, HEADER_BLOCK_SIZE, HEADER_LIST_SIZE, IGNORED_FLOOD,
        KEEP_ALIVE, PIECES, PING_FLOOD, PROVOKED_RESET, RAPID_RESET, SETTINGS_FLOOD, STALLED, WINDOW_UPDATE_FLOOD,
    };
    pub use super::message::{
        AUTHORITY, CONNECT, CONNECTION_SPECIFIC, CONTENT_LENGTH, EXTENDED_CONNECT, FIELD, FRAMING, PSEUDO_HEADER,
    };
}
