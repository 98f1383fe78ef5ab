//! The flags of every command that listens.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use super::{Inspect, Tls};

/// Where to listen, and what to print about it.
#[derive(Debug, Args)]
pub(crate) struct Listen {
    /// The port to listen on, by default 8080, or 8443 for HTTPS; 0 lets the system pick a free one, and its number is
    /// printed.
    #[arg(short, long, value_name = "PORT", env = "PORT", hide_env_values = true)]
    pub(crate) port: Option<u16>,

    /// The address to listen on; 0.0.0.0 or :: makes it reachable from other machines.
    #[arg(short, long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) address: IpAddr,

    /// How many threads serve, each with its own listener; by default one for each core.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How the line for each exchange looks. With combined and json, standard output holds nothing but those lines.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Log::Pretty)]
    pub(crate) log: Log,

    /// Print the exact bytes of each request as they arrived, and of each response head as it left.
    #[arg(long)]
    pub(crate) raw: bool,

    /// Print nothing but errors and the address.
    #[arg(short, long, conflicts_with_all = ["verbose", "raw"])]
    pub(crate) quiet: bool,

    /// Print with each exchange what was decided, by which rule, and why.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) inspect: Inspect,

    #[command(flatten)]
    pub(crate) tls: Tls,
}

impl Listen {
    /// The port to listen on.
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_on() { 8443 } else { 8080 })
    }
}

/// How the line for each exchange looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// The line that Apache and nginx write, for programs that read those.
    Combined,
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}
