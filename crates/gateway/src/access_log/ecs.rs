//! One JSON object a line, with the names of the Elastic Common Schema 8.

use std::borrow::Cow;
use std::collections::BTreeMap;

use http::header::{REFERER, USER_AGENT};
use serde::Serialize;
use wirelight_net::observe::{Asked, Ending, Record};
use wirelight_service::Peer;

use super::Config;
use super::json::{ending, fields, put, text};
use crate::moment::Moment;
use crate::trace_context::Context;

/// The version of the schema whose names these are.
const VERSION: &str = "8.11.0";

/// What one line holds; names with dots are names of nested objects, which readers of the schema take as such.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: String,
    #[serde(rename = "ecs.version")]
    version: &'static str,
    message: String,
    #[serde(rename = "event.kind")]
    kind: &'static str,
    #[serde(rename = "event.category")]
    category: [&'static str; 1],
    #[serde(rename = "event.type")]
    types: [&'static str; 1],
    #[serde(rename = "event.outcome")]
    outcome: &'static str,
    #[serde(rename = "event.action")]
    action: &'static str,
    /// In nanoseconds.
    #[serde(rename = "event.duration")]
    duration: u64,
    #[serde(rename = "event.reason", skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(rename = "source.ip", skip_serializing_if = "Option::is_none")]
    source_address: Option<String>,
    #[serde(rename = "source.port", skip_serializing_if = "Option::is_none")]
    source_port: Option<u16>,
    #[serde(flatten)]
    request: Option<Request<'a>>,
    #[serde(rename = "http.request.body.bytes")]
    received_bytes: u64,
    #[serde(rename = "http.response.status_code")]
    status: u16,
    #[serde(rename = "http.response.body.bytes")]
    sent_bytes: u64,
    #[serde(rename = "tls.established", skip_serializing_if = "std::ops::Not::not")]
    secure: bool,
    #[serde(rename = "trace.id", skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
    #[serde(rename = "span.id", skip_serializing_if = "Option::is_none")]
    span: Option<String>,
    labels: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Request<'a> {
    #[serde(rename = "http.request.method")]
    method: &'a str,
    #[serde(rename = "http.version")]
    version: &'static str,
    #[serde(rename = "url.original")]
    target: String,
    #[serde(rename = "http.request.referrer", skip_serializing_if = "Option::is_none")]
    referrer: Option<String>,
    #[serde(rename = "user_agent.original", skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(rename = "wirelight.request", skip_serializing_if = "BTreeMap::is_empty")]
    fields: BTreeMap<&'a str, Vec<String>>,
}

pub(super) fn write(record: &Record, config: &Config, line: &mut Vec<u8>) {
    let request = record.asked.as_ref().map(|asked| request(asked, config));
    let asked = request.as_ref().map_or_else(|| "-".to_owned(), |asked| format!("{} {}", asked.method, asked.target));
    let (source_address, source_port) = match &record.connection.peer {
        Some(Peer::Internet(address)) => (Some(address.ip().to_string()), Some(address.port())),
        _ => (None, None),
    };
    let (trace, span) =
        record.trail.first(|context: &Context| (context.trace.to_string(), context.span.to_string())).unzip();
    let mut labels =
        BTreeMap::from([("connection", record.connection.id.to_string()), ("exchange", record.number.to_string())]);
    record.trail.read(|all| {
        for decision in all {
            let rule = decision.rule().name;
            let outcome = text(decision.outcome().as_bytes());
            labels.entry(rule).and_modify(|known| *known = format!("{known}; {outcome}")).or_insert(outcome);
        }
    });
    put(
        &Line {
            timestamp: Moment::of(record.at).to_string(),
            version: VERSION,
            message: format!("{asked} {}", record.status.as_u16()),
            kind: "event",
            category: ["web"],
            types: ["access"],
            outcome: outcome(record),
            action: ending(record.ending),
            duration: u64::try_from(record.total.as_nanos()).unwrap_or(u64::MAX),
            reason: record.trail.decisive(record.status, |decision| decision.because()).map(Cow::into_owned),
            source_address,
            source_port,
            request,
            received_bytes: record.received_bytes,
            status: record.status.as_u16(),
            sent_bytes: record.sent_bytes,
            secure: record.connection.secured.is_some(),
            trace,
            span,
            labels,
        },
        line,
    );
}

fn request<'a>(asked: &'a Asked, config: &Config) -> Request<'a> {
    let secrets = &config.secrets;
    let field = |name| asked.fields.get(&name).map(|value| text(&secrets.mask_field(&name, value)));
    let mut others = fields(&asked.fields, config, &[]);
    // They have names of their own.
    others.retain(|name, _| *name != REFERER.as_str() && *name != USER_AGENT.as_str());
    Request {
        method: asked.method.as_str(),
        version: asked.shown_version().trim_start_matches("HTTP/"),
        target: text(&secrets.mask_target(asked.shown_target().as_bytes())),
        referrer: field(REFERER),
        agent: field(USER_AGENT),
        fields: others,
    }
}

fn outcome(record: &Record) -> &'static str {
    match record.ending {
        Ending::Abandoned | Ending::Broken => "failure",
        _ if record.status.is_server_error() || record.status.is_client_error() => "failure",
        _ => "success",
    }
}

/// Appends a line that says how many lines are missing.
pub(super) fn write_lost(count: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(
        format!("{{\"ecs.version\":\"{VERSION}\",\"message\":\"{count} lines were lost\",\"event.kind\":\"event\"}}\n")
            .as_bytes(),
    );
}
