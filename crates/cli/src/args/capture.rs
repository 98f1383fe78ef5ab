//! The arguments of `capture`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::inspect::Inspector;
use super::seconds;
use crate::exit;

/// The arguments of `capture`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("\
Each line is one packet: when it was seen since the connection began, which way it went (> to the server, < to the
client), its flags, and what it did. Lines with a bar say what HTTP made of the bytes, where they are not encrypted.
Where an inspector saw the same connection, its exchanges are named when it ends, encrypted or not.

Listening needs the capability CAP_NET_RAW. Reading a file needs nothing.

Examples:
  sudo wirelight capture -i lo --port 8080                 each packet as it passes
  sudo wirelight capture --port 443 -w a.pcapng            the same, kept for Wireshark
  sudo wirelight capture --port 8443 -w a.pcapng --keylog keys.log
                                                           and Wireshark can decrypt it
  wirelight capture a.pcapng                               what was kept, told again
  wirelight capture a.pcapng --at 'http://127.0.0.1:4040/?token=...'
                                                           with the exchanges that this inspector saw

{}", exit::STATUSES))]
pub(crate) struct Capture {
    /// A file of packets (pcapng or pcap) to read, instead of listening.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Listen on this interface; without it, on all of them.
    #[arg(short, long, value_name = "NAME", conflicts_with = "file")]
    pub(crate) interface: Option<String>,

    /// Heed only packets from or to this port; may be given again. Listening, the default is 80, 443, 8080 and 8443.
    #[arg(short, long, value_name = "PORT")]
    pub(crate) port: Vec<u16>,

    /// Heed every port.
    #[arg(long, conflicts_with = "port")]
    pub(crate) all_ports: bool,

    /// Write the packets to a pcapng file, which Wireshark opens.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,

    /// Put the secrets of this TLS key log into the written file: whoever has the file can decrypt what it holds.
    #[arg(long, value_name = "FILE", requires = "write")]
    pub(crate) keylog: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) inspector: Inspector,

    /// End after so many packets.
    #[arg(short, long, value_name = "PACKETS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End after so many seconds.
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds, conflicts_with = "file")]
    pub(crate) duration: Option<Duration>,

    /// Show the bytes that packets carry, in hexadecimal and as text.
    #[arg(short = 'x', long)]
    pub(crate) hex: bool,

    /// Say only what became of each connection, not what each packet did.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
