//! `wirelight run`: what a config file says.

use std::path::Path;

use wirelight_gateway::run::Gateway;
use wirelight_service::Clock;

use super::signals::Signals;
use super::{announce, explain_trouble, log};
use crate::args::Run;
use crate::exit::Failure;

/// Runs the config until TERM or INT, and returns once every exchange under way was answered.
pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let path = &arguments.file.config;
    let plan = super::plan(path)?;
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let prints_lines = plan.access_log.as_ref().is_some_and(|log| log.file.is_none());
    let (observer, writer) = match &plan.access_log {
        Some(kept) => {
            let (observer, writer) = log::start(kept)?;
            (Some(observer), Some(writer))
        }
        None => (None, None),
    };
    let gateway = Gateway::start(plan, arguments.workers, observer, Clock::system()).map_err(explain_trouble)?;
    for address in gateway.addresses() {
        announce("running", &address, !prints_lines)?;
    }
    signals.obey(&gateway, || reload(&gateway, path));
    let ended = gateway.join();
    drop(gateway);
    drop(writer);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}

/// Reads the config again; a bad one changes nothing.
fn reload(gateway: &Gateway, path: &Path) {
    let reloaded = super::plan(path).and_then(|plan| gateway.reload(plan).map_err(explain_trouble));
    match reloaded {
        Ok(()) => eprintln!("wirelight: {} was read again", path.display()),
        Err(failure) => {
            // The status is that of a command that ends; this one goes on.
            let _ = failure.report();
            eprintln!("wirelight: nothing was changed");
        }
    }
}
