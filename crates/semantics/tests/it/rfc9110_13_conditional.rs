//! RFC 9110, section 13: preconditions, in their order.

use std::time::Duration;

use wirelight_semantics::decision::Decision;
use wirelight_semantics::precondition::{self, IfRange};
use wirelight_semantics::validator::{EntityTag, Validators};

use crate::{EXAMPLE, at, because, fields, method};

const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
const EXACTLY: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

/// A representation with this tag that was modified at the example's second, and a bit.
fn current(tag: &str) -> Validators {
    Validators {
        entity_tag: EntityTag::parse(tag.as_bytes()).ok(),
        last_modified: Some(at(EXAMPLE) + Duration::from_millis(700)),
    }
}

/// 200 stands for going on, whatever the answer will be.
fn status(name: &str, request: &[(&str, &str)], current: Option<&Validators>) -> u16 {
    let judgement = precondition::judge(&method(name), &fields(request), current);
    because(&judgement);
    assert_eq!(judgement.declines(), judgement.status().is_some_and(|status| status == 412), "{judgement:?}");
    judgement.status().map_or(200, |status| status.as_u16())
}

/// Section 13.2.2: the order in which preconditions are judged.
#[test]
fn preconditions_are_judged_in_their_order() {
    let a = current("\"a\"");
    let cases: &[(&str, &[(&str, &str)], u16)] = &[
        ("GET", &[], 200),
        // Step 1 before all others.
        ("GET", &[("if-match", "\"b\""), ("if-none-match", "\"a\"")], 412),
        ("GET", &[("if-match", "\"a\""), ("if-none-match", "\"a\"")], 304),
        ("PUT", &[("if-match", "\"a\""), ("if-none-match", "\"a\"")], 412),
        ("PUT", &[("if-match", "\"a\""), ("if-none-match", "\"b\"")], 200),
        // Step 2 only without If-Match.
        ("GET", &[("if-match", "\"a\""), ("if-unmodified-since", BEFORE)], 200),
        ("GET", &[("if-unmodified-since", BEFORE), ("if-none-match", "\"a\"")], 412),
        ("GET", &[("if-unmodified-since", AFTER), ("if-none-match", "\"a\"")], 304),
        // Step 4 only without If-None-Match.
        ("GET", &[("if-none-match", "\"b\""), ("if-modified-since", AFTER)], 200),
        ("GET", &[("if-none-match", "\"a\""), ("if-modified-since", BEFORE)], 304),
        // Step 4 only for GET and HEAD.
        ("HEAD", &[("if-modified-since", EXACTLY)], 304),
        ("POST", &[("if-modified-since", EXACTLY)], 200),
        ("DELETE", &[("if-modified-since", EXACTLY)], 200),
        ("GET", &[("if-unmodified-since", AFTER), ("if-modified-since", AFTER)], 304),
        // Section 13.2.1: methods that select nothing.
        ("OPTIONS", &[("if-match", "\"b\"")], 200),
        ("TRACE", &[("if-none-match", "\"a\"")], 200),
        ("CONNECT", &[("if-match", "\"b\"")], 200),
        ("OPTIONS", &[], 200),
    ];
    for (name, request, expected) in cases {
        assert_eq!(status(name, request, Some(&a)), *expected, "{name} {request:?}");
    }
}

/// Section 13.1.1: compared strongly.
#[test]
fn if_match_compares_strongly() {
    let cases = [
        ("\"a\"", "\"a\"", 200),
        ("\"a\"", "\"b\", \"a\"", 200),
        ("\"a\"", "W/\"a\"", 412),
        ("W/\"a\"", "\"a\"", 412),
        ("W/\"a\"", "W/\"a\"", 412),
        ("\"a\"", "W/\"a\", \"a\"", 200),
        ("\"a\"", "*", 200),
        ("W/\"a\"", "*", 200),
        ("none", "*", 200),
        ("none", "\"a\"", 412),
        ("\"a\"", "", 412),
        ("\"a\"", "a", 412),
        ("\"a\"", "\"a", 412),
        ("\"a\"", "\"a\"x", 412),
        ("\"a\"", "x, \"a\"", 200),
        ("\"a,b\"", "\"a,b\"", 200),
        ("\"b\\\"", "\"b\\\", \"c\"", 200),
        ("\"a\"", "*, \"b\"", 412),
    ];
    for (tag, listed, expected) in cases {
        let current = current(tag);
        assert_eq!(status("PUT", &[("if-match", listed)], Some(&current)), expected, "{tag} {listed}");
    }
    assert_eq!(status("PUT", &[("if-match", "*")], None), 412);
    assert_eq!(status("PUT", &[("if-match", "\"a\"")], None), 412);
    let lines = [("if-match", "\"b\""), ("if-match", "\"a\"")];
    assert_eq!(status("PUT", &lines, Some(&current("\"a\""))), 200, "several lines are one list");
}

/// Section 13.1.2: compared weakly.
#[test]
fn if_none_match_compares_weakly() {
    let cases = [
        ("\"a\"", "\"a\"", 304, 412),
        ("\"a\"", "W/\"a\"", 304, 412),
        ("W/\"a\"", "\"a\"", 304, 412),
        ("\"a\"", "\"b\", W/\"c\" ,\"a\"", 304, 412),
        ("\"a\"", "\"b\"", 200, 200),
        ("\"a\"", "*", 304, 412),
        ("none", "*", 304, 412),
        ("none", "\"a\"", 200, 200),
        ("\"a\"", "\"unterminated", 200, 200),
        ("\"a\"", "a", 200, 200),
        ("\"a\"", "", 200, 200),
    ];
    for (tag, listed, read, write) in cases {
        let current = current(tag);
        assert_eq!(status("GET", &[("if-none-match", listed)], Some(&current)), read, "{tag} {listed}");
        assert_eq!(status("HEAD", &[("if-none-match", listed)], Some(&current)), read, "{tag} {listed}");
        assert_eq!(status("PUT", &[("if-none-match", listed)], Some(&current)), write, "{tag} {listed}");
    }
    assert_eq!(status("PUT", &[("if-none-match", "*")], None), 200);
}

/// Sections 13.1.3 and 13.1.4: whole seconds, and nonsense is ignored.
#[test]
fn dates_compare_in_whole_seconds() {
    let dated = current("\"a\"");
    let undated = Validators { entity_tag: None, last_modified: None };
    let cases = [
        (BEFORE, 200, 412),
        (EXACTLY, 304, 200),
        (AFTER, 304, 200),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 304, 200),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 304, 200),
        ("%n%n%n", 200, 200),
        ("", 200, 200),
    ];
    for (date, modified, unmodified) in cases {
        assert_eq!(status("GET", &[("if-modified-since", date)], Some(&dated)), modified, "{date}");
        assert_eq!(status("PUT", &[("if-unmodified-since", date)], Some(&dated)), unmodified, "{date}");
        assert_eq!(status("GET", &[("if-modified-since", date)], Some(&undated)), 200, "{date}");
        assert_eq!(status("PUT", &[("if-unmodified-since", date)], Some(&undated)), 200, "{date}");
        assert_eq!(status("PUT", &[("if-unmodified-since", date)], None), 200, "{date}");
    }
    let twice = [("if-modified-since", AFTER), ("if-modified-since", AFTER)];
    assert_eq!(status("GET", &twice, Some(&dated)), 200, "a date that is repeated is none");
}

/// Section 13.1.5: only what is the same in every byte lets a range apply.
#[test]
fn if_range_compares_strongly() {
    let later = at(EXAMPLE + 60);
    let cases = [
        ("\"a\"", "\"a\"", later, true),
        ("\"a\"", "W/\"a\"", later, false),
        ("W/\"a\"", "\"a\"", later, false),
        ("W/\"a\"", "W/\"a\"", later, false),
        ("\"a\"", "\"b\"", later, false),
        ("none", "\"a\"", later, false),
        ("\"a\"", EXACTLY, later, true),
        ("none", EXACTLY, later, true),
        ("none", EXACTLY, at(EXAMPLE), false),
        ("none", AFTER, later, false),
        ("none", BEFORE, later, false),
        ("\"a\"", "nonsense", later, false),
        ("\"a\"", "*", later, false),
        ("\"a\"", "\"a\", \"b\"", later, false),
    ];
    for (tag, held, now, expected) in cases {
        let judged = precondition::if_range(&fields(&[("if-range", held)]), &current(tag), now);
        assert_eq!(judged.applies(), expected, "{tag} {held}");
        assert_eq!(judged.declines(), !expected);
        because(&judged);
    }
    let undated = Validators::default();
    assert!(!precondition::if_range(&fields(&[("if-range", EXACTLY)]), &undated, later).applies());
    assert!(matches!(precondition::if_range(&fields(&[]), &undated, later), IfRange::Absent));
    let twice = fields(&[("if-range", "\"a\""), ("if-range", "\"a\"")]);
    assert!(!precondition::if_range(&twice, &current("\"a\""), later).applies());
}

#[test]
fn judgements_say_why_and_what_else() {
    let a = current("\"a\"");
    let cases: &[(&str, &[(&str, &str)], &str, &str, &str)] = &[
        (
            "GET",
            &[("if-none-match", "W/\"b\", \"a\"")],
            "304 Not Modified",
            "If-None-Match lists \"a\", which is the current entity tag",
            "a request without If-None-Match would be answered in full",
        ),
        (
            "GET",
            &[("if-none-match", "\"b\"")],
            "the method is applied",
            "If-None-Match lists \"b\", but the current entity tag is \"a\"",
            "If-None-Match: \"a\" would have made the precondition false",
        ),
        (
            "GET",
            &[("if-modified-since", AFTER)],
            "304 Not Modified",
            "the representation was last modified on Sun, 06 Nov 1994 08:49:37 GMT, not after the Sun, 06 Nov 1994 \
             08:49:38 GMT in If-Modified-Since",
            "a request without If-Modified-Since would be answered in full",
        ),
        (
            "PUT",
            &[("if-match", "\"b\"")],
            "412 Precondition Failed",
            "If-Match lists \"b\", but the current entity tag is \"a\"",
            "If-Match: \"a\" would be true",
        ),
        (
            "PUT",
            &[("if-match", "W/\"a\"")],
            "412 Precondition Failed",
            "If-Match lists W/\"a\", but weak tags do not match here, and the current one is \"a\"",
            "If-Match: \"a\" would be true",
        ),
        (
            "PUT",
            &[("if-unmodified-since", BEFORE)],
            "412 Precondition Failed",
            "the representation was modified on Sun, 06 Nov 1994 08:49:37 GMT, after the Sun, 06 Nov 1994 08:49:36 \
             GMT in If-Unmodified-Since",
            "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT would be true",
        ),
        (
            "PUT",
            &[("if-none-match", "*")],
            "412 Precondition Failed",
            "If-None-Match is *, and there is a current representation",
            "a request without If-None-Match would be carried out",
        ),
        ("GET", &[], "the method is applied", "the request has no precondition", ""),
    ];
    for (name, request, outcome, cause, otherwise) in cases {
        let judgement = precondition::judge(&method(name), &fields(request), Some(&a));
        assert_eq!(judgement.outcome(), *outcome);
        assert_eq!(because(&judgement), *cause);
        assert_eq!(judgement.otherwise().unwrap_or_default(), *otherwise);
    }
}
