//! The frame of the pages that we write ourselves: one embedded stylesheet, light and dark, and no script.

use std::borrow::Cow;

use http::HeaderValue;

const STYLE: &str = include_str!("page.css");

/// The value of `Content-Security-Policy` for a page: its own stylesheet, by its hash, and nothing else.
pub(super) const SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'sha256-OueDUYqtD7XwsF+SgogHGGiB1C44V1xQZP7Mlmpu9b4='; base-uri 'none'; form-action 'none'",
);

/// Appends everything up to the content of a page; the title is escaped here.
pub(super) fn begin(page: &mut String, title: &str) {
    page.push_str(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>",
    );
    page.push_str(&escaped(title));
    page.push_str("</title>\n<style>");
    page.push_str(STYLE);
    page.push_str("</style>\n</head>\n<body>\n<main>\n");
}

/// Appends everything after the content of a page.
pub(super) fn end(page: &mut String) {
    page.push_str("</main>\n</body>\n</html>\n");
}

/// Text as it may stand in a page and in the attributes of its elements.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['<', '>', '&', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            char => escaped.push(char),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_allows_the_stylesheet_as_it_is() {
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE));
        assert!(
            SECURITY_POLICY.to_str().unwrap().contains(&format!("'sha256-{hash}'")),
            "the stylesheet's hash is {hash}"
        );
    }
}
