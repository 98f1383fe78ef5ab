//! Troubles of the server behind: it is gone, silent, lying, or speaks something else.

use super::upstream::Upstream;
use super::{Cure, Trouble, go_through};

const PROXY: &str = "route { proxy \"http://{upstream}\"; }\n";
const FINE: Upstream = Upstream::Says("HTTP/1.1 200 OK\ncontent-length: 4\n\nfine");

fn trouble(
    name: &'static str,
    upstream: Upstream,
    answer: (u16, &'static str),
    says: &'static [&'static str],
) -> Trouble {
    Trouble {
        name,
        site: PROXY,
        upstream: Some(upstream),
        request: "GET / HTTP/1.1",
        answer,
        says,
        cure: Cure::Upstream(FINE),
        then: (200, "fine"),
    }
}

#[test]
fn servers_behind() {
    go_through(vec![
        trouble("nothing listens there", Upstream::Gone, (502, "HTTP"), &["refused it: nothing listens there"]),
        trouble("it closes without a word", Upstream::Closes, (502, "HTTP"), &["closed"]),
        trouble(
            "it speaks something else",
            Upstream::Says("220 mail.example ESMTP\n\n"),
            (502, "HTTP"),
            &["at byte 0"],
        ),
        trouble(
            "its answer ends early",
            Upstream::Says("HTTP/1.1 200 OK\ncontent-length: 100\n\nshort"),
            (200, "short"),
            &["the connection ended before the content did at byte ", "The response broke off"],
        ),
        trouble("its head ends early", Upstream::Says("HTTP/1.1 200 OK\ncontent-le"), (502, "HTTP"), &["closed"]),
        trouble(
            "it says two lengths",
            Upstream::Says("HTTP/1.1 200 OK\ncontent-length: 4\ncontent-length: 5\n\nfine"),
            (502, "HTTP"),
            &["Content-Length"],
        ),
        trouble(
            "it chunks wrongly",
            Upstream::Says("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n\nzz\n"),
            (200, "HTTP"),
            &["chunk"],
        ),
        trouble(
            "it switches to what nobody asked for",
            Upstream::Says("HTTP/1.1 101 Switching Protocols\nconnection: upgrade\nupgrade: other\n\n"),
            (502, "HTTP"),
            &["101"],
        ),
        Trouble {
            site: "upstream \"slow\" { server \"http://{upstream}\"; timeout answer=\"200ms\"; retry attempts=1; }\n\
                   site default {\n    listen \"127.0.0.1:0\"\n    route { proxy \"slow\"; }\n}\n",
            ..trouble(
                "it never answers",
                Upstream::Waits,
                (504, "HTTP"),
                &["no answer came in 200ms", "`answer` at line 1 of "],
            )
        },
        Trouble {
            site: "route { timeout answer=\"200ms\"; proxy \"http://{upstream}\"; }\n",
            ..trouble(
                "the route has less patience than the server",
                Upstream::Waits,
                (503, "HTTP"),
                &["200ms", "`answer` at line 3 of "],
            )
        },
        Trouble {
            request: "POST / HTTP/1.1\n\nonce",
            ..trouble(
                "what might be done twice is not tried again",
                Upstream::Closes,
                (502, "HTTP"),
                &["the request had left, and its method is not idempotent"],
            )
        },
        Trouble {
            request: "POST / HTTP/1.1\n\nonce",
            cure: Cure::Request("POST", "PUT"),
            ..trouble(
                "a connection that is closed just as it is used again",
                Upstream::Races,
                (502, "HTTP"),
                &["its method is not idempotent", "n idempotent method, such as PUT, would have been tried again"],
            )
        },
        Trouble {
            request: "POST / HTTP/1.1\nhost: a\nconnection: close\ncontent-length: 10\n\nshort|",
            cure: Cure::Request("content-length: 10", "content-length: 5"),
            ..trouble(
                "a client that promises more than it sends",
                FINE,
                (400, "HTTP"),
                &["the connection ended before the content did at byte "],
            )
        },
        Trouble {
            site: "route { forward-auth \"http://{upstream}/verify\"; respond \"fine\"; }\n",
            ..trouble(
                "another service says no",
                Upstream::Says("HTTP/1.1 403 Forbidden\ncontent-length: 2\n\nno"),
                (403, "no"),
                &["403"],
            )
        },
        Trouble {
            site: "route { forward-auth \"http://{upstream}/verify\"; respond \"fine\"; }\n",
            ..trouble("another service cannot be asked", Upstream::Gone, (502, "HTTP"), &["refused"])
        },
    ]);
}
