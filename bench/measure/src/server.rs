//! How a server, a proxy or a client is started on a core of its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::answer::Answer;
use crate::identity::Identity;
use crate::link::Target;
use crate::machine;
use crate::processes::Processes;
use crate::upstream::Upstream;
use crate::wire::Wire;

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to end when it is told to.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a server is started, each time on another port: somebody may take the port that was free.
const ATTEMPTS_MAX: usize = 3;

/// A server, a proxy or a client that can be started.
///
/// In the arguments and in the configuration stand `{port}`, `{root}` (the site), `{scratch}` (a folder of its own),
/// `{config}` (the configuration, filled in), `{bench}` (this folder), `{built}` (where what is built here lies),
/// `{request_bytes}` and `{content_bytes}` (of the scenario), `{wire}` (what is spoken), `{certificate}`, `{key}` and
/// `{both}` (for TLS), `{upstream}` (the port of the upstream), `{url}` (what a client asks the upstream for), `{tasks}`
/// (how many requests it has under way), and `{deferred}`: what follows in `deferred` if the scenario closes each
/// connection. A line of a configuration that begins with `{only CONDITION...}` stays only where the
/// [wire](Wire::of_config) is so.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    /// How it is called in scenarios and in results.
    pub name: &'static str,
    /// The program.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// Its configuration, a file in `peers/`.
    pub config: Option<&'static str>,
    /// What stands for `{deferred}` when connections are closed after each answer.
    pub deferred: &'static str,
    /// Where its version is found.
    pub version: Version,
    /// What it does.
    pub role: Role,
}

/// What a program under test does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It answers.
    Serves,
    /// It answers with what an upstream answers.
    Forwards,
    /// It asks.
    Asks,
}

/// Where a server's version is found.
#[derive(Debug, Clone, Copy)]
pub enum Version {
    /// In the first line that it prints when asked with this argument.
    Printed(&'static str),
    /// In what Python says of a module.
    Module(&'static str),
    /// In the lock file: that of a package.
    Locked(&'static str),
    /// It is this repository's.
    Ours,
}

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder `bench`.
    pub bench: PathBuf,
    /// Where what is built lies.
    pub built: PathBuf,
    /// The site that is served.
    pub root: PathBuf,
    /// Where servers may write.
    pub scratch: PathBuf,
    /// What servers show over TLS.
    pub identity: Identity,
}

/// What a start depends on besides the places.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The core that the server may use.
    pub core: usize,
    /// What is spoken.
    pub wire: Wire,
    /// Where proxies forward to, and what clients ask.
    pub upstream: Option<&'a Upstream>,
    /// What clients ask for.
    pub path: &'a str,
    /// How many requests clients have under way.
    pub tasks: usize,
    /// How long a request is, in bytes.
    pub request_bytes: usize,
    /// How long the answer's content is, in bytes.
    pub content_bytes: usize,
    /// Whether each connection serves one request only.
    pub closes: bool,
}

/// A server that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Where it listens, unless it is a client, and what is spoken there.
    pub target: Target,
    /// It and its children.
    pub processes: Processes,
    /// Where it says what is wrong.
    log: PathBuf,
}

impl Server {
    /// Whether its program is there.
    pub fn is_there(&self, places: &Places) -> bool {
        let program = PathBuf::from(self.program.replace("{built}", &places.built.to_string_lossy()));
        let folders = std::env::var_os("PATH").unwrap_or_default();
        program.is_file()
            || !program.is_absolute() && std::env::split_paths(&folders).any(|folder| folder.join(&program).is_file())
    }

    /// Starts it, and waits until it answers.
    pub fn start(&self, places: &Places, terms: Terms<'_>, asked: Asked<'_>) -> io::Result<(Running, Answer)> {
        let mut last = io::Error::other("never tried");
        for _ in 0..ATTEMPTS_MAX {
            let started = self.spawn(places, terms).and_then(|mut running| {
                let answer = running.until(|running| running.try_to_ask(asked))?;
                Ok((running, answer))
            });
            match started {
                Ok(started) => return Ok(started),
                Err(error) => last = error,
            }
        }
        Err(io::Error::new(last.kind(), format!("{} does not start: {last}", self.name)))
    }

    /// Starts a client, and waits until it asks.
    pub fn start_to_ask(&self, places: &Places, terms: Terms<'_>, upstream: &Upstream) -> io::Result<Running> {
        let mut running = self.spawn(places, terms)?;
        running.until(|_| Ok((upstream.answered() > 0).then_some(())))?;
        Ok(running)
    }

    fn spawn(&self, places: &Places, terms: Terms<'_>) -> io::Result<Running> {
        let scratch = places.scratch.join(self.name.replace(' ', "-"));
        fs::create_dir_all(&scratch)?;
        let port = free_port()?;
        let config = scratch.join("config");
        let upstream = terms.upstream.map_or(0, |upstream| upstream.address.port());
        let fill = |text: &str| {
            text.replace("{port}", &port.to_string())
                .replace("{bench}", &places.bench.to_string_lossy())
                .replace("{wire}", terms.wire.name())
                .replace("{certificate}", &places.identity.certificate.to_string_lossy())
                .replace("{key}", &places.identity.key.to_string_lossy())
                .replace("{both}", &places.identity.both.to_string_lossy())
                .replace("{upstream}", &upstream.to_string())
                .replace("{url}", &format!("http://127.0.0.1:{upstream}{}", terms.path))
                .replace("{tasks}", &terms.tasks.to_string())
                .replace("{root}", &places.root.to_string_lossy())
                .replace("{scratch}", &scratch.to_string_lossy())
                .replace("{config}", &config.to_string_lossy())
                .replace("{built}", &places.built.to_string_lossy())
                .replace("{request_bytes}", &terms.request_bytes.to_string())
                .replace("{content_bytes}", &terms.content_bytes.to_string())
                .replace("{deferred}", if terms.closes { self.deferred } else { "" })
        };
        if let Some(name) = self.config {
            let template = fs::read_to_string(places.bench.join("peers").join(name))?;
            fs::write(&config, fill(&terms.wire.of_config(&template)))?;
        }
        let log = scratch.join("stderr");
        let child = Command::new("setpriv")
            // If the comparison is killed, so is the server.
            .args(["--pdeathsig", "TERM", "taskset", "--cpu-list", &terms.core.to_string()])
            .arg(fill(self.program))
            .args(self.arguments.iter().map(|argument| fill(argument)))
            .env("HOME", &scratch)
            .env("XDG_CONFIG_HOME", &scratch)
            .env("XDG_DATA_HOME", &scratch)
            .env_remove("PORT")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let target = Target::new(address, terms.wire);
        Ok(Running { processes: Processes::only(child.id()), child, target, log })
    }

    /// Its version.
    pub fn version(&self, places: &Places) -> String {
        match self.version {
            Version::Printed(argument) => machine::first_line(self.program, &[argument]),
            Version::Module(module) => {
                let print = format!("import {module}; print('{module}', {module}.__version__)");
                machine::first_line(self.program, &["-c", &print])
            }
            Version::Locked(package) => {
                let lock = fs::read_to_string(places.bench.join("Cargo.lock")).unwrap_or_default();
                format!("{package} {}", locked(&lock, package).unwrap_or("of unknown version"))
            }
            Version::Ours => {
                let bench = places.bench.to_string_lossy();
                machine::first_line("git", &["-C", &bench, "describe", "--always", "--dirty"])
            }
        }
    }
}

/// How a server is asked for its first answer.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The request.
    pub request: &'a [u8],
    /// Whether the whole answer is wanted, and not only its length.
    pub whole: bool,
}

impl Running {
    /// Tries until something is there, while the process lives; then all its children are known.
    fn until<T>(&mut self, mut ready: impl FnMut(&Self) -> io::Result<Option<T>>) -> io::Result<T> {
        let began = Instant::now();
        let failed = loop {
            if let Some(status) = self.child.try_wait()? {
                break io::Error::other(format!("it ended with {status}"));
            }
            match ready(self) {
                Ok(Some(ready)) => {
                    self.processes = Processes::of(self.child.id())?;
                    return Ok(ready);
                }
                Ok(None) if began.elapsed() > START_TIMEOUT => {
                    break io::Error::new(io::ErrorKind::TimedOut, "it is not ready in time");
                }
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Err(error) => break error,
            }
        };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        Err(io::Error::new(failed.kind(), format!("{failed}; it said: {}", said.trim())))
    }

    /// Its answer, if it answers yet.
    fn try_to_ask(&self, asked: Asked<'_>) -> io::Result<Option<Answer>> {
        let learn = if asked.whole { Answer::learn } else { Answer::learn_length };
        match learn(&self.target, asked.request) {
            Ok(answer) if answer.status == 200 => Ok(Some(answer)),
            Ok(answer) => Err(io::Error::other(format!("it answered {}", answer.status))),
            // Nobody listens yet.
            Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn signal(&self, id: u32, signal: Signal) {
        if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // Whoever is gone already needs no signal.
            let _ = kill_process(id, signal);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(self.child.id(), Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < END_TIMEOUT {
            std::thread::sleep(Duration::from_millis(5));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            self.processes.ids().iter().for_each(|id| self.signal(*id, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

/// A port that nobody listens on at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn locked<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let after = lock.lines().skip_while(|line| *line != name).nth(1)?;
    after.strip_prefix("version = \"")?.strip_suffix('"')
}

/// A folder that is removed with everything in it when this is dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one in memory if there is such a place, so that no disk is measured.
    pub fn make() -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = parent.join(format!("wirelight-bench-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays; the system clears such folders.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_the_lock_file() {
        let lock = "[[package]]\nname = \"hyper\"\nversion = \"1.12.0\"\n\n[[package]]\nname = \"hyper-util\"\nversion = \"0.1.2\"\n";
        assert_eq!(locked(lock, "hyper"), Some("1.12.0"));
        assert_eq!(locked(lock, "h2"), None);
    }
}
