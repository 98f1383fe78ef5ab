//! The flags of the inspector, and the arguments of `why` and `watch`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use clap::Args;

use crate::exit;

/// Whether exchanges are kept to be looked at.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Keep the newest exchanges, and show each with its bytes and its reasons on a page: at 127.0.0.1:4040, or the
    /// next port that is free, or at ADDRESS.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, require_equals = true, value_parser = address)]
    #[expect(clippy::option_option, reason = "the parser's way to say: with a value, without one, or not at all")]
    pub(crate) inspect: Option<Option<SocketAddr>>,
}

/// Where a running inspector is.
#[derive(Debug, Args)]
pub(crate) struct Inspector {
    /// The inspector's URL, as it was printed; without it, the newest that this user runs.
    #[arg(long = "at", value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// The token, where the URL does not hold it.
    #[arg(long, value_name = "TOKEN", env = "WIRELIGHT_INSPECT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// The arguments of `why`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight why                      the newest exchange in which something was declined
  wirelight why 3-2                  the second exchange of the third connection
  wirelight why --filter '~c 5xx'    the newest that a filter wants

A server tells why once it runs with --inspect.

{}", exit::STATUSES))]
pub(crate) struct Why {
    /// The connection and which exchange of it, as the page and `watch` name it.
    #[arg(value_name = "ID", conflicts_with = "filter")]
    pub(crate) id: Option<String>,

    /// The newest exchange that this filter wants, such as `~m POST & ~c 5xx`.
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Option<String>,

    /// Print all that is known, as JSON.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) inspector: Inspector,
}

/// The arguments of `watch`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight watch                       the exchanges of the server that runs with --inspect
  wirelight watch --filter '~e'         only those in which something went wrong

Keys:
  j k, arrows   down and up           Enter   the story of one     s m b i   its sides
  /             a filter              p       pause and go on      r   y     send again, copy
  g G           oldest and newest     ?       all keys             q         end

{}", exit::STATUSES))]
pub(crate) struct Watch {
    /// The inspector's URL, as it was printed; without it, the newest that this user runs.
    #[arg(value_name = "URL", value_hint = clap::ValueHint::Url)]
    pub(crate) url: Option<String>,

    /// Show only what this filter wants, such as `~m POST & ~c 5xx`.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub(crate) filter: String,

    /// The token, where the URL does not hold it.
    #[arg(long, value_name = "TOKEN", env = "WIRELIGHT_INSPECT_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// An address of this machine, its port, or both; without an address, the one that no other machine reaches.
fn address(text: &str) -> Result<SocketAddr, String> {
    let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
    let port = text.strip_prefix(':').unwrap_or(text).parse().map(at);
    port.or_else(|_| text.parse()).map_err(|_| "not an address and a port, such as 127.0.0.1:4040 or :4040".to_owned())
}
