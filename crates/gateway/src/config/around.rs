//! What stands around a handler, or around all routes of a site.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use wirelight_semantics::coding::Coding;
use wirelight_semantics::cors::{Methods, Names, Origins, Pattern, Policy};
use wirelight_semantics::media_type;

use super::fault::Fault;
use super::guard;
use super::handler::field_value;
use super::log;
use super::plan::{Around, Edit, Page, SecurityHeaders, Template, Written};
use super::top::Scope;
use super::upstream::{field_name, span};
use super::value::{duration, size};
use super::word::{Value, Word, once};

/// The words that stand around.
pub(super) const WORDS: [&str; 13] = [
    "rewrite",
    "header",
    "cors",
    "compress",
    "security-headers",
    "timeout",
    "limit",
    "basic-auth",
    "forward-auth",
    "trace",
    "server-timing",
    "error-page",
    "access-log",
];

/// Reads one of them, with its place; `parameters` are those of the route's pattern.
pub(super) fn written(word: &Word<'_>, scope: &Scope<'_>, parameters: &[&str]) -> Option<Written<Around>> {
    Some(Written { what: read(word, scope, parameters)?, place: Some(word.place()) })
}

fn read(word: &Word<'_>, scope: &Scope<'_>, parameters: &[&str]) -> Option<Around> {
    if !matches!(word.name(), "header" | "cors" | "basic-auth" | "forward-auth") {
        word.no_block();
    }
    match word.name() {
        "rewrite" => rewrite(word, parameters),
        "header" => header(word),
        "cors" => cors(word),
        "compress" => compress(word),
        "security-headers" => security_headers(word),
        "timeout" => timeout(word),
        "limit" => limit(word),
        "basic-auth" => guard::basic_auth(word, scope).map(Around::BasicAuth),
        "forward-auth" => guard::forward_auth(word).map(Around::ForwardAuth),
        "trace" => {
            word.bare();
            Some(Around::Trace)
        }
        "server-timing" => server_timing(word),
        "access-log" => log::of_some(word, scope),
        _ => error_page(word, scope),
    }
}

fn rewrite(word: &Word<'_>, parameters: &[&str]) -> Option<Around> {
    word.properties(&[]);
    let target = word.argument("a path such as \"/new/{path}\"")?;
    let template = target.read(|text| Template::parse(text, parameters))?;
    if !template.text.starts_with('/') && !template.text.starts_with("{path}") {
        target.wrong("a request is rewritten to a path", "begin it with a slash");
        return None;
    }
    Some(Around::Rewrite(template))
}

fn header(word: &Word<'_>) -> Option<Around> {
    word.properties(&[]);
    let of = word
        .argument("`request` or `response`")
        .and_then(|value| value.choice("message", &[("request", true), ("response", false)]));
    let children = word.children(&["set", "add", "remove"]);
    if children.is_empty() {
        word.fault(
            Fault::new(word.span(), "nothing is changed here")
                .help("header response { set \"X-Frame-Options\" \"DENY\" }"),
        );
    }
    let edits: Vec<Edit> = children.iter().filter_map(edit).collect();
    Some(if of? { Around::RequestFields(edits) } else { Around::ResponseFields(edits) })
}

fn edit(word: &Word<'_>) -> Option<Edit> {
    word.properties(&[]);
    word.no_block();
    let arguments = word.some_arguments("the name of a field");
    let first = arguments.first()?;
    let name = first.read(field_name)?;
    if matches!(name.as_str(), "connection" | "transfer-encoding" | "content-length" | "upgrade" | "te" | "trailer") {
        first.wrong(format!("`{name}` belongs to the connection, and is not for a config to change"), "");
        return None;
    }
    if word.name() == "remove" {
        word.at_most(1);
        return Some(Edit::Remove(name));
    }
    word.at_most(2);
    let Some(value) = arguments.get(1) else {
        word.wrong(format!("`{}` needs the value of `{name}`", word.name()));
        return None;
    };
    let value = value.read(field_value)?;
    Some(if word.name() == "set" { Edit::Set(name, value) } else { Edit::Add(name, value) })
}

fn cors(word: &Word<'_>) -> Option<Around> {
    word.at_most(0);
    word.properties(&[]);
    let words = word.children(&["origins", "methods", "fields", "expose", "credentials", "max-age"]);
    words.iter().for_each(|word| {
        word.properties(&[]);
        word.no_block();
    });
    let mut policy = Policy { max_age_seconds: Some(600), ..Policy::default() };
    let listed = |name: &str| once(&words, name).map(|word| word.some_arguments("a value"));
    match listed("origins") {
        None => {
            word.fault(
                Fault::new(word.span(), "`cors` allows nobody").help("cors { origins \"https://app.example\" }"),
            );
            return None;
        }
        Some(values) if is_any(&values) => policy.origins = Origins::Any,
        Some(values) => {
            let read = |text: &str| {
                Pattern::parse(text)
                    .ok_or_else(|| format!("`{text}` is no origin such as https://app.example or https://*.example"))
            };
            policy.origins = Origins::Listed(values.iter().filter_map(|value| value.read(read)).collect());
        }
    }
    match listed("methods") {
        None => {}
        Some(values) if is_any(&values) => policy.methods = Methods::Any,
        Some(values) => {
            let read = |text: &str| Method::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is no method"));
            policy.methods = Methods::Listed(values.iter().filter_map(|value| value.read(read)).collect());
        }
    }
    let names = |values: Vec<Value<'_>>| match is_any(&values) {
        true => Names::Any,
        false => Names::Listed(values.iter().filter_map(|value| value.read(field_name)).collect()),
    };
    if let Some(values) = listed("fields") {
        policy.fields = names(values);
    }
    if let Some(values) = listed("expose") {
        policy.exposed = names(values);
    }
    if let Some(value) = once(&words, "credentials").and_then(|word| word.argument("#true or #false")) {
        policy.credentials = value.bool()?;
    }
    if let Some(value) = once(&words, "max-age").and_then(|word| word.argument("a duration")) {
        policy.max_age_seconds = Some(u32::try_from(value.read(duration)?.as_secs()).unwrap_or(u32::MAX));
    }
    if let Err(fault) = policy.check() {
        word.wrong(fault.to_string());
        return None;
    }
    Some(Around::Cors(policy))
}

fn is_any(values: &[Value<'_>]) -> bool {
    matches!(values, [value] if value.shown() == "*")
}

fn compress(word: &Word<'_>) -> Option<Around> {
    word.properties(&["min"]);
    let known = [("zstd", Coding::Zstd), ("br", Coding::Brotli), ("gzip", Coding::Gzip), ("deflate", Coding::Deflate)];
    let mut codings: Vec<Coding> = Vec::new();
    for value in word.arguments() {
        codings.push(value.choice("content coding", &known)?);
    }
    if codings.is_empty() {
        codings = known.iter().map(|(_, coding)| *coding).collect();
    }
    let length_min_bytes = match word.property("min") {
        Some(value) => value.read(size)?,
        None => 512,
    };
    Some(Around::Compress { codings, length_min_bytes })
}

fn security_headers(word: &Word<'_>) -> Option<Around> {
    word.at_most(0);
    word.properties(&["frame", "referrer", "transport", "content", "permissions"]);
    let value = |name: &str, default: &'static str| match word.property(name) {
        Some(value) => value.read(field_value),
        None => Some(HeaderValue::from_static(default)),
    };
    let optional = |name: &str| word.property(name).map(|value| value.read(field_value));
    Some(Around::SecurityHeaders(SecurityHeaders {
        frame: value("frame", "SAMEORIGIN")?,
        referrer: value("referrer", "strict-origin-when-cross-origin")?,
        transport: value("transport", "max-age=31536000")?,
        content: optional("content").map_or(Some(None), |read| read.map(Some))?,
        permissions: optional("permissions").map_or(Some(None), |read| read.map(Some))?,
    }))
}

fn timeout(word: &Word<'_>) -> Option<Around> {
    word.properties(&["answer", "stall"]);
    word.at_most(0);
    if word.property("answer").or(word.property("stall")).is_none() {
        word.fault(Fault::new(word.span(), "`timeout` says no time").help("timeout answer=\"30s\" stall=\"60s\""));
        return None;
    }
    Some(Around::Timeout {
        answer: match word.property("answer") {
            Some(_) => span(word, "answer")?,
            None => Duration::from_secs(30),
        },
        stall: match word.property("stall") {
            Some(_) => span(word, "stall")?,
            None => Duration::from_secs(60),
        },
    })
}

fn limit(word: &Word<'_>) -> Option<Around> {
    word.at_most(0);
    word.properties(&["body", "concurrency", "queue", "wait"]);
    match (word.property("body"), word.property("concurrency")) {
        (Some(body), None) => {
            if let Some(other) = word.property("queue").or(word.property("wait")) {
                other.wrong("content does not wait in a queue", "this goes with `concurrency`");
            }
            body.read(size).map(Around::LimitBody)
        }
        (None, Some(concurrency)) => Some(Around::LimitConcurrency {
            exchanges: concurrency.number(1, 1_000_000)? as usize,
            queue: match word.property("queue") {
                Some(value) => value.number(0, 1_000_000)? as usize,
                None => 1024,
            },
            wait: match word.property("wait") {
                Some(_) => span(word, "wait")?,
                None => Duration::from_secs(5),
            },
        }),
        (Some(_), Some(_)) => {
            word.fault(
                Fault::new(word.span(), "one `limit` limits one thing")
                    .help("write two, in the order in which they are to apply"),
            );
            None
        }
        (None, None) => {
            word.fault(
                Fault::new(word.span(), "nothing is limited here")
                    .help("limit body=\"10MiB\" or limit concurrency=100"),
            );
            None
        }
    }
}

fn server_timing(word: &Word<'_>) -> Option<Around> {
    word.at_most(0);
    word.properties(&["reasons"]);
    let reasons = word.property("reasons").map_or(Some(true), |value| value.bool())?;
    Some(Around::ServerTiming { reasons })
}

fn error_page(word: &Word<'_>, scope: &Scope<'_>) -> Option<Around> {
    word.properties(&["file"]);
    let statuses: Vec<(u16, u16)> =
        word.some_arguments("a status such as 404 or \"5xx\"").iter().filter_map(statuses).collect();
    let Some(file) = word.property("file") else {
        word.wrong("`error-page` needs the file to show");
        return None;
    };
    let path = scope.folder.join(file.text()?);
    match std::fs::read(&path) {
        Ok(content) => {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let media_type = HeaderValue::from_static(media_type::by_name(name));
            let page = Page { path, content: content.into(), media_type };
            Some(Around::ErrorPage { statuses, page: Arc::new(page) })
        }
        Err(error) => {
            file.wrong(format!("{} cannot be read: {error}", path.display()), "");
            None
        }
    }
}

fn statuses(value: &Value<'_>) -> Option<(u16, u16)> {
    let shown = value.shown();
    let class = match shown.as_str() {
        "4xx" => Some((400, 499)),
        "5xx" => Some((500, 599)),
        text => text.parse().ok().filter(|status| (400..=599).contains(status)).map(|status| (status, status)),
    };
    let range = class.or_else(|| {
        let (first, last) = shown.split_once('-')?;
        let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
        (400 <= first && first <= last && last <= 599).then_some((first, last))
    });
    if range.is_none() {
        value.wrong(format!("`{shown}` is no status of an error"), "404, \"500-504\", \"4xx\" or \"5xx\"");
    }
    range
}
