//! The request that would be sent, as HTTP/1.1 would carry it.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, header};
use wirelight_client::{Client, ClientConfig};
use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};

use super::plan::Plan;
use crate::exit::Failure;

/// Takes the request that comes through all layers, and answers it with nothing.
#[derive(Clone, Default)]
struct Catch(Arc<Mutex<Option<Request>>>);

impl Service for Catch {
    async fn call(&self, request: Request) -> Result<Response> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
        Ok(http::Response::new(Body::empty()))
    }
}

/// Prints the request, with all that the layers of the client add to it.
pub(super) async fn print(plan: &Plan, config: ClientConfig) -> Result<(), Failure> {
    let catch = Catch::default();
    let innermost = catch.clone();
    let client = Client::over(config, |_| innermost.boxed()).map_err(Failure::of_request)?;
    client.send(plan.request(&client)?).await.map_err(Failure::of_request)?;
    let caught = catch.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(request) = caught else { return Ok(()) };
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut text = format!("{} {target} HTTP/1.1\r\n", parts.method);
    let host = parts.uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
    // A String takes whatever is written to it.
    if !parts.headers.contains_key(header::HOST) {
        let _ = write!(text, "Host: {host}\r\n");
    }
    for (name, value) in &parts.headers {
        let _ = write!(text, "{}: {}\r\n", capitals(name.as_str()), String::from_utf8_lossy(value.as_bytes()));
    }
    let is_chunked = http_body::Body::size_hint(&body).exact().is_none();
    let content = body.collect(usize::MAX).await.map_err(Failure::of_request)?;
    if is_chunked {
        text.push_str("Transfer-Encoding: chunked\r\n");
    } else if !content.is_empty() || matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) {
        let _ = write!(text, "Content-Length: {}\r\n", content.len());
    }
    text.push_str("\r\n");
    let mut out = std::io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.write_all(&content)).and_then(|()| out.flush());
    written.map_err(Failure::of_output)
}

/// A field's name as HTTP/1.1 writes it, with capitals.
fn capitals(name: &str) -> String {
    let mut starts = true;
    let capital = |c: char| {
        let written = if starts { c.to_ascii_uppercase() } else { c };
        starts = c == '-';
        written
    };
    name.chars().map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_capitals() {
        assert_eq!(capitals("content-type"), "Content-Type");
        assert_eq!(capitals("x--y"), "X--Y");
    }
}
