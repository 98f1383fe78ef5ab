//! Siblings that were compressed ahead of time: `app.js.br` beside `app.js`.

use std::borrow::Cow;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wirelight_semantics::coding::Coding;
use wirelight_semantics::date;
use wirelight_semantics::decision::{Decision, Rule};

use super::entry::Stamp;

/// The codings that are looked for, the smallest result first.
const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// Where the siblings of the file at `path` would lie.
pub(super) fn siblings(path: &Path) -> impl Iterator<Item = (Coding, PathBuf)> {
    CODINGS.into_iter().filter_map(move |coding| {
        let mut beside = OsString::from(path);
        beside.push(".");
        beside.push(coding.extension()?);
        Some((coding, beside.into()))
    })
}

/// Why a sibling is not sent in a file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It is older than the file, by so much.
    Older(Coding, Duration),
    /// It is empty, and no coding of anything is.
    Empty(Coding),
}

/// Judges whether a sibling was made of the file as it is now: it is not empty, and not older by whole seconds, which
/// is what archives and compressors keep of a time.
pub(super) fn judge(coding: Coding, file: &Stamp, sibling: &Stamp) -> Result<(), Unfit> {
    if sibling.length == 0 {
        return Err(Unfit::Empty(coding));
    }
    let seconds = |time: SystemTime| date::whole_seconds(time);
    match seconds(file.modified()).duration_since(seconds(sibling.modified())) {
        Ok(older) if !older.is_zero() => Err(Unfit::Older(coding, older)),
        _ => Ok(()),
    }
}

static RULE: Rule = Rule {
    name: "precompressed-sibling",
    section: "RFC 9110, section 8.4",
    says: "A sibling compressed ahead of time is sent in a file's place if it is not older than the file.",
};

impl Decision for Unfit {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        let (Self::Older(coding, _) | Self::Empty(coding)) = self;
        format!("the {coding} sibling is left aside").into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Older(_, by) => format!("it is {} s older than the file", by.as_secs()).into(),
            Self::Empty(_) => "it is empty".into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("compressed again, it would be sent to who accepts it".into())
    }
}
