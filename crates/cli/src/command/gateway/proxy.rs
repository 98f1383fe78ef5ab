//! `wirelight proxy`: everything to one group of servers, without a config file.

use wirelight_gateway::access_log::Format;
use wirelight_gateway::config::Plan;
use wirelight_gateway::config::plan::AccessLog;
use wirelight_gateway::run::Gateway;
use wirelight_service::Clock;

use super::signals::Signals;
use super::{announce, explain_trouble, log};
use crate::args::{Log, Proxy};
use crate::exit::Failure;
use crate::print::Paint;

/// Forwards until TERM or INT, and returns once every exchange under way was answered.
pub(crate) fn run(arguments: &Proxy) -> Result<(), Failure> {
    let plan = Plan::proxy(arguments.address, arguments.servers.clone());
    let servers: Vec<String> = plan.upstreams.iter().map(|upstream| upstream.name.clone()).collect();
    let signals = Signals::listen().map_err(|error| Failure::new(format!("signals cannot be heard: {error}")))?;
    let (observer, writer) = match arguments.quiet {
        true => (None, None),
        false => {
            let format = match arguments.log {
                Log::Combined => Format::Combined,
                Log::Json => Format::Json,
                Log::Pretty => Format::Pretty { colors: Paint::stdout().colors(), decisions: arguments.verbose },
            };
            let (observer, writer) = log::start(&AccessLog { file: None, format })?;
            (Some(observer), Some(writer))
        }
    };
    let gateway = Gateway::start(plan, arguments.workers, observer, Clock::system()).map_err(explain_trouble)?;
    let what = format!("forwarding to {}", servers.join(", "));
    for address in gateway.addresses() {
        announce(&what, &address, arguments.log == Log::Pretty)?;
    }
    signals.obey(&gateway, || eprintln!("wirelight: there is no config file to read again"));
    let ended = gateway.join();
    drop(gateway);
    drop(writer);
    ended.map_err(|error| Failure::new(format!("serving stopped: {error}")))
}
