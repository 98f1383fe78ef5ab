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
}

#[tokio::test]
async fn head_says_what_get_would_and_sends_nothing() {
    let site = Site::new(&[("file.txt", "hello")]);
    let get = site.get("/file.txt").await;
    let head = site.ask(Method::HEAD, "/file.txt", &[]).await;
    head.is(200, "");
    assert_eq!(head.field("content-length"), "5");
    for name in ["etag", "last-modified", "content-type", "cache-control", "accept-ranges"] {
        assert_eq!(head.field(name), get.field(name), "{name}");
    }
}
