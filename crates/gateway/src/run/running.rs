//! The services that a plan comes to.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use wirelight_semantics::problem::Problem;
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::service::Boxed;
use wirelight_service::{Clock, Exchange, Request, Response, Result, Service, ServiceExt, Trail};

use super::metrics::RouteCounts;
use super::{Trouble, around, handler};
use crate::config::Plan;
use crate::config::plan::{Around, Condition, Handler, Site};
use crate::config::value::Network;
use crate::proxy::client;
use crate::proxy::forward;
use crate::proxy::group::Group;
use crate::proxy::health;
use crate::routes::{self, Facts, Matched, Routed};

/// A plan with its services.
#[derive(Debug)]
pub struct Running {
    /// The plan.
    pub plan: Plan,
    pub(super) sites: Vec<Boxed>,
    /// The groups of servers, in the plan's order.
    pub groups: Vec<Arc<Group>>,
    /// What happened on each route of each site.
    pub counts: Vec<Arc<RouteCounts>>,
}

/// What is done with requests that would leave us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// They do.
    Really {
        /// How many threads send.
        threads: usize,
    },
    /// It is only said where they would go.
    Explained,
}

impl Running {
    /// Makes the services. What is known of groups that were there `before` is kept.
    ///
    /// # Errors
    /// If a folder cannot be opened.
    pub fn build(plan: Plan, before: Option<&Self>, sending: Sending, clock: &Clock) -> Result<Self, Trouble> {
        let threads = match sending {
            Sending::Really { threads } => threads,
            Sending::Explained => 1,
        };
        let group = |planned: &Arc<crate::config::plan::Upstream>| {
            let known = before.iter().flat_map(|running| &running.groups).find(|group| group.plan == *planned);
            known.map_or_else(|| Arc::new(Group::new(Arc::clone(planned), threads, clock.clone())), Arc::clone)
        };
        let groups: Vec<Arc<Group>> = plan.upstreams.iter().map(group).collect();
        let mut counts = Vec::new();
        let context = Context { plan: &plan, groups: &groups, trusted: plan.trusted.clone().into(), sending, clock };
        let mut sites = Vec::new();
        for site in &plan.sites {
            sites.push(context.site(site, before, &mut counts)?);
        }
        Ok(Self { sites, groups, counts, plan })
    }

    /// Begins to ask the servers of groups that are new how they are.
    pub(super) fn watch_health(&self, runtime: &tokio::runtime::Handle) {
        for group in &self.groups {
            if group.plan.health.is_none() || !group.begin_watch() {
                continue;
            }
            for index in 0..group.servers.len() {
                runtime.spawn(health::watch(Arc::downgrade(group), index));
            }
        }
    }
}

/// What services are made from.
struct Context<'a> {
    plan: &'a Plan,
    groups: &'a [Arc<Group>],
    trusted: Arc<[Network]>,
    sending: Sending,
    clock: &'a Clock,
}

impl Context<'_> {
    fn site(&self, site: &Site, before: Option<&Running>, all: &mut Vec<Arc<RouteCounts>>) -> Result<Boxed, Trouble> {
        let mut services = Vec::new();
        let mut counts = Vec::new();
        for route in &site.routes {
            let inner = handler::service(&route.handler, &self.handling())?;
            services.push(around::wrap(&route.around, inner, self.clock));
            let known =
                before.iter().flat_map(|running| &running.counts).find(|known| known.is_of(&site.name(), &route.name));
            let route_counts = known.map_or_else(|| Arc::new(RouteCounts::new(&site.name(), &route.name)), Arc::clone);
            all.push(Arc::clone(&route_counts));
            counts.push(route_counts);
        }
        let routes = Routes {
            asks_client: site
                .routes
                .iter()
                .any(|route| route.conditions.iter().any(|each| matches!(each, Condition::Client(_)))),
            fills_in: site.routes.iter().map(|route| fills_in(&route.around, &route.handler)).collect(),
            site: site.clone(),
            services,
            counts,
            trusted: Arc::clone(&self.trusted),
            clock: self.clock.clone(),
        };
        Ok(around::wrap(&site.around, routes.boxed(), self.clock))
    }

    fn handling(&self) -> handler::Handling<'_> {
        handler::Handling {
            groups: self.groups,
            upstreams: &self.plan.upstreams,
            trusted: &self.trusted,
            is_explained: self.sending == Sending::Explained,
            clock: self.clock,
        }
    }
}

/// Whether anything on a route is filled in from what it matched.
fn fills_in(around: &[Around], handler: &Handler) -> bool {
    matches!(handler, Handler::Redirect { .. }) || around.iter().any(|each| matches!(each, Around::Rewrite(_)))
}

/// The routes of a site.
struct Routes {
    site: Site,
    services: Vec<Boxed>,
    counts: Vec<Arc<RouteCounts>>,
    trusted: Arc<[Network]>,
    /// Whether any route asks for the client's address.
    asks_client: bool,
    /// Whether a route needs to know what it matched.
    fills_in: Vec<bool>,
    clock: Clock,
}

impl Service for Routes {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let trail = Trail::of(request.extensions());
        if let Some(at) = routes::malformed(request.uri()) {
            let malformed = Routed::Malformed { path: request.uri().path().to_owned(), at };
            return Ok(refuse(StatusCode::BAD_REQUEST, malformed, &request, &trail));
        }
        let client = match self.asks_client {
            true => {
                let peer = client::peer_address(&Exchange::of(request.extensions()));
                let client = client::judge(peer, request.headers(), &self.trusted);
                let address = client.address();
                trail.note(client);
                address
            }
            false => None,
        };
        let facts = Facts { method: request.method(), target: request.uri(), fields: request.headers(), client };
        let Some((index, pattern)) = routes::route(&self.site, &facts) else {
            return Ok(self.nowhere(&facts, &request, &trail));
        };
        if trail.is_watched() {
            let route = Arc::clone(&self.site.routes[index].name);
            trail.note(Routed::Taken { route, passed: routes::passed(&self.site, index, &facts) });
        }
        if self.fills_in[index] {
            let pattern = pattern.cloned();
            let (parts, body) = request.into_parts();
            let matched = Matched { pattern, target: parts.uri.clone(), host: forward::host_of(&parts) };
            request = Request::from_parts(parts, body);
            request.extensions_mut().insert(matched);
        }
        let began = self.clock.now();
        let counting = self.counts[index].begin();
        let answered = self.services[index].call(request).await;
        let took = self.clock.now().saturating_duration_since(began);
        counting.end(answered.as_ref().map_or_else(|error| error.status(), |response| response.status()), took);
        answered
    }
}

impl Routes {
    /// No route took the request.
    fn nowhere(&self, facts: &Facts<'_>, request: &Request, trail: &Trail) -> Response {
        let allowed = routes::allowed(&self.site, facts);
        let passed = routes::passed(&self.site, self.site.routes.len(), facts);
        if allowed.is_empty() {
            let path = facts.target.path().to_owned();
            return refuse(StatusCode::NOT_FOUND, Routed::NotFound { path, passed }, request, trail);
        }
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        let allow = HeaderValue::from_str(&names.join(", "));
        let method = facts.method.clone();
        let refused = Routed::NotAllowed { method, allowed, passed };
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, refused, request, trail);
        if let Ok(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }
}

/// Whoever asks may be a stranger: which routes there are stands in the trail only.
fn refuse(status: StatusCode, refused: Routed, request: &Request, trail: &Trail) -> Response {
    let response = tell(&Problem::new(status), &Asked::of(request));
    trail.note(refused);
    response
}
