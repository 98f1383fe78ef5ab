//! Another server is asked whether a request may pass.
//!
//! It is asked with the fields of the request and without its content, and told what was asked for in fields that
//! such servers know. Its 2xx lets the request pass; any other answer is the request's answer.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::{fields, status};
use wirelight_service::{Body, Exchange, Request, Response, Result, Service, Trail};

use crate::config::plan::Upstream;
use crate::proxy::Forwarder;

/// How much of the content of an answer that lets a request pass is read, so that its connection can be used again.
const CONTENT_BYTES_MAX: usize = 64 * 1024;

static METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
static URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// Whom to ask, and what of its answer goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The server; how long it may take is the group's `answer_timeout`.
    pub upstream: Arc<Upstream>,
    /// What is asked for there.
    pub path: PathAndQuery,
    /// The fields of its answer that the request is given, in the place of those that it came with.
    pub copied: Vec<HeaderName>,
}

/// Lets only requests pass that another server lets pass.
#[derive(Debug)]
pub struct AskForward<S> {
    /// Whom to ask.
    pub plan: Plan,
    /// The way there.
    pub asked: Forwarder,
    /// What is behind.
    pub inner: S,
}

/// What the other server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The request passes, with these fields of the answer.
    Passes {
        /// The server's status.
        status: StatusCode,
        /// The names of the fields that were copied.
        copied: Vec<HeaderName>,
    },
    /// The server would be asked; it was not, since nothing is sent.
    Unasked {
        /// Which.
        asked: String,
    },
    /// The server's answer is the request's.
    Refused {
        /// The server's status.
        status: StatusCode,
    },
}

impl<S: Service> Service for AskForward<S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let trail = Trail::of(&request);
        let answer = self.asked.call(self.question(&request)).await?;
        let status = answer.status();
        if !status.is_success() {
            trail.note(Verdict::Refused { status });
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        let copied = copy(&self.plan.copied, &parts.headers, request.headers_mut());
        trail.note(Verdict::Passes { status, copied });
        // What it says besides is nobody's; a long content costs its connection.
        let _ = body.collect(CONTENT_BYTES_MAX).await;
        self.inner.call(request).await
    }
}

impl<S> AskForward<S> {
    /// The request to the other server.
    fn question(&self, request: &Request) -> Request {
        let mut question = Request::new(Body::empty());
        *question.method_mut() = Method::GET;
        *question.version_mut() = request.version();
        let path = Uri::from(self.plan.path.clone());
        let fields = question.headers_mut();
        *fields = request.headers().clone();
        without_content(fields);
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        if let (Ok(method), Ok(target)) =
            (HeaderValue::from_str(request.method().as_str()), HeaderValue::from_str(target))
        {
            fields.insert(&METHOD, method);
            fields.insert(&URI, target);
        }
        if !fields.contains_key(header::HOST)
            && let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
        {
            fields.insert(header::HOST, host);
        }
        *question.uri_mut() = path;
        if let Some(exchange) = Exchange::find(request) {
            // What that server says ahead of its answer is not said of the page that was asked for.
            question.extensions_mut().insert(Exchange { interims: None, ..exchange.clone() });
        }
        question
    }
}

/// Removes what is said of a content that does not go along, or asks for only a part of an answer.
fn without_content(headers: &mut HeaderMap) {
    for name in [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::TRANSFER_ENCODING,
        header::TRAILER,
        header::EXPECT,
        header::UPGRADE,
        header::RANGE,
        header::IF_RANGE,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_UNMODIFIED_SINCE,
        header::MAX_FORWARDS,
    ] {
        headers.remove(name);
    }
    fields::remove_hop_by_hop(headers);
}

/// Gives a request the fields that the other server vouches for; what the client said in them is gone in any case.
fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) -> Vec<HeaderName> {
    let mut copied = Vec::new();
    for name in names {
        to.remove(name);
        for value in from.get_all(name) {
            to.append(name, value.clone());
        }
        if from.contains_key(name) {
            copied.push(name.clone());
        }
    }
    copied
}

static RULE: Rule = Rule {
    name: "forward-auth",
    section: "RFC 9110, section 11.6.1",
    says: "A server may leave it to another to say whether a request is authorized.",
};

impl Decision for Verdict {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Passes { .. } => "the request passes".into(),
            Self::Unasked { asked } => format!("{asked} is asked first").into(),
            Self::Refused { status } => status::named(*status).into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Passes { status, copied } if copied.is_empty() => {
                format!("the server that was asked said {status}").into()
            }
            Self::Passes { status, copied } => {
                let names: Vec<&str> = copied.iter().map(HeaderName::as_str).collect();
                format!("the server that was asked said {status}, and {} for the request", names.join(", ")).into()
            }
            Self::Unasked { .. } => "it says whether the request passes, and nothing is sent here".into(),
            Self::Refused { status } => format!("the server that was asked said {status}").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        matches!(self, Self::Refused { .. }).then(|| "2xx of that server would have let it pass".into())
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_says_for_itself_is_never_taken_for_the_servers_word() {
        let user = HeaderName::from_static("remote-user");
        let groups = HeaderName::from_static("remote-groups");
        let mut to = HeaderMap::new();
        to.insert(&user, "admin".parse().unwrap());
        to.insert(&groups, "wheel".parse().unwrap());
        to.insert("x-other", "stays".parse().unwrap());
        let mut from = HeaderMap::new();
        from.append(&user, "anna".parse().unwrap());
        from.append(&user, "too".parse().unwrap());
        from.insert("x-other", "is not listed".parse().unwrap());
        let copied = copy(&[user.clone(), groups.clone()], &from, &mut to);
        assert_eq!(copied, std::slice::from_ref(&user));
        assert_eq!(to.get_all(&user).iter().collect::<Vec<_>>(), ["anna", "too"]);
        assert!(!to.contains_key(&groups));
        assert_eq!(to["x-other"], "stays");
    }

    #[test]
    fn nothing_is_said_of_content_that_does_not_go_along() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("content-length", "5"),
            ("content-type", "a/b"),
            ("expect", "100-continue"),
            ("if-none-match", "\"x\""),
            ("connection", "authorization, close"),
            ("authorization", "Basic eA=="),
            ("cookie", "a=b"),
        ] {
            fields.insert(name, value.parse().unwrap());
        }
        without_content(&mut fields);
        let mut left: Vec<&str> = fields.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "cookie"]);
    }
}
