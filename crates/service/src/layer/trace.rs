//! The TRACE method, which shows a requester what arrived (RFC 9110, section 9.3.8).

use std::borrow::Cow;
use std::future::ready;

use http::header::{self, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use wirelight_semantics::decision::{Decision, Rule};

use super::Layered;
use super::answering::Either;
use crate::{Layer, Request, Response, Result, Service, Trail};

/// Answers TRACE: with the request as it arrived, less what is confidential, where that is enabled; else with 405.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::AnswerTrace;
/// use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let service = hello.layer(AnswerTrace { enabled: true, ..AnswerTrace::default() });
/// let request = http::Request::trace("/a?b").header("x", "y").header("cookie", "id=1").body(Body::empty()).unwrap();
/// let response = service.call(request).await.unwrap();
/// assert_eq!(response.headers()["content-type"], "message/http");
/// assert_eq!(response.into_body().as_bytes().unwrap(), "TRACE /a?b HTTP/1.1\r\nx: y\r\n\r\n");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AnswerTrace {
    /// Whether the request is shown.
    pub enabled: bool,
    /// What `Allow` says where it is not.
    pub allow: HeaderValue,
    /// The fields that are left out, beside those that browsers and proxies put credentials into.
    pub confidential: Vec<HeaderName>,
}

impl Default for AnswerTrace {
    /// Not enabled, and `Allow: GET, HEAD, OPTIONS`.
    fn default() -> Self {
        Self { enabled: false, allow: HeaderValue::from_static("GET, HEAD, OPTIONS"), confidential: Vec::new() }
    }
}

/// What became of a TRACE request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traced {
    /// It was shown.
    Shown {
        /// How many fields were left out.
        left_out: usize,
    },
    /// TRACE is not enabled here.
    Disabled,
    /// It has content, which no TRACE request may have.
    HasContent,
}

static RULE: Rule = Rule {
    name: "trace",
    section: "RFC 9110, section 9.3.8",
    says: "The final recipient of TRACE reflects the message, less any fields that are likely to hold secrets; \
           a client must not send content in it.",
};

impl Decision for Traced {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Shown { .. } => "the request was shown".into(),
            Self::Disabled => "405 Method Not Allowed".into(),
            Self::HasContent => "400 Bad Request".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Shown { left_out } => {
                format!("TRACE is enabled; {left_out} confidential fields were left out").into()
            }
            Self::Disabled => "TRACE is not enabled".into(),
            Self::HasContent => "the TRACE request has content".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Shown { .. } => None,
            Self::Disabled => Some("enabling TRACE would have shown the request".into()),
            Self::HasContent => Some("a TRACE request without content would have been accepted".into()),
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Shown { .. })
    }
}

impl AnswerTrace {
    fn answer(&self, request: &Request) -> (Response, Traced) {
        let mut response = Response::default();
        if !self.enabled {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response.headers_mut().insert(header::ALLOW, self.allow.clone());
            return (response, Traced::Disabled);
        }
        if !http_body::Body::is_end_stream(request.body()) {
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return (response, Traced::HasContent);
        }
        let (content, left_out) = self.show(request);
        *response.body_mut() = content.into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("message/http"));
        (response, Traced::Shown { left_out })
    }

    /// The request in the form of `message/http` (RFC 9112, section 10.1), whatever form it arrived in.
    fn show(&self, request: &Request) -> (Vec<u8>, usize) {
        let mut content = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
        let mut left_out = 0;
        for (name, value) in request.headers() {
            if self.is_confidential(name) || value.is_sensitive() {
                left_out += 1;
                continue;
            }
            content.extend_from_slice(name.as_str().as_bytes());
            content.extend_from_slice(b": ");
            content.extend_from_slice(value.as_bytes());
            content.extend_from_slice(b"\r\n");
        }
        content.extend_from_slice(b"\r\n");
        (content, left_out)
    }

    fn is_confidential(&self, name: &HeaderName) -> bool {
        [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION].contains(name)
            || self.confidential.contains(name)
    }
}

impl<S> Layer<S> for AnswerTrace {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<AnswerTrace, S> {
    fn call(&self, request: Request) -> impl Future<Output = Result<Response>> + Send {
        if request.method() != Method::TRACE {
            return Either::first(self.inner.call(request));
        }
        let (response, traced) = self.layer.answer(&request);
        Trail::of(&request).note(traced);
        Either::second(ready(Ok(response)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wirelight_semantics::fields::X_REQUEST_ID;

    use crate::{Body, ServiceExt};

    async fn hello(_: Request) -> Result<Response> {
        Ok(Response::new(Body::from("hello")))
    }

    #[tokio::test]
    async fn other_methods_pass_and_a_disabled_trace_says_what_is_allowed() {
        let service = hello.layer(AnswerTrace::default());
        assert_eq!(service.call(Request::new(Body::empty())).await.unwrap().status(), 200);
        let response = service.call(http::Request::trace("/").body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, HEAD, OPTIONS");
    }

    #[test]
    fn secrets_are_left_out_and_content_is_refused() {
        let layer = AnswerTrace { enabled: true, confidential: vec![X_REQUEST_ID], ..AnswerTrace::default() };
        let request = http::Request::trace("http://a/b")
            .header("authorization", "Basic YTpi")
            .header("proxy-authorization", "Basic YTpi")
            .header("cookie", "a=1")
            .header("x-request-id", "secret here")
            .header("accept", "*/*")
            .header("accept", "text/html");
        let (response, traced) = layer.answer(&request.body(Body::empty()).unwrap());
        assert_eq!(traced, Traced::Shown { left_out: 4 });
        let shown = response.into_body().into_bytes().unwrap();
        assert_eq!(shown, "TRACE http://a/b HTTP/1.1\r\naccept: */*\r\naccept: text/html\r\n\r\n");

        let (response, traced) = layer.answer(&http::Request::trace("/").body(Body::from("content")).unwrap());
        assert_eq!((response.status().as_u16(), traced), (400, Traced::HasContent));
    }
}
