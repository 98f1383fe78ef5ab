//! The arguments of `trust`.

use clap::Args;

use crate::exit;

/// The arguments of `trust`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Without --yes, nothing is changed: what would be done is printed.

Examples:
  wirelight trust                what would be done, command by command
  wirelight trust --yes          have this machine's programs and browsers trust the local authority
  wirelight trust --undo --yes   and no longer

{}", exit::STATUSES))]
pub(crate) struct Trust {
    /// Do it.
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Take the trust back instead.
    #[arg(long)]
    pub(crate) undo: bool,
}
