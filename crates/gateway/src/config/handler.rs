//! What answers: files, a fixed response, a redirect, another server.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, StatusCode};

use super::fault::Fault;
use super::plan::{Connect, Files, Handler, Proxy, ProxyHost, Template};
use super::top::Scope;
use super::upstream::{self, span};
use super::word::{Value, Word, unknown};
use crate::proxy::destination::{Destination, Destinations};

/// The words that answer.
pub(super) const WORDS: [&str; 5] = ["files", "proxy", "connect", "respond", "redirect"];

/// Reads a handler; `parameters` are those of the route's pattern.
pub(super) fn read(word: &Word<'_>, scope: &Scope<'_>, parameters: &[&str]) -> Option<Handler> {
    if word.name() != "connect" {
        word.no_block();
    }
    match word.name() {
        "connect" => connect(word),
        "files" => files(word, scope),
        "proxy" => proxy(word, scope),
        "respond" => respond(word),
        _ => redirect(word, parameters),
    }
}

fn files(word: &Word<'_>, scope: &Scope<'_>) -> Option<Handler> {
    word.properties(&["index", "listing", "hidden", "fallback", "not-found", "cache"]);
    let folder = word.argument("a folder")?;
    let root = scope.folder.join(folder.text()?);
    if !root.is_dir() {
        folder.wrong(format!("there is no folder {}", root.display()), "");
        return None;
    }
    let switch = |name: &str| word.property(name).map_or(Some(false), |value| value.bool());
    let index = match word.property("index") {
        Some(value) => value.text()?.to_owned(),
        None => "index.html".to_owned(),
    };
    let not_found = match word.property("not-found") {
        Some(value) => Some(value.text()?.into()),
        None => None,
    };
    let cache_control = match word.property("cache") {
        Some(value) => value.read(field_value)?,
        None => HeaderValue::from_static("no-cache"),
    };
    Some(Handler::Files(Files {
        root,
        index,
        listing: switch("listing")?,
        hidden: switch("hidden")?,
        fallback: switch("fallback")?,
        not_found,
        cache_control,
    }))
}

/// The value of a field.
pub(super) fn field_value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} is no value of a field"))
}

fn respond(word: &Word<'_>) -> Option<Handler> {
    word.properties(&["status", "type"]);
    word.at_most(1);
    let content = match word.arguments().first() {
        Some(value) => value.text()?.to_owned(),
        None => String::new(),
    };
    let status = match word.property("status") {
        Some(value) => status(&value, 200, 599)?,
        None => StatusCode::OK,
    };
    let media_type = match word.property("type") {
        Some(value) => value.read(field_value)?,
        None => HeaderValue::from_static("text/plain; charset=utf-8"),
    };
    if matches!(status.as_u16(), 204 | 205 | 304) && !content.is_empty() {
        word.wrong(format!("a response with status {} has no content", status.as_u16()));
        return None;
    }
    Some(Handler::Respond { status, content, media_type })
}

fn status(value: &Value<'_>, least: u64, most: u64) -> Option<StatusCode> {
    let number = u16::try_from(value.number(least, most)?).ok()?;
    StatusCode::from_u16(number).ok()
}

fn redirect(word: &Word<'_>, parameters: &[&str]) -> Option<Handler> {
    word.properties(&["status"]);
    let target = word.argument("a target such as \"/new/{path}\"")?;
    let to = target.read(|text| Template::parse(text, parameters))?;
    let status = match word.property("status") {
        Some(value) => {
            let number = value.number(301, 308)?;
            if !matches!(number, 301 | 302 | 303 | 307 | 308) {
                value.wrong(format!("{number} is no redirection"), "301, 302, 303, 307 or 308");
                return None;
            }
            StatusCode::from_u16(u16::try_from(number).ok()?).ok()?
        }
        None => StatusCode::PERMANENT_REDIRECT,
    };
    let is_target = to.text.starts_with('/') || to.text.starts_with("http://") || to.text.starts_with("https://");
    if !is_target && !to.text.starts_with("{path}") {
        target.wrong("a redirection leads to a path or to a URL with http or https", "begin it with a slash");
        return None;
    }
    Some(Handler::Redirect { status, to })
}

fn proxy(word: &Word<'_>, scope: &Scope<'_>) -> Option<Handler> {
    word.properties(&["host"]);
    let arguments = word.some_arguments("an upstream, or the URL of a server");
    let host = match word.property("host") {
        Some(value) => value.choice("host", &[("client", ProxyHost::Client), ("upstream", ProxyHost::Upstream)])?,
        None => ProxyHost::Client,
    };
    let name = arguments.first()?.text()?;
    if name.contains(':') {
        let upstream = Arc::new(upstream::unnamed(&arguments)?);
        return Some(Handler::Proxy(Proxy { upstream, host }));
    }
    word.at_most(1);
    if let Some(upstream) = scope.upstreams.iter().find(|known| known.name == name) {
        return Some(Handler::Proxy(Proxy { upstream: Arc::clone(upstream), host }));
    }
    let names: Vec<&str> = scope.upstreams.iter().map(|known| known.name.as_str()).collect();
    let fault = match names.is_empty() {
        true => Fault::new(arguments[0].span(), format!("there is no upstream `{name}`"))
            .help("name a server by its URL, such as \"http://127.0.0.1:3000\", or add an `upstream` at the top"),
        false => unknown(arguments[0].span(), "upstream", name, &names),
    };
    word.fault(fault);
    None
}

/// Reads `connect { allow "api.example:443" }`.
fn connect(word: &Word<'_>) -> Option<Handler> {
    word.at_most(0);
    word.properties(&["timeout", "idle"]);
    let mut allowed = Vec::new();
    for allow in word.children(&["allow"]) {
        allow.properties(&[]);
        allow.no_block();
        for value in allow.some_arguments("a destination such as \"api.example:443\"") {
            allowed.push(value.read(Destination::parse)?);
        }
    }
    if allowed.is_empty() && word.knows_all(&["allow"]) {
        let fault = Fault::new(word.span(), "`connect` leads nowhere");
        word.fault(fault.help("connect { allow \"api.example:443\" }; \"*:443\" is every public address"));
        return None;
    }
    Some(Handler::Connect(Connect {
        allowed: Destinations(allowed),
        connect_timeout: match word.property("timeout") {
            Some(_) => span(word, "timeout")?,
            None => Duration::from_secs(10),
        },
        idle_timeout: match word.property("idle") {
            Some(_) => span(word, "idle")?,
            None => Duration::from_secs(300),
        },
    }))
}
