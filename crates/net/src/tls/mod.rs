//! TLS: rustls as one more machine between a transport and a connection. No type of rustls leaves this module but
//! inside its own.

pub mod client;
mod key_log;
pub mod server;
mod stream;

pub use server::{Acceptor, Fault, Identity, Settings};
pub use stream::{Machine, Secured, Tls};

/// The server's end of a connection over TLS.
pub type ServerSide<T> = Tls<T, rustls::server::UnbufferedServerConnection>;

/// The name of HTTP/2 in ALPN (RFC 9113, section 3.1).
pub const ALPN_H2: &[u8] = b"h2";
/// The name of HTTP/1.1 in ALPN (RFC 7301, section 6).
pub const ALPN_HTTP_1_1: &[u8] = b"http/1.1";
