//! Another process that takes over: it gets the listening sockets over a socket that is its standard input, and says
//! when it serves. Until then, and if it never does, the old one goes on.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use wirelight_gateway::run::Gateway;
use wirelight_gateway::run::handover::{Inherited, hear_ready, say_ready};

use crate::exit::Failure;

/// Says in the environment of a new process that its standard input is the socket.
const HANDOVER: &str = "WIRELIGHT_HANDOVER";
/// How long a new process may take until it serves.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// What is needed to start the same command again, from the file that stands at the same path by then.
pub(super) struct Successors {
    program: io::Result<PathBuf>,
    arguments: Vec<OsString>,
}

impl Successors {
    /// Remembers how this process was started; later, another file may stand at the path.
    pub(super) fn prepare() -> Self {
        Self { program: env::current_exe(), arguments: env::args_os().skip(1).collect() }
    }

    /// Starts a process and hands it the sockets; `tell` hears its number once it serves, or nothing if it never will.
    /// Says whether it was started.
    pub(super) fn start(&self, gateway: &Gateway, tell: Sender<Option<u32>>) -> bool {
        match self.spawn(gateway) {
            Ok((child, socket)) => {
                thread::spawn(move || {
                    let process = wait(child, &socket);
                    // Whoever listened has been told to end meanwhile.
                    let _ = tell.blocking_send(process);
                });
                true
            }
            Err(error) => {
                eprintln!("wirelight: a new process cannot be started: {error}; this one goes on");
                false
            }
        }
    }

    fn spawn(&self, gateway: &Gateway) -> io::Result<(Child, UnixStream)> {
        let program = self.program.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
        let (ours, theirs) = UnixStream::pair()?;
        let mut command = Command::new(program);
        command.args(&self.arguments).env(HANDOVER, "stdin").stdin(OwnedFd::from(theirs));
        // The watchdog is asked for by the number of the process that systemd has started.
        command.env_remove("WATCHDOG_PID");
        let mut child = command.spawn()?;
        ours.set_write_timeout(Some(READY_TIMEOUT))?;
        ours.set_read_timeout(Some(READY_TIMEOUT))?;
        if let Err(error) = gateway.hand_over(&ours) {
            // It has ended, or does not know what to do with the sockets.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        Ok((child, ours))
    }
}

/// Waits until a process serves; its number, if it does.
fn wait(mut child: Child, socket: &UnixStream) -> Option<u32> {
    let why = match hear_ready(socket) {
        Ok(true) => return Some(child.id()),
        Ok(false) => None,
        Err(_) => Some(format!("did not serve within {} s", READY_TIMEOUT.as_secs())),
    };
    if why.is_some() {
        let _ = child.kill();
    }
    let ended = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
    let why = why.unwrap_or_else(|| format!("ended before it served ({ended})"));
    eprintln!("wirelight: the new process {why}; this one goes on");
    None
}

/// The process that hands over to this one.
pub(super) struct Predecessor(UnixStream);

/// The process that hands over to this one, if there is one.
pub(super) fn predecessor() -> Result<Option<Predecessor>, Failure> {
    if env::var_os(HANDOVER).is_none_or(|how| how != "stdin") {
        return Ok(None);
    }
    let socket = io::stdin().as_fd().try_clone_to_owned().map_err(|error| unusable(&error))?;
    Ok(Some(Predecessor(UnixStream::from(socket))))
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(format!("the sockets of the process before cannot be taken over: {error}"))
        .advise(format!("{HANDOVER} is for a process that another one starts on USR2: unset it."))
}

impl Predecessor {
    /// Its listening sockets.
    pub(super) fn sockets(&self) -> Result<Inherited, Failure> {
        Inherited::receive(&self.0).map_err(|error| unusable(&error))
    }

    /// Says that this process serves, so that the other need not any more.
    pub(super) fn relieve(&self) -> Result<(), Failure> {
        say_ready(&self.0).map_err(|error| unusable(&error))
    }
}
