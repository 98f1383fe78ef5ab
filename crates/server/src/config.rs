//! What a server is told.

use std::time::Duration;

/// The limits and habits of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// HTTP/1's limits and timers.
    pub http1: wirelight_proto::h1::Config,
    /// HTTP/2's limits, budgets and timers.
    pub http2: wirelight_proto::h2::Config,
    /// The limits and timers of every connection, whatever its version.
    pub connection: wirelight_net::Config,
    /// How long a TLS handshake may take, from the connection's first moment.
    pub handshake_timeout: Duration,
    /// How many TLS handshakes may be under way at once; further ones wait their turn, within their time.
    pub handshakes_max: usize,
    /// How many connections may be open at once; further ones wait in the system's queue.
    pub connections_max: usize,
    /// How many connections one address may hold open; further ones are closed as they come. None means no limit but
    /// the one for all.
    pub connections_per_peer_max: Option<usize>,
    /// How long exchanges under way may take to finish once the server drains; then they are cut off.
    pub drain_timeout: Duration,
    /// How long accepting pauses when the system has no file descriptor left.
    pub accept_pause: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http1: wirelight_proto::h1::Config::default(),
            http2: wirelight_proto::h2::Config::default(),
            connection: wirelight_net::Config::default(),
            handshake_timeout: Duration::from_secs(10),
            handshakes_max: 1024,
            connections_max: 100_000,
            connections_per_peer_max: None,
            drain_timeout: Duration::from_secs(30),
            accept_pause: Duration::from_millis(100),
        }
    }
}
