//! The services that a plan comes to.

use std::sync::Arc;

use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use wirelight_semantics::problem::Problem;
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::service::Boxed;
use wirelight_service::{Clock, Exchange, Request, Response, Result, Service, ServiceExt, Trail};

use super::difference::Difference;
use super::{Trouble, around, handler};
use crate::config::Plan;
use crate::config::plan::{Around, Condition, Handler, Site, Written};
use crate::config::value::Network;
use crate::metrics::RouteCounts;
use crate::proxy::client;
use crate::proxy::forward;
use crate::proxy::group::Group;
use crate::proxy::health;
use crate::routes::{self, Facts, Matched, Routed};
use crate::streams::{Staying, Stream, Streams, Tunnels};

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
    /// What is under way for long on each route of each site.
    pub streams: Vec<Arc<Streams>>,
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
    /// Makes the services. What is known of groups and routes that were there `before` is kept, as far as the
    /// difference to that plan says that they are the same.
    ///
    /// # Errors
    /// If a folder cannot be opened.
    pub fn build(
        plan: Plan,
        before: Option<(&Self, &Difference)>,
        sending: Sending,
        clock: &Clock,
    ) -> Result<Self, Trouble> {
        let threads = match sending {
            Sending::Really { threads } => threads,
            Sending::Explained => 1,
        };
        let group = |planned: &Arc<crate::config::plan::Upstream>| {
            let known = before.iter().flat_map(|(running, _)| &running.groups).find(|group| group.plan == *planned);
            known.map_or_else(|| Arc::new(Group::new(Arc::clone(planned), threads, clock.clone())), Arc::clone)
        };
        let groups: Vec<Arc<Group>> = plan.upstreams.iter().map(group).collect();
        let counts = counts(&plan, before.map(|(running, _)| running));
        let streams: Vec<_> = (0..counts.len()).map(|place| streams(place, before)).collect();
        let context = Context { plan: &plan, groups: &groups, trusted: plan.trusted.clone().into(), sending, clock };
        let mut sites = Vec::new();
        let mut from = 0;
        for site in &plan.sites {
            let its = from..from + site.routes.len();
            from = its.end;
            sites.push(context.site(site, counts[its.clone()].to_vec(), streams[its].to_vec())?);
        }
        Ok(Self { sites, groups, counts, streams, plan })
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
    fn site(&self, site: &Site, counts: Vec<Arc<RouteCounts>>, streams: Vec<Arc<Streams>>) -> Result<Boxed, Trouble> {
        let mut services = Vec::new();
        for route in &site.routes {
            let inner = handler::service(route, &self.handling())?;
            services.push(around::wrap(&route.around, inner, &self.handling()));
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
            streams,
            trusted: Arc::clone(&self.trusted),
            clock: self.clock.clone(),
        };
        Ok(around::wrap(&site.around, routes.boxed(), &self.handling()))
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

/// The counts of all routes of a plan, in its order; what was counted before goes on.
fn counts(plan: &Plan, before: Option<&Running>) -> Vec<Arc<RouteCounts>> {
    let mut counts: Vec<Arc<RouteCounts>> = Vec::new();
    for site in &plan.sites {
        for route in &site.routes {
            let (site, route) = (site.name(), &*route.name);
            let known = before.iter().flat_map(|running| &running.counts).chain(&counts);
            let known = known.into_iter().find(|known| known.is_of(&site, route)).map(Arc::clone);
            counts.push(known.unwrap_or_else(|| Arc::new(RouteCounts::new(&site, route))));
        }
    }
    counts
}

/// The streams of a route; they go on where the route is the same.
fn streams(place: usize, before: Option<(&Running, &Difference)>) -> Arc<Streams> {
    let known = before.and_then(|(running, difference)| running.streams.get((*difference.kept.get(place)?)?));
    known.map(Arc::clone).unwrap_or_default()
}

/// Whether anything on a route is filled in from what it matched.
fn fills_in(around: &[Written<Around>], handler: &Handler) -> bool {
    matches!(handler, Handler::Redirect { .. }) || around.iter().any(|each| matches!(each.what, Around::Rewrite(_)))
}

/// The routes of a site.
struct Routes {
    site: Site,
    services: Vec<Boxed>,
    counts: Vec<Arc<RouteCounts>>,
    streams: Vec<Arc<Streams>>,
    trusted: Arc<[Network]>,
    /// Whether any route asks for the client's address.
    asks_client: bool,
    /// Whether a route needs to know what it matched.
    fills_in: Vec<bool>,
    clock: Clock,
}

impl Service for Routes {
    async fn call(&self, mut request: Request) -> Result<Response> {
        // What is decided here follows from the routes, not from what stands around them.
        let trail = Trail::of(&request).at(None);
        if let Some(at) = routes::malformed(request.uri()) {
            let malformed = Routed::Malformed { path: request.uri().path().to_owned(), at };
            return Ok(refuse(StatusCode::BAD_REQUEST, malformed, &request, &trail));
        }
        let client = match self.asks_client {
            true => {
                let peer = client::peer_address(&Exchange::of(&request));
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
            let route = &self.site.routes[index];
            let passed = routes::passed(&self.site, index, &facts);
            trail.at(route.place.as_ref()).note(Routed::Taken { route: Arc::clone(&route.name), passed });
        }
        if self.fills_in[index] {
            let pattern = pattern.cloned();
            let (parts, body) = request.into_parts();
            let matched = Matched { pattern, target: parts.uri.clone(), host: forward::host_of(&parts) };
            request = Request::from_parts(parts, body);
            request.extensions_mut().insert(matched);
        }
        let counting = self.counts[index].begin(request.method(), &self.clock);
        let stream = self.stream(&request);
        if request.method() == Method::CONNECT || request.headers().contains_key(header::UPGRADE) {
            let (streams, stream) = (Arc::clone(&self.streams[index]), Stream { is_tunnel: true, ..stream.clone() });
            request.extensions_mut().insert(Tunnels { streams, stream });
        }
        trail.mark("routed");
        let answered = self.services[index].call(request).await;
        trail.mark("answered");
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => {
                counting.end(error.status());
                return Err(error);
            }
        };
        let is_file = response.body_mut().as_file().is_some();
        if is_file || response.body().as_bytes().is_some() {
            counting.end(response.status());
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let stay = self.streams[index].enter(stream);
        let body = Staying::body(body, stay, counting, parts.status, trail);
        Ok(Response::from_parts(parts, body))
    }
}

impl Routes {
    /// What a request becomes that goes on for long.
    fn stream(&self, request: &Request) -> Stream {
        Stream {
            began: self.clock.now(),
            peer: Exchange::find(request).and_then(|exchange| exchange.peer.clone()),
            method: request.method().clone(),
            target: request.uri().clone(),
            is_tunnel: false,
        }
    }

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
        let limiting = self.site.routes.iter().find(|route| routes::is_for_other_methods(route, facts));
        let trail = trail.at(limiting.and_then(|route| route.place.as_ref()));
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, refused, request, &trail);
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
