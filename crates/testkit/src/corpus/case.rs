//! The cases, read.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// One case of the corpus.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, which is unique.
    pub id: String,
    /// What it belongs to.
    pub class: String,
    /// What it shows.
    pub description: String,
    /// Who is tested: `server`, `static`, `proxy`, ...
    pub target: String,
    /// `must`, `should` or `policy`.
    pub level: String,
    /// What is sent, in order; empty where the input is not bytes.
    pub input: Vec<Piece>,
    /// Which responses answer HEAD, counted from 0.
    pub heads: Vec<usize>,
    /// Whether the client ends its half after the last byte.
    pub half_close: bool,
    /// How long an answer is waited for.
    pub wait: Duration,
    /// The whole case, for what is not read here.
    pub json: Value,
}

/// A piece of what is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes.
    Bytes(Vec<u8>),
    /// A pause.
    Pause(Duration),
    /// A wait for the first response.
    Response,
}

/// What one acceptable answer satisfies.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a>(pub(super) &'a Value);

/// Reads the cases of a file.
///
/// # Panics
/// If the file is not the corpus.
pub fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json: Value = serde_json::from_str(&text).expect("the corpus is JSON");
    json.as_array().expect("the corpus is a list").iter().map(case).collect()
}

fn case(json: &Value) -> Case {
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    Case {
        id: text("id"),
        class: text("class"),
        description: text("description"),
        target: text("target"),
        level: json["level"].as_str().unwrap_or("must").to_owned(),
        input: pieces(&json["input"]),
        heads: json["heads"].as_array().into_iter().flatten().filter_map(Value::as_u64).map(|n| n as usize).collect(),
        half_close: json["half_close"] == true,
        wait: Duration::from_secs_f64(json["wait"].as_f64().unwrap_or(2.5)),
        json: json.clone(),
    }
}

impl<'a> Expect<'a> {
    /// The whole of it, for what is not read here: what may reach the upstream of a proxy.
    pub fn json(&self) -> &'a Value {
        self.0
    }
}

impl Case {
    /// The acceptable answers; with `strict` our own stricter one, where the case has it.
    pub fn alternatives(&self, strict: bool) -> Vec<Expect<'_>> {
        let preferred = &self.json["prefer"];
        let expect = if strict && !preferred.is_null() { preferred } else { &self.json["expect"] };
        match expect["any_of"].as_array() {
            Some(alternatives) => alternatives.iter().map(Expect).collect(),
            None => vec![Expect(expect)],
        }
    }

    /// The first response that the upstream of a proxy is to send, where the case scripts it.
    pub fn scripted(&self) -> Option<Vec<u8>> {
        expand(&self.json["upstream_script"]["responses"][0]["raw"])
    }

    /// Whether some acceptable answer has this status.
    pub fn accepts(&self, status: u16) -> bool {
        self.alternatives(false).iter().any(|expect| expect.list("statuses").any(|own| *own == status))
    }

    /// Whether some acceptable answer ends with a closed connection, so that its end is worth waiting for.
    pub fn needs_close(&self, strict: bool) -> bool {
        let alternatives = self.alternatives(strict);
        alternatives.iter().any(|expect| expect.0["close"] == true)
            && !alternatives.iter().any(|expect| expect.0["open"] == true)
    }

    /// The most responses that any acceptable answer counts; `None` where none counts them.
    pub fn responses_wanted(&self, strict: bool) -> Option<usize> {
        let counts = self.alternatives(strict).into_iter().flat_map(|expect| {
            ["responses", "min_responses", "max_responses"].into_iter().filter_map(move |key| expect.0[key].as_u64())
        });
        counts.max().map(|count| count as usize)
    }
}

fn pieces(input: &Value) -> Vec<Piece> {
    let is_timed = |part: &Value| !part["pause_ms"].is_null() || part["wait_response"] == true;
    match input.as_array() {
        Some(parts) if parts.iter().any(is_timed) => parts.iter().filter_map(piece).collect(),
        _ => expand(input).map(Piece::Bytes).into_iter().collect(),
    }
}

fn piece(part: &Value) -> Option<Piece> {
    if let Some(pause) = part["pause_ms"].as_u64() {
        return Some(Piece::Pause(Duration::from_millis(pause)));
    }
    if part["wait_response"] == true {
        return Some(Piece::Response);
    }
    expand(part).map(Piece::Bytes)
}

/// The bytes of latin-1 text, `{"hex"}`, `{"repeat", "of"}`, `{"concat"}` or a list; `None` for anything else.
pub fn expand(input: &Value) -> Option<Vec<u8>> {
    match input {
        Value::String(text) => Some(latin1(text)),
        Value::Array(parts) => parts.iter().map(expand).collect::<Option<Vec<_>>>().map(|parts| parts.concat()),
        Value::Object(object) => {
            if let Some(digits) = object.get("hex").and_then(Value::as_str) {
                return hex(digits);
            }
            if let Some(count) = object.get("repeat").and_then(Value::as_u64) {
                return match object.get("of")? {
                    Value::String(text) if text.contains("{i}") => {
                        Some((0..count).flat_map(|i| latin1(&text.replace("{i}", &i.to_string()))).collect())
                    }
                    of => Some(expand(of)?.repeat(count as usize)),
                };
            }
            expand(object.get("concat")?)
        }
        _ => None,
    }
}

pub(super) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).expect("text of the corpus is latin-1")).collect()
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
