//! A plan, running: sites and routes as services, behind a plan that can be swapped under the requests.

mod admin;
mod around;
mod entry;
mod handler;
pub mod log_file;
pub mod metrics;
mod running;

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use arc_swap::ArcSwap;
use wirelight_net::Observer;
use wirelight_net::tls::{Acceptor, Identity, Settings};
use wirelight_server::{Address, Config, Listener, Server, Shutdown, Workers};
use wirelight_service::Clock;

use self::entry::Entry;
pub use self::running::{Running, Sending};
use crate::config::Plan;
use crate::config::plan::Listen;
/// How many interim responses may wait on one connection.
const INTERIMS_MAX: usize = 64;


/// A gateway: listeners, and the plan that they serve.
pub struct Gateway {
    shared: Arc<Shared>,
    doors: Mutex<Vec<Door>>,
    workers: Option<NonZeroUsize>,
    observer: Option<Arc<dyn Observer>>,
    /// Health checks and the admin listener run here.
    control: tokio::runtime::Runtime,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("doors", &self.doors).finish_non_exhaustive()
    }
}

/// What all listeners share.
pub(crate) struct Shared {
    pub(crate) current: ArcSwap<Running>,
    pub(crate) clock: Clock,
}

/// A listener with its workers. Each is a server of its own, so that one can go without the others.
#[derive(Debug)]
struct Door {
    plan: Listen,
    address: Address,
    acceptor: Option<Arc<Acceptor>>,
    shutdown: Shutdown,
    workers: Option<Workers>,
}

/// Why a plan cannot run.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be listened on an address.
    Listen(std::net::SocketAddr, io::Error),
    /// Certificates cannot be used.
    Tls(std::net::SocketAddr, wirelight_net::tls::Fault),
    /// A folder cannot be opened.
    Folder(std::path::PathBuf, io::Error),
    /// Threads cannot be started.
    Threads(io::Error),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Tls(address, fault) => write!(f, "the certificates for {address} cannot be used: {fault}"),
            Self::Folder(path, error) => write!(f, "the folder {} cannot be served: {error}", path.display()),
            Self::Threads(error) => write!(f, "the workers cannot be started: {error}"),
        }
    }
}

impl std::error::Error for Trouble {}

impl Gateway {
    /// Opens the listeners of a plan and serves them, with so many workers each; without a number, one a core.
    ///
    /// # Errors
    /// If any part of the plan cannot run; then none of it does.
    pub fn start(
        plan: Plan,
        workers: Option<NonZeroUsize>,
        observer: Option<Arc<dyn Observer>>,
        clock: Clock,
    ) -> Result<Self, Trouble> {
        let threads = workers.or(thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let mut control = tokio::runtime::Builder::new_multi_thread();
        let control = control.worker_threads(1).thread_name("wirelight-control").enable_all().build();
        let control = control.map_err(Trouble::Threads)?;
        let admin = plan.admin.clone();
        let listeners = plan.listeners.clone();
        let running = Running::build(plan, None, Sending::Really { threads: threads + 1 }, &clock)?;
        running.watch_health(control.handle());
        let shared = Arc::new(Shared { current: ArcSwap::from_pointee(running), clock });
        let gateway = Self { shared, doors: Mutex::default(), workers, observer, control };
        let opened: Vec<_> = listeners.iter().map(open).collect::<Result<_, _>>()?;
        if let Some(admin) = admin {
            admin::serve(admin, Arc::clone(&gateway.shared), gateway.control.handle())?;
        }
        let mut doors = Vec::new();
        for (plan, (listener, acceptor)) in listeners.into_iter().zip(opened) {
            doors.push(gateway.serve(plan, listener, acceptor)?);
        }
        *gateway.doors.lock().unwrap_or_else(PoisonError::into_inner) = doors;
        Ok(gateway)
    }

    /// Where it listens, in the plan's order.
    pub fn addresses(&self) -> Vec<Address> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.iter().map(|door| door.address.clone()).collect()
    }

    /// Swaps the plan: requests under way finish on the old one. Listeners that the new plan has too go on without a
    /// gap; others are opened, or drained.
    ///
    /// # Errors
    /// If any part of the new plan cannot run; then the old one goes on unchanged.
    pub fn reload(&self, plan: Plan) -> Result<(), Trouble> {
        let threads = self.workers.or(thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let listeners = plan.listeners.clone();
        let current = self.shared.current.load();
        let running =
            Running::build(plan, Some(&current), Sending::Really { threads: threads + 1 }, &self.shared.clock)?;
        let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old: Vec<Option<Door>> = doors.drain(..).map(Some).collect();
        let matching = |listen: &Listen, old: &mut Vec<Option<Door>>| {
            old.iter_mut().find(|door| door.as_ref().is_some_and(|door| door.is_for(listen))).and_then(Option::take)
        };
        // Everything that can fail happens first.
        let mut prepared = Vec::new();
        let mut trouble = None;
        for listen in &listeners {
            let kept = matching(listen, &mut old);
            let ready = match &kept {
                Some(door) => door.renew(listen).map(|()| None),
                None => open(listen).map(Some),
            };
            match ready {
                Ok(opened) => prepared.push((listen.clone(), kept, opened)),
                Err(error) => {
                    old.push(kept);
                    trouble = Some(error);
                    break;
                }
            }
        }
        if let Some(trouble) = trouble {
            doors.extend(prepared.into_iter().filter_map(|(_, kept, _)| kept));
            doors.extend(old.into_iter().flatten());
            return Err(trouble);
        }
        running.watch_health(self.control.handle());
        self.shared.current.store(Arc::new(running));
        for (listen, kept, opened) in prepared {
            match (kept, opened) {
                (Some(mut door), _) => {
                    door.plan = listen;
                    doors.push(door);
                }
                (None, Some((listener, acceptor))) => doors.push(self.serve(listen, listener, acceptor)?),
                (None, None) => {}
            }
        }
        for mut gone in old.into_iter().flatten() {
            gone.shutdown.drain();
            let workers = gone.workers.take();
            thread::spawn(move || workers.map(Workers::join));
        }
        Ok(())
    }

    /// Requests under way finish; nothing new begins.
    pub fn drain(&self) {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.iter().for_each(|door| door.shutdown.drain());
    }

    /// Waits until every connection has ended after [`drain`](Self::drain).
    ///
    /// # Errors
    /// If a worker failed.
    pub fn join(&self) -> io::Result<()> {
        loop {
            let workers = {
                let mut doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
                doors.iter_mut().find_map(|door| door.workers.take())
            };
            match workers {
                Some(workers) => workers.join()?,
                None => return Ok(()),
            }
        }
    }

    fn serve(&self, plan: Listen, listener: Listener, acceptor: Option<Arc<Acceptor>>) -> Result<Door, Trouble> {
        let address = listener.address();
        let connection = wirelight_net::Config { interims_max: INTERIMS_MAX, ..wirelight_net::Config::default() };
        let config = Config { connection, ..Config::default() };
        let server = Server::observed(config, self.shared.clock.clone(), self.observer.clone());
        let service = entry::around(Entry { shared: Arc::clone(&self.shared), listener: plan.address });
        let workers = Workers::start(&server, vec![listener], self.workers, service).map_err(Trouble::Threads)?;
        Ok(Door { plan, address, acceptor, shutdown: server.shutdown(), workers: Some(workers) })
    }
}

impl Door {
    /// Whether it can serve what another plan says of a listener.
    fn is_for(&self, listen: &Listen) -> bool {
        self.plan.address == listen.address && self.plan.certificates.is_empty() == listen.certificates.is_empty()
    }

    /// Reads the certificates again.
    fn renew(&self, listen: &Listen) -> Result<(), Trouble> {
        match &self.acceptor {
            Some(acceptor) => acceptor.reload(&settings(listen)).map_err(|fault| Trouble::Tls(listen.address, fault)),
            None => Ok(()),
        }
    }
}

fn settings(listen: &Listen) -> Settings {
    let pairs = listen.certificates.iter().cloned();
    let identities = pairs.map(|(chain, key)| Identity::Files(chain, key)).collect();
    Settings { identities, client_authorities: None, http2: true, key_log: None }
}

fn open(listen: &Listen) -> Result<(Listener, Option<Arc<Acceptor>>), Trouble> {
    let acceptor = match listen.certificates.is_empty() {
        true => None,
        false => {
            let acceptor = Acceptor::new(&settings(listen)).map_err(|fault| Trouble::Tls(listen.address, fault))?;
            Some(Arc::new(acceptor))
        }
    };
    let listener = Listener::tcp(listen.address).map_err(|error| Trouble::Listen(listen.address, error))?;
    Ok(match acceptor {
        Some(acceptor) => (listener.secured(Arc::clone(&acceptor)), Some(acceptor)),
        None => (listener, None),
    })
}
