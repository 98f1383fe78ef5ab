//! The words at the top of a config.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use http::Uri;
use kdl::KdlDocument;

use super::fault::Fault;
use super::log;
use super::plan::{AccessLog, Admin, Inspector, Plan, Tracing, Upstream};
use super::site::Sites;
use super::upstream::{self, field_name};
use super::value::{Network, address, size};
use super::word::{Noted, Word, among, once};

const WORDS: [&str; 7] = ["access-log", "admin", "inspector", "tracing", "trust", "upstream", "site"];

/// What the words of the whole file share.
pub(super) struct Scope<'a> {
    /// What paths in the file are relative to.
    pub(super) folder: &'a Path,
    /// The groups of servers that have a name.
    pub(super) upstreams: Vec<Arc<Upstream>>,
    /// The access logs that were read so far.
    pub(super) logs: RefCell<Vec<AccessLog>>,
}

/// Reads the whole file; what is wrong is noted, and left out.
pub(super) fn plan(document: &KdlDocument, folder: &Path, noted: &Noted) -> Plan {
    let words = among(document.nodes(), noted, &WORDS, "at the top of a config");
    let mut plan = Plan::default();
    let mut scope = Scope { folder, upstreams: Vec::new(), logs: RefCell::default() };
    for word in words.iter().filter(|word| word.name() == "upstream") {
        let Some(read) = upstream::named(word, folder) else { continue };
        if scope.upstreams.iter().any(|known| known.name == read.name) {
            word.wrong(format!("there are two upstreams `{}`", read.name));
            continue;
        }
        scope.upstreams.push(Arc::new(read));
    }
    plan.access_log = once(&words, "access-log").and_then(|word| log::of_all(&word, &scope));
    plan.admin = once(&words, "admin").and_then(|word| admin(&word));
    plan.inspector = once(&words, "inspector").and_then(|word| inspector(&word));
    plan.tracing = once(&words, "tracing").and_then(|word| tracing(&word));
    if let Some(word) = once(&words, "trust") {
        plan.trusted = trust(&word);
    }
    let mut sites = Sites::default();
    for word in words.iter().filter(|word| word.name() == "site") {
        sites.read(word, &scope);
    }
    if sites.sites.is_empty() && noted.is_empty() {
        let fault = Fault::new(0..0, "there is no site in this config");
        noted.fault(fault.help("the smallest is: site default { listen \":8080\"; route { files \".\" } }"));
    }
    for known in &scope.upstreams {
        let is_used = sites.proxies().any(|proxy| Arc::ptr_eq(&proxy.upstream, known));
        let word = words.iter().find(|word| word.name() == "upstream" && names(word, &known.name));
        if let (false, Some(word)) = (is_used, word) {
            word.wrong(format!("nothing is forwarded to the upstream `{}`", known.name));
        }
    }
    plan.upstreams = sites.upstreams(&scope);
    plan.listeners = sites.listeners;
    plan.sites = sites.sites;
    plan
}

fn names(word: &Word<'_>, name: &str) -> bool {
    word.arguments().first().is_some_and(|first| first.shown() == name)
}

fn inspector(word: &Word<'_>) -> Option<Inspector> {
    word.properties(&["exchanges", "memory"]);
    word.at_most(1);
    let address = match word.arguments().first() {
        Some(value) => {
            let address = value.read(address)?;
            // Whoever sees exchanges sees what is in them: other machines are let in only where that is said.
            let local = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port());
            Some(if value.text()?.starts_with(':') { local } else { address })
        }
        None => None,
    };
    let exchanges_max = match word.property("exchanges") {
        Some(value) => value.number(1, 10_000_000)?,
        None => 10_000,
    };
    let memory_max_bytes = match word.property("memory") {
        Some(value) => value.read(size)?,
        None => 64 << 20,
    };
    let hides = word.children(&["hide"]);
    let names = hides.iter().flat_map(|hide| hide.some_arguments("the name of a field, such as \"x-api-key\""));
    let hidden_fields = names.map(|name| name.read(field_name)).collect::<Option<_>>()?;
    Some(Inspector { address, exchanges_max, memory_max_bytes, hidden_fields })
}

fn tracing(word: &Word<'_>) -> Option<Tracing> {
    word.at_most(0);
    word.no_block();
    word.properties(&["collector", "field", "sample", "service"]);
    let collector = match word.property("collector") {
        Some(value) => Some(value.read(collector)?),
        None => None,
    };
    let field = match word.property("field") {
        Some(value) => Some(value.read(field_name)?),
        None => None,
    };
    let sample_percent = match word.property("sample") {
        Some(value) => u32::try_from(value.number(0, 100)?).ok()?,
        None => 100,
    };
    let service = match word.property("service") {
        Some(value) => value.text()?.to_owned(),
        None => "wirelight".to_owned(),
    };
    Some(Tracing { collector, field, sample_percent, service })
}

/// The URL that spans are sent to; one without a path is a collector's root.
fn collector(text: &str) -> Result<Uri, String> {
    let wrong = || format!("`{text}` is no collector such as http://127.0.0.1:4318");
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    match uri.path() {
        "" | "/" => format!("{}/v1/traces", text.trim_end_matches('/')).parse().map_err(|_| wrong()),
        _ => Ok(uri),
    }
}

fn admin(word: &Word<'_>) -> Option<Admin> {
    word.properties(&["token"]);
    word.no_block();
    let value = word.argument("an address of this machine, such as \"127.0.0.1:9180\"")?;
    let address = value.read(address)?;
    if !address.ip().is_loopback() {
        value.wrong("the admin listener is for this machine alone", "use 127.0.0.1 or [::1]");
        return None;
    }
    let token = match word.property("token") {
        Some(token) => Some(token.text()?.to_owned()),
        None => None,
    };
    Some(Admin { address, token })
}

fn trust(word: &Word<'_>) -> Vec<Network> {
    word.properties(&[]);
    word.no_block();
    word.some_arguments("a network").iter().filter_map(|value| value.read(Network::parse)).collect()
}
