//! Who else's scripts may use a service: the CORS protocol of Fetch, section 3.2.

use http::StatusCode;
use wirelight_semantics::cors::{self, Judgement, Policy};

use super::Layered;
use crate::{Layer, Request, Response, Result, Service, Trail};

/// Answers preflights and tells browsers which other origins may read the answers (Fetch, section 3.2).
///
/// What the policy refuses is refused by silence, as the protocol has it: the browser keeps the answer from the
/// script, and the reason stands in the [`Trail`]. An error of the service carries no fields; put
/// [`AnswerErrors`](super::AnswerErrors) inside of this layer, so that scripts can read errors too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_semantics::cors::{Origins, Pattern, Policy};
/// use wirelight_service::layer::Cors;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let origins = Origins::Listed(vec![Pattern::parse("https://app.test").unwrap()]);
/// let service = hello.layer(Cors { policy: Policy { origins, ..Policy::default() } });
/// let request = http::Request::get("/").header("origin", "https://app.test").body(Body::empty()).unwrap();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.headers()["access-control-allow-origin"], "https://app.test");
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Who may do what.
    pub policy: Policy,
}

impl<S> Layer<S> for Cors {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<Cors, S> {
    async fn call(&self, request: Request) -> Result<Response> {
        let policy = &self.layer.policy;
        let judgement = cors::judge(policy, request.method(), request.headers());
        if !matches!(judgement, Judgement::NotCors) {
            Trail::of(&request).note(judgement.clone());
        }
        let mut response = if judgement.is_preflight() {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        } else {
            self.inner.call(request).await?
        };
        judgement.write(policy, response.headers_mut());
        Ok(response)
    }
}
