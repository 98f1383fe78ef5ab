//! `wirelight trust`: whether this machine's programs and browsers trust the local authority.

use std::io::Write;
use std::path::PathBuf;

use wirelight_gateway::tls::Authority;
use wirelight_gateway::tls::authority::Origin;
use wirelight_gateway::tls::trust::{self, Act, Places, Shown, Step, Wish};

use super::tls;
use crate::args::Trust;
use crate::exit::Failure;
use crate::print::Paint;

/// Prints what is to be done, and does it if it was told to.
pub(crate) fn run(arguments: &Trust) -> Result<(), Failure> {
    let wish = if arguments.undo { Wish::Undo } else { Wish::Trust };
    let Some(authority) = authority(arguments)? else {
        return say(match wish {
            Wish::Trust => {
                "There is no local authority yet; `wirelight serve --tls` or `wirelight trust --yes` makes one.\n"
            }
            Wish::Undo => "There is no local authority, so nothing can trust it.\n",
        });
    };
    say(&format!("{}, in {}\n", Paint::stdout().strong(authority.name()), authority.path().display()))?;
    if authority.origin() == Origin::Made {
        say("It was made just now.\n")?;
    }
    say(&format!("SHA-256 {}\n", authority.fingerprint()))?;
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let home = home.ok_or_else(|| Failure::new("HOME is not set, so browsers' profiles cannot be found"))?;
    let steps = trust::plan(&authority, wish, &Places::of_machine(home));
    let mut failed = 0;
    for step in &steps {
        failed += usize::from(!take(step, arguments.yes)?);
    }
    if failed > 0 {
        return Err(Failure::new(format!("{failed} of {} stores could not be changed", steps.len())));
    }
    let waits = steps.iter().any(|step| matches!(step.act, Act::Run(_)));
    match (waits, arguments.yes, wish) {
        (true, false, Wish::Trust) => say("\nNothing was changed. To do it: wirelight trust --yes\n"),
        (true, false, Wish::Undo) => say("\nNothing was changed. To do it: wirelight trust --undo --yes\n"),
        (true, true, _) => say("\nA browser that is open hears of it when it is started again.\n"),
        (false, ..) => Ok(()),
    }
}

/// The authority; made only if it is about to be trusted.
fn authority(arguments: &Trust) -> Result<Option<Authority>, Failure> {
    if arguments.yes && !arguments.undo {
        return tls::authority().map(Some);
    }
    Authority::find(&tls::data_folder()?).map_err(tls::explain_authority)
}

/// Shows a step, and takes it if it is to be taken; false if that failed.
fn take(step: &Step, does: bool) -> Result<bool, Failure> {
    let paint = Paint::stdout();
    say(&format!("\n{}\n", paint.strong(&step.store)))?;
    match &step.act {
        Act::Nothing(because) => say(&format!("  Nothing to do: {because}.\n"))?,
        Act::Cannot(because) => say(&format!("  Nothing can be done: {because}.\n"))?,
        Act::Run(commands) => {
            for command in commands {
                say(&format!("  {}\n", Shown(command)))?;
                if does && let Err(because) = trust::run(command) {
                    say(&format!("  {} {because}\n", paint.bad("It failed:")))?;
                    return Ok(false);
                }
            }
        }
    }
    Ok(true)
}

fn say(text: &str) -> Result<(), Failure> {
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::of_output)
}
