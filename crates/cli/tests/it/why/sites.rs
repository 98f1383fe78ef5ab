//! Troubles that a site's own config makes: origins, routes, hosts, limits, codings, users.

use super::{Cure, Trouble, go_through};

const CORS: &str = "route \"/api\" {
    cors {
        origins \"https://app.example\"
        methods \"GET\"
        fields \"X-Known\"
    }
    respond \"ok\"
}
";
const PREFLIGHT: &str = "OPTIONS /api HTTP/1.1\norigin: https://app.example\naccess-control-request-method: GET";

fn trouble(
    name: &'static str,
    site: &'static str,
    request: &'static str,
    answer: (u16, &'static str),
    says: &'static [&'static str],
    cure: Cure,
    then: (u16, &'static str),
) -> Trouble {
    Trouble { name, site, upstream: None, request, answer, says, cure, then }
}

#[test]
fn origins() {
    go_through(vec![
        trouble(
            "a preflight from another origin",
            CORS,
            "OPTIONS /api HTTP/1.1\norigin: https://other.example\naccess-control-request-method: GET",
            (204, "HTTP"),
            &["https://other.example", "`origins` at line 5 of "],
            Cure::Config("\"https://app.example\"", "\"https://app.example\" \"https://other.example\""),
            (204, "Access-Control-Allow-Origin: https://other.example"),
        ),
        trouble(
            "a preflight for another method",
            CORS,
            "OPTIONS /api HTTP/1.1\norigin: https://app.example\naccess-control-request-method: PUT",
            (204, "HTTP"),
            &["does not allow https://app.example to send PUT", "`methods` at line 6 of "],
            Cure::Config("methods \"GET\"", "methods \"GET\" \"PUT\""),
            (204, "Access-Control-Allow-Methods: GET, PUT"),
        ),
        trouble(
            "a preflight for another field",
            CORS,
            "OPTIONS /api HTTP/1.1\norigin: https://app.example\naccess-control-request-method: GET\n\
             access-control-request-headers: x-unknown",
            (204, "HTTP"),
            &["x-unknown", "`fields` at line 7 of "],
            Cure::Config("fields \"X-Known\"", "fields \"X-Known\" \"X-Unknown\""),
            (204, "Access-Control-Allow-Headers: "),
        ),
        trouble(
            "an answer that another origin's script may not read",
            CORS,
            "GET /api HTTP/1.1\norigin: https://other.example",
            (200, "ok"),
            &["https://other.example", "`origins` at line 5 of "],
            Cure::Request("https://other.example", "https://app.example"),
            (200, "Access-Control-Allow-Origin: https://app.example"),
        ),
        trouble(
            "a preflight on a route without cors",
            "route \"/api\" { method \"GET\"; respond \"ok\"; }\n",
            PREFLIGHT,
            (405, "Allow: GET"),
            &["OPTIONS"],
            Cure::Config("method \"GET\"; ", "cors { origins \"*\"; }; "),
            (204, "Access-Control-Allow-Origin: *"),
        ),
    ]);
}

#[test]
fn routes_and_hosts() {
    const ORDER: &str =
        "route \"/api/{*rest}\" { respond \"general\"; }\nroute \"/api/orders\" { respond \"orders\"; }\n";
    go_through(vec![
        trouble(
            "the wrong route is taken",
            ORDER,
            "GET /api/orders HTTP/1.1",
            (200, "general"),
            &["Route /api/{*rest}: it is the first", "`route` at line 3 of "],
            Cure::Config("route \"/api/{*rest}\" { respond \"general\"; }\n", ""),
            (200, "orders"),
        ),
        trouble(
            "no route at all",
            "route \"/a\" { respond \"a\"; }\n",
            "GET /b HTTP/1.1",
            (404, "HTTP"),
            &["segment 1 is \"b\" and not \"a\""],
            Cure::Request("/b", "/a"),
            (200, "a"),
        ),
        trouble(
            "a slash too many",
            "route \"/a\" { respond \"a\"; }\n",
            "GET /a/ HTTP/1.1",
            (404, "HTTP"),
            &["/a"],
            Cure::Request("/a/", "/a"),
            (200, "a"),
        ),
        trouble(
            "a folder without its slash",
            "route { files \"public\"; }\n",
            "GET /docs HTTP/1.1",
            (308, "Location: ./docs/"),
            &["docs/"],
            Cure::Request("/docs", "/docs/"),
            (200, "documents"),
        ),
        trouble(
            "a host that no site is for",
            "site \"here.example\" {\n    listen \"127.0.0.1:0\"\n    route { respond \"here\"; }\n}\n",
            "GET / HTTP/1.1\nhost: there.example",
            (421, "HTTP"),
            &["there.example"],
            Cure::Request("there.example", "here.example"),
            (200, "here"),
        ),
        trouble(
            "a method that the route is not for",
            "route \"/a\" { method \"GET\" \"HEAD\"; respond \"a\"; }\n",
            "DELETE /a HTTP/1.1",
            (405, "Allow: GET, HEAD"),
            &["DELETE"],
            Cure::Config("\"GET\" \"HEAD\"", "\"GET\" \"HEAD\" \"DELETE\""),
            (200, "a"),
        ),
        trouble(
            "a field that the route asks for",
            "route \"/a\" { field \"X-Beta\" \"yes\"; respond \"a\"; }\n",
            "GET /a HTTP/1.1\nx-beta: no",
            (404, "HTTP"),
            &["field \"x-beta\" \"yes\": its value is \"no\""],
            Cure::Request("x-beta: no", "x-beta: yes"),
            (200, "a"),
        ),
        trouble(
            "a parameter that the route asks for",
            "route \"/a\" { query \"v\" begins=\"2\"; respond \"a\"; }\n",
            "GET /a?v=1 HTTP/1.1",
            (404, "HTTP"),
            &["v"],
            Cure::Request("v=1", "v=2"),
            (200, "a"),
        ),
        trouble(
            "a client that the route is not for",
            "route \"/a\" { client \"10.0.0.0/8\"; respond \"a\"; }\n",
            "GET /a HTTP/1.1",
            (404, "HTTP"),
            &["127.0.0.1"],
            Cure::Config("10.0.0.0/8", "127.0.0.0/8"),
            (200, "a"),
        ),
        trouble(
            "a redirection that leads back to itself",
            "route \"/{*rest}\" { redirect \"/{rest}\"; }\n",
            "GET /a HTTP/1.1",
            (308, "Location: /a"),
            &["/a"],
            Cure::Config("redirect \"/{rest}\"", "redirect \"/new/{rest}\""),
            (308, "Location: /new/a"),
        ),
    ]);
}

#[test]
fn files() {
    const FILES: &str = "route { files \"public\"; }\n";
    go_through(vec![
        trouble(
            "a file that is not there",
            FILES,
            "GET /b.txt HTTP/1.1",
            (404, "HTTP"),
            &["there is nothing of that name"],
            Cure::Request("/b.txt", "/a.txt"),
            (200, "all work"),
        ),
        trouble(
            "a hidden file",
            FILES,
            "GET /.secret HTTP/1.1",
            (404, "HTTP"),
            &["hidden"],
            Cure::Config("files \"public\"", "files \"public\" hidden=#true"),
            (200, "hidden"),
        ),
        trouble(
            "a method that files do not know",
            FILES,
            "POST /a.txt HTTP/1.1\n\nx",
            (405, "Allow: "),
            &["files do not know the method POST"],
            Cure::Request("POST /a.txt HTTP/1.1\n\nx", "GET /a.txt HTTP/1.1"),
            (200, "all work"),
        ),
        trouble(
            "304 that should be 200",
            FILES,
            "GET /a.txt HTTP/1.1\nif-none-match: {tag}",
            (304, "HTTP"),
            &["If-None-Match lists ", "which is the current entity tag"],
            Cure::Request("if-none-match: {tag}", "if-none-match: \"other\""),
            (200, "all work"),
        ),
        trouble(
            "200 that should be 304",
            FILES,
            "GET /a.txt HTTP/1.1\nif-none-match: \"other\"",
            (200, "all work"),
            &["If-None-Match", "\"other\""],
            Cure::Request("\"other\"", "{tag}"),
            (304, "HTTP"),
        ),
        trouble(
            "304 by the clock",
            FILES,
            "GET /a.txt HTTP/1.1\nif-modified-since: Fri, 01 Jan 2038 00:00:00 GMT",
            (304, "HTTP"),
            &["If-Modified-Since"],
            Cure::Request("2038", "2010"),
            (200, "all work"),
        ),
        trouble(
            "a change that somebody else has made first",
            FILES,
            "GET /a.txt HTTP/1.1\nif-match: \"other\"",
            (412, "HTTP"),
            &["If-Match lists \"other\", but the current entity tag is ", "would be true"],
            Cure::Request("\"other\"", "{tag}"),
            (200, "all work"),
        ),
        trouble(
            "a tag that is weak cannot guard a change",
            FILES,
            "GET /a.txt HTTP/1.1\nif-match: W/{tag}",
            (412, "HTTP"),
            &["If-Match"],
            Cure::Request("W/{tag}", "{tag}"),
            (200, "all work"),
        ),
        trouble(
            "a range beyond the end",
            FILES,
            "GET /a.txt HTTP/1.1\nrange: bytes=99999-",
            (416, "HTTP"),
            &["the request asks for bytes=99999-"],
            Cure::Request("bytes=99999-", "bytes=0-7"),
            (206, "all work"),
        ),
        trouble(
            "a range that was not heeded because the file has changed",
            FILES,
            "GET /a.txt HTTP/1.1\nrange: bytes=0-7\nif-range: \"other\"",
            (200, "all work"),
            &["If-Range"],
            Cure::Request("\"other\"", "{tag}"),
            (206, "all work"),
        ),
    ]);
}

#[test]
fn codings() {
    const COMPRESS: &str = "compress \"gzip\" min=\"1KiB\"\nroute { files \"public\"; }\n";
    go_through(vec![
        trouble(
            "an answer that is not compressed because nobody asked",
            COMPRESS,
            "GET /a.txt HTTP/1.1",
            (200, "all work"),
            &["Accept-Encoding"],
            Cure::Request("HTTP/1.1", "HTTP/1.1\naccept-encoding: gzip"),
            (200, "Content-Encoding: gzip"),
        ),
        trouble(
            "an answer that is too short to be compressed",
            COMPRESS,
            "GET /short.txt HTTP/1.1\naccept-encoding: gzip",
            (200, "short"),
            &["the content of 5 bytes is shorter than 1024", "`min` at line 3 of "],
            Cure::Request("/short.txt", "/a.txt"),
            (200, "Content-Encoding: gzip"),
        ),
        trouble(
            "a picture is not compressed again",
            COMPRESS,
            "GET /picture.png HTTP/1.1\naccept-encoding: gzip",
            (200, "all work"),
            &["image/png"],
            Cure::Request("/picture.png", "/a.txt"),
            (200, "Content-Encoding: gzip"),
        ),
        trouble(
            "an answer that nobody may transform",
            "compress \"gzip\"\nroute { files \"public\" cache=\"no-transform\"; }\n",
            "GET /a.txt HTTP/1.1\naccept-encoding: gzip",
            (200, "all work"),
            &["no-transform"],
            Cure::Config("cache=\"no-transform\"", "cache=\"no-cache\""),
            (200, "Content-Encoding: gzip"),
        ),
        trouble(
            "a tag that compression has weakened",
            COMPRESS,
            "GET /a.txt HTTP/1.1\naccept-encoding: gzip",
            (200, "ETag: W/"),
            &["Coded with gzip: Accept-Encoding: gzip gives gzip the weight 1", "`compress` at line 3 of "],
            Cure::Request("accept-encoding: gzip", "accept-encoding: identity"),
            (200, "ETag: \""),
        ),
    ]);
}

#[test]
fn limits_and_users() {
    const USERS: &str = "route { basic-auth realm=\"staff\" { user \"anna\" \
                         \"$2b$10$7uzqkt1jU5zXjVaIVf5eNuSwq8iB7MBol4FULOh6Mml5or8DDR8.u\"; }; respond \"welcome\"; }\n";
    go_through(vec![
        trouble(
            "a body over its limit",
            "route { limit body=\"10B\"; respond \"ok\"; }\n",
            "POST / HTTP/1.1\n\nmore than ten bytes",
            (413, "HTTP"),
            &["the content of 19 bytes is larger than the limit of 10 bytes", "`body` at line 3 of "],
            Cure::Config("body=\"10B\"", "body=\"20B\""),
            (200, "ok"),
        ),
        trouble(
            "nobody has said who it is",
            USERS,
            "GET / HTTP/1.1",
            (401, "WWW-Authenticate: Basic realm=\"staff\""),
            &["Authorization"],
            Cure::Request("HTTP/1.1", "HTTP/1.1\nauthorization: Basic YW5uYTpzZWNyZXQ="),
            (200, "welcome"),
        ),
        trouble(
            "a wrong password",
            USERS,
            "GET / HTTP/1.1\nauthorization: Basic YW5uYTp3cm9uZw==",
            (401, "HTTP"),
            &["password"],
            Cure::Request("YW5uYTp3cm9uZw==", "YW5uYTpzZWNyZXQ="),
            (200, "welcome"),
        ),
        trouble(
            "TRACE where it is not wanted",
            "route { respond \"ok\"; }\n",
            "TRACE / HTTP/1.1",
            (405, "HTTP"),
            &["TRACE"],
            Cure::Config("respond \"ok\"", "trace; respond \"ok\""),
            (200, "TRACE / HTTP/1.1"),
        ),
        trouble(
            "a tunnel to where none may lead",
            "route { connect { allow \"api.example:443\"; }; }\n",
            "CONNECT 127.0.0.1:1 HTTP/1.1\nhost: 127.0.0.1:1",
            (403, "HTTP"),
            &["127.0.0.1"],
            Cure::Config("api.example:443", "127.0.0.0/8:1"),
            (502, "HTTP"),
        ),
    ]);
}
