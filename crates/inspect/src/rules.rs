//! Rules as the page shows them: where each is written, and those that have decided something.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use wirelight_semantics::decision;

use crate::view::Rule;

/// The rules that have been shown, by name.
#[derive(Debug, Default)]
pub(crate) struct Rules(Mutex<BTreeMap<&'static str, &'static decision::Rule>>);

impl Rules {
    /// Remembers a rule and shows it.
    pub(crate) fn show(&self, rule: &'static decision::Rule) -> Rule {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(rule.name).or_insert(rule);
        shown(rule)
    }

    /// All that are known.
    pub(crate) fn all(&self) -> Vec<Rule> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().map(|rule| shown(rule)).collect()
    }
}

fn shown(rule: &decision::Rule) -> Rule {
    Rule {
        name: rule.name.to_owned(),
        section: rule.section.to_owned(),
        says: rule.says.to_owned(),
        link: format!("/#/rules/{}", rule.name),
        url: url(rule.section),
    }
}

/// Where a section can be read: `RFC 9110, section 13.1.2`, or a part of the Fetch standard.
fn url(section: &str) -> Option<String> {
    if let Some(rest) = section.strip_prefix("RFC ") {
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let part = rest.split_once("section ").map(|(_, part)| {
            let part: String = part.chars().take_while(|char| char.is_ascii_digit() || *char == '.').collect();
            format!("#section-{}", part.trim_end_matches('.'))
        });
        return Some(format!("https://www.rfc-editor.org/rfc/rfc{number}{}", part.unwrap_or_default()));
    }
    section.starts_with("Fetch").then(|| "https://fetch.spec.whatwg.org/".to_owned())
}

/// The document that a section is of.
pub(crate) fn document(section: &str) -> &str {
    section.split(',').next().unwrap_or(section)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_their_places() {
        for (section, expected) in [
            ("RFC 9110, section 13.1.2", Some("https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2")),
            ("RFC 9112", Some("https://www.rfc-editor.org/rfc/rfc9112")),
            ("RFC 9112, sections 6.3 and 8", Some("https://www.rfc-editor.org/rfc/rfc9112")),
            ("Fetch, CORS-preflight fetch", Some("https://fetch.spec.whatwg.org/")),
            ("a limit of ours", None),
        ] {
            assert_eq!(url(section).as_deref(), expected, "{section}");
        }
    }
}
