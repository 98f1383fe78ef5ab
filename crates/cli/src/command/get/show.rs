//! A response on a terminal, in a file, or on the way to another program.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, Version, header};
use wirelight_client::Response;
use wirelight_semantics::media_type::MediaType;

use super::json;
use crate::exit::Failure;
use crate::print::Paint;

/// JSON longer than this is not indented, but passed on.
const JSON_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How often the progress is shown.
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// A stranger's text with everything that could act on a terminal made visible.
pub(super) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() || is_deceptive(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// Characters that change the direction of what follows.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

/// The head of a response.
pub(super) fn head(status: StatusCode, version: Version, headers: &HeaderMap, paint: Paint) -> String {
    let mut text = format!("{version:?} {}\n", paint.strong(status));
    for (name, value) in headers {
        let value = escape(&String::from_utf8_lossy(value.as_bytes()));
        text.push_str(&format!("{}: {value}\n", paint.quiet(name)));
    }
    text.push('\n');
    text
}

/// Prints the content to standard output; a terminal is spared what it cannot show.
pub(super) async fn print(mut response: Response, quiet: bool) -> Result<u64, Failure> {
    let mut out = io::stdout();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| MediaType::parse(kind.as_bytes()).ok());
    let is_json = kind.as_ref().is_some_and(|kind| kind.subtype() == "json" || kind.suffix() == Some("json"));
    let mut sum = 0;
    if !out.is_terminal() {
        while let Some(piece) = response.chunk().await {
            let piece = piece.map_err(Failure::of_request)?;
            sum += piece.len() as u64;
            out.write_all(&piece).map_err(Failure::of_output)?;
        }
        out.flush().map_err(Failure::of_output)?;
        return Ok(sum);
    }
    let mut held = Vec::new();
    let mut begun = false;
    while let Some(piece) = response.chunk().await {
        let piece = piece.map_err(Failure::of_request)?;
        sum += piece.len() as u64;
        held.extend_from_slice(&piece);
        if is_json && !begun && held.len() <= JSON_BYTES_MAX {
            continue;
        }
        if !begun && is_binary(&held) {
            let kind = kind.as_ref().map_or_else(|| "unknown".to_owned(), |kind| kind.essence().to_string());
            if !quiet {
                let note =
                    format!("-- content of type {kind} is not shown on a terminal: write it to a file with -o\n");
                io::stderr().write_all(note.as_bytes()).map_err(Failure::of_output)?;
            }
            return Ok(sum);
        }
        begun = true;
        let whole = complete(&held);
        let text = escape(&String::from_utf8_lossy(&held[..whole]));
        held.drain(..whole);
        out.write_all(text.as_bytes()).map_err(Failure::of_output)?;
    }
    let text = String::from_utf8_lossy(&held);
    let indented = if is_json && !begun { json::indent(&text, Paint::stdout().colors()) } else { None };
    let text = indented.unwrap_or_else(|| escape(&text));
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)?;
    Ok(sum)
}

/// Whether a terminal should be spared it.
fn is_binary(start: &[u8]) -> bool {
    let start = &start[..start.len().min(8192)];
    start.contains(&0) || std::str::from_utf8(start).is_err_and(|error| error.error_len().is_some())
}

/// How much of the bytes ends with a whole character.
fn complete(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

/// Writes the content to a file, from `offset` on if the server agreed to that.
pub(super) async fn save(mut response: Response, path: &Path, offset: u64, quiet: bool) -> Result<u64, Failure> {
    let cannot = |error: io::Error| Failure::new(format!("{} could not be written: {error}", path.display()));
    let goes_on = offset > 0 && response.status() == StatusCode::PARTIAL_CONTENT;
    if goes_on && !begins_at(response.headers(), offset) {
        return Err(Failure::new(format!("the server sent another part than the one from byte {offset} on")));
    }
    if offset > 0 && response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok(0);
    }
    let mut file = match goes_on {
        true => OpenOptions::new().append(true).open(path).map_err(cannot)?,
        false => File::create(path).map_err(cannot)?,
    };
    let length = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let mut progress = Progress::new(length, !quiet && io::stderr().is_terminal());
    while let Some(piece) = response.chunk().await {
        let piece = piece.map_err(Failure::of_request)?;
        file.write_all(&piece).map_err(cannot)?;
        progress.add(piece.len() as u64);
    }
    progress.finish();
    file.flush().map_err(cannot)?;
    Ok(progress.done)
}

/// Whether Content-Range says that the part begins at this byte.
fn begins_at(headers: &HeaderMap, offset: u64) -> bool {
    let value = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.strip_prefix("bytes ")).is_some_and(|range| range.starts_with(&format!("{offset}-")))
}

/// How far a transfer is, how fast it goes, and how long it will take.
pub(super) struct Progress {
    length: Option<u64>,
    done: u64,
    began: Instant,
    shown: Option<Instant>,
    visible: bool,
}

impl Progress {
    pub(super) fn new(length: Option<u64>, visible: bool) -> Self {
        Self { length, done: 0, began: Instant::now(), shown: None, visible }
    }

    pub(super) fn add(&mut self, bytes: u64) {
        self.done += bytes;
        let now = Instant::now();
        if self.visible && self.shown.is_none_or(|shown| now - shown >= PROGRESS_EVERY) {
            self.shown = Some(now);
            // A terminal that is gone needs no progress.
            let _ = write!(io::stderr(), "\r{}\x1b[K", self.line(now - self.began));
        }
    }

    pub(super) fn finish(&mut self) {
        if self.visible {
            let _ = writeln!(io::stderr(), "\r{}\x1b[K", self.line(self.began.elapsed()));
        }
    }

    fn line(&self, elapsed: Duration) -> String {
        let rate = self.done as f64 / elapsed.as_secs_f64().max(1e-9);
        let Some(length) = self.length.filter(|length| *length > 0) else {
            return format!("{} at {}/s", size(self.done), size(rate as u64));
        };
        let share = self.done as f64 / length as f64;
        let filled = (share * 30.0).round() as usize;
        let bar: String = (0..30).map(|at| if at < filled { '#' } else { '.' }).collect();
        let left = Duration::from_secs_f64(((length.saturating_sub(self.done)) as f64 / rate.max(1.0)).min(1e6));
        let (done, length, percent) = (size(self.done), size(length), share * 100.0);
        format!("{bar} {percent:3.0}% {done} of {length} at {}/s, {} s left", size(rate as u64), left.as_secs())
    }
}

/// A number of bytes as people read it.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_stranger_acts_on_a_terminal() {
        assert_eq!(escape("a\u{1b}[2J\r\u{9b}31m\u{202e}b\n\t"), "a\\u{1b}[2J\\u{d}\\u{9b}31m\\u{202e}b\n\t");
        assert!(is_binary(b"\x89PNG\r\n\x1a\n\0"));
        assert!(is_binary(b"\xff\xfe"));
        assert!(!is_binary("gr\u{fc}n".as_bytes()));
        assert!(!is_binary(&"\u{fc}".as_bytes()[..1]), "a character may be cut by a piece of content");
        assert_eq!(complete("a\u{fc}".as_bytes()), 3);
        assert_eq!(complete(&"a\u{fc}".as_bytes()[..2]), 1);
    }

    #[test]
    fn progress_says_how_far_how_fast_and_how_long() {
        let progress = Progress { length: Some(4096), done: 1024, began: Instant::now(), shown: None, visible: false };
        let line = progress.line(Duration::from_secs(1));
        assert_eq!(line, "########......................  25% 1.0 KiB of 4.0 KiB at 1.0 KiB/s, 3 s left");
        assert_eq!(size(1023), "1023 B");
        assert_eq!(size(5 << 30), "5.0 GiB");
    }
}
