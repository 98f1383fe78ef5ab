//! Adapters to and from tower, so that axum routers are served and tower-http's layers apply unchanged.
//!
//! [`FromTower`] makes a tower service one of ours, [`IntoTower`] goes the other way, and [`TowerLayer`] puts both
//! around somebody else's layer.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode, header};
use http_body::{Frame, SizeHint};

use crate::body::into_error;
use crate::layer::problem::{AnswerErrors, Asked};
use crate::{Body, Error, Exchange, Layer, Request, Response, Result, Service};

/// An error of anybody's.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The future of an adapted service.
type Adapted<R> = Pin<Box<dyn Future<Output = R> + Send>>;

/// One of our services as a tower service for requests with any body; cheap to clone and always ready.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use tower_service::Service as _;
/// use wirelight_service::tower::IntoTower;
/// use wirelight_service::{Body, Request, Response, Result};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let mut tower = IntoTower::new(hello);
/// let response = tower.call(http::Request::new(String::from("any body"))).await.unwrap();
/// assert_eq!(response.into_body().as_bytes().unwrap(), "hello");
/// # }
/// ```
#[derive(Debug)]
pub struct IntoTower<S>(Arc<S>);

impl<S> IntoTower<S> {
    /// Adapts a service.
    pub fn new(service: S) -> Self {
        Self(Arc::new(service))
    }

    /// The same service, whose errors become responses as `answer` says: what an axum router accepts as a route.
    pub fn answering(self, answer: AnswerErrors) -> Answering<S> {
        Answering { service: self.0, answer }
    }
}

impl<S> Clone for IntoTower<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, B> tower_service::Service<http::Request<B>> for IntoTower<S>
where
    S: Service,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = Adapted<Result<Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let service = Arc::clone(&self.0);
        Box::pin(async move { service.call(request.map(into_body)).await })
    }
}

/// One of our services as a tower service that never fails; see [`IntoTower::answering`].
#[derive(Debug)]
pub struct Answering<S> {
    service: Arc<S>,
    answer: AnswerErrors,
}

impl<S> Clone for Answering<S> {
    fn clone(&self) -> Self {
        Self { service: Arc::clone(&self.service), answer: self.answer.clone() }
    }
}

impl<S, B> tower_service::Service<http::Request<B>> for Answering<S>
where
    S: Service,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Adapted<Result<Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let Self { service, answer } = self.clone();
        Box::pin(async move {
            let asked = Asked::of(&request);
            let answered = service.call(request.map(into_body)).await;
            Ok(answered.unwrap_or_else(|error| answer.response(&error, &asked)))
        })
    }
}

/// A tower service as one of ours: it is cloned for each request, and its readiness is waited for.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use axum::{Router, routing::get};
/// use wirelight_service::tower::FromTower;
/// use wirelight_service::{Body, Request, Service};
///
/// let service = FromTower(Router::new().route("/", get(async || "hello")));
/// let response = service.call(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.into_body().collect(100).await.unwrap(), "hello");
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct FromTower<T>(pub T);

impl<T, B> Service for FromTower<T>
where
    T: tower_service::Service<Request, Response = http::Response<B>, Error: Into<BoxError>, Future: Send>,
    T: Clone + Send + Sync + 'static,
    B: http_body::Body<Error: Into<BoxError>> + Send + 'static,
{
    async fn call(&self, mut request: Request) -> Result<Response> {
        let mut service = self.0.clone();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.map_err(into_error)?;
        // Others know only extensions.
        Exchange::expose(&mut request);
        let mut response = service.call(request).await.map_err(into_error)?;
        let is_silent = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if is_silent && has_zero_length(response.headers()) {
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Ok(response.map(into_body))
    }
}

/// axum says of every response how long its content is, of 204 and 304 too: the one may not have the field, and in the
/// other it would tell the length of what is not sent (RFC 9110, section 8.6).
fn has_zero_length(fields: &HeaderMap) -> bool {
    fields.get(header::CONTENT_LENGTH).is_some_and(|length| length == "0")
}

/// Any tower layer, around a service of ours.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use tower_http::set_header::SetResponseHeaderLayer;
/// use wirelight_service::tower::TowerLayer;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let name = http::HeaderName::from_static("x-note");
/// let value = http::HeaderValue::from_static("layered");
/// let service = hello.layer(TowerLayer(SetResponseHeaderLayer::overriding(name, value)));
/// let response = service.call(Request::new(Body::empty())).await.unwrap();
/// assert_eq!(response.headers()["x-note"], "layered");
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TowerLayer<L>(pub L);

impl<L, S> Layer<S> for TowerLayer<L>
where
    L: Layer<IntoTower<S>>,
{
    type Service = FromTower<L::Service>;

    fn layer(&self, inner: S) -> Self::Service {
        FromTower(self.0.layer(IntoTower::new(inner)))
    }
}

/// Any body as ours: one that is ours already is taken as it is, so that what is known of it stays known.
fn into_body<B>(body: B) -> Body
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    let mut body = Some(body);
    match (&mut body as &mut dyn Any).downcast_mut::<Option<Body>>() {
        Some(ours) => ours.take().unwrap_or_default(),
        None => body.map(|body| Body::stream(Foreign { body })).unwrap_or_default(),
    }
}

pin_project_lite::pin_project! {
    /// A body of somebody else's, with data of any shape.
    struct Foreign<B> {
        #[pin]
        body: B,
    }
}

impl<B: http_body::Body<Error: Into<BoxError>>> http_body::Body for Foreign<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let polled = self.project().body.poll_frame(cx).map_err(into_error);
        polled.map_ok(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
