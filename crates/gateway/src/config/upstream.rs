//! Groups of servers that requests are forwarded to.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, Uri};
use wirelight_net::proxy_protocol::Version;
use wirelight_semantics::grammar;

use super::fault::Fault;
use super::plan::{Balance, Eject, HashKey, Health, Places, Protocol, Retry, Upstream, UpstreamServer};
use super::value::duration;
use super::word::{Value, Word, once};
use crate::proxy::breaker;
use crate::proxy::sticky::{Key, Sticky};

const WORDS: [&str; 13] = [
    "server",
    "resolver",
    "balance",
    "sticky",
    "protocol",
    "proxy-protocol",
    "connections",
    "timeout",
    "retry",
    "eject",
    "health",
    "slow-start",
    "breaker",
];

impl Upstream {
    /// A group of these servers, all else by default.
    pub fn of(name: &str, servers: Vec<UpstreamServer>) -> Self {
        Self {
            name: name.to_owned(),
            servers,
            resolvers: Vec::new(),
            balance: Balance::RoundRobin,
            protocol: Protocol::Negotiated,
            connections_max: 256,
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(300),
            tunnel_timeout: Duration::from_secs(3600),
            idle_timeout: Duration::from_secs(4),
            silence_timeout: Duration::from_secs(20),
            ping_timeout: Duration::from_secs(10),
            retry: Retry { attempts_max: 2, budget_percent: 20 },
            eject: Eject { failures: 5, pause: Duration::from_secs(10) },
            health: None,
            sticky: None,
            slow_start: None,
            breaker: None,
            announced: None,
            places: Places::default(),
        }
    }
}

impl UpstreamServer {
    /// Reads `http://127.0.0.1:3000`, `https://example.org` or `unix:/run/app.sock`; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return Err(format!("`{text}`: the path of a socket begins with a slash"));
            }
            return Ok(Self {
                uri: Uri::from_static("http://localhost"),
                socket: Some(PathBuf::from(path)),
                weight: 1,
            });
        }
        let wrong = || {
            format!("`{text}` is no server such as http://127.0.0.1:3000, https://example.org or unix:/run/app.sock")
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        let Some(authority) = uri.authority().filter(|_| is_http) else { return Err(wrong()) };
        if authority.as_str().contains('@') {
            return Err("a server's URL holds no user: set Authorization with `header request`".to_owned());
        }
        if authority.host().is_empty() {
            return Err(wrong());
        }
        if !matches!(uri.path_and_query().map(|path| path.as_str()), None | Some("/")) {
            return Err("a server's URL has no path: use `rewrite` to change paths".to_owned());
        }
        Ok(Self { uri, socket: None, weight: 1 })
    }
}

/// Reads `upstream "name" { .. }`.
pub(super) fn named(word: &Word<'_>, folder: &Path) -> Option<Upstream> {
    word.properties(&[]);
    let name = word.argument("a name")?.text()?;
    let mut upstream = Upstream::of(name, Vec::new());
    settings(word, &mut upstream, folder);
    if word.knows_all(&WORDS) && !word.says("server") {
        let fault = Fault::new(word.span(), format!("the upstream `{name}` has no server"));
        word.fault(fault.help("add: server \"http://127.0.0.1:3000\""));
    }
    Some(upstream)
}

/// Reads what stands in the block of an upstream.
fn settings(word: &Word<'_>, upstream: &mut Upstream, folder: &Path) {
    let words = word.children(&WORDS);
    upstream.places = Places(std::iter::once(word.place()).chain(words.iter().map(Word::place)).collect());
    upstream.sticky = once(&words, "sticky").and_then(|word| sticky(&word, folder));
    upstream.breaker = once(&words, "breaker").and_then(|word| breaker(&word));
    if let Some(word) = once(&words, "proxy-protocol") {
        word.properties(&[]);
        word.no_block();
        let known = [("v1", Version::One), ("v2", Version::Two)];
        let version = word.argument("a version: v1 or v2");
        upstream.announced = version.and_then(|value| value.choice("version of the PROXY protocol", &known));
    }
    if let Some(word) = once(&words, "slow-start") {
        word.properties(&[]);
        word.no_block();
        upstream.slow_start = word.argument("a duration").and_then(|value| value.read(duration));
    }
    upstream.servers = words.iter().filter(|word| word.name() == "server").filter_map(server).collect();
    if let Some(word) = once(&words, "resolver") {
        word.properties(&[]);
        word.no_block();
        let addresses = word.some_arguments("the address of a server of DNS, such as \"127.0.0.53:53\"");
        upstream.resolvers = addresses.iter().filter_map(|value| value.read(resolver)).collect();
    }
    if let Some(balance) = once(&words, "balance").and_then(|word| balance(&word)) {
        upstream.balance = balance;
    }
    if let Some(protocol) = once(&words, "protocol").and_then(|word| protocol(&word)) {
        upstream.protocol = protocol;
    }
    if let Some(word) = once(&words, "connections") {
        word.properties(&[]);
        word.no_block();
        if let Some(most) = word.argument("a number").and_then(|value| value.number(1, 1_000_000)) {
            upstream.connections_max = most as usize;
        }
    }
    if let Some(word) = once(&words, "timeout") {
        word.at_most(0);
        word.no_block();
        word.properties(&["connect", "answer", "stall", "tunnel", "idle", "silence", "ping"]);
        set(&mut upstream.connect_timeout, span(&word, "connect"));
        set(&mut upstream.answer_timeout, span(&word, "answer"));
        set(&mut upstream.stall_timeout, span(&word, "stall"));
        set(&mut upstream.tunnel_timeout, span(&word, "tunnel"));
        set(&mut upstream.idle_timeout, span(&word, "idle"));
        set(&mut upstream.silence_timeout, span(&word, "silence"));
        set(&mut upstream.ping_timeout, span(&word, "ping"));
    }
    if let Some(word) = once(&words, "retry") {
        word.at_most(0);
        word.no_block();
        word.properties(&["attempts", "budget"]);
        set(&mut upstream.retry.attempts_max, number(&word, "attempts", 1, 100));
        set(&mut upstream.retry.budget_percent, number(&word, "budget", 0, 100));
    }
    if let Some(word) = once(&words, "eject") {
        word.at_most(0);
        word.no_block();
        word.properties(&["failures", "for"]);
        set(&mut upstream.eject.failures, number(&word, "failures", 1, 1_000_000));
        set(&mut upstream.eject.pause, span(&word, "for"));
    }
    if let Some(word) = once(&words, "health") {
        upstream.health = health(&word);
    }
}

/// Reads `sticky cookie="server" key="sticky.key" max-age="1h"`.
fn sticky(word: &Word<'_>, folder: &Path) -> Option<Sticky> {
    word.at_most(0);
    word.no_block();
    word.properties(&["cookie", "key", "max-age"]);
    let cookie = match word.property("cookie") {
        Some(value) => value.read(token)?,
        None => "wirelight-server".to_owned(),
    };
    let key = match word.property("key") {
        Some(value) => Some(value.read(|path| Key::read(&folder.join(path)))?),
        None => None,
    };
    let max_age = match word.property("max-age") {
        Some(_) => Some(span(word, "max-age")?),
        None => None,
    };
    Some(Sticky { cookie, key, max_age })
}

/// The address of a server of DNS, whose port is 53 if none is said.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let with_port = || Some(SocketAddr::new(text.parse().ok()?, 53));
    text.parse().ok().or_else(with_port).ok_or_else(|| format!("`{text}` is no address such as 127.0.0.53:53"))
}

/// The name of a cookie.
fn token(text: &str) -> Result<String, String> {
    match grammar::is_token(text.as_bytes()) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is no name of a cookie")),
    }
}

/// Reads `breaker percent=50 requests=20 within="10s" for="5s" trials=3`.
fn breaker(word: &Word<'_>) -> Option<breaker::Plan> {
    word.at_most(0);
    word.no_block();
    word.properties(&["percent", "requests", "within", "for", "trials"]);
    let mut plan = breaker::Plan::default();
    set(&mut plan.percent, number(word, "percent", 1, 100));
    set(&mut plan.requests_min, number(word, "requests", 1, 1_000_000));
    set(&mut plan.within, span(word, "within"));
    set(&mut plan.pause, span(word, "for"));
    set(&mut plan.trials, number(word, "trials", 1, 1000));
    Some(plan)
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// The duration that a property says.
pub(super) fn span(word: &Word<'_>, property: &str) -> Option<Duration> {
    word.property(property)?.read(duration)
}

fn number(word: &Word<'_>, property: &str, least: u32, most: u32) -> Option<u32> {
    let number = word.property(property)?.number(least.into(), most.into())?;
    u32::try_from(number).ok()
}

fn server(word: &Word<'_>) -> Option<UpstreamServer> {
    word.properties(&["weight"]);
    word.no_block();
    let weight = number(word, "weight", 1, 1000).unwrap_or(1);
    let server = word.argument("a URL such as \"http://127.0.0.1:3000\"")?.read(UpstreamServer::parse)?;
    Some(UpstreamServer { weight, ..server })
}

fn balance(word: &Word<'_>) -> Option<Balance> {
    word.no_block();
    let known = [("round-robin", 0), ("least-requests", 1), ("fastest", 2), ("hash", 3)];
    let kind = word
        .argument("a way to choose: round-robin, least-requests, fastest or hash")?
        .choice("way to choose a server", &known)?;
    word.properties(if kind == 3 { &["by", "field", "cookie"] } else { &[] });
    Some(match kind {
        0 => Balance::RoundRobin,
        1 => Balance::LeastRequests,
        2 => Balance::Fastest,
        _ => Balance::Hash(hash_key(word)?),
    })
}

fn hash_key(word: &Word<'_>) -> Option<HashKey> {
    if let Some(value) = word.property("by") {
        return value.choice("thing to hash by", &[("client", ())]).map(|()| HashKey::Client);
    }
    if let Some(value) = word.property("field") {
        return value.read(field_name).map(HashKey::Field);
    }
    if let Some(value) = word.property("cookie") {
        return value.text().map(|name| HashKey::Cookie(name.to_owned()));
    }
    word.fault(
        Fault::new(word.span(), "`hash` needs what to hash by").help("by=client, field=\"X-User\" or cookie=\"sid\""),
    );
    None
}

/// The name of a field.
pub(super) fn field_name(text: &str) -> Result<HeaderName, String> {
    text.parse().map_err(|_| format!("`{text}` is no name of a field"))
}

fn protocol(word: &Word<'_>) -> Option<Protocol> {
    word.properties(&[]);
    word.no_block();
    let known = [("negotiated", Protocol::Negotiated), ("http1", Protocol::Http1), ("http2", Protocol::Http2)];
    word.argument("a version: negotiated, http1 or http2")?.choice("version of HTTP", &known)
}

fn health(word: &Word<'_>) -> Option<Health> {
    word.at_most(0);
    word.no_block();
    word.properties(&["path", "every", "timeout", "healthy", "unhealthy"]);
    let path = match word.property("path") {
        Some(value) => value.read(path)?,
        None => "/".to_owned(),
    };
    Some(Health {
        path,
        every: span(word, "every").unwrap_or(Duration::from_secs(5)).max(Duration::from_millis(10)),
        timeout: span(word, "timeout").unwrap_or(Duration::from_secs(2)),
        healthy: number(word, "healthy", 1, 1000).unwrap_or(2),
        unhealthy: number(word, "unhealthy", 1, 1000).unwrap_or(3),
    })
}

fn path(text: &str) -> Result<String, String> {
    match text.parse::<http::uri::PathAndQuery>() {
        Ok(_) if text.starts_with('/') => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is no path: it begins with a slash")),
    }
}

/// The servers that a `proxy` names itself, each by its URL.
pub(super) fn unnamed(servers: &[Value<'_>]) -> Option<Upstream> {
    let read: Vec<_> = servers.iter().filter_map(|value| value.read(UpstreamServer::parse)).collect();
    if read.len() < servers.len() {
        return None;
    }
    let names: Vec<_> = servers.iter().map(Value::shown).collect();
    Some(Upstream::of(&names.join(" "), read))
}
