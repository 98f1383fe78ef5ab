//! Writing session secrets where Wireshark finds them, because the user has asked for it.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use super::Fault;

/// A file of session secrets in the format of NSS, readable by its owner alone.
#[derive(Debug)]
pub(super) struct KeyLogFile(Mutex<File>);

impl KeyLogFile {
    pub(super) fn open(path: &Path) -> Result<Self, Fault> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        file.map(|file| Self(Mutex::new(file))).map_err(|error| Fault::Unreadable(path.to_owned(), error.to_string()))
    }
}

impl rustls::KeyLog for KeyLogFile {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A capture that cannot be read later is no reason to fail a connection now.
        let _ = file.write_all(line.as_bytes());
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
