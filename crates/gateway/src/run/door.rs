//! A listener with its workers, and the sockets that a later process may take over.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;

use wirelight_net::tls::{Acceptor, Identity, Settings};
use wirelight_server::{Address, Listener, Server, Workers};
use wirelight_service::Service;

use super::Trouble;
use crate::config::plan::Listen;

/// A listener with its workers. Each is a server of its own, so that one can go without the others.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) plan: Listen,
    pub(super) address: Address,
    acceptor: Option<Arc<Acceptor>>,
    server: Server,
    workers: Option<Workers>,
    /// The sockets once more, for whoever takes over; none once nobody new is let in.
    sockets: Vec<Listener>,
}

/// What a door needs, opened: everything that can fail has not.
#[derive(Debug)]
pub(super) struct Opened {
    acceptor: Option<Arc<Acceptor>>,
    sockets: Vec<Listener>,
}

impl Opened {
    /// Opens sockets for a listener, one for each worker, unless there are some already.
    pub(super) fn new(listen: &Listen, given: Vec<Listener>, workers: NonZeroUsize) -> Result<Self, Trouble> {
        let acceptor = match listen.certificates.is_empty() {
            true => None,
            false => {
                let acceptor = Acceptor::new(&settings(listen)).map_err(|fault| Trouble::Tls(listen.address, fault))?;
                Some(Arc::new(acceptor))
            }
        };
        let sockets = match given.is_empty() {
            true => bound(listen, workers).map_err(|error| Trouble::Listen(listen.address, error))?,
            false => given,
        };
        Ok(Self { acceptor, sockets })
    }
}

fn bound(listen: &Listen, workers: NonZeroUsize) -> io::Result<Vec<Listener>> {
    let first = Listener::tcp(listen.address)?;
    let mut sockets = (1..workers.get()).map(|_| first.another()).collect::<io::Result<Vec<_>>>()?;
    sockets.insert(0, first);
    Ok(sockets)
}

impl Door {
    /// Lets connections in.
    pub(super) fn serve(
        plan: Listen,
        opened: Opened,
        workers: NonZeroUsize,
        server: Server,
        service: impl Service,
    ) -> io::Result<Self> {
        let Opened { acceptor, sockets } = opened;
        let count = workers.get();
        let secured = |socket: &Listener| {
            let listener = socket.duplicate()?;
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
        Ok(Self { plan, address, acceptor, server, workers: Some(workers), sockets })
    }

    /// Whether it can go on as what another plan says of a listener.
    pub(super) fn is_for(&self, listen: &Listen) -> bool {
        self.is_at(listen) && self.plan.certificates.is_empty() == listen.certificates.is_empty()
    }

    /// Whether it is where another plan has a listener.
    pub(super) fn is_at(&self, listen: &Listen) -> bool {
        self.plan.address == listen.address
    }

    /// Reads the certificates again.
    pub(super) fn renew(&self, listen: &Listen) -> Result<(), Trouble> {
        match &self.acceptor {
            Some(acceptor) => acceptor.reload(&settings(listen)).map_err(|fault| Trouble::Tls(listen.address, fault)),
            None => Ok(()),
        }
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

fn settings(listen: &Listen) -> Settings {
    let pairs = listen.certificates.iter().cloned();
    let identities = pairs.map(|(chain, key)| Identity::Files(chain, key)).collect();
    Settings { identities, client_authorities: None, http2: true, key_log: None }
}
