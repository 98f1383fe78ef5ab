//! Path patterns: `/orders/{id}`, `/files/{*rest}`. Pure functions on text, without regular expressions.
//!
//! A path is split at its slashes first and each segment is percent-decoded afterwards (RFC 3986, section 2.4). What
//! follows from that:
//!
//! - `{id}` takes one segment that is not empty; `{*rest}` takes everything after its slash, nothing included. A slash
//!   at the end of a path begins an empty segment, so `/orders` and `/orders/` are different patterns and different
//!   paths.
//! - An encoded slash, `%2F`, is part of its segment and never divides two of them.
//! - Segments are compared decoded: the grammar gives no other character of a segment a meaning, so `%40` and `@` are
//!   the same data (section 2.2).
//! - A percent sign without two hexadecimal digits makes the path malformed; see [`malformed`].
//! - No parameter takes `.` or `..`, encoded or not: clients remove dot segments before they send a path
//!   (section 5.2.4), and what remains would lead somewhere else once it is decoded.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use wirelight_semantics::decision::Shown;

/// The most segments that a pattern may have.
pub const SEGMENTS_MAX: usize = 64;

/// Which paths a route is for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Box<str>,
    segments: Box<[Segment]>,
}

/// What a pattern wants between two slashes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// These octets, once decoded; none, where a slash ends the path.
    Literal(Box<[u8]>),
    /// Any one segment that is not empty, under this name.
    Parameter(Box<str>),
    /// All that is left of the path, under this name.
    Rest(Box<str>),
}

impl Segment {
    /// The name of a parameter.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Rest(name) => Some(name),
        }
    }

    /// Literal before parameter before rest.
    fn rank(&self) -> u8 {
        match self {
            Self::Literal(_) => 0,
            Self::Parameter(_) => 1,
            Self::Rest(_) => 2,
        }
    }
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it, and where.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let Some(below) = text.strip_prefix('/') else {
            return Err(PatternError::new(text, 0, Wrong::NoSlash));
        };
        let mut segments: Vec<Segment> = Vec::new();
        let mut at = 1;
        for part in below.split('/') {
            let segment = segment(part, at).map_err(|(at, wrong)| PatternError::new(text, at, wrong))?;
            if matches!(segments.last(), Some(Segment::Rest(_))) {
                return Err(PatternError::new(text, at - 1, Wrong::AfterRest));
            }
            if let Some(name) = segment.name()
                && segments.iter().any(|earlier| earlier.name() == Some(name))
            {
                return Err(PatternError::new(text, at, Wrong::Repeated));
            }
            if segments.len() == SEGMENTS_MAX {
                return Err(PatternError::new(text, at, Wrong::TooLong));
            }
            segments.push(segment);
            at += part.len() + 1;
        }
        Ok(Self { text: text.into(), segments: segments.into() })
    }

    /// Reads what several patterns begin with: nothing, or a pattern without a slash at its end and without a rest.
    pub fn prefix(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Ok(Self { text: text.into(), segments: Box::default() });
        }
        let prefix = Self::parse(text)?;
        match prefix.segments.last() {
            Some(Segment::Rest(_)) => Err(PatternError::new(text, text.len(), Wrong::AfterRest)),
            Some(Segment::Literal(literal)) if literal.is_empty() => {
                Err(PatternError::new(text, text.len() - 1, Wrong::PrefixEndsWithSlash))
            }
            _ => Ok(prefix),
        }
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it wants, segment by segment.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        self.segments.iter().any(|segment| segment.name().is_some())
    }

    /// What the parameter stands for in `path`, as it is written there, if the pattern matches the path.
    pub fn raw<'a>(&self, name: &str, path: &'a str) -> Option<&'a str> {
        let index = self.segments.iter().position(|segment| segment.name() == Some(name))?;
        let below = path.strip_prefix('/')?;
        match self.segments[index] {
            Segment::Rest(_) => below.splitn(index + 1, '/').nth(index),
            _ => below.split('/').nth(index),
        }
    }

    /// Whether the pattern matches a path as it was written in a request, and if not, the first segment that failed.
    pub fn judge(&self, path: &str) -> Result<(), Mismatch> {
        let Some(below) = path.strip_prefix('/') else {
            return Err(Mismatch { segment: 1, cause: Cause::Missing });
        };
        let mut left = Some(below.as_bytes());
        for (index, wanted) in self.segments.iter().enumerate() {
            let mismatch = |cause| Mismatch { segment: index + 1, cause };
            let Some(bytes) = left else { return Err(mismatch(Cause::Missing)) };
            let (found, rest) = next_segment(bytes);
            left = rest;
            match wanted {
                Segment::Literal(literal) if *decode(found) == **literal => {}
                Segment::Literal(_) => return Err(mismatch(Cause::Different)),
                Segment::Parameter(_) if found.is_empty() => return Err(mismatch(Cause::Empty)),
                Segment::Parameter(_) if is_dots(found) => return Err(mismatch(Cause::Dots)),
                Segment::Parameter(_) => {}
                Segment::Rest(_) if has_dots(bytes) => return Err(mismatch(Cause::Dots)),
                Segment::Rest(_) => return Ok(()),
            }
        }
        match left {
            Some(_) => Err(Mismatch { segment: self.segments.len() + 1, cause: Cause::Surplus }),
            None => Ok(()),
        }
    }

    /// `Less` if this pattern is the more specific of two that match one path: at the first segment where they differ in
    /// kind, a literal goes before a parameter, and a parameter before a rest.
    pub fn compare(&self, other: &Self) -> Ordering {
        let ranks = |pattern: &Self| pattern.segments.iter().map(Segment::rank).collect::<Vec<_>>();
        ranks(self).cmp(&ranks(other))
    }

    /// How alike the pattern and a path are: greater is nearer. For telling people what they may have meant.
    pub(crate) fn likeness(&self, path: &str) -> i32 {
        let found: Vec<_> = path.strip_prefix('/').unwrap_or(path).split('/').map(|s| decode(s.as_bytes())).collect();
        let alike = self.segments.iter().zip(&found).map(|(wanted, found)| match wanted {
            Segment::Literal(literal) if **found == **literal => 4,
            Segment::Literal(literal) if is_similar(found, literal) => 3,
            Segment::Literal(_) => 0,
            Segment::Parameter(_) | Segment::Rest(_) => 1,
        });
        alike.sum::<i32>() - self.segments.len().abs_diff(found.len()) as i32
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

/// Reads what stands between two slashes, of which the first byte is the pattern's byte `at`.
fn segment(part: &str, at: usize) -> Result<Segment, (usize, Wrong)> {
    if let Some(inner) = part.strip_prefix('{') {
        let Some(end) = inner.find('}') else { return Err((at, Wrong::Unclosed)) };
        if end + 1 < inner.len() {
            return Err((at + end + 2, Wrong::NotWhole));
        }
        let (rest, name) = match inner[..end].strip_prefix('*') {
            Some(name) => (true, name),
            None => (false, &inner[..end]),
        };
        let name_at = at + 1 + usize::from(rest);
        if let Some(offset) = name.find(|char: char| !char.is_ascii_alphanumeric() && char != '_') {
            return Err((name_at + offset, Wrong::Name));
        }
        return match name {
            "" => Err((name_at, Wrong::NoName)),
            _ if rest => Ok(Segment::Rest(name.into())),
            _ => Ok(Segment::Parameter(name.into())),
        };
    }
    match part.find(|char: char| matches!(char, '{' | '}' | '?' | '#') || char.is_control()) {
        Some(offset) if part[offset..].starts_with('{') => return Err((at + offset, Wrong::NotWhole)),
        Some(offset) if part[offset..].starts_with('}') => return Err((at + offset, Wrong::Unopened)),
        Some(offset) => return Err((at + offset, Wrong::Octet)),
        None => {}
    }
    if let Some(offset) = malformed(part) {
        return Err((at + offset, Wrong::Escape));
    }
    if is_dots(part.as_bytes()) {
        return Err((at, Wrong::Dots));
    }
    Ok(Segment::Literal(decode(part.as_bytes()).into()))
}

/// Where a path breaks the grammar of percent-encoding (RFC 3986, section 2.1): the offset of a percent sign that is not
/// followed by two hexadecimal digits.
pub fn malformed(path: &str) -> Option<usize> {
    let bytes = path.as_bytes();
    let mut from = 0;
    while let Some(offset) = bytes[from..].iter().position(|byte| *byte == b'%') {
        let at = from + offset;
        if !bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Some(at);
        }
        from = at + 3;
    }
    None
}

/// Undoes percent-encoding, once. What is not well formed stays as it is.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode(raw).into()
}

/// The segment at the front, and what follows its slash.
pub(crate) fn next_segment(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == b'/') {
        Some(slash) => (&bytes[..slash], Some(&bytes[slash + 1..])),
        None => (bytes, None),
    }
}

/// Whether a segment is a dot segment, also where its dots are encoded.
pub(crate) fn is_dots(segment: &[u8]) -> bool {
    matches!(segment.first(), Some(b'.' | b'%')) && matches!(&*decode(segment), b"." | b"..")
}

/// Whether any of the segments is a dot segment.
pub(crate) fn has_dots(segments: &[u8]) -> bool {
    segments.split(|byte| *byte == b'/').any(is_dots)
}

/// Whether more than half of the longer of two names is the same at its ends: one typing error away.
fn is_similar(one: &[u8], other: &[u8]) -> bool {
    let same = |(a, b): &(&u8, &u8)| a.eq_ignore_ascii_case(b);
    let front = one.iter().zip(other).take_while(same).count();
    let back = one[front..].iter().rev().zip(other[front..].iter().rev()).take_while(same).count();
    2 * (front + back) > one.len().max(other.len())
}

/// Where a pattern failed to match a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mismatch {
    /// The first segment that failed, from 1.
    pub segment: usize,
    /// Why it failed.
    pub cause: Cause,
}

/// Why a segment of a path is not what a pattern wants there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The pattern has a literal there, and the path something else.
    Different,
    /// The path ends before it.
    Missing,
    /// The pattern ends before it.
    Surplus,
    /// It is empty, and a parameter is not.
    Empty,
    /// It is a dot segment, or what is left of the path holds one; no parameter takes those.
    Dots,
}

impl Mismatch {
    /// The mismatch in words: what `pattern` wants and what `path` has, without a full stop.
    pub fn explain(&self, pattern: &Pattern, path: &str) -> String {
        let number = self.segment;
        let found = path.strip_prefix('/').and_then(|below| below.split('/').nth(number - 1)).unwrap_or_default();
        let found = Shown(found.as_bytes());
        match (self.cause, pattern.segments.get(number - 1)) {
            (Cause::Different, Some(Segment::Literal(literal))) if literal.is_empty() => {
                format!("segment {number} is \"{found}\", and the pattern ends with the slash before it")
            }
            (Cause::Different, Some(Segment::Literal(literal))) => {
                format!("segment {number} is \"{found}\" and not \"{}\"", Shown(literal))
            }
            (Cause::Missing, Some(Segment::Literal(literal))) if literal.is_empty() => {
                "the path has no slash at its end".to_owned()
            }
            (Cause::Missing, _) => format!("the path has no segment {number}"),
            (Cause::Empty, _) => format!("segment {number} is empty"),
            (Cause::Dots, _) => format!("a dot segment stands in the path from segment {number} on"),
            _ => format!("the path goes on after segment {}", number - 1),
        }
    }
}

/// A pattern that cannot be read: what is wrong with it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// The pattern as it was written.
    pub text: Box<str>,
    /// The byte where it is wrong, from 0.
    pub at: usize,
    /// What is wrong there.
    pub wrong: Wrong,
}

/// What is wrong with a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrong {
    /// It does not begin with a slash.
    NoSlash,
    /// A brace is opened and not closed in the same segment.
    Unclosed,
    /// A brace is closed that was not opened.
    Unopened,
    /// A parameter is only a part of its segment.
    NotWhole,
    /// A parameter has no name.
    NoName,
    /// The name of a parameter holds something other than letters, digits and underscores.
    Name,
    /// A name occurs twice.
    Repeated,
    /// Something follows a rest, which leaves nothing.
    AfterRest,
    /// A question mark, a number sign or a control character, none of which a path holds.
    Octet,
    /// A percent sign is not followed by two hexadecimal digits.
    Escape,
    /// A dot segment, which no request's path should hold.
    Dots,
    /// There are more than [`SEGMENTS_MAX`] segments.
    TooLong,
    /// A prefix ends with a slash, so that two would follow one another.
    PrefixEndsWithSlash,
}

impl PatternError {
    fn new(text: &str, at: usize, wrong: Wrong) -> Self {
        Self { text: text.into(), at, wrong }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "it does not begin with a slash",
            Self::Unclosed => "the brace that opens here is not closed before the next slash",
            Self::Unopened => "no brace was opened that this one could close (a brace itself is written %7D)",
            Self::NotWhole => "a parameter is a whole segment, from slash to slash",
            Self::NoName => "a parameter has a name",
            Self::Name => "the name of a parameter is made of letters, digits and underscores",
            Self::Repeated => "this name is taken by an earlier parameter",
            Self::AfterRest => "nothing can follow what takes the rest of the path",
            Self::Octet => "no path holds this character",
            Self::Escape => "a percent sign is followed by two hexadecimal digits (a percent sign itself is %25)",
            Self::Dots => "clients remove dot segments before they send a path, so this would never match",
            Self::TooLong => "this is one segment too many",
            Self::PrefixEndsWithSlash => "a prefix does not end with a slash: what follows it begins with one",
        })
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the pattern \"{}\" is wrong at byte {}: {}", self.text.escape_debug(), self.at, self.wrong)
    }
}

impl std::error::Error for PatternError {}
