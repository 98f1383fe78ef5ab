//! A listener with its workers, and the sockets that a later process may take over.

use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use wirelight_net::tls::{Acceptor, Settings};
use wirelight_server::{Address, Listener, Pulse, Server, Workers};
use wirelight_service::{Clock, Service};

use super::Trouble;
use crate::config::plan::{Introductions, Listen};
use crate::tls::certificates::Fault;
use crate::tls::{Authority, Certificates, Source, Watch, authority, names};

/// A listener with its workers. Each is a server of its own, so that one can go without the others.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) plan: Listen,
    pub(super) address: Address,
    acceptor: Option<Arc<Acceptor>>,
    /// Keeps the certificates up to date.
    watch: Mutex<Option<Watch>>,
    server: Server,
    workers: Option<Workers>,
    pulse: Pulse,
    /// The sockets once more, for whoever takes over; none once nobody new is let in.
    sockets: Vec<Listener>,
}

/// What a door needs, opened: everything that can fail has not.
#[derive(Debug)]
pub(super) struct Opened {
    certificates: Option<Certificates>,
    sockets: Vec<Listener>,
}

impl Opened {
    /// Opens sockets for a listener, one for each worker, unless there are some already.
    pub(super) fn new(listen: &Listen, given: Vec<Listener>, workers: NonZeroUsize) -> Result<Self, Trouble> {
        let certificates = match listen.is_secure() {
            true => Some(Certificates::open(source(listen)?, rest(), now()).map_err(|fault| faulty(listen, fault))?),
            false => None,
        };
        let sockets = match given.is_empty() {
            true => bound(listen, workers).map_err(|error| Trouble::Listen(listen.address, error))?,
            false => given,
        };
        Ok(Self { certificates, sockets })
    }
}

fn bound(listen: &Listen, workers: NonZeroUsize) -> io::Result<Vec<Listener>> {
    let first = Listener::tcp(listen.address)?;
    let mut sockets = (1..workers.get()).map(|_| first.another()).collect::<io::Result<Vec<_>>>()?;
    sockets.insert(0, first);
    Ok(sockets)
}

impl Door {
    /// Lets connections in; from then on that `located` holds, they say to which of our addresses they were made.
    pub(super) fn serve(
        plan: Listen,
        opened: Opened,
        workers: NonZeroUsize,
        server: Server,
        (service, located): (impl Service, Arc<AtomicBool>),
    ) -> io::Result<Self> {
        let Opened { certificates, sockets } = opened;
        let acceptor = certificates.as_ref().map(Certificates::acceptor);
        let watch = certificates.map(tended).transpose()?;
        let introductions = plan.introductions.clone().map(|Introductions { from, timeout }| {
            let is_believed = move |peer| from.iter().any(|network| network.contains(peer));
            let is_believed: Box<dyn Fn(IpAddr) -> bool + Send + Sync> = Box::new(is_believed);
            Arc::new(wirelight_server::Introductions { is_believed, header_timeout: timeout })
        });
        let count = workers.get();
        let secured = |socket: &Listener| {
            let mut listener = socket.duplicate()?.located(Arc::clone(&located));
            if let Some(introductions) = &introductions {
                listener = listener.introduced(Arc::clone(introductions));
            }
            Ok(match &acceptor {
                Some(acceptor) => listener.secured(Arc::clone(acceptor)),
                None => listener,
            })
        };
        // Each socket has a worker, and each worker a socket, whoever opened them for however many.
        let share = |worker: usize| {
            let of_it = (0..count.max(sockets.len())).filter(|turn| turn % count == worker);
            of_it.map(|turn| secured(&sockets[turn % sockets.len()])).collect::<io::Result<Vec<_>>>()
        };
        let shares: Vec<Vec<Listener>> = (0..count).map(share).collect::<io::Result<_>>()?;
        let address = shares.iter().flatten().next().map_or(Address::Unnamed, Listener::address);
        let workers = Workers::start_with(&server, shares, service)?;
        let watch = Mutex::new(watch);
        let pulse = workers.pulse();
        Ok(Self { plan, address, acceptor, watch, server, workers: Some(workers), pulse, sockets })
    }

    /// Whether it can go on as what another plan says of a listener.
    pub(super) fn is_for(&self, listen: &Listen) -> bool {
        self.is_at(listen)
            && self.plan.is_secure() == listen.is_secure()
            && self.plan.introductions == listen.introductions
    }

    /// Whether it is where another plan has a listener.
    pub(super) fn is_at(&self, listen: &Listen) -> bool {
        self.plan.address == listen.address
    }

    /// Reads the certificates again.
    pub(super) fn renew(&self, listen: &Listen) -> Result<(), Trouble> {
        let Some(acceptor) = &self.acceptor else { return Ok(()) };
        let certificates = Certificates::exchange_for(Arc::clone(acceptor), source(listen)?, rest(), now());
        let watch = tended(certificates.map_err(|fault| faulty(listen, fault))?).map_err(Trouble::Threads)?;
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(watch);
        Ok(())
    }

    /// The sockets that connections come in on, once more.
    pub(super) fn sockets(&self) -> io::Result<Vec<Listener>> {
        self.sockets.iter().map(Listener::duplicate).collect()
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        self.server.connections()
    }

    /// Lets nobody in any more; each connection ends with its next exchange.
    pub(super) fn retire(&mut self) {
        self.sockets.clear();
        self.server.shutdown().retire();
    }

    /// Lets nobody in any more; connections end as soon as nothing is under way on them.
    pub(super) fn drain(&mut self) {
        self.sockets.clear();
        self.server.shutdown().drain();
    }

    /// Which of its workers did not answer the nudge before this one.
    pub(super) fn silent(&self) -> Vec<usize> {
        let silent = self.pulse.silent();
        self.pulse.nudge();
        silent
    }

    /// What is waited for until every connection has ended.
    pub(super) fn take_workers(&mut self) -> Option<Workers> {
        self.workers.take()
    }

    /// Drains, and is waited for by nobody.
    pub(super) fn dismiss(mut self) {
        self.drain();
        if let Some(workers) = self.take_workers() {
            thread::spawn(move || workers.join());
        }
    }
}

/// How often files are asked whether they have changed, and the local authority's certificates whether they end soon.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Keeps certificates up to date for as long as what is returned is kept.
fn tended(certificates: Certificates) -> io::Result<Watch> {
    // What cannot be exchanged stays as it was, and the next look is soon.
    certificates.watch(LOOK_EVERY, Clock::system(), |_| {})
}

/// Where the certificates of a listener come from.
fn source(listen: &Listen) -> Result<Source, Trouble> {
    let files = listen.certificates.clone();
    if listen.vouched.is_empty() {
        return Ok(Source::Files(files));
    }
    let troubled = |because: String| Trouble::Authority(listen.address, because);
    let folder = authority::folder_of_user()
        .ok_or_else(|| troubled("neither XDG_DATA_HOME nor HOME names a folder for it".to_owned()))?;
    let authority = Authority::open_or_make(&folder, &authority::whose(), now());
    let authority = Box::new(authority.map_err(|fault| troubled(fault.to_string()))?);
    let names = names::of_hosts(&listen.vouched, listen.address.ip());
    Ok(if files.is_empty() { Source::Local(authority, names) } else { Source::Both(files, authority, names) })
}

fn faulty(listen: &Listen, fault: Fault) -> Trouble {
    match fault {
        Fault::Settings(fault) => Trouble::Tls(listen.address, fault),
        Fault::Authority(fault) => Trouble::Authority(listen.address, fault.to_string()),
    }
}

/// What TLS is told but for the certificates.
fn rest() -> Settings {
    Settings { identities: Vec::new(), client_authorities: None, http2: true, key_log: None }
}

fn now() -> SystemTime {
    Clock::system().wall()
}
