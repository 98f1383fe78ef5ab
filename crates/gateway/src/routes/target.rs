//! What a template becomes for one request.

use http::Uri;
use http::uri::PathAndQuery;
use wirelight_server::Pattern;

use crate::config::plan::{Piece, Template};

/// What a route matched: the pattern, and the target as it was then. A request carries it as an extension.
#[derive(Debug, Clone)]
pub struct Matched {
    /// The pattern; none where the route is for every path.
    pub pattern: Option<Pattern>,
    /// The target as it was.
    pub target: Uri,
    /// The host that was asked for, without its port.
    pub host: String,
}

/// Fills a template in.
///
/// A template that leads to a path never leads to another host, whatever stands in the request: slashes and backslashes
/// at its front are one slash.
pub fn expand(template: &Template, matched: &Matched) -> String {
    let path = matched.target.path();
    let mut expanded = String::new();
    for piece in &template.pieces {
        match piece {
            Piece::Text(text) => expanded.push_str(text),
            Piece::Path => expanded.push_str(path),
            Piece::Host => expanded.push_str(&matched.host),
            Piece::Parameter(name) => {
                let pattern = matched.pattern.as_ref();
                expanded.push_str(pattern.and_then(|pattern| pattern.raw(name, path)).unwrap_or_default());
            }
            Piece::Query => {
                if let Some(query) = matched.target.query() {
                    expanded.push(if expanded.contains('?') { '&' } else { '?' });
                    expanded.push_str(query);
                }
            }
        }
    }
    let leads_to_path = template.text.starts_with('/') && !template.text.starts_with("//");
    if leads_to_path || template.text.starts_with("{path}") {
        let bare = expanded.trim_start_matches(['/', '\\']);
        return format!("/{bare}");
    }
    expanded
}

/// The target with another path; the query stays where the new path has none.
pub(crate) fn rewritten(target: &Uri, path: &str) -> Option<Uri> {
    let mut parts = target.clone().into_parts();
    let path_and_query = match target.query() {
        Some(query) if !path.contains('?') => format!("{path}?{query}"),
        _ => path.to_owned(),
    };
    parts.path_and_query = Some(path_and_query.parse::<PathAndQuery>().ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_in_and_lead_nowhere_else() {
        for (pattern, template, target, expected) in [
            ("/old/{rest}", "/new/{rest}", "/old/a%20b", "/new/a%20b"),
            ("/old/{*rest}", "/{rest}{query}", "/old/a/b?c=d", "/a/b?c=d"),
            ("/{*rest}", "/x?y=1{query}", "/a?z=2", "/x?y=1&z=2"),
            ("/out/{*rest}", "/{rest}", "/out//evil.test/", "/evil.test/"),
            ("/out/{*rest}", "/{rest}", "/out/%5cevil", "/%5cevil"),
            ("/{*rest}", "{path}", "//evil.test", "/evil.test"),
            ("/{*rest}", "https://{host}{path}{query}", "/a?b", "https://example.org/a?b"),
        ] {
            let pattern = Pattern::parse(pattern).unwrap();
            let names = ["rest"];
            let matched =
                Matched { pattern: Some(pattern), target: target.parse().unwrap(), host: "example.org".to_owned() };
            assert_eq!(expand(&Template::parse(template, &names).unwrap(), &matched), expected, "{template} {target}");
        }
    }

    #[test]
    fn a_rewritten_target_keeps_its_query_unless_it_has_a_new_one() {
        let target: Uri = "/a?b=c".parse().unwrap();
        assert_eq!(rewritten(&target, "/d").unwrap(), "/d?b=c");
        assert_eq!(rewritten(&target, "/d?e").unwrap(), "/d?e");
    }
}
