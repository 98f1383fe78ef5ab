//! Exchanges out to an HTTP Archive and in from one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use wirelight_net::observe::Asked;
use wirelight_net::{ConnectionInfo, Ending, Record};
use wirelight_service::Trail;

use super::Refused;
use crate::connection::Connection;
use crate::content::Flow;
use crate::exchange::{Kept, Origin, Passed};
use crate::har::{Bodies, Entry, Har, Mask, read_timestamp};
use crate::inspector::Shared;
use crate::message;
use crate::pieces::{Pieces, What};
use crate::view::{Field, Message};

/// An archive of these exchanges, which come the newest first.
pub(super) fn write(kept: &[Arc<Kept>]) -> String {
    Har::new(kept.iter().rev().filter_map(|kept| entry(kept)).collect()).write()
}

fn entry(kept: &Kept) -> Option<Entry> {
    let request = message::request(kept)?;
    let response = message::response(kept);
    let summary = message::summary(kept);
    let bytes = |message: &Message| {
        let content = message.content.as_ref()?;
        STANDARD.decode(&content.bytes).ok()
    };
    let (sent, came) = (bytes(&request), response.as_ref().and_then(bytes));
    let version = if summary.version == "HTTP/2" { Version::HTTP_2 } else { Version::HTTP_11 };
    let target = request.target.as_deref()?;
    let target = match summary.host.as_deref() {
        Some(host) if target.starts_with('/') => format!("{}://{host}{target}", summary.scheme),
        _ => target.to_owned(),
    };
    let record = Record {
        connection: Arc::new(ConnectionInfo {
            id: kept.connection.id,
            peer: None,
            secured: kept.connection.secured.clone(),
            local: None,
        }),
        number: kept.number,
        asked: Some(Asked {
            method: Method::from_bytes(request.method.as_deref()?.as_bytes()).ok()?,
            target: target.parse::<Uri>().ok()?,
            version,
            fields: fields(&request.fields),
        }),
        status: StatusCode::from_u16(kept.status).ok()?,
        fields: response.as_ref().map(|response| fields(&response.fields)).unwrap_or_default(),
        received_bytes: kept.received_bytes,
        sent_bytes: kept.sent_bytes,
        at: kept.at,
        began: std::time::Instant::now(),
        first_byte: kept.first_byte.map(|at| Duration::from_micros(at.saturating_sub(kept.began))),
        total: Duration::from_micros(kept.total),
        ending: kept.ending.unwrap_or(Ending::Complete),
        trail: kept.trail.clone(),
        outbound: None,
    };
    let entry = Entry::of(&record, Bodies { request: sent.as_deref(), response: came.as_deref() }, Mask::Secrets)?;
    Some(Entry { layers: kept.layers(), ..entry })
}

fn fields(shown: &[Field]) -> HeaderMap {
    let pairs = shown.iter().filter_map(|field| {
        let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
        let value = if field.redacted { "***" } else { &field.value };
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let mut fields = HeaderMap::new();
    pairs.for_each(|(name, value)| {
        fields.append(name, value);
    });
    fields
}

/// Takes in the exchanges of an archive; they are called what is given back.
pub(super) fn read(shared: &Shared, text: &[u8]) -> Result<Vec<String>, Refused> {
    let archive = Har::read(text).map_err(|error| Refused::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let connection = Arc::new(Connection::imported(shared.clock.wall()));
    let before = shared.ring().seen;
    let entries = archive.log.entries.into_iter().zip(before + 1..);
    Ok(entries.map(|(entry, number)| shared.keep(imported(shared, &connection, &entry, number)).id()).collect())
}

fn imported(shared: &Shared, connection: &Arc<Connection>, entry: &Entry, number: u64) -> Kept {
    let url = entry.request.url.parse::<Uri>().unwrap_or_default();
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("{} {path} HTTP/1.1\r\n", line(&entry.request.method));
    let host = url.authority().map(ToString::to_string);
    let named = entry.request.headers.iter().any(|field| field.name.eq_ignore_ascii_case("host"));
    if let Some(host) = host.filter(|_| !named) {
        head.push_str(&format!("Host: {host}\r\n"));
    }
    let fields = entry.request.headers.iter().filter(|field| !field.name.starts_with(':'));
    fields.for_each(|field| head.push_str(&format!("{}: {}\r\n", line(&field.name), line(&field.value))));
    head.push_str("\r\n");
    let sent = entry.request.to_http().map(http::Request::into_body).unwrap_or_default();
    let came = entry.response.to_http().map(http::Response::into_body).unwrap_or_default();
    let (mut pieces, mut received, mut flow) = (Pieces::default(), Flow::default(), Flow::default());
    let limit = shared.config.content_bytes_max;
    let mut keep = |what, head: bool, bytes: &[u8], flow: &mut Flow| {
        let room = if head { bytes.len().min(limit) } else { flow.take(bytes, limit, std::iter::empty()) };
        match head {
            true => drop(pieces.push(what, 0, |out| shared.masks.append_head(&bytes[..room], out))),
            false if room > 0 => pieces.push(what, 0, |out| out.extend_from_slice(&bytes[..room])),
            false => {}
        }
    };
    keep(What::HeadReceived, true, head.as_bytes(), &mut received);
    keep(What::ContentReceived, false, &sent, &mut received);
    if entry.response.status > 0 {
        let mut head = format!("HTTP/1.1 {} {}\r\n", entry.response.status, line(&entry.response.status_text));
        let coded = |name: &str| ["content-encoding", "transfer-encoding"].contains(&&*name.to_ascii_lowercase());
        let fields = entry.response.headers.iter().filter(|field| !field.name.starts_with(':') && !coded(&field.name));
        fields.for_each(|field| head.push_str(&format!("{}: {}\r\n", line(&field.name), line(&field.value))));
        head.push_str("\r\n");
        keep(What::HeadSent, true, head.as_bytes(), &mut flow);
        keep(What::ContentSent, false, &came, &mut flow);
    }
    let micros = |milliseconds: f64| (milliseconds.clamp(0.0, 1e12) * 1e3) as u64;
    Kept {
        seq: 0,
        connection: Arc::clone(connection),
        number,
        origin: Origin::Har,
        at: read_timestamp(&entry.started_date_time).unwrap_or(SystemTime::UNIX_EPOCH),
        began: 0,
        first_in: None,
        first_byte: (entry.response.status > 0).then(|| micros(entry.time - entry.timings.receive.max(0.0))),
        total: micros(entry.time),
        status: entry.response.status,
        ending: Some(if entry.failed.is_some() { Ending::Broken } else { Ending::Complete }),
        received_bytes: sent.len() as u64,
        sent_bytes: came.len() as u64,
        asked: None,
        passed: Passed::Messages { pieces, received, sent: flow },
        trail: Trail::unwatched(),
        epoch: shared.epoch,
        hops: Vec::new(),
    }
}

/// A text of an archive as it may stand in a line.
fn line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
