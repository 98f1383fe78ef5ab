//! RFC 6265bis: cookies.

use http::header::{COOKIE, HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::Value as Json;
use wirelight_semantics::cookie::{self, Fault, SameSite, SetCookie};

use crate::{EXAMPLE, at, corpus, fields};

const PAIRS_MAX: usize = 200;

/// Section 4.1.
#[test]
fn cookies_are_written() {
    let mut cookie = SetCookie::new("__Host-sid", "31d4d96e407aad42");
    let value = cookie.to_value().expect("the defaults are fine");
    assert_eq!(value, "__Host-sid=31d4d96e407aad42; Path=/; SameSite=Lax; Secure; HttpOnly");
    cookie = SetCookie {
        domain: Some(".wirelight.test".into()),
        path: None,
        max_age_seconds: Some(-1),
        expires: Some(at(EXAMPLE)),
        same_site: Some(SameSite::None),
        partitioned: true,
        http_only: false,
        ..SetCookie::new("sid", "")
    };
    assert_eq!(
        cookie.to_value().expect("it is secure"),
        "sid=; Domain=wirelight.test; Max-Age=-1; Expires=Sun, 06 Nov 1994 08:49:37 GMT; SameSite=None; Secure; \
         Partitioned"
    );
}

#[test]
fn what_clients_would_drop_is_not_written() {
    let sid = || SetCookie::new("sid", "a");
    let open = |name: &str| SetCookie { secure: false, ..SetCookie::new(name, "a") };
    let cases = [
        (SetCookie::new("", "a"), Fault::Name),
        (SetCookie::new("s id", "a"), Fault::Name),
        (SetCookie::new("sid", "a b"), Fault::Value),
        (SetCookie::new("sid", "\"a\""), Fault::Value),
        (SetCookie::new("sid", "a\r\nSet-Cookie: b"), Fault::Value),
        (SetCookie::new("sid", "\u{e9}"), Fault::Value),
        (SetCookie { domain: Some("a..test".into()), ..sid() }, Fault::Domain),
        (SetCookie { domain: Some("a.test; Path=/".into()), ..sid() }, Fault::Domain),
        (SetCookie { path: Some("a".into()), ..sid() }, Fault::Path),
        (SetCookie { path: Some("/a;b".into()), ..sid() }, Fault::Path),
        (SetCookie { path: Some("/a\n".into()), ..sid() }, Fault::Path),
        (SetCookie { path: Some(format!("/{}", "a".repeat(1024))), ..sid() }, Fault::TooLong),
        (SetCookie::new("sid", "a".repeat(4094)), Fault::TooLong),
        (open("__Secure-sid"), Fault::PrefixWithoutSecure),
        (open("__HOST-sid"), Fault::PrefixWithoutSecure),
        (SetCookie { domain: Some("a.test".into()), ..SetCookie::new("__Host-sid", "") }, Fault::HostPrefixWithDomain),
        (SetCookie { path: None, ..SetCookie::new("__Host-sid", "") }, Fault::HostPrefixWithoutRoot),
        (SetCookie { same_site: Some(SameSite::None), ..open("sid") }, Fault::SameSiteNoneWithoutSecure),
        (SetCookie { partitioned: true, ..open("sid") }, Fault::PartitionedWithoutSecure),
    ];
    for (cookie, fault) in cases {
        assert_eq!(cookie.to_value(), Err(fault), "{cookie:?}");
    }
    assert!(open("sid").to_value().is_ok());
    assert!(SetCookie::new("sid", "a".repeat(4093)).to_value().is_ok());
}

/// The cookie that a `Set-Cookie` value of the corpus means: the first equals sign and each `; ` separate.
fn meant(text: &str) -> SetCookie {
    let (pair, attributes) = match text.split_once("; ") {
        Some((pair, attributes)) => (pair, attributes),
        None => match text.rsplit_once(";Path") {
            Some(_) => unreachable!("the corpus puts a space before attributes"),
            None => (text, ""),
        },
    };
    let (name, value) = pair.split_once('=').expect("a pair");
    let mut cookie =
        SetCookie { path: None, secure: false, http_only: false, same_site: None, ..SetCookie::new(name, value) };
    for attribute in attributes.split("; ").filter(|attribute| !attribute.is_empty()) {
        match attribute.split_once('=').unwrap_or((attribute, "")) {
            ("Secure", _) => cookie.secure = true,
            ("Path", path) => cookie.path = Some(path.into()),
            ("Domain", domain) => cookie.domain = Some(domain.into()),
            ("SameSite", "None") => cookie.same_site = Some(SameSite::None),
            other => panic!("an attribute the corpus did not have: {other:?}"),
        }
    }
    cookie
}

#[test]
fn the_corpus_agrees_about_setting() {
    let mut judged = 0;
    for case in corpus(include_str!("../data/cookie.json")).iter().filter(|case| case["class"] == "cookie-set") {
        let cookie = meant(case["input"]["set_cookie"].as_str().expect("a cookie"));
        let allowed = cookie.to_value().is_ok();
        assert_eq!(Json::Bool(allowed), case["expect"]["builder_allows"], "{}: {cookie:?}", case["id"]);
        judged += 1;
    }
    assert_eq!(judged, 12);
}

#[test]
fn the_corpus_agrees_about_reading() {
    let mut judged = 0;
    for case in corpus(include_str!("../data/cookie.json")).iter().filter(|case| case["class"] == "cookie-parse") {
        let latin1: Vec<u8> = case["input"]["cookie"]
            .as_str()
            .expect("a cookie")
            .chars()
            .map(|char| u8::try_from(u32::from(char)).expect("the corpus is latin-1"))
            .collect();
        let mut request = HeaderMap::new();
        request.insert(COOKIE, HeaderValue::from_bytes(&latin1).expect("a field value"));
        let pairs: Vec<(String, String)> = cookie::pairs(&request, PAIRS_MAX)
            .map(|(name, value)| (name.to_owned(), String::from_utf8_lossy(value).into_owned()))
            .collect();
        match &case["expect"]["pairs"] {
            Json::String(what) if what == "limit" => assert_eq!(pairs.len(), PAIRS_MAX, "{}", case["id"]),
            Json::String(what) if what == "not a" => {
                assert!(pairs.iter().all(|(name, _)| name != "a"), "{}", case["id"]);
            }
            Json::Array(expected) => {
                let found: Vec<Json> = pairs.iter().map(|(name, value)| serde_json::json!([name, value])).collect();
                assert_eq!(found, *expected, "{}", case["id"]);
            }
            other => panic!("an expectation the corpus did not have: {other}"),
        }
        judged += 1;
    }
    assert_eq!(judged, 7);
}

#[test]
fn the_first_of_equal_names_counts() {
    let request = fields(&[("cookie", "a=1; b = 2 ;;c"), ("cookie", "a=3; A=4")]);
    assert_eq!(cookie::value(&request, "a", PAIRS_MAX), Some(&b"1"[..]));
    assert_eq!(cookie::value(&request, "b", PAIRS_MAX), Some(&b"2"[..]));
    assert_eq!(cookie::value(&request, "A", PAIRS_MAX), Some(&b"4"[..]));
    assert_eq!(cookie::value(&request, "A", 3), None, "beyond the limit");
    assert_eq!(cookie::value(&request, "c", PAIRS_MAX), None);
}

proptest! {
    #[test]
    fn a_cookie_comes_back_as_it_was_set(name in "[a-zA-Z0-9_-]{1,20}", value in "[!#-+--:<-\\[\\]-~]{0,40}") {
        prop_assume!(!name.to_ascii_lowercase().starts_with("__"));
        let set = SetCookie::new(name.clone(), value.clone()).to_value().expect("it is fine");
        let text = set.to_str().expect("ASCII");
        let sent = text.split("; ").next().expect("a pair");
        let request = fields(&[("cookie", sent)]);
        prop_assert_eq!(cookie::value(&request, &name, PAIRS_MAX), Some(value.as_bytes()));
    }
}
