//! A forward proxy: CONNECT, and requests whose target is a whole URI, to destinations that are allowed.
//!
//! A name is looked up here, once, and what was found is judged and then used: nobody can have it stand for something
//! else between the judgement and the connection.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, request};
use tokio::net::TcpStream;
use wirelight_client::Resolver;
use wirelight_net::request::{Home, RequestConfig, RequestContext, Requests};
use wirelight_net::{Close, ConnectionInfo, Transport, Upgrade};
use wirelight_proto::{Role, h1};
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::fields;
use wirelight_semantics::problem::Problem;
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::{Body, Clock, Exchange, Fault, Peer, Request, Response, Result, Service, Trail};

use super::carry::{Carried, Whose};
use super::destination::{Destinations, Judged, Named, Target};
use super::forward;
use super::status::Unforwarded;
use super::tunnel::{self, Patience};
use crate::streams::Tunnels;

/// What carries a connection.
type Carrier = Box<dyn Transport>;

/// A [`Service`] that leads clients to the destinations that they name.
#[derive(Debug, Clone)]
pub struct Leading {
    /// Where they may be led to.
    pub allowed: Destinations,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long nothing may move.
    pub idle_timeout: Duration,
    /// Looks names up.
    pub resolver: Resolver,
    /// Tells the time.
    pub clock: Clock,
}

/// Where a request would be led to, if its name were looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Would(pub Target);

impl Service for Leading {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = Asked::of(&request);
        let (parts, body) = Exchange::into_parts(request);
        let trail = Trail::of(&parts);
        let target = match admit(&self.allowed, &parts) {
            Ok(target) => target,
            Err(refused) => return Ok(refuse(refused, &trail, &asked)),
        };
        let (stream, address) = match self.connect(&target, &trail).await {
            Ok(connected) => connected,
            Err(NotConnected::Refused(refused)) => return Ok(refuse(refused, &trail, &asked)),
            Err(NotConnected::Failed(failed)) => return Ok(unconnected(failed, &trail, &asked)),
        };
        if parts.method == Method::CONNECT {
            return Ok(self.tunnel(&parts, stream));
        }
        self.exchange(parts, body, (stream, address), &asked).await
    }
}

/// Judges what a request asks for, before its name is looked up.
pub fn admit(allowed: &Destinations, parts: &request::Parts) -> std::result::Result<Target, Judged> {
    let malformed = |because| {
        let authority = forward::authority_of(parts).to_owned();
        Err(Judged::Malformed { authority, because })
    };
    let Some(authority) = parts.uri.authority() else {
        return malformed("the request asks this server itself, and not for a server by its whole URI");
    };
    match (&parts.method, parts.uri.scheme_str()) {
        (&Method::CONNECT, None) => allowed.admit(authority.as_str(), None),
        (&Method::CONNECT, Some(_)) => malformed("a tunnel leads to a host and a port, and speaks no protocol of ours"),
        (_, Some("http")) => allowed.admit(authority.as_str(), Some(80)),
        _ => malformed("only http is spoken here; CONNECT opens a tunnel for everything else"),
    }
}

/// Why there is no connection.
enum NotConnected {
    Refused(Judged),
    Failed(Unforwarded),
}

impl Leading {
    /// A connection to the first address of a target that is allowed and answers.
    async fn connect(
        &self,
        target: &Target,
        trail: &Trail,
    ) -> std::result::Result<(TcpStream, SocketAddr), NotConnected> {
        let late = || {
            let because = format!("no connection was made in {:?}", self.connect_timeout);
            NotConnected::Failed(failed(target, StatusCode::GATEWAY_TIMEOUT, "connection_timeout", because))
        };
        tokio::select! {
            connected = self.dial(target, trail) => connected,
            () = self.clock.sleep(self.connect_timeout) => Err(late()),
        }
    }

    async fn dial(&self, target: &Target, trail: &Trail) -> std::result::Result<(TcpStream, SocketAddr), NotConnected> {
        let found = match &target.host {
            Named::Address(address) => vec![SocketAddr::new(*address, target.port)],
            Named::Name(name) => match self.resolver.resolve(name, target.port).await {
                Ok(answer) => {
                    let found = answer.addresses.clone();
                    trail.note(answer);
                    found
                }
                Err(error) => {
                    let because = error.because().to_owned();
                    let failed = failed(target, StatusCode::BAD_GATEWAY, "dns_error", because);
                    return Err(NotConnected::Failed(failed));
                }
            },
        };
        let addresses = self.allowed.addresses(target, &found).map_err(NotConnected::Refused)?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (address, by) in addresses {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    // A socket that cannot be told is gone, and its first read says so.
                    let _ = stream.set_nodelay(true);
                    trail.note(Judged::Allowed { authority: target.to_string(), address, by });
                    return Ok((stream, address));
                }
                Err(error) => last = error,
            }
        }
        let failed = failed(target, StatusCode::BAD_GATEWAY, "connection_refused", last.to_string());
        Err(NotConnected::Failed(failed))
    }

    /// Opens a tunnel (RFC 9110, section 9.3.6).
    fn tunnel(&self, parts: &request::Parts, stream: TcpStream) -> Response {
        if let Some(client) = Upgrade::of(&parts.extensions) {
            let stay = parts.extensions.get::<Tunnels>().map(Tunnels::enter);
            let patience = Patience { limit: self.idle_timeout, setting: "idle", clock: self.clock.clone() };
            let whose = tunnel::Whose { trail: Trail::of(parts), stay };
            tokio::spawn(tunnel::lead(client, stream, patience, whose));
        }
        Response::default()
    }

    /// Sends a request on a connection of its own (RFC 9112, section 3.2.2).
    async fn exchange(
        &self,
        mut parts: request::Parts,
        body: Body,
        (stream, address): (TcpStream, SocketAddr),
        asked: &Asked,
    ) -> Result<Response> {
        let version = fields::received_protocol(parts.version);
        let authority = parts.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        forward::without_us(&mut parts.headers, version);
        if let Ok(host) = HeaderValue::from_str(&authority) {
            parts.headers.insert(header::HOST, host);
        }
        let mut target = http::uri::Parts::default();
        target.path_and_query = Some(match parts.uri.path_and_query() {
            Some(path) if path.as_str().starts_with('/') => path.clone(),
            Some(path) => format!("/{}", path.as_str()).parse().unwrap_or(PathAndQuery::from_static("/")),
            None => PathAndQuery::from_static("/"),
        });
        parts.uri = Uri::from_parts(target).unwrap_or_default();
        let config = h1::Config { header_timeout: self.idle_timeout, ..h1::Config::default() };
        let engine = h1::Connection::new(Role::Client, Arc::new(config), self.clock.now());
        let context = RequestContext { config: RequestConfig::default(), clock: self.clock.clone(), observer: None };
        let info = ConnectionInfo { id: 1, peer: Some(Peer::Internet(address)), secured: None, local: None };
        let carrier: Carrier = Box::new(stream);
        let requests = Box::new(Requests::new(carrier, engine, Arc::new(context), info));
        let trail = Trail::of(&parts);
        parts.extensions = http::Extensions::new();
        let response = match requests.send(Request::from_parts(parts, body), Arc::new(Nowhere)).await {
            Ok(answer) => answer.response,
            Err(failure) if failure.error.fault() == Fault::Downstream => return Err(failure.error),
            Err(failure) => {
                let failed = Unforwarded::of(&failure.error, &authority, &address.to_string(), 1);
                return Ok(unconnected(failed, &trail, asked));
            }
        };
        let (mut parts, body) = response.into_parts();
        forward::response(&mut parts.headers, version);
        parts.extensions = http::Extensions::new();
        let whose = Whose { upstream: authority, server: address.to_string(), attempt: 1 };
        let body = Carried::body(body, None, self.idle_timeout, &self.clock, trail, whose);
        Ok(Response::from_parts(parts, body))
    }
}

/// Where a connection goes that is for one request.
struct Nowhere;

impl Home<Carrier, h1::Connection> for Nowhere {
    fn take_back(self: Arc<Self>, connection: Box<Requests<Carrier, h1::Connection>>) {
        drop(connection);
    }

    fn closed(&self, _: &Arc<ConnectionInfo>, _: &Close) {}
}

fn failed(target: &Target, status: StatusCode, error: &'static str, because: String) -> Unforwarded {
    Unforwarded { upstream: target.to_string(), server: None, attempt: 1, status, error, timer: None, because }
}

/// Says that somebody is not led where they want to go.
pub fn refuse(refused: Judged, trail: &Trail, asked: &Asked) -> Response {
    let status = match refused {
        Judged::Malformed { .. } => StatusCode::BAD_REQUEST,
        _ => StatusCode::FORBIDDEN,
    };
    // What is allowed, and what a name stands for inside, is not for everybody: it stands in the trail.
    let mut response = tell(&Problem::new(status), asked);
    let field = HeaderValue::from_static("wirelight; error=destination_ip_prohibited");
    if matches!(refused, Judged::Private { .. }) {
        response.headers_mut().insert(fields::PROXY_STATUS, field);
    }
    trail.note(refused);
    response
}

fn unconnected(failed: Unforwarded, trail: &Trail, asked: &Asked) -> Response {
    let mut response = tell(&Problem::new(failed.status), asked);
    response.headers_mut().insert(fields::PROXY_STATUS, failed.field());
    trail.note(failed);
    response
}

static WOULD: Rule = Rule {
    name: "proxy-destination",
    section: "RFC 9110, section 9.3.6",
    says: "A proxy restricts CONNECT to destinations that are known, so that nobody reaches through it what only it can reach.",
};

impl Decision for Would {
    fn rule(&self) -> &'static Rule {
        &WOULD
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("led to {} if it stands for an address that is allowed", self.0).into()
    }

    fn because(&self) -> Cow<'static, str> {
        "the destination is allowed, and no name is looked up here".into()
    }

    fn setting(&self) -> Option<&'static str> {
        Some("allow")
    }
}
