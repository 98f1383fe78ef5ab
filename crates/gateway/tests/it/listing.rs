//! Listings of folders.

use http::Method;
use serde_json::Value;

use crate::site::{Answer, Site};

const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const JSON: (&str, &str) = ("accept", "application/json");

fn site() -> Site {
    let site = Site::with(
        &[
            ("folder/b.txt", "1234567890"),
            ("folder/A.txt", "123"),
            ("folder/sub/x", "x"),
            ("folder/Zoo/x", "x"),
            ("folder/.hidden", "SECRET"),
            ("folder/<img src=x onerror=alert(1)>", "x"),
            ("folder/a b%41\"'&.txt", "x"),
            ("folder/javascript:alert(1)", "x"),
            ("folder/back\\slash", "x"),
            ("folder/line\nbreak", "x"),
            ("folder/\u{e9}t\u{e9}", "x"),
            ("indexed/index.html", "index"),
            ("../outside.txt", "SECRET"),
        ],
        |config| config.listing = true,
    );
    site.link("folder/in", "b.txt");
    site.link("folder/in-folder", "sub");
    site.link("folder/out", "../../outside.txt");
    site.link("folder/dangling", "nothing");
    site
}

fn names(answer: &Answer) -> Vec<String> {
    let json: Value = serde_json::from_str(answer.text()).unwrap();
    json["entries"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn json_lists_folders_first_and_only_what_can_be_asked_for() {
    let site = site();
    site.touch("folder/b.txt", 1_000_000_000);
    let answer = site.get_with("/folder/", &[JSON]).await;
    assert_eq!((answer.status.as_u16(), answer.field("content-type")), (200, "application/json"));
    assert_eq!(answer.field("vary"), "accept");
    assert_eq!(
        names(&answer),
        [
            "in-folder",
            "sub",
            "Zoo",
            "<img src=x onerror=alert(1)>",
            "a b%41\"'&.txt",
            "A.txt",
            "b.txt",
            "in",
            "javascript:alert(1)",
            "\u{e9}t\u{e9}",
        ]
    );
    let json: Value = serde_json::from_str(answer.text()).unwrap();
    assert_eq!((&json["path"], &json["truncated"]), (&Value::from("/folder/"), &Value::from(false)));
    let b = json["entries"].as_array().unwrap().iter().find(|entry| entry["name"] == "b.txt").unwrap();
    assert_eq!(
        *b,
        serde_json::json!({ "name": "b.txt", "url": "./b.txt", "type": "file", "size": 10, "modified": "2001-09-09T01:46:40.000Z" })
    );
}

#[tokio::test]
async fn every_reference_leads_to_what_it_names() {
    let site = site();
    let json: Value = serde_json::from_str(site.get_with("/folder/", &[JSON]).await.text()).unwrap();
    for entry in json["entries"].as_array().unwrap() {
        let url = entry["url"].as_str().unwrap();
        let target = format!("/folder/{}", url.strip_prefix("./").expect("a relative reference"));
        let answer = site.get(&target).await;
        assert_eq!(answer.status, 200, "{target}");
    }
}

#[tokio::test]
async fn a_page_escapes_every_name_and_runs_nothing() {
    let site = site();
    let answer = site.get_with("/folder/", &[HTML]).await;
    assert_eq!((answer.status.as_u16(), answer.field("content-type")), (200, "text/html; charset=utf-8"));
    let page = answer.text();
    for (wanted, why) in [
        ("href=\"./%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E\">&lt;img src=x onerror=alert(1)&gt;</a>", "markup"),
        ("href=\"./a%20b%2541%22%27%26.txt\">a b%41&quot;&#39;&amp;.txt</a>", "quotes"),
        ("href=\"./javascript%3Aalert%281%29\"", "a scheme"),
        ("href=\"./sub/\">sub/</a>", "a folder"),
        ("href=\"./%C3%A9t%C3%A9\">\u{e9}t\u{e9}</a>", "another script"),
        ("<a href=\"../\">root</a>", "the way up"),
        ("10 B</td>", "a size"),
        ("3 folders, 7 files", "a summary"),
        ("color-scheme", "light and dark"),
    ] {
        assert!(page.contains(wanted), "{why}: {wanted} is not in {page}");
    }
    for unwanted in ["<img", "<script", "SECRET", ".hidden", "dangling", "slash", "break", " style=", "href=\"/"] {
        assert!(!page.contains(unwanted), "{unwanted} is in {page}");
    }
    let policy = answer.field("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
}

#[tokio::test]
async fn the_root_has_no_way_up() {
    let answer = site().get_with("/", &[HTML]).await;
    assert!(!answer.text().contains("../"), "{}", answer.text());
    assert!(answer.text().contains("<title>/</title>"));
}

#[tokio::test]
async fn columns_sort_and_folders_stay_first() {
    let site = Site::with(&[("a", "333"), ("b", "1"), ("c", "22"), ("z/x", "")], |config| config.listing = true);
    for (path, seconds) in [("a", 2), ("b", 3), ("c", 1)] {
        site.touch(path, seconds);
    }
    for (query, expected) in [
        ("", ["z", "a", "b", "c"]),
        ("?sort=name&order=desc", ["z", "c", "b", "a"]),
        ("?sort=size", ["z", "b", "c", "a"]),
        ("?sort=size&order=desc", ["z", "a", "c", "b"]),
        ("?order=asc&sort=modified", ["z", "c", "a", "b"]),
        ("?sort=nonsense&x", ["z", "a", "b", "c"]),
    ] {
        assert_eq!(names(&site.get_with(&format!("/{query}"), &[JSON]).await), expected, "{query}");
    }
    let page = site.get_with("/?sort=size", &[HTML]).await;
    assert!(page.text().contains("aria-sort=\"ascending\"><a href=\"?sort=size&amp;order=desc\">"), "{}", page.text());
}

#[tokio::test]
async fn a_listing_is_bounded() {
    let site = Site::with(&[("a", ""), ("b", ""), ("c", "")], |config| {
        config.listing = true;
        config.listing_entries_max = 2;
    });
    let answer = site.get_with("/", &[JSON]).await;
    assert_eq!(names(&answer).len(), 2);
    assert!(answer.text().contains("\"truncated\":true"));
    assert!(site.get_with("/", &[HTML]).await.text().contains("there is more than is shown"));
}

#[tokio::test]
async fn a_listing_stands_only_where_nothing_else_does() {
    let site = site();
    site.get_with("/indexed/", &[HTML]).await.is(200, "index");
    assert_eq!(site.get_with("/folder", &[HTML]).await.field("location"), "./folder/");
    assert_eq!(site.get_with("/folder/b.txt/", &[HTML]).await.status, 404);
    assert_eq!(site.get_with("/nothing/", &[HTML]).await.status, 404);
    assert_eq!(site.get_with("/.git/", &[HTML]).await.status, 404);
    assert_eq!(site.ask(Method::HEAD, "/folder/", &[HTML]).await.status, 200);
    let shown = Site::with(&[(".hidden", "x")], |config| {
        config.listing = true;
        config.hidden = true;
    });
    assert_eq!(names(&shown.get_with("/", &[JSON]).await), [".hidden"]);
}
