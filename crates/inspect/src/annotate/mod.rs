//! What the bytes mean: pure functions from bytes to spans.

pub(crate) mod beside;
pub(crate) mod http1;
pub(crate) mod http2;

use crate::view::Span;

/// A span that says what it is and stands for itself.
pub(crate) fn span(start: usize, length: usize, kind: &str, name: &str, says: &str, rule: &str) -> Span {
    Span {
        start,
        length,
        depth: 0,
        kind: kind.to_owned(),
        name: name.to_owned(),
        says: says.to_owned(),
        rule: (!rule.is_empty()).then(|| rule.to_owned()),
        value: None,
        redacted: false,
    }
}
