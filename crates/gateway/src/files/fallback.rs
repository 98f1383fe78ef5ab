//! Whether the root's index answers for a path that names no file: for an application that routes in the browser.

use std::borrow::Cow;

use http::header::ACCEPT;
use http::request::Parts;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::{fields, grammar};

/// Whether a request for a path that names no file is a navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// It is: the root's index answers it.
    Navigation,
    /// Its `Accept` does not name `text/html`, as scripts and images do not.
    NotForPages,
    /// The last segment of the path has an extension, so a certain file was meant.
    NamesAFile,
}

/// Judges whether a request is a navigation.
pub(super) fn judge(head: &Parts) -> Fallback {
    let names_html = |member: &[u8]| {
        let (media_type, _) = grammar::parameters(member);
        media_type.eq_ignore_ascii_case(b"text/html")
    };
    let last = head.uri.path().rsplit('/').next().unwrap_or_default();
    if last.contains('.') {
        Fallback::NamesAFile
    } else if !fields::list(&head.headers, &ACCEPT).any(names_html) {
        Fallback::NotForPages
    } else {
        Fallback::Navigation
    }
}

static RULE: Rule = Rule {
    name: "navigation-fallback",
    section: "RFC 9110, section 12.5.1",
    says: "A navigation to a path that names no file is answered with the root's index.",
};

impl Decision for Fallback {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Navigation => "answered with the root's index",
            Self::NotForPages | Self::NamesAFile => "not a navigation",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Navigation => "nothing has this name, and the request accepts text/html",
            Self::NotForPages => "the request's Accept does not name text/html",
            Self::NamesAFile => "the last segment of the path has an extension",
        }
        .into()
    }
}
