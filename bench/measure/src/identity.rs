//! The certificate that servers show over TLS: made anew for each comparison, P-256, for `localhost`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{CertifiedKey, generate_simple_self_signed};

/// Where the certificate and its key lie, as PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Both in one file.
    pub both: PathBuf,
}

impl Identity {
    /// Makes one, and writes it into a folder.
    pub fn make(folder: &Path) -> io::Result<Self> {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        let (certificate, key) = (cert.pem(), signing_key.serialize_pem());
        let made = Self {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            both: folder.join("both.pem"),
        };
        fs::write(&made.certificate, &certificate)?;
        fs::write(&made.key, &key)?;
        fs::write(&made.both, format!("{certificate}{key}"))?;
        Ok(made)
    }
}
