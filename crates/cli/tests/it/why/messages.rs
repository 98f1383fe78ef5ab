//! Troubles that a message makes: bytes that could be read in two ways, and messages beyond a limit.

use super::{Cure, Trouble, go_through};

const SITE: &str = "route { respond \"ok\"; }\n";

fn trouble(
    name: &'static str,
    request: &'static str,
    status: u16,
    says: &'static [&'static str],
    cure: (&'static str, &'static str),
) -> Trouble {
    let cure = Cure::Request(cure.0, cure.1);
    Trouble { name, site: SITE, upstream: None, request, answer: (status, "HTTP"), says, cure, then: (200, "ok") }
}

#[test]
fn framing() {
    go_through(vec![
        trouble(
            "two ways to say where the content ends",
            "POST / HTTP/1.1\nhost: a\nconnection: close\ncontent-length: 5\ntransfer-encoding: chunked\n\n0\n\n|",
            400,
            &["Transfer-Encoding and Content-Length came together"],
            ("content-length: 5\n", ""),
        ),
        trouble(
            "two lengths",
            "POST / HTTP/1.1\nhost: a\nconnection: close\ncontent-length: 1\ncontent-length: 2\n\nab|",
            400,
            &["Content-Length"],
            ("content-length: 1\n", ""),
        ),
        trouble(
            "a length that is no number",
            "POST / HTTP/1.1\nhost: a\nconnection: close\ncontent-length: +1\n\na|",
            400,
            &["Content-Length"],
            ("+1", "1"),
        ),
        trouble(
            "no host",
            "GET / HTTP/1.1\nconnection: close\n\n|",
            400,
            &["Host"],
            ("\nconnection", "\nhost: a\nconnection"),
        ),
        trouble(
            "two hosts",
            "GET / HTTP/1.1\nhost: a\nhost: b\nconnection: close\n\n|",
            400,
            &["Host"],
            ("host: b\n", ""),
        ),
        trouble(
            "a space before the colon",
            "GET / HTTP/1.1\nhost: a\nx : y\nconnection: close\n\n|",
            400,
            &["at byte"],
            ("x :", "x:"),
        ),
        trouble(
            "a line that is folded",
            "GET / HTTP/1.1\nhost: a\nx: y\n z\nconnection: close\n\n|",
            400,
            &["at byte"],
            ("\n z", ""),
        ),
        trouble(
            "a coding that nobody knows",
            "POST / HTTP/1.1\nhost: a\nconnection: close\ntransfer-encoding: gzip, chunked\n\n0\n\n|",
            501,
            &["a transfer coding other than chunked is not understood at byte "],
            ("gzip, ", ""),
        ),
        trouble(
            "a version that is not spoken",
            "GET / HTTP/3.1\nhost: a\nconnection: close\n\n|",
            505,
            &["HTTP/3.1"],
            ("HTTP/3.1", "HTTP/1.1"),
        ),
        trouble(
            "a head that is too long",
            long("GET / HTTP/1.1\nhost: a\nconnection: close\nx: {}\n\n|", 70_000),
            431,
            &["bytes"],
            (long("x: {}", 70_000), "x: short"),
        ),
        trouble(
            "a target that is too long",
            long("GET /{} HTTP/1.1\nhost: a\nconnection: close\n\n|", 20_000),
            414,
            &["bytes"],
            (long("/{}", 20_000), "/short"),
        ),
    ]);
}

/// A text with so many letters in it; it is kept until the end of the tests.
fn long(text: &str, letters: usize) -> &'static str {
    text.replace("{}", &"a".repeat(letters)).leak()
}
