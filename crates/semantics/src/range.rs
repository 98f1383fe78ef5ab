//! Range requests: which bytes of a representation are sent (RFC 9110, section 14).

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use http::header::{HeaderValue, RANGE};
use http::{HeaderMap, Method, StatusCode};

use crate::decision::{Decision, Rule, Shown};
use crate::precondition::{self, IfRange};
use crate::validator::Validators;
use crate::{fields, grammar};

/// What a range request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// More ranges than this in one request are ignored, and everything is sent (RFC 9110, section 14.2).
    pub ranges_max: usize,
    /// Ranges that overlap, or are no more than so many bytes apart, are sent as one (RFC 9110, section 15.3.7.2).
    pub gap_bytes: u64,
}

impl Default for Limits {
    /// At most 16 ranges; gaps up to 80 bytes, about what the head of one more part would cost.
    fn default() -> Self {
        Self { ranges_max: 16, gap_bytes: 80 }
    }
}

/// Bytes of a representation, from the first to the last, counted from 0; never empty (RFC 9110, section 14.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// The bytes from `first` to `last`, both included; `None` if `last` comes before `first`.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// The position of the first byte.
    pub fn first(self) -> u64 {
        self.first
    }

    /// The position of the last byte.
    pub fn last(self) -> u64 {
        self.last
    }

    /// How many bytes there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a span is never empty")]
    pub fn len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The value of `Content-Range` for these bytes of a representation of `length` bytes (RFC 9110, section 14.4).
    pub fn content_range(self, length: u64) -> HeaderValue {
        ascii(format!("bytes {}-{}/{length}", self.first, self.last))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// The value of `Content-Range` in a 416 response about a representation of `length` bytes (RFC 9110, section 14.4).
pub fn unsatisfied(length: u64) -> HeaderValue {
    ascii(format!("bytes */{length}"))
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).expect("digits and words are a field value")
}

/// Which bytes are sent, and why (RFC 9110, section 14.2).
#[derive(Debug, Clone)]
pub enum Judgement {
    /// Everything: no range was asked for.
    Whole,
    /// One range: 206, with `Content-Range`.
    Single {
        /// The bytes to send.
        span: Span,
        /// How long the representation is, in bytes.
        length: u64,
        /// What the request asked for.
        asked: HeaderValue,
    },
    /// Several ranges: 206, with `multipart/byteranges`.
    Multiple {
        /// The bytes to send, in the order asked for; no two overlap.
        spans: Vec<Span>,
        /// How long the representation is, in bytes.
        length: u64,
        /// What the request asked for.
        asked: HeaderValue,
    },
    /// Nothing: no range lies within the representation. 416, with [`unsatisfied`].
    NotSatisfiable {
        /// How long the representation is, in bytes.
        length: u64,
        /// What the request asked for.
        asked: HeaderValue,
    },
    /// Everything, although a range was asked for.
    Ignored {
        /// What the request asked for.
        asked: HeaderValue,
        /// Why it is not heeded.
        cause: Ignored,
    },
}

/// Why a `Range` is not heeded.
#[derive(Debug, Clone)]
pub enum Ignored {
    /// Only GET has ranges (section 14.2).
    Method(Method),
    /// The range unit is not `bytes` (section 14.2).
    Unit,
    /// It breaks the grammar: a position that is no number, or a last position before the first (section 14.1.1).
    Malformed,
    /// It asks for more ranges than the limit (section 14.2).
    TooMany {
        /// The limit.
        ranges_max: usize,
    },
    /// The representation has no bytes, so that no `Content-Range` could be written (section 14.4).
    Empty,
    /// `If-Range` does not hold the current validator (section 13.1.5).
    Condition(IfRange),
}

/// Judges the `Range` of a request for a representation of `length` bytes (RFC 9110, section 14.2).
///
/// To be called if the answer would otherwise be 200, after [`precondition::judge`]. `now` tells whether the
/// modification date is old enough for `If-Range`.
pub fn judge(
    method: &Method,
    request: &HeaderMap,
    length: u64,
    current: &Validators,
    now: SystemTime,
    limits: &Limits,
) -> Judgement {
    let Some(asked) = fields::combined(request, &RANGE) else {
        return Judgement::Whole;
    };
    let asked = asked.into_owned();
    if *method != Method::GET {
        return Judgement::Ignored { asked, cause: Ignored::Method(method.clone()) };
    }
    let condition = precondition::if_range(request, current, now);
    if !condition.applies() {
        return Judgement::Ignored { asked, cause: Ignored::Condition(condition) };
    }
    match parse(asked.as_bytes(), limits) {
        Err(cause) => Judgement::Ignored { asked, cause },
        Ok(ranges) => select(&ranges, length, asked, limits),
    }
}

/// One range as it was written (RFC 9110, section 14.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Specifier {
    /// From a position to another, both included, or to the end. Positions beyond 64 bits are kept as the greatest.
    From {
        /// The first position.
        first: u64,
        /// The last position, if it is given.
        last: Option<u64>,
    },
    /// So many bytes at the end.
    Suffix(u64),
}

impl Specifier {
    /// Reads `2-5`, `2-` or `-5`.
    pub fn parse(written: &[u8]) -> Option<Self> {
        let minus = memchr::memchr(b'-', written)?;
        let (first, last) = (&written[..minus], &written[minus + 1..]);
        if first.is_empty() {
            return position(last).map(Self::Suffix);
        }
        let first = position(first)?;
        if last.is_empty() {
            return Some(Self::From { first, last: None });
        }
        let last = position(last)?;
        (first <= last).then_some(Self::From { first, last: Some(last) })
    }

    /// The bytes that it names of a representation of `length` bytes; `None` if there are none (RFC 9110, 14.1.2).
    pub fn within(self, length: u64) -> Option<Span> {
        let end = length.checked_sub(1)?;
        match self {
            Self::From { first, last } => Span::new(first, last.unwrap_or(end).min(end)),
            Self::Suffix(0) => None,
            Self::Suffix(suffix) => Span::new(length.saturating_sub(suffix), end),
        }
    }
}

/// A position: digits only; the greatest number if it is greater than any that we can count to.
fn position(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// Reads the value of `Range` (RFC 9110, section 14.2).
///
/// # Errors
/// If the unit is not `bytes`, if there are more than `limits.ranges_max` ranges, or if one breaks the grammar.
pub fn parse(value: &[u8], limits: &Limits) -> Result<Vec<Specifier>, Ignored> {
    let equals = memchr::memchr(b'=', value).ok_or(Ignored::Malformed)?;
    if !value[..equals].eq_ignore_ascii_case(b"bytes") {
        return Err(if grammar::is_token(&value[..equals]) { Ignored::Unit } else { Ignored::Malformed });
    }
    let mut ranges = Vec::new();
    for written in grammar::list(&value[equals + 1..]) {
        if ranges.len() == limits.ranges_max {
            return Err(Ignored::TooMany { ranges_max: limits.ranges_max });
        }
        ranges.push(Specifier::parse(written).ok_or(Ignored::Malformed)?);
    }
    if ranges.is_empty() { Err(Ignored::Malformed) } else { Ok(ranges) }
}

fn select(ranges: &[Specifier], length: u64, asked: HeaderValue, limits: &Limits) -> Judgement {
    let asks_for_bytes = ranges.iter().any(|range| matches!(range, Specifier::Suffix(1..)));
    if length == 0 && asks_for_bytes {
        return Judgement::Ignored { asked, cause: Ignored::Empty };
    }
    let mut spans = coalesce(ranges.iter().filter_map(|range| range.within(length)), limits.gap_bytes);
    match spans.len() {
        0 => Judgement::NotSatisfiable { length, asked },
        1 => Judgement::Single { span: spans.remove(0), length, asked },
        _ => Judgement::Multiple { spans, length, asked },
    }
}

/// Joins spans that overlap or are at most `gap_bytes` apart; what remains is in the order asked for.
///
/// So no byte is sent twice, however a request repeats itself (CVE-2011-3192).
fn coalesce(spans: impl Iterator<Item = Span>, gap_bytes: u64) -> Vec<Span> {
    let mut ordered: Vec<(usize, Span)> = spans.enumerate().collect();
    ordered.sort_by_key(|(_, span)| span.first);
    let mut joined: Vec<(usize, Span)> = Vec::with_capacity(ordered.len());
    for (place, span) in ordered {
        match joined.last_mut() {
            Some((earliest, last)) if span.first <= last.last.saturating_add(1).saturating_add(gap_bytes) => {
                *earliest = place.min(*earliest);
                last.last = last.last.max(span.last);
            }
            _ => joined.push((place, span)),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    joined.into_iter().map(|(_, span)| span).collect()
}

impl Judgement {
    /// The status of the answer: 200, 206 or 416.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Whole | Self::Ignored { .. } => StatusCode::OK,
            Self::Single { .. } | Self::Multiple { .. } => StatusCode::PARTIAL_CONTENT,
            Self::NotSatisfiable { .. } => StatusCode::RANGE_NOT_SATISFIABLE,
        }
    }
}

static RANGE_RULE: Rule = Rule {
    name: "range",
    section: "RFC 9110, section 14.2",
    says: "A GET may ask for parts of a representation; what is not understood is ignored.",
};
static LIMIT: Rule = Rule {
    name: "range-limit",
    section: "RFC 9110, section 14.2",
    says: "A server may ignore a Range that asks for many small or overlapping ranges.",
};
static NOT_SATISFIABLE: Rule = Rule {
    name: "range-not-satisfiable",
    section: "RFC 9110, section 15.5.17",
    says: "A Range of which no part lies within the representation is answered with 416 and the current length.",
};

impl Decision for Judgement {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Whole | Self::Single { .. } | Self::Multiple { .. } => &RANGE_RULE,
            Self::NotSatisfiable { .. } => &NOT_SATISFIABLE,
            Self::Ignored { cause: Ignored::TooMany { .. }, .. } => &LIMIT,
            Self::Ignored { cause: Ignored::Condition(condition), .. } => condition.rule(),
            Self::Ignored { .. } => &RANGE_RULE,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Whole => Cow::Borrowed("sent whole"),
            Self::Single { span, length, .. } => Cow::Owned(format!("bytes {span} of {length}")),
            Self::Multiple { spans, length, .. } => Cow::Owned(format!("{} ranges of {length} bytes", spans.len())),
            Self::NotSatisfiable { .. } => Cow::Borrowed("416 Range Not Satisfiable"),
            Self::Ignored { .. } => Cow::Borrowed("sent whole, the range is ignored"),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        let shown = |asked: &HeaderValue| Shown(asked.as_bytes()).to_string();
        match self {
            Self::Whole => Cow::Borrowed("the request asks for no range"),
            Self::Single { asked, length, .. } | Self::Multiple { asked, length, .. } => {
                Cow::Owned(format!("the request asks for {} of a representation of {length} bytes", shown(asked)))
            }
            Self::NotSatisfiable { asked, length } => Cow::Owned(format!(
                "the request asks for {}, and none of that lies within the {length} bytes of the representation",
                shown(asked)
            )),
            Self::Ignored { asked, cause } => cause.because(&shown(asked)),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Whole | Self::Single { .. } | Self::Multiple { .. } => return None,
            Self::NotSatisfiable { length: 0, .. } => Cow::Borrowed("a request without Range would be answered"),
            Self::NotSatisfiable { length, .. } => {
                Cow::Owned(format!("Range: bytes=0-{} would name every byte there is", length - 1))
            }
            Self::Ignored { cause, .. } => return cause.otherwise(),
        })
    }

    fn declines(&self) -> bool {
        matches!(self, Self::NotSatisfiable { .. } | Self::Ignored { .. })
    }
}

impl Ignored {
    fn because(&self, asked: &str) -> Cow<'static, str> {
        Cow::Owned(match self {
            Self::Method(method) => format!("Range has no meaning for {method}, only for GET"),
            Self::Unit => format!("{asked} counts in another unit than bytes"),
            Self::Malformed => format!("{asked} is no list of byte ranges"),
            Self::TooMany { ranges_max } => format!("{asked} asks for more than {ranges_max} ranges"),
            Self::Empty => return Cow::Borrowed("the representation is empty, so that there is no range to send"),
            Self::Condition(condition) => return condition.because(),
        })
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            Self::Method(_) => Cow::Borrowed("a GET would be answered with the range"),
            Self::Unit | Self::Malformed => Cow::Borrowed("a range in the form of bytes=0-499 would be heeded"),
            Self::TooMany { ranges_max } => Cow::Owned(format!("up to {ranges_max} ranges would be heeded")),
            Self::Empty => return None,
            Self::Condition(condition) => return condition.otherwise(),
        })
    }
}
