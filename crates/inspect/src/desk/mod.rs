//! The desk: a service that shows what an inspector keeps, as JSON, as events and as a page, to those who may see it.

mod archive;
mod copy;
mod events;
mod guard;
mod replay;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::json;
use wirelight_semantics::status;
use wirelight_service::service::Boxed;
use wirelight_service::{Body, Request, Response, Result, Service};

pub use self::guard::Access;
use self::guard::Admitted;
use crate::connection::Connection;
use crate::exchange::Kept;
use crate::inspector::Shared;
use crate::view::{List, Summary};
use crate::words::moment;
use crate::{Filter, Inspector, message, page, rules};

/// How the interface is described for programs.
static DESCRIPTION: &[u8] = include_bytes!("openapi.json");

/// How many exchanges a list holds where nothing is said, and at most.
const LIST: (usize, usize) = (500, 10_000);
/// How many exchanges the page on a rule shows.
const DECIDED_MAX: usize = 50;
/// How much a request to the desk may hold, in bytes: archives are large.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// Who may ask, and what can be done.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Who may ask.
    pub access: Access,
    /// Where the server that is inspected listens, as URLs; the first is where requests are sent again.
    pub listeners: Vec<String>,
    /// What sends a request again, where that is possible.
    pub sender: Option<Boxed>,
}

/// A [`Service`] that shows what an [`Inspector`] keeps.
#[derive(Clone)]
pub struct Desk {
    shared: Arc<Shared>,
    setting: Arc<Setting>,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Desk").field("listeners", &self.setting.listeners).finish_non_exhaustive()
    }
}

/// Why a request to the desk is not done: a status, and what is said.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    detail: String,
    /// Where in a filter.
    place: Option<(usize, usize)>,
}

impl Refused {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), place: None }
    }

    fn unknown(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} is not known here, or not any more"))
    }

    fn response(&self) -> Response {
        let mut problem = json!({
            "type": "about:blank",
            "title": status::name(self.status),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some((at, length)), Some(members)) = (self.place, problem.as_object_mut()) {
            members.insert("at".to_owned(), at.into());
            members.insert("length".to_owned(), length.into());
        }
        let mut response = told(&problem, "application/problem+json");
        *response.status_mut() = self.status;
        response
    }
}

impl From<crate::Mistake> for Refused {
    fn from(mistake: crate::Mistake) -> Self {
        let place = Some((mistake.at, mistake.length));
        Self { status: StatusCode::BAD_REQUEST, detail: mistake.because, place }
    }
}

fn told(value: &impl Serialize, media_type: &'static str) -> Response {
    let text = serde_json::to_vec(value).expect("numbers, texts and lists of them can be written");
    content(text.into(), media_type)
}

fn json(value: &impl Serialize) -> Response {
    told(value, "application/json; charset=utf-8")
}

fn content(bytes: Bytes, media_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Service for Desk {
    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = match self.setting.access.judge(&request) {
            Ok(Admitted::Here) => self.answer(request).await.unwrap_or_else(|refused| refused.response()),
            Ok(Admitted::Welcome(response)) => response,
            Err(refused) => refused.response(),
        };
        page::protect(response.headers_mut());
        Ok(response)
    }
}

impl Desk {
    /// A desk for what an inspector keeps.
    pub fn new(inspector: &Inspector, setting: Setting) -> Self {
        Self { shared: Arc::clone(&inspector.shared), setting: Arc::new(setting) }
    }

    async fn answer(&self, request: Request) -> std::result::Result<Response, Refused> {
        let path = request.uri().path().to_owned();
        let query = Query::of(request.uri().query().unwrap_or_default());
        let method = request.method().clone();
        let Some(place) = path.strip_prefix("/api/") else {
            return self.page(&path, &method, request.headers());
        };
        let decoded = |part| percent_encoding::percent_decode_str(part).decode_utf8_lossy();
        let parts: Vec<_> = place.split('/').map(decoded).collect();
        let parts: Vec<&str> = parts.iter().map(|part| &**part).collect();
        let posts = matches!(*parts, ["recording" | "clear" | "replay"]);
        let allowed = match *parts {
            ["har"] => matches!(method, Method::GET | Method::HEAD | Method::POST),
            _ if posts => method == Method::POST,
            _ => matches!(method, Method::GET | Method::HEAD),
        };
        if !allowed {
            return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} means nothing here")));
        }
        if method == Method::POST {
            return self.post(&parts, request).await;
        }
        match *parts {
            ["exchanges"] => Ok(json(&self.list(&query)?)),
            ["exchanges", id] => Ok(json(&self.shared.detail(&*self.exchange(id)?))),
            ["exchanges", id, "as"] => {
                let (kept, form) = (self.exchange(id)?, query.get("form").unwrap_or("curl"));
                let text = copy::text(&self.shared, &kept, form)
                    .ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "`form` is `curl`, `get`, `test` or `har`"))?;
                Ok(json(&json!({ "form": form, "text": text })))
            }
            ["connections"] => Ok(json(&self.connections(&query)?)),
            ["connections", id] => {
                let id = id.parse().map_err(|_| Refused::unknown("this connection"))?;
                let known = self.shared.connections().get(id);
                let known = known.or_else(|| {
                    let ring = self.shared.ring();
                    ring.newest_first().find(|kept| kept.connection.id == id).map(|kept| Arc::clone(&kept.connection))
                });
                let connection = known.ok_or_else(|| Refused::unknown("this connection"))?;
                Ok(json(&self.shared.line(&connection)))
            }
            ["events"] => Ok(events::response(&self.shared, &query, filter(&query)?, request.headers())),
            ["rules"] => Ok(json(&json!({ "rules": self.shared.rules.all() }))),
            ["rules", name] => self.rule(name),
            ["status"] => Ok(json(&self.status())),
            ["har"] => {
                let archive = match query.get("id") {
                    Some(id) => archive::write(&[self.exchange(id)?]),
                    None => archive::write(&self.wanted(&filter(&query)?)),
                };
                let mut response = content(archive.into(), "application/json; charset=utf-8");
                let disposition = HeaderValue::from_static("attachment; filename=\"wirelight.har\"");
                response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
                Ok(response)
            }
            _ => Err(Refused::unknown("this place")),
        }
    }

    fn page(&self, path: &str, method: &Method, asked: &HeaderMap) -> std::result::Result<Response, Refused> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} means nothing here")));
        }
        if path == "/openapi.json" {
            return Ok(content(Bytes::from_static(DESCRIPTION), "application/json; charset=utf-8"));
        }
        page::file(path, method, asked).ok_or_else(|| Refused::unknown("this file"))
    }

    async fn post(&self, parts: &[&str], request: Request) -> std::result::Result<Response, Refused> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| {
            let name = value.as_bytes().split(|&byte| byte == b';').next().unwrap_or_default().trim_ascii();
            name.eq_ignore_ascii_case(b"application/json")
        });
        if !is_json {
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "only application/json is read here"));
        }
        let sent = request.into_body().collect(REQUEST_BYTES_MAX).await;
        let sent = sent.map_err(|error| Refused::new(error.status(), error.because().to_owned()))?;
        if *parts == ["har"] {
            let ids = archive::read(&self.shared, &sent)?;
            return Ok(json(&json!({ "imported": ids.len(), "ids": ids })));
        }
        let said: serde_json::Value = serde_json::from_slice(&sent)
            .map_err(|error| Refused::new(StatusCode::BAD_REQUEST, format!("this is no JSON: {error}")))?;
        match parts {
            ["recording"] => {
                let on = said.get("recording").and_then(serde_json::Value::as_bool);
                let on = on.ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, "`recording` is true or false"))?;
                self.shared.record(on);
                Ok(json(&self.status()))
            }
            ["clear"] => {
                self.shared.ring().clear();
                self.shared.tell();
                Ok(json(&self.status()))
            }
            _ => replay::send(&self.shared, &self.setting, &said).await,
        }
    }

    fn exchange(&self, id: &str) -> std::result::Result<Arc<Kept>, Refused> {
        let known = self.shared.ring().newest_first().find(|kept| kept.id() == id).cloned();
        let open = || self.shared.open_exchanges().into_iter().find(|kept| kept.id() == id).map(Arc::new);
        known.or_else(open).ok_or_else(|| Refused::unknown("this exchange"))
    }

    /// Those that a filter wants, the newest first.
    fn wanted(&self, filter: &Filter) -> Vec<Arc<Kept>> {
        // Copied out first: what is asked of each takes time, and nobody should wait for it to record.
        let all: Vec<_> = self.shared.ring().newest_first().cloned().collect();
        all.into_iter().filter(|kept| filter.wants(kept)).collect()
    }

    fn list(&self, query: &Query) -> std::result::Result<List, Refused> {
        let filter = filter(query)?;
        let limit = query.number("limit")?.map_or(LIST.0, |limit| (limit as usize).clamp(1, LIST.1));
        let (before, after) = (query.number("before")?, query.number("after")?);
        let wanted = self.wanted(&filter);
        let in_range =
            |kept: &&Arc<Kept>| before.is_none_or(|seq| kept.seq < seq) && after.is_none_or(|seq| kept.seq > seq);
        let mut rest = wanted.iter().filter(in_range);
        let mut exchanges: Vec<Summary> = Vec::new();
        if before.is_none() {
            let open = self.shared.open_exchanges();
            exchanges.extend(open.iter().filter(|kept| filter.wants(kept)).map(message::summary));
        }
        exchanges.extend(rest.by_ref().take(limit).map(|kept| message::summary(kept)));
        let ring = self.shared.ring();
        Ok(List {
            exchanges,
            matched: wanted.len(),
            kept: ring.len(),
            dropped: ring.dropped,
            seen: ring.seen,
            more: rest.next().is_some(),
        })
    }

    fn connections(&self, query: &Query) -> std::result::Result<serde_json::Value, Refused> {
        let (mut all, open, seen) = {
            let connections = self.shared.connections();
            (connections.newest_first(), connections.open_count, connections.seen)
        };
        if let Some(peer) = query.get("peer") {
            // Of one that is forgotten, exchanges may be kept.
            all.extend(self.shared.ring().newest_first().map(|kept| Arc::clone(&kept.connection)));
            let mut told = HashSet::new();
            let is_meant =
                |known: &str| known == peer || canonical(known).is_some_and(|at| canonical(peer) == Some(at));
            all.retain(|each| each.peer.as_deref().is_some_and(is_meant) && told.insert(each.id));
        }
        let (from, until) = (query.number("from_us")?, query.number("until_us")?);
        let at = |connection: &Connection| {
            let since = connection.opened_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            since.as_micros() as u64
        };
        all.retain(|each| from.is_none_or(|from| at(each) >= from) && until.is_none_or(|until| at(each) <= until));
        let shown: Vec<_> = all.iter().map(|connection| self.shared.connection_view(connection)).collect();
        Ok(json!({ "connections": shown, "open": open, "seen": seen }))
    }

    fn rule(&self, name: &str) -> std::result::Result<Response, Refused> {
        let decided: Vec<_> = {
            let all: Vec<_> = self.shared.ring().newest_first().cloned().collect();
            let used = |kept: &Arc<Kept>| {
                kept.trail.read(|trail| {
                    let rule = trail.iter().map(|decision| decision.rule()).find(|rule| rule.name == name);
                    rule.map(|rule| self.shared.rules.show(rule)).is_some()
                })
            };
            all.into_iter().filter(used).take(DECIDED_MAX).collect()
        };
        let all = self.shared.rules.all();
        let rule = all.iter().find(|rule| rule.name == name).ok_or_else(|| Refused::unknown("this rule"))?;
        let document = rules::document(&rule.section);
        let related = all.iter().filter(|each| each.name != name && rules::document(&each.section) == document);
        let mut shown = serde_json::to_value(rule).unwrap_or_default();
        if let Some(members) = shown.as_object_mut() {
            let decided: Vec<_> = decided.iter().map(|kept| message::summary(kept)).collect();
            members.insert("decided".to_owned(), json!(decided));
            members.insert("related".to_owned(), json!(related.collect::<Vec<_>>()));
        }
        Ok(json(&shown))
    }

    fn status(&self) -> serde_json::Value {
        let shared = &self.shared;
        let (open, connections_seen) = {
            let connections = shared.connections();
            (connections.open_count, connections.seen)
        };
        let held = shared.beside_bytes();
        let ring = shared.ring();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "started": moment(shared.started),
            "listeners": self.setting.listeners,
            "kept": ring.len(),
            "kept_bytes": ring.bytes + held,
            "dropped": ring.dropped,
            "seen": ring.seen,
            "connections_open": open,
            "connections_seen": connections_seen,
            "limits": {
                "exchanges_max": shared.config.exchanges_max,
                "bytes_max": shared.config.bytes_max,
                "content_bytes_max": shared.config.content_bytes_max,
                "connections_max": shared.config.connections_max,
                "frames_bytes_max": shared.config.frames_bytes_max,
            },
            "redacts": shared.masks.field_names().collect::<Vec<_>>(),
            "replay": self.setting.sender.is_some(),
            "recording": shared.is_recording(),
        })
    }
}

/// An address as it is written where IPv4 is not written as IPv6.
fn canonical(peer: &str) -> Option<SocketAddr> {
    let address: SocketAddr = peer.parse().ok()?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn filter(query: &Query) -> std::result::Result<Filter, Refused> {
    Ok(Filter::parse(query.get("filter").unwrap_or_default())?)
}

/// The parameters of a query.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    fn of(text: &str) -> Self {
        let decoded = |part: &str| {
            let spaced = part.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    fn number(&self, name: &str) -> std::result::Result<Option<u64>, Refused> {
        let Some(text) = self.get(name).filter(|text| !text.is_empty()) else { return Ok(None) };
        let refused = |_| Refused::new(StatusCode::BAD_REQUEST, format!("`{name}` is no number"));
        text.parse().map(Some).map_err(refused)
    }
}
