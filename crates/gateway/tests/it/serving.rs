//! Which file answers which path.

use http::Method;

use crate::site::Site;

#[tokio::test]
async fn a_file_is_sent_with_its_type_and_validators() {
    let site = Site::new(&[("page.html", "<p>hello"), ("app.js", "1"), ("a b.txt", "space"), ("noext", "x")]);
    let answer = site.get("/page.html").await;
    answer.is(200, "<p>hello");
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.field("accept-ranges"), "bytes");
    assert_eq!(answer.field("cache-control"), "no-cache");
    assert!(answer.field("etag").starts_with('"'), "{:?}", answer.fields);
    assert!(answer.field("last-modified").ends_with(" GMT"));
    assert_eq!(answer.field("vary"), "");
    assert_eq!(site.get("/app.js").await.field("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(site.get("/noext").await.field("content-type"), "application/octet-stream");
    site.get("/a%20b.txt").await.is(200, "space");
    site.get("/page.html?query=%0d%0a").await.is(200, "<p>hello");
    site.get("http://host.test/page.html").await.is(200, "<p>hello");
}

#[tokio::test]
async fn head_says_what_get_would_and_sends_nothing() {
    let site = Site::new(&[("file.txt", "hello"), ("empty", "")]);
    site.write("large.bin", vec![b'x'; 200_000]);
    for (path, length) in [("/file.txt", "5"), ("/empty", "0"), ("/large.bin", "200000")] {
        let get = site.get(path).await;
        assert_eq!(get.content.as_ref().unwrap().len().to_string(), length);
        let head = site.ask(Method::HEAD, path, &[]).await;
        head.is(200, "");
        assert_eq!(head.field("content-length"), length);
        for name in ["etag", "last-modified", "content-type", "cache-control", "accept-ranges"] {
            assert_eq!(head.field(name), get.field(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn only_reading_is_allowed() {
    let site = Site::new(&[("file.txt", "hello")]);
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "MKCOL", "get"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = site.ask(method.clone(), "/file.txt", &[]).await;
        assert_eq!((answer.status.as_u16(), answer.field("allow")), (405, "GET, HEAD, OPTIONS"), "{method}");
        answer.has_decision("files-are-read: 405");
    }
    for target in ["/file.txt", "/nothing", "*"] {
        let answer = site.ask(Method::OPTIONS, target, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.field("allow")), (204, "GET, HEAD, OPTIONS"), "{target}");
    }
}

/// Paths that lead nowhere: the status, and the rule that says why.
#[tokio::test]
async fn refused_paths_say_why() {
    let site = Site::new(&[
        ("file.txt", "hello"),
        ("sub/page.html", "x"),
        (".env", "SECRET"),
        (".git/config", "SECRET"),
        ("sub/.hidden", "SECRET"),
        ("back\\slash", "SECRET"),
        (".well-known/security.txt", "open"),
        (".well-known/.private", "SECRET"),
        ("../outside.txt", "SECRET"),
    ]);
    let long = format!("/{}", "n".repeat(256));
    let deep = "/a".repeat(300);
    for (target, status, rule) in [
        ("/nothing", 404, "file-for-path"),
        ("/file.txt/", 404, "file-for-path"),
        ("/file.txt/more", 404, "file-for-path"),
        ("/FILE.TXT", 404, "file-for-path"),
        ("/file.txt%20", 404, "file-for-path"),
        (&long, 404, "file-for-path"),
        (&deep, 404, "inside-the-root"),
        ("/sub/", 404, "folder-index"),
        ("/.env", 404, "hidden-names"),
        ("/%2eenv", 404, "hidden-names"),
        ("/%2Egit/config", 404, "hidden-names"),
        ("/.git/", 404, "hidden-names"),
        ("/.git%2fconfig", 404, "one-segment-one-name"),
        ("/sub/.hidden", 404, "hidden-names"),
        ("/sub/.well-known", 404, "hidden-names"),
        ("/.well-known/.private", 404, "hidden-names"),
        ("/...", 404, "hidden-names"),
        ("/sub%2fpage.html", 404, "one-segment-one-name"),
        ("/back%5cslash", 404, "one-segment-one-name"),
        ("/%2e%2e/outside.txt", 404, "inside-the-root"),
        ("/sub/%2e/page.html", 404, "inside-the-root"),
        ("/../outside.txt", 404, "inside-the-root"),
        ("/sub/../../outside.txt", 404, "inside-the-root"),
        ("/..%2foutside.txt", 404, "one-segment-one-name"),
        ("/%252e%252e/outside.txt", 404, "file-for-path"),
        ("/file.txt%00", 400, "one-segment-one-name"),
        ("/file%0a.txt", 400, "one-segment-one-name"),
        ("/file%7f", 400, "one-segment-one-name"),
        ("/%", 400, "one-segment-one-name"),
        ("/%4", 400, "one-segment-one-name"),
        ("/%zz", 400, "one-segment-one-name"),
        ("/%u002e", 400, "one-segment-one-name"),
        ("*", 400, "one-segment-one-name"),
    ] {
        let answer = site.get(target).await;
        assert_eq!(answer.status.as_u16(), status, "{target} {:?}", answer.decisions);
        answer.has_decision(&format!("{rule}: {status}"));
        assert!(!answer.text().contains("SECRET"), "{target}");
        let problem: serde_json::Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(problem["rule"], rule, "{target}");
        assert_eq!(answer.field("cache-control"), "no-store");
    }
    site.get("/.well-known/security.txt").await.is(200, "open");
}

#[tokio::test]
async fn hidden_names_are_served_on_request_and_dots_never() {
    let site = Site::with(&[(".env", "shown"), ("../outside.txt", "SECRET")], |config| config.hidden = true);
    site.get("/.env").await.is(200, "shown");
    for target in ["/%2e%2e/outside.txt", "/%2e", "/.."] {
        assert_eq!(site.get(target).await.status, 404, "{target}");
    }
}

/// Redirects: always relative to the path, so that they neither leave the host nor the prefix of a mount.
#[tokio::test]
async fn redirects_are_relative() {
    let site = Site::new(&[("sub/index.html", "index"), ("sub/a:b/index.html", "colon"), ("sub/deep/x", "x")]);
    fn resolve(target: &str, location: &str) -> String {
        let path = target.split('?').next().unwrap();
        let mut segments: Vec<&str> = path[1..].split('/').collect();
        segments.pop();
        let mut steps = location.split('/').peekable();
        while let Some(step) = steps.next() {
            match step {
                "." => {}
                ".." => drop(segments.pop()),
                step if step.is_empty() && steps.peek().is_none() => segments.push(""),
                step => segments.push(step),
            }
        }
        format!("/{}", segments.join("/"))
    }
    for (target, location, resolved) in [
        ("/sub", "./sub/", "/sub/"),
        ("/sub?a=b&%0d%0aX:1", "./sub/?a=b&%0d%0aX:1", "/sub/?a=b&%0d%0aX:1"),
        ("/sub/deep", "./deep/", "/sub/deep/"),
        ("/sub/a:b", "./a%3Ab/", "/sub/a%3Ab/"),
        ("/%73ub", "./sub/", "/sub/"),
        ("//sub", "../sub", "/sub"),
        ("///sub/", "../../../sub/", "/sub/"),
        ("//evil.example/..", "../../", "/"),
        ("/sub//deep/x", "../../../sub/deep/x", "/sub/deep/x"),
        ("/sub/../sub/", "../sub/", "/sub/"),
        ("/sub/./deep", "../sub/deep", "/sub/deep"),
        ("/./sub", "./sub", "/sub"),
        ("/./", "./", "/"),
        ("/sub//", "../../sub/", "/sub/"),
    ] {
        let answer = site.get(target).await;
        assert_eq!((answer.status.as_u16(), answer.field("location")), (308, location), "{target}");
        answer.is(308, "");
        if !target.contains("/.") {
            assert_eq!(resolve(target, location), resolved, "{target}");
        }
        assert!(answer.decisions.len() == 1, "{:?}", answer.decisions);
    }
    site.get("/sub/").await.is(200, "index");
    site.get("/sub/a%3Ab/").await.is(200, "colon");
}

#[tokio::test]
async fn a_folder_is_answered_with_its_first_index() {
    let site = Site::with(&[("a/index.html", "html"), ("a/index.txt", "text"), ("b/index.txt", "text")], |config| {
        config.index = vec!["index.html".into(), "index.txt".into()];
    });
    std::fs::create_dir_all(site.path("c/index.html")).unwrap();
    site.get("/a/").await.is(200, "html");
    site.get("/b/").await.is(200, "text");
    assert_eq!(site.get("/b/").await.field("content-type"), "text/plain; charset=utf-8");
    let answer = site.get("/c/").await;
    assert_eq!(answer.status, 404);
    answer.has_decision("folder-index: 404");
}

#[tokio::test]
async fn a_navigation_to_nothing_is_answered_with_the_root() {
    let site = Site::with(&[("index.html", "app"), ("file.txt", "file")], |config| config.fallback = true);
    const PAGE: (&str, &str) = ("accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    for (target, accept, status) in [
        ("/users/7", PAGE, 200),
        ("/users/", PAGE, 200),
        ("/v1.2/users", PAGE, 200),
        ("/users/7.json", PAGE, 404),
        ("/app.js", PAGE, 404),
        ("/users/7", ("accept", "*/*"), 404),
        ("/users/7", ("accept", "application/json"), 404),
        ("/users/7", ("accept-language", "en"), 404),
        ("/.env", PAGE, 404),
        ("/%00", PAGE, 400),
        ("/file.txt", PAGE, 200),
    ] {
        let answer = site.get_with(target, &[accept]).await;
        assert_eq!(answer.status.as_u16(), status, "{target} {accept:?}");
        if status == 200 && target != "/file.txt" {
            answer.is(200, "app");
            assert_eq!(answer.field("vary"), "accept");
        }
    }
    let head = site.ask(Method::HEAD, "/users/7", &[PAGE]).await;
    assert_eq!((head.status.as_u16(), head.field("content-length")), (200, "3"));
    assert_eq!(site.ask(Method::POST, "/users/7", &[PAGE]).await.status, 405);
    let without = Site::new(&[("index.html", "app")]);
    assert_eq!(without.get_with("/users/7", &[PAGE]).await.status, 404);
}

#[tokio::test]
async fn the_first_cache_rule_that_matches_decides() {
    use wirelight_gateway::files::CacheRule;
    let site = Site::with(&[("page.html", "x"), ("assets/app.JS", "x"), ("assets/page.html", "x")], |config| {
        let rule = |below: &str, extensions: &[&str], value: &'static str| CacheRule {
            below: below.into(),
            extensions: extensions.iter().map(|extension| (*extension).to_owned()).collect(),
            value: http::HeaderValue::from_static(value),
        };
        config.cache_control =
            vec![rule("assets", &["js", "css"], "max-age=31536000, immutable"), rule("assets", &[], "max-age=60")];
    });
    for (target, value) in
        [("/assets/app.JS", "max-age=31536000, immutable"), ("/assets/page.html", "max-age=60"), ("/page.html", "")]
    {
        assert_eq!(site.get(target).await.field("cache-control"), value, "{target}");
    }
}

/// What is told of a refusal comes in the form that was asked for, and no markup of the request comes back.
#[tokio::test]
async fn refusals_come_in_the_form_that_is_preferred() {
    let site = Site::new(&[]);
    for (accept, media_type) in [
        ("*/*", "application/problem+json"),
        ("application/json", "application/problem+json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("image/png", "application/problem+json"),
    ] {
        for target in ["/%3Cscript%3Ealert(1)%3C/script%3E", "/%3Cscript%3E/%00"] {
            let answer = site.get_with(target, &[("accept", accept)]).await;
            assert_eq!(answer.field("content-type"), media_type, "{accept}");
            assert_eq!(answer.field("x-content-type-options"), "nosniff");
            assert_eq!(answer.field("vary"), "accept");
            assert!(!answer.text().contains("script"), "{}", answer.text());
            assert!(answer.text().contains("RFC "), "{}", answer.text());
        }
    }
    assert_eq!(site.ask(Method::HEAD, "/nothing", &[]).await.status, 404);
}

#[test]
fn a_root_that_is_no_folder_cannot_be_opened() {
    use wirelight_gateway::files::{Config, Files};
    let site = Site::new(&[("file.txt", "x")]);
    for path in ["file.txt", "nothing"] {
        let config = Config { root: site.path(path), ..Config::default() };
        assert!(Files::open(config).is_err(), "{path}");
    }
}

#[tokio::test]
async fn endings_may_be_left_out_where_that_is_wanted() {
    let files = [
        ("about.html", "about"),
        ("about.html.gz", "gzip"),
        ("both", "itself"),
        ("both.html", "page"),
        ("folder/index.html", "index"),
        ("folder.html", "page"),
    ];
    let site = Site::with(&files, |config| config.endings = vec![".html".into(), ".htm".into()]);
    for (target, status, content) in
        [("/about", 200, "about"), ("/about.html", 200, "about"), ("/both", 200, "itself"), ("/folder/", 200, "index")]
    {
        site.get(target).await.is(status, content);
    }
    let answer = site.get_with("/about", &[("accept-encoding", "gzip")]).await;
    answer.is(200, "gzip");
    assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
    assert_eq!(site.get("/folder").await.status, 308);
    assert_eq!(site.get("/about/").await.status, 404);
    assert_eq!(site.get("/nothing").await.status, 404);
    site.get("/about").await.has_decision("name-endings: answered with the name and .html");
    assert_eq!(Site::new(&files).get("/about").await.status, 404);
}

#[tokio::test]
async fn a_site_may_say_in_its_own_page_that_there_is_nothing() {
    let site = Site::with(&[("404.html", "<p>nothing")], |config| config.not_found = Some("404.html".into()));
    const PAGE: (&str, &str) = ("accept", "text/html");
    for target in ["/nothing", "/.env", "/%2e%2e/x"] {
        let answer = site.get_with(target, &[PAGE, ("range", "bytes=0-0"), ("if-none-match", "*")]).await;
        answer.is(404, "<p>nothing");
        assert_eq!(answer.field("content-type"), "text/html; charset=utf-8");
        assert_eq!((answer.field("etag"), answer.field("cache-control")), ("", "no-store"));
        assert!(!answer.decisions.is_empty());
    }
    assert_eq!(site.get("/nothing").await.field("content-type"), "application/problem+json");
    assert_eq!(site.get_with("/%00", &[PAGE]).await.status, 400);
    site.get_with("/404.html", &[PAGE]).await.is(200, "<p>nothing");
    std::fs::remove_file(site.path("404.html")).unwrap();
    site.clock.advance(std::time::Duration::from_secs(1));
    let plain = site.get_with("/nothing", &[PAGE]).await;
    assert!(plain.text().contains("There is nothing of that name."), "{}", plain.text());
}

#[tokio::test]
async fn media_types_can_be_overruled() {
    let site = Site::with(&[("a.TS", "x"), ("a.js", "x")], |config| {
        config.media_types = vec![("ts".into(), http::HeaderValue::from_static("video/mp2t"))];
    });
    assert_eq!(site.get("/a.TS").await.field("content-type"), "video/mp2t");
    assert_eq!(site.get("/a.js").await.field("content-type"), "text/javascript; charset=utf-8");
}
