//! What a config file comes to: everything resolved, every default filled in.
//!
//! Printed, a plan is a config again, with nothing left unsaid.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use wirelight_net::proxy_protocol::Version;
use wirelight_semantics::coding::Coding;
use wirelight_semantics::cors::Policy;
use wirelight_server::Pattern;
use wirelight_service::Place;

use super::value::{Host, Network};
use crate::access_log::{Format, Rotation};
use crate::auth::{basic, forward};
use crate::proxy::breaker;
use crate::proxy::destination::Destinations;
use crate::proxy::sticky::Sticky;

/// What a config file comes to.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where connections come in.
    pub listeners: Vec<Listen>,
    /// The sites, in their written order.
    pub sites: Vec<Site>,
    /// The groups of servers that requests are forwarded to.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Whose `Forwarded` and `X-Forwarded-*` are believed.
    pub trusted: Vec<Network>,
    /// Where exchanges are logged; nowhere without one.
    pub access_log: Option<AccessLog>,
    /// Where health and metrics are told; nowhere without one.
    pub admin: Option<Admin>,
    /// How exchanges are kept to be looked at; they are not without one.
    pub inspector: Option<Inspector>,
    /// How traces are carried on and begun; those that requests bring pass untouched without.
    pub tracing: Option<Tracing>,
}

/// A socket that connections come in on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Its address.
    pub address: SocketAddr,
    /// The certificates of all sites on it, in pairs of a chain and its key.
    pub certificates: Vec<(PathBuf, PathBuf)>,
    /// The hosts that the local authority vouches for.
    pub vouched: Vec<Host>,
    /// Who says ahead of each connection whose it is; everybody may connect without.
    pub introductions: Option<Introductions>,
}

impl Listen {
    /// Whether connections come in over TLS.
    pub fn is_secure(&self) -> bool {
        !self.certificates.is_empty() || !self.vouched.is_empty()
    }
}

/// Proxies that say ahead of each connection whose it is (the PROXY protocol).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introductions {
    /// Who is believed; nobody else may connect.
    pub from: Vec<Network>,
    /// How long the header may take to come.
    pub timeout: Duration,
}

/// Where exchanges are logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// The file; standard output without one.
    pub file: Option<PathBuf>,
    /// What a line looks like.
    pub format: Format,
    /// When the file makes room for a new one; never without.
    pub rotation: Option<Rotation>,
}

/// How traces are carried on and begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tracing {
    /// Where spans are sent; nowhere without one.
    pub collector: Option<Uri>,
    /// A field that says the trace's number to the next server and to the client, and may say it to us.
    pub field: Option<HeaderName>,
    /// How many of the traces that begin here are recorded, in percent.
    pub sample_percent: u32,
    /// What collectors call us.
    pub service: String,
}

/// Where health and metrics are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// An address of this machine alone.
    pub address: SocketAddr,
    /// What a request must bring as its bearer token; everybody on this machine may ask without one.
    pub token: Option<String>,
}

/// How exchanges are kept to be looked at. It holds from the start to the end of a process: a reload changes none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspector {
    /// Where they are shown; without one, on 127.0.0.1:4040 or the next port that is free.
    pub address: Option<SocketAddr>,
    /// How many are kept.
    pub exchanges_max: u64,
    /// How many bytes all that is kept may take.
    pub memory_max_bytes: u64,
    /// Fields whose values are never kept, beside those that carry credentials.
    pub hidden_fields: Vec<HeaderName>,
}

/// What is answered for some hosts on some listeners.
#[derive(Debug, Clone)]
pub struct Site {
    /// The hosts, the first of which is also its name.
    pub hosts: Vec<Host>,
    /// Which of the plan's listeners it is on.
    pub listeners: Vec<usize>,
    /// What stands around all of its routes, from the outside in.
    pub around: Vec<Written<Around>>,
    /// The routes, in their written order: the first that matches is taken.
    pub routes: Vec<Route>,
    /// Where the config says so.
    pub place: Option<Arc<Place>>,
}

/// What is done with requests that meet some conditions.
#[derive(Debug, Clone)]
pub struct Route {
    /// What metrics and decisions call it.
    pub name: Arc<str>,
    /// What a request has to be, in the order in which it is looked at.
    pub conditions: Vec<Condition>,
    /// What stands around the handler, from the outside in.
    pub around: Vec<Written<Around>>,
    /// What answers.
    pub handler: Handler,
    /// Where the config says so.
    pub place: Option<Arc<Place>>,
    /// Where the config says what answers.
    pub handler_place: Option<Arc<Place>>,
}

/// What a word of the config comes to, and where it stands.
#[derive(Debug, Clone)]
pub struct Written<T> {
    /// What it comes to.
    pub what: T,
    /// Where it stands; nowhere in a plan that no file was read for.
    pub place: Option<Arc<Place>>,
}

impl<T> Deref for Written<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.what
    }
}

/// Where the words of a block stand. It is part of no comparison: what has only moved is the same.
#[derive(Debug, Clone, Default)]
pub struct Places(pub Vec<Arc<Place>>);

impl Places {
    /// Where a word stands; where its block does, if the word was left out.
    pub fn find(&self, word: &str) -> Option<&Arc<Place>> {
        self.0.iter().find(|place| place.word == word).or(self.0.first())
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// What a request has to be for a route to take it.
#[derive(Debug, Clone)]
pub enum Condition {
    /// Its path matches one of these.
    Path(Vec<Pattern>),
    /// Its method is one of these.
    Method(Vec<Method>),
    /// A field passes a test.
    Field(HeaderName, Test),
    /// A parameter of the query passes a test.
    Query(String, Test),
    /// The client's address lies in one of these networks.
    Client(Vec<Network>),
}

/// A test of a value that may not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is this.
    Is(String),
    /// It begins with this.
    Begins(String),
    /// It contains this.
    Contains(String),
}

/// What stands around a handler.
#[derive(Debug, Clone)]
pub enum Around {
    /// The path is another one for what is inside.
    Rewrite(Template),
    /// The request's fields are changed.
    RequestFields(Vec<Edit>),
    /// The response's fields are changed.
    ResponseFields(Vec<Edit>),
    /// Who else's scripts may read the answers.
    Cors(Policy),
    /// Content codings.
    Compress {
        /// Which, the favourite first.
        codings: Vec<Coding>,
        /// Shorter content stays as it is, in bytes.
        length_min_bytes: u64,
    },
    /// Fields that tell browsers to be careful.
    SecurityHeaders(SecurityHeaders),
    /// How long an answer may take.
    Timeout {
        /// From the request to the head of the response.
        answer: Duration,
        /// Between two pieces of content.
        stall: Duration,
    },
    /// The most content that a request may have, in bytes.
    LimitBody(u64),
    /// The most exchanges at a time.
    LimitConcurrency {
        /// How many.
        exchanges: usize,
        /// How many more may wait.
        queue: usize,
        /// How long they may wait.
        wait: Duration,
    },
    /// Only users with a password pass.
    BasicAuth(basic::Plan),
    /// Only what another server lets pass does.
    ForwardAuth(forward::Plan),
    /// TRACE is answered here.
    Trace,
    /// Responses tell what the time was spent on.
    ServerTiming {
        /// Whether they tell the decisive reason, too.
        reasons: bool,
    },
    /// What passes here is logged there and nowhere else; nowhere at all without one.
    AccessLog(Option<Arc<AccessLog>>),
    /// What is shown in place of an error's own page.
    ErrorPage {
        /// For which statuses, first and last.
        statuses: Vec<(u16, u16)>,
        /// The page.
        page: Arc<Page>,
    },
}

/// A page that stands in for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it was read.
    pub path: PathBuf,
    /// What it is.
    pub content: bytes::Bytes,
    /// Its media type.
    pub media_type: HeaderValue,
}

/// Fields that tell browsers to be careful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// `X-Frame-Options`.
    pub frame: HeaderValue,
    /// `Referrer-Policy`.
    pub referrer: HeaderValue,
    /// `Strict-Transport-Security`.
    pub transport: HeaderValue,
    /// `Content-Security-Policy`; only a site's author can write one.
    pub content: Option<HeaderValue>,
    /// `Permissions-Policy`; likewise.
    pub permissions: Option<HeaderValue>,
}

/// A change of a message's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The field has this value and no other.
    Set(HeaderName, HeaderValue),
    /// The field has this value, too.
    Add(HeaderName, HeaderValue),
    /// The field is not there.
    Remove(HeaderName),
}

/// What answers.
#[derive(Debug, Clone)]
pub enum Handler {
    /// The files of a folder.
    Files(Files),
    /// Always the same.
    Respond {
        /// The status.
        status: StatusCode,
        /// The content.
        content: String,
        /// What the content is.
        media_type: HeaderValue,
    },
    /// Somewhere else.
    Redirect {
        /// The status: 301, 302, 303, 307 or 308.
        status: StatusCode,
        /// Where.
        to: Template,
    },
    /// Another server.
    Proxy(Proxy),
    /// Whatever server a client names, as a forward proxy.
    Connect(Connect),
}

/// Whatever server a client names, as far as that is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Where clients may be led to.
    pub allowed: Destinations,
    /// How long a connection may take to be made, its name being looked up included.
    pub connect_timeout: Duration,
    /// How long nothing may move before a tunnel, or a response, is given up.
    pub idle_timeout: Duration,
}

/// The files of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The folder.
    pub root: PathBuf,
    /// The file that stands for its folder.
    pub index: String,
    /// Whether a folder without an index is listed.
    pub listing: bool,
    /// Whether names that begin with a dot are served.
    pub hidden: bool,
    /// Whether navigations to nothing are answered with the root's index.
    pub fallback: bool,
    /// The page for what is not there, below the root; a plain one without it.
    pub not_found: Option<PathBuf>,
    /// `Cache-Control`.
    pub cache_control: HeaderValue,
}

/// Another server.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Which group of servers.
    pub upstream: Arc<Upstream>,
    /// Which host the request is for.
    pub host: ProxyHost,
}

/// Which host a forwarded request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHost {
    /// The one that the client asked for.
    Client,
    /// That of the server's URL.
    Upstream,
}

/// A group of servers that answer the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// What the config, metrics and decisions call it.
    pub name: String,
    /// Its servers.
    pub servers: Vec<UpstreamServer>,
    /// The servers of DNS that are asked for their addresses; without one, those of the system.
    pub resolvers: Vec<SocketAddr>,
    /// Which of them a request goes to.
    pub balance: Balance,
    /// Which version of HTTP they speak.
    pub protocol: Protocol,
    /// The most connections to one server, for each worker.
    pub connections_max: usize,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the head of a response may take.
    pub answer_timeout: Duration,
    /// How long a response's content may pause.
    pub stall_timeout: Duration,
    /// How long a connection that has gone over to another protocol, such as WebSocket, may be silent.
    pub tunnel_timeout: Duration,
    /// How long a connection rests before it is closed; less if the server says so.
    pub idle_timeout: Duration,
    /// How long nothing may come on a connection of HTTP/2 while requests wait on it before its server is asked
    /// whether it is there (PING; RFC 9113, section 6.7); it never is with zero.
    pub silence_timeout: Duration,
    /// How long the answer to that may take until the connection is given up.
    pub ping_timeout: Duration,
    /// When a request is tried again.
    pub retry: Retry,
    /// When a server is left alone for a while.
    pub eject: Eject,
    /// How servers are asked whether they are well; they are not asked without.
    pub health: Option<Health>,
    /// How clients stay with the server that answered them first; they do not without.
    pub sticky: Option<Sticky>,
    /// How long a server that has become well takes to get its whole share; none without.
    pub slow_start: Option<Duration>,
    /// When all of them are left alone for a while; never without.
    pub breaker: Option<breaker::Plan>,
    /// In which version of the PROXY protocol they are told whose a connection is; they are not without.
    pub announced: Option<Version>,
    /// Where the config says so.
    pub places: Places,
}

/// One server of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamServer {
    /// Its URL; a Unix socket's host is `localhost`.
    pub uri: Uri,
    /// The Unix socket it listens on, if it is not reached by its host.
    pub socket: Option<PathBuf>,
    /// How much of the load it takes beside the others.
    pub weight: u32,
}

/// Which version of HTTP the servers of a group speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// What TLS negotiates; HTTP/1.1 in cleartext.
    Negotiated,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, also in cleartext.
    Http2,
}

/// Which server a request goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Balance {
    /// Each in turn, by weight.
    RoundRobin,
    /// The one with the fewest requests under way, by weight.
    LeastRequests,
    /// The faster of two that are picked at random.
    Fastest,
    /// Always the same for the same key.
    Hash(HashKey),
}

/// What a request is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    /// The client's address.
    Client,
    /// The value of a field.
    Field(HeaderName),
    /// The value of a cookie.
    Cookie(String),
}

/// When a request is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// The most attempts in all.
    pub attempts_max: u32,
    /// The most retries, in percent of the requests of the last while.
    pub budget_percent: u32,
}

/// When a server is left alone for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eject {
    /// After how many failures in a row.
    pub failures: u32,
    /// For how long.
    pub pause: Duration,
}

/// How servers are asked whether they are well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// What is asked for.
    pub path: String,
    /// How often.
    pub every: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// After how many good answers in a row a server is well.
    pub healthy: u32,
    /// After how many bad ones it is not.
    pub unhealthy: u32,
}

/// Text with places that a request fills in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// As it was written.
    pub text: String,
    /// Its pieces.
    pub pieces: Vec<Piece>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Stays as it is.
    Text(String),
    /// A parameter of the route's pattern, as it was written in the request.
    Parameter(String),
    /// The path as it was written.
    Path,
    /// The query with its question mark; nothing where there is none.
    Query,
    /// The host that was asked for, without its port.
    Host,
}

impl Plan {
    /// The logs of some of its routes or sites, in their written order.
    pub fn route_logs(&self) -> impl Iterator<Item = &Arc<AccessLog>> {
        arounds(&self.sites).filter_map(|around| match around {
            Around::AccessLog(log) => log.as_ref(),
            _ => None,
        })
    }

    /// Whether anything is logged elsewhere than the rest, or nowhere.
    pub fn divides_logs(&self) -> bool {
        arounds(&self.sites).any(|around| matches!(around, Around::AccessLog(_)))
    }

    /// Whether any log is written to standard output.
    pub fn prints_lines(&self) -> bool {
        let mut all = self.access_log.iter().chain(self.route_logs().map(|log| &**log));
        all.any(|log| log.file.is_none())
    }

    /// Whether some servers are told whose connections are, and to which address of ours they were made.
    pub fn announces(&self) -> bool {
        self.upstreams.iter().any(|upstream| upstream.announced.is_some())
    }

    /// Whether a group of servers is there to be asked whether requests pass.
    pub fn is_asked(&self, upstream: &Arc<Upstream>) -> bool {
        let asks =
            |around: &Around| matches!(around, Around::ForwardAuth(plan) if Arc::ptr_eq(&plan.upstream, upstream));
        arounds(&self.sites).any(asks)
    }

    /// A plan that forwards everything that comes in on one address to a group of servers.
    pub fn proxy(address: SocketAddr, servers: Vec<UpstreamServer>) -> Self {
        let name = servers.iter().map(|server| server.uri.to_string()).collect::<Vec<_>>().join(" ");
        let upstream = Arc::new(Upstream::of(&name, servers));
        let proxy = Proxy { upstream: Arc::clone(&upstream), host: ProxyHost::Client };
        let route = Route {
            name: "*".into(),
            conditions: Vec::new(),
            around: Vec::new(),
            handler: Handler::Proxy(proxy),
            place: None,
            handler_place: None,
        };
        let site = Site {
            hosts: vec![Host::Default],
            listeners: vec![0],
            around: Vec::new(),
            routes: vec![route],
            place: None,
        };
        Self {
            listeners: vec![Listen { address, certificates: Vec::new(), vouched: Vec::new(), introductions: None }],
            sites: vec![site],
            upstreams: vec![upstream],
            ..Self::default()
        }
    }
}

/// Everything that stands around sites and their routes.
pub(crate) fn arounds(sites: &[Site]) -> impl Iterator<Item = &Around> {
    let of_routes = sites.iter().flat_map(|site| &site.routes).flat_map(|route| &route.around);
    sites.iter().flat_map(|site| &site.around).chain(of_routes).map(|written| &written.what)
}

impl Site {
    /// What decisions call it: its first host.
    pub fn name(&self) -> String {
        self.hosts.first().map_or_else(|| "default".to_owned(), Host::to_string)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Present => f.write_str("present=#true"),
            Self::Absent => f.write_str("present=#false"),
            Self::Is(value) => write!(f, "{value:?}"),
            Self::Begins(value) => write!(f, "begins={value:?}"),
            Self::Contains(value) => write!(f, "contains={value:?}"),
        }
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("by=client"),
            Self::Field(name) => write!(f, "field={:?}", name.as_str()),
            Self::Cookie(name) => write!(f, "cookie={name:?}"),
        }
    }
}
