//! What the system holds of a file in memory, so that reading it keeps nobody waiting for a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;

use rustix::fs::{FsWord, fstatfs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The file systems that live in memory, by the numbers of statfs(2). They need not know the flag that asks whether a
/// read would wait, because none of theirs does.
const IN_MEMORY: [FsWord; 2] = [0x0102_1994, 0x8584_58f6];

/// Reads at `offset` what the system holds in memory, fewer bytes than there is room for where it holds no more, and 0
/// at the end of the file; `None` when reading would wait for a disk.
pub(super) fn read(file: &File, buffer: &mut [u8], offset: u64) -> Option<io::Result<usize>> {
    loop {
        match preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return None,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                return lives_in_memory(file).then(|| read_again(file, buffer, offset));
            }
            read => return Some(read.map_err(io::Error::from)),
        }
    }
}

/// Whether the system holds the byte at `offset` in memory.
pub(super) fn holds(file: &File, offset: u64) -> bool {
    matches!(read(file, &mut [0], offset), Some(Ok(1)))
}

fn lives_in_memory(file: &File) -> bool {
    fstatfs(file).is_ok_and(|system| IN_MEMORY.contains(&system.f_type))
}

fn read_again(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::path::Path;

    #[test]
    fn what_was_just_written_is_there_on_a_disk_and_in_memory() {
        let folders = [std::env::temp_dir(), "/dev/shm".into()];
        for folder in folders.iter().filter(|folder| Path::new(folder).is_dir()) {
            let mut file = tempfile::tempfile_in(folder).unwrap();
            file.write_all(b"0123456789").unwrap();
            let mut buffer = [0; 16];
            assert_eq!(read(&file, &mut buffer, 4).unwrap().unwrap(), 6, "{}", folder.display());
            assert_eq!(&buffer[..6], b"456789");
            assert_eq!(read(&file, &mut buffer, 10).unwrap().unwrap(), 0);
            assert!(holds(&file, 9) && !holds(&file, 10));
        }
    }
}
