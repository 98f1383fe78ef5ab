//! What a running gateway is told by signals.

use std::io;
use std::process;
use std::thread;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use wirelight_gateway::run::Gateway;

use super::successor::Successors;
use super::systemd;
use crate::exit::INTERRUPTED;

/// TERM, INT, HUP, USR1 and USR2, heard from the moment this is made.
pub(super) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    first: Signal,
    second: Signal,
}

/// How serving ends.
enum End {
    /// We were told to; another process may be about to serve in our place.
    Told { awaits_successor: bool },
    /// Another process serves in our place.
    Succeeded,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        let first = signal(SignalKind::user_defined1())?;
        let second = signal(SignalKind::user_defined2())?;
        drop(entered);
        Ok(Self { runtime, terminate, interrupt, hang_up, first, second })
    }

    /// Obeys until the gateway is told to drain by TERM or INT, or another process serves in its place.
    ///
    /// HUP calls `reload`, USR1 has log files opened again, and USR2 starts a successor. An INT after the end has begun
    /// ends the process.
    pub(super) fn obey(self, gateway: &Gateway, successors: &Successors, reload: impl Fn()) {
        let Self { runtime, mut terminate, mut interrupt, mut hang_up, mut first, mut second } = self;
        let end = runtime.block_on(async {
            let (tell, mut told) = mpsc::channel(1);
            let mut heart = systemd::heartbeat().map(tokio::time::interval);
            let mut watchdog = systemd::Watchdog::default();
            let mut awaits_successor = false;
            loop {
                tokio::select! {
                    _ = terminate.recv() => break End::Told { awaits_successor },
                    _ = interrupt.recv() => break End::Told { awaits_successor },
                    _ = hang_up.recv() => reload(),
                    _ = first.recv() => gateway.reopen_logs(),
                    _ = second.recv() => {
                        if awaits_successor {
                            eprintln!("wirelight: a new process is being started already");
                            continue;
                        }
                        awaits_successor = successors.start(gateway, tell.clone());
                    }
                    Some(process) = told.recv() => {
                        awaits_successor = false;
                        if let Some(process) = process {
                            systemd::succeeded_by(process);
                            break End::Succeeded;
                        }
                    }
                    () = beat(&mut heart) => watchdog.look(gateway),
                }
            }
        });
        thread::spawn(move || {
            runtime.block_on(async {
                interrupt.recv().await;
                process::exit(INTERRUPTED.into());
            });
        });
        match end {
            End::Told { awaits_successor } => {
                systemd::stopping();
                if awaits_successor {
                    gateway.leave_control();
                }
                gateway.drain();
            }
            End::Succeeded => gateway.retire(),
        }
    }
}

/// Waits for the next moment to say that we are alive; for ever, where nobody wants to know.
async fn beat(heart: &mut Option<tokio::time::Interval>) {
    match heart {
        Some(heart) => drop(heart.tick().await),
        None => std::future::pending().await,
    }
}
