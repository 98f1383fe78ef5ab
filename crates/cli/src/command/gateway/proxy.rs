//! `wirelight proxy`: everything to one group of servers, without a config file.

use wirelight_gateway::access_log::Format;
use wirelight_gateway::config::Plan;
use wirelight_gateway::config::plan::AccessLog;
use wirelight_gateway::run::{Gateway, Settings};

use super::signals::Signals;
use super::successor::{self, Successors};
use super::{announce, explain_trouble, systemd};
use crate::args::{Log, Proxy};
use crate::command::inspect::Inspection;
use crate::exit::Failure;
use crate::print::Paint;

/// Forwards until TERM or INT, and returns once every exchange under way was answered.
pub(crate) fn run(arguments: &Proxy) -> Result<(), Failure> {
    let successors = Successors::prepare();
    let predecessor = successor::predecessor()?;
    let mut plan = Plan::proxy(arguments.address, arguments.servers.clone());
    let servers: Vec<String> = plan.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let format = match arguments.log {
        Log::Combined => Format::Combined,
        Log::Json => Format::Json,
        Log::Pretty => Format::Pretty { colors: Paint::stdout().colors(), decisions: arguments.verbose },
    };
    plan.access_log = (!arguments.quiet).then_some(AccessLog { file: None, format, rotation: None });
    let inherited = predecessor.as_ref().map(|predecessor| predecessor.sockets()).transpose()?.unwrap_or_default();
    let inspection = Inspection::open(&arguments.inspect, None)?;
    let observer = inspection.as_ref().map(Inspection::observer);
    let settings = Settings { workers: arguments.workers, inherited, observer, ..Settings::default() };
    let gateway = Gateway::open(plan, settings).map_err(explain_trouble)?;
    let what = format!("forwarding to {}", servers.join(", "));
    for address in gateway.addresses() {
        announce(&what, &address, arguments.log == Log::Pretty)?;
    }
    let _told = inspection.map(|inspection| inspection.serve(&gateway.addresses())).transpose()?;
    if let Some(predecessor) = predecessor {
        predecessor.relieve()?;
    }
    systemd::ready();
    signals.obey(&gateway, &successors, || eprintln!("wirelight: there is no config file to read again"));
    let ended = gateway.join();
    drop(gateway);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}
