//! A response on a terminal, in a file, or on the way to another program.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use wirelight_client::Response;
use wirelight_semantics::media_type::MediaType;

use super::json;
use super::progress::Progress;
use super::watcher::{version, write_fields};
use crate::exit::Failure;
use crate::print::{Paint, escape};

/// JSON longer than this is not indented, but passed on.
const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much decoded content an archive keeps.
const KEPT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A head for reading: the first line first, and names apart from values.
pub(super) fn head(bytes: &[u8], paint: Paint) -> String {
    let mut text = String::new();
    for (number, line) in String::from_utf8_lossy(bytes).trim_end().lines().enumerate() {
        text.push_str(&head_line(number, line, paint));
        text.push('\n');
    }
    text.push('\n');
    text
}

/// The head of a response, as HTTP/1 writes it.
pub(super) fn composed(response: &Response) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().map(|reason| format!(" {reason}")).unwrap_or_default();
    let mut head = format!("{} {}{reason}\r\n", version(response.version()), status.as_u16()).into_bytes();
    write_fields(&mut head, response.headers());
    head
}

/// A line of a head: the first is a status line or a request line.
pub(super) fn head_line(number: usize, line: &str, paint: Paint) -> String {
    let line = escape(line.trim_end_matches('\r'));
    // The names of HTTP/2's own fields begin with a colon.
    let colon = line.char_indices().skip(1).find(|(_, c)| *c == ':').map(|(at, _)| at);
    match colon.map(|colon| line.split_at(colon)) {
        Some((name, value)) if number > 0 => format!("{}{value}", paint.name(name)),
        _ => match line.strip_prefix("HTTP/").and_then(|rest| rest.split(' ').nth(1)?.bytes().next()) {
            Some(b'4' | b'5') => paint.bad(line).to_string(),
            Some(b'2') => paint.good(line).to_string(),
            _ => paint.strong(line).to_string(),
        },
    }
}

/// Content as it is read: piece by piece, then the trailer section.
pub(super) struct Reading {
    response: Response,
    progress: Progress,
    pub(super) trailers: HeaderMap,
    /// What was read, if that is to be kept.
    pub(super) kept: Option<Vec<u8>>,
    /// Whether a terminal was left in the middle of a line.
    pub(super) is_mid_line: bool,
}

impl Reading {
    pub(super) fn new(response: Response, quiet: bool, keep: bool) -> Self {
        let length = response.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let coded = response.headers().contains_key(header::CONTENT_ENCODING);
        let progress = Progress::of_download(length.filter(|_| !coded), quiet);
        Self { response, progress, trailers: HeaderMap::new(), kept: keep.then(Vec::new), is_mid_line: false }
    }

    async fn next(&mut self) -> Option<Result<Bytes, Failure>> {
        loop {
            let frame = match self.response.body_mut().frame().await {
                Some(Ok(frame)) => frame,
                Some(Err(error)) => {
                    self.progress.finish();
                    return Some(Err(Failure::of_request(error)));
                }
                None => {
                    self.progress.finish();
                    return None;
                }
            };
            match frame.into_data() {
                Ok(data) => {
                    self.progress.add(data.len() as u64);
                    self.keep(&data);
                    return Some(Ok(data));
                }
                Err(frame) => self.trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
    }

    fn keep(&mut self, data: &Bytes) {
        if let Some(kept) = &mut self.kept {
            match kept.len() + data.len() <= KEPT_BYTES_MAX {
                true => kept.extend_from_slice(data),
                false => self.kept = None,
            }
        }
    }
}

/// Prints the content to standard output; a terminal is spared what it cannot show.
pub(super) async fn print(reading: &mut Reading, quiet: bool) -> Result<(), Failure> {
    let mut out = io::stdout();
    if out.is_terminal() {
        return print_to_terminal(reading, quiet).await;
    }
    while let Some(piece) = reading.next().await {
        out.write_all(&piece?).map_err(Failure::of_output)?;
    }
    out.flush().map_err(Failure::of_output)
}

async fn print_to_terminal(reading: &mut Reading, quiet: bool) -> Result<(), Failure> {
    let mut out = io::stdout();
    let headers = reading.response.headers();
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| MediaType::parse(kind.as_bytes()).ok());
    let is_json = kind.as_ref().is_some_and(|kind| kind.subtype() == "json" || kind.suffix() == Some("json"));
    let is_latin = kind.as_ref().is_some_and(is_latin);
    let mut held = Vec::new();
    let mut begun = false;
    while let Some(piece) = reading.next().await {
        held.extend_from_slice(&piece?);
        if is_json && !begun && held.len() <= JSON_BYTES_MAX {
            continue;
        }
        if !begun && is_binary(&held, is_latin) {
            return refuse(kind.as_ref(), quiet);
        }
        begun = true;
        let whole = if is_latin { held.len() } else { complete(&held) };
        let text = escape(&decode(&held[..whole], is_latin));
        held.drain(..whole);
        reading.is_mid_line = !text.ends_with('\n');
        out.write_all(text.as_bytes()).map_err(Failure::of_output)?;
    }
    if !begun && is_binary(&held, is_latin) {
        return refuse(kind.as_ref(), quiet);
    }
    let text = decode(&held, is_latin);
    let indented = if is_json && !begun { json::indent(&text, Paint::stdout().colors()) } else { None };
    let text = indented.unwrap_or_else(|| escape(&text));
    if !text.is_empty() {
        reading.is_mid_line = !text.ends_with('\n');
    }
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)
}

fn refuse(kind: Option<&MediaType>, quiet: bool) -> Result<(), Failure> {
    if !quiet {
        let kind = kind.map_or_else(|| "unknown".to_owned(), |kind| kind.essence().to_string());
        let note = format!("-- content of type {kind} is not shown on a terminal: write it to a file with -o\n");
        io::stderr().write_all(note.as_bytes()).map_err(Failure::of_output)?;
    }
    Ok(())
}

/// Whether the text is in the encoding of one byte for each character that much of the web once had.
fn is_latin(kind: &MediaType) -> bool {
    let is = |name: &str| kind.parameter("charset").is_some_and(|charset| charset.eq_ignore_ascii_case(name));
    is("iso-8859-1") || is("latin1") || is("windows-1252")
}

fn decode(bytes: &[u8], is_latin: bool) -> String {
    match is_latin {
        true => bytes.iter().map(|byte| char::from(*byte)).collect(),
        false => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether a terminal should be spared it.
fn is_binary(start: &[u8], is_latin: bool) -> bool {
    let start = &start[..start.len().min(8192)];
    let is_text = || std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    start.contains(&0) || !is_latin && !is_text()
}

/// How much of the bytes ends with a whole character.
fn complete(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Writes the content to a file, from `offset` on if the server agreed to that.
pub(super) async fn save(reading: &mut Reading, path: &Path, offset: u64) -> Result<(), Failure> {
    let cannot = |error: io::Error| Failure::new(format!("{} could not be written: {error}", path.display()));
    let (status, headers) = (reading.response.status(), reading.response.headers());
    let goes_on = offset > 0 && status == StatusCode::PARTIAL_CONTENT;
    if goes_on && !begins_at(headers, offset) {
        return Err(Failure::new(format!("the server sent another part than the one from byte {offset} on")));
    }
    if offset > 0 && status == StatusCode::RANGE_NOT_SATISFIABLE {
        return match length_of(headers) {
            Some(length) if length != offset => Err(Failure::new(format!(
                "{} has {offset} bytes, and what the server has is {length} bytes long",
                path.display()
            ))
            .advise("Leave out -C to fetch all of it again.")),
            _ => Ok(()),
        };
    }
    let mut file = match goes_on {
        true => OpenOptions::new().append(true).open(path).map_err(cannot)?,
        false => File::create(path).map_err(cannot)?,
    };
    while let Some(piece) = reading.next().await {
        file.write_all(&piece?).map_err(cannot)?;
    }
    file.flush().map_err(cannot)
}

fn content_range(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")
}

/// Whether Content-Range says that the part begins at this byte.
fn begins_at(headers: &HeaderMap, offset: u64) -> bool {
    content_range(headers).is_some_and(|range| range.starts_with(&format!("{offset}-")))
}

/// How long the whole is, as the Content-Range of a refusal says it.
fn length_of(headers: &HeaderMap) -> Option<u64> {
    content_range(headers)?.strip_prefix("*/")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_stranger_acts_on_a_terminal() {
        assert_eq!(escape("a\u{1b}[2J\r\u{9b}31m\u{202e}b\n\t"), "a\\u{1b}[2J\\u{d}\\u{9b}31m\\u{202e}b\n\t");
        let shown = head(b"HTTP/1.1 200 O\x1bK\r\nA\x07: b\x9b\xc2\x9b\r\n\r\n", Paint::plain());
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(is_binary(b"\x89PNG\r\n\x1a\n\0", false));
        assert!(is_binary(b"\xff\xfe", false) && !is_binary(b"gr\xfcn", true));
        assert!(!is_binary("gr\u{fc}n".as_bytes(), false));
        assert!(!is_binary(&"\u{fc}".as_bytes()[..1], false), "a character may be cut by a piece of content");
        assert_eq!(complete("a\u{fc}".as_bytes()), 3);
        assert_eq!(complete(&"a\u{fc}".as_bytes()[..2]), 1);
        assert_eq!(escape(&decode(b"gr\xfcn\x9b", true)), "gr\u{fc}n\\u{9b}");
    }

    #[test]
    fn what_the_server_says_of_a_range_is_read() {
        let fields = |value: &str| HeaderMap::from_iter([(header::CONTENT_RANGE, value.parse().unwrap())]);
        assert!(begins_at(&fields("bytes 5-9/10"), 5) && !begins_at(&fields("bytes 55-9/10"), 5));
        assert_eq!(length_of(&fields("bytes */10")), Some(10));
        assert_eq!(length_of(&fields("bytes 5-9/10")), None);
    }
}
