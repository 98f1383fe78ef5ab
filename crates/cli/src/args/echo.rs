//! The arguments of `echo`.

use clap::Args;

use super::Listen;
use crate::exit;

/// The arguments of `echo`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight echo -p 0                          on a free port; / describes every endpoint
  curl -d hello http://127.0.0.1:8080/echo     what arrived, as JSON
  curl -H 'Accept: text/plain' http://127.0.0.1:8080/any/path?you=like
  curl -i http://127.0.0.1:8080/status/503

{}", exit::STATUSES))]
pub(crate) struct Echo {
    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Let pages of any origin read the answers (CORS), without credentials.
    #[arg(long)]
    pub(crate) cors: bool,
}
