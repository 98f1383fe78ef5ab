//! A decision is data: what was decided, by which rule, for what cause, and what would have changed it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A rule that decides something, and where it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    /// A short stable name in kebab case, e.g. `"range-not-satisfiable"`.
    pub name: &'static str,
    /// The document and section, e.g. `"RFC 9110, section 15.5.17"`.
    pub section: &'static str,
    /// What the rule says, in one plain sentence.
    pub says: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.section)
    }
}

/// One thing decided about one exchange, with its cause and what would have changed it.
///
/// Implemented by every enum that a judging function returns, so that nothing decides silently.
pub trait Decision: Any + fmt::Debug + Send + Sync {
    /// The rule this decision rests on.
    fn rule(&self) -> &'static Rule;
    /// What was decided, in a few words: `"304 Not Modified"`, `"sent as it is"`.
    fn outcome(&self) -> Cow<'static, str>;
    /// Why, with the values that were compared, in one sentence without a full stop.
    fn because(&self) -> Cow<'static, str>;
    /// What would have changed the outcome, if anything under anybody's control would have.
    fn otherwise(&self) -> Option<Cow<'static, str>> {
        None
    }
    /// The setting that led to the outcome, by its name in a configuration: `queue`, `methods`.
    fn setting(&self) -> Option<&'static str> {
        None
    }
    /// What was decided, as it was noted, where this only says more about it.
    fn inner(&self) -> Option<&dyn Decision> {
        None
    }
    /// Whether something that was asked for was refused: the log prefers such decisions.
    fn declines(&self) -> bool {
        false
    }
}

/// Bytes of a message, shown inside a sentence: on one line, in ASCII, and cut after [`SHOWN_MAX`] bytes.
///
/// Whoever reads a sentence about a message may read it on a terminal, so no byte of the message may act there.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a [u8]);

/// How many bytes of a value [`Shown`] shows.
pub const SHOWN_MAX: usize = 120;

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_MAX).unwrap_or(self.0);
        for &byte in shown {
            match byte {
                b' '..=b'~' => fmt::Write::write_char(f, byte.into())?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        if shown.len() < self.0.len() { write!(f, "... ({} bytes)", self.0.len()) } else { Ok(()) }
    }
}

/// A clause of a decision as a sentence: with a capital and a full stop.
pub fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}

impl Decision for Box<dyn Decision> {
    fn rule(&self) -> &'static Rule {
        (**self).rule()
    }

    fn outcome(&self) -> Cow<'static, str> {
        (**self).outcome()
    }

    fn because(&self) -> Cow<'static, str> {
        (**self).because()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        (**self).otherwise()
    }

    fn setting(&self) -> Option<&'static str> {
        (**self).setting()
    }

    fn inner(&self) -> Option<&dyn Decision> {
        (**self).inner()
    }

    fn declines(&self) -> bool {
        (**self).declines()
    }
}

/// The same decision for many exchanges.
impl Decision for Arc<dyn Decision> {
    fn rule(&self) -> &'static Rule {
        (**self).rule()
    }

    fn outcome(&self) -> Cow<'static, str> {
        (**self).outcome()
    }

    fn because(&self) -> Cow<'static, str> {
        (**self).because()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        (**self).otherwise()
    }

    fn setting(&self) -> Option<&'static str> {
        (**self).setting()
    }

    fn inner(&self) -> Option<&dyn Decision> {
        (**self).inner().or(Some(&**self))
    }

    fn declines(&self) -> bool {
        (**self).declines()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_prints_its_name_and_section() {
        let rule = Rule { name: "token", section: "RFC 9110, section 5.6.2", says: "Tokens are short." };
        assert_eq!(rule.to_string(), "token (RFC 9110, section 5.6.2)");
    }

    #[test]
    fn shown_bytes_stay_on_their_line() {
        assert_eq!(Shown(b"a\r\n\x1b[2J\xff \"b\"").to_string(), "a\\x0d\\x0a\\x1b[2J\\xff \"b\"");
        let long = [b'x'; SHOWN_MAX + 1];
        assert!(Shown(&long).to_string().ends_with("x... (121 bytes)"));
        assert!(Shown(&long[1..]).to_string().ends_with('x'));
    }
}
