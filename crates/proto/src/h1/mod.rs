//! HTTP/1.1 and HTTP/1.0 (RFC 9112), as a server and as a client.
//!
//! The engine reads strictly and one exchange at a time: a pipelined request stays in the input until the response
//! before it has ended. It must not know what fields mean beyond framing and connection.

mod chunked;
mod config;
mod connection;
mod encode;
mod exchange;
mod head;
mod length;
mod octets;
mod receive;
mod send;
mod spelling;
mod target;
mod timer;

pub use config::Config;
pub use connection::Connection;
pub use exchange::Closing;
pub use spelling::Spelling;
