//! Where a configuration says what is done, so that a decision can name the line that made it.

use std::borrow::Cow;
use std::fmt;

use wirelight_semantics::decision::{Decision, Rule};

/// A word of a configuration file that says what is done, with its line and those of its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as whoever started us named it.
    pub file: String,
    /// The word.
    pub word: String,
    /// Its line, from 1.
    pub line: usize,
    /// What is set behind the word and in its block, each with its line.
    pub settings: Vec<(String, usize)>,
}

impl Place {
    /// Where a setting of the word stands; the word itself, where the setting is left at its default.
    pub fn of(&self, setting: Option<&str>) -> String {
        let setting = setting.filter(|setting| *setting != self.word);
        let set = setting.and_then(|setting| self.settings.iter().find(|(name, _)| name == setting));
        match (set, setting) {
            (Some((name, line)), _) => format!("`{name}` at line {line} of {}", self.file),
            (None, Some(setting)) => format!("`{setting}` of {self}"),
            (None, None) => self.to_string(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` at line {} of {}", self.word, self.line, self.file)
    }
}

/// A decision that a configuration led to.
#[derive(Debug)]
pub(crate) struct Placed<D> {
    pub(crate) decision: D,
    pub(crate) place: std::sync::Arc<Place>,
}

impl<D: Decision> Decision for Placed<D> {
    fn rule(&self) -> &'static Rule {
        self.decision.rule()
    }

    fn outcome(&self) -> Cow<'static, str> {
        self.decision.outcome()
    }

    fn because(&self) -> Cow<'static, str> {
        self.decision.because()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        let setting = self.decision.setting();
        let otherwise = self.decision.otherwise();
        if otherwise.is_none() && setting.is_none() {
            // It was not the config that decided.
            return None;
        }
        let place = self.place.of(setting);
        Some(match otherwise {
            Some(otherwise) => format!("{otherwise} ({place})").into(),
            None => format!("{place} says so").into(),
        })
    }

    fn declines(&self) -> bool {
        self.decision.declines()
    }

    fn setting(&self) -> Option<&'static str> {
        self.decision.setting()
    }

    fn inner(&self) -> Option<&dyn Decision> {
        Some(&self.decision)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_where_it_stands_or_belongs_to_its_word() {
        let place = Place {
            file: "wirelight.kdl".to_owned(),
            word: "limit".to_owned(),
            line: 12,
            settings: vec![("queue".to_owned(), 13)],
        };
        assert_eq!(place.of(None), "`limit` at line 12 of wirelight.kdl");
        assert_eq!(place.of(Some("limit")), "`limit` at line 12 of wirelight.kdl");
        assert_eq!(place.of(Some("queue")), "`queue` at line 13 of wirelight.kdl");
        assert_eq!(place.of(Some("wait")), "`wait` of `limit` at line 12 of wirelight.kdl");
    }
}
