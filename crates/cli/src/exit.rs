//! How the command ends: what went wrong in words, whose turn it is, and the exit status.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use crate::print::Paint;

/// The exit statuses, as `--help` and the man page show them.
pub(crate) const STATUSES: &str = "\
Exit status:
  0    done; a server that was told to stop (TERM, INT) has answered what it had begun
  1    it could not be done: the message says what is in the way, and what to do
  2    the arguments make no sense
  130  a second INT ended the server at once";

/// The status of a server that a second INT ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the command could not do what it was asked to do.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Something in the way, in one sentence, and what can be done about it.
    InTheWay {
        /// What is in the way.
        what: String,
        /// What to do about it, where that is known.
        advice: Option<String>,
    },
    /// Whoever read our output has gone away; there is nobody to tell.
    Unread,
}

impl Failure {
    /// Something in the way that explains itself.
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self::InTheWay { what: what.to_string(), advice: None }
    }

    /// The same, with what to do about it.
    pub(crate) fn advise(self, advice: impl fmt::Display) -> Self {
        match self {
            Self::InTheWay { what, .. } => Self::InTheWay { what, advice: Some(advice.to_string()) },
            other => other,
        }
    }

    /// Output that could not be written.
    pub(crate) fn of_output(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Self::new(format!("the output could not be written: {error}"))
    }

    /// Says what went wrong, and becomes the exit status: the one place where failures do.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::InTheWay { what, advice } => {
                let paint = Paint::stderr();
                let mut words = format!("{}{} {what}\n", paint.bad("wirelight"), paint.bad(":"));
                if let Some(advice) = advice {
                    words.push_str(&format!("  {advice}\n"));
                }
                let _ = std::io::stderr().write_all(words.as_bytes());
                ExitCode::from(1)
            }
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}
