//! The built command, as a user runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The command with its arguments, not started yet, in an environment that says nothing about ports and colors.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    command.args(arguments).env_remove("PORT").env_remove("NO_COLOR").env_remove("LISTEN_FDS");
    command
}

/// Runs the command to its end.
pub(crate) fn wirelight(arguments: &[&str]) -> Output {
    command(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Runs curl to its end; it fails the test if curl cannot do what it was asked to do.
pub(crate) fn curl(arguments: &[&str]) -> String {
    let output =
        Command::new("curl").args(["-sS", "--max-time", "30"]).args(arguments).output().expect("curl is installed");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {arguments:?}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The example site.
pub(crate) fn site() -> String {
    let site = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/site").canonicalize().unwrap();
    site.to_str().unwrap().to_owned()
}

/// A command that listens; it is killed when the test ends.
pub(crate) struct Listening {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    secure: bool,
    printed: Arc<Mutex<String>>,
}

impl Listening {
    /// Starts the command on a port that the system picks.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut arguments = arguments.to_vec();
        arguments.extend(["-p", "0"]);
        Self::spawn(&mut command(&arguments))
    }

    /// Starts a prepared command, and waits until it says where it listens.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let (scheme, rest) =
            line.trim_end().rsplit(' ').next().and_then(|url| url.split_once("://")).unwrap_or_default();
        let address = rest.trim_end_matches('/').replace("localhost", "127.0.0.1").parse().ok();
        let address = address.unwrap_or_else(|| panic!("the first line names no address: {line:?}"));
        let printed = Arc::new(Mutex::new(String::new()));
        let page = Arc::clone(&printed);
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                page.lock().unwrap().push_str(&(line + "\n"));
            }
        });
        Self { child, address, secure: scheme == "https", printed }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        match self.secure {
            true => format!("https://localhost:{}{path}", self.address.port()),
            false => format!("http://{}{path}", self.address),
        }
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        until("the process to end", || self.child.try_wait().unwrap())
    }

    /// Waits until what was printed satisfies the condition, and gives it.
    pub(crate) fn printed_when(&self, condition: impl Fn(&str) -> bool) -> String {
        until("a line to be printed", || {
            let printed = self.printed.lock().unwrap().clone();
            condition(&printed).then_some(printed)
        })
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends bytes and reads until the server closes.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again and again, a moment apart, until there is an answer.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
