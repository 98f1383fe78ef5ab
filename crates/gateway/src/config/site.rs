//! Sites and their routes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use wirelight_server::Pattern;

use super::fault::Fault;
use super::plan::{self, Around, Condition, Handler, Introductions, Listen, Proxy, Route, Site, Test, Upstream};
use super::top::Scope;
use super::upstream::{field_name, span};
use super::value::{Host, Network, address};
use super::word::{Word, once};
use super::{around, handler, log, template};

const CONDITIONS: [&str; 4] = ["method", "field", "query", "client"];

/// The sites read so far, and what they share.
#[derive(Default)]
pub(super) struct Sites {
    pub(super) listeners: Vec<Listen>,
    pub(super) sites: Vec<Site>,
}

impl Sites {
    /// Reads `site "example.org" { .. }`.
    pub(super) fn read(&mut self, word: &Word<'_>, scope: &Scope<'_>) {
        word.properties(&[]);
        let mut site = Site {
            hosts: Vec::new(),
            listeners: Vec::new(),
            around: Vec::new(),
            routes: Vec::new(),
            place: Some(word.place()),
        };
        for value in word.some_arguments("a host, or `default`") {
            let Some(host) = value.read(Host::parse) else { continue };
            if site.hosts.contains(&host) {
                value.wrong(format!("`{host}` is said twice"), "");
            }
            site.hosts.push(host);
        }
        let known: Vec<&str> = ["listen", "route"].into_iter().chain(around::WORDS).collect();
        let children = word.children(&known);
        once(&children, log::WORD);
        for child in children {
            match child.name() {
                "listen" => site.listeners.extend(self.listen(&child, scope, &site.hosts)),
                "route" => {
                    if let Some(route) = self::route(&child, scope) {
                        self::reachable(&child, &site.routes);
                        site.routes.push(route);
                    }
                }
                _ if !site.routes.is_empty() => child
                    .fault(Fault::new(child.span(), format!("`{}` stands behind a route", child.name())).help(
                        "what stands around all routes is written before the first, so that order is evaluation",
                    )),
                _ => site.around.extend(around::written(&child, scope, &[])),
            }
        }
        let is_whole = word.knows_all(&known);
        if is_whole && !word.says("listen") {
            word.fault(Fault::new(word.span(), "this site listens nowhere").help("add: listen \":8080\""));
        }
        if is_whole && !word.says("route") {
            word.fault(Fault::new(word.span(), "this site has no route").help("add: route { files \".\" }"));
        }
        self.distinct(word, &site);
        self.sites.push(site);
    }

    /// Notes a host whose requests an earlier site takes on every listener: the first that is for a host is asked.
    fn distinct(&self, word: &Word<'_>, site: &Site) {
        for value in word.arguments() {
            let Ok(host) = Host::parse(&value.shown()) else { continue };
            let shares = |known: &&Site| site.listeners.iter().all(|listener| known.listeners.contains(listener));
            let covers = |known: &&Site| known.hosts.iter().any(|earlier| earlier.covers(&host));
            if let Some(known) = self.sites.iter().filter(shares).find(covers) {
                value.wrong(
                    format!("the site `{}` before it takes every request for `{host}`", known.name()),
                    "this one would never be asked",
                );
            }
        }
    }

    /// Reads `listen ":8080"`, for a site with these hosts.
    fn listen(&mut self, word: &Word<'_>, scope: &Scope<'_>, hosts: &[Host]) -> Option<usize> {
        word.properties(&["cert", "key", "tls"]);
        let value = word.argument("an address such as \":8080\"")?;
        let address = value.read(address)?;
        let path = |name| Some(scope.folder.join(word.property(name)?.text()?));
        let certificate: Option<(PathBuf, PathBuf)> = match (path("cert"), path("key")) {
            (Some(chain), Some(key)) => Some((chain, key)),
            (None, None) => None,
            (Some(_), None) => {
                word.wrong("`cert` needs `key`: the file with the certificate's private key");
                return None;
            }
            (None, Some(_)) => {
                word.wrong("`key` needs `cert`: the file with the certificate chain");
                return None;
            }
        };
        let is_vouched = match word.property("tls") {
            Some(value) => value.choice("way to have TLS", &[("local", true)])?,
            None => false,
        };
        if let (true, Some(_)) = (is_vouched, &certificate) {
            word.wrong("a certificate of your own needs no local authority: say `cert` and `key`, or tls=local");
            return None;
        }
        let vouched = if is_vouched { hosts } else { &[] };
        let introductions = introductions(word);
        let known = self.listeners.iter().position(|listen| listen.address == address);
        let Some(known) = known else {
            let certificates = certificate.into_iter().collect();
            self.listeners.push(Listen { address, certificates, vouched: vouched.to_vec(), introductions });
            return Some(self.listeners.len() - 1);
        };
        let listen = &mut self.listeners[known];
        if listen.introductions != introductions {
            value.wrong(
                format!("two sites say different things of who may connect to {address}"),
                "say the same `proxy-protocol` in both",
            );
        }
        if listen.is_secure() != (certificate.is_some() || is_vouched) {
            value.wrong(format!("one site has {address} in cleartext and another over TLS"), "it cannot be both");
        }
        listen.certificates.extend(certificate.filter(|pair| !listen.certificates.contains(pair)));
        for host in vouched {
            if !listen.vouched.contains(host) {
                listen.vouched.push(host.clone());
            }
        }
        Some(known)
    }

    /// All handlers that forward.
    pub(super) fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.sites.iter().flat_map(|site| &site.routes).filter_map(|route| match &route.handler {
            Handler::Proxy(proxy) => Some(proxy),
            _ => None,
        })
    }

    /// All groups of servers, those with a name first.
    pub(super) fn upstreams(&self, scope: &Scope<'_>) -> Vec<Arc<Upstream>> {
        let mut all = scope.upstreams.clone();
        for proxy in self.proxies() {
            if !all.iter().any(|known| Arc::ptr_eq(known, &proxy.upstream)) {
                all.push(Arc::clone(&proxy.upstream));
            }
        }
        all.extend(plan::arounds(&self.sites).filter_map(|around| match around {
            Around::ForwardAuth(plan) => Some(Arc::clone(&plan.upstream)),
            _ => None,
        }));
        all
    }
}

/// Reads `proxy-protocol "10.0.0.0/8" timeout="5s"` in the block of a listener.
fn introductions(word: &Word<'_>) -> Option<Introductions> {
    let words = word.children(&["proxy-protocol"]);
    let word = once(&words, "proxy-protocol")?;
    word.properties(&["timeout"]);
    word.no_block();
    let networks = word.some_arguments("the network of the proxies");
    let from: Vec<Network> = networks.iter().filter_map(|value| value.read(Network::parse)).collect();
    let timeout = match word.property("timeout") {
        Some(_) => span(&word, "timeout")?,
        None => Duration::from_secs(5),
    };
    (!from.is_empty()).then_some(Introductions { from, timeout })
}

/// Reads `route "/path" { .. }`.
fn route(word: &Word<'_>, scope: &Scope<'_>) -> Option<Route> {
    word.properties(&["name"]);
    let mut patterns = Vec::new();
    let mut all_read = true;
    for value in word.arguments() {
        match value.read(|text| Pattern::parse(text).map_err(|error| error.to_string())) {
            Some(pattern) => patterns.push(pattern),
            None => all_read = false,
        }
    }
    let name: Arc<str> = match word.property("name") {
        Some(value) => value.text()?.into(),
        None if patterns.is_empty() => "*".into(),
        None => patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(" ").into(),
    };
    let parameters: Vec<String> = template::parameters(&patterns).into_iter().map(str::to_owned).collect();
    let parameters: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let mut conditions = Vec::new();
    if !patterns.is_empty() {
        conditions.push(Condition::Path(patterns));
    }
    let mut around = Vec::new();
    let mut handler: Option<Handler> = None;
    let mut has_handler = false;
    let mut handler_place = None;
    let known: Vec<&str> = CONDITIONS.into_iter().chain(around::WORDS).chain(handler::WORDS).collect();
    let children = word.children(&known);
    once(&children, log::WORD);
    for child in children {
        if has_handler {
            child.fault(
                Fault::new(
                    child.span(),
                    format!("`{}` stands behind the handler, where nothing is evaluated", child.name()),
                )
                .help("the handler is the last word of a route"),
            );
            continue;
        }
        if CONDITIONS.contains(&child.name()) {
            if !around.is_empty() {
                child.fault(
                    Fault::new(child.span(), format!("`{}` stands behind what is done already", child.name()))
                        .help("conditions are the first words of a route"),
                );
            }
            conditions.extend(condition(&child));
        } else if handler::WORDS.contains(&child.name()) {
            has_handler = true;
            handler_place = Some(child.place());
            handler = handler::read(&child, scope, &parameters);
        } else {
            around.extend(around::written(&child, scope, &parameters));
        }
    }
    if !has_handler && word.knows_all(&known) {
        word.fault(
            Fault::new(word.span(), "nothing answers on this route")
                .help(format!("end it with one of: {}", handler::WORDS.join(", "))),
        );
    }
    let handler = handler.filter(|_| all_read)?;
    Some(Route { name, conditions, around, handler, place: Some(word.place()), handler_place })
}

/// Notes a route that no request can reach.
fn reachable(word: &Word<'_>, earlier: &[Route]) {
    if let Some(taking) = earlier.iter().find(|route| route.conditions.is_empty()) {
        let fault = Fault::new(word.span(), "no request reaches this route");
        word.fault(fault.label(format!("the route `{}` before it takes everything", taking.name)));
    }
}

fn condition(word: &Word<'_>) -> Option<Condition> {
    word.no_block();
    match word.name() {
        "method" => {
            word.properties(&[]);
            let read = |text: &str| Method::from_bytes(text.as_bytes()).map_err(|_| format!("`{text}` is no method"));
            let methods = word.some_arguments("a method").iter().filter_map(|value| value.read(read)).collect();
            Some(Condition::Method(methods))
        }
        "client" => {
            word.properties(&[]);
            let networks =
                word.some_arguments("a network").iter().filter_map(|value| value.read(Network::parse)).collect();
            Some(Condition::Client(networks))
        }
        kind => {
            word.properties(&["present", "begins", "contains"]);
            word.at_most(2);
            let arguments = word.some_arguments("a name");
            let name = arguments.first()?;
            let test = test(word)?;
            if kind == "field" {
                Some(Condition::Field(name.read(field_name)?, test))
            } else {
                Some(Condition::Query(name.text()?.to_owned(), test))
            }
        }
    }
}

fn test(word: &Word<'_>) -> Option<Test> {
    let value = word.arguments().get(1).copied();
    let said = [value, word.property("present"), word.property("begins"), word.property("contains")];
    let count = said.iter().flatten().count();
    if count > 1 {
        word.wrong(format!("`{}` has one test: a value, present, begins or contains", word.name()));
        return None;
    }
    Some(match said {
        [Some(value), ..] => Test::Is(value.text()?.to_owned()),
        [_, Some(present), ..] => {
            if present.bool()? {
                Test::Present
            } else {
                Test::Absent
            }
        }
        [_, _, Some(begins), _] => Test::Begins(begins.text()?.to_owned()),
        [_, _, _, Some(contains)] => Test::Contains(contains.text()?.to_owned()),
        _ => Test::Present,
    })
}
