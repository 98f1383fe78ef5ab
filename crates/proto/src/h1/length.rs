//! How long a message is: decided here and nowhere else (RFC 9112, section 6; RFC 9110, section 8.6).

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Method, StatusCode, Version};
use wirelight_semantics::decision::Rule;

use super::exchange::Asked;
use super::head::Facts;
use crate::{ConnectionError, Length, SendError};

/// How the end of a message's content is found, or shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is no content, whatever the fields say about its length.
    Absent,
    /// Exactly this many bytes.
    Known(u64),
    /// Chunks, and then a trailer section.
    Chunked,
    /// Everything until the connection ends.
    UntilClose,
}

/// The length of the content of a request that was received (rules 3 to 7 of RFC 9112, section 6.3).
pub(super) fn of_request(
    method: &Method,
    version: Version,
    facts: &Facts,
    fields: &HeaderMap,
) -> Result<Framing, ConnectionError> {
    let framing = match (facts.transfer_encoding.count, facts.content_length.count) {
        (0, 0) => return Ok(Framing::Known(0)),
        (0, _) => Framing::Known(content_length(facts, fields)?),
        _ => transfer_coding(version, facts, fields)?,
    };
    if *method == Method::CONNECT && framing != Framing::Known(0) {
        let at = facts.content_length.at.max(facts.transfer_encoding.at);
        return Err(refuse(&CONNECT_CONTENT, at, "CONNECT came with content"));
    }
    Ok(framing)
}

/// The length of the content of a final response that was received, and what is said of it.
pub(super) fn of_response(
    asked: Asked,
    status: StatusCode,
    version: Version,
    facts: &Facts,
    fields: &HeaderMap,
) -> Result<(Framing, Length), ConnectionError> {
    if status == StatusCode::NO_CONTENT || asked == Asked::Connect && status.is_success() {
        return Ok((Framing::Absent, Length::Known(0)));
    }
    let framing = match (facts.transfer_encoding.count, facts.content_length.count) {
        (0, 0) => Framing::UntilClose,
        (0, _) => Framing::Known(content_length(facts, fields)?),
        _ => transfer_coding(version, facts, fields)?,
    };
    let length = match framing {
        Framing::Known(length) => Length::Known(length),
        _ => Length::Unknown,
    };
    if asked == Asked::Head || status == StatusCode::NOT_MODIFIED {
        return Ok((Framing::Absent, length));
    }
    Ok((framing, length))
}

/// One Content-Length with one number: what differs, repeats or overflows is refused.
fn content_length(facts: &Facts, fields: &HeaderMap) -> Result<u64, ConnectionError> {
    let at = facts.content_length.at;
    if facts.content_length.count > 1 {
        return Err(refuse(&CONTENT_LENGTH_ONCE, at, "Content-Length came more than once"));
    }
    let value = fields.get(CONTENT_LENGTH).map_or(&b""[..], |value| value.as_bytes());
    decimal(value).ok_or_else(|| {
        let shown = &value[..value.len().min(32)];
        let because = format!("Content-Length is \"{}\", which is no length", shown.escape_ascii());
        refuse(&CONTENT_LENGTH_NUMBER, at, because)
            .or("a Content-Length of digits alone, up to 2^63 - 1, would have been accepted")
    })
}

/// What digits and nothing else say, up to 2^63 - 1, beyond which recipients differ.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))?;
    (number <= i64::MAX as u64).then_some(number)
}

/// One Transfer-Encoding that says chunked and nothing else, in HTTP/1.1, without a Content-Length.
fn transfer_coding(version: Version, facts: &Facts, fields: &HeaderMap) -> Result<Framing, ConnectionError> {
    let at = facts.transfer_encoding.at;
    if version == Version::HTTP_10 {
        return Err(refuse(&CODING_IN_HTTP_10, at, "an HTTP/1.0 message came with Transfer-Encoding"));
    }
    if facts.content_length.count > 0 {
        let because = "Transfer-Encoding and Content-Length came together";
        return Err(refuse(&CODING_AND_LENGTH, at, because).or("one of them alone would have been accepted"));
    }
    let codings: Vec<&[u8]> = fields
        .get_all(TRANSFER_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .collect();
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    match codings[..] {
        [coding] if is_chunked(coding) => Ok(Framing::Chunked),
        [ref codings @ .., last] if is_chunked(last) => {
            if codings.iter().any(|coding| is_chunked(coding) || coding.is_empty()) {
                return Err(refuse(&CHUNKED_ONCE, at, "Transfer-Encoding does not name chunked once")
                    .or("Transfer-Encoding: chunked would have been accepted"));
            }
            let because = "a transfer coding other than chunked is not understood";
            Err(ConnectionError::new(&CODING_KNOWN, StatusCode::NOT_IMPLEMENTED, because)
                .at(at.into())
                .or("Transfer-Encoding: chunked would have been accepted"))
        }
        _ => Err(refuse(&CHUNKED_LAST, at, "Transfer-Encoding does not end in chunked")
            .or("Transfer-Encoding: chunked would have been accepted")),
    }
}

/// The framing of a message that is to be sent, and the field that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) framing: Framing,
    pub(super) field: Field,
}

/// The field that says how long the content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Absent,
    ContentLength(u64),
    Chunked,
}

/// The framing of a request to send; `declared` is the Content-Length that the application gave.
pub(super) fn to_request(method: &Method, length: Length, declared: Option<u64>) -> Result<Sent, SendError> {
    if declared.is_some_and(|declared| length != Length::Known(declared)) {
        return Err(SendError::WrongLength);
    }
    // RFC 9110, sections 9.3.6 and 9.3.8: neither has content.
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return match length {
            Length::Known(0) => Ok(Sent { framing: Framing::Known(0), field: Field::Absent }),
            _ => Err(SendError::WrongLength),
        };
    }
    let expects_content = matches!(*method, Method::POST | Method::PUT | Method::PATCH);
    Ok(match length {
        Length::Known(0) if !expects_content && declared.is_none() => {
            Sent { framing: Framing::Known(0), field: Field::Absent }
        }
        Length::Known(length) => Sent { framing: Framing::Known(length), field: Field::ContentLength(length) },
        Length::Unknown => Sent { framing: Framing::Chunked, field: Field::Chunked },
    })
}

/// The framing of a final response to send; `old` says that the client speaks HTTP/1.0.
pub(super) fn to_response(
    asked: Asked,
    old: bool,
    status: StatusCode,
    length: Length,
    declared: Option<u64>,
) -> Result<Sent, SendError> {
    let bodiless = |field| Ok(Sent { framing: Framing::Absent, field });
    // RFC 9110, section 8.6: neither may say a length.
    if status == StatusCode::NO_CONTENT || asked == Asked::Connect && status.is_success() {
        return if matches!(length, Length::Known(1..)) {
            Err(SendError::WrongLength)
        } else {
            bodiless(Field::Absent)
        };
    }
    if asked == Asked::Head || status == StatusCode::NOT_MODIFIED {
        // Nothing follows, so nothing can be counted: the application's own field is believed before its promise,
        // and a promise of nothing is not told apart from knowing nothing.
        return bodiless(match (declared, length) {
            (Some(declared), _) => Field::ContentLength(declared),
            (None, Length::Known(length)) if length > 0 => Field::ContentLength(length),
            (None, Length::Unknown) if !old && status != StatusCode::NOT_MODIFIED => Field::Chunked,
            _ => Field::Absent,
        });
    }
    if declared.is_some_and(|declared| length != Length::Known(declared)) {
        return Err(SendError::WrongLength);
    }
    Ok(match length {
        Length::Known(length) => Sent { framing: Framing::Known(length), field: Field::ContentLength(length) },
        Length::Unknown if old => Sent { framing: Framing::UntilClose, field: Field::Absent },
        Length::Unknown => Sent { framing: Framing::Chunked, field: Field::Chunked },
    })
}

fn refuse(rule: &'static Rule, at: u32, because: impl Into<std::borrow::Cow<'static, str>>) -> ConnectionError {
    ConnectionError::new(rule, StatusCode::BAD_REQUEST, because).at(at.into())
}

static CONTENT_LENGTH_ONCE: Rule = Rule {
    name: "content-length-once",
    section: "RFC 9112, section 6.3",
    says: "Several Content-Length fields may be taken for a framing error.",
};
static CONTENT_LENGTH_NUMBER: Rule = Rule {
    name: "content-length-number",
    section: "RFC 9110, section 8.6",
    says: "Content-Length is one decimal number of digits.",
};
static CODING_IN_HTTP_10: Rule = Rule {
    name: "coding-in-http-10",
    section: "RFC 9112, section 6.1",
    says: "A Transfer-Encoding in an HTTP/1.0 message is treated as faulty framing.",
};
static CODING_AND_LENGTH: Rule = Rule {
    name: "coding-and-length",
    section: "RFC 9112, section 6.1",
    says: "A message with Transfer-Encoding and Content-Length may be an attempt at smuggling and may be refused.",
};
static CODING_KNOWN: Rule = Rule {
    name: "coding-known",
    section: "RFC 9112, section 6.1",
    says: "A request with a transfer coding that is not understood is answered 501.",
};
static CHUNKED_ONCE: Rule =
    Rule { name: "chunked-once", section: "RFC 9112, section 6.1", says: "The chunked coding is applied only once." };
static CHUNKED_LAST: Rule = Rule {
    name: "chunked-last",
    section: "RFC 9112, section 6.3",
    says: "A request whose final transfer coding is not chunked has no length and is answered 400.",
};
static CONNECT_CONTENT: Rule =
    Rule { name: "connect-content", section: "RFC 9110, section 9.3.6", says: "A CONNECT request has no content." };
