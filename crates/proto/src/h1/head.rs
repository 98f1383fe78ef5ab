//! The head of a message: its first line and its fields (RFC 9112, sections 2 to 5).
//!
//! A head is looked for first and read when it is whole, in one pass over one allocation: the fields are slices of it.
//! A trailer section is read by the same code. How long a message is, is not decided here.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT,
    HOST, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, REFERER, TRANSFER_ENCODING, UPGRADE,
    UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};
use http::{Method, Response, StatusCode, Version, request, response};
use memchr::{memchr, memchr_iter};
use wirelight_semantics::decision::Rule;

use super::config::Config;
use super::exchange::{Options, elements};
use super::octets::{is_space, is_text, is_token, seen};
use super::spelling::Spelling;
use super::target;
use crate::ConnectionError;

/// Where a section of lines ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Not in what has come so far.
    Partial,
    /// After this many bytes, the empty line included.
    Whole(usize),
    /// It holds a line feed without carriage return, or is too long: what stands before this offset cannot be read.
    Cut(usize),
}

/// How many line ends are noted: as many as most heads have.
const FEEDS_MAX: usize = 32;

/// Where the first lines of a section end, noted while its end was looked for, so that they are looked for once.
#[derive(Debug, Default)]
pub(super) struct Feeds {
    at: [u32; FEEDS_MAX],
    count: usize,
}

impl Feeds {
    #[inline]
    fn note(&mut self, at: usize) {
        if let Some(slot) = self.at.get_mut(self.count) {
            *slot = at as u32;
            self.count += 1;
        }
    }

    /// Where the line feed of a line is, if it was noted.
    #[inline]
    fn of(&self, line: usize) -> Option<usize> {
        self.at[..self.count].get(line).map(|at| *at as usize)
    }
}

/// Looks for the empty line that ends a section of at most `max` bytes; the first `scanned` hold no line end that
/// would have mattered. Where none were, the ends of lines are noted.
#[inline]
pub(super) fn find_end(bytes: &[u8], scanned: usize, max: usize, feeds: &mut Feeds) -> Section {
    let window = &bytes[..bytes.len().min(max)];
    for feed in memchr_iter(b'\n', window.get(scanned..).unwrap_or_default()) {
        let feed = scanned + feed;
        if scanned == 0 {
            feeds.note(feed);
        }
        if feed == 0 || window[feed - 1] != b'\r' {
            return Section::Cut(feed + 1);
        }
        if feed == 1 || window[feed - 2] == b'\n' {
            return Section::Whole(feed + 1);
        }
    }
    if bytes.len() >= max { Section::Cut(max) } else { Section::Partial }
}

/// A field that came, how often, and where its value stood last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Noted {
    pub(super) count: u32,
    pub(super) at: u32,
}

impl Noted {
    fn note(&mut self, at: usize) {
        self.count += 1;
        self.at = at as u32;
    }
}

/// What the fields of a head say about the message and the connection, noted while they were read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Facts {
    pub(super) content_length: Noted,
    pub(super) transfer_encoding: Noted,
    host: Noted,
    host_length: u32,
    upgrade: Noted,
    pub(super) options: Options,
    pub(super) expects_continue: bool,
}

impl Facts {
    /// Whether another protocol was offered or taken (RFC 9110, section 7.8).
    pub(super) fn upgrades(&self) -> bool {
        self.options.upgrade && self.upgrade.count > 0
    }

    #[inline]
    fn note(&mut self, name: &HeaderName, length: usize, value: &[u8], at: usize) {
        match length {
            4 if *name == HOST => {
                self.host.note(at);
                self.host_length = value.len() as u32;
            }
            6 if *name == EXPECT => {
                self.expects_continue |= elements(value).any(|it| it.eq_ignore_ascii_case(b"100-continue"));
            }
            7 if *name == UPGRADE => self.upgrade.note(at),
            10 if *name == CONNECTION => self.options.note(value),
            14 if *name == CONTENT_LENGTH => self.content_length.note(at),
            17 if *name == TRANSFER_ENCODING => self.transfer_encoding.note(at),
            _ => {}
        }
    }
}

/// Reads the head of a request, which ends where `bytes` ends, into one that says nothing yet.
#[inline]
pub(super) fn request(
    bytes: &Bytes,
    feeds: &Feeds,
    config: &Config,
    mut parts: Box<request::Parts>,
) -> Result<(Box<request::Parts>, Facts), ConnectionError> {
    let mut reader = Reader { bytes, feeds, at: 0, lines: 0, config };
    let (start, end) = reader.first_line()?;
    let absolute = reader.request_line(start, end, &mut parts)?;
    let mut facts = Facts::default();
    let lines = reader.at;
    reader.fields(&mut parts.headers, &mut facts)?;
    if config.keeps_spelling {
        parts.extensions.insert(Spelling::of(bytes.slice(lines..)));
    }
    check_host(bytes, &mut parts, &facts, absolute)?;
    Ok((parts, facts))
}

/// Reads the head of a response, which ends where `bytes` ends.
pub(super) fn response(
    bytes: &Bytes,
    feeds: &Feeds,
    config: &Config,
) -> Result<(Box<response::Parts>, Facts), ConnectionError> {
    let mut reader = Reader { bytes, feeds, at: 0, lines: 0, config };
    let mut parts = Box::new(Response::new(()).into_parts().0);
    let (start, end) = reader.first_line()?;
    reader.status_line(start, end, &mut parts)?;
    let mut facts = Facts::default();
    let lines = reader.at;
    reader.fields(&mut parts.headers, &mut facts)?;
    if config.keeps_spelling {
        parts.extensions.insert(Spelling::of(bytes.slice(lines..)));
    }
    Ok((parts, facts))
}

/// Reads a trailer section, which ends where `bytes` ends.
pub(super) fn trailers(bytes: &Bytes, config: &Config) -> Result<HeaderMap, ConnectionError> {
    let mut trailers = HeaderMap::new();
    Reader { bytes, feeds: &Feeds::default(), at: 0, lines: 0, config }.fields(&mut trailers, &mut Facts::default())?;
    Ok(trailers)
}

/// One Host in HTTP/1.1, naming a host; the authority of the target takes its place where there is one.
#[inline]
fn check_host(bytes: &[u8], parts: &mut request::Parts, facts: &Facts, absolute: bool) -> Result<(), ConnectionError> {
    let at = facts.host.at as usize;
    if facts.host.count > 1 {
        return Err(refuse(&HOST_ONCE, at, "Host came more than once")
            .or("one Host, with the name of the site, would have been accepted"));
    }
    if facts.host.count == 0 && parts.version != Version::HTTP_10 {
        let error = ConnectionError::new(&HOST_ONCE, StatusCode::BAD_REQUEST, "an HTTP/1.1 request came without Host");
        return Err(error.or("one Host, with the name of the site, would have been accepted"));
    }
    target::host(&bytes[at..at + facts.host_length as usize], at)?;
    if absolute
        && let Some(authority) = parts.uri.authority()
        && parts.headers.get(HOST).is_none_or(|host| host.as_bytes() != authority.as_str().as_bytes())
    {
        let host = HeaderValue::from_str(authority.as_str());
        parts.headers.insert(HOST, host.map_err(|_| refuse(&HOST_ONCE, at, "the target's host cannot be held"))?);
    }
    Ok(())
}

struct Reader<'a> {
    bytes: &'a Bytes,
    feeds: &'a Feeds,
    at: usize,
    /// How many lines were read.
    lines: usize,
    config: &'a Config,
}

impl Reader<'_> {
    /// The next line without its end, or `None` where the section was cut inside it.
    #[inline]
    fn line(&mut self) -> Result<Option<(usize, usize)>, ConnectionError> {
        let start = self.at;
        let noted = self.feeds.of(self.lines);
        let Some(feed) = noted.or_else(|| Some(start + memchr(b'\n', &self.bytes[start..])?)) else { return Ok(None) };
        self.lines += 1;
        if feed == start || self.bytes[feed - 1] != b'\r' {
            return Err(bare_feed(feed));
        }
        self.at = feed + 1;
        Ok(Some((start, feed - 1)))
    }

    /// The first line; where the section was cut inside it, all there is of it.
    fn first_line(&mut self) -> Result<(usize, usize), ConnectionError> {
        let line = self.line()?;
        Ok(line.unwrap_or_else(|| {
            self.at = self.bytes.len();
            (0, self.at)
        }))
    }

    /// `method SP request-target SP HTTP-version`; whether the target holds an authority.
    #[inline]
    fn request_line(&self, start: usize, end: usize, parts: &mut request::Parts) -> Result<bool, ConnectionError> {
        let line = &self.bytes[start..end];
        let method = if line.starts_with(b"GET ") { Method::GET } else { self.method(line, start)? };
        let after = method.as_str().len() + 1;
        // Most lines end as they should, so that only the target has to be looked through.
        let usual = line[after..].strip_suffix(b" HTTP/1.1").filter(|target| !target.contains(&b' '));
        let target = match usual {
            Some(target) => target.len(),
            None => memchr(b' ', &line[after..]).unwrap_or(line.len() - after),
        };
        if target > self.config.target_bytes_max {
            let because = format!("the target is longer than {} bytes", self.config.target_bytes_max);
            return Err(ConnectionError::new(&TARGET_LENGTH, StatusCode::URI_TOO_LONG, because).at(after as u64));
        }
        parts.version = match usual {
            Some(_) => Version::HTTP_11,
            None => version_of(line.get(after + target + 1..).unwrap_or_default(), start + after + target + 1)?,
        };
        let from = start + after;
        let target = &self.bytes[from..from + target];
        // Parts begin with the target that is asked for most.
        if target != b"/" || method == Method::CONNECT {
            target::check(&method, target, from)?;
            parts.uri = target::hold(self.bytes.slice_ref(target), from)?;
        }
        let absolute = target[0] != b'/' && target != b"*";
        parts.method = method;
        Ok(absolute)
    }

    /// `method SP`.
    fn method(&self, line: &[u8], start: usize) -> Result<Method, ConnectionError> {
        let length = line.iter().position(|b| !is_token(*b)).unwrap_or(line.len());
        if length > self.config.method_bytes_max {
            let because = format!("the method is longer than {} bytes", self.config.method_bytes_max);
            return Err(ConnectionError::new(&METHOD, StatusCode::NOT_IMPLEMENTED, because).at(start as u64));
        }
        if length == 0 || line.get(length) != Some(&b' ') {
            return Err(bad_method(line, start, length));
        }
        Method::from_bytes(&line[..length]).map_err(|_| bad_method(line, start, length))
    }

    /// `HTTP-version SP status-code SP [ reason-phrase ]`.
    fn status_line(&self, start: usize, end: usize, parts: &mut response::Parts) -> Result<(), ConnectionError> {
        let line = &self.bytes[start..end];
        parts.version = version_of(line.get(..8).unwrap_or(line), start)?;
        let code = line.get(9..12).filter(|_| line[8] == b' ').and_then(|code| StatusCode::from_bytes(code).ok());
        let Some(status) = code else {
            return Err(refuse(&STATUS_LINE, start + 8, "the status line has no status code of three digits"));
        };
        // The space before an empty reason phrase is required, and left out by small servers in the field.
        match line.get(12..) {
            Some([b' ', reason @ ..]) => {
                if let Some(offset) = reason.iter().position(|b| !is_text(*b)) {
                    let because = format!("{} may not stand in a reason phrase", seen(reason[offset]));
                    return Err(refuse(&STATUS_LINE, start + 13 + offset, because));
                }
            }
            Some([]) => {}
            _ => return Err(refuse(&STATUS_LINE, start + 12, "the status code is not followed by a space")),
        }
        parts.status = status;
        Ok(())
    }

    /// Field lines, up to and with the empty line.
    #[inline]
    fn fields(&mut self, fields: &mut HeaderMap, facts: &mut Facts) -> Result<(), ConnectionError> {
        let mut count = 0;
        loop {
            let start = self.at;
            let Some((_, end)) = self.line()? else {
                return Err(too_large(start, "the head is longer than its limit"));
            };
            if start == end {
                return Ok(());
            }
            if count == 0 {
                // Most heads have lines of some 32 bytes: reserve once, and not much too much.
                let expected = ((self.bytes.len() - start) / 32).clamp(4, self.config.fields_max.max(4));
                if fields.capacity() < expected {
                    fields.reserve(expected);
                }
            }
            count += 1;
            if count > self.config.fields_max {
                return Err(too_large(start, format!("more than {} fields came", self.config.fields_max)));
            }
            if end - start > self.config.field_bytes_max {
                let because = format!("a field line is longer than {} bytes", self.config.field_bytes_max);
                return Err(too_large(start, because));
            }
            self.field(start, end, fields, facts)?;
        }
    }

    /// `field-name ":" OWS field-value OWS`.
    #[inline]
    fn field(
        &self,
        start: usize,
        end: usize,
        fields: &mut HeaderMap,
        facts: &mut Facts,
    ) -> Result<(), ConnectionError> {
        let line = &self.bytes[start..end];
        // What holds a name refuses what is no token: where it does, the offending octet is looked for.
        let length = line.iter().position(|b| *b == b':').unwrap_or(line.len());
        let name = match usual(&line[..length]).map_or_else(|| HeaderName::from_bytes(&line[..length]), Ok) {
            Ok(name) if length < line.len() => name,
            _ => return Err(bad_name(line, start)),
        };
        let (mut from, mut to) = (length + 1, line.len());
        while from < to && is_space(line[from]) {
            from += 1;
        }
        while from < to && is_space(line[to - 1]) {
            to -= 1;
        }
        let value = self.bytes.slice(start + from..start + to);
        facts.note(&name, length, &line[from..to], start + from);
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| bad_value(&line[from..to], start + from))?;
        fields.try_append(name, value).map_err(|_| too_large(start, "more fields came than can be held"))?;
        Ok(())
    }
}

/// The names of most fields of most requests: to compare with what is likely costs less than to look among all.
#[inline]
fn usual(name: &[u8]) -> Option<HeaderName> {
    const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
    const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
    const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    const SEC_FETCH_USER: HeaderName = HeaderName::from_static("sec-fetch-user");
    const PRIORITY: HeaderName = HeaderName::from_static("priority");
    let letter = |at: usize| name[at] | 0x20;
    let likely = match name.len() {
        4 => HOST,
        6 if letter(0) == b'a' => ACCEPT,
        6 => COOKIE,
        7 => REFERER,
        8 => PRIORITY,
        10 if letter(0) == b'u' => USER_AGENT,
        10 => CONNECTION,
        12 => CONTENT_TYPE,
        13 if letter(0) == b'c' => CACHE_CONTROL,
        13 => IF_NONE_MATCH,
        14 => match letter(10) {
            b'n' => CONTENT_LENGTH,
            b'd' => SEC_FETCH_DEST,
            b'm' => SEC_FETCH_MODE,
            b's' => SEC_FETCH_SITE,
            _ => SEC_FETCH_USER,
        },
        15 if letter(7) == b'e' => ACCEPT_ENCODING,
        15 => ACCEPT_LANGUAGE,
        17 if letter(0) == b'i' => IF_MODIFIED_SINCE,
        17 => TRANSFER_ENCODING,
        25 => UPGRADE_INSECURE_REQUESTS,
        _ => return None,
    };
    likely.as_str().as_bytes().eq_ignore_ascii_case(name).then_some(likely)
}

/// `HTTP/1.1`, or a version that is taken for it or refused; the minor version above 1 is one that says nothing to us.
fn version_of(version: &[u8], at: usize) -> Result<Version, ConnectionError> {
    match version {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor] if minor.is_ascii_digit() => Ok(Version::HTTP_11),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            let because = format!("the version is HTTP/{}.{}", *major as char, *minor as char);
            let error = ConnectionError::new(&VERSION_KNOWN, StatusCode::HTTP_VERSION_NOT_SUPPORTED, because);
            Err(error.at(at as u64).or("HTTP/1.1 would have been accepted"))
        }
        _ => {
            let because = match version {
                [] => Cow::from("the first line has no version"),
                _ if version.contains(&b' ') => Cow::from("the first line has more than two spaces"),
                _ => Cow::from(format!("\"{}\" is not a version", shown(version))),
            };
            Err(refuse(&VERSION, at, because).or("HTTP/1.1 would have been accepted"))
        }
    }
}

/// The start of what a peer sent, short enough for a sentence.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(32)].escape_ascii().to_string()
}

#[cold]
fn bare_feed(feed: usize) -> ConnectionError {
    refuse(&LINE_END, feed, "a line feed came without a carriage return")
        .or("lines that end in CRLF, a carriage return and a line feed, would have been accepted")
}

#[cold]
fn bad_method(line: &[u8], start: usize, length: usize) -> ConnectionError {
    let at = start + length;
    match (line.get(length), length) {
        (Some(b'\r'), 0) => refuse(&EMPTY_LINE, at, "a carriage return stands where a request begins")
            .or("one empty line would have been passed over"),
        (Some(b'\n'), 0) => refuse(&LINE_END, at, "a line feed stands where a request begins")
            .or("lines that end in CRLF, a carriage return and a line feed, would have been accepted"),
        (None, _) => refuse(&METHOD, at, "the request line ends after the method"),
        (Some(0x16), 0) => refuse(&METHOD, at, "a TLS handshake came where HTTP was expected")
            .or("the same would have been understood by a port that speaks TLS"),
        (Some(b), 0) if is_space(*b) => refuse(&METHOD, at, "whitespace stands before the method"),
        (Some(b), _) => refuse(&METHOD, at, format!("{} may not stand in a method", seen(*b))),
    }
}

#[cold]
fn bad_name(line: &[u8], start: usize) -> ConnectionError {
    let length = line.iter().position(|b| !is_token(*b)).unwrap_or(line.len());
    let at = start + length;
    match (line.get(length), length) {
        (None, _) => refuse(&FIELD_LINE, at, "a field line has no colon")
            .or("a line with a name, a colon and a value would have been accepted"),
        (Some(b':'), 0) => refuse(&FIELD_LINE, at, "a field line has no name")
            .or("a line with a name, a colon and a value would have been accepted"),
        (Some(b':'), _) => refuse(&FIELD_LINE, at, "a field name is too long to be held"),
        (Some(b), 0) if is_space(*b) => refuse(&OBS_FOLD, at, "a line begins with whitespace, as a folded value does")
            .or("the value on one line would have been accepted"),
        (Some(b), _) if is_space(*b) => refuse(&NAME_SPACE, at, "whitespace stands in or after a field name")
            .or("the colon right after the name would have been accepted"),
        (Some(b), _) => refuse(&FIELD_NAME, at, format!("{} may not stand in a field name", seen(*b))),
    }
}

#[cold]
fn bad_value(value: &[u8], start: usize) -> ConnectionError {
    let offset = value.iter().position(|b| !is_text(*b)).unwrap_or(0);
    let b = value.get(offset).copied().unwrap_or(0);
    let rule = if b == b'\r' { &LINE_END } else { &FIELD_VALUE };
    refuse(rule, start + offset, format!("{} may not stand in a field value", seen(b)))
}

#[cold]
fn too_large(at: usize, because: impl Into<Cow<'static, str>>) -> ConnectionError {
    ConnectionError::new(&SECTION_SIZE, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, because).at(at as u64)
}

#[cold]
fn refuse(rule: &'static Rule, at: usize, because: impl Into<Cow<'static, str>>) -> ConnectionError {
    ConnectionError::new(rule, StatusCode::BAD_REQUEST, because).at(at as u64)
}

static LINE_END: Rule = Rule {
    name: "line-end",
    section: "RFC 9112, section 2.2",
    says: "Lines end in CRLF: a carriage return or a line feed alone is refused.",
};
static EMPTY_LINE: Rule = Rule {
    name: "empty-line",
    section: "RFC 9112, section 2.2",
    says: "A server forgives an empty line before a request line, and not many.",
};
static METHOD: Rule = Rule {
    name: "method",
    section: "RFC 9112, section 3.1",
    says: "A request begins with a method, which is a token, and one space; a method beyond any known one gets 501.",
};
static TARGET_LENGTH: Rule = Rule {
    name: "target-length",
    section: "RFC 9112, section 3",
    says: "A target longer than the server reads is answered 414.",
};
static VERSION: Rule = Rule {
    name: "version",
    section: "RFC 9112, section 2.3",
    says: "A version is HTTP/ in capitals, a digit, a dot and a digit.",
};
static VERSION_KNOWN: Rule = Rule {
    name: "version-known",
    section: "RFC 9110, section 15.6.6",
    says: "A major version that the server does not speak is answered 505.",
};
static STATUS_LINE: Rule = Rule {
    name: "status-line",
    section: "RFC 9112, section 4",
    says: "A response begins with a version, a status code of three digits and a reason phrase.",
};
static FIELD_LINE: Rule =
    Rule { name: "field-line", section: "RFC 9112, section 5", says: "A field line is a name, a colon and a value." };
static FIELD_NAME: Rule =
    Rule { name: "field-name", section: "RFC 9110, section 5.1", says: "A field name is a token." };
static FIELD_VALUE: Rule = Rule {
    name: "field-value",
    section: "RFC 9110, section 5.5",
    says: "A field value holds no control characters but tabs.",
};
static NAME_SPACE: Rule = Rule {
    name: "name-space",
    section: "RFC 9112, section 5.1",
    says: "No whitespace stands between a field name and its colon.",
};
static OBS_FOLD: Rule =
    Rule { name: "obs-fold", section: "RFC 9112, section 5.2", says: "A value folded over lines is refused." };
static SECTION_SIZE: Rule = Rule {
    name: "section-size",
    section: "RFC 6585, section 5",
    says: "Fields that are too many or too long are answered 431.",
};
static HOST_ONCE: Rule = Rule {
    name: "host-once",
    section: "RFC 9112, section 3.2",
    says: "An HTTP/1.1 request has exactly one Host field.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_name_is_the_one_that_was_written() {
        for written in [
            "Host",
            "date",
            "ACCEPT",
            "Cookie",
            "Expect",
            "Referer",
            "Upgrade",
            "Priority",
            "User-Agent",
            "Connection",
            "Keep-Alive",
            "Content-Type",
            "Cache-Control",
            "If-None-Match",
            "Content-Length",
            "Sec-Fetch-Dest",
            "Sec-Fetch-Mode",
            "Sec-Fetch-Site",
            "Sec-Fetch-User",
            "Sec-Fetch-Blue",
            "Accept-Charset",
            "Accept-Encoding",
            "accept-language",
            "Accept-eanguage",
            "If-Modified-Since",
            "Transfer-Encoding",
            "Upgrade-Insecure-Requests",
        ] {
            let read = HeaderName::from_bytes(written.as_bytes()).unwrap();
            if let Some(usual) = usual(written.as_bytes()) {
                assert_eq!(usual, read);
            }
        }
        assert!(usual(b"hosu").is_none() && usual(b"hos").is_none() && usual(b"").is_none());
        assert!(usual(b"ho\x53t").is_some() && usual(b"ho\x13t").is_none());
    }
}
