//! The config language: what each word comes to, and what is wrong with each that is wrong.

use std::path::Path;

use proptest::prelude::*;
use wirelight_gateway::config::{File, Plan};

/// A hash of bcrypt, of the password `U*U`.
pub(super) const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// A folder with something to serve and something to show.
pub(super) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("public")).unwrap();
    std::fs::write(folder.path().join("404.html"), "gone").unwrap();
    std::fs::write(folder.path().join("sticky.key"), [7; 32]).unwrap();
    std::fs::write(folder.path().join("short.key"), [7; 8]).unwrap();
    std::fs::write(folder.path().join("users"), format!("carl:{HASH}\n")).unwrap();
    std::fs::write(folder.path().join("plain"), "carl:secret\n").unwrap();
    folder
}

pub(super) fn read(text: &str) -> Result<Plan, String> {
    let folder = folder();
    let file = File::parse("test.kdl", text, folder.path()).map_err(|faults| faults.to_string())?;
    let plan = file.plan().map_err(|faults| faults.to_string().replace(folder.path().to_str().unwrap(), ""));
    plan.inspect(|plan| {
        let shown = plan.to_string();
        if plan.access_log.is_none() && plan.admin.is_none() && !shown.contains(" tls=") && !shown.contains("(hidden)")
        {
            let again =
                File::parse("again.kdl", &shown, Path::new("/")).unwrap_or_else(|faults| panic!("{faults}\n{shown}"));
            let again = again.plan().unwrap_or_else(|faults| panic!("{faults}\n{shown}"));
            assert_eq!(again.to_string(), shown, "a plan that is printed is a config that comes to the same");
        }
    })
}

/// What the words of a route come to.
pub(super) fn route(words: &str) -> Result<String, String> {
    let plan = read(&format!("site default {{\n listen \":1\"\n route \"/a/{{id}}\" {{\n{words}\n}}\n}}"))?;
    let text = plan.to_string();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.iter().position(|line| line.contains("route \"/a/{id}\"")).unwrap();
    let inside = &lines[from + 1..lines.len() - 2];
    Ok(inside.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n"))
}

#[test]
fn each_word_of_a_route_comes_to_its_plan() {
    for (words, expected) in [
        ("respond", r#"respond "" status=200 type="text/plain; charset=utf-8""#),
        (r#"respond "x" status=404 type="a/b""#, r#"respond "x" status=404 type="a/b""#),
        (r#"redirect "/b/{id}{query}""#, r#"redirect "/b/{id}{query}" status=308"#),
        (r#"redirect "https://x.test{path}" status=302"#, r#"redirect "https://x.test{path}" status=302"#),
        (
            "method GET \"POST\"\nrespond",
            "method \"GET\" \"POST\"\nrespond \"\" status=200 type=\"text/plain; charset=utf-8\"",
        ),
    ] {
        assert_eq!(route(words).unwrap(), expected, "{words}");
    }
    for (word, expected) in [
        (r#"field "X-A" "b""#, r#"field "x-a" "b""#),
        (r#"field X-A"#, r#"field "x-a" present=#true"#),
        (r#"field X-A present=#false"#, r#"field "x-a" present=#false"#),
        (r#"query a begins=b"#, r#"query "a" begins="b""#),
        (r#"query a contains=b"#, r#"query "a" contains="b""#),
        (r#"client "10.0.0.0/8" "::1""#, r#"client "10.0.0.0/8" "::1""#),
        (r#"rewrite "/x/{id}""#, r#"rewrite "/x/{id}""#),
        (
            "header request { set A b; add C d; remove E }",
            "header request {\nset \"a\" \"b\"\nadd \"c\" \"d\"\nremove \"e\"\n}",
        ),
        ("header response { set A b }", "header response {\nset \"a\" \"b\"\n}"),
        ("compress", r#"compress "zstd" "br" "gzip" "deflate" min="512B""#),
        ("compress gzip min=\"1KiB\"", r#"compress "gzip" min="1024B""#),
        ("timeout answer=\"5s\"", r#"timeout answer="5s" stall="1m""#),
        ("timeout stall=\"250ms\"", r#"timeout answer="30s" stall="250ms""#),
        ("limit body=\"10MiB\"", r#"limit body="10485760B""#),
        ("limit concurrency=5", r#"limit concurrency=5 queue=1024 wait="5s""#),
        ("limit concurrency=5 queue=0 wait=\"1m30s\"", r#"limit concurrency=5 queue=0 wait="90s""#),
        ("trace", "trace"),
        ("server-timing", "server-timing reasons=#true"),
        ("server-timing reasons=#false", "server-timing reasons=#false"),
        ("access-log off", "access-log off"),
        ("access-log", "access-log format=combined"),
        ("access-log \"/logs/a.log\" format=ecs", "access-log \"/logs/a.log\" format=ecs"),
        (
            "access-log \"/logs/a.log\" rotate=\"1KiB\" keep=2",
            "access-log \"/logs/a.log\" format=combined rotate=\"1024B\" keep=2",
        ),
        (
            "security-headers",
            r#"security-headers frame="SAMEORIGIN" referrer="strict-origin-when-cross-origin" transport="max-age=31536000""#,
        ),
        (
            "security-headers frame=DENY content=\"default-src 'self'\"",
            r#"security-headers frame="DENY" referrer="strict-origin-when-cross-origin" transport="max-age=31536000" content="default-src 'self'""#,
        ),
        (
            "cors { origins \"https://*.a.test\"; methods PUT; fields X-A; expose X-B; credentials #true; max-age \"1h\" }",
            "cors {\norigins \"https://*.a.test\"\nmethods \"PUT\"\nfields \"x-a\"\nexpose \"x-b\"\ncredentials #true\nmax-age \"1h\"\n}",
        ),
        (
            "cors { origins \"*\"; methods \"*\"; fields \"*\" }",
            "cors {\norigins \"*\"\nmethods \"*\"\nfields \"*\"\nexpose\ncredentials #false\nmax-age \"10m\"\n}",
        ),
    ] {
        // A list without anything in it cannot be written, so this one word is read on its own.
        let rest = "\nrespond \"\" status=200 type=\"text/plain; charset=utf-8\"";
        let found = if word.starts_with("cors") { cors(word) } else { route(&format!("{word}\nrespond")) };
        let found = found.unwrap_or_else(|faults| panic!("{word}: {faults}"));
        assert_eq!(found.strip_suffix(rest).unwrap_or(&found), expected, "{word}");
    }
}

fn cors(word: &str) -> Result<String, String> {
    let folder = folder();
    let text = format!("site default {{\n listen \":1\"\n route {{\n{word}\nrespond\n}}\n}}");
    let file = File::parse("test.kdl", &text, folder.path()).map_err(|faults| faults.to_string())?;
    let shown = file.plan().map_err(|faults| faults.to_string())?.to_string();
    let from = shown.find("cors {").unwrap();
    let inside = &shown[from..from + shown[from..].find("        }").unwrap() + 9];
    Ok(inside.lines().map(str::trim).collect::<Vec<_>>().join("\n"))
}

#[test]
fn files_and_error_pages_are_looked_up_beside_the_config() {
    let folder = folder();
    let text = "site default { listen \":1\"; route { error-page 404 \"5xx\" file=\"404.html\"; files public listing=#true } }";
    let plan = File::parse("test.kdl", text, folder.path()).unwrap().plan().unwrap().to_string();
    let root = folder.path().join("public");
    assert!(
        plan.contains(&format!(
            "files {root:?} index=\"index.html\" listing=#true hidden=#false fallback=#false cache=\"no-cache\""
        )),
        "{plan}"
    );
    let page = folder.path().join("404.html");
    assert!(plan.contains(&format!("error-page 404 \"500-599\" file={page:?}")), "{plan}");
}

#[test]
fn each_word_at_the_top_comes_to_its_plan() {
    let plan = read(
        r#"
        access-log "a.log" format=json
        admin "127.0.0.1:9180" token="secret"
        trust "10.0.0.0/8"
        upstream api {
            server "http://127.0.0.1:3000" weight=2
            server "unix:/run/app.sock"
            balance hash field="X-User"
            protocol http2
            connections 10
            timeout connect="1s" answer="2s" stall="3s" tunnel="30s" idle="10s" silence="4s" ping="500ms"
            retry attempts=3 budget=10
            eject failures=2 for="30s"
            health path="/up" every="1s"
        }
        site "example.org" "*.example.org" {
            listen ":8080"
            listen "[::1]:8443" cert="c.pem" key="k.pem"
            compress
            route { proxy api host=upstream }
        }
        site default { listen "localhost:8081"; route "/x" "/y/{*rest}" name=both { proxy "http://a.test" "http://b.test:81" } }
        "#,
    )
    .unwrap();
    let shown = plan.to_string();
    let expected = r#"admin "127.0.0.1:9180" token="(hidden)"
trust "10.0.0.0/8"
upstream "api" {
    server "http://127.0.0.1:3000/" weight=2
    server "unix:/run/app.sock" weight=1
    balance hash field="x-user"
    protocol http2
    connections 10
    timeout connect="1s" answer="2s" stall="3s" tunnel="30s" idle="10s" silence="4s" ping="500ms"
    retry attempts=3 budget=10
    eject failures=2 for="30s"
    health path="/up" every="1s" timeout="2s" healthy=2 unhealthy=3
}
upstream "http://a.test http://b.test:81" {
    server "http://a.test/" weight=1
    server "http://b.test:81/" weight=1
    balance round-robin
    protocol negotiated
    connections 256
    timeout connect="5s" answer="1m" stall="5m" tunnel="1h" idle="4s" silence="20s" ping="10s"
    retry attempts=2 budget=20
    eject failures=5 for="10s"
}
site "example.org" "*.example.org" {
    listen "0.0.0.0:8080"
    listen "[::1]:8443" tls=#true
    compress "zstd" "br" "gzip" "deflate" min="512B"
    route name="*" {
        proxy "api" host=upstream
    }
}
site "default" {
    listen "127.0.0.1:8081"
    route "/x" "/y/{*rest}" name="both" {
        proxy "http://a.test http://b.test:81" host=client
    }
}
"#;
    assert_eq!(shown.split_once('\n').unwrap().1, expected);
    assert!(shown.lines().next().unwrap().ends_with("a.log\" format=json"));
}

/// The one fault of a config: where it is, and what it says.
fn fault(text: &str) -> String {
    let folder = folder();
    let faults = match File::parse("test.kdl", text, folder.path()) {
        Ok(file) => file.plan().err().unwrap_or_else(|| panic!("nothing is wrong with {text}")),
        Err(faults) => faults,
    };
    let list: Vec<String> = faults
        .list()
        .iter()
        .map(|fault| {
            let (line, column) = faults.place(fault);
            let label = if fault.label.is_empty() { String::new() } else { format!(" ({})", fault.label) };
            format!("{line}:{column} {}{label}", fault.message)
        })
        .collect();
    list.join("\n").replace(folder.path().to_str().unwrap(), "DIR")
}

/// Adds a line to `wrong` if the one fault of a config is another than expected, so that one run shows all.
pub(super) fn compare(wrong: &mut String, text: &str, expected: &str) {
    let found = fault(text);
    if found != expected {
        wrong.push_str(&format!("{text}\n  found:    {found}\n  expected: {expected}\n"));
    }
}

#[test]
fn each_word_has_its_faults() {
    let mut wrong = String::new();
    for (words, expected) in [
        ("respnd", "2:1 `respnd` is no word in `route` (did you mean `respond`?)"),
        ("respond a b", "2:11 `respond` takes one argument (this one is too many)"),
        ("respond status=99", "2:16 this is to be a whole number from 200 to 599"),
        ("respond x status=204", "2:1 a response with status 204 has no content"),
        ("respond stats=200", "2:9 `stats` is no property of `respond` (did you mean `status`?)"),
        ("respond status=200 status=404", "2:20 `status` is said twice (only one could count)"),
        ("respond { x }", "2:11 `respond` has no block (nothing belongs here)"),
        ("respond; compress", "2:10 `compress` stands behind the handler, where nothing is evaluated"),
        ("compress; method GET; respond", "2:11 `method` stands behind what is done already"),
        ("method; respond", "2:1 `method` needs a method (a method is missing)"),
        ("method \"G T\"; respond", "2:8 `G T` is no method"),
        ("field \"a b\"; respond", "2:7 `a b` is no name of a field"),
        ("field a b begins=c; respond", "2:1 `field` has one test: a value, present, begins or contains"),
        ("query a present=yes; respond", "2:17 this is to be #true or #false"),
        ("client \"10.0.0.1/8\"; respond", "2:8 `10.0.0.1/8` has bits beyond its prefix: the network is 10.0.0.0/8"),
        ("rewrite \"x\"; respond", "2:9 a request is rewritten to a path (begin it with a slash)"),
        ("rewrite \"/{idd}\"; respond", "2:9 no parameter of this route is called `idd`; did you mean `id`?"),
        (
            "redirect \"javascript:x\"",
            "2:10 a redirection leads to a path or to a URL with http or https (begin it with a slash)",
        ),
        ("redirect \"/x\" status=304", "2:22 304 is no redirection (301, 302, 303, 307 or 308)"),
        ("header both { set a b }; respond", "2:8 `both` is no message"),
        (
            "header request { set Connection x }; respond",
            "2:22 `connection` belongs to the connection, and is not for a config to change",
        ),
        ("header request; respond", "2:1 nothing is changed here"),
        ("cors { }; respond", "2:1 `cors` allows nobody"),
        (
            "cors { origins \"*\"; credentials #true }; respond",
            "2:1 credentials cannot be granted to any origin: list the origins that need them",
        ),
        (
            "cors { origins example }; respond",
            "2:16 `example` is no origin such as https://app.example or https://*.example",
        ),
        ("compress lzma; respond", "2:10 `lzma` is no content coding"),
        ("timeout; respond", "2:1 `timeout` says no time"),
        ("timeout answer=\"5\"; respond", "2:16 `5` is no duration such as 500ms, 4s, 1m30s or 2h"),
        ("limit; respond", "2:1 nothing is limited here"),
        ("limit body=\"1MB\" concurrency=3; respond", "2:1 one `limit` limits one thing"),
        ("limit body=\"1XB\"; respond", "2:12 `1XB` is no size such as 64KiB, 10MiB or 10MB"),
        ("trace yes; respond", "2:7 `trace` takes no argument (this one is too many)"),
        ("server-timing on; respond", "2:15 `server-timing` takes no argument (this one is too many)"),
        ("server-timing reasons=yes; respond", "2:23 this is to be #true or #false"),
        (
            "error-page 200 file=\"404.html\"; respond",
            "2:12 `200` is no status of an error (404, \"500-504\", \"4xx\" or \"5xx\")",
        ),
        (
            "error-page 404 file=\"405.html\"; respond",
            "2:21 DIR/405.html cannot be read: No such file or directory (os error 2)",
        ),
        ("security-headers frame=\"a\\nb\"; respond", "2:24 \"a\\nb\" is no value of a field"),
        ("files nowhere", "2:7 there is no folder DIR/nowhere"),
        (
            "proxy",
            "2:1 `proxy` needs an upstream, or the URL of a server (an upstream, or the URL of a server is missing)",
        ),
        ("proxy api", "2:7 there is no upstream `api`"),
        (
            "proxy \"ftp://x\"",
            "2:7 `ftp://x` is no server such as http://127.0.0.1:3000, https://example.org or unix:/run/app.sock",
        ),
        ("proxy \"http://x/path\"", "2:7 a server's URL has no path: use `rewrite` to change paths"),
        ("proxy \"http://u@x\"", "2:7 a server's URL holds no user: set Authorization with `header request`"),
        ("compress", "1:29 nothing answers on this route"),
    ] {
        let text = format!("site default {{ listen \":1\"; route \"/{{id}}\" {{\n{words}\n}} }}");
        compare(&mut wrong, &text, expected);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn each_word_at_the_top_has_its_faults() {
    let mut wrong = String::new();
    let site = "site default { listen \":1\"; route { proxy a } }\n";
    let server = "upstream a { server \"http://x\"; ";
    for (text, expected) in [
        (String::new(), "1:1 there is no site in this config"),
        ("sit default {}".to_owned(), "1:1 `sit` is no word at the top of a config (did you mean `site`?)"),
        (
            "site {\nlisten \":1\"; route { respond } }".to_owned(),
            "1:1 `site` needs a host, or `default` (a host, or `default` is missing)",
        ),
        (
            "site \"a:80\" { listen \":1\"; route { respond } }".to_owned(),
            "1:6 `a:80`: a site is for hosts; ports are said with `listen`",
        ),
        ("site default { route { respond } }".to_owned(), "1:1 this site listens nowhere"),
        ("site default { listen \":1\" }".to_owned(), "1:1 this site has no route"),
        (
            "site default { listen \"80\"; route { respond } }".to_owned(),
            "1:23 `80` is no address with a port, such as 127.0.0.1:8080, [::]:8080 or :8080",
        ),
        (
            "site default { listen \":1\" cert=c; route { respond } }".to_owned(),
            "1:16 `cert` needs `key`: the file with the certificate's private key",
        ),
        (
            "site default { listen \":1\"; route { respond }; compress }".to_owned(),
            "1:48 `compress` stands behind a route",
        ),
        (
            "site default { listen \":1\"; route { respond }; route \"/a\" { respond } }".to_owned(),
            "1:48 no request reaches this route (the route `*` before it takes everything)",
        ),
        (
            "site default { listen \":1\"; route \"a\" { respond } }".to_owned(),
            "1:35 the pattern \"a\" is wrong at byte 0: it does not begin with a slash",
        ),
        (
            "site \"*.a\" { listen \":1\"; route { respond } }\nsite \"b.a\" { listen \":1\"; route { respond } }"
                .to_owned(),
            "2:6 the site `*.a` before it takes every request for `b.a` (this one would never be asked)",
        ),
        (
            "site a { listen \":1\"; route { respond } }\nsite b { listen \":1\" cert=c key=k; route { respond } }"
                .to_owned(),
            "2:17 one site has 0.0.0.0:1 in cleartext and another over TLS (it cannot be both)",
        ),
        (format!("{site}upstream a {{ }}"), "2:1 the upstream `a` has no server"),
        (
            format!("{site}upstream a {{ server \"x\" }}"),
            "2:21 `x` is no server such as http://127.0.0.1:3000, https://example.org or unix:/run/app.sock",
        ),
        (
            format!("{site}upstream a {{ server \"unix:x\" }}"),
            "2:21 `unix:x`: the path of a socket begins with a slash",
        ),
        (format!("{site}{server} server \"http://y\" weight=0 }}"), "2:59 this is to be a whole number from 1 to 1000"),
        (format!("{site}{server} balance random }}"), "2:42 `random` is no way to choose a server"),
        (format!("{site}{server} balance hash }}"), "2:34 `hash` needs what to hash by"),
        (format!("{site}{server} protocol http3 }}"), "2:43 `http3` is no version of HTTP (did you mean `http1`?)"),
        (format!("{site}{server} connections 0 }}"), "2:46 this is to be a whole number from 1 to 1000000"),
        (
            format!("{site}{server} timeout conect=\"1s\" }}"),
            "2:42 `conect` is no property of `timeout` (did you mean `connect`?)",
        ),
        (format!("{site}{server} retry attempts=0 }}"), "2:49 this is to be a whole number from 1 to 100"),
        (format!("{site}{server} eject failures=x }}"), "2:49 this is to be a whole number from 1 to 1000000"),
        (format!("{site}{server} health path=x }}"), "2:46 `x` is no path: it begins with a slash"),
        (format!("{site}{server} retry; retry }}"), "2:41 `retry` is said twice (only one could count)"),
        (format!("{site}{server} }}\n{server} }}"), "3:1 there are two upstreams `a`"),
        (
            format!("{site}{server} }}\nupstream b {{ server \"http://x\" }}"),
            "3:1 nothing is forwarded to the upstream `b`",
        ),
        (
            format!("{site}{server} }}\nadmin \"0.0.0.0:1\""),
            "3:7 the admin listener is for this machine alone (use 127.0.0.1 or [::1])",
        ),
        (format!("{site}{server} }}\ntrust \"all\""), "3:7 `all` is no address and no network such as 10.0.0.0/8"),
        (
            format!("{site}{server} }}\naccess-log format=jsn"),
            "3:19 `jsn` is no format of an access log (did you mean `json`?)",
        ),
    ] {
        compare(&mut wrong, &text, expected);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn text_that_is_not_kdl_is_told_where() {
    let found = fault("site default {\n  listen \":1\n}\n");
    assert!(found.starts_with("2:") || found.starts_with("1:"), "{found}");
    assert!(fault("a \"\u{0}").contains(':'));
}

#[test]
fn all_faults_are_shown_in_their_lines_in_order() {
    let folder = folder();
    let text = "site default {\n    lisen \":1\"\n    route { respnd }\n}\n";
    let faults = File::parse("my.kdl", text, folder.path()).unwrap().plan().unwrap_err();
    assert_eq!(
        faults.to_string(),
        "error: `lisen` is no word in `site`\n --> my.kdl:2:5\n  |\n2 |     lisen \":1\"\n  |     ^^^^^ did you mean `listen`?\n\n\
         error: `respnd` is no word in `route`\n --> my.kdl:3:13\n  |\n3 |     route { respnd }\n  |             ^^^^^^ did you mean `respond`?"
    );
}

#[test]
fn formatting_keeps_comments_and_quotes_and_is_done_at_once() {
    let text = "// top\nsite \"a.b\" { listen \":1\"\n  // c\n route \"/x\"    name=\"y\" { respond \"a\"; }\n}\n";
    let folder = folder();
    let file = File::parse("a.kdl", text, folder.path()).unwrap();
    let formatted = file.formatted().unwrap();
    assert_eq!(
        formatted,
        "// top\nsite \"a.b\" {\n    listen \":1\"\n    // c\n    route \"/x\" name=\"y\" {\n        respond \"a\"\n    }\n}\n"
    );
    let again = File::parse("a.kdl", &formatted, folder.path()).unwrap();
    assert_eq!(again.formatted().unwrap(), formatted);
    assert_eq!(again.plan().unwrap().to_string(), file.plan().unwrap().to_string());
    let spaced = "// a\n\n// b\nsite default {\n    listen \":1\"\n\n    // c\n    route {\n        respond\n    }\n}\n\ntrust \"::1\"\n";
    let wide = spaced.replace("\n\n", "\n\n \n\n").replace("default {\n", "default {\n\n");
    assert_eq!(File::parse("a.kdl", &wide, folder.path()).unwrap().formatted().unwrap(), spaced);
    let lost = File::parse("a.kdl", "site /* here */ default { }", folder.path()).unwrap();
    assert!(lost.formatted().is_none_or(|text| text.contains("/* here */")));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_planner_panic(picks in prop::collection::vec(0..WORDS.len(), 0..40), noise in ".{0,6}") {
        let mut text: String = picks.iter().map(|pick| format!("{} ", WORDS[*pick])).collect();
        text.push_str(&noise);
        if let Ok(file) = File::parse("fuzz.kdl", &text, Path::new("/nonexistent")) {
            if let Err(faults) = file.plan() {
                prop_assert!(!faults.list().is_empty());
                prop_assert!(!faults.to_string().is_empty());
            }
            file.formatted();
        }
    }
}

/// What configs are made of.
const WORDS: [&str; 49] = [
    "site",
    "route",
    "listen",
    "upstream",
    "server",
    "proxy",
    "files",
    "respond",
    "redirect",
    "rewrite",
    "header",
    "request",
    "response",
    "set",
    "cors",
    "origins",
    "compress",
    "timeout",
    "limit",
    "trace",
    "server-timing",
    "error-page",
    "security-headers",
    "access-log",
    "admin",
    "trust",
    "balance",
    "hash",
    "health",
    "retry",
    "eject",
    "method",
    "field",
    "query",
    "client",
    "default",
    "\":1\"",
    "\"/a/{b}\"",
    "\"{\"",
    "a=1",
    "present=#true",
    "{",
    "}",
    ";",
    "\n",
    "#null",
    "0",
    "(t)x",
    "\"é€\"",
];
