//! Text with places that a request fills in: `/new/{rest}{query}`.

use wirelight_server::Pattern;

use super::nearest::nearest;
use super::plan::{Piece, Template};

impl Template {
    /// Reads a template; `known` are the parameters that may stand in it besides `path`, `query` and `host`.
    pub fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            if open > 0 {
                pieces.push(Piece::Text(rest[..open].to_owned()));
            }
            let Some(close) = rest[open..].find('}') else { return Err(format!("`{text}`: a brace is not closed")) };
            let name = &rest[open + 1..open + close];
            pieces.push(match name {
                "path" => Piece::Path,
                "query" => Piece::Query,
                "host" => Piece::Host,
                name if known.contains(&name) => Piece::Parameter(name.to_owned()),
                name => return Err(unknown(name, known)),
            });
            rest = &rest[open + close + 1..];
        }
        if rest.contains('}') {
            return Err(format!("`{text}`: a brace is closed that was not opened"));
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if text.is_empty() || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) || !text.is_ascii() {
            return Err(
                "a target holds no spaces and only ASCII: write other characters as %20 and the like".to_owned()
            );
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

fn unknown(name: &str, known: &[&str]) -> String {
    let all = known.iter().copied().chain(["path", "query", "host"]);
    match nearest(name, all.clone()) {
        Some(meant) => format!("no parameter of this route is called `{name}`; did you mean `{meant}`?"),
        None => {
            format!("no parameter of this route is called `{name}`; there are: {}", all.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The names of the parameters that every one of the patterns has.
pub(super) fn parameters(patterns: &[Pattern]) -> Vec<&str> {
    let Some((first, others)) = patterns.split_first() else { return Vec::new() };
    let has = |pattern: &Pattern, name: &str| pattern.segments().iter().any(|segment| segment.name() == Some(name));
    let names = first.segments().iter().filter_map(|segment| segment.name());
    names.filter(|name| others.iter().all(|pattern| has(pattern, name))).collect()
}
