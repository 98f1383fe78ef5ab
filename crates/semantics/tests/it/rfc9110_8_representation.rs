//! RFC 9110, section 8: media types, content codings and validators.

use std::time::Duration;

use http::header;
use proptest::prelude::*;
use wirelight_semantics::coding::{self, Coding, Unreadable};
use wirelight_semantics::media_type::{self, MediaType};
use wirelight_semantics::validator::{EntityTag, Validators, response_date};

use crate::{EXAMPLE, at, fields};

/// Section 8.3.1.
#[test]
fn media_types_are_read_and_written() {
    let cases = [
        ("text/html", Some("text/html")),
        ("Text/HTML;Charset=\"utf-8\"", Some("text/html; charset=utf-8")),
        ("image/svg+xml", Some("image/svg+xml")),
        (r#"multipart/form-data; boundary="a b\"c""#, Some(r#"multipart/form-data; boundary="a b\"c""#)),
        ("text/html;;", Some("text/html")),
        ("text", None),
        ("text/", None),
        ("/html", None),
        ("text/html/x", None),
        ("text /html", None),
        ("text/html; charset", None),
        ("text/html; a=1; A=2", None),
        ("", None),
    ];
    for (written, expected) in cases {
        let read = MediaType::parse(written.as_bytes()).ok().map(|media_type| media_type.to_string());
        assert_eq!(read.as_deref(), expected, "{written}");
    }
}

#[test]
fn media_types_compare_by_meaning() {
    let parse = |text: &str| text.parse::<MediaType>().expect("the cases are media types");
    let same = [("text/html;charset=UTF-8", "TEXT/html; charset=\"utf-8\""), ("a/b;x=1;y=2", "a/b;y=2;x=1")];
    for (left, right) in same {
        assert_eq!(parse(left), parse(right));
    }
    for (left, right) in [("a/b;x=1", "a/b"), ("a/b", "a/b;x=1"), ("a/b;x=a", "a/b;x=A"), ("a/b", "a/c")] {
        assert_ne!(parse(left), parse(right));
    }
}

#[test]
fn charsets_are_those_that_somebody_says() {
    let cases = [
        ("text/html; charset=ISO-8859-1", Some("ISO-8859-1")),
        ("text/html", None),
        ("application/json", Some("utf-8")),
        ("application/problem+json", Some("utf-8")),
        ("text/event-stream", Some("utf-8")),
        ("image/png", None),
    ];
    for (written, expected) in cases {
        assert_eq!(written.parse::<MediaType>().expect("a media type").charset(), expected, "{written}");
    }
}

#[test]
fn extensions_suggest_media_types() {
    let cases = [
        ("index.html", "text/html; charset=utf-8"),
        ("a/b.c/INDEX.HTM", "text/html; charset=utf-8"),
        ("app.mjs", "text/javascript; charset=utf-8"),
        ("app.min.js", "text/javascript; charset=utf-8"),
        ("x.ts", "text/plain; charset=utf-8"),
        ("x.wasm", "application/wasm"),
        ("x.woff2", "font/woff2"),
        ("x.avif", "image/avif"),
        ("x.webp", "image/webp"),
        ("x.jsonc", "application/json"),
        ("x.toml", "application/toml"),
        ("x.yaml", "application/yaml"),
        ("README.md", "text/markdown; charset=utf-8"),
        ("x.webmanifest", "application/manifest+json"),
        ("x.svg", "image/svg+xml"),
        ("x.7z", "application/x-7z-compressed"),
        ("x.zst", "application/zstd"),
        ("x.unheard-of-extension", media_type::OCTET_STREAM),
        ("x.", media_type::OCTET_STREAM),
        ("x", media_type::OCTET_STREAM),
        ("", media_type::OCTET_STREAM),
        (".html", media_type::OCTET_STREAM),
        ("a.html/b", media_type::OCTET_STREAM),
        ("x.ht\u{e9}", media_type::OCTET_STREAM),
    ];
    for (name, expected) in cases {
        assert_eq!(media_type::by_name(name), expected, "{name}");
        assert!(expected.parse::<MediaType>().is_ok(), "{expected}");
    }
}

#[test]
fn what_is_text_is_worth_compressing() {
    let cases = [
        ("text/plain", true),
        ("application/json", true),
        ("application/ld+json", true),
        ("image/svg+xml", true),
        ("application/wasm", true),
        ("font/ttf", true),
        ("font/woff2", false),
        ("image/png", false),
        ("application/zip", false),
        ("application/octet-stream", false),
        ("video/mp4", false),
    ];
    for (written, expected) in cases {
        assert_eq!(written.parse::<MediaType>().expect("a media type").is_compressible(), expected, "{written}");
    }
}

/// Section 8.4.
#[test]
fn codings_are_read_in_the_order_of_their_application() {
    let cases: &[(&[&str], Result<&[Coding], &str>)] = &[
        (&[], Ok(&[])),
        (&["gzip"], Ok(&[Coding::Gzip])),
        (&["X-GZIP, identity", "BR"], Ok(&[Coding::Gzip, Coding::Brotli])),
        (&["zstd, deflate"], Ok(&[Coding::Zstd, Coding::Deflate])),
        (&["gzip, compress"], Err("the content coding compress is not known")),
        (&["gzip,gzip,gzip"], Err("more than 2 content codings were applied")),
        (&["\"gzip\""], Err("the content coding \"gzip\" is not known")),
    ];
    for (values, expected) in cases {
        let message = fields(&values.iter().map(|value| ("content-encoding", *value)).collect::<Vec<_>>());
        let applied = coding::applied(&message, 2).map_err(|unreadable: Unreadable| unreadable.to_string());
        assert_eq!(applied.as_deref().map_err(String::as_str), *expected, "{values:?}");
    }
    for coding in Coding::ALL {
        assert_eq!(Coding::parse(coding.name().as_bytes()), Some(coding));
    }
}

/// Section 8.8.3.
#[test]
fn entity_tags_are_read_strictly() {
    let cases = [
        (r#""xyzzy""#, Some((false, "xyzzy"))),
        (r#"W/"xyzzy""#, Some((true, "xyzzy"))),
        (r#""""#, Some((false, ""))),
        (r#""a\""#, Some((false, "a\\"))),
        (r#" "a" "#, Some((false, "a"))),
        (r#"w/"a""#, None),
        (r#"W/ "a""#, None),
        ("a", None),
        (r#""a"#, None),
        (r#"a""#, None),
        (r#""a b""#, None),
        (r#""a"b""#, None),
        (r#""a", "b""#, None),
        ("*", None),
        ("", None),
    ];
    for (written, expected) in cases {
        let tag = EntityTag::parse(written.as_bytes()).ok();
        let read = tag.as_ref().map(|tag| (tag.is_weak(), tag.opaque()));
        assert_eq!(read, expected.map(|(weak, opaque)| (weak, opaque.as_bytes())), "{written}");
    }
    for opaque in ["a\"b", "a b", "a\nb", "\u{7f}"] {
        assert!(EntityTag::strong(opaque).is_err(), "{opaque:?}");
    }
}

/// Section 8.8.3.2 has this table.
#[test]
fn entity_tags_compare_strongly_or_weakly() {
    let cases = [
        (r#"W/"1""#, r#"W/"1""#, false, true),
        (r#"W/"1""#, r#"W/"2""#, false, false),
        (r#"W/"1""#, r#""1""#, false, true),
        (r#""1""#, r#""1""#, true, true),
    ];
    for (left, right, strongly, weakly) in cases {
        let parse = |text: &str| EntityTag::parse(text.as_bytes()).expect("the cases are entity tags");
        assert_eq!(parse(left).strong_eq(&parse(right)), strongly, "{left} {right}");
        assert_eq!(parse(left).weak_eq(&parse(right)), weakly, "{left} {right}");
        assert_eq!(parse(right).strong_eq(&parse(left)), strongly, "{right} {left}");
    }
}

#[test]
fn the_tag_of_a_file_is_weak_while_the_file_is_young() {
    let modified = at(EXAMPLE) + Duration::from_nanos(5);
    let young = EntityTag::of_file(10, modified, modified + Duration::from_millis(1999));
    let old = EntityTag::of_file(10, modified, modified + Duration::from_secs(2));
    assert!(young.is_weak() && !old.is_weak() && young.weak_eq(&old));
    assert!(EntityTag::of_file(10, modified, modified - Duration::from_secs(60)).is_weak(), "from the future");
    let others = [
        EntityTag::of_file(11, modified, at(EXAMPLE + 60)),
        EntityTag::of_file(10, at(EXAMPLE), at(EXAMPLE + 60)),
        EntityTag::of_file(10, at(EXAMPLE + 1), at(EXAMPLE + 60)),
    ];
    assert!(others.iter().all(|other| !other.weak_eq(&old)));
}

/// Section 8.8.2.
#[test]
fn validators_are_written_and_read() {
    let now = at(EXAMPLE);
    let validators = Validators {
        entity_tag: Some(EntityTag::weak("a").expect("a tag")),
        last_modified: Some(now + Duration::from_secs(5)),
    };
    let mut response = fields(&[("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("etag", "\"old\"")]);
    validators.write(now, &mut response);
    assert_eq!(response.get_all(header::ETAG).iter().collect::<Vec<_>>(), ["W/\"a\""]);
    assert_eq!(response[header::LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT", "never later than the response");
    let read = Validators::of(&response);
    assert_eq!(read.entity_tag.expect("it is there").to_string(), "W/\"a\"");
    assert_eq!(read.last_modified, Some(now));
    assert_eq!(response_date(&response), Some(now));
    let twice = fields(&[("etag", "\"a\""), ("etag", "\"b\""), ("last-modified", "yesterday")]);
    assert!(Validators::of(&twice).entity_tag.is_none() && Validators::of(&twice).last_modified.is_none());
}

/// Section 8.8.2.2.
#[test]
fn a_modification_date_is_strong_a_second_later() {
    let modified = at(EXAMPLE) + Duration::from_millis(900);
    let validators = Validators { entity_tag: None, last_modified: Some(modified) };
    for (milliseconds, strong) in [(0, false), (950, false), (1000, true), (60_000, true)] {
        assert_eq!(validators.is_date_strong(at(EXAMPLE) + Duration::from_millis(milliseconds)), strong);
    }
    assert!(!Validators::default().is_date_strong(at(EXAMPLE)));
}

proptest! {
    #[test]
    fn an_entity_tag_reads_as_it_was_written(weak: bool, opaque in "[!#-~\u{80}-\u{ff}]{0,40}") {
        let tag = if weak { EntityTag::weak(opaque.clone()) } else { EntityTag::strong(opaque.clone()) };
        let tag = EntityTag::parse(tag.expect("it may be a tag").value().as_bytes()).expect("it is a tag");
        prop_assert_eq!((tag.is_weak(), tag.opaque()), (weak, opaque.as_bytes()));
    }

    #[test]
    fn a_media_type_reads_as_it_was_written(kind in "[a-z]{1,8}", subtype in "[a-z.+-]{1,8}", value in "[\\t -~\u{80}-\u{ff}]{0,20}") {
        let quoted = wirelight_semantics::grammar::quote(&value).expect("it can be quoted");
        let media_type: MediaType = format!("{kind}/{subtype}; a={quoted}").parse().expect("it is a media type");
        prop_assert_eq!(media_type.parameter("a"), Some(value.as_str()));
        prop_assert_eq!(MediaType::parse(media_type.value().as_bytes()), Ok(media_type));
    }
}
