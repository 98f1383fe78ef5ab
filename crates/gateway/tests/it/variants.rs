//! Which variant of a file is sent: codings made ahead of time, and languages.

use http::Method;

use crate::site::Site;

/// A file with all siblings, all of the same time.
fn compressed() -> Site {
    let site = Site::new(&[
        ("app.js", "plain"),
        ("app.js.br", "brotli"),
        ("app.js.zst", "zstd"),
        ("app.js.gz", "gzip"),
        ("only.css", "plain"),
        ("only.css.gz", "gzip"),
        ("alone.txt", "plain"),
    ]);
    for path in ["app.js", "app.js.br", "app.js.zst", "app.js.gz", "only.css", "only.css.gz"] {
        site.touch(path, 1_000_000);
    }
    site
}

#[tokio::test]
async fn siblings_are_chosen_by_accept_encoding() {
    let site = compressed();
    for (target, accept, content) in [
        ("/app.js", "gzip, deflate, br, zstd", "brotli"),
        ("/app.js", "gzip, zstd", "zstd"),
        ("/app.js", "gzip", "gzip"),
        ("/app.js", "x-gzip", "gzip"),
        ("/app.js", "GZIP", "gzip"),
        ("/app.js", "br;q=0.5, gzip;q=0.8", "gzip"),
        ("/app.js", "br;q=0, *", "zstd"),
        ("/app.js", "gzip;q=0", "plain"),
        ("/app.js", "deflate", "plain"),
        ("/app.js", "identity, gzip;q=0.5", "plain"),
        ("/app.js", "", "plain"),
        ("/app.js", "identity;q=0", "plain"),
        ("/only.css", "br, gzip", "gzip"),
        ("/only.css", "br", "plain"),
    ] {
        let answer = site.get_with(target, &[("accept-encoding", accept)]).await;
        answer.is(200, content);
        let coding = match content {
            "brotli" => "br",
            "plain" => "",
            coding => coding,
        };
        assert_eq!(answer.field("content-encoding"), coding, "{target} {accept}");
        assert_eq!(answer.field("vary"), "accept-encoding", "{target} {accept}");
        let media_type = if target == "/app.js" { "text/javascript" } else { "text/css" };
        assert_eq!(answer.field("content-type"), format!("{media_type}; charset=utf-8"));
    }
    let plain = site.get("/app.js").await;
    plain.is(200, "plain");
    assert_eq!(plain.field("vary"), "accept-encoding");
    let alone = site.get_with("/alone.txt", &[("accept-encoding", "br")]).await;
    assert_eq!((alone.text(), alone.field("vary"), alone.field("content-encoding")), ("plain", "", ""));
}

#[tokio::test]
async fn every_representation_has_its_own_tag() {
    let site = compressed();
    let mut tags = Vec::new();
    for accept in ["br", "zstd", "gzip", "identity"] {
        let answer = site.get_with("/app.js", &[("accept-encoding", accept)]).await;
        let tag = answer.field("etag").to_owned();
        let again = [("accept-encoding", accept), ("if-none-match", &tag)];
        let not_modified = site.get_with("/app.js", &again).await;
        not_modified.is(304, "");
        assert_eq!(not_modified.field("etag"), tag);
        assert_eq!(not_modified.field("vary"), "accept-encoding");
        assert_eq!(not_modified.field("cache-control"), "no-cache");
        for absent in ["content-type", "content-encoding", "content-length"] {
            assert!(!not_modified.fields.contains_key(absent), "{absent}");
        }
        tags.push(tag);
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4, "{tags:?}");
    // A tag of one coding says nothing of another.
    let gzip = site.get_with("/app.js", &[("accept-encoding", "gzip")]).await;
    let asked = [("accept-encoding", "br"), ("if-none-match", gzip.field("etag"))];
    site.get_with("/app.js", &asked).await.is(200, "brotli");
}

#[tokio::test]
async fn ranges_are_of_the_representation_that_is_sent() {
    let site = compressed();
    let answer = site.get_with("/app.js", &[("accept-encoding", "br"), ("range", "bytes=1-3")]).await;
    answer.is(206, "rot");
    assert_eq!((answer.field("content-range"), answer.field("content-encoding")), ("bytes 1-3/6", "br"));
}

#[tokio::test]
async fn a_sibling_that_is_older_or_empty_is_left_aside() {
    let site = compressed();
    site.touch("app.js", 1_000_001);
    site.write("app.js.zst", "");
    site.touch("app.js.gz", 1_000_002);
    let answer = site.get_with("/app.js", &[("accept-encoding", "br, zstd;q=0.9, gzip;q=0.8")]).await;
    answer.is(200, "gzip");
    answer.has_decision("precompressed-sibling: the br sibling is left aside");
    answer.has_decision("precompressed-sibling: the zstd sibling is left aside");
}

#[tokio::test]
async fn siblings_are_files_of_their_own_and_can_be_switched_off() {
    let site = compressed();
    let answer = site.get_with("/app.js.gz", &[("accept-encoding", "gzip")]).await;
    answer.is(200, "gzip");
    assert_eq!((answer.field("content-type"), answer.field("content-encoding")), ("application/gzip", ""));
    let site = Site::with(&[("a.js", "plain"), ("a.js.gz", "gzip")], |config| config.precompressed = false);
    let answer = site.get_with("/a.js", &[("accept-encoding", "gzip")]).await;
    assert_eq!((answer.text(), answer.field("vary")), ("plain", ""));
}

#[tokio::test]
async fn a_sibling_without_its_file_is_nothing() {
    let site = Site::new(&[("a.js.gz", "gzip")]);
    assert_eq!(site.get_with("/a.js", &[("accept-encoding", "gzip")]).await.status, 404);
}

#[tokio::test]
async fn languages_are_chosen_by_accept_language() {
    let files = [
        ("page.html", "english"),
        ("page.fr.html", "french"),
        ("page.pt-BR.html", "brazilian"),
        ("other.html", "english"),
        ("index.html", "english"),
        ("index.fr.html", "french"),
        ("noext", "english"),
    ];
    let site = Site::with(&files, |config| config.languages = ["en", "fr", "pt-BR"].map(str::to_owned).to_vec());
    for (target, accept, content, language) in [
        ("/page.html", "fr", "french", "fr"),
        ("/page.html", "fr-CH, fr;q=0.9, en;q=0.8", "french", "fr"),
        ("/page.html", "en-US,en;q=0.9,fr;q=0.5", "english", "en"),
        ("/page.html", "pt", "brazilian", "pt-BR"),
        ("/page.html", "PT-br", "brazilian", "pt-BR"),
        ("/page.html", "de, fr;q=0.5", "french", "fr"),
        ("/page.html", "de", "english", "en"),
        ("/page.html", "*", "english", "en"),
        ("/page.html", "en;q=0, *", "french", "fr"),
        ("/page.html", "", "english", "en"),
        ("/", "fr", "french", "fr"),
        ("/index.html", "fr", "french", "fr"),
    ] {
        let answer = site.get_with(target, &[("accept-language", accept)]).await;
        answer.is(200, content);
        assert_eq!(answer.field("content-language"), language, "{target} {accept}");
        assert_eq!(answer.field("vary"), "accept-language", "{target} {accept}");
    }
    for target in ["/other.html", "/noext"] {
        let answer = site.get_with(target, &[("accept-language", "fr")]).await;
        answer.is(200, "english");
        assert_eq!((answer.field("content-language"), answer.field("vary")), ("", ""));
    }
    site.get("/page.fr.html").await.is(200, "french");
}

#[tokio::test]
async fn languages_and_codings_go_together() {
    let files = [("p.html", "en"), ("p.html.gz", "en gzip"), ("p.fr.html", "fr"), ("p.fr.html.br", "fr br")];
    let site = Site::with(&files, |config| config.languages = ["en", "fr"].map(str::to_owned).to_vec());
    for (language, coding, content) in
        [("en", "br, gzip", "en gzip"), ("fr", "br, gzip", "fr br"), ("fr", "gzip", "fr"), ("en", "br", "en")]
    {
        let fields = [("accept-language", language), ("accept-encoding", coding)];
        let answer = site.get_with("/p.html", &fields).await;
        answer.is(200, content);
        assert_eq!(answer.field("vary"), "accept-encoding, accept-language");
        let head = site.ask(Method::HEAD, "/p.html", &fields).await;
        assert_eq!(head.field("content-length"), content.len().to_string());
    }
}
