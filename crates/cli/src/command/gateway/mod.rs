//! The gateway's commands.

mod check;
pub(super) mod control;
mod explain;
mod fmt;
mod hash_password;
mod proxy;
mod reload;
mod run;
mod signals;
mod successor;
mod systemd;

use std::io::Write;
use std::path::Path;

use wirelight_gateway::config::{File, Plan, Unusable};
use wirelight_gateway::run::Trouble;
use wirelight_server::Address;

pub(crate) use check::run as check;
pub(crate) use explain::run as explain;
pub(crate) use fmt::run as fmt;
pub(crate) use hash_password::run as hash_password;
pub(crate) use proxy::run as proxy;
pub(crate) use reload::run as reload;
pub(crate) use run::run;

use crate::exit::Failure;
use crate::print::Paint;

/// Reads a config and makes its plan; faults are printed where they stand.
fn plan(path: &Path) -> Result<Plan, Failure> {
    let file = read(path)?;
    file.plan().map_err(|faults| explain_faults(&faults.into(), path))
}

fn read(path: &Path) -> Result<File, Failure> {
    File::read(path).map_err(|unusable| explain_faults(&unusable, path))
}

fn explain_faults(unusable: &Unusable, path: &Path) -> Failure {
    match unusable {
        Unusable::Unreadable(_, error) if error.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(format!("there is no config file `{}`", path.display()))
                .advise("Name it with --config, or forward without one: wirelight proxy :8080 http://127.0.0.1:3000.")
        }
        Unusable::Unreadable(..) => Failure::new(unusable),
        Unusable::Faulty(faults) => {
            eprintln!("{}\n", faults.render(Paint::stderr().colors()));
            let count = match faults.list().len() {
                1 => "one fault".to_owned(),
                count => format!("{count} faults"),
            };
            Failure::new(format!("{} has {count}", path.display()))
        }
    }
}

fn explain_trouble(trouble: Trouble) -> Failure {
    let failure = Failure::new(&trouble);
    match &trouble {
        Trouble::Listen(_, error) => match error.kind() {
            std::io::ErrorKind::AddrInUse => failure.advise("Another program has that port: choose another."),
            std::io::ErrorKind::PermissionDenied => {
                failure.advise("Ports below 1024 are for the administrator: choose another.")
            }
            _ => failure,
        },
        _ => failure,
    }
}

/// Tells where we listen: with the log for people, and apart from a log for programs.
fn announce(what: &str, address: &Address, with_log: bool) -> Result<(), Failure> {
    if with_log {
        let line = format!("{what} on {}\n", Paint::stdout().strong(address));
        std::io::stdout().write_all(line.as_bytes()).map_err(Failure::of_output)
    } else {
        eprintln!("{what} on {}", Paint::stderr().strong(address));
        Ok(())
    }
}
