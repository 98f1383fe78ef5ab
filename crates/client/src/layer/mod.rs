//! The layers of a client: each wraps a [`Service`](wirelight_service::Service) in one behaviour and is usable alone.

pub mod authenticate;
pub mod cache;
pub mod cookies;
pub mod decompress;
pub mod rate_limit;
pub mod redirect;
pub mod retry;
pub mod timeouts;

pub use authenticate::{Authenticate, Credentials};
pub use cache::Cache;
pub use cookies::{Cookies, SharedJar};
pub use decompress::Decompress;
pub use rate_limit::RateLimits;
pub use redirect::FollowRedirects;
pub use retry::Retry;
pub use timeouts::Timeouts;

use std::sync::Arc;

use wirelight_service::{Body, Exchange};

/// A service inside a layer.
#[derive(Debug, Clone)]
pub struct Layered<L, S> {
    layer: L,
    inner: S,
}

macro_rules! layers {
    ($($layer:ty),*) => {$(
        impl<S> wirelight_service::Layer<S> for $layer {
            type Service = Layered<Self, S>;

            fn layer(&self, inner: S) -> Self::Service {
                Layered { layer: self.clone(), inner }
            }
        }
    )*};
}

layers!(Authenticate, Cookies, Decompress, FollowRedirects, RateLimits, Retry, Timeouts);

/// A request whose content may be needed again, as far as it is at hand.
pub(crate) struct Replay {
    method: http::Method,
    headers: http::HeaderMap,
    version: http::Version,
    extensions: http::Extensions,
    uri: http::Uri,
    content: Option<bytes::Bytes>,
    exchange: Option<Arc<Exchange>>,
}

impl Replay {
    /// Keeps what a request says, and its content if that is at hand.
    pub(crate) fn of(request: &wirelight_service::Request) -> Self {
        Self {
            method: request.method().clone(),
            headers: request.headers().clone(),
            version: request.version(),
            extensions: request.extensions().clone(),
            uri: request.uri().clone(),
            content: request.body().as_bytes().cloned(),
            exchange: request.body().exchange().cloned(),
        }
    }

    /// Whether it can be sent again.
    pub(crate) fn is_whole(&self) -> bool {
        self.content.is_some()
    }

    /// The request again; without content if that was not at hand.
    pub(crate) fn again(&self) -> wirelight_service::Request {
        let content = self.content.clone().unwrap_or_default();
        let mut request = http::Request::new(Body::from(content).within(self.exchange.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        *request.version_mut() = self.version;
        request.headers_mut().clone_from(&self.headers);
        request.extensions_mut().clone_from(&self.extensions);
        request
    }
}
