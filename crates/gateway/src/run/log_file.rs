//! A log file that whoever rotates logs may move away: it is made anew where it was.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file that is appended to, and opened again once another file, or none, stands at its path.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    /// What tells the file from others.
    identity: (u64, u64),
}

impl LogFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    /// If it can be neither opened nor made.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let found = file.metadata()?;
        Ok(Self { path: path.to_owned(), file, identity: (found.dev(), found.ino()) })
    }

    fn is_in_its_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes in large pieces, so that looking each time costs little.
        if !self.is_in_its_place() {
            *self = Self::open(&self.path)?;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        log.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(moved).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(path).unwrap(), "two\n");
    }
}
