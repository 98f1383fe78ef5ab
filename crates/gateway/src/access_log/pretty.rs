//! Lines for people: what was asked, what came of it, and the decision that explains it best.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use http::StatusCode;
use wirelight_net::observe::{Ending, Record};
use wirelight_semantics::decision::{Decision, Rule};

use super::redact::Secrets;
use super::visible::printable;
use crate::moment::Moment;

/// What a terminal is told to change how text looks.
#[derive(Clone, Copy)]
enum Look {
    Strong,
    Quiet,
    Green,
    Cyan,
    Yellow,
    Red,
}

/// A line that is being written.
struct Line<'a> {
    text: &'a mut Vec<u8>,
    colors: bool,
}

pub(super) fn write(record: &Record, secrets: &Secrets, colors: bool, decisions: bool, text: &mut Vec<u8>) {
    let mut line = Line { text, colors };
    let Moment { hour, minute, second, .. } = Moment::of(record.at);
    line.put(Some(Look::Quiet), &format!("{hour:02}:{minute:02}:{second:02} "));
    line.put(Some(look(record.status)), record.status.as_str());
    match &record.asked {
        Some(asked) => {
            line.put(Some(Look::Strong), &format!(" {:<4} ", asked.method.as_str()));
            line.put(None, &String::from_utf8_lossy(&secrets.mask_target(asked.shown_target().as_bytes())));
        }
        None => line.put(Some(Look::Quiet), " (no request that could be read)"),
    }
    line.put(Some(Look::Quiet), &format!("  {}  {}", size(record.sent_bytes), duration(record.total)));
    match record.ending {
        Ending::Abandoned => line.put(Some(Look::Yellow), "  the client went away"),
        Ending::Broken => line.put(Some(Look::Red), "  broken off"),
        Ending::Complete | Ending::Refused | Ending::Switched => {}
    }
    if decisions {
        line.end();
        record.trail.read(|all| all.iter().for_each(|decision| line.explain(&**decision)));
        return;
    }
    if let Some(Reason { declines, because, rule }) = reason(record) {
        line.put((!declines).then_some(Look::Quiet), &format!("  {because}"));
        if declines {
            line.put(Some(Look::Quiet), &format!("  [{rule}]"));
        }
    }
    line.end();
}

impl Line<'_> {
    fn put(&mut self, look: Option<Look>, text: &str) {
        let look = look.filter(|_| self.colors);
        if let Some(look) = look {
            write!(self.text, "\x1b[{}m", look.code()).expect("a vector takes everything");
        }
        printable(text, self.text);
        if look.is_some() {
            self.text.extend_from_slice(b"\x1b[0m");
        }
    }

    fn end(&mut self) {
        self.text.push(b'\n');
    }

    /// A decision on a line, or two, of its own.
    fn explain(&mut self, decision: &dyn Decision) {
        let rule = decision.rule();
        let (mark, look) = if decision.declines() { ("x", Look::Yellow) } else { ("-", Look::Quiet) };
        self.put(Some(look), &format!("         {mark} "));
        self.put(None, &format!("{}: {}", decision.outcome(), decision.because()));
        self.put(Some(Look::Quiet), &format!("  [{rule}]"));
        self.end();
        if let Some(otherwise) = decision.otherwise() {
            self.put(Some(Look::Quiet), &format!("           otherwise: {otherwise}"));
            self.end();
        }
    }
}

impl Look {
    /// The parameter of "select graphic rendition" (ECMA-48, section 8.3.117).
    fn code(self) -> u8 {
        match self {
            Self::Strong => 1,
            Self::Quiet => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Cyan => 36,
        }
    }
}

/// What explains a status.
struct Reason {
    declines: bool,
    because: Cow<'static, str>,
    rule: &'static Rule,
}

impl Reason {
    fn of(decision: &dyn Decision) -> Self {
        Self { declines: decision.declines(), because: decision.because(), rule: decision.rule() }
    }
}

/// Why the status is what it is.
fn reason(record: &Record) -> Option<Reason> {
    record.trail.decisive(record.status, Reason::of)
}

fn look(status: StatusCode) -> Look {
    match status.as_u16() {
        0..400 if status.is_redirection() => Look::Cyan,
        0..400 => Look::Green,
        400..500 => Look::Yellow,
        _ => Look::Red,
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn duration(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.01 => format!("{:.2} ms", seconds * 1e3),
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{seconds:.1} s"),
    }
}
