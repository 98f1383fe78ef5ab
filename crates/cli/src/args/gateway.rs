//! The arguments of the gateway's commands: `run`, `proxy`, `check`, `fmt` and `explain`.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use wirelight_gateway::config::plan::UpstreamServer;
use wirelight_gateway::config::value;

use super::{Inspect, Log};
use crate::exit;

/// The config file that is read unless another is named.
const CONFIG: &str = "wirelight.kdl";

/// The arguments of `run`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight run                              what wirelight.kdl in this folder says
  wirelight run --config /etc/wirelight.kdl  another file
  wirelight reload                           read it again, without losing a request

Signals:
  TERM, INT  answer what has begun, and end; a second INT ends at once
  HUP        read the config file again; a bad one changes nothing
  USR1       open the access log again
  USR2       start this command again from the file at the same path, and hand it the listening sockets:
             once it serves, this process answers what it has begun and ends; if it never does, this one goes on

{}", exit::STATUSES))]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) file: Config,

    /// How many threads serve each listener; by default one for each core.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<NonZeroUsize>,

    #[command(flatten)]
    pub(crate) inspect: Inspect,

    /// The socket through which `wirelight reload` finds this process; without, a place of its own for each config.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub(crate) control: Option<PathBuf>,

    /// How long streams whose route a reload changes, and connections whose listener is gone, may take to end, in
    /// seconds.
    #[arg(long, value_name = "SECONDS", value_parser = super::seconds, default_value = "30")]
    pub(crate) grace: Duration,
}

/// The arguments of `reload`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight reload                what runs wirelight.kdl of this folder reads it again
  wirelight reload --dry-run      what would change, which streams and connections would be closed, and why

A file with a fault changes nothing. Requests that are under way finish as they began, and streams whose route
is the same go on.

{}", exit::STATUSES))]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) file: Config,

    /// Change nothing: only say what would be.
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// The socket that `wirelight run` was told with the same flag.
    #[arg(long, value_name = "PATH", value_hint = clap::ValueHint::FilePath)]
    pub(crate) control: Option<PathBuf>,
}

/// Which config file.
#[derive(Debug, Args)]
pub(crate) struct Config {
    /// The config file.
    #[arg(short, long, value_name = "FILE", default_value = CONFIG, value_hint = clap::ValueHint::FilePath)]
    pub(crate) config: PathBuf,
}

/// The arguments of `proxy`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight proxy :8080 http://127.0.0.1:3000
  wirelight proxy 127.0.0.1:0 http://127.0.0.1:3000 http://127.0.0.1:3001
  wirelight proxy :8080 unix:/run/app.sock -v

{}", exit::STATUSES))]
pub(crate) struct Proxy {
    /// Where to listen: :8080, 127.0.0.1:8080, or port 0 for one that is free.
    #[arg(value_name = "ADDRESS", value_parser = value::address)]
    pub(crate) address: SocketAddr,

    /// The servers to forward to, by URL, or unix: and the path of a socket; several take turns.
    #[arg(value_name = "SERVER", required = true, value_parser = UpstreamServer::parse)]
    pub(crate) servers: Vec<UpstreamServer>,

    /// How many threads serve; by default one for each core.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) workers: Option<NonZeroUsize>,

    /// How the line for each exchange looks.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Log::Pretty)]
    pub(crate) log: Log,

    /// Print nothing but errors and the address.
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Print with each exchange what was decided, by which rule, and why.
    #[arg(short, long)]
    pub(crate) verbose: bool,

    #[command(flatten)]
    pub(crate) inspect: Inspect,
}

/// The arguments of `check`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight check                  wirelight.kdl in this folder
  wirelight check --plan my.kdl    and print what it comes to, with every default

{}", exit::STATUSES))]
pub(crate) struct Check {
    /// The config file.
    #[arg(value_name = "FILE", default_value = CONFIG, value_hint = clap::ValueHint::FilePath)]
    config: PathBuf,

    /// The same, as the other commands take it.
    #[arg(long = "config", id = "named", value_name = "FILE", hide = true, conflicts_with = "config")]
    named: Option<PathBuf>,

    /// Print the plan that the file comes to, with nothing left unsaid.
    #[arg(long)]
    pub(crate) plan: bool,
}

impl Check {
    /// The config file.
    pub(crate) fn config(&self) -> &Path {
        self.named.as_deref().unwrap_or(&self.config)
    }
}

/// The arguments of `fmt`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight fmt                    wirelight.kdl in this folder, in place
  wirelight fmt --check            change nothing; the exit status says whether anything would change

{}", exit::STATUSES))]
pub(crate) struct Fmt {
    /// The config file.
    #[arg(value_name = "FILE", default_value = CONFIG, value_hint = clap::ValueHint::FilePath)]
    config: PathBuf,

    /// The same, as the other commands take it.
    #[arg(long = "config", id = "named", value_name = "FILE", hide = true, conflicts_with = "config")]
    named: Option<PathBuf>,

    /// Change nothing, and end with status 1 if anything would change.
    #[arg(long)]
    pub(crate) check: bool,
}

impl Fmt {
    /// The config file.
    pub(crate) fn config(&self) -> &Path {
        self.named.as_deref().unwrap_or(&self.config)
    }
}

/// The arguments of `hash-password`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight hash-password                  asks for a password, and prints its hash
  wirelight hash-password --user anna      the same, as a line for basic-auth
  pass show site | wirelight hash-password reads the password from standard input

{}", exit::STATUSES))]
pub(crate) struct HashPassword {
    /// Print a line of the config for this user.
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,
}

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight explain http://example.org/api/orders
  wirelight explain POST http://example.org/login -H 'Origin: https://app.example'
  wirelight explain http://example.org/ --client 10.1.2.3

{}", exit::STATUSES))]
pub(crate) struct Explain {
    /// The method, if it is not GET, and the URL as a client would ask for it.
    #[arg(value_name = "[METHOD] URL", required = true, num_args = 1..=2)]
    pub(crate) asked: Vec<String>,

    /// A field of the request; may be given several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,

    /// The address that the request comes from.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) client: IpAddr,

    #[command(flatten)]
    pub(crate) file: Config,
}
