//! What a running gateway is told by signals.

use std::io;
use std::process;
use std::thread;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use wirelight_gateway::run::Gateway;

use crate::exit::INTERRUPTED;

/// TERM, INT and HUP, heard from the moment this is made.
pub(super) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let entered = runtime.enter();
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hang_up = signal(SignalKind::hangup())?;
        drop(entered);
        Ok(Self { runtime, terminate, interrupt, hang_up })
    }

    /// Obeys until the gateway is told to drain by TERM or INT; HUP calls `reload`. An INT after that ends the process.
    pub(super) fn obey(self, gateway: &Gateway, reload: impl Fn()) {
        let Self { runtime, mut terminate, mut interrupt, mut hang_up } = self;
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = terminate.recv() => break,
                    _ = interrupt.recv() => break,
                    _ = hang_up.recv() => reload(),
                }
            }
        });
        gateway.drain();
        thread::spawn(move || {
            runtime.block_on(async {
                interrupt.recv().await;
                process::exit(INTERRUPTED.into());
            });
        });
    }
}
