//! RFC 9110, section 9: what methods promise.

use http::Method;
use wirelight_semantics::method::{self, Content};

use crate::method as named;

#[test]
fn methods_promise_what_the_registry_says() {
    let cases = [
        ("GET", true, true, true, Content::Undefined),
        ("HEAD", true, true, true, Content::Undefined),
        ("POST", false, false, true, Content::Defined),
        ("PUT", false, true, false, Content::Defined),
        ("PATCH", false, false, false, Content::Defined),
        ("DELETE", false, true, false, Content::Undefined),
        ("OPTIONS", true, true, false, Content::Undefined),
        ("TRACE", true, true, false, Content::Forbidden),
        ("CONNECT", false, false, false, Content::Undefined),
        ("PROPFIND", true, true, false, Content::Defined),
        ("LOCK", false, false, false, Content::Defined),
        ("UNLOCK", false, true, false, Content::Defined),
        ("QUERY", true, true, true, Content::Defined),
        ("VERSION-CONTROL", false, true, false, Content::Defined),
        ("ACL", false, true, false, Content::Defined),
        ("get", false, false, false, Content::Defined),
        ("UNHEARD-OF", false, false, false, Content::Defined),
    ];
    for (name, safe, idempotent, cacheable, content) in cases {
        let method = named(name);
        let found = (
            method::is_safe(&method),
            method::is_idempotent(&method),
            method::is_cacheable(&method),
            method::content(&method),
        );
        assert_eq!(found, (safe, idempotent, cacheable, content), "{name}");
    }
}

#[test]
fn what_is_registered_is_found() {
    assert_eq!(method::registered(&Method::PATCH).expect("it is registered").section, "RFC 5789, section 2");
    assert_eq!(method::registered(&named("ACK")), None);
    assert_eq!(method::registered(&named("ZZZ")), None);
}
