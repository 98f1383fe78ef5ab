//! The admin listener: health and metrics, for this machine alone.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use wirelight_semantics::auth;
use wirelight_semantics::problem::Problem;
use wirelight_server::{Listener, Server};
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::layer::{AddDate, AnswerErrors};
use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};

use super::{Shared, Trouble, metrics};
use crate::config::plan::Admin;
use crate::proxy::forward;

/// Serves the admin listener until the runtime ends.
pub(super) fn serve(plan: Admin, shared: Arc<Shared>, runtime: &tokio::runtime::Handle) -> Result<(), Trouble> {
    let address = plan.address;
    let listener = Listener::tcp(address).map_err(|error| Trouble::Listen(address, error))?;
    let service = Desk { token: plan.token, shared }.layer(AnswerErrors::default()).layer(AddDate::default());
    runtime.spawn(async move {
        // It ends with the runtime; what it could fail at has been tried when it was opened.
        let _ = Server::default().serve(listener, service).await;
    });
    Ok(())
}

struct Desk {
    token: Option<String>,
    shared: Arc<Shared>,
}

impl Service for Desk {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = Asked::of(&request);
        let (parts, _) = request.into_parts();
        let refused = |status| Ok(tell(&Problem::new(status), &asked));
        // A page in a browser can be led here by a name of its own: only the names of this machine are answered.
        let host = forward::host_of(&parts);
        if !matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            return refused(StatusCode::MISDIRECTED_REQUEST);
        }
        if let Some(token) = &self.token {
            let said = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
            if !auth::is_equal(said, format!("Bearer {token}").as_bytes()) {
                let mut response = tell(&Problem::new(StatusCode::UNAUTHORIZED), &asked);
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                return Ok(response);
            }
        }
        let is_known = matches!(parts.uri.path(), "/healthz" | "/metrics" | "/plan");
        if !is_known {
            return refused(StatusCode::NOT_FOUND);
        }
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return refused(StatusCode::METHOD_NOT_ALLOWED);
        }
        let running = self.shared.current.load_full();
        let (text, media_type) = match parts.uri.path() {
            "/healthz" => ("ok\n".to_owned(), "text/plain; charset=utf-8"),
            "/plan" => (running.plan.to_string(), "text/plain; charset=utf-8"),
            _ => (metrics::text(&running), "text/plain; version=0.0.4; charset=utf-8"),
        };
        let mut response = Response::new(Body::from(text));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}
