//! The responses that a router gives itself.

use http::header::{self, HeaderMap};
use http::{HeaderValue, StatusCode};
use http_body::Body as _;
use wirelight_semantics::problem::{Problem, Value};
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::{Body, Response};

use super::Routing;

impl Routing {
    /// The response to a request that no service answers.
    pub(super) fn answer(&self, asked: &Asked, tells_routes: bool) -> Response {
        let status = self.status().unwrap_or_default();
        if let Self::Described { allow, .. } = self {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            response.headers_mut().extend(allow.clone().map(|allow| (header::ALLOW, allow)));
            return response;
        }
        let mut response = tell(&self.problem(status, tells_routes), asked);
        if let Self::MethodNotAllowed { allow, .. } = self {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
        response
    }

    fn problem(&self, status: StatusCode, tells_routes: bool) -> Problem {
        let mut problem = Problem::because(status, self);
        match self {
            Self::NoRoute(_) if !tells_routes => problem.extensions.retain(|(name, _)| name != "otherwise"),
            Self::MethodNotAllowed { allow, .. } | Self::NotImplemented { implemented: allow, .. } => {
                let methods = allow.to_str().unwrap_or_default().split(", ");
                let methods = methods.map(|method| Value::Text(method.to_owned().into())).collect();
                problem.extensions.push(("methods".into(), Value::List(methods)));
            }
            _ => {}
        }
        problem
    }
}

/// The response to HEAD from the one to GET: the same fields, and no content (RFC 9110, section 9.3.2).
pub(super) fn without_content(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let has_content = !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    // A service that leaves the content of HEAD out itself has not said that there is none for GET.
    if has_content
        && !tells_length(&parts.headers)
        && let Some(length @ 1..) = body.size_hint().exact()
    {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Response::from_parts(parts, Body::empty())
}

fn tells_length(fields: &HeaderMap) -> bool {
    fields.contains_key(header::CONTENT_LENGTH) || fields.contains_key(header::TRANSFER_ENCODING)
}
