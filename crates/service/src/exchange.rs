//! What a layer may know about the exchange that a request belongs to.

use std::net::SocketAddr;
use std::sync::Arc;

use http::Extensions;

use crate::{Interims, Trail};

/// Who is at the other end of the connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An address of the internet.
    Internet(SocketAddr),
    /// A process on this machine, over a Unix socket, with its name where it has one.
    Local(Option<Arc<str>>),
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Internet(address) => address.fmt(f),
            Self::Local(Some(name)) => write!(f, "unix:{name}"),
            Self::Local(None) => f.write_str("unix:"),
        }
    }
}

/// What a layer may know about the exchange that a request belongs to; a request carries it as an extension.
#[derive(Debug, Clone, Default)]
pub struct Exchange {
    /// Where decisions are noted.
    pub trail: Trail,
    /// Who sent the request, where that is known.
    pub peer: Option<Peer>,
    /// Which of our addresses the connection was made to, where somebody wants to know.
    pub local: Option<Arc<SocketAddr>>,
    /// Whether the connection is encrypted, so that the scheme is `https`.
    pub secure: bool,
    /// Sends interim responses ahead of the response, where the connection carries them.
    pub interims: Option<Interims>,
}

impl Exchange {
    /// The exchange that a message belongs to; an empty one where nobody watches.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}
