//! A server: what its listeners share, and how it comes to an end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;
use wirelight_net::{Context, Drain, Observer};
use wirelight_service::{Clock, Service, ServiceExt};

use crate::accept;
use crate::limits::Limits;
use crate::{Config, Listener};

/// A server. Clones are the same server: one set of limits, one end.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) http1: Arc<wirelight_proto::h1::Config>,
    pub(crate) http2: Arc<wirelight_proto::h2::Config>,
    pub(crate) context: Arc<Context>,
    pub(crate) limits: Arc<Limits>,
    /// Turns for TLS handshakes.
    pub(crate) handshakes: Semaphore,
    connections: AtomicU64,
}

/// Ends a server from elsewhere. Clones end the same one.
#[derive(Debug, Clone)]
pub struct Shutdown(Drain);

impl Shutdown {
    /// Nobody new is let in, and each connection ends with its next exchange, whose response says so; those that rest
    /// go on resting until [`drain`](Self::drain). A client loses no request by it.
    pub fn retire(&self) {
        self.0.retire();
    }

    /// Exchanges under way finish, within the server's drain timeout; nothing new begins.
    pub fn drain(&self) {
        self.0.begin();
    }

    /// Everything is cut off at once.
    pub fn cut(&self) {
        self.0.cut();
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new(Config::default())
    }
}

impl Server {
    /// A server on the system's clock that nobody observes.
    pub fn new(config: Config) -> Self {
        Self::observed(config, Clock::system(), None)
    }

    /// A server with its clock, and with somebody who watches.
    pub fn observed(config: Config, clock: Clock, observer: Option<Arc<dyn Observer>>) -> Self {
        let context = Context { config: config.connection.clone(), clock, observer, drain: Drain::default() };
        let shared = Shared {
            http1: Arc::new(config.http1.clone()),
            http2: Arc::new(config.http2.clone()),
            limits: Limits::new(&config),
            context: Arc::new(context),
            handshakes: Semaphore::new(config.handshakes_max),
            connections: AtomicU64::new(0),
            config,
        };
        Self { shared: Arc::new(shared) }
    }

    /// What ends this server.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.shared.context.drain.clone())
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.limits.open()
    }

    /// Serves what comes in on `listener` until the server is shut down, on the tokio runtime that is already there.
    ///
    /// Returns when every connection has ended, or was cut off at the drain timeout.
    pub async fn serve<S: Service>(&self, listener: Listener, service: S) -> io::Result<()> {
        accept::run(Arc::clone(&self.shared), listener, Arc::new(service.shared())).await?;
        self.drained().await;
        Ok(())
    }

    /// Waits until every connection has ended; cuts off what is left at the drain timeout.
    pub(crate) async fn drained(&self) {
        let shared = &self.shared;
        tokio::select! {
            () = shared.limits.empty() => return,
            () = shared.context.clock.sleep(shared.config.drain_timeout) => {}
        }
        shared.context.drain.cut();
        shared.limits.empty().await;
    }
}

impl Shared {
    /// A number for a new connection, unique in this server.
    pub(crate) fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Serves what comes in on a tokio listener until the task is dropped, with the default limits.
///
/// ```no_run
/// use wirelight_service::{Body, Request, Response, Result};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("Hello, world!\n")))
/// }
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// wirelight_server::serve(listener, hello).await
/// # }
/// ```
pub async fn serve<S: Service>(listener: tokio::net::TcpListener, service: S) -> io::Result<()> {
    Server::default().serve(Listener::from_std(listener.into_std()?)?, service).await
}
