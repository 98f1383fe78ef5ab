//! From a route to a connection: names, addresses, proxies and TLS, in order.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{Method, Request, Uri, header};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use wirelight_net::proxy_protocol;
use wirelight_net::request::{Home, RequestContext, Requests};
use wirelight_net::tls::ALPN_H2;
use wirelight_net::tls::client::{Connector as Tls, Settings, distrust};
use wirelight_net::{Close, ConnectionInfo, Tcp, Upgrade};
use wirelight_proto::{Role, h1};
use wirelight_service::{Body, Clock, Error, Fault, Kind, Peer, Trail};

use crate::error::{Phase, fail, fail_with, of_failure};
use crate::pool::Carrier;
use crate::proxy::{Protocol, Proxy, socks5};
use crate::resolve::{Answer, Resolver};
use crate::route::{Announced, Route, Via};
use crate::timings::{Attempt, Watch};

/// How connections are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectConfig {
    /// How long it may take from the name to the end of the TLS handshake.
    pub connect_timeout: Duration,
    /// How long an attempt is waited for before the next address is tried besides it (RFC 8305, section 5).
    pub attempt_delay: Duration,
    /// The most addresses of a name that are tried.
    pub attempts_max: usize,
}

impl Default for ConnectConfig {
    fn default() -> Self {
        Self { connect_timeout: Duration::from_secs(20), attempt_delay: Duration::from_millis(250), attempts_max: 16 }
    }
}

/// Makes connections.
pub(crate) struct Connector {
    pub(crate) config: ConnectConfig,
    pub(crate) resolver: Resolver,
    pub(crate) tls: Trust,
    pub(crate) proxy_tls: Trust,
    pub(crate) context: Arc<RequestContext>,
    pub(crate) http1: Arc<h1::Config>,
    pub(crate) ids: AtomicU64,
}

/// Whom to trust: found out when it is first needed, since reading the platform's authorities takes a while.
pub(crate) struct Trust {
    settings: Settings,
    found: OnceLock<Result<Tls, String>>,
}

impl Trust {
    /// What names files of its own is read at once, so that what is wrong with them is found.
    pub(crate) fn new(settings: Settings) -> Result<Self, wirelight_net::tls::Fault> {
        let found = OnceLock::new();
        if !settings.authorities.is_empty() || settings.identity.is_some() || settings.key_log.is_some() {
            // A new cell is empty.
            let _ = found.set(Ok(Tls::new(&settings)?));
        }
        Ok(Self { settings, found })
    }

    fn find(&self) -> Result<&Tls, Error> {
        let found = self.found.get_or_init(|| Tls::new(&self.settings).map_err(|fault| fault.to_string()));
        found.as_ref().map_err(|because| fail(Phase::Secure, Kind::Other, Fault::Ours, because.clone()))
    }
}

/// A connection that was made.
pub(crate) struct Made {
    pub(crate) carrier: Carrier,
    pub(crate) info: ConnectionInfo,
    /// Whether HTTP/2 was agreed on.
    pub(crate) http2: bool,
    /// What its host stands for, and for how long.
    pub(crate) answer: Option<Answer>,
}

impl Connector {
    /// Makes a connection, in time.
    pub(crate) async fn connect(&self, route: &Route, watch: Option<&Watch>, trail: &Trail) -> Result<Made, Error> {
        let limit = self.config.connect_timeout;
        let clock = &self.context.clock;
        let phase = Mutex::new(Phase::Resolve);
        let deadline = clock.now() + limit;
        let mut timer = clock.timer();
        let mut making = Box::pin(self.make(route, watch, trail, &phase));
        poll_fn(|cx| {
            if let Poll::Ready(made) = making.as_mut().poll(cx) {
                return Poll::Ready(made);
            }
            timer.poll_until(deadline, cx).map(|()| {
                let phase = *phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let doing = match phase {
                    Phase::Resolve => "its name was still being looked up",
                    Phase::Proxy => "the proxy had not shown the way",
                    Phase::Secure => "the TLS handshake was not over",
                    _ => "no address had taken the connection",
                };
                let because = format!("no connection to {} in {limit:?}: {doing}", route.origin);
                Err(fail(phase, Kind::Timeout, Fault::Upstream, because))
            })
        })
        .await
    }

    async fn make(
        &self,
        route: &Route,
        watch: Option<&Watch>,
        trail: &Trail,
        phase: &Mutex<Phase>,
    ) -> Result<Made, Error> {
        let mut answer = None;
        let step = |now: Phase| *phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        let clock = &self.context.clock;
        let (mut carrier, peer): (Carrier, Peer) = match &route.via {
            Via::Unix(path) => {
                step(Phase::Connect);
                let mut stream = UnixStream::connect(path).await.map_err(|error| {
                    let because = format!("the socket {} takes no connection: {error}", path.display());
                    fail_with(Phase::Connect, Kind::Unreachable, Fault::Upstream, because, error)
                })?;
                mark(watch, clock, |timings, at| timings.connected = Some(at));
                announce(&mut stream, route.announced).await?;
                (Box::new(stream), Peer::Local(path.to_str().map(Arc::from)))
            }
            Via::Direct => {
                let mut stream = self.dial(route.origin.host(), route.port(), watch, step, &mut answer).await?;
                let peer = stream.peer_addr().map_err(io_failed)?;
                announce(&mut stream, route.announced).await?;
                (Box::new(stream), Peer::Internet(peer))
            }
            Via::Proxy(proxy) => {
                let mut stream = self.dial(&proxy.host, proxy.port, watch, step, &mut answer).await?;
                let peer = Peer::Internet(stream.peer_addr().map_err(io_failed)?);
                step(Phase::Proxy);
                let carrier: Carrier = match proxy.protocol {
                    Protocol::Socks5 | Protocol::Socks5Names => {
                        let host = self.socks_host(proxy, route).await?;
                        socks5(&mut stream, proxy, &host, route.port()).await?;
                        Box::new(stream)
                    }
                    Protocol::Http => Box::new(stream),
                    Protocol::Https => {
                        let secured = secure(self.proxy_tls.find()?, Box::new(stream), &proxy.host, watch).await?;
                        Box::new(secured.0)
                    }
                };
                let carrier = match proxy.is_http() && route.is_secure() {
                    true => self.tunnel(carrier, proxy, route).await?,
                    false => carrier,
                };
                mark(watch, clock, |timings, at| timings.proxied = Some(at));
                (carrier, peer)
            }
        };
        let mut info = ConnectionInfo {
            id: self.ids.fetch_add(1, Ordering::Relaxed),
            peer: Some(peer),
            secured: None,
            local: None,
        };
        let mut http2 = false;
        if route.is_secure() {
            step(Phase::Secure);
            let (secured, agreed) = secure(self.tls.find()?, carrier, route.origin.host(), watch).await?;
            if let Some(watch) = watch {
                let presented = secured.presented();
                watch.note(|timings| {
                    timings.presented = presented;
                    timings.tls = Some(agreed.clone());
                });
            }
            mark(watch, clock, |timings, at| timings.secured = Some(at));
            http2 = agreed.alpn.as_deref() == Some(ALPN_H2);
            info.secured = Some(Box::new(agreed));
            carrier = Box::new(secured);
        }
        if let Some(answer) = &answer {
            trail.note(answer.clone());
        }
        Ok(Made { carrier, info, http2, answer })
    }

    /// The host as a SOCKS proxy is told it: an address that we looked up, unless it looks names up.
    async fn socks_host(&self, proxy: &Proxy, route: &Route) -> Result<String, Error> {
        let host = route.origin.host();
        if proxy.protocol == Protocol::Socks5Names {
            return Ok(host.to_owned());
        }
        let addresses = self.resolver.resolve(host, route.port()).await?.addresses;
        Ok(addresses.first().map_or_else(|| host.to_owned(), |address| address.ip().to_string()))
    }

    /// Looks a name up, and connects to the address that answers first.
    async fn dial(
        &self,
        host: &str,
        port: u16,
        watch: Option<&Watch>,
        step: impl Fn(Phase),
        answer: &mut Option<Answer>,
    ) -> Result<TcpStream, Error> {
        let clock = &self.context.clock;
        step(Phase::Resolve);
        let resolved = answer.insert(self.resolver.resolve(host, port).await?);
        let mut addresses = resolved.addresses.clone();
        addresses.truncate(self.config.attempts_max.max(1));
        mark(watch, clock, |timings, at| {
            timings.resolved = Some(at);
            timings.addresses = addresses.clone();
        });
        step(Phase::Connect);
        let began = clock.now();
        let dialled = race(addresses, self.config.attempt_delay, clock).await;
        if let Some(watch) = watch {
            watch.note(|timings| {
                let offset = began.saturating_duration_since(timings.began);
                timings.attempts = dialled
                    .attempts
                    .iter()
                    .map(|attempt| Attempt { began: attempt.began + offset, ..attempt.clone() })
                    .collect();
            });
        }
        let Some(stream) = dialled.stream else {
            return Err(unreachable(host, port, &dialled.attempts));
        };
        stream.set_nodelay(true).map_err(io_failed)?;
        mark(watch, clock, |timings, at| {
            timings.connected = Some(at);
            timings.ends = stream.peer_addr().ok().zip(stream.local_addr().ok());
            timings.tcp = Tcp::of(&stream).ok();
        });
        Ok(stream)
    }

    /// Has an HTTP proxy open a tunnel (RFC 9110, section 9.3.6).
    async fn tunnel(&self, carrier: Carrier, proxy: &Proxy, route: &Route) -> Result<Carrier, Error> {
        let engine = h1::Connection::new(Role::Client, Arc::clone(&self.http1), self.context.clock.now());
        let info =
            ConnectionInfo { id: self.ids.fetch_add(1, Ordering::Relaxed), peer: None, secured: None, local: None };
        let requests = Box::new(Requests::new(carrier, engine, Arc::clone(&self.context), info));
        let authority = route.authority();
        let uri: Uri = authority.parse().map_err(|_| {
            fail(Phase::Proxy, Kind::Malformed, Fault::Ours, format!("no tunnel leads to `{authority}`"))
        })?;
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::CONNECT;
        *request.uri_mut() = uri;
        if let Some(authorization) = proxy.authorization() {
            request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization);
        }
        let broken = |because: String| fail(Phase::Proxy, Kind::Unreachable, Fault::Upstream, because);
        let answer = requests.send(request, Arc::new(Nowhere)).await.map_err(|failure| {
            let because = format!("the proxy {proxy} did not answer CONNECT {authority}: {failure}");
            let error = of_failure(failure);
            fail_with(Phase::Proxy, error.kind(), Fault::Upstream, because, error)
        })?;
        let status = answer.response.status();
        let Some(upgrade) = Upgrade::of(answer.response.extensions()) else {
            let hint = if status == 407 { ": it wants other credentials" } else { "" };
            return Err(broken(format!("the proxy {proxy} refused CONNECT {authority} with {status}{hint}")));
        };
        let upgraded = upgrade.switched().await;
        let tunnel = upgraded.map_err(|error| broken(format!("the proxy {proxy} opened no tunnel: {error}")))?;
        Ok(Box::new(tunnel))
    }
}

/// A connection to a proxy is a tunnel or nothing.
struct Nowhere;

impl Home<Carrier, h1::Connection> for Nowhere {
    fn take_back(self: Arc<Self>, connection: Box<Requests<Carrier, h1::Connection>>) {
        drop(connection);
    }

    fn closed(&self, _: &Arc<ConnectionInfo>, _: &Close) {}
}

/// Says ahead of a connection whose it is.
async fn announce(stream: &mut (impl AsyncWrite + Unpin), announced: Option<Announced>) -> Result<(), Error> {
    match announced {
        Some(Announced { version, ends }) => {
            stream.write_all(&proxy_protocol::write(version, ends)).await.map_err(io_failed)
        }
        None => Ok(()),
    }
}

fn mark(watch: Option<&Watch>, clock: &Clock, change: impl FnOnce(&mut crate::timings::Timings, Duration)) {
    if let Some(watch) = watch {
        let now = clock.now();
        watch.note(|timings| {
            let at = now.saturating_duration_since(timings.began);
            change(timings, at);
        });
    }
}

async fn secure(
    tls: &Tls,
    carrier: Carrier,
    host: &str,
    watch: Option<&Watch>,
) -> Result<(wirelight_net::tls::client::ClientSide<Carrier>, wirelight_net::tls::Secured), Error> {
    let nameless = || {
        let because = format!("no certificate can be for `{host}`");
        fail(Phase::Secure, Kind::Malformed, Fault::Ours, because)
    };
    let failed = |error: io::Error| {
        if let (Some(watch), Some(distrust)) = (watch, distrust(&error)) {
            watch.note(|timings| {
                timings.presented.clone_from(&distrust.chain);
                timings.distrusted = Some((distrust.check, distrust.because.clone()));
            });
        }
        let because = match (distrust(&error), error.kind()) {
            (Some(distrust), _) => format!("{host} cannot be trusted: {distrust}"),
            (None, io::ErrorKind::UnexpectedEof) => format!("{host} closed the connection during the TLS handshake"),
            (None, io::ErrorKind::InvalidData) if error.to_string().contains("corrupt") => {
                format!("{host} does not speak TLS on this port")
            }
            (None, _) => format!("the TLS handshake with {host} failed: {error}"),
        };
        fail_with(Phase::Secure, Kind::Unreachable, Fault::Upstream, because, error)
    };
    let mut secured = tls.connect(carrier, host).ok_or_else(nameless)?.map_err(failed)?;
    let agreed = poll_fn(|cx| secured.poll_handshake(cx)).await.map_err(failed)?;
    Ok((secured, agreed))
}

fn io_failed(error: io::Error) -> Error {
    let because = format!("the connection broke as soon as it stood: {error}");
    fail_with(Phase::Connect, Kind::Unreachable, Fault::Upstream, because, error)
}

fn unreachable(host: &str, port: u16, attempts: &[Attempt]) -> Error {
    let each: Vec<String> = attempts
        .iter()
        .map(|attempt| format!("{} {}", attempt.address, attempt.failed.as_deref().unwrap_or("did not answer")))
        .collect();
    let because = format!("no connection to {host} port {port}: {}", each.join("; "));
    fail(Phase::Connect, Kind::Unreachable, Fault::Upstream, because)
}

/// What came of trying addresses.
struct Dialled {
    stream: Option<TcpStream>,
    attempts: Vec<Attempt>,
}

type Dialling = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Tries addresses one after the other, each beside those before it, and takes the first that answers (RFC 8305,
/// section 5).
async fn race(addresses: Vec<SocketAddr>, delay: Duration, clock: &Clock) -> Dialled {
    let start = clock.now();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut dialling: Vec<(usize, Dialling)> = Vec::new();
    let mut addresses = addresses.into_iter();
    let mut timer = clock.timer();
    let mut next_at: Option<Instant> = Some(start);
    poll_fn(|cx| {
        loop {
            let now = clock.now();
            if next_at.is_some_and(|at| at <= now) {
                if let Some(address) = addresses.next() {
                    attempts.push(Attempt { address, began: now - start, took: None, failed: None });
                    dialling.push((attempts.len() - 1, Box::pin(TcpStream::connect(address))));
                    next_at = Some(now + delay);
                } else {
                    next_at = None;
                }
            }
            let mut failed = false;
            let mut index = 0;
            while index < dialling.len() {
                let (of, attempt) = &mut dialling[index];
                let Poll::Ready(result) = attempt.as_mut().poll(cx) else {
                    index += 1;
                    continue;
                };
                attempts[*of].took = Some((clock.now() - start).saturating_sub(attempts[*of].began));
                match result {
                    Ok(stream) => {
                        return Poll::Ready(Dialled { stream: Some(stream), attempts: std::mem::take(&mut attempts) });
                    }
                    Err(error) => {
                        attempts[*of].failed = Some(in_words(&error));
                        failed = true;
                        drop(dialling.swap_remove(index));
                    }
                }
            }
            if failed && next_at.is_some() {
                // There is no need to wait for one that has failed.
                next_at = Some(now);
                continue;
            }
            if dialling.is_empty() && next_at.is_none() {
                return Poll::Ready(Dialled { stream: None, attempts: std::mem::take(&mut attempts) });
            }
            match next_at {
                Some(at) if timer.poll_until(at, cx).is_ready() => {}
                _ => return Poll::Pending,
            }
        }
    })
    .await
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused it: nothing listens there".to_owned(),
        io::ErrorKind::TimedOut => "did not answer".to_owned(),
        _ => format!("could not be reached: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_address_that_answers_is_taken() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let closed = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap().local_addr().unwrap();
        let dialled = race(vec![closed, there], Duration::from_secs(60), &Clock::system()).await;
        assert_eq!(dialled.stream.unwrap().peer_addr().unwrap(), there);
        assert!(dialled.attempts[0].failed.as_deref().unwrap().contains("nothing listens"), "{:?}", dialled.attempts);
        let none = race(vec![closed], Duration::from_secs(60), &Clock::system()).await;
        assert!(none.stream.is_none());
    }

    #[tokio::test]
    async fn a_silent_address_does_not_hold_the_next_one_up() {
        // A listener whose queue is full takes no more connections, and does not say so.
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let mut filling = Vec::new();
        for _ in 0..4096 {
            let attempt = tokio::time::timeout(Duration::from_millis(50), TcpStream::connect(address)).await;
            let Ok(Ok(stream)) = attempt else { break };
            filling.push(stream);
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let dialled = race(vec![address, there], Duration::from_millis(5), &Clock::system()).await;
        assert_eq!(dialled.stream.unwrap().peer_addr().unwrap(), there);
        assert_eq!(dialled.attempts.len(), 2);
    }
}
