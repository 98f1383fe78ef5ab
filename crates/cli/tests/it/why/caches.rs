//! A cache that never hits, for each of its reasons.

use super::proxy::{CONTENT_BYTES_MAX, Proxy};
use super::{explained, replaced};
use crate::devtools::Page;

/// Two requests for the same, of which the second ought to be answered from the cache.
struct Miss {
    name: &'static str,
    /// Whether the cache serves more than one user.
    shared: bool,
    /// What the origin answers: a status, and fields.
    origin: String,
    /// Both requests; `{}` is the path.
    asked: [&'static str; 2],
    says: &'static [&'static str],
    cure: Cure,
}

/// What is changed, so that it hits.
enum Cure {
    Origin(&'static str, &'static str),
    First(&'static str, &'static str),
    Second(&'static str, &'static str),
    Both(&'static str, &'static str),
    /// The cache is one user's.
    Private,
}

const GET: &str = "GET {} HTTP/1.1";

fn miss(name: &'static str, origin: &str, says: &'static [&'static str], cure: Cure) -> Miss {
    Miss { name, shared: false, origin: origin.to_owned(), asked: [GET, GET], says, cure }
}

fn shared(name: &'static str, origin: &str, says: &'static [&'static str], cure: Cure) -> Miss {
    Miss { shared: true, ..miss(name, origin, says, cure) }
}

/// One that lies with the requests; the answer may be stored, and used for a minute.
fn asked(name: &'static str, asked: [&'static str; 2], says: &'static [&'static str], cure: Cure) -> Miss {
    Miss { asked, ..miss(name, "200\ncache-control: max-age=60\netag: \"a\"", says, cure) }
}

#[test]
fn answers_that_are_never_stored() {
    use Cure::{Both, Origin, Private};
    const AUTHORIZED: &str = "GET {} HTTP/1.1\nauthorization: Bearer me";
    go_through(vec![
        miss(
            "no-store",
            "200\ncache-control: no-store, max-age=60",
            &["Not stored in the cache: the response says no-store", "Without no-store in the response"],
            Origin("no-store, ", ""),
        ),
        Miss {
            asked: ["GET {} HTTP/1.1\ncache-control: no-store", "GET {} HTTP/1.1\ncache-control: no-store"],
            ..miss(
                "no-store in the request",
                "200\ncache-control: max-age=60",
                &["the request says no-store"],
                Both("\ncache-control: no-store", ""),
            )
        },
        shared(
            "private, and a cache for all",
            "200\ncache-control: private, max-age=60",
            &["the response says private, and this cache serves more than one user", "A cache of one user could"],
            Private,
        ),
        Miss {
            asked: [AUTHORIZED, AUTHORIZED],
            ..shared(
                "an answer to somebody who is known",
                "200\ncache-control: max-age=60",
                &["it answers a request with Authorization", "With public, s-maxage or must-revalidate"],
                Origin("max-age", "public, max-age"),
            )
        },
        shared(
            "an answer that sets a cookie",
            "200\ncache-control: max-age=60\nset-cookie: a=b",
            &["it sets a cookie, and nothing says that other users may have it", "With public or s-maxage"],
            Origin("max-age", "s-maxage"),
        ),
        miss(
            "Vary: *",
            "200\ncache-control: max-age=60\nvary: *",
            &["it says Vary: *", "A Vary that names fields"],
            Origin("vary: *", "vary: accept"),
        ),
        miss(
            "nothing says how long, and nothing can be asked about",
            "200",
            &["it is stale at once, and has neither ETag nor Last-Modified", "With a max-age above 0"],
            Origin("200", "200\ncache-control: max-age=60"),
        ),
        miss(
            "a status for which nothing is guessed",
            "302\nlocation: /",
            &["nothing says how long it is fresh, and for 302 none is guessed", "With max-age in Cache-Control"],
            Origin("302", "302\ncache-control: max-age=60"),
        ),
        miss(
            "a status that the cache does not know",
            "299\ncache-control: must-understand, max-age=60",
            &["it says must-understand, and this cache knows nothing of 299", "A status that this cache knows"],
            Origin("299", "200"),
        ),
        Miss {
            asked: ["GET {} HTTP/1.1\nrange: bytes=0-1", "GET {} HTTP/1.1\nrange: bytes=0-1"],
            ..miss(
                "a part of something",
                "206\ncache-control: max-age=60\ncontent-range: bytes 0-1/2\n\nab",
                &["206 is about a part", "A request without Range"],
                Origin("206\ncache-control: max-age=60\ncontent-range: bytes 0-1/2", "200\ncache-control: max-age=60"),
            )
        },
        Miss {
            origin: format!("200\ncache-control: max-age=60\n\n{}", "x".repeat(CONTENT_BYTES_MAX + 1)),
            ..miss(
                "content that is too long",
                "",
                &["its content of 1001 bytes is longer than the 1000 that may be stored", "`content_bytes_max`"],
                Origin("xx", "x"),
            )
        },
    ]);
}

#[test]
fn stored_answers_that_are_not_used() {
    use Cure::{Origin, Second};
    go_through(vec![
        miss(
            "max-age=0",
            "200\ncache-control: max-age=0\netag: \"a\"",
            &["max-age says 0 s"],
            Origin("max-age=0", "max-age=60"),
        ),
        miss(
            "no-cache",
            "200\ncache-control: no-cache, max-age=60\netag: \"a\"",
            &["it says no-cache", "Without no-cache in the response it could have been used"],
            Origin("no-cache, ", ""),
        ),
        miss(
            "it was old already when it came",
            "200\ncache-control: max-age=60\nage: 100\netag: \"a\"",
            &["it is 100 s old, and max-age says 60 s", "41 s sooner it would have been fresh"],
            Origin("age: 100", "age: 10"),
        ),
        miss(
            "a date that is none",
            "200\nexpires: 0\netag: \"a\"",
            &[
                "Expires cannot be read, which counts as stale",
                "A value of Expires that can be read would have counted",
            ],
            Origin("expires: 0", "cache-control: max-age=60"),
        ),
        Miss {
            asked: [GET, "GET {} HTTP/1.1\ncache-control: max-stale"],
            ..miss(
                "must-revalidate, where a stale one would do",
                "200\ncache-control: must-revalidate, max-age=60\nage: 100\netag: \"a\"",
                &["must-revalidate forbids to use it stale", "Without must-revalidate it could have been used stale"],
                Origin("must-revalidate, ", ""),
            )
        },
        Miss {
            asked: ["GET {} HTTP/1.1\nuser-agent: one", "GET {} HTTP/1.1\nuser-agent: two"],
            ..miss(
                "Vary on what changes",
                "200\ncache-control: max-age=60\nvary: user-agent",
                &["it varies by user-agent: it was made for `one`, and the request has `two`", "The same user-agent"],
                Second("two", "one"),
            )
        },
        Miss {
            asked: ["GET {} HTTP/1.1\ncookie: s=111", "GET {} HTTP/1.1\ncookie: s=222"],
            ..miss(
                "Vary on a cookie",
                "200\ncache-control: max-age=60\nvary: cookie",
                &["it varies by cookie, and the request that it was made for had another", "The same cookie"],
                Second("222", "111"),
            )
        },
    ]);
}

#[test]
fn requests_that_stored_answers_do_not_serve() {
    use Cure::{First, Second};
    go_through(vec![
        asked(
            "a reload with no-cache",
            [GET, "GET {} HTTP/1.1\ncache-control: no-cache"],
            &["the request says no-cache", "Without no-cache in the request it could have been used"],
            Second("\ncache-control: no-cache", ""),
        ),
        asked(
            "a reload with max-age=0",
            [GET, "GET {} HTTP/1.1\ncache-control: max-age=0"],
            &["the request takes one of at most 0 s", "A higher max-age in the request would have taken it"],
            Second("max-age=0", "max-age=50"),
        ),
        asked(
            "min-fresh",
            [GET, "GET {} HTTP/1.1\ncache-control: min-fresh=90"],
            &["and the request wants 90 s", "A lower min-fresh in the request would have taken it"],
            Second("90", "9"),
        ),
        asked(
            "a method of which nothing is stored",
            [GET, "POST {} HTTP/1.1\ncontent-length: 0"],
            &["The cache was passed by: it keeps no answers to POST", "The same with GET could have been answered"],
            Second("POST", "GET"),
        ),
        asked(
            "a condition that only the origin can judge",
            [GET, "GET {} HTTP/1.1\nif-match: \"a\""],
            &["the request has if-match, to which only the origin knows the answer", "Without if-match"],
            Second("\nif-match: \"a\"", ""),
        ),
        asked(
            "a number in the query that is always another",
            ["GET {}?v=1&_=1001 HTTP/1.1", "GET {}?v=1&_=1002 HTTP/1.1"],
            &["is for another query, which differs in `_`", "The same query to the last byte would have found it"],
            Second("1002", "1001"),
        ),
        asked(
            "parameters in another order",
            ["GET {}?a=1&b=2 HTTP/1.1", "GET {}?b=2&a=1 HTTP/1.1"],
            &["has the same parameters in another order"],
            First("a=1&b=2", "b=2&a=1"),
        ),
        asked(
            "only-if-cached, and nothing is",
            ["GET {}?other HTTP/1.1", "GET {} HTTP/1.1\ncache-control: only-if-cached"],
            &["the request says only-if-cached, and nothing that is stored answers it"],
            First("?other", ""),
        ),
    ]);
}

fn go_through(misses: Vec<Miss>) {
    let (proxy, mut page) = (Proxy::start(), Page::open(1280, 800));
    let faults: Vec<String> = misses
        .into_iter()
        .filter_map(|miss| {
            let name = miss.name;
            go(miss, &proxy, &mut page).err().map(|fault| format!("=== {name}: {fault}"))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn go(miss: Miss, proxy: &Proxy, page: &mut Page) -> Result<(), String> {
    let Miss { shared, origin, asked: [first, second], says, cure, .. } = miss;
    let hits = |shared: bool, origin: &str, first: &str, second: &str| {
        let path = proxy.path(shared, origin);
        proxy.ask(&first.replace("{}", &path));
        let (answer, id) = proxy.ask(&second.replace("{}", &path));
        (answer.contains("; hit"), answer, id)
    };
    let (hit, answer, id) = hits(shared, &origin, first, second);
    if hit {
        return Err(format!("it was answered from the cache:\n{answer}"));
    }
    explained(&proxy.entrance, &id, page, says)?;
    let (hit, answer, _) = match cure {
        Cure::Origin(from, to) => hits(shared, &replaced(&origin, from, to), first, second),
        Cure::First(from, to) => hits(shared, &origin, &replaced(first, from, to), second),
        Cure::Second(from, to) => hits(shared, &origin, first, &replaced(second, from, to)),
        Cure::Both(from, to) => hits(shared, &origin, &replaced(first, from, to), &replaced(second, from, to)),
        Cure::Private => hits(false, &origin, first, second),
    };
    if hit { Ok(()) } else { Err(format!("cured, it is not answered from the cache either:\n{answer}")) }
}
