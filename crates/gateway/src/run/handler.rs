//! What answers, as services.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use wirelight_client::Resolver;
use wirelight_semantics::decision::{Decision, Rule, Shown};
use wirelight_semantics::status;
use wirelight_service::layer::problem::Asked;
use wirelight_service::layer::{AnswerErrors, AnswerTrace, CatchPanic, Stage};
use wirelight_service::service::Boxed;
use wirelight_service::{
    Body, Clock, Error, Fault, Kind, Place, Request, Response, Result, Service, ServiceExt, Trail,
};

use super::Trouble;
use crate::config::plan::{self, Handler, Route, Template, Upstream};
use crate::config::value::Network;
use crate::files::{self, CacheRule};
use crate::proxy::Forwarder;
use crate::proxy::balance::{self, Choice};
use crate::proxy::connect::{self, Leading};
use crate::proxy::destination::Destinations;
use crate::proxy::forward;
use crate::proxy::group::Group;
use crate::routes::{Matched, expand};

/// What handlers are made from.
pub(super) struct Handling<'a> {
    pub(super) groups: &'a [Arc<Group>],
    pub(super) upstreams: &'a [Arc<Upstream>],
    pub(super) trusted: &'a Arc<[Network]>,
    pub(super) is_explained: bool,
    pub(super) clock: &'a Clock,
}

impl Handling<'_> {
    /// The group of an upstream of the plan.
    pub(super) fn group(&self, upstream: &Arc<Upstream>) -> Arc<Group> {
        let place = self.upstreams.iter().position(|known| Arc::ptr_eq(known, upstream));
        let group = place.and_then(|place| self.groups.get(place)).map(Arc::clone);
        // The plan lists the upstream of everything that sends; one that is missing would be a group of its own.
        group.unwrap_or_else(|| Arc::new(Group::new(Arc::clone(upstream), 1, self.clock.clone())))
    }
}

/// The service of a route's handler. What goes wrong in it is answered at once, so that what stands around sees an
/// answer.
pub(super) fn service(route: &Route, handling: &Handling<'_>) -> Result<Boxed, Trouble> {
    let (name, leads) = match &route.handler {
        Handler::Connect(_) => ("connect", true),
        // What these decide follows from the messages, or from what stands elsewhere.
        Handler::Files(_) => ("files", false),
        Handler::Respond { .. } => ("respond", false),
        Handler::Redirect { .. } => ("redirect", false),
        Handler::Proxy(_) => ("proxy", false),
    };
    let stage = Stage { name, place: route.handler_place.clone(), leads };
    Ok(match &route.handler {
        Handler::Files(plan) => guarded(&stage, open(plan, handling.clock)?.layer(AnswerTrace::default())),
        Handler::Respond { status, content, media_type } => {
            let content = Bytes::from(content.clone());
            let place = route.handler_place.clone();
            let fixed = Fixed { status: *status, content, media_type: media_type.clone(), place };
            guarded(&stage, fixed.layer(AnswerTrace::default()))
        }
        Handler::Connect(plan) => {
            let leading = Leading {
                allowed: plan.allowed.clone(),
                connect_timeout: plan.connect_timeout,
                idle_timeout: plan.idle_timeout,
                resolver: Resolver::new(wirelight_client::resolve::Settings::default(), handling.clock.clone()),
                clock: handling.clock.clone(),
            };
            match handling.is_explained {
                true => guarded(&stage, WouldLead(plan.allowed.clone())),
                false => guarded(&stage, leading),
            }
        }
        Handler::Redirect { status, to } => {
            let place = route.handler_place.clone();
            guarded(&stage, Redirect { status: *status, to: to.clone(), place }.layer(AnswerTrace::default()))
        }
        Handler::Proxy(proxy) => {
            let group = handling.group(&proxy.upstream);
            if handling.is_explained {
                return Ok(guarded(&stage, WouldForward(group)));
            }
            guarded(&stage, Forwarder { group, host: proxy.host, trusted: Arc::clone(handling.trusted) })
        }
    })
}

fn guarded(stage: &Stage, service: impl Service) -> Boxed {
    service.layer(CatchPanic).layer(AnswerErrors::default()).layer(stage.clone()).boxed()
}

fn open(plan: &plan::Files, clock: &Clock) -> Result<files::Files, Trouble> {
    let config = files::Config {
        root: plan.root.clone(),
        index: vec![plan.index.clone()],
        listing: plan.listing,
        hidden: plan.hidden,
        fallback: plan.fallback,
        not_found: plan.not_found.clone(),
        cache_control: vec![CacheRule::for_all(plan.cache_control.clone())],
        clock: clock.clone(),
        ..files::Config::default()
    };
    files::Files::open(config).map_err(|error| Trouble::Folder(plan.root.clone(), error))
}

/// Always the same response.
struct Fixed {
    status: StatusCode,
    content: Bytes,
    media_type: HeaderValue,
    place: Option<Arc<Place>>,
}

impl Service for Fixed {
    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = Response::new(Body::from(self.content.clone()));
        *response.status_mut() = self.status;
        if !self.status.is_success() {
            Trail::of(&request).at(self.place.as_ref()).note(Told { status: self.status, word: "respond", to: None });
        }
        if !self.content.is_empty() {
            response.headers_mut().insert(header::CONTENT_TYPE, self.media_type.clone());
        }
        Ok(response)
    }
}

/// The config says what is answered.
#[derive(Debug)]
struct Told {
    status: StatusCode,
    /// The word that says it.
    word: &'static str,
    /// Where it leads.
    to: Option<String>,
}

static FIXED: Rule = Rule {
    name: "fixed-answer",
    section: "a handler of ours",
    says: "A route may give the same answer to whatever it is asked.",
};

impl Decision for Told {
    fn rule(&self) -> &'static Rule {
        &FIXED
    }

    fn outcome(&self) -> Cow<'static, str> {
        status::named(self.status).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match &self.to {
            Some(to) => format!("the route leads to {to}").into(),
            None => "the route answers so, whatever it is asked".into(),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        Some(self.word)
    }
}

/// Somewhere else.
struct Redirect {
    status: StatusCode,
    to: Template,
    place: Option<Arc<Place>>,
}

impl Service for Redirect {
    async fn call(&self, request: Request) -> Result<Response> {
        let matched = matched(&request);
        let location = HeaderValue::from_str(&expand(&self.to, &matched))
            .map_err(|_| Error::new(Kind::Malformed, Fault::Downstream, "the target cannot be redirected to"))?;
        let trail = Trail::of(&request);
        if trail.is_watched() {
            let to = Some(Shown(location.as_bytes()).to_string());
            trail.at(self.place.as_ref()).note(Told { status: self.status, word: "redirect", to });
        }
        let mut response = Response::default();
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::LOCATION, location);
        Ok(response)
    }
}

/// What the request's route matched; at a site, the request as it is.
pub(super) fn matched(request: &Request) -> Matched {
    request.extensions().get::<Matched>().cloned().unwrap_or_else(|| {
        let mut parts = http::Request::new(()).into_parts().0;
        parts.uri = request.uri().clone();
        parts.headers.extend(request.headers().get(header::HOST).map(|host| (header::HOST, host.clone())));
        Matched { pattern: None, target: request.uri().clone(), host: forward::host_of(&parts) }
    })
}

/// Says where a request would go.
struct WouldForward(Arc<Group>);

impl Service for WouldForward {
    async fn call(&self, request: Request) -> Result<Response> {
        let group = &self.0;
        let candidates = group.candidates(&[]);
        if let Some((index, among, cause)) = balance::choose(&group.plan.balance, &candidates, group.draw(None)) {
            let server = group.servers[index].name.clone();
            Trail::of(&request).note(Choice::Chosen { index, server, among, cause });
        }
        Ok(Response::default())
    }
}

/// Says where a forward proxy would lead.
struct WouldLead(Destinations);

impl Service for WouldLead {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = Asked::of(&request);
        let trail = Trail::of(&request);
        let (parts, _) = request.into_parts();
        match connect::admit(&self.0, &parts) {
            Ok(target) => {
                trail.note(connect::Would(target));
                Ok(Response::default())
            }
            Err(refused) => Ok(connect::refuse(refused, &trail, &asked)),
        }
    }
}
