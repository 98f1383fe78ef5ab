//! The limits and deadlines of an HTTP/1 connection.

use std::time::Duration;

/// The limits and deadlines of an HTTP/1 connection; one is shared by all connections of a listener or a pool.
///
/// Sizes count bytes on the wire. A duration of zero switches its deadline off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The longest head, from the method to the empty line; a longer one is answered 431.
    pub head_bytes_max: usize,
    /// The longest request target; a longer one is answered 414 (RFC 9112, section 3).
    pub target_bytes_max: usize,
    /// The longest method; a longer one is answered 501 (RFC 9112, section 3).
    pub method_bytes_max: usize,
    /// The most fields in a head, and the most in a trailer section; more are answered 431.
    pub fields_max: usize,
    /// The longest field line, name and value together; a longer one is answered 431.
    pub field_bytes_max: usize,
    /// The longest trailer section; a longer one is answered 431.
    pub trailer_bytes_max: usize,
    /// The longest extensions of one chunk; longer ones are answered 400.
    pub chunk_extension_bytes_max: usize,
    /// The most bytes that the chunk extensions of one message take together; more are answered 400.
    pub chunk_extensions_bytes_max: usize,
    /// How many empty lines are forgiven before a request line (RFC 9112, section 2.2).
    pub empty_lines_max: u8,
    /// The most interim responses to one request that a client takes.
    pub interim_max: u16,
    /// The most exchanges on one connection; the last one is answered with `Connection: close`.
    pub exchanges_max: u64,
    /// The most received content that waits for the application; at this much, reading stops.
    pub content_buffer_bytes: usize,
    /// The most content of a request that is still read when its response has ended, to keep the connection alive.
    pub drain_bytes_max: u64,
    /// How long a head may take from its first byte to its end, and how long the first byte of a new connection may
    /// take; answered 408 once a byte has come (RFC 9110, section 15.5.9).
    pub header_timeout: Duration,
    /// How long a connection may stand idle between two exchanges; then it closes without a word.
    pub keep_alive_timeout: Duration,
    /// The least content a server takes from a sender, in bytes a second; zero switches the check off.
    pub content_rate_min: u32,
    /// Over how long the rate of content is averaged, and so how long a sender may pause; answered 408 after it.
    pub content_grace: Duration,
    /// Whether heads keep how the names of their fields were spelled ([`Spelling`](super::Spelling)).
    pub keeps_spelling: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            head_bytes_max: 32 * 1024,
            target_bytes_max: 8 * 1024,
            method_bytes_max: 32,
            fields_max: 100,
            field_bytes_max: 16 * 1024,
            trailer_bytes_max: 8 * 1024,
            chunk_extension_bytes_max: 256,
            chunk_extensions_bytes_max: 16 * 1024,
            empty_lines_max: 1,
            interim_max: 16,
            exchanges_max: u64::MAX,
            content_buffer_bytes: 256 * 1024,
            drain_bytes_max: 256 * 1024,
            header_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            content_rate_min: 240,
            content_grace: Duration::from_secs(10),
            keeps_spelling: false,
        }
    }
}
