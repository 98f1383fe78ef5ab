//! Whatever a peer sends, nobody panics, every decision speaks, and long values take time in proportion to their length.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, header};
use proptest::prelude::*;
use wirelight_semantics::cache::{self, Control, Exchanged, Selecting, Times};
use wirelight_semantics::coding::{self, Coding};
use wirelight_semantics::cors::{self, Names, Origins, Pattern, Policy};
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::precondition;
use wirelight_semantics::range::{self, Limits};
use wirelight_semantics::validator::{EntityTag, Validators};
use wirelight_semantics::{auth, cookie, date, fields, grammar, negotiate, uri};

use crate::{EXAMPLE, at, speaks};

/// Runs everything that a cache asks of a message on one that is request and response at once.
fn cache_as_everything(message: &HeaderMap) {
    let times = Times { requested: at(EXAMPLE), responded: at(EXAMPLE) };
    let (request, response) = (Control::of_request(message), Control::of_response(message));
    speaks(&Selecting::of(message, message).judge(message));
    speaks(&Selecting::of(message, message).judge(&HeaderMap::new()));
    for (shared, status) in [(false, http::StatusCode::OK), (true, http::StatusCode::NOT_FOUND)] {
        let exchanged =
            Exchanged { method: &Method::GET, request: message, status, response: message, responded: at(EXAMPLE) };
        speaks(&cache::admit::judge(&exchanged, shared));
        let lifetime = cache::freshness::lifetime(&exchanged, &response, shared, &Default::default());
        let freshness = cache::Freshness { lifetime, age: cache::freshness::age(message, times, at(EXAMPLE)) };
        speaks(&freshness);
        speaks(&cache::reuse::judge(&request, &response, freshness, shared));
        let failure = cache::reuse::Failure::Unreachable;
        speaks(&cache::reuse::instead(&request, &response, freshness, failure, None, shared));
        let mut stored = cache::admit::stored_fields(message, shared);
        cache::validate::freshen(&mut stored, message, shared);
    }
    speaks(&cache::validate::judge(http::StatusCode::NOT_MODIFIED, message, message));
    let target = "http://a.test/x".parse().expect("a URI");
    speaks(&cache::invalidate::judge(&Method::POST, &target, http::StatusCode::OK, message));
}

/// Runs everything that reads a field value on one.
fn read_as_everything(value: &HeaderValue) {
    let mut message = HeaderMap::new();
    for name in [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
        header::AGE,
        header::AUTHORIZATION,
        header::CACHE_CONTROL,
        header::CONNECTION,
        header::CONTENT_ENCODING,
        header::COOKIE,
        header::DATE,
        header::ETAG,
        header::EXPIRES,
        header::IF_RANGE,
        header::LAST_MODIFIED,
        header::LOCATION,
        header::ORIGIN,
        header::RANGE,
        header::VARY,
        header::ACCESS_CONTROL_REQUEST_METHOD,
        header::ACCESS_CONTROL_REQUEST_HEADERS,
    ] {
        message.insert(name, value.clone());
    }
    let html: MediaType = "text/html".parse().expect("a media type");
    speaks(&negotiate::media_type(&message, &[html]));
    speaks(&negotiate::coding(&message, &Coding::ALL));
    speaks(&negotiate::language(&message, &["de", "en-GB"]));
    cache_as_everything(&message);
    speaks(&auth::judge(auth::Asker::Origin, &message, |_| false));
    let current = Validators { entity_tag: EntityTag::strong("a").ok(), last_modified: Some(at(EXAMPLE)) };
    for (name, method) in [
        (header::IF_MATCH, Method::PUT),
        (header::IF_NONE_MATCH, Method::GET),
        (header::IF_MODIFIED_SINCE, Method::GET),
        (header::IF_UNMODIFIED_SINCE, Method::PUT),
    ] {
        let request = HeaderMap::from_iter([(name, value.clone())]);
        speaks(&precondition::judge(&method, &request, Some(&current)));
        speaks(&precondition::judge(&method, &request, None));
    }
    let origins = Origins::Listed(vec![Pattern::parse("https://*.app.test").expect("a pattern")]);
    for policy in [
        Policy { origins, ..Policy::default() },
        Policy { origins: Origins::Any, fields: Names::Any, ..Policy::default() },
    ] {
        let judgement = cors::judge(&policy, &Method::OPTIONS, &message);
        speaks(&judgement);
        judgement.write(&policy, &mut HeaderMap::new());
    }
    for with_condition in [true, false] {
        speaks(&range::judge(&Method::GET, &message, 10, &current, at(EXAMPLE), &Limits::default()));
        if with_condition {
            message.remove(header::IF_RANGE);
        }
    }
    let _ = coding::applied(&message, 4);
    let _ = cookie::pairs(&message, usize::MAX).count();
    let _ = (date::parse(value.as_bytes()), EntityTag::parse(value.as_bytes()), MediaType::parse(value.as_bytes()));
    let _ = (Validators::of(&message), grammar::unquote(value.as_bytes()));
    fields::add_vary(&mut message, &[HeaderName::from_static("x-a")]);
    fields::remove_hop_by_hop(&mut message);
}

/// Values that make a careless reader go back and forth; each is made of about 128 KiB.
#[test]
fn long_values_are_read_in_one_pass() {
    let pieces = [
        ",",
        ", ",
        "\"",
        "\",",
        "\\",
        "\"\\",
        ";",
        ";q=",
        "a,",
        "a;q=0.1,",
        "W/\"a,",
        "\"a\" ,",
        "W/\"a\",",
        "a-",
        "-a-b",
        "*,",
        "*/*,",
        "a/b;c=d,",
        "a/b;c=\"d\",",
        "0-0,",
        "0-,",
        "bytes=0-,",
        "a=b;",
        "=;",
        "; a=\"",
        "x-a,",
        "9",
        "/../a",
        "%2e%2e/",
        "https://a.app.test.",
        ".a",
        "\t ",
    ];
    for piece in pieces {
        let long = piece.repeat((128 << 10) / piece.len());
        for text in [long.clone(), format!("bytes={long}"), format!("https://{long}"), format!("Basic {long}")] {
            read_as_everything(&HeaderValue::from_str(&text).expect("the pieces are visible ASCII"));
        }
        let path = format!("/{long}");
        let _ = (uri::normalize(&path).map_err(|refused| speaks(&refused)), uri::remove_dot_segments(&path));
        let _ = uri::decode(&path).map_err(|refused| speaks(&refused));
    }
}

proptest! {
    #[test]
    fn any_field_value_is_read_without_panic(bytes in prop::collection::vec(prop_oneof![
        Just(b'"'), Just(b'\\'), Just(b','), Just(b';'), Just(b'='), Just(b'*'), Just(b'/'), Just(b'-'), Just(b'W'),
        Just(b'q'), Just(b'0'), Just(b'1'), Just(b'.'), Just(b' '), Just(b'\t'), b'!'..=b'~', 0x80..=0xffu8,
    ], 0..64), prefix in prop_oneof![Just(""), Just("bytes="), Just("https://"), Just("Basic "), Just("W/\""), Just("a/b;")]) {
        let bytes = [prefix.as_bytes(), &bytes].concat();
        read_as_everything(&HeaderValue::from_bytes(&bytes).expect("no control characters"));
    }

    #[test]
    fn any_path_is_read_without_panic(path in any::<String>()) {
        for path in [path.clone(), format!("/{path}")] {
            let _ = uri::normalize(&path).map_err(|refused| speaks(&refused));
            let _ = uri::decode(&path).map_err(|refused| speaks(&refused));
            let _ = (uri::remove_dot_segments(&path), uri::encode(&path), uri::Origin::parse(&path), uri::split_port(&path));
            let _ = wirelight_semantics::media_type::by_name(&path);
            let _ = Pattern::parse(&path);
        }
    }
}
