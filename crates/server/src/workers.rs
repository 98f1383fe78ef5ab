//! Worker threads, each with a single-threaded runtime and a listening socket of its own.
//!
//! Nothing is stolen and nothing is shared on the way of a request: a connection stays on the core that accepted it. A
//! handler that blocks holds up its core's other connections, and `block_in_place` panics there; use `spawn_blocking`.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use tokio::sync::Notify;
use wirelight_service::{Service, ServiceExt};

use crate::accept;
use crate::{Listener, Server};

/// Worker threads that serve.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<io::Result<()>>>,
    pulse: Pulse,
}

/// Whether workers still turn: each is nudged, and answers from its event loop. It costs nothing while nobody asks.
/// Clones ask the same workers.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<[Beat]>);

/// What one worker is asked, and has answered.
#[derive(Debug, Default)]
struct Beat {
    nudge: Notify,
    asked: AtomicU64,
    answered: AtomicU64,
}

/// What a worker that has ended as it should has answered.
const ENDED: u64 = u64::MAX;

impl Pulse {
    /// Nudges every worker.
    pub fn nudge(&self) {
        for beat in &*self.0 {
            beat.asked.fetch_add(1, Ordering::Relaxed);
            beat.nudge.notify_one();
        }
    }

    /// Which workers, by their number from 0, have not answered the last nudge.
    pub fn silent(&self) -> Vec<usize> {
        let is_silent = |beat: &Beat| beat.answered.load(Ordering::Acquire) < beat.asked.load(Ordering::Relaxed);
        self.0.iter().enumerate().filter(|(_, beat)| is_silent(beat)).map(|(number, _)| number).collect()
    }
}

impl Beat {
    /// Answers for as long as it is polled.
    async fn answer(pulse: Pulse, number: usize) {
        let beat = &pulse.0[number];
        loop {
            beat.nudge.notified().await;
            beat.answered.store(beat.asked.load(Ordering::Relaxed), Ordering::Release);
        }
    }
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
        let pulse = Pulse(shares.iter().map(|_| Beat::default()).collect());
        for (index, share) in shares.into_iter().enumerate() {
            let (server, service, pulse) = (server.clone(), service.clone(), pulse.clone());
            let work = move || work(&server, share, service, (pulse, index));
            threads.push(thread::Builder::new().name(format!("wirelight-{index}")).spawn(work)?);
        }
        Ok(Self { threads, pulse })
    }

    /// What asks them whether they still turn.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Waits until the server has been shut down and every connection has ended.
    pub fn join(self) -> io::Result<()> {
        for thread in self.threads {
            thread.join().map_err(|_| io::Error::other("a worker thread panicked"))??;
        }
        Ok(())
    }
}

fn work<S: Service>(
    server: &Server,
    listeners: Vec<Listener>,
    service: S,
    (pulse, number): (Pulse, usize),
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // One count of references a worker, so that no two cores write to the same one.
    let service = Arc::new(service);
    runtime.spawn(Beat::answer(pulse.clone(), number));
    let ended = runtime.block_on(async {
        let mut accepting = tokio::task::JoinSet::new();
        for listener in listeners {
            accepting.spawn(accept::run(Arc::clone(&server.shared), listener, Arc::clone(&service)));
        }
        while let Some(ended) = accepting.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        server.drained().await;
        Ok(())
    });
    pulse.0[number].answered.store(ENDED, Ordering::Release);
    ended
}
