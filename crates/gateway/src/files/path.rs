//! From the path of a request to a place in the folder: strictly, and without touching the folder.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use wirelight_semantics::decision::{Decision, Rule};

/// What may stand as it is in a segment that we write: RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The one hidden name that a site is expected to answer for (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// A place in the folder, named by a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path below the root, decoded; empty for the root itself.
    pub path: PathBuf,
    /// Whether the request's path ends with a slash, and so asks for a folder.
    pub is_folder: bool,
}

/// Where the path of a request leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To this place.
    Here(Place),
    /// To this place, which has a plainer path: a reference relative to the path that was asked for.
    Elsewhere(String),
    /// Nowhere.
    Refused(Refusal),
}

/// Why the path of a request leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The target is not a path from the root.
    NotAPath,
    /// A percent sign without two hexadecimal digits, at this byte.
    BrokenEscape(usize),
    /// A control character, NUL among them, as it is or encoded.
    ControlCharacter(u8),
    /// An encoded slash, or a backslash, inside a segment.
    Separator(u8),
    /// A dot segment that was encoded.
    EncodedDots,
    /// Dot segments that leave the root.
    AboveRoot,
    /// A segment that begins with a dot.
    Hidden,
    /// More segments than any folder is deep.
    TooDeep,
}

/// The most segments a path may have.
const SEGMENTS_MAX: usize = 256;

/// Finds where `path`, a request's path as it was written, leads; `hidden` allows names that begin with a dot.
///
/// Each segment is decoded once, and none may decode to something that is more than one name. Paths with empty or
/// dot segments lead to a redirect to their plain form, so that whoever guards paths by prefix sees the plain form.
pub fn judge(path: &str, hidden: bool) -> Way {
    let Some(rest) = path.strip_prefix('/') else {
        return Way::Refused(Refusal::NotAPath);
    };
    match walk(rest, hidden) {
        Ok(walk) => walk.way(),
        Err(refusal) => Way::Refused(refusal),
    }
}

/// What was found on the way through the segments.
struct Walk<'a> {
    names: Vec<Cow<'a, [u8]>>,
    is_folder: bool,
    /// How many levels a relative reference must climb to reach the root of the request's path.
    climb: usize,
    is_plain: bool,
}

fn walk(rest: &str, hidden: bool) -> Result<Walk<'_>, Refusal> {
    let mut walk = Walk { names: Vec::new(), is_folder: true, climb: 0, is_plain: true };
    // Which of the segments so far, as the requester's own resolution counts them, are names.
    let mut levels: Vec<bool> = Vec::new();
    let mut segments = rest.split('/').enumerate().peekable();
    while let Some((position, segment)) = segments.next() {
        let is_last = segments.peek().is_none();
        if position >= SEGMENTS_MAX {
            return Err(Refusal::TooDeep);
        }
        if is_last {
            // A relative reference replaces the last segment, whatever it is.
            walk.climb = levels.len();
        }
        walk.is_folder = matches!(segment, "" | "." | "..");
        match segment {
            "" if is_last => {}
            "" => {
                walk.is_plain = false;
                levels.push(false);
            }
            "." => walk.is_plain = false,
            ".." => {
                walk.is_plain = false;
                if levels.pop().ok_or(Refusal::AboveRoot)? {
                    walk.names.pop();
                }
            }
            _ => {
                walk.names.push(name(segment, position == 0, hidden)?);
                levels.push(true);
            }
        }
    }
    Ok(walk)
}

/// Decodes one segment to one name, or refuses it.
fn name(segment: &str, is_first: bool, hidden: bool) -> Result<Cow<'_, [u8]>, Refusal> {
    let name = decode(segment)?;
    for &byte in name.iter() {
        match byte {
            0..=0x1f | 0x7f => return Err(Refusal::ControlCharacter(byte)),
            b'/' | b'\\' => return Err(Refusal::Separator(byte)),
            _ => {}
        }
    }
    match &*name {
        b"." | b".." => Err(Refusal::EncodedDots),
        WELL_KNOWN if is_first => Ok(name),
        [b'.', ..] if !hidden => Err(Refusal::Hidden),
        _ => Ok(name),
    }
}

/// Undoes percent-encoding (RFC 3986, section 2.1), once.
fn decode(segment: &str) -> Result<Cow<'_, [u8]>, Refusal> {
    let bytes = segment.as_bytes();
    if !bytes.contains(&b'%') {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            decoded.push(byte);
            at += 1;
            continue;
        }
        let digit = |offset| bytes.get(at + offset).and_then(|byte| char::from(*byte).to_digit(16));
        match (digit(1), digit(2)) {
            (Some(high), Some(low)) => decoded.push((high * 16 + low) as u8),
            _ => return Err(Refusal::BrokenEscape(at)),
        }
        at += 3;
    }
    Ok(Cow::Owned(decoded))
}

impl Walk<'_> {
    fn way(self) -> Way {
        if self.is_plain {
            return Way::Here(Place { path: self.joined(), is_folder: self.is_folder });
        }
        let mut location = if self.climb == 0 { "./".to_owned() } else { "../".repeat(self.climb) };
        for (position, name) in self.names.iter().enumerate() {
            if position > 0 {
                location.push('/');
            }
            location.push_str(&segment(name));
        }
        if self.is_folder && !self.names.is_empty() {
            location.push('/');
        }
        Way::Elsewhere(location)
    }

    fn joined(&self) -> PathBuf {
        let length = self.names.iter().map(|name| name.len() + 1).sum();
        let mut path = Vec::with_capacity(length);
        for name in &self.names {
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        PathBuf::from(OsStr::from_bytes(&path))
    }
}

/// Encodes one name so that it can stand as one segment of a reference, whatever it holds.
pub fn segment(name: &[u8]) -> String {
    percent_encode(name, SEGMENT).to_string()
}

/// A reference, relative to `path`, to the folder of the same name: `a/b` has `./b/`.
pub(super) fn folder_reference(path: &Path) -> String {
    let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    format!("./{}/", segment(name))
}

static RULE_PLAIN: Rule = Rule {
    name: "plain-path",
    section: "RFC 3986, section 6.2.2.3",
    says: "A path is served in its plain form, without empty or dot segments.",
};
static RULE_NAMES: Rule = Rule {
    name: "one-segment-one-name",
    section: "RFC 3986, section 7.3",
    says: "A segment is decoded once, and what it decodes to must be one name.",
};
static RULE_ROOT: Rule = Rule {
    name: "inside-the-root",
    section: "RFC 9110, section 17.3",
    says: "Nothing outside the folder that is served can be named.",
};
static RULE_HIDDEN: Rule = Rule {
    name: "hidden-names",
    section: "RFC 9110, section 17.3; RFC 8615, section 3",
    says: "Names that begin with a dot are not served, except /.well-known/.",
};

impl Refusal {
    /// Whether the path is malformed, rather than the name of nothing.
    pub fn is_malformed(self) -> bool {
        matches!(self, Self::NotAPath | Self::BrokenEscape(_) | Self::ControlCharacter(_))
    }
}

impl Decision for Refusal {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::NotAPath | Self::BrokenEscape(_) | Self::ControlCharacter(_) | Self::Separator(_) => &RULE_NAMES,
            Self::EncodedDots | Self::AboveRoot | Self::TooDeep => &RULE_ROOT,
            Self::Hidden => &RULE_HIDDEN,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        if self.is_malformed() { "400 Bad Request" } else { "404 Not Found" }.into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::NotAPath => "the target is not a path that begins with a slash".into(),
            Self::BrokenEscape(at) => {
                format!("the percent sign at byte {at} of a segment is not followed by two hexadecimal digits").into()
            }
            Self::ControlCharacter(byte) => format!("the path holds the control character {byte:#04x}").into(),
            Self::Separator(b'/') => "a segment holds an encoded slash, which no name can hold".into(),
            Self::Separator(_) => "a segment holds a backslash, which some readers take for a slash".into(),
            Self::EncodedDots => "a dot segment was percent-encoded".into(),
            Self::AboveRoot => "its dot segments climb above the root".into(),
            Self::Hidden => "a name in the path begins with a dot".into(),
            Self::TooDeep => format!("the path has more than {SEGMENTS_MAX} segments").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Hidden => Some("with hidden names allowed it would have been looked for".into()),
            Self::BrokenEscape(_) => Some("a percent sign itself is written %25".into()),
            Self::Separator(b'/') => Some("a slash between two names is written as it is".into()),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        true
    }
}

/// A redirect to the plain form of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plainer {
    /// The reference that was sent, relative to the path that was asked for.
    pub location: String,
}

impl Decision for Plainer {
    fn rule(&self) -> &'static Rule {
        &RULE_PLAIN
    }

    fn outcome(&self) -> Cow<'static, str> {
        format!("308 to {}", self.location).into()
    }

    fn because(&self) -> Cow<'static, str> {
        "the path has empty or dot segments".into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some("the plain form of the path would have been served at once".into())
    }
}
