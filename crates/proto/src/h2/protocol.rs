//! What an extended CONNECT asks to speak (RFC 8441).

use std::fmt;

use bytes::Bytes;

/// The `:protocol` of an extended CONNECT (RFC 8441, section 4), such as `websocket`.
///
/// A request that has one carries it as an extension, received or sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Protocol(Bytes);

impl Protocol {
    /// WebSocket (RFC 8441, section 5).
    pub const WEBSOCKET: Self = Self(Bytes::from_static(b"websocket"));

    /// A protocol by its name, which is a token.
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        // A method is a token too, and nothing else.
        http::Method::from_bytes(name).ok()?;
        Some(Self(Bytes::copy_from_slice(name)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Protocol({})", self.as_str())
    }
}
