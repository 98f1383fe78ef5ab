//! The words at the top of a config.

use std::path::Path;
use std::sync::Arc;

use kdl::KdlDocument;

use super::fault::Fault;
use super::plan::{AccessLog, Admin, Plan, Upstream};
use super::site::Sites;
use super::upstream;
use super::value::{Network, address};
use super::word::{Noted, Word, among, once};
use crate::access_log::Format;

const WORDS: [&str; 5] = ["access-log", "admin", "trust", "upstream", "site"];

/// What the words of the whole file share.
pub(super) struct Scope<'a> {
    /// What paths in the file are relative to.
    pub(super) folder: &'a Path,
    /// The groups of servers that have a name.
    pub(super) upstreams: Vec<Arc<Upstream>>,
}

/// Reads the whole file; what is wrong is noted, and left out.
pub(super) fn plan(document: &KdlDocument, folder: &Path, noted: &Noted) -> Plan {
    let words = among(document.nodes(), noted, &WORDS, "at the top of a config");
    let mut plan = Plan::default();
    let mut scope = Scope { folder, upstreams: Vec::new() };
    for word in words.iter().filter(|word| word.name() == "upstream") {
        let Some(read) = upstream::named(word) else { continue };
        if scope.upstreams.iter().any(|known| known.name == read.name) {
            word.wrong(format!("there are two upstreams `{}`", read.name));
            continue;
        }
        scope.upstreams.push(Arc::new(read));
    }
    plan.access_log = once(&words, "access-log").and_then(|word| access_log(&word, folder));
    plan.admin = once(&words, "admin").and_then(|word| admin(&word));
    if let Some(word) = once(&words, "trust") {
        plan.trusted = trust(&word);
    }
    let mut sites = Sites::default();
    for word in words.iter().filter(|word| word.name() == "site") {
        sites.read(word, &scope);
    }
    if sites.sites.is_empty() && noted.borrow().is_empty() {
        let fault = Fault::new(0..0, "there is no site in this config");
        noted
            .borrow_mut()
            .push(fault.help("the smallest is: site default { listen \":8080\"; route { files \".\" } }"));
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

fn access_log(word: &Word<'_>, folder: &Path) -> Option<AccessLog> {
    word.properties(&["format"]);
    word.no_block();
    word.at_most(1);
    let formats = [
        ("combined", Format::Combined),
        ("json", Format::Json),
        ("pretty", Format::Pretty { colors: false, decisions: false }),
    ];
    let format = match word.property("format") {
        Some(value) => value.choice("format of an access log", &formats)?,
        None => Format::Combined,
    };
    let file = match word.arguments().first() {
        Some(value) => Some(folder.join(value.text()?)),
        None => None,
    };
    Some(AccessLog { file, format })
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
