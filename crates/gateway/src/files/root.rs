//! Opening what lies beneath the root, and nothing else, whatever names and links say.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2, readlinkat};
use rustix::io::Errno;

/// The most links that one path may lead through, as the kernel has it.
const LINKS_MAX: usize = 40;
/// How often a lookup is repeated that another process's renaming disturbed.
const ATTEMPTS_MAX: usize = 8;
/// Never waits for a FIFO's other end, never becomes a controlling terminal.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Whether a lookup may wait for a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Only what the kernel holds in memory is looked at; anything else is [`Unopened::WouldWait`].
    Never,
    /// As long as it takes.
    Wait,
}

/// Why nothing was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unopened {
    /// The kernel does not hold it in memory.
    WouldWait,
    /// There is nothing of that name.
    Absent,
    /// The name is longer than a name can be.
    NameTooLong,
    /// A link leads out of the root, or in a circle.
    Leaves,
    /// The system denies access.
    Denied,
    /// No file can be opened now: too many are.
    Exhausted,
    /// Anything else that the system said.
    Failed(Errno),
}

/// How a system keeps a lookup beneath a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    /// `openat2`, which can also say that it would have to wait.
    Kernel { caches: bool },
    /// Name by name, following links ourselves.
    Walk,
}

/// The folder that is served. It is looked up again from time to time, so that one that was replaced is noticed.
#[derive(Debug)]
pub(super) struct Root {
    path: PathBuf,
    method: Method,
    recheck: Duration,
    held: RwLock<Held>,
}

#[derive(Debug)]
struct Held {
    folder: Arc<OwnedFd>,
    checked: Instant,
}

impl Root {
    /// Opens the folder at `path`, where links are followed wherever they lead.
    pub(super) fn open(path: &Path, recheck: Duration, now: Instant) -> io::Result<Self> {
        let folder = open_folder(path)?;
        let method = Method::of_system(&folder);
        let held = RwLock::new(Held { folder: Arc::new(folder), checked: now });
        Ok(Self { path: path.to_owned(), method, recheck, held })
    }

    /// The same, never asking the kernel to keep the lookup inside.
    #[cfg(test)]
    pub(super) fn open_walking(path: &Path) -> io::Result<Self> {
        let mut root = Self::open(path, Duration::MAX, Instant::now())?;
        root.method = Method::Walk;
        Ok(root)
    }

    /// Opens `path`, which is relative to the root, for reading.
    pub(super) fn read(&self, path: &Path, patience: Patience, now: Instant) -> Result<File, Unopened> {
        self.open_beneath(path, READ, patience, now).map(File::from)
    }

    /// Opens `path` so that it can be asked what it is, and not be read.
    pub(super) fn look(&self, path: &Path, patience: Patience, now: Instant) -> Result<File, Unopened> {
        self.open_beneath(path, OFlags::PATH | OFlags::CLOEXEC, patience, now).map(File::from)
    }

    fn open_beneath(&self, path: &Path, flags: OFlags, patience: Patience, now: Instant) -> Result<OwnedFd, Unopened> {
        let folder = self.folder(patience, now)?;
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match (self.method, patience) {
            (Method::Kernel { caches: true }, Patience::Never) => {
                let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::CACHED;
                openat2(&*folder, path, flags, Mode::empty(), resolve).map_err(|errno| match errno {
                    Errno::AGAIN => Unopened::WouldWait,
                    errno => errno.into(),
                })
            }
            (_, Patience::Never) => Err(Unopened::WouldWait),
            (Method::Kernel { .. }, Patience::Wait) => open_with_kernel(&folder, path, flags),
            (Method::Walk, Patience::Wait) => walk(&folder, path, flags),
        }
    }

    /// The folder, looked up again if the last look was long ago.
    fn folder(&self, patience: Patience, now: Instant) -> Result<Arc<OwnedFd>, Unopened> {
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_duration_since(held.checked) < self.recheck {
                return Ok(Arc::clone(&held.folder));
            }
        }
        if patience == Patience::Never {
            return Err(Unopened::WouldWait);
        }
        let folder = Arc::new(open_folder(&self.path)?);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        *held = Held { folder: Arc::clone(&folder), checked: now };
        Ok(folder)
    }
}

fn open_folder(path: &Path) -> rustix::io::Result<OwnedFd> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

impl Method {
    /// Tries what this system can do: sandboxes forbid what the kernel could.
    fn of_system(folder: &OwnedFd) -> Self {
        let probe = |resolve| openat2(folder, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve);
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        if probe(beneath).is_err() {
            return Self::Walk;
        }
        Self::Kernel { caches: !matches!(probe(beneath | ResolveFlags::CACHED), Err(Errno::INVAL)) }
    }
}

fn open_with_kernel(folder: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Unopened> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let mut attempts = 0;
    loop {
        attempts += 1;
        match openat2(folder, path, flags, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) if attempts < ATTEMPTS_MAX => {}
            outcome => return outcome.map_err(Unopened::from),
        }
    }
}

/// What is still to be walked: names, the next one last.
type Names = Vec<Vec<u8>>;

/// Walks from `folder` to `path` name by name. Links are read and walked too, and none may climb above `folder`.
fn walk(folder: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Unopened> {
    let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut names = Names::new();
    push(&mut names, path)?;
    let mut above: Vec<OwnedFd> = Vec::new();
    let mut links = 0;
    while let Some(name) = names.pop() {
        let here = above.last().unwrap_or(folder);
        if name == b".." {
            above.pop().ok_or(Unopened::Leaves)?;
            continue;
        }
        let name = OsStr::from_bytes(&name);
        let found = openat(here, name, step, Mode::empty())?;
        let kind = FileType::from_raw_mode(fstat(&found)?.st_mode);
        if kind.is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                return Err(Unopened::Leaves);
            }
            let target = readlinkat(&found, "", Vec::new())?;
            push(&mut names, Path::new(OsStr::from_bytes(target.to_bytes())))?;
        } else if kind.is_dir() {
            above.push(found);
        } else if names.is_empty() {
            return Ok(openat(here, name, flags | OFlags::NOFOLLOW, Mode::empty())?);
        } else {
            return Err(Unopened::Absent);
        }
    }
    let here = above.last().unwrap_or(folder);
    Ok(openat(here, ".", flags | OFlags::NOFOLLOW, Mode::empty())?)
}

fn push(names: &mut Names, path: &Path) -> Result<(), Unopened> {
    for component in path.components().rev() {
        match component {
            Component::Normal(name) => names.push(name.to_owned().into_vec()),
            Component::ParentDir => names.push(b"..".to_vec()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(Unopened::Leaves),
        }
    }
    Ok(())
}

impl From<Errno> for Unopened {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::NXIO | Errno::NODEV => Self::Absent,
            Errno::NAMETOOLONG => Self::NameTooLong,
            Errno::XDEV | Errno::LOOP => Self::Leaves,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM => Self::Exhausted,
            errno => Self::Failed(errno),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// Both ways of keeping a lookup beneath the root say the same of every path.
    #[test]
    fn the_kernel_and_the_walk_agree() {
        let folder = tempfile::TempDir::new().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(folder.path().join("root-secret")).unwrap();
        fs::write(root.join("file"), "file").unwrap();
        fs::write(root.join("a/b/leaf"), "leaf").unwrap();
        fs::write(folder.path().join("root-secret/file"), "secret").unwrap();
        for (link, target) in [
            ("in", "file"),
            ("a/up", "../file"),
            ("a/around", "b/../../a/./b/leaf"),
            ("to-a", "a"),
            ("to-here", "."),
            ("twice", "to-a/up"),
            ("out", "../root-secret/file"),
            ("a/out", "../../root-secret"),
            ("out-and-in", "../root/file"),
            ("absolute", "/etc/passwd"),
            ("circle", "circle"),
            ("dangling", "nothing"),
            ("through-file", "file/x"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        let now = Instant::now();
        let kernel = Root::open(&root, Duration::MAX, now).unwrap();
        let walk = Root::open_walking(&root).unwrap();
        for (path, expected) in [
            ("file", Ok("file")),
            ("a/b/leaf", Ok("leaf")),
            ("in", Ok("file")),
            ("a/up", Ok("file")),
            ("a/around", Ok("leaf")),
            ("to-a/b/leaf", Ok("leaf")),
            ("to-here/to-here/in", Ok("file")),
            ("twice", Ok("file")),
            ("out", Err(Unopened::Leaves)),
            ("a/out/file", Err(Unopened::Leaves)),
            ("to-a/out/file", Err(Unopened::Leaves)),
            ("out-and-in", Err(Unopened::Leaves)),
            ("absolute", Err(Unopened::Leaves)),
            ("circle", Err(Unopened::Leaves)),
            ("..", Err(Unopened::Leaves)),
            ("a/../../root/file", Err(Unopened::Leaves)),
            ("dangling", Err(Unopened::Absent)),
            ("nothing", Err(Unopened::Absent)),
            ("file/x", Err(Unopened::Absent)),
            ("through-file", Err(Unopened::Absent)),
            (&"n".repeat(256), Err(Unopened::NameTooLong)),
        ] {
            for root in [&kernel, &walk] {
                let content = root.read(Path::new(path), Patience::Wait, now).map(|mut file| {
                    let mut content = String::new();
                    file.read_to_string(&mut content).unwrap();
                    content
                });
                assert_eq!(content.as_deref().map_err(|error| *error), expected, "{path} by {:?}", root.method);
            }
        }
        for root in [&kernel, &walk] {
            for path in ["", "a", "to-a", "to-here"] {
                let found = root.look(Path::new(path), Patience::Wait, now).unwrap();
                assert!(found.metadata().unwrap().is_dir(), "{path:?} by {:?}", root.method);
            }
        }
    }

    #[test]
    fn who_may_not_wait_is_told_so_where_the_system_cannot_promise_it() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::write(folder.path().join("file"), "x").unwrap();
        let walk = Root::open_walking(folder.path()).unwrap();
        let never = walk.read(Path::new("file"), Patience::Never, Instant::now());
        assert_eq!(never.map(|_| ()), Err(Unopened::WouldWait));
    }

    #[test]
    fn exhaustion_is_told_from_absence() {
        for (errno, expected) in [
            (Errno::MFILE, Unopened::Exhausted),
            (Errno::NFILE, Unopened::Exhausted),
            (Errno::ACCESS, Unopened::Denied),
            (Errno::NXIO, Unopened::Absent),
            (Errno::IO, Unopened::Failed(Errno::IO)),
        ] {
            assert_eq!(Unopened::from(errno), expected);
        }
    }
}
