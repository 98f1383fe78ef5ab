//! The certificates of a server, kept up to date: files are read again when they change, and certificates of the local
//! authority are made anew before they end. Connections that stand keep what they have.
//!
//! Files are asked for their state every few seconds, and no notification of the system is used: names of certificates
//! are often links to links whose targets are exchanged (certbot, mounted secrets), notifications do not come from
//! every file system, and asking after a handful of files costs nothing.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use wirelight_net::tls::{self, Acceptor, Identity, Settings};
use wirelight_service::Clock;

use super::{Authority, Name, authority};

/// A certificate of the local authority is made anew when it has less than this before it.
const LEFT_MIN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Where certificates come from.
#[derive(Debug)]
pub enum Source {
    /// Files in PEM: a chain and its key, in pairs, the first of which is for clients that name no host.
    Files(Vec<(PathBuf, PathBuf)>),
    /// An authority of the user's own, for these names.
    Local(Box<Authority>, Vec<Name>),
    /// Files, and behind them what the user's own authority vouches for.
    Both(Vec<(PathBuf, PathBuf)>, Box<Authority>, Vec<Name>),
}

/// What is wrong with the certificates.
#[derive(Debug)]
pub enum Fault {
    /// With files, or with what TLS is told.
    Settings(tls::Fault),
    /// With the local authority.
    Authority(authority::Fault),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(fault) => fault.fmt(f),
            Self::Authority(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<tls::Fault> for Fault {
    fn from(fault: tls::Fault) -> Self {
        Self::Settings(fault)
    }
}

impl From<authority::Fault> for Fault {
    fn from(fault: authority::Fault) -> Self {
        Self::Authority(fault)
    }
}

/// Why new connections are given other certificates than those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Somebody asked for it.
    Asked,
    /// A file has changed.
    Changed,
    /// A certificate was near its end.
    NearItsEnd,
}

impl fmt::Display for Because {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Asked => "asked to",
            Self::Changed => "a file has changed",
            Self::NearItsEnd => "it was near its end",
        })
    }
}

/// The certificates of a server, and who takes connections with them.
#[derive(Debug)]
pub struct Certificates {
    source: Source,
    /// What TLS is told but for the certificates.
    rest: Settings,
    acceptor: Arc<Acceptor>,
    seen: Vec<Stamp>,
    /// When the certificate of the local authority ends.
    ends: Option<SystemTime>,
}

impl Certificates {
    /// Reads or makes the certificates. What `rest` says of identities is not heard.
    pub fn open(source: Source, rest: Settings, now: SystemTime) -> Result<Self, Fault> {
        let seen = stamps(&source, &rest);
        let (settings, ends) = settings(&source, &rest, now)?;
        let acceptor = Arc::new(Acceptor::new(&settings)?);
        Ok(Self { source, rest, acceptor, seen, ends })
    }

    /// The same, for somebody who takes connections already; faulty ones change nothing.
    pub fn exchange_for(
        acceptor: Arc<Acceptor>,
        source: Source,
        rest: Settings,
        now: SystemTime,
    ) -> Result<Self, Fault> {
        let seen = stamps(&source, &rest);
        let (settings, ends) = settings(&source, &rest, now)?;
        acceptor.reload(&settings)?;
        Ok(Self { source, rest, acceptor, seen, ends })
    }

    /// Who takes connections with these certificates, now and after every change.
    pub fn acceptor(&self) -> Arc<Acceptor> {
        Arc::clone(&self.acceptor)
    }

    /// Exchanges the certificates if that is due. Faulty ones change nothing; those that were there stay in use.
    pub fn tend(&mut self, now: SystemTime) -> Option<Result<Because, Fault>> {
        let seen = stamps(&self.source, &self.rest);
        let because = if seen != self.seen {
            Because::Changed
        } else if self.ends.is_some_and(|ends| ends <= now + LEFT_MIN) {
            Because::NearItsEnd
        } else {
            return None;
        };
        Some(self.exchange(seen, now).map(|()| because))
    }

    /// Exchanges the certificates now.
    pub fn reload(&mut self, now: SystemTime) -> Result<Because, Fault> {
        self.exchange(stamps(&self.source, &self.rest), now).map(|()| Because::Asked)
    }

    fn exchange(&mut self, seen: Vec<Stamp>, now: SystemTime) -> Result<(), Fault> {
        // What changes while it is read has another stamp the next time.
        self.seen = seen;
        let (settings, ends) = settings(&self.source, &self.rest, now)?;
        self.acceptor.reload(&settings)?;
        self.ends = ends;
        Ok(())
    }

    /// Tends the certificates every so often, in a thread of its own, and reports what becomes of it.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn watch(
        mut self,
        every: Duration,
        clock: Clock,
        mut report: impl FnMut(Result<Because, Fault>) + Send + 'static,
    ) -> std::io::Result<Watch> {
        let (asking, asked) = mpsc::channel();
        let work = move || {
            loop {
                match asked.recv_timeout(every) {
                    Ok(()) => report(self.reload(clock.wall())),
                    Err(RecvTimeoutError::Timeout) => {
                        if let Some(outcome) = self.tend(clock.wall()) {
                            report(outcome);
                        }
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        };
        thread::Builder::new().name("certificates".to_owned()).spawn(work)?;
        Ok(Watch(asking))
    }
}

/// Somebody tends the certificates for as long as this, or a clone of it, is kept.
#[derive(Debug, Clone)]
pub struct Watch(mpsc::Sender<()>);

impl Watch {
    /// Has the certificates exchanged soon, from any thread.
    pub fn reload(&self) {
        // Nobody listens once the process ends; then nothing is to be exchanged.
        let _ = self.0.send(());
    }
}

/// What a file was like when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Missing,
    There { device: u64, inode: u64, size: u64, modified: (i64, i64), changed: (i64, i64) },
}

impl Stamp {
    fn of(path: &Path) -> Self {
        fs::metadata(path).map_or(Self::Missing, |found| Self::There {
            device: found.dev(),
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

fn stamps(source: &Source, rest: &Settings) -> Vec<Stamp> {
    let pairs = match source {
        Source::Files(pairs) | Source::Both(pairs, ..) => pairs.as_slice(),
        Source::Local(..) => &[],
    };
    let files = pairs.iter().flat_map(|(chain, key)| [chain, key]).chain(&rest.client_authorities);
    files.map(|path| Stamp::of(path)).collect()
}

/// What TLS is to be told now, and when that ends.
fn settings(source: &Source, rest: &Settings, now: SystemTime) -> Result<(Settings, Option<SystemTime>), Fault> {
    let (pairs, local) = match source {
        Source::Files(pairs) => (pairs.as_slice(), None),
        Source::Local(authority, names) => (&[][..], Some((authority, names))),
        Source::Both(pairs, authority, names) => (pairs.as_slice(), Some((authority, names))),
    };
    let mut identities: Vec<Identity> =
        pairs.iter().map(|(chain, key)| Identity::Files(chain.clone(), key.clone())).collect();
    let issued = local.map(|(authority, names)| authority.issue(names, now)).transpose()?;
    let ends = issued.as_ref().map(|issued| issued.ends);
    identities.extend(issued.map(|issued| issued.identity));
    Ok((Settings { identities, ..rest.clone() }, ends))
}
