//! A log file that may be moved away at any time, and that moves itself away when it has grown.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// When a log file makes room for a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A file is not written beyond so many bytes, unless a single piece of text is longer.
    pub bytes_max: u64,
    /// So many old files are kept, numbered from 1, the youngest.
    pub files_max: u32,
}

/// A file that is appended to. It is opened again once another file, or none, stands at its path.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    /// What tells the file from others.
    identity: (u64, u64),
    length: u64,
    rotation: Option<Rotation>,
}

impl LogFile {
    /// Opens the file, and makes it if there is none.
    ///
    /// # Errors
    /// If it can be neither opened nor made.
    pub fn open(path: &Path, rotation: Option<Rotation>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let found = file.metadata()?;
        let identity = (found.dev(), found.ino());
        Ok(Self { path: path.to_owned(), file, identity, length: found.len(), rotation })
    }

    fn is_in_its_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }

    fn look(&mut self) -> io::Result<()> {
        if !self.is_in_its_place() {
            *self = Self::open(&self.path, self.rotation)?;
        }
        Ok(())
    }

    /// Moves the file away if `length` more bytes would be too many.
    fn rotate(&mut self, length: u64) -> io::Result<()> {
        let Some(rotation) = self.rotation else { return Ok(()) };
        if self.length == 0 || self.length.saturating_add(length) <= rotation.bytes_max {
            return Ok(());
        }
        for number in (1..rotation.files_max).rev() {
            // A number that was never reached has no file, and nothing is lost.
            let _ = std::fs::rename(self.numbered(number), self.numbered(number + 1));
        }
        match rotation.files_max {
            0 => std::fs::remove_file(&self.path)?,
            _ => std::fs::rename(&self.path, self.numbered(1))?,
        }
        *self = Self::open(&self.path, self.rotation)?;
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for LogFile {
    /// Writes all of it, so that files change between pieces of text and never within one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The log writes in large pieces, so that looking each time costs little.
        self.look()?;
        self.rotate(bytes.len() as u64)?;
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(bytes.len())
    }

    /// Looks whether the file is still in its place.
    fn flush(&mut self) -> io::Result<()> {
        self.look()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log"), folder.path().join("log.1"));
        let mut log = LogFile::open(&path, None).unwrap();
        log.write_all(b"one\n").unwrap();
        std::fs::rename(&path, &moved).unwrap();
        log.write_all(b"two\n").unwrap();
        assert_eq!(std::fs::read_to_string(&moved).unwrap(), "one\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two\n");
        std::fs::remove_file(&path).unwrap();
        log.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "", "it is made anew without a line");
    }

    /// What stands in the log, and in the files that it moved away.
    fn after(rotation: Rotation, before: &str, pieces: &[&str]) -> Vec<(String, String)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        if !before.is_empty() {
            std::fs::write(&path, before).unwrap();
        }
        let mut log = LogFile::open(&path, Some(rotation)).unwrap();
        pieces.iter().for_each(|piece| log.write_all(piece.as_bytes()).unwrap());
        let mut found: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
            })
            .collect();
        found.sort();
        found
    }

    #[test]
    fn a_log_that_has_grown_moves_itself_away_between_pieces() {
        let two = Rotation { bytes_max: 10, files_max: 2 };
        let owned = |files: &[(&str, &str)]| -> Vec<(String, String)> {
            files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
        };
        for (rotation, before, pieces, expected) in [
            (two, "", &["aaaa\n", "bbbb\n"][..], owned(&[("log", "aaaa\nbbbb\n")])),
            (two, "", &["aaaa\n", "bbbb\n", "c\n"], owned(&[("log", "c\n"), ("log.1", "aaaa\nbbbb\n")])),
            (two, "old old old\n", &["a\n"], owned(&[("log", "a\n"), ("log.1", "old old old\n")])),
            (two, "", &["long long long\n"], owned(&[("log", "long long long\n")])),
            (
                two,
                "",
                &["1111111\n", "2222222\n", "3333333\n", "4444444\n"],
                owned(&[("log", "4444444\n"), ("log.1", "3333333\n"), ("log.2", "2222222\n")]),
            ),
            (Rotation { bytes_max: 10, files_max: 0 }, "", &["1111111\n", "2222222\n"], owned(&[("log", "2222222\n")])),
        ] {
            assert_eq!(after(rotation, before, pieces), expected, "{pieces:?}");
        }
    }
}
