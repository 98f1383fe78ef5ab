//! The one reason that a line of the log ends with, and that a list shows: the one that a person wants to know, or none.

use serde_json::Value;

use super::upstream::Upstream;
use super::{Scene, record};

/// What is asked of a site, with a server behind it, and what the reason says; nothing where all went well.
struct Line(&'static str, Option<Upstream>, &'static str, u16, Option<&'static str>);

const FILES: &str = "compress \"gzip\" min=\"1KiB\"\nroute { files \"public\"; }\n";
const PROXY: &str = "route { proxy \"http://{upstream}\"; }\n";
const CORS: &str = "route { cors { origins \"https://app.example\"; }; respond \"ok\"; }\n";

#[test]
fn the_reason_that_a_person_wants() {
    let fine = Upstream::Says("HTTP/1.1 200 OK\ncontent-length: 4\n\nfine");
    let missing = Upstream::Says("HTTP/1.1 404 Not Found\ncontent-length: 2\n\nno");
    let lines = [
        Line(FILES, None, "GET /a.txt HTTP/1.1", 200, None),
        Line(FILES, None, "GET /a.txt HTTP/1.1\naccept-encoding: gzip", 200, None),
        Line(FILES, None, "GET /b.txt HTTP/1.1", 404, Some("there is nothing of that name")),
        Line(FILES, None, "GET /a.txt HTTP/1.1\nif-none-match: {tag}", 304, Some("If-None-Match lists ")),
        Line(FILES, None, "GET /docs HTTP/1.1", 308, Some("slash")),
        Line(FILES, None, "DELETE /a.txt HTTP/1.1", 405, Some("files do not know the method DELETE")),
        Line(FILES, None, "GET /a.txt HTTP/1.1\nrange: bytes=99999-", 416, Some("bytes=99999-")),
        Line(PROXY, Some(fine), "GET / HTTP/1.1", 200, None),
        Line(PROXY, Some(missing), "GET / HTTP/1.1", 404, Some("answered so at attempt 1")),
        Line(PROXY, Some(Upstream::Gone), "GET / HTTP/1.1", 502, Some("refused it: nothing listens there")),
        Line(CORS, None, "GET / HTTP/1.1\norigin: https://other.example", 200, Some("https://other.example")),
        Line(CORS, None, "GET / HTTP/1.1\norigin: https://app.example", 200, None),
        Line("route { redirect \"/new\"; }\n", None, "GET / HTTP/1.1", 308, Some("the route leads to /new")),
        Line("route { respond \"no\" status=403; }\n", None, "GET / HTTP/1.1", 403, Some("the route answers so")),
        Line(CORS, None, "GET / HTTP/1.1\nhost: a\nhost: b\n\n|", 400, Some("Host came more than once")),
    ];
    let mut faults = Vec::new();
    for Line(site, upstream, request, status, expected) in lines {
        let scene = Scene::set(site, upstream);
        let came = scene.ask(request);
        let detail = record(&scene.entrance, &scene.newest());
        let because = match &detail["summary"]["why"] {
            Value::Null => None,
            why => Some(why["because"].as_str().unwrap().to_owned()),
        };
        let is_right = match (&because, expected) {
            (Some(because), Some(expected)) => because.contains(expected),
            (because, expected) => because.is_none() && expected.is_none(),
        };
        if !is_right || !came.starts_with(&format!("HTTP/1.1 {status} ")) {
            faults.push(format!(
                "{request:?} on {site:?}: {because:?}, not {expected:?}; {}",
                came.lines().next().unwrap_or("")
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
