//! A file as it was found: what it is, how long, and how to tell it from what it was before.

use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{Duration, SystemTime};

/// After this long without a change, another change is certain to show in the file's times.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

/// What a file's system says of it; two equal stamps of a settled file mean equal content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    modified: (i64, i64),
    /// When anything about the file changed: unlike the time of modification, nobody can set it.
    changed: (i64, i64),
}

/// What lies at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// A regular file, with its stamp.
    File(Stamp),
    /// A folder, with its stamp.
    Folder(Stamp),
    /// A FIFO, socket or device, which is never served.
    Special(&'static str),
}

/// Asks what `file` is.
pub(super) fn nature(file: &File) -> io::Result<Nature> {
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    Ok(if kind.is_file() {
        Nature::File(Stamp::of(&metadata))
    } else if kind.is_dir() {
        Nature::Folder(Stamp::of(&metadata))
    } else if kind.is_fifo() {
        Nature::Special("a FIFO")
    } else if kind.is_socket() {
        Nature::Special("a socket")
    } else {
        Nature::Special("a device")
    })
}

impl Stamp {
    /// The stamp in a file's metadata.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// When the content was last modified.
    pub(super) fn modified(&self) -> SystemTime {
        time(self.modified)
    }

    /// Whether a change after `now` would show in the stamp: file systems keep times in steps, and two changes
    /// within one step look like one.
    pub(super) fn is_settled(&self, now: SystemTime) -> bool {
        now.duration_since(time(self.changed)).is_ok_and(|age| age >= SETTLED_AFTER)
    }

    /// The opaque part of a strong entity tag. Hashed, since the number of an inode is nobody else's business.
    pub(super) fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        (self.inode, self.modified, self.changed).hash(&mut hasher);
        format!("{:016x}-{:x}", hasher.finish(), self.length)
    }
}

fn time((seconds, nanoseconds): (i64, i64)) -> SystemTime {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let rest = Duration::from_nanos(nanoseconds.unsigned_abs());
    let base =
        if seconds < 0 { SystemTime::UNIX_EPOCH.checked_sub(whole) } else { SystemTime::UNIX_EPOCH.checked_add(whole) };
    base.and_then(|base| base.checked_add(rest)).unwrap_or(SystemTime::UNIX_EPOCH)
}
