//! RFC 9110, section 5: tokens, quoted strings, lists, parameters, dates; and sections 7.6.1 and 12.5.5.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{self, HeaderName};
use proptest::prelude::*;
use wirelight_semantics::{date, fields as semantics, grammar};

use crate::{EXAMPLE, at, fields};

#[test]
fn lists_skip_empty_members_and_honour_quotes() {
    let cases: &[(&str, &[&str])] = &[
        ("", &[]),
        (" , ,, \t", &[]),
        ("a", &["a"]),
        ("a, b ,c", &["a", "b", "c"]),
        ("foo ,bar,", &["foo", "bar"]),
        ("\"a,b\", c", &["\"a,b\"", "c"]),
        (r#""a\",b", c"#, &[r#""a\",b""#, "c"]),
        ("\"never ends, so this is one", &["\"never ends, so this is one"]),
        (r#""ends in a backslash\"#, &[r#""ends in a backslash\"#]),
        ("a\\,b", &["a\\", "b"]),
    ];
    for (value, expected) in cases {
        let members: Vec<&[u8]> = grammar::list(value.as_bytes()).collect();
        let expected: Vec<&[u8]> = expected.iter().map(|member| member.as_bytes()).collect();
        assert_eq!(members, expected, "{value}");
    }
}

#[test]
fn parameters_are_read_strictly() {
    let cases: &[(&str, Option<&[(&str, &str)]>)] = &[
        ("text/html", Some(&[])),
        ("text/html;charset=utf-8", Some(&[("charset", "utf-8")])),
        ("text/html ; Charset=\"utf-8\" ;; a=b;", Some(&[("Charset", "utf-8"), ("a", "b")])),
        (r#"x; a="b;c\"d\\""#, Some(&[("a", r#"b;c"d\"#)])),
        ("x; a=\"\"", Some(&[("a", "")])),
        ("x; a", None),
        ("x; a=", None),
        ("x; a = b", None),
        ("x; =b", None),
        ("x; a=\"b", None),
        ("x; a=\"b\"c", None),
        ("x; a=\"b\\\"", None),
        ("x; a=b c", None),
    ];
    for (value, expected) in cases {
        let (_, parameters) = grammar::parameters(value.as_bytes());
        let read: Result<Vec<_>, _> = parameters.collect();
        let read = read.ok().map(|all| {
            let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("the cases are ASCII");
            all.iter().map(|one| (one.name.to_owned(), text(&one.value))).collect::<Vec<_>>()
        });
        let expected = expected
            .map(|all| all.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect::<Vec<_>>());
        assert_eq!(read, expected, "{value}");
    }
}

#[test]
fn all_three_forms_of_a_date_are_read() {
    let cases = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(EXAMPLE)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(EXAMPLE)),
        ("Sun Nov  6 08:49:37 1994", Some(EXAMPLE)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Tue, 29 Feb 2028 00:00:00 GMT", Some(1_835_395_200)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
        ("", None),
        ("0", None),
        ("-1", None),
        ("%n%n%n", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("Sun, 32 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT ", Some(EXAMPLE)),
        ("Sun, 30 Feb 2020 00:00:00 GMT", None),
    ];
    for (text, expected) in cases {
        assert_eq!(date::parse(text.as_bytes()), expected.map(at), "{text:?}");
    }
}

#[test]
fn a_date_that_cannot_be_said_becomes_the_nearest() {
    let cases = [
        (UNIX_EPOCH - Duration::from_secs(1), "Thu, 01 Jan 1970 00:00:00 GMT"),
        (at(EXAMPLE) + Duration::from_millis(999), "Sun, 06 Nov 1994 08:49:37 GMT"),
        (at(400_000_000_000), "Fri, 31 Dec 9999 23:59:59 GMT"),
    ];
    for (time, expected) in cases {
        assert_eq!(date::format(time), expected);
    }
}

#[test]
fn hop_by_hop_fields_go_and_the_rest_stays() {
    let mut message = fields(&[
        ("connection", "close, X-Private, host , x-absent, not a token, content-length"),
        ("connection", "\"x-kept\", upgrade"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("x-private", "1"),
        ("x-private", "2"),
        ("x-kept", "1"),
        ("host", "a.test"),
        ("content-length", "5"),
        ("trailer", "x-sum"),
        ("proxy-authenticate", "Basic realm=a"),
    ]);
    assert!(semantics::has_connection_option(&message, "Upgrade"));
    assert!(!semantics::has_connection_option(&message, "keep-alive"));
    semantics::remove_hop_by_hop(&mut message);
    let mut left: Vec<&str> = message.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["content-length", "host", "proxy-authenticate", "trailer", "x-kept"]);
}

#[test]
fn field_lines_combine_in_order() {
    let message = fields(&[("accept", "a"), ("host", "h"), ("accept", "b, c"), ("accept", "")]);
    let combined = |name: &HeaderName| semantics::combined(&message, name).map(|value| value.into_owned());
    assert_eq!(combined(&header::ACCEPT).expect("it is there"), "a, b, c, ");
    assert_eq!(combined(&header::HOST).expect("it is there"), "h");
    assert_eq!(combined(&header::AGE), None);
    assert!(semantics::only(&message, &header::ACCEPT).is_err());
    assert_eq!(semantics::only(&message, &header::AGE), Ok(None));
    assert!(semantics::contains(&message, &header::ACCEPT, "C"));
    assert!(!semantics::contains(&message, &header::ACCEPT, "b, c"));
}

#[test]
fn vary_names_each_field_once() {
    let cases: &[(&[&str], &[HeaderName], &[&str])] = &[
        (&[], &[header::ORIGIN], &["origin"]),
        (&["Origin"], &[header::ORIGIN, header::ACCEPT], &["Origin", "accept"]),
        (&["accept, ORIGIN"], &[header::ORIGIN], &["accept, ORIGIN"]),
        (&["*"], &[header::ORIGIN], &["*"]),
        (&[], &[header::ACCEPT, header::ACCEPT], &["accept"]),
    ];
    for (before, names, after) in cases {
        let mut message = fields(&before.iter().map(|value| ("vary", *value)).collect::<Vec<_>>());
        semantics::add_vary(&mut message, names);
        let values: Vec<_> = message.get_all(header::VARY).iter().collect();
        assert_eq!(values, *after, "{before:?} and {names:?}");
    }
}

proptest! {
    #[test]
    fn a_quoted_string_reads_as_it_was_written(text in "[\\t -~\u{80}-\u{ff}]{0,40}") {
        let quoted = grammar::quote(&text).expect("nothing here cannot be quoted");
        prop_assert_eq!(&*grammar::unquote(quoted.as_bytes()).expect("it is quoted"), text.as_bytes());
        let alone: Vec<_> = grammar::list(quoted.as_bytes()).collect();
        prop_assert_eq!(alone, vec![quoted.as_bytes()]);
    }

    #[test]
    fn what_cannot_be_quoted_is_not(text in "[a-z]{0,5}[\0-\x08\n-\x1f\x7f][a-z]{0,5}") {
        prop_assert_eq!(grammar::quote(&text), None);
        let quoted = format!("\"{text}\"");
        prop_assert_eq!(grammar::unquote(quoted.as_bytes()), None);
    }

    #[test]
    fn a_date_reads_as_it_was_written(seconds in 0..=253_402_300_799u64, nanoseconds in 0..1_000_000_000u32) {
        let time = at(seconds) + Duration::from_nanos(nanoseconds.into());
        prop_assert_eq!(date::parse(date::format(time).as_bytes()), Some(at(seconds)));
        prop_assert_eq!(date::whole_seconds(time), at(seconds));
    }
}
