//! The limits and deadlines of an HTTP/2 connection.

use std::time::Duration;

/// The limits and deadlines of an HTTP/2 connection; one is shared by all connections of a listener or a pool.
///
/// A duration of zero switches its deadline off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many streams the peer may have open; more are refused (RFC 9113, section 5.1.2).
    pub streams_max: u32,
    /// How many streams a client opens before it has heard how many it may.
    pub streams_before_settings: u32,
    /// How much content a stream may receive before the application takes it, at first, in bytes.
    pub stream_window_bytes: u32,
    /// To what that grows where the measured bandwidth and delay ask for it, in bytes.
    pub stream_window_bytes_max: u32,
    /// How much content may be under way to this end on all streams together, at first, in bytes.
    pub connection_window_bytes: u32,
    /// How much received content may wait for the application on all streams together, in bytes.
    pub received_bytes_max: u32,
    /// How many frames of content may wait for the application on one stream, however short they are.
    pub received_pieces_max: u32,
    /// How much content waits to be sent on one stream, in bytes.
    pub queue_bytes_max: usize,
    /// How much is made ready to leave at once, in bytes.
    pub transmit_bytes_max: usize,
    /// How many bytes of answers to control frames wait to leave; at this much, reading stops.
    pub control_bytes_max: usize,
    /// The largest header section, in bytes as RFC 7541, section 4.1 counts them; larger requests are answered 431.
    pub header_list_bytes_max: usize,
    /// The most fields in a header section; more are answered 431.
    pub fields_max: usize,
    /// The largest header block as it stands on the wire, in bytes; a larger one ends the connection.
    pub header_block_bytes_max: usize,
    /// The most CONTINUATION frames of one header block; more end the connection.
    pub continuations_max: u32,
    /// The most interim responses to one request that a client takes.
    pub interim_max: u16,
    /// The largest compression table that the peer may use, in bytes (RFC 7541, section 4.2).
    pub table_bytes_max: u32,
    /// The largest compression table that this end uses, in bytes, where the peer allows it.
    pub encoder_table_bytes_max: usize,
    /// Whether a server announces extended CONNECT (RFC 8441).
    pub extended_connect: bool,
    /// How long the preface and the first SETTINGS may take (RFC 9113, section 3.4).
    pub preface_timeout: Duration,
    /// How long settings may go without acknowledgement (RFC 9113, section 6.5.3).
    pub settings_timeout: Duration,
    /// How long a frame or a header block may take from its first byte to its last.
    pub frame_timeout: Duration,
    /// How long a connection may stand without a stream; then it closes with GOAWAY.
    pub idle_timeout: Duration,
    /// How long after the last stream buffers are given back.
    pub release_timeout: Duration,
    /// How long nothing may come from the peer while streams are open before it is asked with a PING (RFC 9113,
    /// section 6.7). If it answers and goes on being silent, it is asked again after four times as long each time:
    /// there are servers that close connections on which they are asked too often.
    pub keep_alive_interval: Duration,
    /// How long the answer to that PING may take.
    pub keep_alive_timeout: Duration,
    /// How long a stream may stand still because of its peer: content that no window lets through, or a request
    /// whose content does not come. It is reset after one to two of these.
    pub stall_timeout: Duration,
    /// The least that has to pass on a stream in that time for it not to stand still, in bytes.
    pub stall_bytes_min: u32,
    /// How long a peer has between the two steps of a drain, if it does not answer the PING between them.
    pub drain_timeout: Duration,
    /// What a peer may do that costs it less than it costs this end.
    pub budgets: Budgets,
}

/// How much of something is forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many at once.
    pub burst: u32,
    /// How many every second, in the long run.
    pub per_second: u32,
}

/// What a peer may do that costs it less than it costs this end; beyond it the connection ends with
/// ENHANCE_YOUR_CALM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Streams that the peer opened and reset (CVE-2023-44487).
    pub rapid_reset: Budget,
    /// Streams that this end had to reset for what the peer did on them (CVE-2025-8671).
    pub provoked_reset: Budget,
    /// SETTINGS, each of which is acknowledged (CVE-2019-9515).
    pub settings: Budget,
    /// PING, each of which is answered (CVE-2019-9512).
    pub ping: Budget,
    /// Frames that carry nothing: empty DATA without an end, empty CONTINUATION (CVE-2019-9518).
    pub empty: Budget,
    /// WINDOW_UPDATE beyond four for each frame of content that was sent.
    pub window_update: Budget,
    /// Frames that are ignored: PRIORITY, unknown types, late frames, repeated GOAWAY (CVE-2019-9513).
    pub ignored: Budget,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            rapid_reset: Budget { burst: 200, per_second: 20 },
            provoked_reset: Budget { burst: 100, per_second: 10 },
            settings: Budget { burst: 50, per_second: 5 },
            ping: Budget { burst: 200, per_second: 20 },
            empty: Budget { burst: 100, per_second: 20 },
            window_update: Budget { burst: 2_000, per_second: 200 },
            ignored: Budget { burst: 1_000, per_second: 100 },
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            streams_max: 128,
            streams_before_settings: 100,
            stream_window_bytes: 64 * 1024,
            stream_window_bytes_max: 2 * 1024 * 1024,
            connection_window_bytes: 1024 * 1024,
            received_bytes_max: 8 * 1024 * 1024,
            received_pieces_max: 4_096,
            queue_bytes_max: 64 * 1024,
            transmit_bytes_max: 256 * 1024,
            control_bytes_max: 16 * 1024,
            header_list_bytes_max: 64 * 1024,
            fields_max: 256,
            header_block_bytes_max: 64 * 1024,
            continuations_max: 32,
            interim_max: 16,
            table_bytes_max: 4096,
            encoder_table_bytes_max: 4096,
            extended_connect: true,
            preface_timeout: Duration::from_secs(10),
            settings_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            release_timeout: Duration::from_secs(1),
            keep_alive_interval: Duration::ZERO,
            keep_alive_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            stall_bytes_min: 1_024,
            drain_timeout: Duration::from_secs(1),
            budgets: Budgets::default(),
        }
    }
}
