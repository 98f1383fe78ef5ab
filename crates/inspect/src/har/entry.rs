//! One exchange of an archive, made of what was observed.

use std::time::Duration;

use http::{Uri, header};
use serde::{Deserialize, Serialize};
use wirelight_net::Record;
use wirelight_net::observe::Asked;
use wirelight_service::Peer;

use super::message::{Mask, Request, Response};
use super::moment;
use crate::view::Layer;

/// One exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When it began: ISO 8601.
    pub started_date_time: String,
    /// How long it took, in milliseconds: the sum of its timings.
    #[serde(default)]
    pub time: f64,
    /// The request.
    pub request: Request,
    /// The response.
    pub response: Response,
    /// What a cache knew; nothing is written here.
    #[serde(default)]
    pub cache: serde_json::Map<String, serde_json::Value>,
    /// How long each step took.
    #[serde(default)]
    pub timings: Timings,
    /// The address of the server.
    #[serde(rename = "serverIPAddress", default, skip_serializing_if = "Option::is_none")]
    pub server_ip_address: Option<String>,
    /// Which connection it rode on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Why there is no response, or no whole one.
    #[serde(rename = "_failed", default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What was decided on the way, in order.
    #[serde(rename = "_decisions", default, skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
    /// The layers that it went through, the outermost first, in microseconds from when the request's head was complete.
    #[serde(rename = "_layers", default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<Layer>,
}

/// How long each step of an exchange took, in milliseconds; -1 where there was no such step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for a connection.
    #[serde(default = "none")]
    pub blocked: f64,
    /// Looking the name up.
    #[serde(default = "none")]
    pub dns: f64,
    /// Connecting, the TLS handshake with it.
    #[serde(default = "none")]
    pub connect: f64,
    /// The TLS handshake.
    #[serde(default = "none")]
    pub ssl: f64,
    /// Sending the request.
    #[serde(default)]
    pub send: f64,
    /// Waiting for the first byte of the response.
    #[serde(default)]
    pub wait: f64,
    /// Receiving the response.
    #[serde(default)]
    pub receive: f64,
}

/// A decision in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What was decided.
    pub outcome: String,
    /// Why.
    pub because: String,
    /// What would have changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
    /// The rule, and where it is written.
    pub rule: String,
}

/// The contents of an exchange, as far as they were kept.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bodies<'a> {
    /// Of the request.
    pub request: Option<&'a [u8]>,
    /// Of the response, without content codings.
    pub response: Option<&'a [u8]>,
}

fn none() -> f64 {
    -1.0
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Entry {
    /// The entry of an exchange; `None` if its request could not be read, since an archive has no place for that.
    pub fn of(record: &Record, bodies: Bodies<'_>, mask: Mask) -> Option<Self> {
        let asked = record.asked.as_ref()?;
        let request = Request::of(
            (&asked.method, url(asked, record.connection.secured.is_some()), asked.version),
            &asked.fields,
            if record.outbound.is_some() { record.sent_bytes } else { record.received_bytes },
            bodies.request,
            mask,
        );
        let came = match &record.outbound {
            Some(outbound) => outbound.version,
            None => Some(asked.version),
        };
        let response = match came {
            None => Response::none(),
            Some(version) => {
                let length = if record.outbound.is_some() { record.received_bytes } else { record.sent_bytes };
                Response::of((record.status, version), &record.fields, length, bodies.response, mask)
            }
        };
        let timings = Timings::of(record);
        let peer = match &record.connection.peer {
            Some(Peer::Internet(address)) if record.outbound.is_some() => Some(address.ip().to_string()),
            _ => None,
        };
        Some(Self {
            started_date_time: moment::write(record.at),
            time: timings.sum(),
            request,
            response,
            cache: serde_json::Map::new(),
            timings,
            server_ip_address: peer,
            connection: Some(record.connection.id.to_string()),
            failed: record.outbound.as_ref().and_then(|outbound| outbound.failed.clone()),
            decisions: decisions(record),
            layers: Vec::new(),
        })
    }

    /// Puts better timings in the place of what the record alone can say.
    pub fn timed(mut self, timings: Timings) -> Self {
        self.time = timings.sum();
        self.timings = timings;
        self
    }
}

fn decisions(record: &Record) -> Vec<Decided> {
    let mut decisions = Vec::new();
    record.trail.read(|all| {
        decisions.extend(all.iter().map(|decision| Decided {
            outcome: decision.outcome().into_owned(),
            because: decision.because().into_owned(),
            otherwise: decision.otherwise().map(std::borrow::Cow::into_owned),
            rule: decision.rule().to_string(),
        }));
    });
    decisions
}

/// The whole URL that was asked for.
fn url(asked: &Asked, secure: bool) -> String {
    let scheme = asked.target.scheme_str().unwrap_or(if secure { "https" } else { "http" });
    let host = asked.fields.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = asked.target.authority().map(http::uri::Authority::as_str).or(host).unwrap_or("unknown.invalid");
    let path = asked.target.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    // `*` is not a path; it asks for the server as a whole.
    let path = if path.starts_with('/') { path } else { "/" };
    let url = format!("{scheme}://{authority}{path}");
    url.parse::<Uri>().map_or(url, |url| url.to_string())
}

impl Timings {
    /// What a record says: from the request on.
    pub fn of(record: &Record) -> Self {
        let wait = record.first_byte.unwrap_or(record.total);
        Self { wait: milliseconds(wait), receive: milliseconds(record.total.saturating_sub(wait)), ..Self::default() }
    }

    /// How long all of it took; the TLS handshake is part of connecting.
    pub fn sum(&self) -> f64 {
        let Self { blocked, dns, connect, send, wait, receive, .. } = self;
        [blocked, dns, connect, send, wait, receive].into_iter().filter(|time| **time > 0.0).sum()
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self { blocked: none(), dns: none(), connect: none(), ssl: none(), send: 0.0, wait: 0.0, receive: 0.0 }
    }
}
