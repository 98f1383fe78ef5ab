//! What is said of a request that could not be forwarded: Proxy-Status (RFC 9209), and the decision behind it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use wirelight_client::Phase;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_semantics::status;
use wirelight_service::{Error, Kind};

use super::forward::PSEUDONYM;
use super::retry;

/// A request that could not be forwarded: by which server, at which attempt, when, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unforwarded {
    /// The group of servers.
    pub upstream: String,
    /// The server that failed last; none where none was asked.
    pub server: Option<String>,
    /// Which attempt it was, from 1; 0 where none was made.
    pub attempt: u32,
    /// What the client is told.
    pub status: StatusCode,
    /// The name that RFC 9209 has for it.
    pub error: &'static str,
    /// The property of `timeout` that says how long it was waited, where that was too long.
    pub timer: Option<&'static str>,
    /// Why, in one sentence without a full stop.
    pub because: String,
}

impl Unforwarded {
    /// What an error of an attempt comes to.
    pub(crate) fn of(error: &Error, upstream: &str, server: &str, attempt: u32) -> Self {
        let phase = Phase::of(error);
        let (name, timer) = match retry::is_silence(error) {
            true => ("connection_read_timeout", Some("ping")),
            false => (name(phase, error.kind()), timer(phase, error.kind())),
        };
        Self {
            upstream: upstream.to_owned(),
            server: Some(server.to_owned()),
            attempt,
            status: error.status(),
            error: name,
            timer,
            because: error.because().to_owned(),
        }
    }

    /// A server that has a request and says nothing.
    pub(crate) fn late(limit: Duration, upstream: &str, server: &str, attempt: u32) -> Self {
        Self {
            upstream: upstream.to_owned(),
            server: Some(server.to_owned()),
            attempt,
            status: StatusCode::GATEWAY_TIMEOUT,
            error: "http_response_timeout",
            timer: Some("answer"),
            because: format!("no response came in {limit:?}"),
        }
    }

    /// The field that says so (RFC 9209, section 2).
    pub fn field(&self) -> HeaderValue {
        let mut field = format!("{PSEUDONYM}; error={}", self.error);
        if let Some(server) = &self.server {
            let _ = write!(field, "; next-hop=\"{}\"", escaped(server));
        }
        let attempt = if self.attempt > 0 { format!("attempt {}: ", self.attempt) } else { String::new() };
        let _ = write!(field, "; details=\"{}\"", escaped(&format!("{}: {attempt}{}", self.upstream, self.because)));
        HeaderValue::from_str(&field).unwrap_or(HeaderValue::from_static(PSEUDONYM))
    }
}

/// How many bytes of a cause are told.
const DETAILS_MAX: usize = 500;

/// What may stand in a string of a structured field (RFC 9651, section 3.3.3).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars().take(DETAILS_MAX) {
        match char {
            '"' | '\\' => escaped.extend(['\\', char]),
            ' '..='~' => escaped.push(char),
            _ => escaped.push('?'),
        }
    }
    escaped
}

/// The type of an error (RFC 9209, section 2.3).
fn name(phase: Phase, kind: Kind) -> &'static str {
    match (phase, kind) {
        (Phase::Resolve, Kind::Timeout) => "dns_timeout",
        (Phase::Resolve, _) => "dns_error",
        (Phase::Queue, _) => "connection_limit_reached",
        (Phase::Connect | Phase::Proxy | Phase::Secure, Kind::Timeout) => "connection_timeout",
        (Phase::Connect | Phase::Proxy, _) => "connection_refused",
        (Phase::Secure, _) => "tls_protocol_error",
        (Phase::Send, Kind::Timeout) => "connection_write_timeout",
        (Phase::Wait, Kind::Timeout) => "http_response_timeout",
        (Phase::Receive, Kind::Timeout) => "connection_read_timeout",
        (_, Kind::Malformed) => "http_protocol_error",
        (Phase::Send | Phase::Wait, Kind::Gone | Kind::Io) => "connection_terminated",
        (Phase::Receive, Kind::Gone | Kind::Io) => "http_response_incomplete",
        _ => "proxy_internal_error",
    }
}

/// The property of `timeout` that says how long is waited in a phase.
fn timer(phase: Phase, kind: Kind) -> Option<&'static str> {
    match phase {
        _ if kind != Kind::Timeout => None,
        Phase::Connect | Phase::Proxy | Phase::Secure => Some("connect"),
        Phase::Wait => Some("answer"),
        Phase::Receive => Some("stall"),
        _ => None,
    }
}

/// The server behind gave an answer that is no success, and it was passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The group of servers.
    pub upstream: String,
    /// The server that answered.
    pub server: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// What it answered.
    pub status: StatusCode,
}

static RELAYED: Rule = Rule {
    name: "answer-passed-on",
    section: "RFC 9110, section 3.7",
    says: "A gateway passes on what the server behind it answers, errors too.",
};

impl Decision for Relayed {
    fn rule(&self) -> &'static Rule {
        &RELAYED
    }

    fn outcome(&self) -> Cow<'static, str> {
        status::named(self.status).into()
    }

    fn because(&self) -> Cow<'static, str> {
        let Self { upstream, server, attempt, .. } = self;
        let of = if server == upstream { String::new() } else { format!(" of {upstream}") };
        format!("the server behind, {server}{of}, answered so at attempt {attempt}").into()
    }
}

static RULE: Rule = Rule {
    name: "proxy-error",
    section: "RFC 9209, section 2.1.1",
    says: "A gateway that cannot get an answer says so with 502, 503 or 504, and names the error.",
};

impl Decision for Unforwarded {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        status::named(self.status).into()
    }

    fn because(&self) -> Cow<'static, str> {
        match &self.server {
            Some(server) => {
                format!("{} ({server}), attempt {}: {} [{}]", self.upstream, self.attempt, self.because, self.error)
                    .into()
            }
            None => format!("{}: {} [{}]", self.upstream, self.because, self.error).into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self.setting()? {
            "ping" => Some("a longer `ping` would have waited on for a sign of the server".into()),
            timer => Some(format!("a longer `{timer}` would have waited on").into()),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        self.timer
    }

    fn declines(&self) -> bool {
        true
    }
}
