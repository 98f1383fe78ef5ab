//! What stands around handlers, as services: the first that is written is the outermost.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderValue};
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_service::layer::{
    AnswerErrors, AnswerTrace, Compress, Cors, LimitConcurrency, LimitContent, SecureResponses, ServerTiming, Stage,
    Timeout,
};
use wirelight_service::service::Boxed;
use wirelight_service::{Body, Error, Fault, Kind, Request, Response, Result, Service, ServiceExt, Trail};

use super::handler::{Handling, matched};
use super::logs::LogHere;
use crate::auth::basic::RequireBasic;
use crate::auth::forward::{self, AskForward};
use crate::config::plan::{Around, Edit, Page, ProxyHost, SecurityHeaders, Template, Written};
use crate::proxy::Forwarder;
use crate::routes::{expand, target};

/// How long a client is asked to stay away when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Puts a service inside of everything that is written around it.
pub(super) fn wrap(around: &[Written<Around>], inner: Boxed, handling: &Handling<'_>) -> Boxed {
    around.iter().rev().fold(inner, |inner, each| layer(each, inner, handling))
}

/// One layer. Where it refuses, its refusal is answered at once, so that what stands around it sees an answer.
fn layer(around: &Written<Around>, inner: Boxed, handling: &Handling<'_>) -> Boxed {
    let stage = Stage { name: word(&around.what), place: around.place.clone(), leads: true };
    let clock = handling.clock;
    match &around.what {
        Around::Rewrite(template) => {
            let rewrite = Rewrite { template: template.clone(), inner };
            rewrite.layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::RequestFields(edits) => RequestFields { edits: edits.clone(), inner }.layer(stage).boxed(),
        Around::ResponseFields(edits) => ResponseFields { edits: edits.clone(), inner }.layer(stage).boxed(),
        Around::Cors(policy) => inner.layer(Cors { policy: policy.clone() }).layer(stage).boxed(),
        Around::Compress { codings, length_min_bytes } => {
            let length_min_bytes = *length_min_bytes;
            let layer = Compress { codings: codings.clone(), length_min_bytes, ..Compress::default() };
            inner.layer(layer).layer(stage).boxed()
        }
        Around::SecurityHeaders(fields) => inner.layer(secure(fields)).layer(stage).boxed(),
        Around::Timeout { answer, stall } => {
            let layer = Timeout {
                clock: clock.clone(),
                handler_timeout: Some(*answer),
                stall_timeout: Some(*stall),
                fault: Fault::Ours,
            };
            inner.layer(layer).layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::LimitBody(bytes_max) => {
            let layer = LimitContent { bytes_max: *bytes_max };
            inner.layer(layer).layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::LimitConcurrency { exchanges, queue, wait } => {
            let layer = LimitConcurrency {
                clock: clock.clone(),
                exchanges_max: *exchanges,
                queued_max: *queue,
                queue_timeout: *wait,
                retry_after: RETRY_AFTER,
            };
            inner.layer(layer).layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::BasicAuth(plan) => {
            let layer = RequireBasic::new(plan, clock.clone(), inner);
            layer.layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::ForwardAuth(plan) if handling.is_explained => {
            WouldAsk { plan: plan.clone(), inner }.layer(stage).boxed()
        }
        Around::ForwardAuth(plan) => {
            let asked = Forwarder {
                group: handling.group(&plan.upstream),
                host: ProxyHost::Upstream,
                trusted: Arc::clone(handling.trusted),
            };
            let layer = AskForward { plan: plan.clone(), asked, inner };
            layer.layer(AnswerErrors::default()).layer(stage).boxed()
        }
        Around::AccessLog(log) => LogHere::new(log.as_ref(), inner).layer(stage).boxed(),
        Around::Trace => {
            let layer = AnswerTrace { enabled: true, ..AnswerTrace::default() };
            inner.layer(layer).layer(stage).boxed()
        }
        Around::ServerTiming { reasons } => {
            let layer = ServerTiming { clock: clock.clone(), reasons: *reasons };
            inner.layer(layer).layer(stage).boxed()
        }
        Around::ErrorPage { statuses, page } => {
            let layer = ErrorPage { statuses: statuses.clone(), page: Arc::clone(page), inner };
            layer.layer(stage).boxed()
        }
    }
}

/// The word that a config has for what stands around.
const fn word(around: &Around) -> &'static str {
    match around {
        Around::Rewrite(_) => "rewrite",
        Around::RequestFields(_) | Around::ResponseFields(_) => "header",
        Around::Cors(_) => "cors",
        Around::Compress { .. } => "compress",
        Around::SecurityHeaders(_) => "security-headers",
        Around::Timeout { .. } => "timeout",
        Around::LimitBody(_) | Around::LimitConcurrency { .. } => "limit",
        Around::BasicAuth(_) => "basic-auth",
        Around::ForwardAuth(_) => "forward-auth",
        Around::Trace => "trace",
        Around::ServerTiming { .. } => "server-timing",
        Around::AccessLog(_) => "access-log",
        Around::ErrorPage { .. } => "error-page",
    }
}

/// Says whom would be asked whether a request may pass, and has it pass.
struct WouldAsk {
    plan: forward::Plan,
    inner: Boxed,
}

impl Service for WouldAsk {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = self.plan.upstream.name.clone();
        Trail::of(&request).note(forward::Verdict::Unasked { asked });
        self.inner.call(request).await
    }
}

fn secure(fields: &SecurityHeaders) -> SecureResponses {
    SecureResponses {
        frame_options: Some(fields.frame.clone()),
        referrer_policy: Some(fields.referrer.clone()),
        strict_transport_security: Some(fields.transport.clone()),
        content_security_policy: fields.content.clone(),
        permissions_policy: fields.permissions.clone(),
        ..SecureResponses::default()
    }
}

/// Gives what is inside another path.
struct Rewrite {
    template: Template,
    inner: Boxed,
}

impl Service for Rewrite {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let path = expand(&self.template, &matched(&request));
        let Some(rewritten) = target::rewritten(request.uri(), &path) else {
            return Err(Error::new(Kind::Malformed, Fault::Downstream, "the target cannot be rewritten"));
        };
        let trail = Trail::of(&request);
        if trail.is_watched() {
            trail.note(Rewritten { target: rewritten.to_string(), template: self.template.text.clone() });
        }
        *request.uri_mut() = rewritten;
        self.inner.call(request).await
    }
}

/// A request is given another path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rewritten {
    target: String,
    template: String,
}

static REWRITE: Rule = Rule {
    name: "rewrite",
    section: "RFC 9110, section 7.1",
    says: "A server maps a request target to a resource as its configuration says.",
};

impl Decision for Rewritten {
    fn rule(&self) -> &'static Rule {
        &REWRITE
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("rewritten to {}", Shown(self.target.as_bytes())).into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("the config says `rewrite \"{}\"`", self.template).into()
    }

    fn setting(&self) -> Option<&'static str> {
        Some("rewrite")
    }
}

/// Changes the fields of requests.
struct RequestFields {
    edits: Vec<Edit>,
    inner: Boxed,
}

impl Service for RequestFields {
    async fn call(&self, mut request: Request) -> Result<Response> {
        apply(&self.edits, request.headers_mut());
        self.inner.call(request).await
    }
}

/// Changes the fields of responses.
struct ResponseFields {
    edits: Vec<Edit>,
    inner: Boxed,
}

impl Service for ResponseFields {
    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.inner.call(request).await?;
        apply(&self.edits, response.headers_mut());
        Ok(response)
    }
}

fn apply(edits: &[Edit], fields: &mut HeaderMap) {
    for edit in edits {
        match edit {
            Edit::Set(name, value) => {
                fields.insert(name, value.clone());
            }
            Edit::Add(name, value) => {
                fields.append(name, value.clone());
            }
            Edit::Remove(name) => {
                fields.remove(name);
            }
        }
    }
}

/// Shows a page in place of what an error would show; its status and all else stays.
struct ErrorPage {
    statuses: Vec<(u16, u16)>,
    page: Arc<Page>,
    inner: Boxed,
}

impl Service for ErrorPage {
    async fn call(&self, request: Request) -> Result<Response> {
        let response = self.inner.call(request).await?;
        let status = response.status().as_u16();
        if !self.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status)) {
            return Ok(response);
        }
        let (mut parts, _) = response.into_parts();
        for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::ETAG, header::LAST_MODIFIED] {
            parts.headers.remove(name);
        }
        parts.headers.insert(header::CONTENT_TYPE, self.page.media_type.clone());
        parts.headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        Ok(Response::from_parts(parts, Body::from(self.page.content.clone())))
    }
}
