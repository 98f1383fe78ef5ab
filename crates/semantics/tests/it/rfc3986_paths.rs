//! RFC 3986: paths and origins.

use http::Uri;
use proptest::prelude::*;
use wirelight_semantics::uri::{self, Origin};

use crate::because;

/// Section 5.2.4.
#[test]
fn dot_segments_go() {
    let cases = [
        ("/", "/"),
        ("/a/b/c/./../../g", "/a/g"),
        ("/.", "/"),
        ("/..", "/"),
        ("/../..", "/"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a/.", "/a/"),
        ("/a/./", "/a/"),
        ("/a/b/..", "/a/"),
        ("/a/b/../", "/a/"),
        ("/a//../b", "/a/b"),
        ("//", "//"),
        ("//../a", "/a"),
        ("/...", "/..."),
        ("/.a/..b", "/.a/..b"),
        ("/a/../../../../etc/passwd", "/etc/passwd"),
    ];
    for (path, expected) in cases {
        assert_eq!(uri::remove_dot_segments(path), expected, "{path}");
    }
}

/// Section 6.2.2.
#[test]
fn equivalent_paths_become_equal() {
    let cases = [
        ("/a/b", Ok("/a/b")),
        ("/%7Euser/%61%2d", Ok("/~user/a-")),
        ("/a%2fb", Ok("/a%2Fb")),
        ("/%c3%a9", Ok("/%C3%A9")),
        ("/\u{e9}", Ok("/%C3%A9")),
        ("/a/%2e%2E/b", Ok("/b")),
        ("/a|b", Ok("/a%7Cb")),
        ("/a%", Err("the percent sign after 2 bytes of /a% is not followed by two hexadecimal digits")),
        ("/a%2", Err("the percent sign after 2 bytes of /a%2 is not followed by two hexadecimal digits")),
        ("/%zz", Err("the percent sign after 1 bytes of /%zz is not followed by two hexadecimal digits")),
        ("*", Err("the path * does not begin with a slash")),
        ("", Err("the path  does not begin with a slash")),
    ];
    for (path, expected) in cases {
        let normal = uri::normalize(path).map_err(|refused| because(&refused));
        assert_eq!(normal.as_deref().map_err(String::as_str), expected, "{path}");
    }
}

#[test]
fn paths_are_decoded_once_and_hide_nothing() {
    let cases = [
        ("/a%20b", Ok("/a b")),
        ("/%C3%A9", Ok("/\u{e9}")),
        ("/%252e%252e/x", Ok("/%2e%2e/x")),
        ("/%2e%2e/%2e%2e/etc/passwd", Ok("/etc/passwd")),
        ("/a/.%2e/b", Ok("/b")),
        ("/..%2f..%2fetc/passwd", Err("/..%2f..%2fetc/passwd hides a slash after 3 bytes")),
        ("/a%5c..%5cb", Err("/a%5c..%5cb holds a backslash after 2 bytes")),
        ("/a\\b", Err("/a\\b holds a backslash after 2 bytes")),
        ("/a%00.html", Err("/a%00.html holds the control character 0x00 after 2 bytes")),
        ("/a%0d%0ax: y", Err("/a%0d%0ax: y holds the control character 0x0d after 2 bytes")),
        ("/a%7f", Err("/a%7f holds the control character 0x7f after 2 bytes")),
        ("/%ff", Err("/%ff does not decode to UTF-8")),
        ("/%c0%ae%c0%ae/", Err("/%c0%ae%c0%ae/ does not decode to UTF-8")),
        ("/%u002e", Err("the percent sign after 1 bytes of /%u002e is not followed by two hexadecimal digits")),
        ("a", Err("the path a does not begin with a slash")),
    ];
    for (path, expected) in cases {
        let decoded = uri::decode(path).map_err(|refused| because(&refused));
        assert_eq!(decoded.as_deref().map_err(String::as_str), expected, "{path}");
    }
}

#[test]
fn a_reference_never_names_another_host() {
    for (path, expected) in [
        ("/a b", "/a%20b"),
        ("//evil.test/x", "/evil.test/x"),
        ("/\u{e9}?#%", "/%C3%A9%3F%23%25"),
        ("", "/"),
        ("/\\evil.test", "/%5Cevil.test"),
    ] {
        assert_eq!(uri::encode(path), expected, "{path}");
    }
}

/// RFC 6454, sections 4 and 6.
#[test]
fn origins_are_compared_by_scheme_host_and_port() {
    let cases = [
        ("https://app.test", Some("https://app.test")),
        ("HTTPS://APP.test:443", Some("https://app.test")),
        ("http://app.test:443", Some("http://app.test:443")),
        ("http://app.test:", Some("http://app.test")),
        ("http://[::1]:8080", Some("http://[::1]:8080")),
        ("http://[::1]", Some("http://[::1]")),
        ("app://local", Some("app://local")),
        ("https://app.test/", None),
        ("https://user@app.test", None),
        ("https://app.test:port", None),
        ("https://app.test:65536", None),
        ("https://app.test:+80", None),
        ("https://", None),
        ("https://[::1", None),
        ("https://[::1]x", None),
        ("https://[app]", None),
        ("://app.test", None),
        ("1http://app.test", None),
        ("https://a b", None),
        ("null", None),
        ("https://\u{e9}.test", None),
    ];
    for (text, expected) in cases {
        assert_eq!(Origin::parse(text).map(|origin| origin.to_string()).as_deref(), expected, "{text}");
    }
    let uri: Uri = "https://App.test:8443/x?y".parse().expect("a URI");
    assert_eq!(Origin::of(&uri), Origin::new("https", "app.test", Some(8443)));
    assert_eq!(Origin::of(&Uri::from_static("/x")), None);
    assert_eq!(Origin::parse("https://app.test").and_then(|origin| origin.port()), Some(443));
}

proptest! {
    #[test]
    fn an_encoded_path_decodes_to_itself(path in "/[^/.\\\\\\x00-\\x1f\\x7f][^.\\\\\\x00-\\x1f\\x7f]{0,30}") {
        let encoded = uri::encode(&path);
        prop_assert_eq!(uri::decode(&encoded).expect("nothing is hidden"), path);
    }

    #[test]
    fn normal_paths_stay_as_they_are(path in "/[a-z%2eEfF./~\u{e9}]{0,30}") {
        if let Ok(normal) = uri::normalize(&path) {
            prop_assert_eq!(uri::normalize(&normal).expect("it is normal"), normal.clone());
            prop_assert!(normal.starts_with('/') && normal.split('/').all(|segment| segment != ".." && segment != "."));
        }
    }

    #[test]
    fn decoded_paths_never_climb(path in "/[a%2eEfFcC0.5/]{0,30}") {
        if let Ok(decoded) = uri::decode(&path) {
            prop_assert!(decoded.starts_with('/') && decoded.split('/').all(|segment| segment != ".." && segment != "."));
        }
    }
}
