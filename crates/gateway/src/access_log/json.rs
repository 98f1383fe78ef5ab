//! One JSON object a line, in ASCII, with every decision of the exchange.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, REFERER, USER_AGENT};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use wirelight_net::observe::{Ending, Record};
use wirelight_semantics::decision::Decision;

use super::Config;
use crate::moment::Moment;

/// The fields of requests that are always shown.
const ALWAYS: [HeaderName; 2] = [REFERER, USER_AGENT];

/// What one line holds.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    connection: u64,
    exchange: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
    #[serde(flatten)]
    asked: Option<Asked<'a>>,
    status: u16,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    response: BTreeMap<&'a str, Vec<String>>,
    received_bytes: u64,
    sent_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<f64>,
    total_ms: f64,
    ending: &'static str,
    decisions: Vec<Decided>,
}

#[derive(Serialize)]
struct Asked<'a> {
    method: &'a str,
    target: String,
    version: &'static str,
    request: BTreeMap<&'a str, Vec<String>>,
}

#[derive(Serialize)]
struct Decided {
    rule: &'static str,
    section: &'static str,
    outcome: Cow<'static, str>,
    because: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otherwise: Option<Cow<'static, str>>,
    declines: bool,
}

pub(super) fn write(record: &Record, config: &Config, line: &mut Vec<u8>) {
    let secrets = &config.secrets;
    let asked = record.asked.as_ref().map(|asked| Asked {
        method: asked.method.as_str(),
        target: text(&secrets.mask_target(asked.shown_target().as_bytes())),
        version: asked.shown_version(),
        request: fields(&asked.fields, config, &ALWAYS),
    });
    let written = Line {
        time: Moment::of(record.at).to_string(),
        connection: record.connection.id,
        exchange: record.number,
        peer: record.connection.peer.as_ref().map(ToString::to_string),
        asked,
        status: record.status.as_u16(),
        response: fields(&record.fields, config, &[]),
        received_bytes: record.received_bytes,
        sent_bytes: record.sent_bytes,
        first_byte_ms: record.first_byte.map(milliseconds),
        total_ms: milliseconds(record.total),
        ending: ending(record.ending),
        decisions: record.trail.read(|all| all.iter().map(|decision| decided(&**decision)).collect()),
    };
    put(&written, line);
}

/// Appends a line with one object.
pub(super) fn put(object: &impl Serialize, line: &mut Vec<u8>) {
    let start = line.len();
    match object.serialize(&mut Serializer::with_formatter(&mut *line, Ascii)) {
        Ok(()) => line.push(b'\n'),
        // Text and numbers always serialize; if they did not, no half of a line would be left.
        Err(_) => line.truncate(start),
    }
}

fn decided(decision: &dyn Decision) -> Decided {
    let rule = decision.rule();
    Decided {
        rule: rule.name,
        section: rule.section,
        outcome: decision.outcome(),
        because: decision.because(),
        otherwise: decision.otherwise(),
        declines: decision.declines(),
    }
}

/// The fields that are to be shown: these, and those of the config. Whoever else watches may have had more kept.
pub(super) fn fields<'a>(
    fields: &'a HeaderMap,
    config: &Config,
    these: &[HeaderName],
) -> BTreeMap<&'a str, Vec<String>> {
    let mut shown: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        if these.contains(name) || config.fields.contains(name) {
            shown.entry(name.as_str()).or_default().push(text(&config.secrets.mask_field(name, value)));
        }
    }
    shown
}

/// The bytes as text; those that are not UTF-8 as `\xHH`.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

pub(super) fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "complete",
        Ending::Refused => "refused",
        Ending::Abandoned => "abandoned",
        Ending::Broken => "broken",
        Ending::Switched => "switched",
    }
}

/// Compact JSON in which everything but printable ASCII is escaped.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|char: char| !matches!(char, ' '..='~')) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut after = rest[at..].chars();
            let mut units = [0; 2];
            for unit in after.next().map(|char| char.encode_utf16(&mut units)).into_iter().flatten() {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = after.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}
