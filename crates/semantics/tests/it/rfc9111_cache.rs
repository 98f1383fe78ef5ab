//! RFC 9111 rule by rule, and RFC 5861, 8246 and 9211, as tables.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use wirelight_semantics::cache::control::{Extent, SECONDS_MAX, Seconds};
use wirelight_semantics::cache::freshness::{self, Basis, Freshness, Lifetime, Limits, Times};
use wirelight_semantics::cache::reuse::{self, Failure};
use wirelight_semantics::cache::status::{Forwarded, Handled};
use wirelight_semantics::cache::{Admission, Control, Exchanged, Selecting, admit, invalidate, key, validate};
use wirelight_semantics::decision::Decision;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Fields, one a line.
fn fields(text: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line.trim().split_once(':').unwrap();
        fields.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value.trim()).unwrap());
    }
    fields
}

fn response(control: &str) -> Control {
    Control::of_response(&fields(&format!("Cache-Control: {control}")))
}

fn request(control: &str) -> Control {
    Control::of_request(&fields(if control.is_empty() { "" } else { control }))
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + S(seconds)
}

#[test]
fn section_5_2_each_directive_is_read() {
    let of = |seconds| Some(Seconds::Of(S(seconds)));
    let plain = Control::default;
    let named =
        |names: &[&'static str]| Extent::Fields(names.iter().map(|name| HeaderName::from_static(name)).collect());
    let table: [(&str, Control); 34] = [
        ("max-age=5", Control { max_age: of(5), ..plain() }),
        ("MAX-AGE=5", Control { max_age: of(5), ..plain() }),
        ("max-age=\"5\"", Control { max_age: of(5), ..plain() }),
        ("max-age = 5", Control { max_age: of(5), ..plain() }),
        ("max-age=00005", Control { max_age: of(5), ..plain() }),
        ("max-age=0, max-age=100", Control { max_age: of(0), ..plain() }),
        ("max-age=99999999999999999999", Control { max_age: of(SECONDS_MAX), ..plain() }),
        ("max-age", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age=", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age=-5", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age=5.5", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age=5s", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age='5'", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("max-age=x, max-age=5", Control { max_age: Some(Seconds::Invalid), ..plain() }),
        ("s-maxage=7", Control { s_maxage: of(7), ..plain() }),
        ("no-store", Control { no_store: true, ..plain() }),
        ("no-cache", Control { no_cache: Extent::Whole, ..plain() }),
        ("no-cache=\"set-cookie, x-a\"", Control { no_cache: named(&["set-cookie", "x-a"]), ..plain() }),
        ("no-cache=set-cookie", Control { no_cache: named(&["set-cookie"]), ..plain() }),
        ("no-cache=\"\"", Control { no_cache: Extent::Whole, ..plain() }),
        ("no-cache=\"a b\"", Control { no_cache: Extent::Whole, ..plain() }),
        ("no-cache=\"x-a\", no-cache", Control { no_cache: Extent::Whole, ..plain() }),
        ("private=\"x-a\", private=\"x-b\"", Control { private: named(&["x-a", "x-b"]), ..plain() }),
        ("PRIVATE, public", Control { private: Extent::Whole, public: true, ..plain() }),
        ("must-revalidate, proxy-revalidate", Control { must_revalidate: true, proxy_revalidate: true, ..plain() }),
        ("must-understand, no-store", Control { must_understand: true, no_store: true, ..plain() }),
        ("no-transform, immutable", Control { no_transform: true, immutable: true, ..plain() }),
        ("stale-while-revalidate=3", Control { stale_while_revalidate: Some(S(3)), ..plain() }),
        ("stale-if-error=\"4\"", Control { stale_if_error: Some(S(4)), ..plain() }),
        ("stale-if-error=x", plain()),
        ("max-stale", Control { max_stale: Some(None), ..plain() }),
        ("max-stale=9, min-fresh=2", Control { max_stale: Some(Some(S(9))), min_fresh: Some(S(2)), ..plain() }),
        ("only-if-cached", Control { only_if_cached: true, ..plain() }),
        ("community=\"UCI, no-store\", , x=1, a-directive-that-nobody-has-ever-heard-of", plain()),
    ];
    for (text, expected) in table {
        assert_eq!(response(text), expected, "{text}");
    }
    let lines = fields("Cache-Control: max-age=5\nCache-Control: no-store");
    assert_eq!(Control::of_response(&lines), Control { max_age: of(5), no_store: true, ..plain() });
    assert_eq!(request("Pragma: no-cache").no_cache, Extent::Whole, "section 5.4");
    assert_eq!(request("Pragma: no-cache\nCache-Control: max-age=5").no_cache, Extent::Nothing, "section 5.4");
    assert_eq!(Control::of_response(&fields("Pragma: no-cache")), plain(), "a response's Pragma means nothing");
    assert_eq!(request("Cache-Control: no-cache=x").no_cache, Extent::Whole);
}

fn lifetime(status: u16, head: &str, shared: bool) -> Lifetime {
    let response = fields(head);
    let exchanged = Exchanged {
        method: &Method::GET,
        request: &HeaderMap::new(),
        status: StatusCode::from_u16(status).unwrap(),
        response: &response,
        responded: at(1000),
    };
    freshness::lifetime(&exchanged, &Control::of_response(&response), shared, &Limits::default())
}

#[test]
fn section_4_2_1_the_first_lifetime_counts() {
    // Date lies 1000 seconds after 1970, as does the arrival of the response.
    let date = "Date: Thu, 01 Jan 1970 00:16:40 GMT\n";
    let later = "Expires: Thu, 01 Jan 1970 00:17:40 GMT\n";
    let table = [
        ("Cache-Control: max-age=5", 5, 5, "max-age says"),
        ("Cache-Control: max-age=5, s-maxage=9", 5, 9, "max-age says"),
        ("Cache-Control: s-maxage=9", 0, 9, "nothing says"),
        (later, 60, 60, "Expires lies"),
        ("Expires: Thu, 01 Jan 1970 00:17:40 GMT\nCache-Control: max-age=5", 5, 5, "max-age says"),
        ("Expires: Thu, 01 Jan 1970 00:17:40 GMT\nCache-Control: max-age=x", 0, 0, "max-age cannot be read"),
        ("Expires: Thu, 01 Jan 1970 00:10:00 GMT", 0, 0, "Expires lies"),
        ("Expires: 0", 0, 0, "Expires cannot be read"),
        ("Expires: -1", 0, 0, "Expires cannot be read"),
        ("Expires: Thu, 01 Jan 1970 00:17:40 GMT\nExpires: Thu, 01 Jan 1970 00:18:40 GMT", 0, 0, "Expires cannot be"),
        ("Expires: Thursday, 01-Jan-70 00:17:40 GMT", 60, 60, "Expires lies"),
        ("Cache-Control: no-cache", 0, 0, "nothing says"),
        ("Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", 100, 100, "100 s is guessed"),
        ("Last-Modified: Thu, 01 Jan 1970 01:00:00 GMT", 0, 0, "nothing says"),
        ("X: y", 0, 0, "nothing says"),
    ];
    for (head, private, shared, says) in table {
        for date in [date, ""] {
            let head = format!("{date}{head}");
            assert_eq!(lifetime(200, &head, false).length, S(private), "{head}");
            assert_eq!(lifetime(200, &head, true).length, S(shared), "{head}");
            let judged = Freshness { lifetime: lifetime(200, &head, false), age: S(7) };
            assert!(judged.because().contains(says), "{head}: {}", judged.because());
            assert!(judged.because().starts_with("it is 7 s old"), "{head}");
        }
    }
    // A lifetime counts from Date, not from the arrival.
    let early = "Date: Thu, 01 Jan 1970 00:16:00 GMT\nExpires: Thu, 01 Jan 1970 00:17:40 GMT";
    assert_eq!(lifetime(200, early, false).length, S(100));
}

#[test]
fn section_4_2_2_only_some_statuses_are_guessed_about() {
    let head = "Date: Thu, 01 Jan 1970 00:16:40 GMT\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\n";
    for (status, guessed) in [
        (200, 100),
        (203, 100),
        (204, 100),
        (300, 100),
        (301, 100),
        (308, 100),
        (404, 100),
        (405, 100),
        (410, 100),
        (414, 100),
        (501, 100),
        (302, 0),
        (307, 0),
        (400, 0),
        (403, 0),
        (418, 0),
        (500, 0),
        (503, 0),
    ] {
        assert_eq!(lifetime(status, head, false).length, S(guessed), "{status}");
        let public = format!("{head}Cache-Control: public");
        assert_eq!(lifetime(status, &public, false).length, S(100), "{status} public");
    }
    let old = "Date: Sun, 06 Nov 1994 08:49:37 GMT\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(lifetime(200, old, false).length, S(24 * 3600), "at most a day");
}

#[test]
fn section_4_2_3_age_is_the_greater_of_two() {
    let date = |seconds| format!("Date: {}\n", wirelight_semantics::date::text(at(seconds)));
    // Date, Age, asked, answered, now: the age.
    let table: [(Option<u64>, &str, u64, u64, u64, u64); 16] = [
        (Some(1000), "", 1000, 1000, 1000, 0),
        (Some(1000), "", 1000, 1000, 1007, 7),
        (Some(1000), "", 990, 1000, 1000, 10),
        (Some(1000), "5", 990, 1000, 1000, 15),
        (Some(900), "5", 990, 1000, 1000, 100),
        (Some(900), "500", 990, 1000, 1003, 513),
        (Some(2000), "", 1000, 1000, 1000, 0),
        (None, "", 1000, 1000, 1003, 3),
        (None, "30", 1000, 1000, 1003, 33),
        (None, "30, 40", 1000, 1000, 1000, 30),
        (None, "x", 1000, 1000, 1000, 0),
        (None, "-5", 1000, 1000, 1000, 0),
        (None, "1.5", 1000, 1000, 1000, 0),
        (None, "99999999999999999999", 1000, 1000, 1000, SECONDS_MAX),
        (None, "", 1000, 900, 800, 0),
        (Some(1000), "5", 1000, 1000, 10, 5),
    ];
    for (made, age, requested, responded, now, expected) in table {
        let mut head = made.map(date).unwrap_or_default();
        if !age.is_empty() {
            head.push_str(&format!("Age: {age}\n"));
        }
        let times = Times { requested: at(requested), responded: at(responded) };
        assert_eq!(freshness::age(&fields(&head), times, at(now)), S(expected), "{head} {times:?} {now}");
    }
    assert_eq!(freshness::age_field(Duration::from_millis(1999)), "1");
    assert_eq!(freshness::age_field(Duration::MAX), "2147483648");
}

#[test]
fn section_3_what_is_stored() {
    // Request fields, method, status, response fields: what a private and what a shared cache say.
    let cc = "Cache-Control: ";
    let ok = "it says how long it is fresh";
    let table: Vec<(&str, &str, u16, String, &str, &str)> = vec![
        ("", "GET", 200, format!("{cc}max-age=5"), ok, ok),
        ("", "GET", 200, "Expires: Thu, 01 Jan 1970 02:46:40 GMT".into(), ok, ok),
        ("", "GET", 200, format!("{cc}s-maxage=5\nETag: \"a\""), "for 200 a lifetime", ok),
        ("", "GET", 200, "ETag: \"a\"".into(), "for 200 a lifetime", "for 200 a lifetime"),
        ("", "GET", 200, "X: y".into(), "stale at once", "stale at once"),
        ("", "GET", 200, format!("{cc}no-cache"), "stale at once", "stale at once"),
        ("", "GET", 200, format!("{cc}no-cache\nETag: \"a\""), "for 200 a lifetime", "for 200 a lifetime"),
        ("", "GET", 200, format!("{cc}max-age=0\nETag: \"a\""), ok, ok),
        ("", "GET", 200, format!("{cc}max-age=0, stale-while-revalidate=5"), ok, ok),
        ("", "GET", 302, format!("{cc}max-age=5"), ok, ok),
        ("", "GET", 302, "ETag: \"a\"".into(), "nothing says how long", "nothing says how long"),
        ("", "GET", 302, format!("{cc}public\nETag: \"a\""), "it is public", "it is public"),
        ("", "GET", 418, format!("{cc}private\nETag: \"a\""), "this cache serves one user", "more than one user"),
        ("", "GET", 500, "ETag: \"a\"".into(), "nothing says how long", "nothing says how long"),
        ("", "GET", 500, format!("{cc}max-age=5"), ok, ok),
        ("", "POST", 200, format!("{cc}max-age=5"), "answers to POST", "answers to POST"),
        ("", "HEAD", 200, format!("{cc}max-age=5"), "answers to HEAD", "answers to HEAD"),
        ("", "GET", 200, format!("{cc}max-age=5, no-store"), "response says no-store", "response says no-store"),
        ("", "GET", 200, format!("{cc}no-store\n{cc}max-age=5"), "response says no-store", "response says no-store"),
        ("", "GET", 200, format!("{cc}max-age=5, no-store, must-understand"), ok, ok),
        ("", "GET", 418, format!("{cc}max-age=5, must-understand"), "knows nothing of 418", "knows nothing of 418"),
        (
            "Cache-Control: no-store",
            "GET",
            200,
            format!("{cc}max-age=5"),
            "request says no-store",
            "request says no-store",
        ),
        ("", "GET", 200, format!("{cc}max-age=5, PRIVATE"), ok, "more than one user"),
        ("", "GET", 200, format!("{cc}max-age=5, private=\"x-a\""), ok, ok),
        ("Authorization: x", "GET", 200, format!("{cc}max-age=5"), ok, "a request with Authorization"),
        ("Authorization: x", "GET", 200, format!("{cc}max-age=5, public"), ok, ok),
        ("Authorization: x", "GET", 200, format!("{cc}max-age=5, must-revalidate"), ok, ok),
        ("Authorization: x", "GET", 200, format!("{cc}s-maxage=5\nETag: \"a\""), "for 200", ok),
        ("", "GET", 200, format!("{cc}max-age=5\nSet-Cookie: a=1"), ok, "sets a cookie"),
        ("", "GET", 200, format!("{cc}max-age=5, public\nSet-Cookie: a=1"), ok, ok),
        ("", "GET", 200, format!("{cc}max-age=5, no-cache=\"set-cookie\"\nSet-Cookie: a=1"), ok, ok),
        ("", "GET", 206, format!("{cc}max-age=5"), "206 is about a part", "206 is about a part"),
        ("", "GET", 304, format!("{cc}max-age=5"), "304 is about a part", "304 is about a part"),
        ("", "GET", 103, format!("{cc}max-age=5"), "103 is no final", "103 is no final"),
        (
            "",
            "GET",
            200,
            format!("{cc}max-age=5\nVary: *"),
            "no other request can be known",
            "no other request can be known",
        ),
        (
            "",
            "GET",
            200,
            format!("{cc}max-age=5\nVary: a\nVary: b, *"),
            "no other request can be known",
            "no other request can be known",
        ),
        ("", "GET", 426, format!("{cc}max-age=600\nUpgrade: x"), ok, ok),
    ];
    for (asked, method, status, answered, private, shared) in table {
        let (method, status) = (method.parse().unwrap(), StatusCode::from_u16(status).unwrap());
        let (request, response) = (fields(asked), fields(&answered));
        let exchanged =
            Exchanged { method: &method, request: &request, status, response: &response, responded: at(1000) };
        for (is_shared, says) in [(false, private), (true, shared)] {
            let admission = admit::judge(&exchanged, is_shared);
            let because = admission.because();
            assert!(because.contains(says), "{method} {asked} {status} {answered} {is_shared}: {because}");
            assert_eq!(admission.outcome() == "stored in the cache", matches!(admission, Admission::Stored(_)));
            let has_other = matches!(admission, Admission::Refused(_)) && !status.is_informational();
            assert_eq!(admission.otherwise().is_some(), has_other, "{admission:?}");
            assert!(admission.rule().section.starts_with("RFC 9111"), "{admission:?}");
        }
    }
}

#[test]
fn section_3_1_what_is_not_stored_with_it() {
    let head = "Connection: x-one\nX-One: 1\nKeep-Alive: timeout=5\nProxy-Authenticate: Basic\nX-Two: 2\n\
                Set-Cookie: a=1\nCache-Control: private=\"x-two\", no-cache=\"set-cookie\"\nETag: \"a\"";
    let names = |shared| {
        let stored = admit::stored_fields(&fields(head), shared);
        stored.keys().map(|name| name.as_str().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(names(false).into_iter().collect::<Vec<_>>(), ["cache-control", "etag", "x-two"]);
    assert_eq!(names(true).into_iter().collect::<Vec<_>>(), ["cache-control", "etag"]);
    assert!(!admit::stored_fields(&fields(head), false).contains_key(SET_COOKIE));
}

#[test]
fn section_4_and_its_kin_when_it_is_used() {
    const ASKED: &str = "the origin was asked whether the stored response still holds";
    let fresh = |length, age| Freshness { lifetime: Lifetime { length: S(length), basis: Basis::MaxAge }, age: S(age) };
    // The request's and the response's Cache-Control, lifetime and age: the outcome, and a part of the reason.
    let table = [
        ("", "", 10, 0, "answered from the cache", "it is 0 s old, and max-age says 10 s"),
        ("", "", 10, 9, "answered from the cache", "9 s old"),
        ("", "", 10, 10, ASKED, "10 s old"),
        ("", "no-cache", 10, 0, ASKED, "it says no-cache"),
        ("", "no-cache=\"x-a\"", 10, 0, "answered from the cache", "0 s old"),
        ("no-cache", "", 10, 0, ASKED, "the request says no-cache"),
        ("max-age=5", "", 10, 5, "answered from the cache", "5 s old"),
        ("max-age=5", "", 10, 6, ASKED, "at most 5 s"),
        ("max-age=0", "", 10, 0, ASKED, "at most 0 s"),
        ("max-age=x", "", 10, 0, ASKED, "at most 0 s"),
        ("max-age=0", "immutable", 10, 5, "answered from the cache", "immutable"),
        ("no-cache", "immutable", 10, 5, ASKED, "the request says no-cache"),
        ("max-age=0", "immutable", 10, 15, ASKED, "at most 0 s"),
        ("min-fresh=4", "", 10, 6, "answered from the cache", "6 s old"),
        ("min-fresh=5", "", 10, 6, ASKED, "it is fresh for 4 s more, and the request wants 5 s"),
        ("max-stale", "", 10, 99999, "answered from the cache, stale", "takes a stale one"),
        ("max-stale=5", "", 10, 15, "answered from the cache, stale", "takes one that is 5 s stale"),
        ("max-stale=5", "", 10, 16, ASKED, "at most 5 s stale"),
        ("max-stale=x", "", 10, 11, ASKED, "at most 0 s stale"),
        ("max-stale", "must-revalidate", 10, 11, ASKED, "must-revalidate forbids"),
        ("max-stale", "no-cache", 10, 11, ASKED, "it says no-cache"),
        ("max-age=20, max-stale=100", "", 10, 15, "answered from the cache, stale", "100 s stale"),
        ("", "stale-while-revalidate=5", 10, 15, "answered from the cache, stale, and validated meanwhile", "5 s more"),
        ("", "stale-while-revalidate=5", 10, 16, ASKED, "16 s old"),
        ("", "stale-while-revalidate=5, must-revalidate", 10, 15, ASKED, "must-revalidate"),
        ("max-age=100", "stale-while-revalidate=5", 10, 15, ASKED, "15 s old"),
        (
            "",
            "proxy-revalidate, stale-while-revalidate=5",
            10,
            15,
            "answered from the cache, stale, and validated meanwhile",
            "",
        ),
        (
            "",
            "s-maxage=5, stale-while-revalidate=5",
            10,
            15,
            "answered from the cache, stale, and validated meanwhile",
            "",
        ),
    ];
    for (asked, stored, length, age, outcome, because) in table {
        let request = Control::of_request(&fields(&format!("Cache-Control: {asked}")));
        let judged = reuse::judge(&request, &response(stored), fresh(length, age), false);
        assert_eq!(judged.outcome(), outcome, "{asked} | {stored} | {length} {age}: {judged:?}");
        assert!(judged.because().contains(because), "{asked} | {stored}: {}", judged.because());
        assert_eq!(judged.otherwise().is_some(), outcome == ASKED, "{judged:?}");
    }
    for directive in ["proxy-revalidate", "s-maxage=5"] {
        let stored = response(&format!("{directive}, stale-while-revalidate=99"));
        let judged = reuse::judge(&Control::default(), &stored, fresh(10, 15), true);
        assert_eq!(judged.outcome(), ASKED, "{directive} binds a shared cache");
    }
}

#[test]
fn rfc_5861_section_4_stale_in_place_of_an_error() {
    let stale = |age| Freshness { lifetime: Lifetime { length: S(10), basis: Basis::MaxAge }, age: S(age) };
    let status = |code| Failure::Status(StatusCode::from_u16(code).unwrap());
    let table = [
        ("", "stale-if-error=5", 15, status(503), None, true, "the origin answered 503"),
        ("", "stale-if-error=5", 15, Failure::Unreachable, None, true, "could not be asked"),
        ("", "stale-if-error=5", 16, status(500), None, false, "6 s stale, and stale-if-error allows 5 s"),
        ("", "stale-if-error=5", 15, status(501), None, false, "501 is an answer"),
        ("", "stale-if-error=5", 15, status(404), None, false, "404 is an answer"),
        ("", "", 15, status(502), None, false, "nobody says"),
        ("", "", 15, status(504), Some(S(5)), true, "allows 5 s"),
        ("stale-if-error=9", "stale-if-error=1", 15, status(502), None, true, "allows 9 s"),
        ("no-cache", "stale-if-error=9", 15, status(502), None, false, "no-cache in the request"),
        ("", "stale-if-error=9, must-revalidate", 15, status(502), None, false, "must-revalidate"),
        ("", "stale-if-error=9, no-cache", 15, status(502), None, false, "no-cache"),
    ];
    for (asked, stored, age, failure, granted, used, because) in table {
        let request = Control::of_request(&fields(&format!("Cache-Control: {asked}")));
        let judged = reuse::instead(&request, &response(stored), stale(age), failure, granted, false);
        assert_eq!(matches!(judged, reuse::Instead::Used { .. }), used, "{asked} | {stored} | {judged:?}");
        assert!(judged.because().contains(because), "{}", judged.because());
    }
    let shared = reuse::instead(
        &Control::default(),
        &response("proxy-revalidate, stale-if-error=9"),
        stale(15),
        status(503),
        None,
        true,
    );
    assert_eq!(shared.because(), "proxy-revalidate forbids to use it stale");
    assert!(reuse::OnlyIfCached.declines() && reuse::OnlyIfCached.outcome().starts_with("504"));
}

#[test]
fn section_2_keys() {
    let key = |uri: &str| key::primary(&uri.parse::<Uri>().unwrap());
    let table = [
        ("HTTP://A.Test:80/Path", "http://a.test/Path"),
        ("https://a.test:443", "https://a.test/"),
        ("https://a.test:80?q", "https://a.test:80/?q"),
        ("http://a.test/a%2fb", "http://a.test/a%2fb"),
        ("http://a.test/a/../b?x=1&x=%23", "http://a.test/a/../b?x=1&x=%23"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
    ];
    for (uri, expected) in table {
        assert_eq!(key(uri).as_deref(), Some(expected), "{uri}");
    }
    assert_eq!(key("/path"), None);
}

#[test]
fn section_4_1_vary_selects() {
    // Vary, the fields of the request that was stored, those of the next: whether it is chosen.
    let table = [
        ("", "A: 1", "A: 2", true),
        ("A", "A: 1", "A: 1", true),
        ("a", "A: 1", "A: 2", false),
        ("A", "", "", true),
        ("A", "A: 1", "", false),
        ("A", "", "A: 1", false),
        ("A, B", "A: 1\nB: 2", "B: 2\nA: 1", true),
        ("A, B", "A: 1\nB: 2", "A: 1\nB: 3", false),
        ("A", "A: 1\nA: 2", "A: 1,  2", true),
        ("A", "A: 1, 2", "A: 2, 1", false),
        ("A", "A: x", "A: X", false),
        ("Accept-Encoding", "Accept-Encoding: gzip, br;q=0.5", "Accept-Encoding: BR ; q=0.5,gzip", true),
        ("Accept-Language", "Accept-Language: de", "Accept-Language: DE", true),
        ("Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: br", false),
        ("*", "", "", false),
        ("A, *", "A: 1", "A: 1", false),
        ("not a name", "", "", false),
    ];
    for (vary, stored, asked, chosen) in table {
        let response = if vary.is_empty() { HeaderMap::new() } else { fields(&format!("Vary: {vary}")) };
        let judged = Selecting::of(&fields(stored), &response).judge(&fields(asked));
        assert_eq!(judged.is_same(), chosen, "{vary} | {stored} | {asked}: {}", judged.because());
    }
    let differs = Selecting::of(&fields("A: 1"), &fields("Vary: a")).judge(&fields(""));
    assert_eq!(differs.because(), "it varies by a: it was made for `1`, and the request has none");
}

#[test]
fn section_4_3_validation() {
    let condition = |head: &str| {
        let list = validate::condition(&fields(head));
        list.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
    };
    let modified = "Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(
        condition(&format!("ETag: W/\"a\"\nLast-Modified: {modified}")),
        ["if-none-match: W/\"a\"".to_owned(), format!("if-modified-since: {modified}")]
    );
    assert!(condition("ETag: nonsense\nLast-Modified: yesterday").is_empty());
    let table = [
        (304, "ETag: \"a\"", "ETag: \"a\"", "304 with the same entity tag"),
        (304, "ETag: W/\"a\"", "ETag: \"a\"", "304 with the same weak entity tag"),
        (304, "ETag: \"b\"", "ETag: \"a\"", "validator of another"),
        (304, "ETag: \"b\"", "", "validator of another"),
        (304, "", "ETag: \"a\"", "only this one"),
        (304, "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT", "date"),
        (
            304,
            "Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT",
            "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT",
            "another",
        ),
        (200, "ETag: \"a\"", "ETag: \"a\"", "answered 200"),
        (404, "", "ETag: \"a\"", "answered 404"),
        (503, "", "ETag: \"a\"", "answered 503"),
    ];
    for (status, answer, stored, because) in table {
        let judged = validate::judge(StatusCode::from_u16(status).unwrap(), &fields(answer), &fields(stored));
        assert!(judged.because().contains(because), "{status} {answer} {stored}: {}", judged.because());
    }
}

#[test]
fn section_3_2_freshening() {
    let mut stored =
        fields("Content-Type: text/plain\nContent-Length: 5\nX-A: 1\nX-A: 2\nX-B: 3\nX-C: 4\nAge: 9\nDate: x");
    let answer = fields(
        "Content-Type: text/html\nContent-Length: 0\nX-A: 7\nDate: y\nConnection: x-d\nX-D: 1\n\
         Cache-Control: max-age=9, no-cache=\"x-c\"",
    );
    validate::freshen(&mut stored, &answer, false);
    let get = |name: &str| stored.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>();
    assert_eq!((get("content-type"), get("content-length")), (vec!["text/plain"], vec!["5"]));
    assert_eq!((get("x-a"), get("x-b"), get("date")), (vec!["7"], vec!["3"], vec!["y"]));
    assert!(get("x-c").is_empty() && get("x-d").is_empty() && get("connection").is_empty());
    let same = fields("ETag: \"a\"\nContent-Length: 5");
    for (answer, length, because) in [
        ("ETag: \"a\"\nContent-Length: 5", 5, "same validators"),
        ("ETag: \"a\"\nContent-Length: 6", 5, "another"),
        ("ETag: \"b\"\nContent-Length: 5", 5, "another"),
        ("ETag: \"a\"", 5, "same validators"),
    ] {
        let headed = validate::judge_head(&fields(answer), &same, length);
        assert!(headed.because().contains(because), "{answer}: {}", headed.because());
    }
}

#[test]
fn section_4_4_invalidation() {
    let target: Uri = "http://a.test/x".parse().unwrap();
    let table: [(&str, u16, &str, &[&str]); 11] = [
        ("POST", 200, "", &["http://a.test/x"]),
        ("PUT", 201, "Location: /y", &["http://a.test/x", "http://a.test/y"]),
        ("DELETE", 204, "Content-Location: ./z", &["http://a.test/x", "http://a.test/z"]),
        ("PATCH", 303, "Location: http://b.test/y", &["http://a.test/x"]),
        ("POST", 200, "Location: https://a.test/y", &["http://a.test/x"]),
        ("POST", 200, "Location: /x\nContent-Location: /x", &["http://a.test/x"]),
        ("FOO", 200, "", &["http://a.test/x"]),
        ("POST", 500, "", &[]),
        ("POST", 404, "", &[]),
        ("GET", 200, "Location: /y", &[]),
        ("OPTIONS", 200, "", &[]),
    ];
    for (method, status, head, expected) in table {
        let status = StatusCode::from_u16(status).unwrap();
        let judged = invalidate::judge(&method.parse().unwrap(), &target, status, &fields(head));
        let keys = match &judged {
            invalidate::Invalidation::Keys { keys, .. } => keys.clone(),
            _ => Vec::new(),
        };
        assert_eq!(keys, expected, "{method} {status} {head}: {}", judged.because());
    }
}

#[test]
fn rfc_9211_cache_status() {
    let table = [
        (Handled { hit: true, ttl: Some(545), ..Handled::default() }, "c; hit; ttl=545"),
        (Handled { hit: true, ttl: Some(-412), ..Handled::default() }, "c; hit; ttl=-412"),
        (
            Handled { forwarded: Some(Forwarded::UriMiss), stored: true, ..Handled::default() },
            "c; fwd=uri-miss; stored",
        ),
        (
            Handled { forwarded: Some(Forwarded::Stale), forwarded_status: Some(304), ..Handled::default() },
            "c; fwd=stale; fwd-status=304",
        ),
        (
            Handled { forwarded: Some(Forwarded::VaryMiss), collapsed: true, ..Handled::default() },
            "c; fwd=vary-miss; collapsed",
        ),
        (
            Handled { forwarded: Some(Forwarded::Bypass), detail: Some("a \"b\" \\ é".into()), ..Handled::default() },
            "c; fwd=bypass; detail=\"a \\\"b\\\" \\\\ \"",
        ),
    ];
    for (handled, expected) in table {
        assert_eq!(handled.member("c"), expected);
    }
    assert_eq!(Handled { hit: true, ..Handled::default() }.member("a cache"), "\"a cache\"; hit");
    let mut response = fields("Cache-Status: origin; hit");
    Handled { hit: true, ..Handled::default() }.append("near", &mut response);
    let members: Vec<_> = response.get_all("cache-status").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(members, ["origin; hit", "near; hit"], "the cache nearest to the reader comes last");
}
