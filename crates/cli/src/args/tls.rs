//! The flags of TLS.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Whether to speak HTTPS, and with which certificates.
#[derive(Debug, Args)]
#[command(next_help_heading = "HTTPS")]
pub(crate) struct Tls {
    /// Speak HTTPS, with a certificate of a local authority that is made on first use; see `wirelight trust`.
    #[arg(long)]
    pub(crate) tls: bool,

    /// Speak HTTPS with this certificate: a chain in PEM, leaf first. Again for further names. Read again when it
    /// changes, and on HUP.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "key")]
    pub(crate) cert: Vec<PathBuf>,

    /// The key of the certificate in the same place, in PEM.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "cert")]
    pub(crate) key: Vec<PathBuf>,

    /// Listen on this port, too, and send whoever comes there in cleartext to HTTPS.
    #[arg(long, value_name = "PORT")]
    pub(crate) redirect_http: Option<u16>,

    /// Take only clients with a certificate that one of these authorities (PEM) has signed.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) client_ca: Option<PathBuf>,

    /// Write the secrets of every session to this file, so that Wireshark can read a capture; `env` stands for the
    /// file that SSLKEYLOGFILE names. Whoever has them reads everything.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) keylog: Option<OsString>,
}

impl Tls {
    /// Whether anything but cleartext is spoken.
    pub(crate) fn is_on(&self) -> bool {
        self.tls || !self.cert.is_empty()
    }

    /// Whether browsers may be told to come by HTTPS alone from now on. A certificate of the local authority is for
    /// localhost, whose other ports, for which such a promise would stand as well, speak cleartext.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.cert.is_empty()
    }
}
