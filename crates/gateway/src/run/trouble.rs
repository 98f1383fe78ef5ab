//! Why a plan cannot run, or cannot be read again.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use crate::config::Unusable;
use crate::otlp::Unexportable;

/// Why a plan cannot run.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be listened on an address.
    Listen(SocketAddr, io::Error),
    /// Certificates cannot be used.
    Tls(SocketAddr, wirelight_net::tls::Fault),
    /// The local authority cannot vouch for a listener's hosts.
    Authority(SocketAddr, String),
    /// A folder cannot be opened.
    Folder(PathBuf, io::Error),
    /// The access log cannot be kept: in a file, or on standard output.
    AccessLog(Option<PathBuf>, io::Error),
    /// Spans cannot be sent to a collector.
    Collector(Uri, Unexportable),
    /// Threads cannot be started.
    Threads(io::Error),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
            Self::Tls(address, fault) => write!(f, "the certificates for {address} cannot be used: {fault}"),
            Self::Authority(address, because) => {
                write!(f, "the local authority cannot vouch for the hosts on {address}: {because}")
            }
            Self::Folder(path, error) => write!(f, "the folder {} cannot be served: {error}", path.display()),
            Self::AccessLog(Some(path), error) => {
                write!(f, "the access log {} cannot be opened: {error}", path.display())
            }
            Self::AccessLog(None, error) => write!(f, "the access log cannot be kept: {error}"),
            Self::Collector(uri, error) => write!(f, "spans cannot be sent to {uri}: {error}"),
            Self::Threads(error) => write!(f, "the workers cannot be started: {error}"),
        }
    }
}

impl std::error::Error for Trouble {}

/// Why the plan was not read again.
#[derive(Debug)]
pub enum Unreloadable {
    /// It did not come from a file.
    NoSource,
    /// The file cannot be read, or has faults.
    Config(Unusable),
    /// The plan cannot run.
    Trouble(Trouble),
}

impl fmt::Display for Unreloadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSource => f.write_str("there is no config file to read again"),
            Self::Config(unusable) => unusable.fmt(f),
            Self::Trouble(trouble) => trouble.fmt(f),
        }
    }
}

impl std::error::Error for Unreloadable {}
