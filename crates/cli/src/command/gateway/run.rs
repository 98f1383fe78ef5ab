//! `wirelight run`: what a config file says.

use std::path::Path;

use wirelight_gateway::run::handover::Inherited;
use wirelight_gateway::run::{Gateway, Settings, Unreloadable};
use wirelight_server::Listener;

use super::signals::Signals;
use super::successor::{self, Successors};
use super::{announce, control, explain_faults, explain_trouble, systemd};
use crate::args::Run;
use crate::command::inspect::Inspection;
use crate::exit::Failure;

/// Runs the config until TERM or INT, and returns once every exchange under way was answered.
pub(crate) fn run(arguments: &Run) -> Result<(), Failure> {
    let path = &arguments.file.config;
    let successors = Successors::prepare();
    let predecessor = successor::predecessor()?;
    let plan = super::plan(path)?;
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let prints_lines = plan.prints_lines();
    let mut inherited = match &predecessor {
        Some(predecessor) => predecessor.sockets()?,
        None => {
            let given = Listener::inherited()
                .map_err(|error| Failure::new(format!("the sockets given by LISTEN_FDS cannot be used: {error}")))?;
            let (inherited, left) = Inherited::matching(&plan, given);
            for address in left {
                eprintln!("wirelight: nobody listens on the socket {address} that was given: no site is for it");
            }
            inherited
        }
    };
    inherited.control = match inherited.control.take() {
        Some(socket) => Some(socket),
        None => control::open(path, arguments.control.as_deref()),
    };
    let inspection = Inspection::planned(&arguments.inspect, &plan)?;
    let settings = Settings {
        workers: arguments.workers,
        observer: inspection.as_ref().map(Inspection::observer),
        source: Some(path.clone()),
        grace: arguments.grace,
        inherited,
        ..Settings::default()
    };
    let gateway = Gateway::open(plan, settings).map_err(explain_trouble)?;
    for address in gateway.addresses() {
        announce("running", &address, !prints_lines)?;
    }
    let _told = inspection.map(|inspection| inspection.serve(&gateway.addresses())).transpose()?;
    if let Some(predecessor) = predecessor {
        predecessor.relieve()?;
        // Had we failed before, the file would still be the other's.
        gateway.own_control();
    }
    systemd::ready();
    signals.obey(&gateway, &successors, || reload(&gateway, path));
    let ended = gateway.join();
    drop(gateway);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}

/// Reads the config again; a bad one changes nothing.
fn reload(gateway: &Gateway, path: &Path) {
    systemd::reloading();
    match gateway.read_again() {
        Ok(reload) => eprint!("wirelight: {} was read again: {reload}", path.display()),
        Err(unreloadable) => {
            let failure = match unreloadable {
                Unreloadable::Config(unusable) => explain_faults(&unusable, path),
                Unreloadable::Trouble(trouble) => explain_trouble(trouble),
                Unreloadable::NoSource => Failure::new(unreloadable),
            };
            // The status is that of a command that ends; this one goes on.
            let _ = failure.report();
            eprintln!("wirelight: nothing was changed");
        }
    }
    systemd::ready();
}
