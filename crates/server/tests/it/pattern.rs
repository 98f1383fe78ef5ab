//! Patterns: what is read, what is refused and where, and what matches.

use wirelight_server::pattern::{Cause, Mismatch, Pattern, SEGMENTS_MAX, Wrong, malformed};

#[test]
fn what_is_wrong_with_a_pattern_is_said_with_its_place() {
    let too_long = "/a".repeat(SEGMENTS_MAX + 1);
    for (text, at, wrong) in [
        ("", 0, Wrong::NoSlash),
        ("orders", 0, Wrong::NoSlash),
        ("{id}", 0, Wrong::NoSlash),
        ("/orders/{id", 8, Wrong::Unclosed),
        ("/{a/b}", 1, Wrong::Unclosed),
        ("/a}", 2, Wrong::Unopened),
        ("/orders/x{id}", 9, Wrong::NotWhole),
        ("/orders/{id}.json", 12, Wrong::NotWhole),
        ("/{a}{b}", 4, Wrong::NotWhole),
        ("/{}", 2, Wrong::NoName),
        ("/{*}", 3, Wrong::NoName),
        ("/{a-b}", 3, Wrong::Name),
        ("/{a b}", 3, Wrong::Name),
        ("/{**a}", 3, Wrong::Name),
        ("/{a}/b/{a}", 7, Wrong::Repeated),
        ("/{a}/{*a}", 5, Wrong::Repeated),
        ("/{*rest}/", 8, Wrong::AfterRest),
        ("/f/{*rest}/x", 10, Wrong::AfterRest),
        ("/a?b", 2, Wrong::Octet),
        ("/a#b", 2, Wrong::Octet),
        ("/a\nb", 2, Wrong::Octet),
        ("/%4", 1, Wrong::Escape),
        ("/a%zz", 2, Wrong::Escape),
        ("/a/../b", 3, Wrong::Dots),
        ("/%2E", 1, Wrong::Dots),
        (&too_long, 2 * SEGMENTS_MAX + 1, Wrong::TooLong),
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert_eq!((error.at, error.wrong), (at, wrong), "{text}");
        assert!(error.to_string().contains(&format!("at byte {at}: ")), "{error}");
    }
    for (text, at, wrong) in [("/api/", 4, Wrong::PrefixEndsWithSlash), ("/{*all}", 7, Wrong::AfterRest)] {
        let error = Pattern::prefix(text).unwrap_err();
        assert_eq!((error.at, error.wrong), (at, wrong), "{text}");
    }
    assert!(Pattern::prefix("").is_ok());
    assert!(Pattern::parse(&"/a".repeat(SEGMENTS_MAX)).is_ok());
}

#[test]
fn a_path_matches_or_fails_at_a_segment() {
    use Cause::{Different, Dots, Empty, Missing, Surplus};
    for (pattern, path, expected) in [
        ("/", "/", None),
        ("/", "/a", Some((1, Different))),
        ("/", "", Some((1, Missing))),
        ("/", "*", Some((1, Missing))),
        ("/orders", "/orders", None),
        ("/orders", "/Orders", Some((1, Different))),
        ("/orders", "/orders/", Some((2, Surplus))),
        ("/orders/", "/orders", Some((2, Missing))),
        ("/orders/", "/orders/", None),
        ("/orders/{id}", "/orders/7", None),
        ("/orders/{id}", "/orders/", Some((2, Empty))),
        ("/orders/{id}", "/orders", Some((2, Missing))),
        ("/orders/{id}", "/orders/7/", Some((3, Surplus))),
        ("/orders/{id}", "/ordres/7", Some((1, Different))),
        ("/orders/{id}/lines/{line}", "/orders/7/line/1", Some((3, Different))),
        ("/orders//x", "/orders//x", None),
        ("/{a}/{b}", "//b", Some((1, Empty))),
        ("/files/{*rest}", "/files/", None),
        ("/files/{*rest}", "/files/a/b/", None),
        ("/files/{*rest}", "/files//a", None),
        ("/files/{*rest}", "/files", Some((2, Missing))),
        // Segments are compared decoded, in whatever case the digits are.
        ("/orders", "/%6frders", None),
        ("/orders", "/%6Frders", None),
        ("/users/@me", "/users/%40me", None),
        ("/users/%40me", "/users/@me", None),
        ("/straße", "/stra%C3%9Fe", None),
        ("/a b", "/a%20b", None),
        ("/a", "/%2561", Some((1, Different))),
        // An encoded slash divides nothing.
        ("/a/b", "/a%2Fb", Some((1, Different))),
        ("/a%2fb", "/a%2Fb", None),
        ("/{id}", "/a%2Fb", None),
        // No parameter takes dot segments.
        ("/orders/{id}", "/orders/..", Some((2, Dots))),
        ("/orders/{id}", "/orders/.%2E", Some((2, Dots))),
        ("/orders/{id}", "/orders/...", None),
        ("/files/{*rest}", "/files/a/../b", Some((2, Dots))),
        ("/files/{*rest}", "/files/%2e/b", Some((2, Dots))),
        ("/files/{*rest}", "/files/.b/c..d", None),
    ] {
        let pattern = Pattern::parse(pattern).unwrap();
        let expected = expected.map_or(Ok(()), |(segment, cause)| Err(Mismatch { segment, cause }));
        assert_eq!(pattern.judge(path), expected, "{pattern} {path}");
    }
}

#[test]
fn a_mismatch_explains_itself() {
    for (pattern, path, sentence) in [
        ("/orders/{id}", "/ordres/7", "segment 1 is \"ordres\" and not \"orders\""),
        ("/orders/{id}", "/orders", "the path has no segment 2"),
        ("/orders/{id}", "/orders/", "segment 2 is empty"),
        ("/orders/{id}", "/orders/7/lines", "the path goes on after segment 2"),
        ("/orders/", "/orders", "the path has no slash at its end"),
        ("/orders/", "/orders/7", "segment 2 is \"7\", and the pattern ends with the slash before it"),
        ("/orders/{id}", "/orders/..", "a dot segment stands in the path from segment 2 on"),
        ("/a", "/%1b", "segment 1 is \"%1b\" and not \"a\""),
    ] {
        let pattern = Pattern::parse(pattern).unwrap();
        let mismatch = pattern.judge(path).unwrap_err();
        assert_eq!(mismatch.explain(&pattern, path), sentence);
    }
}

#[test]
fn a_parameter_stands_for_a_piece_of_the_path() {
    for (pattern, path, name, raw) in [
        ("/orders/{id}", "/orders/7", "id", Some("7")),
        ("/orders/{id}", "/orders/a%2Fb", "id", Some("a%2Fb")),
        ("/{a}/x/{b}", "/1/x/2", "b", Some("2")),
        ("/files/{*rest}", "/files/", "rest", Some("")),
        ("/files/{*rest}", "/files/a/b/", "rest", Some("a/b/")),
        ("/{a}/{*rest}", "/1/2/3", "rest", Some("2/3")),
        ("/orders/{id}", "/orders/7", "name", None),
    ] {
        assert_eq!(Pattern::parse(pattern).unwrap().raw(name, path), raw, "{pattern} {path} {name}");
    }
}

#[test]
fn literals_go_before_parameters_and_those_before_rests() {
    let mut patterns: Vec<Pattern> =
        ["/{*rest}", "/{a}", "/a/{*rest}", "/{a}/b", "/a/{b}", "/a/b", "/{a}/{b}", "/{a}/{*rest}"]
            .map(|text| Pattern::parse(text).unwrap())
            .into();
    patterns.sort_by(Pattern::compare);
    let sorted: Vec<_> = patterns.iter().map(Pattern::as_str).collect();
    let expected = ["/a/b", "/a/{b}", "/a/{*rest}", "/{a}", "/{a}/b", "/{a}/{b}", "/{a}/{*rest}", "/{*rest}"];
    assert_eq!(sorted, expected);
}

#[test]
fn a_broken_escape_is_found() {
    for (path, at) in [
        ("/", None),
        ("/%41%2f", None),
        ("/%", Some(1)),
        ("/%4", Some(1)),
        ("/%4g", Some(1)),
        ("/%41%x1", Some(4)),
        ("/%%41", Some(1)),
        ("/%\u{e9}", Some(1)),
    ] {
        assert_eq!(malformed(path), at, "{path}");
    }
}
