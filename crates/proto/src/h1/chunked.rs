//! The chunked transfer coding, read strictly (RFC 9112, section 7.1).

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName};
use wirelight_semantics::decision::Rule;

use super::config::Config;
use super::head::{self, Feeds, Section};
use super::octets::{is_space, is_text, is_token, seen};
use crate::{ConnectionError, Incoming};

/// The most hexadecimal digits of a chunk size: what they say stays below 2^60.
const DIGITS_MAX: u8 = 15;

/// Where in the coding the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the digits of a size.
    Size,
    /// After whitespace that only an extension may follow.
    BeforeSemicolon,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    Escaped,
    AfterValue,
    /// After the carriage return of a size line.
    SizeFeed,
    /// In the content of a chunk.
    Content,
    /// After the content of a chunk.
    ContentReturn,
    ContentFeed,
    Trailers,
}

/// Reads one message's chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decoder {
    state: State,
    digits: u8,
    /// The bytes of the extensions of the chunk that is being read, and of all chunks.
    extension: u32,
    extensions: u32,
    /// How much of the trailer section was searched for its end.
    scanned: u32,
    /// The size that was read, and then how much of the chunk's content is still to come.
    left: u64,
}

/// What the decoder found next.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing before more bytes come.
    Partial,
    /// This much content, at the start of the input; [`Decoder::took`] says that it was taken.
    Content(usize),
    /// The end of the message.
    End(HeaderMap),
}

impl Decoder {
    pub(super) const fn new() -> Self {
        Self { state: State::Size, digits: 0, extension: 0, extensions: 0, scanned: 0, left: 0 }
    }

    /// Reads framing up to content or the end; `offset` counts the bytes of the message that were consumed.
    pub(super) fn advance(
        &mut self,
        input: &mut Incoming,
        offset: &mut u64,
        config: &Config,
    ) -> Result<Found, ConnectionError> {
        let bytes = input.bytes();
        let mut i = 0;
        while i < bytes.len() && !matches!(self.state, State::Content | State::Trailers) {
            self.octet(bytes[i], *offset + i as u64, config)?;
            i += 1;
        }
        input.advance(i);
        *offset += i as u64;
        match self.state {
            State::Content if !input.is_empty() => {
                Ok(Found::Content(usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len())))
            }
            State::Trailers => self.trailers(input, offset, config),
            _ => Ok(Found::Partial),
        }
    }

    /// Notes that content was taken from the input.
    pub(super) fn took(&mut self, length: usize) {
        self.left -= length as u64;
        if self.left == 0 {
            self.state = State::ContentReturn;
        }
    }

    /// Reads one byte of framing.
    fn octet(&mut self, b: u8, at: u64, config: &Config) -> Result<(), ConnectionError> {
        self.state = match (self.state, b) {
            (State::Size, b) if b.is_ascii_hexdigit() => {
                if self.digits == DIGITS_MAX {
                    return Err(refuse(&SIZE, at, format!("a chunk size has more than {DIGITS_MAX} digits")));
                }
                self.digits += 1;
                self.left = self.left << 4 | u64::from((b as char).to_digit(16).unwrap_or(0));
                State::Size
            }
            (State::Size, _) if self.digits == 0 => {
                let because = format!("{} stands where a chunk size begins", seen(b));
                return Err(refuse(&SIZE, at, because).or("hexadecimal digits would have been accepted"));
            }
            (State::Size | State::Name | State::AfterName | State::Value | State::AfterValue, b'\r') => State::SizeFeed,
            (State::Size, b' ' | b'\t') => self.extend(State::BeforeSemicolon, at, config)?,
            (
                State::Size
                | State::BeforeSemicolon
                | State::Name
                | State::AfterName
                | State::Value
                | State::AfterValue,
                b';',
            ) => self.extend(State::BeforeName, at, config)?,
            (State::SizeFeed, b'\n') => self.size_read(),
            (State::ContentReturn, b'\r') => State::ContentFeed,
            (State::ContentFeed, b'\n') => State::Size,
            (State::Size, _) => {
                return Err(refuse(&SIZE, at, format!("{} stands in a chunk size", seen(b)))
                    .or("hexadecimal digits would have been accepted"));
            }
            (State::SizeFeed, _) => {
                return Err(refuse(&LINE, at, "a chunk size line does not end in CRLF")
                    .or("CRLF, a carriage return and a line feed, would have been accepted there"));
            }
            (State::ContentReturn | State::ContentFeed, _) => {
                return Err(refuse(&LINE, at, "the content of a chunk is not followed by CRLF")
                    .or("CRLF, a carriage return and a line feed, would have been accepted there"));
            }
            (state, b) => match extension(state, b) {
                Some(next) => self.extend(next, at, config)?,
                None => {
                    let because = format!("{} stands in a chunk extension", seen(b));
                    return Err(
                        refuse(&EXTENSION, at, because).or("an extension such as ;name=value would have been accepted")
                    );
                }
            },
        };
        Ok(())
    }

    /// The state after a size line.
    fn size_read(&mut self) -> State {
        self.digits = 0;
        self.extension = 0;
        if self.left == 0 { State::Trailers } else { State::Content }
    }

    /// Counts a byte of an extension.
    fn extend(&mut self, next: State, at: u64, config: &Config) -> Result<State, ConnectionError> {
        self.extension += 1;
        self.extensions += 1;
        let (one, all) = (config.chunk_extension_bytes_max, config.chunk_extensions_bytes_max);
        if self.extension as usize > one {
            return Err(refuse(&EXTENSION_SIZE, at, format!("a chunk extension is longer than {one} bytes")));
        }
        if self.extensions as usize > all {
            return Err(refuse(&EXTENSION_SIZE, at, format!("the chunk extensions are longer than {all} bytes")));
        }
        Ok(next)
    }

    fn trailers(&mut self, input: &mut Incoming, offset: &mut u64, config: &Config) -> Result<Found, ConnectionError> {
        let bytes = input.bytes();
        let length = match head::find_end(bytes, self.scanned as usize, config.trailer_bytes_max, &mut Feeds::default())
        {
            Section::Partial => {
                self.scanned = bytes.len() as u32;
                return Ok(Found::Partial);
            }
            Section::Whole(2) => {
                input.advance(2);
                *offset += 2;
                return Ok(Found::End(HeaderMap::new()));
            }
            Section::Whole(length) => length,
            Section::Cut(length) => {
                let cut = Bytes::copy_from_slice(&bytes[..length]);
                let error =
                    head::trailers(&cut, config).err().unwrap_or_else(|| refuse(&LINE, 0, "the end is missing"));
                return Err(shift(error, *offset));
            }
        };
        let section = input.take(length);
        let trailers = head::trailers(&section, config).map_err(|error| shift(error, *offset))?;
        if let Some(name) = trailers.keys().find(|name| forbidden_in_trailers(name)) {
            let because = format!("{name} came in the trailer section");
            return Err(
                refuse(&TRAILER_FIELD, *offset, because).or(format!("{name} in the head would have been accepted"))
            );
        }
        *offset += length as u64;
        Ok(Found::End(trailers))
    }
}

/// The state after one more byte of an extension, `*( BWS ";" BWS ext-name [ BWS "=" BWS ext-val ] )`, or `None`.
fn extension(state: State, b: u8) -> Option<State> {
    Some(match (state, b) {
        (State::BeforeSemicolon | State::BeforeName | State::BeforeValue, b) if is_space(b) => state,
        (State::Name | State::AfterName, b) if is_space(b) => State::AfterName,
        (State::Value | State::AfterValue, b) if is_space(b) => State::AfterValue,
        (State::Name | State::AfterName, b'=') => State::BeforeValue,
        (State::BeforeValue, b'"') => State::Quoted,
        (State::Quoted, b'"') => State::AfterValue,
        (State::Quoted, b'\\') => State::Escaped,
        (State::Quoted | State::Escaped, b) if is_text(b) => State::Quoted,
        (State::BeforeName | State::Name, b) if is_token(b) => State::Name,
        (State::BeforeValue | State::Value, b) if is_token(b) => State::Value,
        _ => return None,
    })
}

/// Whether a field may not stand in a trailer section: it frames or routes the message, belongs to the connection,
/// or was needed before the content (RFC 9110, section 6.5.1).
pub(super) fn forbidden_in_trailers(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::TRANSFER_ENCODING
            | header::CONTENT_LENGTH
            | header::HOST
            | header::CONNECTION
            | header::UPGRADE
            | header::TE
            | header::TRAILER
            | header::EXPECT
            | header::MAX_FORWARDS
            | header::RANGE
            | header::IF_MATCH
            | header::IF_NONE_MATCH
            | header::IF_MODIFIED_SINCE
            | header::IF_UNMODIFIED_SINCE
            | header::IF_RANGE
            | header::AUTHORIZATION
            | header::PROXY_AUTHORIZATION
            | header::WWW_AUTHENTICATE
            | header::PROXY_AUTHENTICATE
            | header::COOKIE
            | header::SET_COOKIE
            | header::CONTENT_ENCODING
            | header::CONTENT_TYPE
            | header::CONTENT_RANGE
    ) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// An error inside the trailer section, its offset counted from the start of the message.
fn shift(mut error: ConnectionError, offset: u64) -> ConnectionError {
    error.at = error.at.map(|at| at + offset);
    error
}

fn refuse(rule: &'static Rule, at: u64, because: impl Into<std::borrow::Cow<'static, str>>) -> ConnectionError {
    ConnectionError::new(rule, StatusCode::BAD_REQUEST, because).at(at)
}

static SIZE: Rule = Rule {
    name: "chunk-size",
    section: "RFC 9112, section 7.1",
    says: "A chunk begins with its size in hexadecimal digits, and must not overflow.",
};
static LINE: Rule = Rule {
    name: "chunk-line",
    section: "RFC 9112, section 7.1",
    says: "A chunk's size line and its content each end in CRLF.",
};
static EXTENSION: Rule = Rule {
    name: "chunk-extension",
    section: "RFC 9112, section 7.1.1",
    says: "A chunk extension is a semicolon, a token and perhaps a value that is a token or quoted.",
};
static EXTENSION_SIZE: Rule = Rule {
    name: "chunk-extension-size",
    section: "RFC 9112, section 7.1.1",
    says: "The total length of chunk extensions is limited.",
};
static TRAILER_FIELD: Rule = Rule {
    name: "trailer-field",
    section: "RFC 9110, section 6.5.1",
    says: "Fields for framing, routing, authentication or processing of content may not stand in a trailer section.",
};
