//! RFC 9110, section 12: what suits what the request accepts.

use proptest::prelude::*;
use wirelight_semantics::coding::Coding::{self, Brotli, Gzip, Identity, Zstd};
use wirelight_semantics::decision::Decision;
use wirelight_semantics::media_type::MediaType;
use wirelight_semantics::negotiate::{self, Quality};

use crate::{because, fields};

/// Section 12.4.2.
#[test]
fn weights_are_read_strictly() {
    let cases = [
        ("0", Some(0)),
        ("1", Some(1000)),
        ("0.", Some(0)),
        ("1.", Some(1000)),
        ("0.5", Some(500)),
        ("0.05", Some(50)),
        ("0.005", Some(5)),
        ("1.000", Some(1000)),
        ("0.0005", None),
        ("1.001", None),
        ("2", None),
        (".5", None),
        ("-0", None),
        ("0,5", None),
        ("", None),
        ("1e-1", None),
    ];
    for (written, expected) in cases {
        let quality = Quality::parse(written.as_bytes());
        assert_eq!(quality.map(Quality::thousandths), expected, "{written}");
    }
}

/// Section 12.5.3.
#[test]
fn codings_are_chosen_by_weight() {
    let all = [Zstd, Brotli, Gzip, Identity];
    let cases: &[(Option<&str>, &[Coding], Option<Coding>)] = &[
        (None, &all, Some(Identity)),
        (None, &[Gzip], Some(Gzip)),
        (Some(""), &all, Some(Identity)),
        (Some(""), &[Gzip], None),
        (Some("gzip"), &all, Some(Gzip)),
        (Some("GZIP"), &all, Some(Gzip)),
        (Some("x-gzip"), &all, Some(Gzip)),
        (Some("gzip, br, zstd"), &all, Some(Zstd)),
        (Some("gzip, br"), &all, Some(Brotli)),
        (Some("gzip;q=1.0, br;q=0.9"), &all, Some(Gzip)),
        (Some("br;q=0, gzip;q=0.1"), &all, Some(Gzip)),
        (Some("*"), &all, Some(Zstd)),
        (Some("*"), &[Identity, Gzip], Some(Identity)),
        (Some("gzip;q=0, *"), &[Gzip, Brotli], Some(Brotli)),
        (Some("compress"), &all, Some(Identity)),
        (Some("identity"), &all, Some(Identity)),
        (Some("identity, gzip"), &[Gzip, Identity], Some(Gzip)),
        (Some("identity;q=0.5, gzip;q=0.4"), &all, Some(Identity)),
        (Some("gzip;q=0.001"), &all, Some(Gzip)),
        (Some("identity;q=0"), &[Identity], None),
        (Some("identity;q=0"), &[Gzip, Identity], None),
        (Some("*;q=0"), &all, None),
        (Some("*;q=0, identity"), &all, Some(Identity)),
        (Some("gzip, identity;q=0"), &[Identity, Gzip], Some(Gzip)),
        (Some("br, *;q=0"), &[Gzip, Identity], None),
        (Some("gzip;q=nonsense, br;q=0.5"), &[Gzip, Brotli], Some(Brotli)),
        (Some("gzip ; q=0.5"), &all, Some(Gzip)),
        (Some("gzip"), &[], None),
    ];
    for (accepted, available, expected) in cases {
        let request = accepted.map_or(fields(&[]), |value| fields(&[("accept-encoding", value)]));
        let choice = negotiate::coding(&request, available);
        assert_eq!(choice.chosen().copied(), *expected, "{accepted:?} of {available:?}");
        because(&choice);
    }
}

#[test]
fn the_members_of_several_lines_count_together() {
    let request = fields(&[("accept-encoding", "gzip;q=0.5"), ("accept-encoding", "br;q=0.8, identity;q=0")]);
    assert_eq!(negotiate::coding(&request, &[Identity, Gzip, Brotli]).chosen(), Some(&Brotli));
}

/// Section 12.5.1 has the first example.
#[test]
fn media_types_are_chosen_by_the_most_specific_range() {
    let example = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, text/plain;format=fixed;q=0.4, */*;q=0.5";
    let cases: &[(Option<&str>, &[&str], Option<&str>)] = &[
        (Some(example), &["text/html", "text/plain;format=flowed"], Some("text/plain; format=flowed")),
        (Some(example), &["text/html", "text/plain"], Some("text/plain")),
        (Some(example), &["text/html", "image/jpeg"], Some("image/jpeg")),
        (Some(example), &["text/plain;format=fixed", "image/jpeg"], Some("image/jpeg")),
        (Some(example), &["text/plain;format=fixed", "text/html"], Some("text/plain; format=fixed")),
        (Some(example), &["text/html;level=3", "text/plain;format=fixed"], Some("text/plain; format=fixed")),
        (None, &["text/html", "application/json"], Some("text/html")),
        (Some("*/*"), &["application/json", "text/html"], Some("application/json")),
        (Some("application/json"), &["text/html", "application/json"], Some("application/json")),
        (Some("text/html, application/json"), &["application/json", "text/html"], Some("application/json")),
        (Some("TEXT/HTML"), &["text/html"], Some("text/html")),
        (Some("text/html;q=0, */*"), &["text/html", "text/plain"], Some("text/plain")),
        (Some("text/html"), &["application/json"], None),
        (Some("text/html;q=0"), &["text/html"], None),
        (Some(""), &["text/html"], None),
        (Some("*/html, nonsense, text"), &["text/html"], None),
        (Some("nonsense, text/html"), &["text/html"], Some("text/html")),
        (Some("text/html;charset=UTF-8"), &["text/html;charset=utf-8"], Some("text/html; charset=utf-8")),
        (Some("text/html;q=0.5;ext=1, a/b;q=0.4"), &["a/b", "text/html"], Some("text/html")),
        (Some("text/html;level=\"1;q=0\""), &["text/html;level=\"1;q=0\""], Some("text/html; level=\"1;q=0\"")),
        (Some("text/*, */*;q=0.1"), &["image/png", "text/css"], Some("text/css")),
    ];
    for (accepted, available, expected) in cases {
        let available: Vec<MediaType> = available.iter().map(|text| text.parse().expect("a media type")).collect();
        let request = accepted.map_or(fields(&[]), |value| fields(&[("accept", value)]));
        let choice = negotiate::media_type(&request, &available);
        assert_eq!(choice.chosen().map(MediaType::to_string).as_deref(), *expected, "{accepted:?} of {available:?}");
        because(&choice);
    }
}

/// Section 12.5.4, and RFC 4647, section 3.
#[test]
fn languages_are_looked_up() {
    let cases: &[(Option<&str>, &[&str], Option<&str>)] = &[
        (None, &["de", "en"], Some("de")),
        (Some("da, en-gb;q=0.8, en;q=0.7"), &["en", "en-GB", "fr"], Some("en-GB")),
        (Some("da, en-gb;q=0.8, en;q=0.7"), &["fr", "en"], Some("en")),
        (Some("de-CH"), &["en", "de"], Some("de")),
        (Some("de"), &["en", "de-CH"], Some("de-CH")),
        (Some("zh-Hant-CN-x-private1-private2"), &["zh-Hant-CN-x", "zh-Hant"], Some("zh-Hant")),
        (Some("de-CH, en"), &["en", "de"], Some("de")),
        (Some("en;q=0.5, de;q=0.9"), &["en", "de"], Some("de")),
        (Some("*"), &["en", "de"], Some("en")),
        (Some("fr, *;q=0.5"), &["en", "de"], Some("en")),
        (Some("*, en;q=0"), &["en", "en-GB", "de"], Some("de")),
        (Some("en, en-GB;q=0"), &["en-GB"], None),
        (Some("en, *;q=0"), &["de", "en-US"], Some("en-US")),
        (Some("en-GB;q=0, en"), &["en-GB", "en"], Some("en")),
        (Some("fr"), &["en", "de"], None),
        (Some("*;q=0"), &["en"], None),
        (Some("d"), &["de"], None),
        (Some("-"), &["de"], None),
        (Some("DE-ch-1996"), &["de-CH"], Some("de-CH")),
    ];
    for (accepted, available, expected) in cases {
        let request = accepted.map_or(fields(&[]), |value| fields(&[("accept-language", value)]));
        let choice = negotiate::language(&request, available);
        assert_eq!(choice.chosen().copied(), *expected, "{accepted:?} of {available:?}");
        because(&choice);
    }
}

/// RFC 4647, section 3.3.1.
#[test]
fn a_filter_ends_at_a_hyphen() {
    let cases =
        [("de", "de-CH", true), ("de-CH", "de", false), ("de", "den", false), ("*", "x", true), ("DE", "de", true)];
    for (range, tag, expected) in cases {
        assert_eq!(negotiate::filters(range.as_bytes(), tag), expected, "{range} {tag}");
    }
}

#[test]
fn choices_say_why() {
    let request = fields(&[("accept-encoding", "br;q=0.25, *;q=0")]);
    let chosen = negotiate::coding(&request, &[Brotli, Identity]);
    let expected = "Accept-Encoding: br;q=0.25, *;q=0 gives br the weight 0.25, and nothing available a greater one";
    assert_eq!(because(&chosen), expected);
    assert_eq!((chosen.outcome().as_ref(), chosen.otherwise(), chosen.declines()), ("br", None, false));
    let refused = negotiate::coding(&request, &[Gzip, Identity]);
    let expected = "Accept-Encoding: br;q=0.25, *;q=0 excludes all that is available: gzip, identity";
    assert_eq!(because(&refused), expected);
    assert_eq!(refused.otherwise().as_deref(), Some("Accept-Encoding: gzip would be answered with gzip"));
    assert!(refused.declines());
    let unasked = negotiate::language(&fields(&[]), &["de"]);
    assert_eq!(because(&unasked), "the request has no Accept-Language, and de is what the server sends then");
    let last = negotiate::coding(&fields(&[("accept-encoding", "compress")]), &[Identity]);
    let expected = "Accept-Encoding: compress names nothing that is available, and does not exclude identity";
    assert_eq!(because(&last), expected);
}

proptest! {
    #[test]
    fn a_weight_reads_as_it_was_written(thousandths in 0..=1000u16) {
        let written = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
        let quality = Quality::parse(written.as_bytes()).expect("it is a weight");
        prop_assert_eq!(quality.thousandths(), thousandths);
        prop_assert_eq!(Quality::parse(quality.to_string().as_bytes()), Some(quality));
    }

    #[test]
    fn whatever_is_chosen_was_not_excluded(weights in prop::collection::vec(0..=10u16, 4)) {
        let all = [Zstd, Brotli, Gzip, Identity];
        let members: Vec<String> =
            all.iter().zip(&weights).map(|(coding, weight)| format!("{coding};q={}.{}", weight / 10, weight % 10)).collect();
        let choice = negotiate::coding(&fields(&[("accept-encoding", &members.join(","))]), &all);
        let greatest = *weights.iter().max().expect("there are four");
        let expected = weights.iter().position(|weight| *weight == greatest).filter(|_| greatest > 0).map(|at| all[at]);
        prop_assert_eq!(choice.chosen().copied(), expected);
    }
}
