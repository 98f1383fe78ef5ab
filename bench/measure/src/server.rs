//! The servers, as data, and how one is started on a core of its own.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::answer::Answer;
use crate::machine;
use crate::processes::Processes;

/// How long a server may take until it answers.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server may take to end when it is told to.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// How often a server is started, each time on another port: somebody may take the port that was free.
const ATTEMPTS_MAX: usize = 3;

/// A server that can be started.
///
/// In the arguments and in the configuration stand `{port}`, `{root}` (the site), `{scratch}` (a folder of its own),
/// `{config}` (the configuration, filled in), `{built}` (where what is built here lies), `{request_bytes}` and
/// `{content_bytes}` (of the scenario), and `{deferred}`: what follows in `deferred` if the scenario closes each
/// connection.
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
}

/// Where a server's version is found.
#[derive(Debug, Clone, Copy)]
pub enum Version {
    /// In the first line that it prints when asked with this argument.
    Printed(&'static str),
    /// In the lock file: that of a package.
    Locked(&'static str),
    /// It is this repository's.
    Ours,
}

/// Every server there is.
pub const SERVERS: &[Server] = &[
    Server {
        name: "wirelight",
        program: "{built}/wirelight-bench-hello",
        arguments: &["127.0.0.1:{port}", "/dev/null", "{root}"],
        config: None,
        deferred: "",
        version: Version::Ours,
    },
    Server {
        name: "wirelight serve",
        program: "{built}/wirelight",
        arguments: &["serve", "{root}", "--port", "{port}", "--workers", "1", "--log", "combined"],
        config: None,
        deferred: "",
        version: Version::Ours,
    },
    Server {
        name: "floor",
        program: "{built}/floor",
        arguments: &["127.0.0.1:{port}", "{request_bytes}", "{content_bytes}"],
        config: None,
        deferred: "",
        version: Version::Ours,
    },
    Server {
        name: "hyper",
        program: "{built}/peer-hyper",
        arguments: &["127.0.0.1:{port}"],
        config: None,
        deferred: "",
        version: Version::Locked("hyper"),
    },
    Server {
        name: "axum",
        program: "{built}/peer-axum",
        arguments: &["127.0.0.1:{port}", "{root}"],
        config: None,
        deferred: "",
        version: Version::Locked("axum"),
    },
    Server {
        name: "actix-web",
        program: "{built}/peer-actix",
        arguments: &["127.0.0.1:{port}"],
        config: None,
        deferred: "",
        version: Version::Locked("actix-web"),
    },
    Server {
        name: "may_minihttp",
        program: "{built}/peer-may",
        arguments: &["127.0.0.1:{port}"],
        config: None,
        deferred: "",
        version: Version::Locked("may_minihttp"),
    },
    Server {
        name: "nginx",
        program: "nginx",
        arguments: &["-p", "{scratch}", "-c", "{config}"],
        config: Some("nginx.conf"),
        deferred: "deferred",
        version: Version::Printed("-v"),
    },
    Server {
        name: "haproxy",
        program: "haproxy",
        arguments: &["-db", "-f", "{config}"],
        config: Some("haproxy.cfg"),
        deferred: "defer-accept",
        version: Version::Printed("-v"),
    },
    Server {
        name: "h2o",
        program: "h2o",
        arguments: &["-m", "worker", "-c", "{config}"],
        config: Some("h2o.conf"),
        deferred: "",
        version: Version::Printed("--version"),
    },
    Server {
        name: "lighttpd",
        program: "lighttpd",
        arguments: &["-D", "-f", "{config}"],
        config: Some("lighttpd.conf"),
        deferred: "server.defer-accept = 1",
        version: Version::Printed("-v"),
    },
    Server {
        name: "caddy",
        program: "caddy",
        arguments: &["run", "--config", "{config}", "--adapter", "caddyfile"],
        config: Some("Caddyfile"),
        deferred: "",
        version: Version::Printed("version"),
    },
];

/// Finds a server by its name.
pub fn named(name: &str) -> &'static Server {
    SERVERS.iter().find(|server| server.name == name).unwrap_or_else(|| panic!("no server is called {name}"))
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
}

/// What a start depends on besides the places.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The core that the server may use.
    pub core: usize,
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
    /// Where it listens.
    pub address: SocketAddr,
    /// It and its children.
    pub processes: Processes,
}

impl Server {
    /// Whether its program is there.
    pub fn is_there(&self, places: &Places) -> bool {
        let program = PathBuf::from(self.program.replace("{built}", &places.built.to_string_lossy()));
        let folders = std::env::var_os("PATH").unwrap_or_default();
        program.is_file()
            || !program.is_absolute() && std::env::split_paths(&folders).any(|folder| folder.join(&program).is_file())
    }

    /// Starts it, and waits until it answers `request`.
    pub fn start(&self, places: &Places, terms: Terms, request: &[u8]) -> io::Result<(Running, Answer)> {
        let mut last = io::Error::other("never tried");
        for _ in 0..ATTEMPTS_MAX {
            match self.try_to_start(places, terms, request) {
                Ok(started) => return Ok(started),
                Err(error) => last = error,
            }
        }
        Err(io::Error::new(last.kind(), format!("{} does not start: {last}", self.name)))
    }

    fn try_to_start(&self, places: &Places, terms: Terms, request: &[u8]) -> io::Result<(Running, Answer)> {
        let scratch = places.scratch.join(self.name.replace(' ', "-"));
        fs::create_dir_all(&scratch)?;
        let port = free_port()?;
        let config = scratch.join("config");
        let fill = |text: &str| {
            text.replace("{port}", &port.to_string())
                .replace("{root}", &places.root.to_string_lossy())
                .replace("{scratch}", &scratch.to_string_lossy())
                .replace("{config}", &config.to_string_lossy())
                .replace("{built}", &places.built.to_string_lossy())
                .replace("{request_bytes}", &terms.request_bytes.to_string())
                .replace("{content_bytes}", &terms.content_bytes.to_string())
                .replace("{deferred}", if terms.closes { self.deferred } else { "" })
        };
        if let Some(name) = self.config {
            fs::write(&config, fill(&fs::read_to_string(places.bench.join("peers").join(name))?))?;
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
        let mut running = Running { processes: Processes::only(child.id()), child, address };
        let answer = running.first_answer(request).map_err(|error| {
            let said = fs::read_to_string(&log).unwrap_or_default();
            io::Error::new(error.kind(), format!("{error}; it said: {}", said.trim()))
        })?;
        running.processes = Processes::of(running.child.id())?;
        Ok((running, answer))
    }

    /// Its version.
    pub fn version(&self, places: &Places) -> String {
        match self.version {
            Version::Printed(argument) => machine::first_line(self.program, &[argument]),
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

impl Running {
    fn first_answer(&mut self, request: &[u8]) -> io::Result<Answer> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended with {status}")));
            }
            match Answer::learn(self.address, request) {
                Ok(answer) if answer.status == 200 => return Ok(answer),
                Ok(answer) => return Err(io::Error::other(format!("it answered {}", answer.status))),
                Err(error) if began.elapsed() > START_TIMEOUT => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
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
