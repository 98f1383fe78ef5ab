//! Worker threads, each with a single-threaded runtime and a listening socket of its own.
//!
//! Nothing is stolen and nothing is shared on the way of a request: a connection stays on the core that accepted it. A
//! handler that blocks holds up its core's other connections, and `block_in_place` panics there; use `spawn_blocking`.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use wirelight_service::{Service, ServiceExt};

use crate::accept;
use crate::{Listener, Server};

/// Worker threads that serve.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Workers {
    /// Starts `count` workers that serve what comes in on `listeners`; without a count, one a core.
    pub fn start<S: Service>(
        server: &Server,
        listeners: Vec<Listener>,
        count: Option<NonZeroUsize>,
        service: S,
    ) -> io::Result<Self> {
        let count = count.or(thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let mut shares: Vec<Vec<Listener>> = Vec::new();
        for _ in 1..count {
            shares.push(listeners.iter().map(Listener::another).collect::<io::Result<_>>()?);
        }
        shares.push(listeners);
        Self::start_with(server, shares, service)
    }

    /// Starts a worker for each share, which serves what comes in on the listeners of that share.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start_with<S: Service>(server: &Server, shares: Vec<Vec<Listener>>, service: S) -> io::Result<Self> {
        let service = service.shared();
        let mut threads = Vec::new();
        for (index, share) in shares.into_iter().enumerate() {
            let (server, service) = (server.clone(), service.clone());
            let work = move || work(&server, share, service);
            threads.push(thread::Builder::new().name(format!("wirelight-{index}")).spawn(work)?);
        }
        Ok(Self { threads })
    }

    /// Waits until the server has been shut down and every connection has ended.
    pub fn join(self) -> io::Result<()> {
        for thread in self.threads {
            thread.join().map_err(|_| io::Error::other("a worker thread panicked"))??;
        }
        Ok(())
    }
}

fn work<S: Service>(server: &Server, listeners: Vec<Listener>, service: S) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One count of references a worker, so that no two cores write to the same one.
    let service = Arc::new(service);
    runtime.block_on(async {
        let mut accepting = tokio::task::JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept::run(Arc::clone(&server.shared), listener, Arc::clone(&service)));
        }
        while let Some(ended) = accepting.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        server.drained().await;
        Ok(())
    })
}
