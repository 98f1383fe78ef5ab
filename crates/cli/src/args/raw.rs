//! The arguments of `raw`.

use std::time::Duration;

use clap::Args;

use crate::exit;

/// The arguments of `raw`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Standard output gets exactly the bytes that came back; notes go to standard error.

Examples:
  printf 'GET / HTTP/1.1\\r\\nHost: me\\r\\nConnection: close\\r\\n\\r\\n' | wirelight raw 127.0.0.1:8080
  wirelight raw example.test:80 < request.http > response.http
  wirelight raw --wait 60 127.0.0.1:8080 < half-a-request.http

{}", exit::STATUSES))]
pub(crate) struct Raw {
    /// The server: a name or an address, and a port.
    #[arg(value_name = "HOST:PORT")]
    pub(crate) server: String,

    /// Close our sending side when standard input ends; some servers take that for a client that went away.
    #[arg(long)]
    pub(crate) half_close: bool,

    /// End when nothing has come for so many seconds, once standard input has ended.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    pub(crate) wait: Duration,

    /// Print no notes.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(length) if !length.is_zero() => Ok(length),
        _ => Err("not a length of time".to_owned()),
    }
}
