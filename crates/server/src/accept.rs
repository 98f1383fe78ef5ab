//! Accepting: one loop a listener, which nothing that goes wrong with one connection can end or make spin.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixListener, UnixStream};
use wirelight_net::drain::Seat;
use wirelight_net::proxy_protocol::{self, Ends};
use wirelight_net::tcp::deferral;
use wirelight_net::tls::Acceptor;
use wirelight_net::{Arrival, ConnectionInfo, Transport};
use wirelight_service::{Peer, Service};

use crate::listener::Kind;
use crate::server::Shared;
use crate::{Introductions, Listener, engine, secure};

/// Accepts until the server drains.
pub(crate) async fn run<S: Service>(shared: Arc<Shared>, listener: Listener, service: Arc<S>) -> io::Result<()> {
    let manners = Manners { tls: listener.tls.clone(), introductions: listener.introductions.clone() };
    let mut door = Door::open(listener)?;
    loop {
        if !shared.limits.has_room() {
            tokio::select! {
                () = shared.context.drain.begun() => return Ok(()),
                () = shared.limits.room() => {}
            }
        }
        match door.accept(&shared).await {
            // Others that accept may have taken the last place meanwhile.
            Some(Ok(accepted)) if !shared.limits.enter() => {
                tokio::select! {
                    () = shared.context.drain.begun() => return Ok(()),
                    () = shared.limits.place() => receive(&shared, &service, accepted, &manners),
                }
            }
            Some(Ok(accepted)) => receive(&shared, &service, accepted, &manners),
            Some(Err(error)) if is_the_connections(&error) => {}
            Some(Err(_)) => {
                // No descriptors or no memory: the queue keeps what comes, and others may give something back.
                shared.context.clock.sleep(shared.config.accept_pause).await;
            }
            None => return Ok(()),
        }
    }
}

/// A listening socket, and its place among those who are told to drain.
struct Door {
    socket: Socket,
    seat: Option<Seat>,
    /// Whether somebody wants to know to which of our addresses each connection is made.
    located: Option<Arc<AtomicBool>>,
}

enum Socket {
    /// It listens all the same: the runtime's own listener would have it know each connection at once.
    Tcp { socket: TcpStream, deferred: bool },
    /// The file goes before its listener does.
    Unix(#[expect(dead_code, reason = "its drop removes the file")] Option<crate::listener::Unlink>, UnixListener),
}

enum Accepted {
    /// With whoever made it, and to which of our addresses.
    Tcp(Arrival, SocketAddr, Option<Arc<SocketAddr>>),
    Unix(UnixStream),
}

impl Door {
    fn open(listener: Listener) -> io::Result<Self> {
        let socket = match listener.kind {
            Kind::Tcp { socket, .. } => {
                // What it accepts has it from it.
                SockRef::from(&socket).set_tcp_nodelay(true)?;
                let deferred = !deferral(&socket).is_zero();
                Socket::Tcp { socket: TcpStream::from_std(OwnedFd::from(socket).into())?, deferred }
            }
            Kind::Unix { path, socket } => Socket::Unix(path, UnixListener::from_std(socket)?),
        };
        Ok(Self { socket, seat: None, located: listener.located })
    }

    /// The next connection; `None` once the server drains.
    async fn accept(&mut self, shared: &Shared) -> Option<io::Result<Accepted>> {
        std::future::poll_fn(|cx| {
            // The loop stays in one task, so that one seat serves it to its end.
            if self.seat.is_none() {
                self.seat = Some(shared.context.drain.sit(cx));
            }
            if shared.context.drain.has_begun() {
                return Poll::Ready(None);
            }
            let accepted = match &self.socket {
                Socket::Tcp { socket, deferred } => poll_accept(socket, cx).map_ok(|(stream, address)| {
                    let local = self.local(&stream);
                    Accepted::Tcp(Arrival::new(stream, *deferred), address, local)
                }),
                Socket::Unix(_, listener) => listener.poll_accept(cx).map_ok(|(stream, _)| Accepted::Unix(stream)),
            };
            accepted.map(Some)
        })
        .await
    }

    /// To which of our addresses a connection was made, if somebody wants to know.
    fn local(&self, stream: &std::net::TcpStream) -> Option<Arc<SocketAddr>> {
        self.located.as_ref().filter(|wanted| wanted.load(Ordering::Relaxed))?;
        stream.local_addr().ok().map(Arc::new)
    }
}

/// Accepts a connection, of which the runtime is not told yet.
fn poll_accept(listener: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<(std::net::TcpStream, SocketAddr)>> {
    loop {
        ready!(listener.poll_read_ready(cx))?;
        let accept = || Ok(acceptfrom_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?);
        match listener.try_io(Interest::READABLE, accept) {
            Ok((socket, address)) => {
                let address = address.and_then(|address| address.try_into().ok());
                // A socket whose peer is not known is gone.
                let address = address.ok_or(io::ErrorKind::ConnectionAborted)?;
                return Poll::Ready(Ok((socket.into(), address)));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// Whether an error of accept concerns the one connection that was to be accepted, so that the next may be tried.
fn is_the_connections(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

/// How the connections of a listener begin.
struct Manners {
    tls: Option<Arc<Acceptor>>,
    introductions: Option<Arc<Introductions>>,
}

/// Who came, and how the connection is to be taken.
struct Guest {
    tls: Option<Arc<Acceptor>>,
    address: Option<IpAddr>,
    peer: Peer,
    local: Option<Arc<SocketAddr>>,
}

impl Guest {
    /// Who came, as a proxy that is believed says.
    fn introduced(Ends { source, destination }: Ends, proxy: Self) -> Self {
        let local = proxy.local.map(|_| Arc::new(destination));
        Self { tls: proxy.tls, address: Some(source.ip()), peer: Peer::Internet(source), local }
    }
}

/// Takes a connection that has a place.
fn receive<S: Service>(shared: &Arc<Shared>, service: &Arc<S>, accepted: Accepted, manners: &Manners) {
    let tls = manners.tls.clone();
    match accepted {
        Accepted::Tcp(stream, address, local) => {
            if let Some(introductions) = &manners.introductions {
                let Ok(stream) = stream.into_known() else {
                    // Its place is given up.
                    return drop(shared.limits.admit(None));
                };
                let (shared, service, introductions) =
                    (Arc::clone(shared), Arc::clone(service), Arc::clone(introductions));
                let guest = Guest { tls, address: Some(address.ip()), peer: Peer::Internet(address), local };
                tokio::spawn(introduce(shared, service, stream, address, introductions, guest));
                return;
            }
            let guest = Guest { tls, address: Some(address.ip()), peer: Peer::Internet(address), local };
            welcome(shared, service, stream, guest);
        }
        Accepted::Unix(stream) => {
            welcome(shared, service, stream, Guest { tls, address: None, peer: Peer::Local(None), local: None });
        }
    }
}

/// Hears whose a connection is before it is served.
async fn introduce<S: Service>(
    shared: Arc<Shared>,
    service: Arc<S>,
    stream: TcpStream,
    peer: SocketAddr,
    introductions: Arc<Introductions>,
    guest: Guest,
) {
    let introduced = match (introductions.is_believed)(peer.ip().to_canonical()) {
        true => {
            let limit = introductions.header_timeout;
            proxy_protocol::receive(&stream, limit, &shared.context.clock).await
        }
        false => Err(proxy_protocol::Refused::Untrusted(peer.ip())),
    };
    match introduced {
        Ok(ends) => {
            let guest = match ends {
                Some(ends) => Guest::introduced(ends, guest),
                None => guest,
            };
            welcome(&shared, &service, stream, guest);
        }
        Err(refused) => {
            let connection =
                ConnectionInfo { id: shared.number(), peer: Some(Peer::Internet(peer)), secured: None, local: None };
            if let Some(observer) = &shared.context.observer {
                observer.closed(&connection, &refused);
            }
            // Its place is given up.
            drop(shared.limits.admit(None));
        }
    }
}

/// Serves a connection in a task of its own, if the limits admit it.
fn welcome<S: Service, T: Transport>(shared: &Arc<Shared>, service: &Arc<S>, stream: T, guest: Guest) {
    let Guest { tls, address, peer, local } = guest;
    let connection = ConnectionInfo { id: shared.number(), peer: Some(peer), secured: None, local };
    let permit = match shared.limits.admit(address) {
        Ok(permit) => permit,
        Err(refused) => {
            if let Some(observer) = &shared.context.observer {
                observer.closed(&connection, &refused);
            }
            return;
        }
    };
    let (shared, service) = (Arc::clone(shared), Arc::clone(service));
    match tls {
        None => {
            let engine = engine::in_cleartext(&shared);
            let context = Arc::clone(&shared.context);
            let mut served = wirelight_net::serve(stream, engine, service, context, connection);
            tokio::spawn(async move {
                // By reference: whatever is awaited by value is kept twice, for as long as the connection is open.
                (&mut served).await;
                drop(permit);
            });
        }
        Some(acceptor) => {
            tokio::spawn(async move {
                secure::serve(shared, &acceptor, stream, service, connection).await;
                drop(permit);
            });
        }
    }
}
