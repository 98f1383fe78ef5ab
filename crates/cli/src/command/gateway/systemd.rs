//! What systemd is told of us, where it wants to know (sd_notify). Elsewhere nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;
use wirelight_gateway::run::Gateway;

/// We serve.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The config is being read again.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// Nothing new begins.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Another process serves in our place.
pub(super) fn succeeded_by(process: u32) {
    tell(&[NotifyState::MainPid(process), NotifyState::Ready]);
}

/// Tells that we are alive for as long as every thread turns.
#[derive(Default)]
pub(super) struct Watchdog {
    /// Those that did not turn when it was last looked.
    silent: Vec<String>,
}

impl Watchdog {
    /// Looks whether every thread has turned since the last time, and says so; systemd hears nothing while one has not.
    pub(super) fn look(&mut self, gateway: &Gateway) {
        let silent = gateway.silent_threads();
        for thread in silent.iter().filter(|thread| !self.silent.contains(thread)) {
            eprintln!(
                "wirelight: {thread} does not turn; systemd is not told that this process is alive until it does"
            );
        }
        self.silent = silent;
        if self.silent.is_empty() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

/// How often it is looked whether we are alive, if systemd wants to hear of it: four times as often as it would act, so
/// that a thread that is busy for up to half of that time costs nothing.
pub(super) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 4).filter(|every| !every.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    // Whoever started us may have gone away; we serve all the same.
    let _ = sd_notify::notify(states);
}
