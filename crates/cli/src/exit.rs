//! How the command ends: what went wrong in words, whose turn it is, and the exit status.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use http::StatusCode;
use wirelight_client::Phase;
use wirelight_service::{Error, Fault, Kind};

use crate::print::{Paint, escape};

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
    /// A request failed, with its own exit status.
    Request {
        /// What went wrong.
        what: String,
        /// Whose doing it is.
        by: &'static str,
        /// The exit status that `get` documents for it.
        status: u8,
    },
    /// Only the exit status says it.
    Silent(u8),
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

    /// A request that failed: the status is that of the phase it failed in.
    pub(crate) fn of_request(error: Error) -> Self {
        let status = match (Phase::of(&error), error.kind()) {
            (Phase::Request, _) => 1,
            (_, Kind::Timeout) => 28,
            (Phase::Resolve, _) => 6,
            (Phase::Connect | Phase::Proxy | Phase::Queue, _) => 7,
            (Phase::Secure, _) if error.to_string().contains("cannot be trusted") => 60,
            (Phase::Secure, _) => 35,
            (Phase::Receive, _) if error.to_string().contains("redirections were followed already") => 47,
            (Phase::Send | Phase::Wait | Phase::Receive, _) => 56,
        };
        Self::Request { what: error.to_string(), by: by(&error), status }
    }

    /// What went wrong in words, and the exit status that says it.
    pub(crate) fn in_words(&self) -> (String, u8) {
        match self {
            Self::InTheWay { what, .. } => (what.clone(), 1),
            Self::Request { what, status, .. } => (what.clone(), *status),
            Self::Silent(status) => (String::new(), *status),
            Self::Unread => (String::new(), 0),
        }
    }

    /// What `--check-status` makes of a response.
    pub(crate) fn of_status(status: StatusCode) -> Result<(), Self> {
        match status.as_u16() / 100 {
            class @ 3..=5 => Err(Self::Silent(class as u8)),
            _ => Ok(()),
        }
    }

    /// The same without words.
    pub(crate) fn silenced(self) -> Self {
        match self {
            Self::InTheWay { .. } => Self::Silent(1),
            Self::Request { status, .. } => Self::Silent(status),
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
            Self::Request { what, by, status } => {
                let paint = Paint::stderr();
                let what = escape(&what);
                let words = format!("{}{} {what}\n  {by}\n", paint.bad("wirelight"), paint.bad(":"));
                let _ = std::io::stderr().write_all(words.as_bytes());
                ExitCode::from(status)
            }
            Self::Silent(status) => ExitCode::from(status),
            Self::Unread => ExitCode::SUCCESS,
        }
    }
}

/// Whose doing it is that a request failed.
fn by(error: &Error) -> &'static str {
    match (Phase::of(error), error.fault()) {
        (Phase::Request, _) => "It was not sent: what was asked for cannot be.",
        (Phase::Queue, _) => "It was not sent: too much was under way here.",
        (_, Fault::Ours) => "It failed on this machine.",
        (Phase::Resolve, _) => "It was not sent: the fault is with the name, or with those who answer for it.",
        (Phase::Connect, _) => "It was not sent: the fault is with the server, or with the way there.",
        (Phase::Proxy, _) => "It was not sent: the fault is with the proxy.",
        (Phase::Secure, _) => "It was not sent: the fault is with the server, or with somebody in its place.",
        (Phase::Send, _) => "It was not sent whole: the fault is with the server, or with the way there.",
        (Phase::Wait | Phase::Receive, _) => "It was sent: the fault is with the server, or with the way there.",
    }
}
