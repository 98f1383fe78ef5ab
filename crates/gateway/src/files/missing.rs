//! Why nothing is served from a place that a path leads to.

use std::borrow::Cow;
use std::io;

use http::StatusCode;
use rustix::io::Errno;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::status;

use super::root::Unopened;

/// Why nothing is served from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// To know it one would have to wait for a disk: asked again in a place where waiting is allowed.
    WouldWait,
    /// It changed while it was read: asked again at once.
    Changing,
    /// There is nothing of that name.
    Absent,
    /// The name is longer than the file system allows.
    NameTooLong,
    /// A link on the way leads out of the root, or in a circle.
    Leaves,
    /// A folder without an index, and listings are off.
    NoIndex,
    /// A file, asked for with a slash at its end.
    NotAFolder,
    /// A FIFO, socket or device.
    Special(&'static str),
    /// The system denies reading it.
    Denied,
    /// The system can open no more files now.
    Exhausted,
    /// Anything else that the system said.
    Failed(Errno),
}

impl Missing {
    pub(super) fn from_io(error: &io::Error) -> Self {
        Errno::from_io_error(error).map_or(Self::Failed(Errno::IO), |errno| Unopened::from(errno).into())
    }

    /// The status that tells the requester.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Absent | Self::NameTooLong | Self::Leaves | Self::NoIndex | Self::NotAFolder | Self::Special(_) => {
                StatusCode::NOT_FOUND
            }
            Self::Denied => StatusCode::FORBIDDEN,
            Self::Exhausted | Self::Changing | Self::WouldWait => StatusCode::SERVICE_UNAVAILABLE,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Unopened> for Missing {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::WouldWait => Self::WouldWait,
            Unopened::Absent => Self::Absent,
            Unopened::NameTooLong => Self::NameTooLong,
            Unopened::Leaves => Self::Leaves,
            Unopened::Denied => Self::Denied,
            Unopened::Exhausted => Self::Exhausted,
            Unopened::Failed(errno) => Self::Failed(errno),
        }
    }
}

static RULE_FOUND: Rule = Rule {
    name: "file-for-path",
    section: "RFC 9110, section 15.5.5",
    says: "A path is answered with the file of that name below the root.",
};
static RULE_ROOT: Rule = Rule {
    name: "inside-the-root",
    section: "RFC 9110, section 17.3",
    says: "Nothing outside the folder that is served can be named.",
};
static RULE_INDEX: Rule = Rule {
    name: "folder-index",
    section: "RFC 9110, section 15.5.5",
    says: "A folder is answered with its index, or with a listing where listings are on.",
};
static RULE_REGULAR: Rule = Rule {
    name: "regular-files-only",
    section: "RFC 9110, section 17.3",
    says: "FIFOs, sockets and devices are never served.",
};
static RULE_DENIED: Rule = Rule {
    name: "readable-file",
    section: "RFC 9110, section 15.5.4",
    says: "Only what the server's own user may read is served.",
};
static RULE_SYSTEM: Rule = Rule {
    name: "system-resources",
    section: "RFC 9110, sections 15.6.1 and 15.6.4",
    says: "What the system cannot open now may be asked for again later.",
};

impl Decision for Missing {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Absent | Self::NameTooLong | Self::NotAFolder => &RULE_FOUND,
            Self::Leaves => &RULE_ROOT,
            Self::NoIndex => &RULE_INDEX,
            Self::Special(_) => &RULE_REGULAR,
            Self::Denied => &RULE_DENIED,
            Self::Exhausted | Self::Failed(_) | Self::Changing | Self::WouldWait => &RULE_SYSTEM,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        status::named(self.status()).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::WouldWait => "it is not in memory".into(),
            Self::Changing => "the file kept changing while it was read".into(),
            Self::Absent => "there is nothing of that name".into(),
            Self::NameTooLong => "the name is longer than the file system allows".into(),
            Self::Leaves => "a link on the way leads out of the root or in a circle".into(),
            Self::NoIndex => "it is a folder without an index, and listings are off".into(),
            Self::NotAFolder => "it is a file, and the path ends with a slash".into(),
            Self::Special(what) => format!("it is {what}").into(),
            Self::Denied => "the system denies reading it".into(),
            Self::Exhausted => "the system can open no more files now".into(),
            Self::Failed(errno) => io::Error::from(*errno).to_string().into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoIndex => Some("an index in the folder, or listings switched on, would be sent".into()),
            Self::NotAFolder => Some("without the slash the file would be sent".into()),
            Self::Denied => Some("with permission to read it, it would be sent".into()),
            Self::Leaves => Some("a relative link that stays inside the root is followed".into()),
            Self::Exhausted => Some("a higher limit of open files would help".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        true
    }
}
