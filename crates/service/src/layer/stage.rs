//! When a request comes to a service and when its answer leaves it, for whoever watches the exchange.

use std::sync::Arc;

use super::Layered;
use super::answering::Amended;
use crate::{Exchange, Layer, Place, Request, Response, Result, Service};

/// Has the [`Trail`](crate::Trail) tell when a request comes to what is inside, and when its answer leaves that.
///
/// With nobody watching it is a look at what the request carries.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::Stage;
/// use wirelight_service::{Body, Clock, Exchange, Request, Response, Result, Service, ServiceExt, Trail};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let trail = Trail::timed(Clock::system());
/// let mut request = Request::new(Body::empty());
/// request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
/// hello.layer(Stage::named("hello")).call(request).await.unwrap();
/// let hello = &trail.layers()[0];
/// assert!(hello.name == "hello" && hello.left >= Some(hello.entered));
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Stage {
    /// What the trail calls it.
    pub name: &'static str,
    /// Where a config says that it is there, if one does.
    pub place: Option<Arc<Place>>,
    /// Whether that place led to what is decided inside; if not, whoever decides there names no place or another.
    pub leads: bool,
}

impl Stage {
    /// A stage that no config knows of.
    pub const fn named(name: &'static str) -> Self {
        Self { name, place: None, leads: false }
    }
}

impl<S> Layer<S> for Stage {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<Stage, S> {
    fn call(&self, mut request: Request) -> impl Future<Output = Result<Response>> + Send {
        let Stage { name, place, leads } = &self.layer;
        let inside = Exchange::find_mut(&mut request).and_then(|exchange| {
            exchange.trail.stand_at(place.as_ref().filter(|_| *leads));
            exchange.trail.enter(name, place.as_ref())
        });
        // It is left when the answer is there, or when nobody waits for that any more.
        Amended::new(self.inner.call(request), move |_| drop(inside))
    }
}
