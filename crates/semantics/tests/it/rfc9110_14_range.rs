//! RFC 9110, section 14: which bytes are sent.

use proptest::prelude::*;
use wirelight_semantics::decision::Decision;
use wirelight_semantics::range::{self, Judgement, Limits, Span};
use wirelight_semantics::validator::{EntityTag, Validators};

use crate::{EXAMPLE, at, because, corpus, fields, method};

const LIMITS: Limits = Limits { ranges_max: 4, gap_bytes: 0 };

fn judge(request: &[(&str, &str)], length: u64, limits: &Limits) -> Judgement {
    let current = Validators { entity_tag: EntityTag::strong("a").ok(), last_modified: Some(at(EXAMPLE)) };
    range::judge(&method("GET"), &fields(request), length, &current, at(EXAMPLE + 60), limits)
}

/// What is sent, in short: `whole`, `416`, or the spans.
fn sent(judgement: &Judgement) -> String {
    because(judgement);
    match judgement {
        Judgement::Whole => "whole".into(),
        Judgement::Ignored { .. } => "ignored".into(),
        Judgement::NotSatisfiable { .. } => "416".into(),
        Judgement::Single { span, .. } => span.to_string(),
        Judgement::Multiple { spans, .. } => spans.iter().map(Span::to_string).collect::<Vec<_>>().join(" "),
    }
}

/// Sections 14.1.2 and 14.2. The representation has 10000 bytes, as in the examples of section 14.1.2.
#[test]
fn ranges_are_judged() {
    let cases = [
        ("bytes=0-499", "0-499"),
        ("bytes=500-999", "500-999"),
        ("bytes=-500", "9500-9999"),
        ("bytes=9500-", "9500-9999"),
        ("bytes=0-0,-1", "0-0 9999-9999"),
        ("bytes= 0-0, 4500-5499, -1000", "0-0 4500-5499 9000-9999"),
        ("BYTES=0-0", "0-0"),
        ("bytes=0-", "0-9999"),
        ("bytes=0-99999", "0-9999"),
        ("bytes=-99999", "0-9999"),
        ("bytes=9999-", "9999-9999"),
        // Not satisfiable.
        ("bytes=10000-", "416"),
        ("bytes=10000-10001", "416"),
        ("bytes=-0", "416"),
        ("bytes=-0,20000-", "416"),
        ("bytes=18446744073709551616-", "416"),
        ("bytes=99999999999999999999999-99999999999999999999999", "416"),
        // Part of it is.
        ("bytes=20000-,5-6", "5-6"),
        ("bytes=0-18446744073709551616", "0-9999"),
        ("bytes=-9223372036854775808,-9223372036854775000", "0-9999"),
        // Malformed: ignored.
        ("bytes=5-2", "ignored"),
        ("bytes=0-1,5-2", "ignored"),
        ("bytes=--5", "ignored"),
        ("bytes=-", "ignored"),
        ("bytes=", "ignored"),
        ("bytes=,", "ignored"),
        ("bytes", "ignored"),
        ("", "ignored"),
        ("bytes=a-b", "ignored"),
        ("bytes=+1-2", "ignored"),
        ("bytes=0x0-1", "ignored"),
        ("bytes=1 - 2", "ignored"),
        ("bytes =0-1", "ignored"),
        ("bytes=0-1;2-3", "ignored"),
        ("bytes=\"0-1\"", "ignored"),
        ("items=0-1", "ignored"),
        ("=0-1", "ignored"),
        // Empty members are skipped.
        ("bytes= 0-0 , ,\t2-2 ,", "0-0 2-2"),
        // What overlaps or touches is sent once, in the order asked for.
        ("bytes=0-5,3-8", "0-8"),
        ("bytes=0-5,6-8", "0-8"),
        ("bytes=0-5,7-8", "0-5 7-8"),
        ("bytes=100-200,0-5", "100-200 0-5"),
        ("bytes=100-200,0-5,3-10", "100-200 0-10"),
        ("bytes=0-5,100-200,3-10", "0-10 100-200"),
        ("bytes=0-,1-,2-,3-", "0-9999"),
        ("bytes=5-5,5-5", "5-5"),
        // Too many.
        ("bytes=0-0,2-2,4-4,6-6", "0-0 2-2 4-4 6-6"),
        ("bytes=0-0,2-2,4-4,6-6,8-8", "ignored"),
        ("bytes=0-,0-,0-,0-,0-", "ignored"),
    ];
    for (asked, expected) in cases {
        assert_eq!(sent(&judge(&[("range", asked)], 10_000, &LIMITS)), expected, "{asked}");
    }
    assert_eq!(sent(&judge(&[], 10_000, &LIMITS)), "whole");
    let lines = [("range", "bytes=0-0"), ("range", "bytes=1-1")];
    assert_eq!(sent(&judge(&lines, 10_000, &LIMITS)), "ignored", "two fields are no list of one unit");
}

#[test]
fn gaps_that_cost_more_than_they_save_are_sent() {
    let limits = Limits { ranges_max: 4, gap_bytes: 80 };
    let cases = [
        ("bytes=0-0,82-82", 1000, "0-0 82-82"),
        ("bytes=0-0,81-81", 1000, "0-81"),
        ("bytes=0-0,-1", 83, "0-0 82-82"),
        ("bytes=0-0,-1", 82, "0-81"),
    ];
    for (asked, length, expected) in cases {
        assert_eq!(sent(&judge(&[("range", asked)], length, &limits)), expected, "{asked} of {length}");
    }
}

#[test]
fn an_empty_representation_has_no_ranges() {
    for (asked, expected) in [("bytes=0-", "416"), ("bytes=0-0", "416"), ("bytes=-5", "ignored"), ("bytes=-0", "416")] {
        assert_eq!(sent(&judge(&[("range", asked)], 0, &LIMITS)), expected, "{asked}");
    }
}

#[test]
fn only_get_has_ranges() {
    for name in ["HEAD", "POST", "PUT", "OPTIONS"] {
        let request = fields(&[("range", "bytes=0-0")]);
        let judgement = range::judge(&method(name), &request, 10, &Validators::default(), at(EXAMPLE), &LIMITS);
        assert_eq!(because(&judgement), format!("Range has no meaning for {name}, only for GET"));
    }
}

/// Section 13.1.5.
#[test]
fn if_range_decides_whether_the_range_applies() {
    for (held, expected) in [("\"a\"", "0-0"), ("\"b\"", "ignored"), ("W/\"a\"", "ignored"), ("x", "ignored")] {
        assert_eq!(sent(&judge(&[("range", "bytes=0-0"), ("if-range", held)], 10, &LIMITS)), expected, "{held}");
    }
    assert_eq!(sent(&judge(&[("if-range", "\"a\"")], 10, &LIMITS)), "whole");
}

/// Section 14.4.
#[test]
fn content_range_says_what_is_sent() {
    assert_eq!(Span::new(42, 1233).expect("in order").content_range(1234), "bytes 42-1233/1234");
    assert_eq!(range::unsatisfied(47_022), "bytes */47022");
    assert_eq!(Span::new(0, u64::MAX).expect("in order").len(), u64::MAX);
    assert_eq!(Span::new(5, 5).map(Span::len), Some(1));
    assert_eq!(Span::new(5, 4), None);
}

#[test]
fn judgements_say_why_and_what_else() {
    let cases: &[(&[(&str, &str)], &str, &str, Option<&str>)] = &[
        (
            &[("range", "bytes=100-")],
            "416 Range Not Satisfiable",
            "the request asks for bytes=100-, and none of that lies within the 100 bytes of the representation",
            Some("Range: bytes=0-99 would name every byte there is"),
        ),
        (
            &[("range", "bytes=0-9")],
            "bytes 0-9 of 100",
            "the request asks for bytes=0-9 of a representation of 100 bytes",
            None,
        ),
        (
            &[("range", "bytes=9-0")],
            "sent whole, the range is ignored",
            "bytes=9-0 is no list of byte ranges",
            Some("a range in the form of bytes=0-499 would be heeded"),
        ),
        (
            &[("range", "bytes=0-,0-,0-,0-,0-")],
            "sent whole, the range is ignored",
            "bytes=0-,0-,0-,0-,0- asks for more than 4 ranges",
            Some("up to 4 ranges would be heeded"),
        ),
        (
            &[("range", "bytes=0-0"), ("if-range", "\"old\"")],
            "sent whole, the range is ignored",
            "If-Range holds \"old\", but the current entity tag is \"a\"",
            Some("If-Range: \"a\" would let the range apply"),
        ),
    ];
    for (request, outcome, cause, otherwise) in cases {
        let judgement = judge(request, 100, &LIMITS);
        assert_eq!(judgement.outcome(), *outcome);
        assert_eq!(because(&judgement), *cause);
        assert_eq!(judgement.otherwise().as_deref(), *otherwise);
    }
}

/// The range cases of the corpus, for files of 1000000 and 15 bytes.
#[test]
fn the_corpus_agrees() {
    let mut judged = 0;
    for case in corpus(include_str!("../data/static.json")).iter().filter(|case| case["class"] == "range") {
        let input = case["input"].as_str().expect("an input is text");
        let mut lines = input.split("\r\n");
        let line = lines.next().expect("a request line");
        let request: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
        let length = if line.contains("big.bin") { 1_000_000 } else { 15 };
        let current = Validators { entity_tag: EntityTag::strong("a").ok(), last_modified: Some(at(EXAMPLE)) };
        let name = line.split(' ').next().expect("a method");
        let limits = Limits::default();
        let judgement = range::judge(&method(name), &fields(&request), length, &current, at(EXAMPLE + 60), &limits);
        let expected = case["expect"].get("any_of").map_or(&case["expect"]["statuses"], |any| &any[0]["statuses"]);
        let status = judgement.status().as_u16();
        assert!(expected.as_array().expect("statuses").iter().any(|one| *one == status), "{} {status}", case["id"]);
        judged += 1;
    }
    assert_eq!(judged, 12);
}

proptest! {
    #[test]
    fn a_span_reads_as_it_was_written(first: u64, more in 0..u64::MAX / 2, length in 1..=u64::MAX) {
        let last = first.saturating_add(more);
        let judgement = judge(&[("range", &format!("bytes={first}-{last}"))], length, &LIMITS);
        let expected = Span::new(first, last.min(length - 1));
        match judgement {
            Judgement::Single { span, .. } => prop_assert_eq!(Some(span), expected),
            Judgement::NotSatisfiable { .. } => prop_assert_eq!(None, expected),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    /// CVE-2011-3192: whatever is asked for, no byte is sent twice, every byte asked for is sent, and parts keep apart.
    #[test]
    fn no_byte_is_sent_twice(asked in prop::collection::vec((0..120u64, 0..40u64), 1..20), length in 1..100u64, gap in 0..5u64) {
        let written: Vec<String> = asked.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        let limits = Limits { ranges_max: 20, gap_bytes: gap };
        let judgement = judge(&[("range", &format!("bytes={}", written.join(",")))], length, &limits);
        let spans = match judgement {
            Judgement::Single { span, .. } => vec![span],
            Judgement::Multiple { spans, .. } => spans,
            Judgement::NotSatisfiable { .. } => vec![],
            other => return Err(TestCaseError::fail(format!("{other:?}"))),
        };
        let mut times = vec![0; usize::try_from(length).expect("small")];
        for span in &spans {
            prop_assert!(span.last() < length);
            for byte in span.first()..=span.last() {
                times[usize::try_from(byte).expect("small")] += 1;
            }
        }
        for (byte, times) in (0..length).zip(times) {
            let wanted = asked.iter().any(|(first, more)| (*first..=first + more).contains(&byte));
            prop_assert!(times <= 1 && (times == 1 || !wanted), "byte {} is sent {} times", byte, times);
        }
        let mut sorted = spans.clone();
        sorted.sort_by_key(|span| span.first());
        for pair in sorted.windows(2) {
            prop_assert!(pair[1].first() > pair[0].last() + 1 + gap);
        }
    }
}
