//! The text of a transcript, read.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use wirelight_proto::{Length, Role, h1};

/// One case of a transcript.
#[derive(Debug)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The line of its name.
    pub line: usize,
    /// Which end the engine plays.
    pub role: Role,
    /// The limits it runs with.
    pub config: h1::Config,
    /// Whether the application takes content at once.
    pub takes: bool,
    /// What happens, in order, each with its line.
    pub steps: Vec<(usize, Step)>,
}

/// One thing that happens, or must have happened.
#[derive(Debug)]
pub enum Step {
    /// Bytes arrive.
    Receive(Vec<u8>),
    /// The engine said this: the line of an event, and its fields where they count.
    Said(String, Vec<String>),
    /// The engine wrote exactly this since it was asked last.
    Wrote(Vec<u8>),
    /// The application does something; a refusal by name, where one is expected.
    Act(Act, Option<String>),
    /// Something holds, or does not.
    Check(Check, bool),
}

/// The head of a message that the application sends.
#[derive(Debug)]
pub struct Head {
    /// The words after the kind: a status, or a method and a target.
    pub words: Vec<String>,
    /// The promised length of the content.
    pub length: Length,
    /// The fields.
    pub fields: HeaderMap,
}

/// What the application or the surroundings do.
#[derive(Debug)]
pub enum Act {
    /// Sends the head of a request.
    Request(Head),
    /// Sends an interim response.
    Interim(Head),
    /// Sends the head of a response.
    Response(Head),
    /// Sends content.
    Content(Vec<u8>),
    /// Sends the end, with trailers.
    End(HeaderMap),
    /// Resets the exchange.
    Reset,
    /// Opens an exchange.
    Open,
    /// The peer sends nothing more.
    Eof,
    /// Time passes.
    Wait(Duration),
    /// Content was taken.
    Consume(usize),
    /// The engine is told to drain.
    ShutDown,
}

/// What can be asked of an engine.
#[derive(Debug)]
pub enum Check {
    /// It is finished.
    Finished,
    /// It is idle.
    Idle,
    /// It wants to read.
    Reads,
    /// It must be torn down.
    Aborts,
    /// An exchange can be opened.
    Opens,
    /// Its next deadline is this far away; `None`: it has one.
    Timeout(Option<Duration>),
    /// So many bytes were not consumed.
    Left(usize),
    /// It closes for this reason, by the name of the variant.
    Closing(String),
}

/// Reads the cases of a transcript; the error names the line.
pub fn read(text: &str) -> Result<Vec<Case>, String> {
    let mut cases: Vec<Case> = Vec::new();
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line)).peekable();
    while let Some((n, line)) = lines.next() {
        let fail = |why: String| format!("line {n}: {why}: {line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let (role, name) = rest.split_once(']').ok_or_else(|| fail("no role".into()))?;
            cases.push(case(role, name.trim(), n).map_err(fail)?);
            continue;
        }
        let case = cases.last_mut().ok_or_else(|| fail("a step before the first case".into()))?;
        let mut indented = Vec::new();
        while let Some((_, field)) = lines.next_if(|(_, line)| line.starts_with("    ")) {
            indented.push(field.trim().to_owned());
        }
        if let Some((key, value)) = line.split_once(" = ").filter(|(key, _)| !key.contains(' ')) {
            set(case, key, value).map_err(fail)?;
            continue;
        }
        step(case, n, line, indented).map_err(fail)?;
    }
    Ok(cases)
}

fn case(role: &str, name: &str, line: usize) -> Result<Case, String> {
    let role = match role {
        "server" => Role::Server,
        "client" => Role::Client,
        _ => return Err("a role is server or client".into()),
    };
    let config = h1::Config::default();
    Ok(Case { name: name.to_owned(), line, role, config, takes: true, steps: Vec::new() })
}

fn set(case: &mut Case, key: &str, value: &str) -> Result<(), String> {
    if key == "takes" {
        case.takes = value == "yes";
        return Ok(());
    }
    let number: u64 = value.parse().map_err(|_| "not a number")?;
    let size = number as usize;
    let time = Duration::from_secs(number);
    let config = &mut case.config;
    match key {
        "head_bytes_max" => config.head_bytes_max = size,
        "target_bytes_max" => config.target_bytes_max = size,
        "method_bytes_max" => config.method_bytes_max = size,
        "fields_max" => config.fields_max = size,
        "field_bytes_max" => config.field_bytes_max = size,
        "trailer_bytes_max" => config.trailer_bytes_max = size,
        "chunk_extension_bytes_max" => config.chunk_extension_bytes_max = size,
        "chunk_extensions_bytes_max" => config.chunk_extensions_bytes_max = size,
        "empty_lines_max" => config.empty_lines_max = number as u8,
        "interim_max" => config.interim_max = number as u16,
        "exchanges_max" => config.exchanges_max = number,
        "content_buffer_bytes" => config.content_buffer_bytes = size,
        "drain_bytes_max" => config.drain_bytes_max = number,
        "header_timeout" => config.header_timeout = time,
        "keep_alive_timeout" => config.keep_alive_timeout = time,
        "content_rate_min" => config.content_rate_min = number as u32,
        "content_grace" => config.content_grace = time,
        _ => return Err("no such limit".into()),
    }
    Ok(())
}

fn step(case: &mut Case, n: usize, line: &str, indented: Vec<String>) -> Result<(), String> {
    let (sign, rest) = line.split_at_checked(2).ok_or("no step")?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let step = match sign {
        ">>" | "<<" => {
            let bytes = wire(rest)?;
            match (sign, case.steps.last_mut()) {
                (">>", Some((_, Step::Receive(before)))) | ("<<", Some((_, Step::Wrote(before)))) => {
                    before.extend(bytes);
                    return Ok(());
                }
                (">>", _) => Step::Receive(bytes),
                _ => Step::Wrote(bytes),
            }
        }
        "->" => Step::Said(rest.to_owned(), indented),
        "<-" => {
            let (act, refusal) = match rest.rsplit_once(" ! ") {
                Some((act, refusal)) => (act, Some(refusal.to_owned())),
                None => (rest, None),
            };
            Step::Act(part(act, &indented)?, refusal)
        }
        "@ " => Step::Act(surroundings(line[2..].trim())?, None),
        "? " => {
            let what = line[2..].trim();
            match what.strip_prefix("not ") {
                Some(what) => Step::Check(check(what)?, false),
                None => Step::Check(check(what)?, true),
            }
        }
        _ => return Err("no step".into()),
    };
    case.steps.push((n, step));
    Ok(())
}

fn part(text: &str, indented: &[String]) -> Result<Act, String> {
    let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
    if kind == "content" {
        return Ok(Act::Content(unescape(rest)?));
    }
    let fields = fields(indented)?;
    let mut words: Vec<String> = rest.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let length = match words.iter().position(|word| word == "length") {
        Some(at) => {
            let length = words.split_off(at).pop().unwrap_or_default();
            if length == "unknown" { Length::Unknown } else { Length::Known(length.parse().map_err(|_| "no length")?) }
        }
        None => Length::Known(0),
    };
    Ok(match kind {
        "request" => Act::Request(Head { words, length, fields }),
        "interim" => Act::Interim(Head { words, length, fields }),
        "response" => Act::Response(Head { words, length, fields }),
        "end" => Act::End(fields),
        "reset" => Act::Reset,
        _ => return Err("no such part".into()),
    })
}

fn fields(indented: &[String]) -> Result<HeaderMap, String> {
    let mut fields = HeaderMap::new();
    for line in indented {
        let (name, value) = line.split_once(':').ok_or("a field has no colon")?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(&unescape(value.trim())?).map_err(|error| error.to_string())?;
        fields.append(name, value);
    }
    Ok(fields)
}

fn surroundings(text: &str) -> Result<Act, String> {
    Ok(match text.split(' ').collect::<Vec<_>>()[..] {
        ["eof"] => Act::Eof,
        ["open"] => Act::Open,
        ["shut", "down"] => Act::ShutDown,
        ["wait", seconds] => Act::Wait(Duration::from_secs_f64(seconds.parse().map_err(|_| "no number")?)),
        ["consume", bytes] => Act::Consume(bytes.parse().map_err(|_| "no number")?),
        _ => return Err("no such event".into()),
    })
}

fn check(text: &str) -> Result<Check, String> {
    Ok(match text.split(' ').collect::<Vec<_>>()[..] {
        ["finished"] => Check::Finished,
        ["idle"] => Check::Idle,
        ["reads"] => Check::Reads,
        ["aborts"] => Check::Aborts,
        ["opens"] => Check::Opens,
        ["timeout"] => Check::Timeout(None),
        ["timeout", seconds] => {
            Check::Timeout(Some(Duration::from_secs_f64(seconds.parse().map_err(|_| "no number")?)))
        }
        ["left", bytes] => Check::Left(bytes.parse().map_err(|_| "no number")?),
        ["closing", reason] => Check::Closing(reason.to_owned()),
        _ => return Err("no such question".into()),
    })
}

/// A line of the wire: CRLF follows unless it ends in a backslash.
fn wire(text: &str) -> Result<Vec<u8>, String> {
    let backslashes = text.bytes().rev().take_while(|b| *b == b'\\').count();
    if backslashes % 2 == 1 {
        return unescape(&text[..text.len() - 1]);
    }
    let mut bytes = unescape(text)?;
    bytes.extend_from_slice(b"\r\n");
    Ok(bytes)
}

/// The bytes that escaped text stands for.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [b, after @ ..] = rest {
        rest = after;
        match (b, after) {
            (b'\\', [b'x', high, low, ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).map_err(|_| "no digits")?;
                bytes.push(u8::from_str_radix(digits, 16).map_err(|_| "no digits")?);
                rest = &after[3..];
            }
            (b'\\', [escaped, ..]) => {
                bytes.push(match escaped {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'\\' => b'\\',
                    _ => return Err("no such escape".into()),
                });
                rest = &after[1..];
            }
            (b'{', [b'*', ..]) => {
                let inner = std::str::from_utf8(&after[1..]).map_err(|_| "not text")?;
                let (count, inner) = inner.split_once(' ').ok_or("nothing to repeat")?;
                let (repeated, _) = inner.split_once('}').ok_or("a repetition without end")?;
                let once = unescape(repeated)?;
                bytes.extend(once.repeat(count.parse().map_err(|_| "no count")?));
                rest = &after[1 + count.len() + 1 + repeated.len() + 1..];
            }
            _ => bytes.push(*b),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_line_ends() {
        assert_eq!(wire("a").unwrap(), b"a\r\n");
        assert_eq!(wire("a\\").unwrap(), b"a");
        assert_eq!(wire("a\\\\").unwrap(), b"a\\\r\n");
        assert_eq!(wire("a\\n\\").unwrap(), b"a\n");
        assert_eq!(wire("\\x00\\t{*3 ab}c\\").unwrap(), b"\0\tabababc");
        assert!(wire("\\q").is_err());
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(read("[server] a\n!! what\n").unwrap_err(), "line 2: no step: !! what");
        assert_eq!(read(">> early\n").unwrap_err(), "line 1: a step before the first case: >> early");
        assert!(read("[server] a\nno_such_max = 3\n").is_err());
    }
}
