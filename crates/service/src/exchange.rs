//! What a layer may know about the exchange that a request belongs to.

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use http::request;

use crate::{Body, Interims, Request, Trail};

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

/// What a layer may know about the exchange that a request belongs to.
///
/// A request that came over a connection carries it in its [`Body`], where it costs no allocation, and passes it on as an
/// extension where it is [taken apart](Self::into_parts) or given to a service of tower's. Whoever puts one among the
/// extensions of a request has it belong to that one.
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
    /// The exchange that a request belongs to; an empty one where nobody watches.
    pub fn of(request: &impl Exchanged) -> Self {
        request.exchange().cloned().unwrap_or_default()
    }

    /// The same, where it lies.
    #[inline]
    pub fn find(request: &impl Exchanged) -> Option<&Self> {
        request.exchange()
    }

    /// Takes a request apart so that its parts carry the exchange on, as an extension.
    pub fn into_parts(mut request: Request) -> (request::Parts, Body) {
        Self::expose(&mut request);
        request.into_parts()
    }

    /// Has the exchange of a request stand among its extensions, for whoever looks there or takes the body away.
    pub fn expose(request: &mut Request) {
        if let Some(exchange) = request.body_mut().take_exchange()
            && request.extensions().get::<Self>().is_none()
        {
            request.extensions_mut().insert(Arc::unwrap_or_clone(exchange));
        }
    }

    /// The exchange that a request belongs to, to be changed for whoever has the request from here on.
    pub fn find_mut(request: &mut Request) -> Option<&mut Self> {
        match request.extensions().get::<Self>() {
            Some(_) => request.extensions_mut().get_mut::<Self>(),
            None => request.body_mut().exchange_mut(),
        }
    }
}

/// What belongs to an exchange: a request, or the parts of one that was [taken apart](Exchange::into_parts).
pub trait Exchanged {
    /// The exchange that it belongs to, where somebody said so.
    fn exchange(&self) -> Option<&Exchange>;
}

impl<B: 'static> Exchanged for http::Request<B> {
    #[inline]
    fn exchange(&self) -> Option<&Exchange> {
        let body = || (self.body() as &dyn Any).downcast_ref::<Body>().and_then(Body::exchange).map(|shared| &**shared);
        self.extensions().get::<Exchange>().or_else(body)
    }
}

impl Exchanged for request::Parts {
    fn exchange(&self) -> Option<&Exchange> {
        self.extensions.get::<Exchange>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn carried() -> Request {
        let exchange = Exchange { trail: Trail::watched(), secure: true, ..Exchange::default() };
        Request::new(Body::from("content").within(Some(Arc::new(exchange))))
    }

    #[test]
    fn a_request_passes_its_exchange_on_when_it_is_taken_apart() {
        assert!(Exchange::of(&carried()).secure);
        let (parts, body) = Exchange::into_parts(carried());
        assert!(Exchange::of(&parts).secure);
        assert!(body.exchange().is_none());
        assert!(!Exchange::of(&Request::new(Body::empty())).secure);
    }

    #[test]
    fn an_exchange_among_the_extensions_comes_first() {
        let mut request = carried();
        request.extensions_mut().insert(Exchange::default());
        assert!(!Exchange::of(&request).secure);
        let (parts, _) = Exchange::into_parts(request);
        assert!(!Exchange::of(&parts).secure);
    }

    #[test]
    fn an_exchange_is_changed_wherever_it_is_and_for_one_request_alone() {
        let (mut in_body, mut in_extensions) = (carried(), carried());
        Exchange::expose(&mut in_extensions);
        for request in [&mut in_body, &mut in_extensions] {
            let shared = request.body().exchange().cloned();
            Exchange::find_mut(request).unwrap().secure = false;
            assert!(!Exchange::of(request).secure);
            assert!(shared.is_none_or(|other| other.secure));
        }
        assert!(Exchange::find_mut(&mut Request::new(Body::empty())).is_none());
    }
}
