//! Fetch, section 3.2: cross-origin requests.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderName, HeaderValue,
    VARY,
};
use http::{HeaderMap, Method};
use serde_json::Value as Json;
use wirelight_semantics::cors::{self, Fault, Judgement, Methods, Names, Origins, Pattern, Policy};
use wirelight_semantics::decision::Decision;

use crate::{because, corpus, fields, method};

fn listed(origins: &[&str]) -> Origins {
    Origins::Listed(origins.iter().map(|text| Pattern::parse(text).expect("an origin")).collect())
}

fn app() -> Policy {
    Policy {
        origins: listed(&["https://app.test", "https://*.wild.test:8443", "null"]),
        methods: Methods::Listed(vec![Method::GET, Method::PUT]),
        fields: Names::Listed(vec![HeaderName::from_static("x-a"), HeaderName::from_static("x-b")]),
        exposed: Names::Listed(vec![HeaderName::from_static("x-total")]),
        credentials: true,
        max_age_seconds: Some(600),
        ..Policy::default()
    }
}

/// The response fields that the judgement makes of `before`, as sorted lines.
fn written(judgement: &Judgement, policy: &Policy, before: &[(&str, &str)]) -> Vec<String> {
    let mut response = fields(before);
    judgement.write(policy, &mut response);
    let mut lines: Vec<String> =
        response.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII"))).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn patterns_match_whole_labels() {
    let cases = [
        ("https://app.test", "https://app.test", true),
        ("https://APP.test:443", "https://app.test", true),
        ("https://app.test", "http://app.test", false),
        ("https://app.test", "https://app.test:8443", false),
        ("https://app.test", "https://app.test.evil", false),
        ("https://*.app.test", "https://a.app.test", true),
        ("https://*.app.test", "https://a.b-c.app.test", true),
        ("https://*.app.test", "https://app.test", false),
        ("https://*.app.test", "https://.app.test", false),
        ("https://*.app.test", "https://a..app.test", false),
        ("https://*.app.test", "https://evilapp.test", false),
        ("https://*.app.test", "https://evil.test/.app.test", false),
        ("https://*.app.test", "https://evil.test?.app.test", false),
        ("https://*.app.test", "https://evil.test#.app.test", false),
        ("https://*.app.test", "https://evil.test:80.app.test", false),
        ("https://*.app.test", "https://u@a.app.test", false),
        ("https://*.app.test", "http://a.app.test", false),
        ("https://*.app.test", "https://a.app.test:8443", false),
        ("https://*.app.test:8443", "https://a.app.test:8443", true),
        ("http://[::1]:3000", "http://[::1]:3000", true),
        ("null", "null", true),
        ("https://app.test", "null", false),
    ];
    for (pattern, origin, expected) in cases {
        assert_eq!(Pattern::parse(pattern).expect("a pattern").matches(origin), expected, "{pattern} {origin}");
    }
    for text in ["*", "app.test", "https://", "https://*", "https://*.*.test", "https://a.*.test", "https://a.test/"] {
        assert_eq!(Pattern::parse(text), None, "{text}");
    }
    for text in ["https://app.test", "https://*.app.test:8443", "null"] {
        assert_eq!(Pattern::parse(text).expect("a pattern").to_string(), text);
    }
}

#[test]
fn every_refusal_says_why() {
    let cases: &[(&str, &[(&str, &str)], &str, &str)] = &[
        (
            "GET",
            &[("origin", "https://evil.test")],
            "the policy does not list the origin https://evil.test",
            "https://evil.test among the policy's origins would allow it",
        ),
        (
            "GET",
            &[("origin", "https://app.test:8443")],
            "the policy lists https://app.test, but the origin is https://app.test:8443: scheme and port must be the \
             same too",
            "https://app.test:8443 among the policy's origins would allow it",
        ),
        (
            "GET",
            &[("origin", "https://APP.test")],
            "Origin holds https://APP.test, which is no origin as browsers write it",
            "one origin in lower case, such as https://app.test, would be compared",
        ),
        (
            "GET",
            &[("origin", "https://app.test"), ("origin", "https://app.test")],
            "Origin holds https://app.test, https://app.test, which is no origin as browsers write it",
            "one origin in lower case, such as https://app.test, would be compared",
        ),
        (
            "OPTIONS",
            &[("origin", "https://app.test"), ("access-control-request-method", "DELETE")],
            "the policy does not allow https://app.test to send DELETE",
            "DELETE among the policy's methods would allow it",
        ),
        (
            "OPTIONS",
            &[("origin", "https://app.test"), ("access-control-request-method", "put")],
            "the policy does not allow https://app.test to send put",
            "put among the policy's methods would allow it",
        ),
        (
            "OPTIONS",
            &[("origin", "https://app.test"), ("access-control-request-method", "a b")],
            "Access-Control-Request-Method holds a b, which is no method",
            "a method name, such as PUT, would be compared",
        ),
        (
            "OPTIONS",
            &[
                ("origin", "https://app.test"),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "X-A, x-evil"),
            ],
            "the policy does not allow https://app.test to send the field x-evil",
            "x-evil among the policy's fields would allow it",
        ),
        (
            "OPTIONS",
            &[
                ("origin", "https://app.test"),
                ("access-control-request-method", "PUT"),
                ("access-control-request-headers", "x-a, ä"),
            ],
            "Access-Control-Request-Headers holds \\xc3\\xa4, which is no field name",
            "field names with commas between them would be compared",
        ),
        (
            "OPTIONS",
            &[
                ("origin", "https://app.test"),
                ("access-control-request-method", "PUT"),
                ("access-control-request-private-network", "true"),
            ],
            "https://app.test asks to reach a private network, and the policy does not allow that",
            "a policy with private networks allowed would allow it",
        ),
    ];
    for (name, request, cause, otherwise) in cases {
        let policy = app();
        let judgement = cors::judge(&policy, &method(name), &fields(request));
        assert!(judgement.is_refused() && judgement.declines());
        assert_eq!(judgement.is_preflight(), *name == "OPTIONS");
        assert_eq!(because(&judgement), *cause);
        assert_eq!(judgement.otherwise().as_deref(), Some(*otherwise));
        let lines = written(&judgement, &policy, &[("access-control-allow-origin", "*")]);
        assert!(lines.iter().all(|line| line.starts_with("vary: ")), "{lines:?}");
    }
    let policy = Policy { origins: listed(&["https://app.test"]), ..Policy::default() };
    let judgement = cors::judge(&policy, &Method::GET, &fields(&[("origin", "null")]));
    let expected = "the origin is null, that of a sandboxed frame or a local file, and is not listed";
    assert_eq!(because(&judgement), expected);
}

#[test]
fn a_preflight_may_ask_about_so_many_fields_only() {
    let policy = Policy { fields: Names::Any, fields_max: 2, origins: Origins::Any, ..Policy::default() };
    let ask = |names: &str| {
        let request = [
            ("origin", "https://app.test"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", names),
        ];
        cors::judge(&policy, &Method::OPTIONS, &fields(&request))
    };
    assert!(!ask("a, b,,").is_refused());
    assert_eq!(because(&ask("a, b, c")), "Access-Control-Request-Headers names more than 2 fields");
}

#[test]
fn what_is_allowed_is_written() {
    let policy = app();
    let actual = cors::judge(&policy, &Method::GET, &fields(&[("origin", "https://x.wild.test:8443")]));
    assert_eq!(because(&actual), "the policy allows https://x.wild.test:8443");
    assert_eq!(
        written(&actual, &policy, &[("access-control-allow-origin", "*"), ("vary", "accept")]),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-origin: https://x.wild.test:8443",
            "access-control-expose-headers: x-total",
            "vary: accept",
            "vary: origin",
        ]
    );
    let request = [
        ("origin", "https://app.test"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-b,X-A"),
    ];
    let preflight = cors::judge(&policy, &Method::OPTIONS, &fields(&request));
    assert!(preflight.is_preflight() && !preflight.declines());
    assert_eq!(because(&preflight), "the policy allows https://app.test to send PUT with x-b, x-a");
    assert_eq!(
        written(&preflight, &policy, &[]),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-headers: x-a, x-b",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: https://app.test",
            "access-control-max-age: 600",
            "vary: access-control-request-headers",
            "vary: access-control-request-method",
            "vary: origin",
        ]
    );
    let options = cors::judge(&policy, &Method::OPTIONS, &fields(&[("origin", "https://app.test")]));
    assert!(matches!(options, Judgement::Actual { .. }), "without a method it asks about, it is no preflight");
}

#[test]
fn who_does_not_ask_gets_nothing_but_vary() {
    let policy = app();
    let judgement = cors::judge(&policy, &Method::GET, &fields(&[]));
    assert!(matches!(judgement, Judgement::NotCors) && !judgement.declines());
    assert_eq!(because(&judgement), "the request has no Origin");
    assert_eq!(written(&judgement, &policy, &[]), ["vary: origin"]);
    let anybody = Policy { origins: Origins::Any, ..Policy::default() };
    assert_eq!(written(&judgement, &anybody, &[]), [] as [&str; 0], "the answer is the same for all");
}

#[test]
fn a_star_is_written_where_it_means_something() {
    let anything = |credentials| Policy {
        origins: if credentials { listed(&["https://app.test"]) } else { Origins::Any },
        methods: Methods::Any,
        fields: Names::Any,
        exposed: Names::Any,
        credentials,
        private_network: true,
        ..Policy::default()
    };
    let cases = [
        (false, "x-a", "*", "*", Some("*")),
        (false, "x-a, authorization", "*", "x-a, authorization", Some("*")),
        (true, "x-a", "PATCH", "x-a", None),
    ];
    for (credentials, asked, methods, names, exposed) in cases {
        let policy = anything(credentials);
        let request = [
            ("origin", "https://app.test"),
            ("access-control-request-method", "PATCH"),
            ("access-control-request-headers", asked),
            ("access-control-request-private-network", "true"),
        ];
        let mut response = HeaderMap::new();
        cors::judge(&policy, &Method::OPTIONS, &fields(&request)).write(&policy, &mut response);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_METHODS], methods);
        assert_eq!(response[ACCESS_CONTROL_ALLOW_HEADERS], names);
        assert_eq!(response["access-control-allow-private-network"], "true");
        let mut response = HeaderMap::new();
        cors::judge(&policy, &Method::GET, &fields(&request)).write(&policy, &mut response);
        let found = response.get("access-control-expose-headers").map(|value| value.to_str().expect("ASCII"));
        assert_eq!(found, exposed);
    }
}

#[test]
fn credentials_are_never_granted_to_anybody() {
    let policy = Policy { origins: Origins::Any, credentials: true, ..Policy::default() };
    assert_eq!(policy.check(), Err(Fault::AnyOriginWithCredentials));
    let judgement = cors::judge(&policy, &Method::GET, &fields(&[("origin", "https://evil.test")]));
    assert_eq!(written(&judgement, &policy, &[]), ["access-control-allow-origin: *"]);
}

/// The policy that a case of the corpus describes.
fn described(policy: &Json) -> Policy {
    let texts = |name: &str| -> Vec<String> {
        let list = policy[name].as_array().map(Vec::as_slice).unwrap_or_default();
        list.iter().map(|text| text.as_str().expect("text").to_owned()).collect()
    };
    let origins = texts("origins");
    let mut described = Policy {
        origins: match origins.iter().any(|text| text == "*") {
            true => Origins::Any,
            false => listed(&origins.iter().map(String::as_str).collect::<Vec<_>>()),
        },
        fields: Names::Listed(texts("headers").iter().map(|text| text.parse().expect("a name")).collect()),
        credentials: policy["credentials"].as_bool().unwrap_or(false),
        ..Policy::default()
    };
    if policy.get("methods").is_some() {
        described.methods = Methods::Listed(texts("methods").iter().map(|text| method(text)).collect());
    }
    described
}

#[test]
fn the_corpus_agrees() {
    let mut judged = 0;
    for case in corpus(include_str!("../data/cors.json")) {
        judged += 1;
        let (id, expected) = (&case["id"], &case["expect"]);
        let policy = described(&case["input"]["policy"]);
        assert_eq!(policy.check().is_err(), expected["config_error"] == true, "{id}");
        let mut request = HeaderMap::new();
        let mut name = "GET";
        let mut unreadable = false;
        for (field, value) in case["input"]["request"].as_object().expect("fields") {
            let value = value.as_str().expect("text");
            match HeaderValue::from_str(value) {
                _ if field == "_method" => name = value,
                Ok(value) => drop(request.insert(HeaderName::from_bytes(field.as_bytes()).expect("a name"), value)),
                Err(_) => unreadable = true,
            }
        }
        assert_eq!(unreadable, expected["status"] == 400, "{id}: what is no field value never gets here");
        let mut response = HeaderMap::new();
        cors::judge(&policy, &method(name), &request).write(&policy, &mut response);
        let text = |name: HeaderName| response.get(name).map(|value| value.to_str().expect("ASCII"));
        if let Some(acao) = expected.get("acao") {
            assert_eq!(text(ACCESS_CONTROL_ALLOW_ORIGIN), acao.as_str(), "{id}");
        }
        if expected.get("acam_contains").is_some() {
            assert_eq!(text(ACCESS_CONTROL_ALLOW_METHODS), None, "{id}");
        }
        if expected.get("acah_contains").is_some() {
            assert_eq!(text(ACCESS_CONTROL_ALLOW_HEADERS), None, "{id}");
        }
        if expected["vary_origin"] == true {
            assert_eq!(text(VARY), Some("origin"), "{id}");
        }
    }
    assert_eq!(judged, 11);
}
