//! Who sent a request, as far as those before us can be believed (RFC 7239, section 8.1).

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, header};
use wirelight_net::proxy_protocol::Ends;
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_semantics::{fields, grammar};
use wirelight_service::{Exchange, Peer};

use crate::config::value::Network;

/// Who sent a request, and why we believe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Client {
    /// Whoever made the connection.
    Peer {
        /// Its address; none over a Unix socket.
        address: Option<IpAddr>,
        /// Whether it claimed to speak for somebody else, and was not believed.
        claims: bool,
    },
    /// The nearest address that is not a trusted proxy's.
    Forwarded {
        /// The address.
        address: IpAddr,
        /// The proxy that told us.
        peer: Option<IpAddr>,
    },
    /// What a trusted proxy said cannot be read: its own address counts.
    Unreadable {
        /// The proxy's address.
        peer: Option<IpAddr>,
        /// What it said.
        said: String,
    },
}

impl Client {
    /// The address that a config's `client` and a log mean.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Peer { address, .. } => *address,
            Self::Forwarded { address, .. } => Some(*address),
            Self::Unreadable { peer, .. } => *peer,
        }
    }
}

/// The address of the other end.
pub(crate) fn peer_address(exchange: &Exchange) -> Option<IpAddr> {
    match &exchange.peer {
        Some(Peer::Internet(address)) => Some(address.ip().to_canonical()),
        _ => None,
    }
}

/// Whether what the peer says of others is believed.
pub(crate) fn is_trusted(peer: Option<IpAddr>, trusted: &[Network]) -> bool {
    peer.is_some_and(|peer| trusted.iter().any(|network| network.contains(peer)))
}

/// Judges who sent a request. `X-Forwarded-For` is read before `Forwarded`: a proxy that writes the one may pass on
/// the other as its client made it up.
pub fn judge(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> Client {
    let claims = headers.contains_key(fields::X_FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
    if !claims || !is_trusted(peer, trusted) {
        return Client::Peer { address: peer, claims };
    }
    let listed: Vec<Cow<'_, [u8]>> = match headers.contains_key(fields::X_FORWARDED_FOR) {
        true => fields::list(headers, &fields::X_FORWARDED_FOR).map(Cow::Borrowed).collect(),
        false => fields::list(headers, &header::FORWARDED).map(forwarded_for).collect(),
    };
    let mut nearest = peer;
    for said in listed.iter().rev() {
        let Some(address) = address(said) else {
            return Client::Unreadable { peer: nearest, said: Shown(said).to_string() };
        };
        nearest = Some(address);
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    match nearest {
        Some(address) if nearest != peer => Client::Forwarded { address, peer },
        _ => Client::Peer { address: peer, claims },
    }
}

/// The `for` of one element of Forwarded (RFC 7239, section 4); nothing where it has none.
fn forwarded_for(element: &[u8]) -> Cow<'_, [u8]> {
    for pair in grammar::split(element, b';') {
        let pair = grammar::trim_ows(pair);
        if let Some(value) = pair.get(..4).filter(|name| name.eq_ignore_ascii_case(b"for=")).map(|_| &pair[4..]) {
            return grammar::unquote(value).unwrap_or(Cow::Borrowed(value));
        }
    }
    Cow::Borrowed(b"")
}

/// An address as proxies write it, with or without a port.
fn address(said: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(grammar::trim_ows(said)).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    parsed.map(|address| address.to_canonical())
}

/// The ends of a client's connection; the unspecified address where it is not known to which of ours it was made.
pub(crate) fn ends(exchange: &Exchange) -> Option<Ends> {
    let Some(Peer::Internet(source)) = &exchange.peer else { return None };
    if let Some(local) = &exchange.local {
        return Some(Ends { source: *source, destination: **local });
    }
    let any: IpAddr = match source.ip().to_canonical() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let port = if exchange.secure { 443 } else { 80 };
    Some(Ends { source: *source, destination: SocketAddr::new(any, port) })
}

static RULE: Rule = Rule {
    name: "forwarded-trust",
    section: "RFC 7239, section 8.1",
    says: "What a message says of its origin is believed only from proxies that are known.",
};

impl Decision for Client {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.address() {
            Some(address) => format!("the client is {address}").into(),
            None => "the client is on this machine".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Peer { claims: false, .. } => "it made the connection, and speaks for nobody else".into(),
            Self::Peer { claims: true, .. } => {
                "it made the connection, and is not trusted to speak for somebody else".into()
            }
            Self::Forwarded { peer: Some(peer), .. } => format!("{peer} is trusted, and says so").into(),
            Self::Forwarded { peer: None, .. } => "a trusted proxy says so".into(),
            Self::Unreadable { said, .. } => format!("a trusted proxy said \"{said}\", which is no address").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Peer { address: Some(address), claims: true } => {
                Some(format!("`trust \"{address}\"` would have believed what it says").into())
            }
            _ => None,
        }
    }
}
