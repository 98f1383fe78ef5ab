//! What one plan has that another has not: a pure function on two plans.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;

use crate::config::Plan;
use crate::config::plan::{Route, Site};
use crate::config::show::Whole;

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Where connections come in.
    Listener(SocketAddr),
    /// A route of a site.
    Route(String, String),
    /// Where exchanges are logged.
    AccessLog,
    /// Where health and metrics are told.
    Admin,
    /// How traces are carried on.
    Tracing,
    /// Whose word about others is believed.
    Trust,
    /// In which order sites and routes are asked.
    Order,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listener(address) => write!(f, "listener {address}"),
            Self::Route(site, route) => write!(f, "route {route} of {site}"),
            Self::AccessLog => f.write_str("access-log"),
            Self::Admin => f.write_str("admin"),
            Self::Tracing => f.write_str("tracing"),
            Self::Trust => f.write_str("trust"),
            Self::Order => f.write_str("the order of sites and routes"),
        }
    }
}

/// What is different about a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Only the new plan has it.
    Added,
    /// Only the old plan has it.
    Removed,
    /// Both have it: the lines that only the old one and only the new one has.
    Changed(Vec<String>, Vec<String>),
}

/// A difference between two plans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub part: Part,
    /// Which.
    pub how: How,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.how {
            How::Added => write!(f, "+ {}", self.part),
            How::Removed => write!(f, "- {}", self.part),
            How::Changed(old, new) => {
                write!(f, "~ {}", self.part)?;
                old.iter().try_for_each(|line| write!(f, "\n    - {}", line.trim_start()))?;
                new.iter().try_for_each(|line| write!(f, "\n    + {}", line.trim_start()))
            }
        }
    }
}

/// How a plan differs from the one before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Everything that is different, the old plan's order first.
    pub changes: Vec<Change>,
    /// For each route of the new plan, in its order, the place of the same and unchanged route among the old one's.
    pub kept: Vec<Option<usize>>,
}

/// What tells a route from others of its plan: the hosts of its site, its name, and how many of both came before.
type Key = (String, String, usize);

/// A plan's routes, in its order, with what tells them apart.
fn keyed(plan: &Plan) -> Vec<(Key, &Site, &Route)> {
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut all = Vec::new();
    for site in &plan.sites {
        let hosts = site.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        for route in &site.routes {
            let number = seen.entry((hosts.clone(), route.name.to_string())).or_default();
            all.push(((hosts.clone(), route.name.to_string(), *number), site, route));
            *number += 1;
        }
    }
    all
}

/// How `new` differs from `old`.
pub fn difference(old: &Plan, new: &Plan) -> Difference {
    let mut changes = Vec::new();
    listeners(old, new, &mut changes);
    let kept = routes(old, new, &mut changes);
    let debug = |plan: &Plan| {
        [
            (Part::AccessLog, plan.access_log.as_ref().map(|log| format!("{log:?}"))),
            (Part::Admin, plan.admin.as_ref().map(|admin| format!("{admin:?}"))),
            (Part::Tracing, plan.tracing.as_ref().map(ToString::to_string)),
            (Part::Trust, Some(format!("{:?}", plan.trusted)).filter(|_| !plan.trusted.is_empty())),
        ]
    };
    for ((part, before), (_, after)) in debug(old).into_iter().zip(debug(new)) {
        let how = match (before, after) {
            (None, Some(_)) => How::Added,
            (Some(_), None) => How::Removed,
            (before, after) if before == after => continue,
            // A token stands in one of them, and is nobody's to read.
            _ => How::Changed(Vec::new(), Vec::new()),
        };
        changes.push(Change { part, how });
    }
    Difference { changes, kept }
}

fn listeners(old: &Plan, new: &Plan, changes: &mut Vec<Change>) {
    for listen in &old.listeners {
        let part = Part::Listener(listen.address);
        match new.listeners.iter().find(|other| other.address == listen.address) {
            None => changes.push(Change { part, how: How::Removed }),
            Some(other) if other != listen => {
                let how = How::Changed(vec![format!("{listen:?}")], vec![format!("{other:?}")]);
                changes.push(Change { part, how });
            }
            Some(_) => {}
        }
    }
    for listen in &new.listeners {
        if old.listeners.iter().all(|other| other.address != listen.address) {
            changes.push(Change { part: Part::Listener(listen.address), how: How::Added });
        }
    }
}

fn routes(old: &Plan, new: &Plan, changes: &mut Vec<Change>) -> Vec<Option<usize>> {
    let (before, after) = (keyed(old), keyed(new));
    let part = |key: &Key, site: &Site| Part::Route(site.name(), key.1.clone());
    let place_of = |key: &Key| before.iter().position(|(known, ..)| known == key);
    for (key, site, route) in &before {
        match after.iter().find(|(known, ..)| known == key) {
            None => changes.push(Change { part: part(key, site), how: How::Removed }),
            Some((_, other_site, other)) => {
                let (old, new) = (Whole(site, route).to_string(), Whole(other_site, other).to_string());
                if old != new {
                    let how = How::Changed(only(&old, &new), only(&new, &old));
                    changes.push(Change { part: part(key, site), how });
                }
            }
        }
    }
    for (key, site, _) in &after {
        if place_of(key).is_none() {
            changes.push(Change { part: part(key, site), how: How::Added });
        }
    }
    let kept = after.iter().map(|(key, site, route)| {
        let place = place_of(key)?;
        let (_, old_site, old_route) = &before[place];
        let same = Whole(site, route).to_string() == Whole(old_site, old_route).to_string();
        same.then_some(place)
    });
    let kept: Vec<_> = kept.collect();
    let common = |of: &[(Key, &Site, &Route)], other: &[(Key, &Site, &Route)]| -> Vec<Key> {
        let is_common = |key: &Key| other.iter().any(|(known, ..)| known == key);
        of.iter().map(|(key, ..)| key.clone()).filter(is_common).collect()
    };
    if common(&before, &after) != common(&after, &before) {
        changes.push(Change { part: Part::Order, how: How::Changed(Vec::new(), Vec::new()) });
    }
    kept
}

/// The lines of a text that another does not have.
fn only(text: &str, other: &str) -> Vec<String> {
    let mut left: Vec<&str> = other.lines().collect();
    let mut only = Vec::new();
    for line in text.lines() {
        match left.iter().position(|known| *known == line) {
            Some(place) => drop(left.remove(place)),
            None => only.push(line.to_owned()),
        }
    }
    only
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    fn plan(text: &str) -> Plan {
        let file = File::parse("test.kdl", text, "/".as_ref()).unwrap_or_else(|faults| panic!("{faults}"));
        file.plan().unwrap_or_else(|faults| panic!("{faults}"))
    }

    const OLD: &str = "upstream u { server \"http://127.0.0.1:1\" }\n\
        site default { listen \"127.0.0.1:1\"\n route \"/a\" name=a { proxy u }\n route \"/b\" name=b { respond b }\n }";

    #[test]
    fn a_difference_names_what_changed_and_keeps_what_did_not() {
        for (old, new, expected, kept) in [
            (OLD, OLD.to_owned(), &[][..], vec![Some(0), Some(1)]),
            (
                OLD,
                OLD.replace("respond b", "respond c"),
                &[
                    "~ route b of default\n    - respond \"b\" status=200 type=\"text/plain; charset=utf-8\"\n    + respond \"c\" status=200 type=\"text/plain; charset=utf-8\"",
                ],
                vec![Some(0), None],
            ),
            (
                OLD,
                OLD.replace("name=b", "name=c"),
                &["- route b of default", "+ route c of default"],
                vec![Some(0), None],
            ),
            (
                OLD,
                OLD.replace("http://127.0.0.1:1\"", "http://127.0.0.1:2\""),
                &[
                    "~ route a of default\n    - server \"http://127.0.0.1:1/\" weight=1\n    + server \"http://127.0.0.1:2/\" weight=1",
                ],
                vec![None, Some(1)],
            ),
            (
                OLD,
                OLD.replace("listen \"127.0.0.1:1\"", "listen \"127.0.0.1:2\""),
                &["- listener 127.0.0.1:1", "+ listener 127.0.0.1:2"],
                vec![Some(0), Some(1)],
            ),
            (
                OLD,
                OLD.replace("listen \"127.0.0.1:1\"", "listen \"127.0.0.1:1\"\n security-headers"),
                &[
                    "~ route a of default\n    + security-headers frame=\"SAMEORIGIN\" referrer=\"strict-origin-when-cross-origin\" transport=\"max-age=31536000\"",
                    "~ route b of default\n    + security-headers frame=\"SAMEORIGIN\" referrer=\"strict-origin-when-cross-origin\" transport=\"max-age=31536000\"",
                ],
                vec![None, None],
            ),
            (
                OLD,
                format!("trust \"10.0.0.0/8\"\naccess-log\nadmin \"127.0.0.1:9\" token=x\ntracing\n{OLD}"),
                &["+ access-log", "+ admin", "+ tracing", "+ trust"],
                vec![Some(0), Some(1)],
            ),
            (
                "site default { listen \"127.0.0.1:1\"\n route \"/a\" { respond }\n route \"/b\" { respond }\n }",
                "site default { listen \"127.0.0.1:1\"\n route \"/b\" { respond }\n route \"/a\" { respond }\n }"
                    .to_owned(),
                &["~ the order of sites and routes"],
                vec![Some(1), Some(0)],
            ),
        ] {
            let found = difference(&plan(old), &plan(&new));
            let told: Vec<String> = found.changes.iter().map(ToString::to_string).collect();
            assert_eq!(told, expected, "{new}");
            assert_eq!(found.kept, kept, "{new}");
        }
        let token = |token| plan(&format!("admin \"127.0.0.1:9\" token={token}\n{OLD}"));
        let told = difference(&token("old-secret"), &token("new-secret")).changes[0].to_string();
        assert_eq!(told, "~ admin", "a token is not shown");
    }
}
