//! Accepting: one loop a listener, which nothing that goes wrong with one connection can end or make spin.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use wirelight_net::drain::Seat;
use wirelight_net::tls::Acceptor;
use wirelight_net::{ConnectionInfo, Transport};
use wirelight_service::{Peer, Service};

use crate::listener::Kind;
use crate::server::Shared;
use crate::{Listener, engine, secure};

/// Accepts until the server drains.
pub(crate) async fn run<S: Service>(shared: Arc<Shared>, listener: Listener, service: Arc<S>) -> io::Result<()> {
    let tls = listener.tls.clone();
    let mut door = Door::open(listener)?;
    loop {
        if !shared.limits.has_room() {
            tokio::select! {
                () = shared.context.drain.begun() => return Ok(()),
                () = shared.limits.room() => {}
            }
        }
        match door.accept(&shared).await {
            Some(Ok(Accepted::Tcp(stream, address))) => {
                // A socket that cannot be told is gone, and its first read says so.
                let _ = stream.set_nodelay(true);
                let guest = Guest { tls: tls.clone(), address: Some(address.ip()), peer: Peer::Internet(address) };
                welcome(&shared, &service, stream, guest);
            }
            Some(Ok(Accepted::Unix(stream))) => {
                let guest = Guest { tls: tls.clone(), address: None, peer: Peer::Local(None) };
                welcome(&shared, &service, stream, guest);
            }
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
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, #[expect(dead_code, reason = "its drop removes the file")] Option<crate::listener::Unlink>),
}

enum Accepted {
    Tcp(TcpStream, std::net::SocketAddr),
    Unix(UnixStream),
}

impl Door {
    fn open(listener: Listener) -> io::Result<Self> {
        let socket = match listener.kind {
            Kind::Tcp { socket, .. } => Socket::Tcp(TcpListener::from_std(socket)?),
            Kind::Unix { socket, path } => Socket::Unix(UnixListener::from_std(socket)?, path),
        };
        Ok(Self { socket, seat: None })
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
                Socket::Tcp(listener) => {
                    listener.poll_accept(cx).map_ok(|(stream, address)| Accepted::Tcp(stream, address))
                }
                Socket::Unix(listener, _) => listener.poll_accept(cx).map_ok(|(stream, _)| Accepted::Unix(stream)),
            };
            accepted.map(Some)
        })
        .await
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

/// Who came, and how the connection is to be taken.
struct Guest {
    tls: Option<Arc<Acceptor>>,
    address: Option<IpAddr>,
    peer: Peer,
}

/// Serves a connection in a task of its own, if the limits admit it.
fn welcome<S: Service, T: Transport>(shared: &Arc<Shared>, service: &Arc<S>, stream: T, guest: Guest) {
    let Guest { tls, address, peer } = guest;
    let connection = ConnectionInfo { id: shared.number(), peer: Some(peer), secured: None };
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
