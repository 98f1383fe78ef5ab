//! Making this machine trust the local authority, and undoing it: a plan of commands that can be shown before any of
//! them is run.
//!
//! Each command is one that a user could type; what is shown is what is run.

mod debian;
mod nss;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::Authority;

/// Whether the machine is to trust the authority, or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// It is to be trusted.
    Trust,
    /// It is not to be trusted any more.
    Undo,
}

/// Where this machine keeps what it trusts.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of the administrator's own authorities in Debian's store.
    pub system: PathBuf,
    /// The user's home folder, in which browsers keep their profiles.
    pub home: PathBuf,
    /// What stands before a command that needs the administrator's rights; nothing if the user has them.
    pub as_administrator: Vec<OsString>,
}

impl Places {
    /// Those of this machine, for the user who runs this process.
    pub fn of_machine(home: PathBuf) -> Self {
        let is_administrator = rustix::process::geteuid().is_root();
        let as_administrator = if is_administrator { Vec::new() } else { vec!["sudo".into()] };
        Self { system: "/usr/local/share/ca-certificates".into(), home, as_administrator }
    }
}

/// Somewhere that trust is kept, and what is to be done there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Whose store it is, and where.
    pub store: String,
    /// What is to be done.
    pub act: Act,
}

/// What is to be done at one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing: it is as it should be.
    Nothing(&'static str),
    /// These commands, in order.
    Run(Vec<Vec<OsString>>),
    /// It cannot be done here; what could be done about that.
    Cannot(String),
}

/// A command in the words of a shell.
#[derive(Debug)]
pub struct Shown<'a>(pub &'a [OsString]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            let word = word.to_string_lossy();
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
            let separator = if index == 0 { "" } else { " " };
            if !word.is_empty() && word.bytes().all(is_plain) {
                write!(f, "{separator}{word}")?;
            } else {
                write!(f, "{separator}'{}'", word.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

/// What is to be done at every store of this machine. Nothing is changed, but the stores are asked what they hold.
pub fn plan(authority: &Authority, wish: Wish, places: &Places) -> Vec<Step> {
    let mut steps = vec![debian::plan(authority, wish, places)];
    steps.extend(nss::plan(authority, wish, &places.home));
    steps
}

/// Runs one command of a plan; what it says goes where this process's own words go only if it fails.
pub fn run(command: &[OsString]) -> Result<(), String> {
    let output = spawn(command).map_err(|error| format!("{} cannot be run: {error}", Shown(&command[..1])))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", Shown(&command[..1]), said.trim().lines().last().unwrap_or("it failed without a word")))
}

/// Runs a command to its end; it may ask for a password at the terminal.
fn spawn(command: &[OsString]) -> io::Result<Output> {
    let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
    Command::new(program).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).output()
}

fn words<const N: usize>(words: [&dyn AsRef<std::ffi::OsStr>; N]) -> Vec<OsString> {
    words.iter().map(|word| word.as_ref().to_owned()).collect()
}

/// Whether a program is found where a shell would find it.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| is_file(&folder.join(program)))
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_shown_as_a_shell_would_take_them() {
        let command = words([&"certutil", &"-n", &"it's mine", &"", &"sql:/a/b", &"C,,"]);
        assert_eq!(Shown(&command).to_string(), r"certutil -n 'it'\''s mine' '' sql:/a/b C,,");
    }

    #[test]
    fn a_command_that_fails_says_why() {
        assert_eq!(run(&words([&"true"])), Ok(()));
        assert_eq!(run(&words([&"sh", &"-c", &"echo first; echo second >&2; false"])), Err("sh: second".to_owned()));
        assert!(run(&words([&"/nowhere/at-all"])).unwrap_err().contains("cannot be run"));
    }
}
