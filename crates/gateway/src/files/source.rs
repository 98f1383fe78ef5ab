//! Where the knowledge of a file came from.

use std::borrow::Cow;

use wirelight_semantics::decision::{Decision, Rule};

/// Where the knowledge of a file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// From memory: it was looked at within the recheck interval.
    Memory,
    /// From the folder, and compared with what was remembered.
    CheckedAgain,
    /// From the folder.
    Folder,
}

static RULE: Rule = Rule {
    name: "recheck-interval",
    section: "Wirelight, files",
    says: "What was found in the folder is looked at again once the recheck interval has passed.",
};

impl Decision for Source {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Memory => "taken from memory",
            Self::CheckedAgain => "looked at again",
            Self::Folder => "looked up in the folder",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Memory => "it was looked at within the recheck interval",
            Self::CheckedAgain => "the last look was longer ago than the recheck interval",
            Self::Folder => "nothing was remembered of it",
        }
        .into()
    }
}
