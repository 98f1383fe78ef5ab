//! What a driver is told, shared by all connections of a server.

use std::sync::Arc;
use std::time::Duration;

use wirelight_service::Clock;

use crate::{Drain, Observer};

/// The limits and habits of a driver.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much may wait to be sent before content is no longer asked for.
    pub output_bytes_max: usize,
    /// Content that lies in a file is sent by the system, where the transport can have it do that, if so much of it
    /// is at hand.
    pub send_file_bytes_min: u64,
    /// How much is read at once.
    pub read_bytes: usize,
    /// How much may be read ahead of the exchange under way.
    pub input_bytes_max: usize,
    /// How long a peer may take nothing of what we send.
    pub write_timeout: Duration,
    /// How long, after the peer has said that it will send nothing more, an exchange may send nothing either: then
    /// the peer counts as gone.
    pub half_close_timeout: Duration,
    /// How long a closing connection listens on, so that the peer reads our last words before a reset.
    pub linger_timeout: Duration,
    /// How much a closing connection reads and throws away.
    pub linger_bytes_max: usize,
    /// How much may wait on a tunnel through a stream until the stream takes it.
    pub tunnel_bytes_max: usize,
    /// Whether requests carry an [`Exchange`](wirelight_service::Exchange) though nobody observes.
    pub peer: bool,
    /// How many interim responses of a connection's services may wait to be sent; with 0, requests carry no
    /// [`Interims`](wirelight_service::Interims).
    pub interims_max: usize,
    /// Whether requests carry a [`RawHead`](super::RawHead).
    pub raw_head: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            output_bytes_max: 256 * 1024,
            send_file_bytes_min: 128 * 1024,
            read_bytes: 64 * 1024,
            input_bytes_max: 64 * 1024,
            write_timeout: Duration::from_secs(30),
            half_close_timeout: Duration::from_secs(1),
            linger_timeout: Duration::from_secs(2),
            linger_bytes_max: 1024 * 1024,
            tunnel_bytes_max: 64 * 1024,
            peer: true,
            interims_max: 0,
            raw_head: false,
        }
    }
}

/// What the connections of a server share.
#[derive(Clone, Default)]
pub struct Context {
    /// Limits and habits.
    pub config: Config,
    /// Where time comes from.
    pub clock: Clock,
    /// Who watches.
    pub observer: Option<Arc<dyn Observer>>,
    /// Who tells when to stop.
    pub drain: Drain,
}

impl Context {
    /// Who reads records at this moment.
    pub(crate) fn reader(&self) -> Option<&dyn Observer> {
        self.observer.as_deref().filter(|observer| observer.wants_records())
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("config", &self.config).field("observed", &self.observer.is_some()).finish()
    }
}
