//! Sockets that connections come in on: TCP, Unix, or inherited from systemd.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use wirelight_net::tcp::{defer_accept, deferral};
use wirelight_net::tls::Acceptor;

/// How many connections the system may hold for us before they are accepted.
const BACKLOG: i32 = 4096;

/// A socket that connections come in on.
#[derive(Debug)]
pub struct Listener {
    pub(crate) kind: Kind,
    /// Who takes the connections over TLS; without one they are in cleartext.
    pub(crate) tls: Option<Arc<Acceptor>>,
    /// Who says ahead of each connection whose it is.
    pub(crate) introductions: Option<Arc<Introductions>>,
    /// Whether somebody wants to know to which of our addresses each connection is made; nobody does without.
    pub(crate) located: Option<Arc<AtomicBool>>,
}

/// Who says ahead of each connection whose it is (the PROXY protocol); nobody else may connect.
pub struct Introductions {
    /// Whether somebody at this address is believed.
    pub is_believed: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// How long the header may take to come.
    pub header_timeout: Duration,
}

impl fmt::Debug for Introductions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Introductions").field("header_timeout", &self.header_timeout).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A TCP socket; `shared` says whether more sockets may be bound to its address.
    Tcp { socket: std::net::TcpListener, shared: bool },
    /// The file goes first, so that nobody finds a socket there that refuses and takes its place only to lose it.
    Unix { path: Option<Unlink>, socket: std::os::unix::net::UnixListener },
}

/// Removes the file of a Unix socket with the listener that made it.
#[derive(Debug)]
pub(crate) struct Unlink(PathBuf);

impl Drop for Unlink {
    fn drop(&mut self) {
        // Whoever removed it before us has done our work.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An address and a port, in cleartext.
    Internet(SocketAddr),
    /// An address and a port, over TLS.
    Secure(SocketAddr),
    /// A path in the file system.
    Path(PathBuf),
    /// A socket without a name that can be told.
    Unnamed,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet(address) => write!(f, "http://{address}/"),
            // Certificates are for names first of all.
            Self::Secure(address) if address.ip().is_loopback() => write!(f, "https://localhost:{}/", address.port()),
            Self::Secure(address) => write!(f, "https://{address}/"),
            Self::Path(path) => write!(f, "unix:{}", path.display()),
            Self::Unnamed => f.write_str("an unnamed socket"),
        }
    }
}

impl Listener {
    /// Listens on an address; port 0 lets the system choose one.
    ///
    /// Each worker gets a socket of its own on it (`SO_REUSEPORT`), but nobody else's server does: an address in use
    /// is an error.
    pub fn tcp(address: SocketAddr) -> io::Result<Self> {
        if address.port() != 0 {
            // A probe that does not share fails if anybody listens, though they would share. The system shares no port
            // that it chooses.
            drop(tcp_socket(address, false)?);
        }
        Ok(Kind::Tcp { socket: listen(tcp_socket(address, true)?)?, shared: true }.into())
    }

    /// Listens on a path in the file system. A socket that nobody listens on any more is replaced.
    pub fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let stale = std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
        // Only a refusal says that nobody listens; whoever may not connect has learnt nothing.
        if stale && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            std::fs::remove_file(path)?;
        }
        let socket = std::os::unix::net::UnixListener::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Kind::Unix { socket, path: Some(Unlink(path.to_owned())) }.into())
    }

    /// The sockets that whoever started this process has opened for it (systemd's `LISTEN_FDS`), in their order.
    pub fn inherited() -> io::Result<Vec<Self>> {
        let mut given = listenfd::ListenFd::from_env();
        let mut listeners = Vec::new();
        for index in 0..given.len() {
            if let Ok(Some(socket)) = given.take_tcp_listener(index) {
                listeners.push(Self::from_std(socket)?);
            } else if let Some(socket) = given.take_unix_listener(index)? {
                socket.set_nonblocking(true)?;
                listeners.push(Kind::Unix { socket, path: None }.into());
            }
        }
        Ok(listeners)
    }

    /// Listens on a TCP or Unix socket that another process has bound and handed over, listening.
    ///
    /// # Errors
    /// If it is another kind of socket, or none.
    pub fn from_fd(socket: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(socket);
        let domain = socket.local_addr()?.domain();
        if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket does not listen for streams"));
        }
        match domain {
            Domain::IPV4 | Domain::IPV6 => Self::from_std(socket.into()),
            Domain::UNIX => {
                socket.set_nonblocking(true)?;
                Ok(Kind::Unix { socket: socket.into(), path: None }.into())
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the socket is neither TCP nor Unix")),
        }
    }

    /// Listens on a socket that is already bound and listening.
    pub fn from_std(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Kind::Tcp { socket, shared: false }.into())
    }

    /// Whether the file of a Unix socket is removed with this listener: it is the business of whoever listens last.
    pub fn owning_file(mut self, owning: bool) -> Self {
        if let Kind::Unix { path, socket } = &mut self.kind {
            let found = socket.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
            if let Some(old) = path.take() {
                // Dropped, it would remove the file.
                std::mem::forget(old);
            }
            *path = found.filter(|_| owning).map(Unlink);
        }
        self
    }

    /// Has the system hand a TCP connection over only once its first bytes have come, which saves about a third of
    /// what a short connection costs; one that says nothing for `patience` is handed over all the same.
    ///
    /// Until then nobody counts it, and no timer of ours runs for it.
    ///
    /// # Errors
    /// If the system cannot.
    pub fn deferred(self, patience: Duration) -> io::Result<Self> {
        if let Kind::Tcp { socket, .. } = &self.kind {
            defer_accept(socket, patience)?;
        }
        Ok(self)
    }

    /// Takes the connections over TLS.
    pub fn secured(mut self, acceptor: Arc<Acceptor>) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Takes connections only from proxies that say whose they are (the PROXY protocol); not for Unix sockets.
    pub fn introduced(mut self, introductions: Arc<Introductions>) -> Self {
        self.introductions = Some(introductions);
        self
    }

    /// Has connections say to which of our addresses they were made, from then on that `wanted` holds.
    pub fn located(mut self, wanted: Arc<AtomicBool>) -> Self {
        self.located = Some(wanted);
        self
    }

    /// Where it listens, with the port that the system chose.
    pub fn address(&self) -> Address {
        match &self.kind {
            Kind::Tcp { socket, .. } => {
                let address = if self.tls.is_some() { Address::Secure } else { Address::Internet };
                socket.local_addr().map_or(Address::Unnamed, address)
            }
            Kind::Unix { socket, .. } => {
                let path = socket.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
                path.map_or(Address::Unnamed, Address::Path)
            }
        }
    }

    /// The same socket once more, in cleartext: what comes in goes to either. Its end does not remove a socket's file.
    ///
    /// # Errors
    /// If the system has no descriptor left.
    pub fn duplicate(&self) -> io::Result<Self> {
        let kind = match &self.kind {
            Kind::Tcp { socket, .. } => Kind::Tcp { socket: socket.try_clone()?, shared: false },
            Kind::Unix { socket, .. } => Kind::Unix { socket: socket.try_clone()?, path: None },
        };
        Ok(kind.into())
    }

    /// Another listener on the same address, for another worker.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub fn another(&self) -> io::Result<Self> {
        let kind = match &self.kind {
            Kind::Tcp { socket, shared: true } => {
                let (another, patience) = (tcp_socket(socket.local_addr()?, true)?, deferral(socket));
                if !patience.is_zero() {
                    defer_accept(&another, patience)?;
                }
                Kind::Tcp { socket: listen(another)?, shared: true }
            }
            Kind::Tcp { socket, shared: false } => Kind::Tcp { socket: socket.try_clone()?, shared: false },
            Kind::Unix { socket, .. } => Kind::Unix { socket: socket.try_clone()?, path: None },
        };
        let (tls, introductions, located) = (self.tls.clone(), self.introductions.clone(), self.located.clone());
        Ok(Self { kind, tls, introductions, located })
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp { socket, .. } => socket.as_fd(),
            Kind::Unix { socket, .. } => socket.as_fd(),
        }
    }
}

impl From<Kind> for Listener {
    fn from(kind: Kind) -> Self {
        Self { kind, tls: None, introductions: None, located: None }
    }
}

fn tcp_socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
