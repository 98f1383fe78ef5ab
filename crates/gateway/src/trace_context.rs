//! Which trace an exchange belongs to (W3C Trace Context, sections 3.2 and 3.3): a pure function on its fields.

use std::borrow::Cow;
use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use wirelight_semantics::decision::{Decision, Rule, Shown};

/// The field that names the trace and the caller's span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The field in which vendors keep what they know of the trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a traceparent in version 00, in bytes.
const LENGTH: usize = 55;

static TRACE_CONTEXT: Rule = Rule {
    name: "trace-context",
    section: "W3C Trace Context, section 3.2",
    says: "A trace goes on through every server that a request passes, and begins at the first that knows of none.",
};

/// The number of a trace; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub u128);

/// The number of a span of a trace; never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanId(pub u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Which trace an exchange belongs to, and which of its spans is ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// Our span.
    pub span: SpanId,
    /// The caller's span, where it said one.
    pub parent: Option<SpanId>,
    /// Whether the trace is recorded.
    pub sampled: bool,
    /// Where the trace comes from.
    pub origin: Origin,
}

/// Where a trace comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The request's traceparent.
    Traceparent,
    /// Another field of the request.
    Field(HeaderName),
    /// It began here, since the request named none.
    Absent,
    /// It began here, since the request's traceparent is none.
    Malformed {
        /// As it was written, where there is one.
        value: Vec<u8>,
        /// What is wrong with it.
        because: &'static str,
    },
}

/// What is chosen by chance where the request leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// For a new trace.
    pub trace: u128,
    /// For our span.
    pub span: u64,
}

/// How traces are begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampling<'a> {
    /// A field that may name the trace where there is no traceparent.
    pub field: Option<&'a HeaderName>,
    /// How many of the traces that begin here are recorded, in percent.
    pub percent: u32,
}

/// The trace of a request.
pub fn judge(fields: &HeaderMap, sampling: Sampling<'_>, draw: Draw) -> Context {
    let span = SpanId(draw.span.max(1));
    let mut said = fields.get_all(TRACEPARENT).iter();
    let origin = match (said.next(), said.next()) {
        (Some(value), None) => match parse(value.as_bytes()) {
            Ok((trace, parent, sampled)) => {
                let parent = Some(parent);
                return Context { trace, span, parent, sampled, origin: Origin::Traceparent };
            }
            Err(because) => Origin::Malformed { value: value.as_bytes().to_vec(), because },
        },
        (Some(value), Some(_)) => Origin::Malformed { value: value.as_bytes().to_vec(), because: "there are several" },
        (None, _) => Origin::Absent,
    };
    let named = sampling.field.and_then(|name| Some((name, trace(fields.get(name)?.as_bytes())?)));
    let (trace, origin) = match (named, origin) {
        (Some((name, trace)), Origin::Absent) => (trace, Origin::Field(name.clone())),
        (_, origin) => (TraceId(draw.trace.max(1)), origin),
    };
    // The last bits of a number that somebody else drew are the random ones (section 5.1 of level 2).
    let sampled = trace.0 % 100 < u128::from(sampling.percent);
    Context { trace, span, parent: None, sampled, origin }
}

/// Takes a traceparent apart.
fn parse(value: &[u8]) -> Result<(TraceId, SpanId, bool), &'static str> {
    if value.len() < LENGTH {
        return Err("it is too short");
    }
    let version = hexadecimal(&value[..2]).ok_or("its version is no number")?;
    if version == 0xff {
        return Err("version ff is forbidden");
    }
    if version == 0 && value.len() > LENGTH || value.len() > LENGTH && value[LENGTH] != b'-' {
        return Err("it is too long");
    }
    if value[2] != b'-' || value[35] != b'-' || value[52] != b'-' {
        return Err("its parts are not where they belong");
    }
    let trace = trace(&value[3..35]).ok_or("its trace is no number, or zero")?;
    let parent = hexadecimal(&value[36..52]).and_then(|parent| u64::try_from(parent).ok()).filter(|parent| *parent > 0);
    let parent = parent.ok_or("its parent is no number, or zero")?;
    let flags = hexadecimal(&value[53..55]).ok_or("its flags are no number")?;
    Ok((trace, SpanId(parent), flags & 1 == 1))
}

fn trace(value: &[u8]) -> Option<TraceId> {
    let number = hexadecimal(value).filter(|number| *number > 0 && value.len() == 32)?;
    Some(TraceId(number))
}

/// The number that at most 32 hexadecimal digits write; only small letters are (section 3.2).
fn hexadecimal(digits: &[u8]) -> Option<u128> {
    let fits = !digits.is_empty() && digits.len() <= 32;
    let all = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if !fits || !all {
        return None;
    }
    u128::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

impl Context {
    /// Says to the next server which trace its request belongs to. What vendors said of another trace is dropped.
    pub fn put(&self, fields: &mut HeaderMap) {
        let value = format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled));
        if let Ok(value) = HeaderValue::from_str(&value) {
            fields.insert(TRACEPARENT, value);
        }
        if self.origin != Origin::Traceparent {
            fields.remove(TRACESTATE);
        }
    }

    /// The number of the trace, as the value of a field.
    pub fn value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.trace.to_string()).ok()
    }
}

impl Decision for Context {
    fn rule(&self) -> &'static Rule {
        &TRACE_CONTEXT
    }

    fn outcome(&self) -> Cow<'static, str> {
        let recorded = if self.sampled { "" } else { ", not recorded" };
        format!("trace {} span {}{recorded}", self.trace, self.span).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match &self.origin {
            Origin::Traceparent => match self.parent {
                Some(parent) => format!("the request is of span {parent} of this trace").into(),
                None => "the request is of this trace".into(),
            },
            Origin::Field(name) => format!("the request's {name} names this trace").into(),
            Origin::Absent => "the request named no trace".into(),
            Origin::Malformed { value, because } => {
                format!("the request's traceparent \"{}\" cannot be used: {because}", Shown(value)).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAW: Draw = Draw { trace: 0xabc, span: 0xdef };
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn fields(all: &[(&str, &str)]) -> HeaderMap {
        let mut fields = HeaderMap::new();
        for (name, value) in all {
            fields.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        fields
    }

    fn judged(all: &[(&str, &str)]) -> Context {
        let field = HeaderName::from_static("x-trace-id");
        judge(&fields(all), Sampling { field: Some(&field), percent: 100 }, DRAW)
    }

    #[test]
    fn a_traceparent_is_carried_on() {
        for (value, sampled) in [
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what.the.future", true),
        ] {
            let all = [("traceparent", value), ("tracestate", "a=b"), ("x-trace-id", "0123")];
            let context = judged(&all);
            assert_eq!((context.trace.to_string().as_str(), context.sampled), (TRACE, sampled), "{value}");
            assert_eq!(context.parent, Some(SpanId(0x00f0_67aa_0ba9_02b7)));
            let mut sent = fields(&all);
            context.put(&mut sent);
            let flags = if sampled { "01" } else { "00" };
            assert_eq!(sent["traceparent"], format!("00-{TRACE}-0000000000000def-{flags}"));
            assert_eq!(sent["tracestate"], "a=b");
        }
    }

    #[test]
    fn a_trace_begins_where_none_is_named() {
        for (value, because) in [
            ("", "it is too short"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "it is too short"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-", "it is too long"),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x", "it is too long"),
            ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "version ff is forbidden"),
            ("0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "its version is no number"),
            ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", "its trace is no number, or zero"),
            ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", "its trace is no number, or zero"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", "its parent is no number, or zero"),
            ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", "its flags are no number"),
            ("00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01", "its parts are not where they belong"),
            ("00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "its trace is no number, or zero"),
        ] {
            let all = [("traceparent", value), ("tracestate", "a=b")];
            let context = judged(&all);
            assert!(context.because().ends_with(because), "{value}: {}", context.because());
            assert_eq!((context.trace, context.parent), (TraceId(0xabc), None));
            let mut sent = fields(&all);
            context.put(&mut sent);
            assert_eq!(sent.get("tracestate"), None, "what is known of a trace goes with it");
        }
        let twice = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(judged(&[("traceparent", twice), ("traceparent", twice)]).trace, TraceId(0xabc));
        assert_eq!(judged(&[]).origin, Origin::Absent);
    }

    #[test]
    fn another_field_may_name_the_trace() {
        let named = judged(&[("x-trace-id", TRACE)]);
        assert_eq!((named.trace.to_string().as_str(), named.parent), (TRACE, None));
        assert_eq!(named.because(), "the request's x-trace-id names this trace");
        for other in ["", "17", "not a number at all, but as long", "4BF92F3577B34DA6A3CE929D0E0E4736"] {
            assert_eq!(judged(&[("x-trace-id", other)]).trace, TraceId(0xabc), "{other}");
        }
    }

    #[test]
    fn traces_that_begin_here_are_sampled() {
        let sampled = |percent| {
            let of = |trace| judge(&HeaderMap::new(), Sampling { field: None, percent }, Draw { trace, span: 1 });
            (1..=1000).filter(|trace| of(*trace).sampled).count()
        };
        assert_eq!([0, 25, 100].map(sampled), [0, 250, 1000]);
    }
}
