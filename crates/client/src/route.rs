//! Where a request goes: its origin, and the way there.

use std::path::PathBuf;
use std::sync::Arc;

use http::Uri;
use wirelight_net::proxy_protocol::{Ends, Version};
use wirelight_semantics::uri::Origin;

use crate::error::{Phase, fail};
use crate::proxy::Proxy;
use wirelight_service::{Error, Fault, Kind};

/// An origin and the way there; connections are shared among requests whose routes are equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// Whom the request is for.
    pub origin: Origin,
    /// The way there.
    pub via: Via,
    /// What is said ahead of each connection of whose it is; nothing without.
    pub announced: Option<Announced>,
}

/// What is said ahead of a connection of whose it is (the PROXY protocol). A request that carries it as an extension goes
/// on a connection of which the same was said. Of a connection to a proxy nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Announced {
    /// In which version.
    pub version: Version,
    /// Whose it is; nobody's but our own without.
    pub ends: Option<Ends>,
}

/// The way to an origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Via {
    /// To its own address.
    Direct,
    /// Over a Unix socket.
    Unix(PathBuf),
    /// Over a proxy.
    Proxy(Arc<Proxy>),
}

impl Route {
    /// The origin of a request target that names scheme and host.
    pub(crate) fn origin(uri: &Uri) -> Result<Origin, Error> {
        let origin = Origin::of(uri).filter(|origin| matches!(origin.scheme(), "http" | "https"));
        origin.ok_or_else(|| {
            let because = match uri.scheme_str() {
                None => format!("`{uri}` does not say a scheme and a host, such as http://example.org/"),
                Some("http" | "https") => format!("`{uri}` does not name a host that could be asked"),
                Some(other) => format!("`{other}` is not a scheme that HTTP is spoken for: http or https"),
            };
            fail(Phase::Request, Kind::Malformed, Fault::Ours, because)
        })
    }

    /// Whether the connection to the origin is encrypted.
    pub fn is_secure(&self) -> bool {
        self.origin.scheme() == "https"
    }

    /// Whether requests name the whole URI: they are read by a proxy (RFC 9112, section 3.2.2).
    pub fn is_absolute(&self) -> bool {
        matches!(&self.via, Via::Proxy(proxy) if proxy.is_http() && !self.is_secure())
    }

    /// The port of the origin.
    pub fn port(&self) -> u16 {
        self.origin.port().unwrap_or(80)
    }

    /// The host and port that a connection is made to, if it is made by name or address.
    pub(crate) fn dialled(&self) -> Option<(&str, u16)> {
        match &self.via {
            Via::Direct => Some((self.origin.host(), self.port())),
            Via::Proxy(proxy) => Some((&proxy.host, proxy.port)),
            Via::Unix(_) => None,
        }
    }

    /// The host and port, as CONNECT and Host name them.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.origin.host(), self.port())
    }
}
