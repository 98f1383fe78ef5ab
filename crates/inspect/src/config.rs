//! How much is kept, and what is never kept.

use http::HeaderName;
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};

/// How much is kept, and what is never kept.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many exchanges are kept; the oldest go first. 10,000.
    pub exchanges_max: usize,
    /// How many bytes all that is kept may take, exchanges under way included. 64 MiB.
    pub bytes_max: usize,
    /// How many bytes are kept of the content of one message, with its framing; of longer content there is a digest
    /// too. 64 KiB.
    pub content_bytes_max: usize,
    /// How many connections are known, open or closed; the oldest go first. 1,000.
    pub connections_max: usize,
    /// How many bytes are kept of a connection's frames that belong to no exchange. 64 KiB.
    pub frames_bytes_max: usize,
    /// Fields whose values are never kept, nor how long they are: those that carry credentials.
    pub hidden_fields: Vec<HeaderName>,
    /// Parameters of a query whose values are never kept.
    pub hidden_parameters: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let parameters = ["access_token", "id_token", "refresh_token", "token", "client_secret", "password", "api_key"];
        Self {
            exchanges_max: 10_000,
            bytes_max: 64 << 20,
            content_bytes_max: 64 << 10,
            connections_max: 1_000,
            frames_bytes_max: 64 << 10,
            hidden_fields: vec![AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE],
            hidden_parameters: parameters.map(str::to_owned).to_vec(),
        }
    }
}
