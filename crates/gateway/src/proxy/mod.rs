//! Forwarding to other servers: the message, the server, another attempt, and the way back.
//!
//! Everything that is judged here is a pure function beside this file; what is done with it happens in [`Forwarder`].

pub mod balance;
pub mod breaker;
mod carry;
pub mod client;
pub mod connect;
pub mod destination;
pub mod forward;
pub mod group;
pub mod health;
mod hop;
pub mod interim;
mod lend;
pub mod retry;
pub mod status;
pub mod sticky;
mod switch;
mod tunnel;

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, ready};
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{HeaderMap, Method, StatusCode, Uri, request};
use wirelight_client::route::Announced;
use wirelight_net::proxy_protocol::Ends;
use wirelight_net::request::Sent;
use wirelight_proto::h2::Protocol;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::problem::Problem;
use wirelight_semantics::{cookie, fields};
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::{Error, Exchange, Fault, Interims, Kind, Place, Request, Response, Result, Service, Trail};

use self::balance::{Cause, Choice, State, hash};
use self::breaker::Admission;
use self::carry::{Carried, Whose};
use self::group::{Group, Underway};
use self::hop::Watched;
use self::lend::Content;
use self::retry::{Facts, Retrying};
use self::status::{Relayed, Unforwarded};
use self::switch::{Agreed, Wanted};
use self::tunnel::Patience;
use crate::config::plan::{self, HashKey, ProxyHost};
use crate::config::value::Network;
use crate::streams::Tunnels;

/// The most cookies that are looked at.
const COOKIES_MAX: usize = 200;

/// A [`Service`] that forwards to a group of servers.
#[derive(Debug, Clone)]
pub struct Forwarder {
    /// The servers.
    pub group: Arc<Group>,
    /// Which host the request is for.
    pub host: ProxyHost,
    /// Whose word about others is passed on.
    pub trusted: Arc<[Network]>,
}

/// A server is left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ejected {
    /// Which.
    pub server: String,
    /// After how many failures in a row.
    pub failures: u32,
    /// For how long.
    pub pause: Duration,
}

static EJECTION: Rule = Rule {
    name: "passive-ejection",
    section: "RFC 9110, section 3.7",
    says: "A gateway leaves a server alone for a while after it has failed several times in a row.",
};

impl Decision for Ejected {
    fn rule(&self) -> &'static Rule {
        &EJECTION
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("{} is left alone for {:?}", self.server, self.pause).into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("it failed {} times in a row", self.failures).into()
    }

    fn setting(&self) -> Option<&'static str> {
        Some("failures")
    }
}

/// A method that is not forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotForwarded(Method);

static METHODS: Rule = Rule {
    name: "not-forwarded",
    section: "RFC 9110, section 9.3",
    says: "CONNECT asks for a tunnel through a proxy, and TRACE for what a server received: neither is a gateway's to pass on.",
};

impl Decision for NotForwarded {
    fn rule(&self) -> &'static Rule {
        &METHODS
    }

    fn outcome(&self) -> Cow<'static, str> {
        self.status().to_string().into()
    }

    fn because(&self) -> Cow<'static, str> {
        format!("a gateway does not pass {} on", self.0).into()
    }

    fn declines(&self) -> bool {
        true
    }
}

impl NotForwarded {
    fn status(&self) -> StatusCode {
        if self.0 == Method::CONNECT { StatusCode::NOT_IMPLEMENTED } else { StatusCode::METHOD_NOT_ALLOWED }
    }
}

/// A request on its way: what all of its attempts have in common.
struct Passage {
    parts: request::Parts,
    content: Content,
    /// What the client wants to go over to.
    wanted: Option<Wanted>,
    /// Where interim responses go.
    interims: Option<Interims>,
    trail: Trail,
    asked: Asked,
    version: &'static str,
    /// Whether it came encrypted.
    secure: bool,
    /// Whose connection it came on.
    ends: Option<Ends>,
    /// The server that the client stays with.
    stays_with: Option<usize>,
    /// Where the config says how long a server may take.
    timeouts: Option<Arc<Place>>,
}

/// How an attempt ended.
enum Attempt {
    Answered(Response),
    Failed(Unforwarded),
    Again,
}

/// Why an attempt failed.
enum Failed {
    Error(Error),
    /// No answer came in this time.
    Late(Duration),
}

impl Failed {
    fn because(&self) -> String {
        match self {
            Self::Error(error) => error.because().to_owned(),
            Self::Late(limit) => format!("no answer came in {limit:?}"),
        }
    }

    fn sent(&self) -> Sent {
        match self {
            Self::Error(error) => retry::sent(error),
            Self::Late(_) => Sent::Something,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Error(error) => error.kind(),
            Self::Late(_) => Kind::Timeout,
        }
    }

    fn is_premature_close(&self) -> bool {
        matches!(self, Self::Error(error) if retry::is_premature_close(error))
    }

    fn told(&self, upstream: &str, server: &str, attempt: u32) -> Unforwarded {
        match self {
            Self::Error(error) => Unforwarded::of(error, upstream, server, attempt),
            Self::Late(limit) => Unforwarded::late(*limit, upstream, server, attempt),
        }
    }
}

impl Service for Forwarder {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = Asked::of(&request);
        let (parts, body) = Exchange::into_parts(request);
        // What is decided here follows from the upstream, and says so where it does.
        let trail = Trail::of(&parts).at(None);
        let is_tunnel = parts.method == Method::CONNECT && parts.extensions.get::<Protocol>().is_none();
        if is_tunnel || parts.method == Method::TRACE {
            return Ok(refuse(NotForwarded(parts.method), &trail, &asked));
        }
        if let Some(response) = self.last_hop(&parts) {
            return Ok(response);
        }
        let trial = match self.admit(&trail) {
            Ok(trial) => trial,
            Err(refused) => return Ok(left_alone(&refused, &asked)),
        };
        let passage = self.prepare(parts, Content::of(body), trail, asked);
        let key = self.key(&passage.parts);
        self.group.save();
        let mut tried = Vec::new();
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(&passage, key, &mut tried, attempt).await? {
                Attempt::Answered(response) => {
                    self.heard(trial, !is_gateways_error(response.status()), &passage);
                    return Ok(response);
                }
                Attempt::Again => {}
                Attempt::Failed(failed) => {
                    self.heard(trial, false, &passage);
                    return Ok(unforwarded(failed, &passage));
                }
            }
        }
    }
}

/// A request that a circuit breaker has let pass, until its end is known.
struct Trying<'a> {
    group: &'a Group,
    /// Whether it shows that the group is well again.
    trial: bool,
}

impl Drop for Trying<'_> {
    /// It was given up before it could show anything.
    fn drop(&mut self) {
        self.group.heard(self.trial, None);
    }
}

impl Forwarder {
    /// Asks the circuit breaker, if there is one.
    fn admit(&self, trail: &Trail) -> std::result::Result<Option<Trying<'_>>, Admission> {
        let Some(admission) = self.group.admit() else { return Ok(None) };
        if admission != Admission::Closed {
            trail.at(self.group.plan.places.find("breaker")).note(admission.clone());
        }
        match admission.is_open_to() {
            true => Ok(Some(Trying { group: &self.group, trial: matches!(admission, Admission::Trial { .. }) })),
            false => Err(admission),
        }
    }

    /// Tells the circuit breaker how a request has ended.
    fn heard(&self, trying: Option<Trying<'_>>, well: bool, passage: &Passage) {
        let Some(trying) = trying else { return };
        let turned = self.group.heard(trying.trial, Some(well));
        std::mem::forget(trying);
        if let Some(turned) = turned {
            passage.trail.at(self.group.plan.places.find("breaker")).note(turned);
        }
    }

    /// OPTIONS that has no hop left is answered here (RFC 9110, section 7.6.2).
    fn last_hop(&self, parts: &request::Parts) -> Option<Response> {
        let is_last = parts.method == Method::OPTIONS && parts.headers.get(header::MAX_FORWARDS)? == "0";
        is_last.then(|| {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        })
    }

    /// Makes the request what goes on.
    fn prepare(&self, mut parts: request::Parts, content: Content, trail: Trail, asked: Asked) -> Passage {
        let exchange = Exchange::of(&parts);
        let wanted = Wanted::of(&parts);
        switch::plain(&mut parts);
        let peer = client::peer_address(&exchange);
        let authority = forward::authority_of(&parts).to_owned();
        let version = fields::received_protocol(parts.version);
        let from = forward::From {
            peer,
            trusted: client::is_trusted(peer, &self.trusted),
            host: &authority,
            secure: exchange.secure,
            version,
        };
        forward::request(&mut parts.headers, from);
        if wanted.is_none() {
            parts.headers.remove(header::UPGRADE);
        }
        let asked_for = parts.headers.remove(header::HOST).filter(|host| host.as_bytes() == authority.as_bytes());
        if self.host == ProxyHost::Client
            && let Some(host) = asked_for.or_else(|| HeaderValue::from_str(&authority).ok())
            && !authority.is_empty()
        {
            parts.headers.insert(header::HOST, host);
        }
        if parts.method == Method::OPTIONS {
            one_forward_less(&mut parts.headers);
        }
        Passage {
            stays_with: self.group.tokens.as_ref().and_then(|tokens| tokens.server(&parts.headers)),
            timeouts: self.group.plan.places.find("timeout").cloned(),
            ends: client::ends(&exchange),
            secure: exchange.secure,
            interims: exchange.interims,
            parts,
            content,
            wanted,
            trail,
            asked,
            version,
        }
    }

    /// What the request is told by, where servers are chosen by that.
    fn key(&self, parts: &request::Parts) -> Option<u64> {
        let plan::Balance::Hash(key) = &self.group.plan.balance else { return None };
        match key {
            HashKey::Client => {
                let address = client::judge(client::peer_address(&Exchange::of(parts)), &parts.headers, &self.trusted);
                address.address().map(|address| hash(&address))
            }
            HashKey::Field(name) => fields::combined(&parts.headers, name).map(|value| hash(&value.as_bytes())),
            HashKey::Cookie(name) => cookie::value(&parts.headers, name, COOKIES_MAX).map(|value| hash(&value)),
        }
    }

    async fn attempt(
        &self,
        passage: &Passage,
        key: Option<u64>,
        tried: &mut Vec<usize>,
        number: u32,
    ) -> Result<Attempt> {
        let group = &self.group;
        let Some(index) = self.choose(passage, key, tried) else {
            return Ok(Attempt::Failed(self.nobody(number, tried.len())));
        };
        let server = &group.servers[index];
        let connections = match group.connections(index, passage.wanted.is_some()) {
            Ok(connections) => connections,
            Err(because) => return Err(Error::new(Kind::Other, Fault::Ours, because)),
        };
        let Some(mut request) = self.request(passage, &server.plan.uri) else {
            let because = "the request's content is gone";
            return Err(Error::new(Kind::Other, Fault::Ours, because));
        };
        let watched = Watched::begin(&passage.trail, group.clock().clone(), (&server.name, number), &mut request);
        let underway = group.begin(index);
        let failed = match self.in_time(connections.call(request), &passage.content).await {
            Some(Ok(response)) => {
                underway.answered(&passage.parts.method, response.status());
                if let Some(watched) = watched {
                    watched.answered(&response);
                }
                return Ok(self.answered(response, passage, underway, number, index));
            }
            Some(Err(error)) if error.fault() == Fault::Downstream => return Err(error),
            Some(Err(error)) => Failed::Error(error),
            None => Failed::Late(group.plan.answer_timeout),
        };
        underway.unanswered(&passage.parts.method, failed.kind());
        if let Some(watched) = watched {
            watched.failed(failed.because());
        }
        Ok(self.failed(failed, passage, &underway, tried, number, index))
    }

    /// What becomes of a request; `None` once the server has had it for too long without an answer.
    async fn in_time<T>(&self, call: impl Future<Output = T>, content: &Content) -> Option<T> {
        let clock = self.group.clock();
        let limit = self.group.plan.answer_timeout;
        let mut deadline = clock.now() + limit;
        let mut frames = content.frames();
        let mut timer = clock.timer();
        let mut call = pin!(call);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(done) = call.as_mut().poll(cx) {
                return Poll::Ready(Some(done));
            }
            loop {
                ready!(timer.poll_until(deadline, cx));
                let now = content.frames();
                if now == frames {
                    return Poll::Ready(None);
                }
                // The request was still on its way: the server has its time from its last byte on.
                frames = now;
                deadline = clock.now() + limit;
            }
        })
        .await
    }

    /// An attempt failed: is there another?
    fn failed(
        &self,
        failed: Failed,
        passage: &Passage,
        underway: &Underway,
        tried: &mut Vec<usize>,
        number: u32,
        index: usize,
    ) -> Attempt {
        let group = &self.group;
        let server = &group.servers[index];
        let judged = retry::judge(Facts {
            method: &passage.parts.method,
            sent: failed.sent(),
            kind: failed.kind(),
            lost: matches!(&failed, Failed::Error(error) if retry::is_silence(error)),
            content: passage.content.is_there(),
            attempts: number,
            attempts_max: group.plan.retry.attempts_max,
            budget: group.can_spend(),
        });
        // A connection that was closed while it rested says nothing against the server.
        if judged != Retrying::Unsent || !failed.is_premature_close() {
            if let Some(pause) = group.failed(underway.index()) {
                let failures = group.plan.eject.failures;
                let ejected = Ejected { server: server.name.clone(), failures, pause };
                passage.trail.at(group.plan.places.find("eject")).note(ejected);
            }
            tried.push(index);
        }
        match judged.setting() {
            Some(_) => passage.trail.at(group.plan.places.find("retry")).note(judged),
            None => passage.trail.note(judged),
        }
        if !judged.is_on() {
            return Attempt::Failed(failed.told(&group.plan.name, &server.name, number));
        }
        group.spend();
        server.counts.retries.fetch_add(1, Relaxed);
        if tried.len() >= group.servers.len() {
            // All have been tried: the next attempt may be with any of them.
            tried.clear();
        }
        Attempt::Again
    }

    fn choose(&self, passage: &Passage, key: Option<u64>, tried: &[usize]) -> Option<usize> {
        let candidates = self.group.candidates(tried);
        let stays_with = passage.stays_with.filter(|index| candidates[*index].state == State::Well);
        let chosen = match stays_with {
            Some(index) => Some((index, candidates.len(), Cause::Sticky)),
            None => balance::choose(&self.group.plan.balance, &candidates, self.group.draw(key)),
        };
        if passage.trail.is_watched() {
            let word = if stays_with.is_some() { "sticky" } else { "balance" };
            passage.trail.at(self.group.plan.places.find(word)).note(match chosen {
                Some((index, among, cause)) => {
                    Choice::Chosen { index, server: self.group.servers[index].name.clone(), among, cause }
                }
                None => Choice::Nobody {
                    upstream: self.group.plan.name.clone(),
                    ill: candidates.iter().filter(|each| each.state == State::Ill).count(),
                    tried: tried.len(),
                },
            });
        }
        chosen.map(|(index, ..)| index)
    }

    fn nobody(&self, attempt: u32, tried: usize) -> Unforwarded {
        Unforwarded {
            upstream: self.group.plan.name.clone(),
            server: None,
            attempt: attempt - 1,
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: "destination_unavailable",
            timer: None,
            because: match tried {
                0 => "no server answers its health check".to_owned(),
                tried => format!("{tried} servers were tried, and no other answers its health check"),
            },
        }
    }

    /// The request for one attempt; `None` if its content is gone.
    fn request(&self, passage: &Passage, server: &Uri) -> Option<Request> {
        let mut request = http::Request::new(passage.content.lend()?);
        *request.extensions_mut() = forward::carried(&passage.parts.extensions);
        request.method_mut().clone_from(&passage.parts.method);
        request.headers_mut().clone_from(&passage.parts.headers);
        let mut target = server.clone().into_parts();
        let is_asterisk = passage.parts.method == Method::OPTIONS && passage.parts.uri.path() == "*";
        target.path_and_query = match passage.parts.uri.path_and_query() {
            _ if is_asterisk => Some(PathAndQuery::from_static("*")),
            Some(path) if path.as_str().starts_with('/') => Some(path.clone()),
            // A URI may have a query and no path; what is sent to a server has one (RFC 9112, section 3.2.1).
            Some(path) => format!("/{}", path.as_str()).parse().ok(),
            None => Some(PathAndQuery::from_static("/")),
        };
        *request.uri_mut() = Uri::from_parts(target).ok()?;
        if passage.trail.is_watched() {
            let exchange = Exchange { trail: passage.trail.clone(), ..Exchange::default() };
            request.extensions_mut().insert(exchange);
        }
        if let Some(version) = self.group.plan.announced {
            request.extensions_mut().insert(Announced { version, ends: passage.ends });
        }
        if let Some(wanted) = &passage.wanted {
            wanted.ask(&mut request, self.group.plan.protocol == plan::Protocol::Http2);
        }
        if let Some(interims) = &passage.interims {
            let expects = passage.parts.headers.contains_key(header::EXPECT);
            let (trail, version) = (passage.trail.clone(), passage.version);
            request.extensions_mut().insert(interim::pass_on(interims.clone(), trail, expects, version));
        }
        Some(request)
    }

    /// Makes the response what goes back.
    fn answered(
        &self,
        response: Response,
        passage: &Passage,
        underway: Underway,
        number: u32,
        index: usize,
    ) -> Attempt {
        let (mut parts, body) = response.into_parts();
        let group = &self.group;
        let name = &group.servers[index].name;
        let switching = parts.headers.get(header::UPGRADE).cloned();
        forward::response(&mut parts.headers, passage.version);
        let agreed = match &passage.wanted {
            Some(wanted) => wanted.agree(&mut parts, switching.as_ref()),
            None if parts.status == StatusCode::SWITCHING_PROTOCOLS => {
                Agreed::Wrong("the server went over to another protocol, which nobody had asked for")
            }
            None => Agreed::No,
        };
        match (agreed, &passage.wanted) {
            (Agreed::Yes(ours), Some(wanted)) => {
                parts.extensions = forward::carried(&parts.extensions);
                let stay = passage.parts.extensions.get::<Tunnels>().map(Tunnels::enter);
                let patience =
                    Patience { limit: group.plan.tunnel_timeout, setting: "tunnel", clock: group.clock().clone() };
                let whose = tunnel::Whose { trail: passage.trail.at(passage.timeouts.as_ref()), stay };
                tokio::spawn(tunnel::join(wanted.client.clone(), ours, underway, patience, whose));
                return Attempt::Answered(Response::from_parts(parts, wirelight_service::Body::empty()));
            }
            (Agreed::Wrong(because), _) => {
                return Attempt::Failed(Unforwarded {
                    upstream: group.plan.name.clone(),
                    server: Some(name.clone()),
                    attempt: number,
                    status: StatusCode::BAD_GATEWAY,
                    error: "http_upgrade_failed",
                    timer: None,
                    because: because.to_owned(),
                });
            }
            _ => {}
        }
        parts.extensions = forward::carried(&parts.extensions);
        if !parts.status.is_success() && passage.trail.is_watched() {
            let (upstream, server) = (group.plan.name.clone(), name.clone());
            passage.trail.note(Relayed { upstream, server, attempt: number, status: parts.status });
        }
        if let Some(tokens) = self.group.tokens.as_ref().filter(|_| passage.stays_with != Some(index)) {
            parts.headers.extend(tokens.set_cookie(index, passage.secure).map(|value| (header::SET_COOKIE, value)));
        }
        let body = match body.as_bytes() {
            Some(_) => body,
            None => {
                let whose = Whose { upstream: group.plan.name.clone(), server: name.clone(), attempt: number };
                let trail = passage.trail.at(passage.timeouts.as_ref());
                Carried::body(body, Some(underway), group.plan.stall_timeout, group.clock(), trail, whose)
            }
        };
        Attempt::Answered(Response::from_parts(parts, body))
    }
}

/// Takes one from Max-Forwards, where it is a number.
fn one_forward_less(headers: &mut HeaderMap) {
    let left = headers.get(header::MAX_FORWARDS).and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
    if let Some(left) = left.and_then(|left| left.checked_sub(1)) {
        headers.insert(header::MAX_FORWARDS, left.into());
    }
}

fn refuse(refused: NotForwarded, trail: &Trail, asked: &Asked) -> Response {
    let status = refused.status();
    let mut response = tell(&Problem::because(status, &refused), asked);
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        response.headers_mut().insert(header::ALLOW, allow);
    }
    trail.note(refused);
    response
}

/// Whether a server says that it got no answer either, or takes no requests for now.
fn is_gateways_error(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

/// Says that the servers are left alone for a while.
fn left_alone(refused: &Admission, asked: &Asked) -> Response {
    let mut response = tell(&Problem::new(StatusCode::SERVICE_UNAVAILABLE), asked);
    let seconds = refused.retry_after().map_or(1, |wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0));
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    let field =
        HeaderValue::from_static("wirelight; error=destination_unavailable; details=\"left alone for a while\"");
    response.headers_mut().insert(fields::PROXY_STATUS, field);
    response
}

fn unforwarded(failed: Unforwarded, passage: &Passage) -> Response {
    let mut response = tell(&Problem::new(failed.status), &passage.asked);
    response.headers_mut().insert(fields::PROXY_STATUS, failed.field());
    if failed.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    match failed.setting() {
        Some(_) => passage.trail.at(passage.timeouts.as_ref()).note(failed),
        None => passage.trail.note(failed),
    }
    response
}
