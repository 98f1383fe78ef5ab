//! The one interface of handlers, middleware and clients.

use std::pin::Pin;
use std::sync::Arc;

use crate::{Body, Layer, Result};

/// A request whose content is read from a [`Body`].
pub type Request = http::Request<Body>;
/// A response whose content is written from a [`Body`].
pub type Response = http::Response<Body>;

/// A request becomes a response, or an error that names who is at fault.
///
/// Any async function from [`Request`] to `Result<Response>` is a service:
///
/// ```
/// use wirelight_service::{Body, Request, Response, Result, Service};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("Hello, world!")))
/// }
///
/// fn is_a_service(_: impl Service) {}
/// is_a_service(hello);
/// ```
pub trait Service: Send + Sync + 'static {
    /// Answers one request. Dropping the future abandons the exchange.
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send;
}

impl<F, A> Service for F
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Response>> + Send,
{
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        self(request)
    }
}

/// What every service can be turned into.
pub trait ServiceExt: Service + Sized {
    /// Wraps this service in a layer: the layer sees the request first and the response last.
    fn layer<L: Layer<Self>>(self, layer: L) -> L::Service {
        layer.layer(self)
    }

    /// Makes the service cheap to clone, behind one reference count.
    fn shared(self) -> Shared<Self> {
        Shared(Arc::new(self))
    }

    /// Erases the type of the service: one allocation a call.
    fn boxed(self) -> Boxed {
        Boxed(Arc::new(self))
    }
}

impl<S: Service> ServiceExt for S {}

/// A service that is cheap to clone.
#[derive(Debug)]
pub struct Shared<S>(Arc<S>);

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S: Service> Service for Shared<S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        self.0.call(request)
    }
}

/// The future of a service whose type was erased.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Response>> + Send + 'a>>;

trait Erased: Send + Sync + 'static {
    fn call_erased(&self, request: Request) -> Answer<'_>;
}

impl<S: Service> Erased for S {
    fn call_erased(&self, request: Request) -> Answer<'_> {
        Box::pin(self.call(request))
    }
}

/// A service whose type was erased; cheap to clone.
#[derive(Clone)]
pub struct Boxed(Arc<dyn Erased>);

impl Service for Boxed {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        self.0.call_erased(request)
    }
}

impl std::fmt::Debug for Boxed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Boxed")
    }
}
