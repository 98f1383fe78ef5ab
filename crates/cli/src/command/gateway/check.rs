//! `wirelight check`: everything that is wrong with a config.

use std::io::Write;

use crate::args::Check;
use crate::exit::Failure;

/// Reads the config, and says what is wrong with it or what it comes to.
pub(crate) fn run(arguments: &Check) -> Result<(), Failure> {
    let plan = super::plan(arguments.config())?;
    let text = if arguments.plan {
        plan.to_string()
    } else {
        let routes: usize = plan.sites.iter().map(|site| site.routes.len()).sum();
        let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        format!(
            "{}: {} with {} on {}: no fault\n",
            arguments.config().display(),
            counted(plan.sites.len(), "site"),
            counted(routes, "route"),
            counted(plan.listeners.len(), "listener")
        )
    };
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::of_output)
}
