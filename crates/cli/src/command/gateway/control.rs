//! The socket through which commands find the process that runs a config.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use wirelight_server::Listener;

/// How many hexadecimal digits of the digest of a config's path tell its socket from others.
const DIGITS: usize = 16;

/// Opens the socket of the process that runs a config: at `path`, or where [`find`] looks. Without one, the process
/// runs all the same, and it is said.
pub(super) fn open(config: &Path, path: Option<&Path>) -> Option<Listener> {
    let opened = match path {
        Some(path) => listen(path),
        None => {
            let name = name(config);
            let mut folders = folders().into_iter();
            let first = folders.find_map(|folder| make(&folder).ok().map(|()| folder.join(&name)));
            first.ok_or_else(|| io::Error::other("there is no folder for it")).and_then(|path| listen(&path))
        }
    };
    opened
        .inspect_err(|error| {
            eprintln!("wirelight: `wirelight reload` will not find this process, though HUP will: no socket: {error}");
        })
        .ok()
}

/// Where the process that runs a config can be told things: every place that exists.
pub(super) fn find(config: &Path, path: Option<&Path>) -> Vec<PathBuf> {
    match path {
        Some(path) => vec![path.to_owned()],
        None => {
            let name = name(config);
            folders().into_iter().map(|folder| folder.join(&name)).filter(|path| path.exists()).collect()
        }
    }
}

/// What the socket for a config is called: by the config's place, whatever way it was named.
fn name(config: &Path) -> String {
    let place = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let digest = Sha256::digest(place.as_os_str().as_encoded_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).take(DIGITS / 2).collect();
    format!("{digits}.sock")
}

/// The folders in which sockets may be, the best first: only their owner may look into them.
pub(crate) fn folders() -> Vec<PathBuf> {
    let user = rustix::process::geteuid();
    let mut folders = Vec::new();
    folders.extend(std::env::var_os("XDG_RUNTIME_DIR").map(|folder| Path::new(&folder).join("wirelight")));
    if user.is_root() {
        folders.push("/run/wirelight".into());
    }
    folders.push(std::env::temp_dir().join(format!("wirelight-{}", user.as_raw())));
    folders
}

/// The first of them that is ours, made if need be.
pub(crate) fn folder() -> io::Result<PathBuf> {
    let mut folders = folders().into_iter();
    let ours = folders.find(|folder| make(folder).is_ok());
    ours.ok_or_else(|| io::Error::other("there is no folder that is this user's alone"))
}

/// Makes a folder that is ours alone; one that somebody else has made is not used.
fn make(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(folder)?;
    let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o077 == 0;
    if is_ours { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

fn listen(path: &Path) -> io::Result<Listener> {
    let listener = Listener::unix(path).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => io::Error::new(error.kind(), format!("another process has {}", path.display())),
        _ => io::Error::new(error.kind(), format!("{}: {error}", path.display())),
    })?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}
