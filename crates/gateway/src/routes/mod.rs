//! Which site and which route take a request, and why those before them did not: pure functions on a plan.

mod decision;
pub(crate) mod target;

use std::net::IpAddr;

use http::{HeaderMap, Method, Uri};
use wirelight_semantics::decision::Shown;
use wirelight_semantics::fields;
use wirelight_server::Pattern;

use crate::config::plan::{Condition, Plan, Route, Site, Test};

pub use decision::{Passed, Routed, Sited};
pub use target::{Matched, expand};

/// What routes are chosen by.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub target: &'a Uri,
    /// The fields.
    pub fields: &'a HeaderMap,
    /// The client's address, where it has one.
    pub client: Option<IpAddr>,
}

/// The first site on a listener that is for a host, which is given in small letters and without a port.
pub fn site(plan: &Plan, listener: usize, host: &str) -> Option<usize> {
    let takes = |site: &Site| site.listeners.contains(&listener) && site.hosts.iter().any(|known| known.matches(host));
    plan.sites.iter().position(takes)
}

/// The first route whose conditions all hold, with the pattern of it that matched.
pub fn route<'a>(site: &'a Site, facts: &Facts<'_>) -> Option<(usize, Option<&'a Pattern>)> {
    site.routes.iter().enumerate().find_map(|(index, route)| {
        let holds = route.conditions.iter().all(|condition| holds(condition, facts));
        holds.then(|| (index, matching(route, facts)))
    })
}

/// Whether the path breaks the grammar of percent-encoding, and at which byte.
pub fn malformed(target: &Uri) -> Option<usize> {
    wirelight_server::pattern::malformed(target.path())
}

fn matching<'a>(route: &'a Route, facts: &Facts<'_>) -> Option<&'a Pattern> {
    route.conditions.iter().find_map(|condition| match condition {
        Condition::Path(patterns) => patterns.iter().find(|pattern| pattern.judge(facts.target.path()).is_ok()),
        _ => None,
    })
}

fn holds(condition: &Condition, facts: &Facts<'_>) -> bool {
    match condition {
        Condition::Path(patterns) => patterns.iter().any(|pattern| pattern.judge(facts.target.path()).is_ok()),
        Condition::Method(methods) => methods.contains(facts.method),
        Condition::Field(name, test) => {
            let value = fields::combined(facts.fields, name);
            passes(test, value.as_ref().map(|value| value.as_bytes()))
        }
        Condition::Query(name, test) => passes(test, parameter(facts.target, name).as_deref()),
        Condition::Client(networks) => {
            facts.client.is_some_and(|client| networks.iter().any(|network| network.contains(client)))
        }
    }
}

fn passes(test: &Test, value: Option<&[u8]>) -> bool {
    match (test, value) {
        (Test::Absent, value) => value.is_none(),
        (Test::Present, value) => value.is_some(),
        (_, None) => false,
        (Test::Is(wanted), Some(value)) => value == wanted.as_bytes(),
        (Test::Begins(wanted), Some(value)) => value.starts_with(wanted.as_bytes()),
        (Test::Contains(wanted), Some(value)) => memchr::memmem::find(value, wanted.as_bytes()).is_some(),
    }
}

/// The first value of a parameter of the query, decoded as forms write it; without an equals sign it is empty.
fn parameter(target: &Uri, name: &str) -> Option<Vec<u8>> {
    let query = target.query()?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key) == name.as_bytes()).then(|| decoded(value))
    })
}

fn decoded(text: &str) -> Vec<u8> {
    let spaced: Vec<u8> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&spaced).collect()
}

/// Why a condition does not hold, in words without a full stop; nothing if it does.
pub fn failure(condition: &Condition, facts: &Facts<'_>) -> Option<String> {
    if holds(condition, facts) {
        return None;
    }
    let path = facts.target.path();
    Some(match condition {
        Condition::Path(patterns) => {
            let nearest = patterns.iter().filter_map(|pattern| Some((pattern, pattern.judge(path).err()?)));
            match nearest.max_by_key(|(_, mismatch)| mismatch.segment) {
                Some((pattern, mismatch)) => format!("path {pattern}: {}", mismatch.explain(pattern, path)),
                None => "it has no pattern".to_owned(),
            }
        }
        Condition::Method(_) => format!("{condition}: the method is {}", facts.method),
        Condition::Field(name, _) => match fields::combined(facts.fields, name) {
            Some(value) => format!("{condition}: its value is \"{}\"", Shown(value.as_bytes())),
            None => format!("{condition}: there is no such field"),
        },
        Condition::Query(name, _) => match parameter(facts.target, name) {
            Some(value) => format!("{condition}: its value is \"{}\"", Shown(&value)),
            None => format!("{condition}: there is no such parameter"),
        },
        Condition::Client(_) => match facts.client {
            Some(client) => format!("{condition}: the client is {client}"),
            None => format!("{condition}: the client has no address"),
        },
    })
}

/// Why each of the routes before `until` did not take a request: the first of its conditions that failed.
pub fn passed(site: &Site, until: usize, facts: &Facts<'_>) -> Vec<Passed> {
    let before = site.routes.iter().take(until);
    let failed = before.filter_map(|route| {
        let because = route.conditions.iter().find_map(|condition| failure(condition, facts))?;
        Some(Passed { route: route.name.clone(), because })
    });
    failed.collect()
}

/// The methods of the routes that would have taken a request but for its method.
pub fn allowed(site: &Site, facts: &Facts<'_>) -> Vec<Method> {
    let mut allowed: Vec<Method> = Vec::new();
    for route in site.routes.iter().filter(|route| is_for_other_methods(route, facts)) {
        for condition in &route.conditions {
            if let Condition::Method(methods) = condition {
                allowed.extend(methods.iter().filter(|method| !allowed.contains(method)).cloned().collect::<Vec<_>>());
            }
        }
    }
    allowed
}

/// Whether a route would have taken a request but for its method.
pub fn is_for_other_methods(route: &Route, facts: &Facts<'_>) -> bool {
    let is_method = |condition: &Condition| matches!(condition, Condition::Method(_));
    route.conditions.iter().any(is_method)
        && route.conditions.iter().all(|condition| is_method(condition) || holds(condition, facts))
}
