//! What HTTP messages mean, case by case and section by section.

#![expect(clippy::type_complexity, reason = "a table of cases is written once, where it is read")]

mod fetch_cors;
mod rfc3986_paths;
mod rfc6265_cookies;
mod rfc9110_11_authentication;
mod rfc9110_12_negotiation;
mod rfc9110_13_conditional;
mod rfc9110_14_range;
mod rfc9110_5_fields;
mod rfc9110_8_representation;
mod rfc9110_9_methods;
mod rfc9111_cache;
mod rfc9457_problem;
mod untrusted;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::Value as Json;
use wirelight_semantics::decision::Decision;

/// Header fields in their order.
fn fields(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a test's field name is a token");
        fields.append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a test's field value is one"));
    }
    fields
}

/// The method with this name.
fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("a test's method is a token")
}

/// So many seconds after 1970.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// The second that RFC 9110, section 5.6.7 has for an example: Sun, 06 Nov 1994 08:49:37 GMT.
const EXAMPLE: u64 = 784_111_777;

/// The cases of a corpus.
fn corpus(text: &str) -> Vec<Json> {
    serde_json::from_str(text).expect("a corpus is a JSON array")
}

/// Checks what holds for the sentences of every decision about known values, and gives the cause.
fn because(decision: &dyn Decision) -> String {
    speaks(decision);
    for sentence in [decision.because(), decision.otherwise().unwrap_or_default(), decision.outcome()] {
        assert!(!sentence.ends_with('.'), "a full stop ends {sentence:?}");
    }
    decision.because().into_owned()
}

/// Checks what holds for the sentences of every decision, whatever values it shows.
fn speaks(decision: &dyn Decision) {
    assert!(!decision.because().is_empty(), "{decision:?} has no cause");
    for sentence in [decision.because(), decision.otherwise().unwrap_or_default(), decision.outcome()] {
        assert!(sentence.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "not on one line in ASCII: {sentence:?}");
        assert!(sentence.len() < 1200, "too long: {sentence:?}");
    }
    let rule = decision.rule();
    assert!(!rule.name.is_empty() && rule.says.ends_with('.') && rule.section.contains("section"), "{rule:?}");
}
