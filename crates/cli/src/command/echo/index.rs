//! The page that describes every endpoint.

use std::fmt::Write;

use http::{HeaderValue, header};
use wirelight_semantics::negotiate;
use wirelight_service::{Response, Trail};

use super::arrived::Arrived;
use super::endpoint::ENDPOINTS;
use super::{content, known};

/// The page without its rows.
const PAGE: &str = include_str!("index.html");
/// Where the rows go.
const ROWS: &str = "<!-- rows -->";

/// Whether whoever asks for `/` is a browser, going by what it accepts; everybody else gets the echo there too.
pub(crate) fn is_wanted(arrived: &Arrived, trail: &Trail) -> bool {
    let available = [known("application/json"), known("text/plain"), known("text/html")];
    let choice = negotiate::media_type(&arrived.head.headers, &available);
    let wanted = choice.chosen() == Some(&available[2]);
    if wanted {
        trail.note(choice);
    }
    wanted
}

/// The page, made from the table.
pub(crate) fn page() -> Response {
    let mut rows = String::new();
    for endpoint in ENDPOINTS {
        let target = endpoint.example.replace('&', "&amp;");
        let (path, says) = (endpoint.path, endpoint.says);
        let row = format_args!("<tr><td><a href=\"{target}\"><code>{path}</code></a></td><td>{says}</td></tr>\n");
        rows.write_fmt(row).expect("a String takes all text");
    }
    let mut response = content(PAGE.replace(ROWS, &rows), "text/html; charset=utf-8");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'";
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    fields.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
