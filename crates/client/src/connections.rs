//! The innermost service of a client: a request finds its connection, and is sent on it.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Uri, request};
use wirelight_net::request::{Answer, Failure, RequestConfig, RequestContext, Requests, Sent};
use wirelight_net::tls::client::Settings as TlsSettings;
use wirelight_net::{Close, Observer};
use wirelight_proto::{Role, h1, h2};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::{fields, grammar, method};
use wirelight_service::{Body, Clock, Error, Exchange, Fault, Kind, Request, Response, Result, Service, Trail};

use crate::connect::{ConnectConfig, Connector, Made, Trust};
use crate::error::{Phase, fail, of_failure};
use crate::pool::assign::{Assignment, Limits};
use crate::pool::key::Key;
use crate::pool::{Grant, Granted, Lease, Permit, Pool};
use crate::proxy::Proxies;
use crate::resolve::{self, Resolver};
use crate::route::{Announced, Route, Via};
use crate::timings::{Timed, Watch};

/// Which version of HTTP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versions {
    /// What TLS negotiates (ALPN); HTTP/1.1 in cleartext.
    #[default]
    Negotiated,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/1.0 only: each request has a connection of its own, and content of unknown length cannot be sent.
    Http10,
    /// HTTP/2, without asking (RFC 9113, section 3.3).
    Http2PriorKnowledge,
}

/// What connections are told.
#[derive(Clone)]
pub struct Config {
    /// How many connections there may be, and how long they are kept.
    pub pool: Limits,
    /// How they are made.
    pub connect: ConnectConfig,
    /// How names are looked up.
    pub resolve: resolve::Settings,
    /// Whom to trust and what to present; which versions of HTTP it offers is said by `versions`.
    pub tls: TlsSettings,
    /// Which proxy is used.
    pub proxies: Proxies,
    /// A Unix socket that all requests go to.
    pub unix_socket: Option<std::path::PathBuf>,
    /// Which version of HTTP is spoken.
    pub versions: Versions,
    /// The limits and deadlines of HTTP/1.
    pub http1: h1::Config,
    /// The limits and deadlines of HTTP/2.
    pub http2: h2::Config,
    /// The limits and habits of sending.
    pub request: RequestConfig,
    /// Where time comes from.
    pub clock: Clock,
    /// Who watches the bytes.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            pool: Limits::default(),
            connect: ConnectConfig::default(),
            resolve: resolve::Settings::default(),
            tls: TlsSettings::default(),
            proxies: Proxies::none(),
            unix_socket: None,
            versions: Versions::default(),
            http1: h1::Config { header_timeout: std::time::Duration::from_secs(30), ..h1::Config::default() },
            http2: h2::Config::default(),
            request: RequestConfig::default(),
            clock: Clock::system(),
            observer: None,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("pool", &self.pool).field("versions", &self.versions).finish_non_exhaustive()
    }
}

/// Connections to anywhere, as a service: cheap to clone, and clones share them.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    pool: Arc<Pool>,
    connector: Connector,
    proxies: Proxies,
    unix_socket: Option<std::path::PathBuf>,
    versions: Versions,
    http2: Arc<h2::Config>,
    /// The route of the last request: most programs ask the same server again and again.
    last: Mutex<Option<(Uri, Arc<Key>)>>,
}

/// Whether a request whose connection ended is sent again, and why (RFC 9110, section 9.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// Once, on another connection.
    Sent {
        /// Why that is safe.
        safe: Safe,
        /// How the connection ended.
        ended: String,
    },
    /// Not: it might be done twice.
    Unsafe {
        /// The method.
        method: http::Method,
        /// How the connection ended.
        ended: String,
    },
    /// Not: some of its content is gone.
    Spent {
        /// How the connection ended.
        ended: String,
    },
}

/// Why it is safe to send a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safe {
    /// None of it had been processed.
    Unprocessed,
    /// Its method is idempotent.
    Idempotent,
}

static AGAIN: Rule = Rule {
    name: "automatic-retry",
    section: "RFC 9110, section 9.2.2",
    says: "A client sends a request again by itself only if that does nothing twice.",
};

impl Decision for Again {
    fn rule(&self) -> &'static Rule {
        &AGAIN
    }

    fn outcome(&self) -> Cow<'static, str> {
        if matches!(self, Self::Sent { .. }) { "sent again" } else { "not sent again" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Sent { safe: Safe::Unprocessed, ended } => {
                format!("{ended}, and none of it had been processed").into()
            }
            Self::Sent { safe: Safe::Idempotent, ended } => format!("{ended}, and its method is idempotent").into(),
            Self::Unsafe { method, ended } => format!("{ended}, and {method} might be done twice").into(),
            Self::Spent { ended } => format!("{ended}, and its content can only be read once").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Sent { .. } => None,
            Self::Unsafe { .. } => Some("an idempotent method would have been sent again".into()),
            Self::Spent { .. } => Some("content that is at hand would have been sent again".into()),
        }
    }

    fn declines(&self) -> bool {
        !matches!(self, Self::Sent { .. })
    }
}

/// Judges whether a request may be sent again after its connection ended without a word.
pub fn again(method: &http::Method, failure: &Failure, is_at_hand: bool) -> Again {
    let ended = failure.to_string();
    let safe = match failure.sent {
        Sent::Nothing => Safe::Unprocessed,
        Sent::Something if method::is_idempotent(method) => Safe::Idempotent,
        Sent::Something => return Again::Unsafe { method: method.clone(), ended },
    };
    if is_at_hand { Again::Sent { safe, ended } } else { Again::Spent { ended } }
}

/// A request that got no response.
#[derive(Debug)]
pub struct Unanswered {
    /// Why.
    pub error: Error,
    /// Its head as it was to be sent, where that is still there.
    pub head: Option<Box<request::Parts>>,
}

impl Unanswered {
    /// One of which nothing was sent.
    fn before(error: Error, request: Request) -> Self {
        Self { error, head: Some(Box::new(request.into_parts().0)) }
    }
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self { error, head: None }
    }
}

/// What is kept of a request for another attempt, besides the head that its connection gives back.
struct Kept {
    method: http::Method,
    uri: Uri,
    content: Option<Bytes>,
    exchange: Option<Arc<Exchange>>,
    /// All of it, where its connection gives nothing back.
    copy: Option<Request>,
}

impl Kept {
    fn of(request: &Request, is_shared: bool) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            content: request.body().as_bytes().cloned(),
            exchange: request.body().exchange().cloned(),
            copy: if is_shared { copy(request) } else { None },
        }
    }

    /// Whether it could be sent again after a failure.
    fn is_at_hand(&self, failure: &Failure) -> bool {
        self.copy.is_some() || self.content.is_some() && failure.head.is_some()
    }

    /// The request again, or what there is of its head.
    fn again(self, head: Option<Box<request::Parts>>) -> Result<Request, Option<Box<request::Parts>>> {
        match (self.copy, self.content, head) {
            (Some(copy), ..) => Ok(copy),
            (None, Some(content), Some(mut head)) => {
                head.uri = self.uri;
                Ok(Request::from_parts(*head, Body::from(content).within(self.exchange)))
            }
            (None, _, head) => Err(head),
        }
    }
}

impl Connections {
    /// Connections; everything that is wrong with the config is found here.
    pub fn new(config: Config) -> Result<Self, wirelight_net::tls::Fault> {
        let tls = Trust::new(TlsSettings {
            http1: config.versions != Versions::Http2PriorKnowledge,
            http2: !matches!(config.versions, Versions::Http1 | Versions::Http10),
            ..config.tls.clone()
        })?;
        let proxy_tls = Trust::new(TlsSettings { http1: true, http2: false, ..config.tls })?;
        let context = RequestContext { config: config.request, clock: config.clock.clone(), observer: config.observer };
        let mut limits = config.pool;
        if config.versions == Versions::Http2PriorKnowledge {
            limits.connections_max = 1;
        }
        Ok(Self(Arc::new(Inner {
            pool: Pool::new(limits, config.clock.clone(), config.versions == Versions::Negotiated),
            connector: Connector {
                config: config.connect,
                resolver: Resolver::new(config.resolve, config.clock),
                tls,
                proxy_tls,
                context: Arc::new(context),
                http1: Arc::new(config.http1),
                ids: AtomicU64::new(1),
            },
            proxies: config.proxies,
            unix_socket: config.unix_socket,
            versions: config.versions,
            http2: Arc::new(config.http2),
            last: Mutex::new(None),
        })))
    }

    /// How many connections there are, and how many of them are at rest.
    pub fn count(&self) -> (usize, usize) {
        self.0.pool.count()
    }

    /// The way that a request to `uri` would take.
    pub fn route(&self, uri: &Uri) -> Result<Route> {
        let origin = Route::origin(uri)?;
        let via = match (&self.0.unix_socket, self.0.proxies.choose(&origin)) {
            (Some(path), _) => Via::Unix(path.clone()),
            (None, Some(proxy)) => Via::Proxy(Arc::new(proxy.clone())),
            (None, None) => Via::Direct,
        };
        Ok(Route { origin, via, announced: None })
    }

    /// The same, found again without being made again.
    fn route_again(&self, uri: &Uri) -> Result<Arc<Key>> {
        let last = || self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, route)) = &*last()
            && known.scheme() == uri.scheme()
            && known.authority() == uri.authority()
        {
            return Ok(Arc::clone(route));
        }
        let route = self.0.pool.key(self.route(uri)?);
        *last() = Some((uri.clone(), Arc::clone(&route)));
        Ok(route)
    }

    /// The head of a request as a connection of HTTP/1 writes it, and the engine's config.
    pub(crate) fn for_repeating(&self, mut request: Request) -> Result<(request::Parts, Arc<h1::Config>)> {
        let route = self.route(request.uri())?;
        for_http1(&mut request, &route)?;
        Ok((request.into_parts().0, Arc::clone(&self.0.connector.http1)))
    }

    /// A connection that is in no pool; `None` if HTTP/2 was agreed on.
    pub(crate) async fn carrier(&self, uri: &Uri) -> Result<Option<crate::pool::Carrier>> {
        let route = self.route(uri)?;
        let made = self.0.connector.connect(&route, None, &Trail::unwatched()).await?;
        Ok((!made.http2).then_some(made.carrier))
    }

    fn clock(&self) -> &Clock {
        &self.0.connector.context.clock
    }

    /// Whether a request to here has its connection for itself, so that [`attempt`](Self::attempt) gives its head back.
    pub fn gives_back(&self, uri: &Uri) -> bool {
        match self.0.versions {
            Versions::Http1 | Versions::Http10 => true,
            Versions::Negotiated => uri.scheme() == Some(&http::uri::Scheme::HTTP),
            Versions::Http2PriorKnowledge => false,
        }
    }

    /// Sends a request as this [`Service`] does; where it fails, its head is given back as far as it is still there, so
    /// that whoever sends it elsewhere needs no copy.
    pub async fn attempt(&self, mut request: Request) -> Result<Response, Unanswered> {
        let extensions = request.extensions();
        let announced = if extensions.is_empty() { None } else { extensions.get::<Announced>().copied() };
        let route = match announced {
            None => self.route_again(request.uri())?,
            announced => self.0.pool.key(Route { announced, ..self.route(request.uri())? }),
        };
        let watch = if extensions.is_empty() { None } else { extensions.get::<Watch>().cloned() };
        let trail = Trail::of(&request);
        if let Some(watch) = &watch {
            watch.begin(self.clock().now(), request.method(), request.uri());
        }
        let old = self.0.versions == Versions::Http10;
        *request.version_mut() = if old { http::Version::HTTP_10 } else { http::Version::HTTP_11 };
        let mut fresh = false;
        loop {
            let grant = match self.grant(&route, fresh, &trail, watch.as_ref()).await {
                Ok(grant) => grant,
                Err(error) => return Err(Unanswered::before(error, request)),
            };
            let granted_at_rest = matches!(grant, Grant::Rested(_) | Grant::Shared(_));
            let kept = (granted_at_rest && !fresh).then(|| Kept::of(&request, matches!(grant, Grant::Shared(_))));
            let mut failure = match self.send(grant, request, &route, watch.as_ref(), &trail).await? {
                Ok(answer) => return Ok(self.answered(answer, watch, granted_at_rest)),
                Err(failure) => failure,
            };
            match kept {
                Some(kept) if failure.is_premature_close => {
                    let judged = again(&kept.method, &failure, kept.is_at_hand(&failure));
                    let sent = matches!(judged, Again::Sent { .. });
                    trail.note(judged);
                    let head = failure.head.take();
                    request = match kept.again(head) {
                        Ok(request) if sent => request,
                        Ok(request) => return Err(Unanswered::before(of_failure(failure), request)),
                        Err(head) => return Err(Unanswered { head, error: of_failure(failure) }),
                    };
                    fresh = true;
                }
                _ => return Err(Unanswered { head: failure.head.take(), error: of_failure(failure) }),
            }
        }
    }

    /// A connection, or the right to make one.
    async fn grant(&self, route: &Arc<Key>, fresh: bool, trail: &Trail, watch: Option<&Watch>) -> Result<Grant> {
        let granted = self.0.pool.acquire(route, fresh, |assignment| trail.note(assignment)).await;
        if let Some(watch) = watch {
            let now = self.clock().now();
            watch.note(|timings| timings.queued = Some(now.saturating_duration_since(timings.began)));
        }
        if let Ok(Granted { is_due: true, .. }) = &granted {
            self.resolve_again(route);
        }
        granted.map(|granted| granted.grant).map_err(|refused: Assignment| {
            let because = format!("no connection to {}: {}", route.origin, refused.because());
            fail(Phase::Queue, Kind::Overloaded, Fault::Ours, because)
        })
    }

    /// Asks for the name of a place again, besides the request that found the answer expired.
    fn resolve_again(&self, route: &Arc<Key>) {
        let (connections, route) = (self.clone(), Arc::clone(route));
        tokio::spawn(async move {
            let Some((host, port)) = route.dialled() else { return };
            let answer = connections.0.connector.resolver.resolve(host, port).await;
            connections.0.pool.addressed(&route, answer.ok().as_ref());
        });
    }

    /// Sends a request on what was granted.
    async fn send(
        &self,
        grant: Grant,
        request: Request,
        route: &Arc<Key>,
        watch: Option<&Watch>,
        trail: &Trail,
    ) -> Result<Result<Answer, Failure>, Unanswered> {
        match grant {
            Grant::Shared(handle) => Ok(handle.send(request).await),
            Grant::Rested(lease) => Self::send_on(lease, request, route).await,
            // Making a connection is rare and takes much room, which every request would have to carry along.
            Grant::Open(permit) => Box::pin(self.open(permit, request, route, watch, trail)).await,
        }
    }

    /// Makes a connection, and sends a request on it.
    async fn open(
        &self,
        permit: Permit,
        request: Request,
        route: &Arc<Key>,
        watch: Option<&Watch>,
        trail: &Trail,
    ) -> Result<Result<Answer, Failure>, Unanswered> {
        let made = match self.0.connector.connect(route, watch, trail).await {
            Ok(made) => made,
            Err(error) => return Err(Unanswered::before(error, request)),
        };
        if let Some(answer) = &made.answer {
            self.0.pool.addressed(route, Some(answer));
        }
        if made.http2 || self.0.versions == Versions::Http2PriorKnowledge {
            return Ok(self.share(permit, made).send(request).await);
        }
        let context = Arc::clone(&self.0.connector.context);
        let http1 = Arc::clone(&self.0.connector.http1);
        let engine = h1::Connection::new(Role::Client, http1, context.clock.now());
        let connection = Box::new(Requests::new(made.carrier, engine, context, made.info));
        Self::send_on(permit.made(connection), request, route).await
    }

    /// Gives a connection of HTTP/2 its task.
    fn share(&self, permit: Permit, made: Made) -> wirelight_net::request::Handle {
        let context = Arc::clone(&self.0.connector.context);
        let engine = h2::Connection::new(Role::Client, Arc::clone(&self.0.http2), context.clock.now());
        let (handle, task) = Requests::new(made.carrier, engine, context, made.info).share();
        permit.shared(&handle);
        let id = handle.info().id;
        tokio::spawn(async move {
            let _: Close = task.await;
            permit.unshare(id);
        });
        handle
    }

    async fn send_on(lease: Lease, mut request: Request, route: &Route) -> Result<Result<Answer, Failure>, Unanswered> {
        let Lease { connection, home } = lease;
        if let Err(error) = for_http1(&mut request, route) {
            wirelight_net::request::Home::take_back(home, connection);
            return Err(Unanswered::before(error, request));
        }
        let keeper = Arc::clone(&home);
        let answered = connection.send(request, home).await;
        if let Ok(answer) = &answered
            && let Some(seconds) = announced(answer.response.headers())
        {
            keeper.announce(seconds);
        }
        Ok(answered)
    }

    fn answered(&self, answer: Answer, watch: Option<Watch>, reused: bool) -> Response {
        let Answer { mut response, marks } = answer;
        if let Some(watch) = watch {
            watch.note(|timings| {
                let since = |moment: std::time::Instant| moment.saturating_duration_since(timings.began);
                timings.sent = marks.sent.map(since);
                timings.first_byte = marks.first_byte.map(since);
                timings.reused = reused;
            });
            response = response.map(|body| Timed::watch(body, &watch, self.clock()));
            response.extensions_mut().insert(watch);
        }
        response
    }
}

impl Service for Connections {
    async fn call(&self, request: Request) -> Result<Response> {
        self.attempt(request).await.map_err(|unanswered| unanswered.error)
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (all, resting) = self.count();
        f.debug_struct("Connections").field("connections", &all).field("resting", &resting).finish_non_exhaustive()
    }
}

/// The same request again, if its content is at hand.
fn copy(request: &Request) -> Option<Request> {
    let body: Bytes = request.body().as_bytes()?.clone();
    let mut copy = http::Request::new(Body::from(body).within(request.body().exchange().cloned()));
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    *copy.version_mut() = request.version();
    copy.headers_mut().clone_from(request.headers());
    copy.extensions_mut().clone_from(request.extensions());
    Some(copy)
}

/// How long the server keeps a connection at rest, in seconds (RFC 9112, section 9.3, of HTTP/1.0's Keep-Alive).
fn announced(headers: &HeaderMap) -> Option<u32> {
    let value = headers.get(fields::KEEP_ALIVE)?;
    grammar::split(value.as_bytes(), b',').find_map(|parameter| {
        let (name, seconds) = std::str::from_utf8(grammar::trim_ows(parameter)).ok()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("timeout").then(|| seconds.trim().parse().ok())?
    })
}

/// Makes a request what HTTP/1 writes: the target in its form, and Host (RFC 9112, section 3.2).
fn for_http1(request: &mut Request, route: &Route) -> Result<()> {
    let invalid = |because: &str| fail(Phase::Request, Kind::Malformed, Fault::Ours, because.to_owned());
    let Some(authority) = request.uri().authority() else { return Err(invalid("the URI names no host")) };
    if authority.as_str().contains('@') {
        return Err(invalid("user information in a URI is not sent: it belongs into Authorization"));
    }
    if !request.headers().contains_key(header::HOST) {
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| invalid("the host cannot be sent"))?;
        request.headers_mut().insert(header::HOST, host);
    }
    if request.method() == http::Method::CONNECT {
        let mut target = http::uri::Parts::default();
        target.authority = request.uri().authority().cloned();
        *request.uri_mut() = Uri::from_parts(target).map_err(|_| invalid("the host cannot be sent"))?;
        return Ok(());
    }
    if route.is_absolute() {
        if let Via::Proxy(proxy) = &route.via
            && let Some(authorization) = proxy.authorization()
            && !request.headers().contains_key(header::PROXY_AUTHORIZATION)
        {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        return Ok(());
    }
    let asked = std::mem::take(request.uri_mut());
    *request.uri_mut() = origin_form(asked);
    Ok(())
}

fn origin_form(asked: Uri) -> Uri {
    let path = asked.into_parts().path_and_query;
    let mut origin = http::uri::Parts::default();
    origin.path_and_query = path.or_else(|| Some(http::uri::PathAndQuery::from_static("/")));
    Uri::from_parts(origin).unwrap_or_default()
}
