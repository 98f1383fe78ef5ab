//! RFC 9457: problem details.

use std::borrow::Cow;

use http::StatusCode;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use wirelight_semantics::precondition;
use wirelight_semantics::problem::{MEDIA_TYPE, Problem, Value, write_string};

use crate::{fields, method};

fn read(problem: &Problem) -> Json {
    serde_json::from_str(&problem.to_json()).expect("a problem is JSON")
}

#[test]
fn a_problem_is_written_with_its_members() {
    assert_eq!(read(&Problem::new(StatusCode::NOT_FOUND)), json!({"status": 404, "title": "Not Found"}));
    let strange = StatusCode::from_u16(599).expect("in range");
    assert_eq!(read(&Problem::new(strange)), json!({"status": 599}));
    let problem = Problem {
        kind: Some("https://example.com/probs/out-of-credit".into()),
        title: Some("You do not have enough credit.".into()),
        detail: Some("Your balance is 30, but that costs 50.".into()),
        instance: Some("/account/12345/msgs/abc".into()),
        extensions: vec![
            ("balance".into(), Value::Integer(-30)),
            ("status".into(), Value::Bool(true)),
            ("much".into(), Value::Unsigned(u64::MAX)),
            ("nothing".into(), Value::Null),
            ("yes".into(), Value::Bool(true)),
            ("none".into(), Value::List(vec![])),
            (
                "accounts".into(),
                Value::List(vec![
                    Value::Text(Cow::Borrowed("/account/1")),
                    Value::Object(vec![("a".into(), Value::Null), ("b".into(), Value::Object(vec![]))]),
                ]),
            ),
        ],
        ..Problem::new(StatusCode::FORBIDDEN)
    };
    assert_eq!(
        read(&problem),
        json!({
            "type": "https://example.com/probs/out-of-credit",
            "title": "You do not have enough credit.",
            "status": 403,
            "detail": "Your balance is 30, but that costs 50.",
            "instance": "/account/12345/msgs/abc",
            "balance": -30,
            "much": u64::MAX,
            "nothing": null,
            "yes": true,
            "none": [],
            "accounts": ["/account/1", {"a": null, "b": {}}],
        })
    );
    assert_eq!(MEDIA_TYPE, "application/problem+json");
}

#[test]
fn a_decision_becomes_a_problem() {
    let judgement = precondition::judge(&method("PUT"), &fields(&[("if-match", "\"b\"")]), None);
    assert_eq!(
        read(&Problem::because(StatusCode::PRECONDITION_FAILED, &judgement)),
        json!({
            "title": "Precondition Failed",
            "status": 412,
            "detail": "there is no current representation that If-Match could list",
            "rule": "if-match",
            "section": "RFC 9110, section 13.1.1",
            "otherwise": "a request without If-Match would be carried out",
        })
    );
}

#[test]
fn json_may_stand_in_a_page() {
    let mut json = String::new();
    write_string(&mut json, "</script>\u{2028}");
    assert_eq!(json, r#""\u003c/script>\u2028""#);
}

proptest! {
    #[test]
    fn any_text_reads_as_it_was_written(text in any::<String>()) {
        let mut json = String::new();
        write_string(&mut json, &text);
        prop_assert!(!json.contains(['\n', '\r', '<']));
        prop_assert_eq!(serde_json::from_str::<String>(&json).expect("it is a JSON string"), text);
    }
}
