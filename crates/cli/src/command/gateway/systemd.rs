//! What systemd is told of us, where it wants to know (sd_notify). Elsewhere nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

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

/// We are alive.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often systemd wants to hear that we are alive, if it does: twice as often as it would act.
pub(super) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2).filter(|every| !every.is_zero())
}

fn tell(states: &[NotifyState<'_>]) {
    // Whoever started us may have gone away; we serve all the same.
    let _ = sd_notify::notify(states);
}
