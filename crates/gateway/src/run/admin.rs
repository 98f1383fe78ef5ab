//! The admin listener: health, metrics and status, for this machine alone; and the socket for commands, for whoever may
//! open its file.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use http::header::{self, HeaderValue};
use http::{Method, StatusCode, request};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use wirelight_semantics::auth;
use wirelight_semantics::problem::Problem;
use wirelight_server::{Address, Listener, Server};
use wirelight_service::layer::problem::{Asked, tell};
use wirelight_service::layer::{AddDate, AnswerErrors, CatchPanic};
use wirelight_service::{Body, Request, Response, Result, Service, ServiceExt};

use super::handover::Inherited;
use super::{Core, Trouble, Unreloadable, lock};
use crate::config::Unusable;
use crate::metrics::text;
use crate::proxy::forward;

const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// Where the gateway can be asked and told things.
#[derive(Default)]
pub(super) struct Desks {
    core: Weak<Core>,
    runtime: Option<Handle>,
    admin: Option<(SocketAddr, Desk)>,
    control: Option<Desk>,
    /// Those that let nobody in any more, and answer whom they have let in.
    left: Vec<Desk>,
}

/// A listener whose exchanges are about the gateway itself.
struct Desk {
    /// The socket once more, for whoever takes over; its end removes the file of a Unix socket.
    socket: Listener,
    server: Server,
    /// Ends once everybody was answered.
    serving: Option<JoinHandle<()>>,
}

/// An admin listener that is open and not used yet.
pub(super) struct Opening {
    address: SocketAddr,
    socket: Listener,
}

/// What becomes of the admin listener in a new plan.
pub(super) enum Next {
    Same,
    Gone,
    Other(Opening),
}

impl Opening {
    /// Opens the socket of an admin listener, unless somebody has.
    pub(super) fn new(address: SocketAddr, given: Option<Listener>) -> Result<Self, Trouble> {
        let socket = given.map_or_else(|| Listener::tcp(address), Ok);
        Ok(Self { address, socket: socket.map_err(|error| Trouble::Listen(address, error))? })
    }
}

impl Desks {
    pub(super) fn new(core: Weak<Core>, runtime: Handle) -> Self {
        Self { core, runtime: Some(runtime), ..Self::default() }
    }

    /// Opens what there is to ask at.
    pub(super) fn begin(&mut self, admin: Option<Opening>, control: Option<Listener>) -> io::Result<()> {
        if let Some(Opening { address, socket }) = admin {
            self.admin = Some((address, self.desk(socket, false)?));
        }
        if let Some(socket) = control {
            self.control = Some(self.desk(socket, true)?);
        }
        Ok(())
    }

    /// Opens what another plan needs.
    pub(super) fn prepare(&self, address: Option<SocketAddr>) -> Result<Next, Trouble> {
        match (&self.admin, address) {
            (Some((known, _)), Some(address)) if *known == address => Ok(Next::Same),
            (_, Some(address)) => Ok(Next::Other(Opening::new(address, None)?)),
            (_, None) => Ok(Next::Gone),
        }
    }

    /// Puts into use what was prepared.
    pub(super) fn swap(&mut self, next: Next) -> io::Result<()> {
        let admin = match next {
            Next::Same => return Ok(()),
            Next::Gone => None,
            Next::Other(Opening { address, socket }) => Some((address, self.desk(socket, false)?)),
        };
        if let Some((_, old)) = std::mem::replace(&mut self.admin, admin) {
            old.server.shutdown().drain();
        }
        Ok(())
    }

    fn desk(&self, socket: Listener, is_control: bool) -> io::Result<Desk> {
        let server = Server::default();
        let clerk = Clerk { core: Weak::clone(&self.core), is_control };
        let service = clerk.layer(CatchPanic).layer(AnswerErrors::default()).layer(AddDate::default());
        let (listener, serving) = (socket.duplicate()?, server.clone());
        // It ends with the runtime, or once it is drained; what it could fail at has been tried.
        let serve = async move { drop(serving.serve(listener, service).await) };
        let serving = self.runtime.as_ref().map(|runtime| runtime.spawn(serve));
        Ok(Desk { socket, server, serving })
    }

    /// Puts the sockets, once more, among those for another process.
    pub(super) fn hand_over(&self, inherited: &mut Inherited) -> io::Result<()> {
        if let Some((address, desk)) = &self.admin {
            inherited.admin = Some((*address, desk.socket.duplicate()?));
        }
        inherited.control = self.control.as_ref().map(|desk| desk.socket.duplicate()).transpose()?;
        Ok(())
    }

    /// Lets nobody new in, and leaves the file of the socket for commands to whoever has it now. Whoever has come in and
    /// has said nothing yet is still answered: it does not know of the other process.
    pub(super) fn leave(&mut self) {
        self.own_file(false);
        self.left.extend(self.admin.take().map(|(_, desk)| desk).into_iter().chain(self.control.take()));
        self.left.iter().for_each(|desk| desk.server.shutdown().retire());
    }

    /// Whoever was let in before [`leave`](Self::leave) and still says nothing is not waited for.
    pub(super) fn drain_left(&self) {
        self.left.iter().for_each(|desk| desk.server.shutdown().drain());
    }

    /// Says whether the file of the socket for commands goes with this process.
    pub(super) fn own_file(&mut self, owning: bool) {
        if let Some(Desk { socket, server, serving }) = self.control.take() {
            self.control = Some(Desk { socket: socket.owning_file(owning), server, serving });
        }
    }

    /// Lets nobody in any more; ready once everybody who was let in before was answered.
    pub(super) fn close(&mut self) -> impl Future<Output = ()> + use<> {
        let mut desks = std::mem::take(&mut self.left);
        desks.extend(self.admin.take().map(|(_, desk)| desk).into_iter().chain(self.control.take()));
        desks.iter().for_each(|desk| desk.server.shutdown().drain());
        let serving: Vec<_> = desks.iter_mut().filter_map(|desk| desk.serving.take()).collect();
        async move {
            for each in serving {
                // Whatever ended it: nobody is served there any more.
                let _ = each.await;
            }
        }
    }
}

/// Whoever answers at a desk.
struct Clerk {
    core: Weak<Core>,
    is_control: bool,
}

/// An answer: its status, its text, and what that is.
struct Told(StatusCode, String, &'static str);

impl Service for Clerk {
    async fn call(&self, request: Request) -> Result<Response> {
        let asked = Asked::of(&request);
        let (parts, _) = request.into_parts();
        let refused = |status| Ok(tell(&Problem::new(status), &asked));
        let Some(core) = self.core.upgrade() else { return refused(StatusCode::SERVICE_UNAVAILABLE) };
        // A page in a browser can be led here by a name of its own: only the names of this machine are answered.
        let host = forward::host_of(&parts);
        if !matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]") {
            return refused(StatusCode::MISDIRECTED_REQUEST);
        }
        if !self.may_ask(&core, &parts) {
            let mut response = tell(&Problem::new(StatusCode::UNAUTHORIZED), &asked);
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Ok(response);
        }
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        let told = match (parts.uri.path(), is_read) {
            ("/healthz", true) => Told(StatusCode::OK, "ok\n".to_owned(), TEXT),
            ("/plan", true) => Told(StatusCode::OK, core.shared.current.load().plan.to_string(), TEXT),
            ("/metrics", true) => Told(StatusCode::OK, core.metrics(), METRICS),
            ("/status", true) => Told(StatusCode::OK, core.status(), JSON),
            // What changes something is for whoever may open the socket's file, and never for a page in a browser.
            ("/reload", false) if self.is_control && parts.method == Method::POST => reload(core, &parts).await,
            ("/reload", _) if self.is_control => return refused(StatusCode::METHOD_NOT_ALLOWED),
            ("/healthz" | "/plan" | "/metrics" | "/status", false) => return refused(StatusCode::METHOD_NOT_ALLOWED),
            _ => return refused(StatusCode::NOT_FOUND),
        };
        let Told(status, text, media_type) = told;
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

impl Clerk {
    fn may_ask(&self, core: &Core, parts: &request::Parts) -> bool {
        let current = core.shared.current.load();
        match current.plan.admin.as_ref().and_then(|admin| admin.token.as_ref()).filter(|_| !self.is_control) {
            Some(token) => {
                let said = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
                auth::is_equal(said, format!("Bearer {token}").as_bytes())
            }
            None => true,
        }
    }
}

/// Reads the plan again, or says what that would change.
async fn reload(core: Arc<Core>, parts: &request::Parts) -> Told {
    let has = |word: &str| parts.uri.query().is_some_and(|query| query.split('&').any(|each| each == word));
    let (is_meant, colors) = (!has("dry-run"), has("colors"));
    // It reads files and starts threads.
    let reloaded = tokio::task::spawn_blocking(move || core.read_again(is_meant)).await;
    match reloaded {
        Ok(Ok(reload)) => Told(StatusCode::OK, reload.to_string(), TEXT),
        Ok(Err(Unreloadable::Config(Unusable::Faulty(faults)))) => {
            Told(StatusCode::UNPROCESSABLE_ENTITY, format!("{}\n", faults.render(colors)), TEXT)
        }
        Ok(Err(other)) => Told(StatusCode::UNPROCESSABLE_ENTITY, format!("{other}\n"), TEXT),
        Err(_) => Told(StatusCode::INTERNAL_SERVER_ERROR, "reading the config again panicked\n".to_owned(), TEXT),
    }
}

/// What is under way, for programs.
#[derive(Serialize)]
struct Status {
    version: &'static str,
    process: u32,
    uptime_seconds: u64,
    reloads_done: u64,
    reloads_refused: u64,
    listeners: Vec<Listening>,
    streams: Vec<Streaming>,
}

#[derive(Serialize)]
struct Listening {
    address: String,
    connections: usize,
}

#[derive(Serialize)]
struct Streaming {
    site: String,
    route: String,
    method: String,
    target: String,
    peer: Option<String>,
    seconds: u64,
    tunnel: bool,
}

impl Core {
    fn metrics(&self) -> String {
        let reloads = (self.reloads.0.load(Relaxed), self.reloads.1.load(Relaxed));
        text::text(&self.shared.current.load(), &self.watch.counts, reloads)
    }

    fn status(&self) -> String {
        let current = self.shared.current.load();
        let now = self.shared.clock.now();
        let listening = |address: &Address, connections| Listening { address: address.to_string(), connections };
        let listeners = lock(&self.doors).iter().map(|door| listening(&door.address, door.connections())).collect();
        let streams = current.streams.iter().zip(&current.counts).flat_map(|(streams, counts)| {
            streams.list().into_iter().map(|stream| Streaming {
                site: counts.site.clone(),
                route: counts.route.clone(),
                method: stream.method.to_string(),
                target: stream.shown_target(),
                peer: stream.peer.as_ref().map(ToString::to_string),
                seconds: now.saturating_duration_since(stream.began).as_secs(),
                tunnel: stream.is_tunnel,
            })
        });
        let status = Status {
            version: env!("CARGO_PKG_VERSION"),
            process: std::process::id(),
            uptime_seconds: self.began.elapsed().as_secs(),
            reloads_done: self.reloads.0.load(Relaxed),
            reloads_refused: self.reloads.1.load(Relaxed),
            listeners,
            streams: streams.collect(),
        };
        // Text and numbers always serialize.
        serde_json::to_string_pretty(&status).unwrap_or_default() + "\n"
    }
}
