//! What two messages have alike is told line by line, as people read them.

use super::*;
use crate::annotate::http1;

/// The rows of a comparison as text: a sign for the kind, and both sides with what differs in brackets.
fn rows(left: &str, right: &str, is_request: bool) -> Vec<String> {
    let spans = [left, right].map(|text| http1::head(text.as_bytes(), is_request));
    let [one, other] = [left, right].map(str::as_bytes);
    let head = |number, bytes, spans| Head { pieces: vec![(number, bytes, spans)], is_exact: true };
    let pairs = compare(&head(3, one, &spans[0]), &head(7, other, &spans[1]));
    let shown = |text: &str, piece: usize, places: &[Place]| {
        let each = places.iter().map(|place| {
            assert_eq!(place.piece, piece);
            let mut shown = String::new();
            let mut at = place.start;
            for mark in &place.marks {
                shown.push_str(&text[at..mark.start]);
                at = mark.start + mark.length;
                shown.push_str(&format!("[{}]", &text[mark.start..at]));
            }
            shown + text[at..place.start + place.length].trim_end()
        });
        each.collect::<Vec<_>>().join("|")
    };
    let row = |pair: &Pair| {
        let sign = match &*pair.kind {
            "same" => ' ',
            "changed" => '~',
            "added" => '+',
            "removed" => '-',
            _ => '?',
        };
        let moved = if pair.moved { '^' } else { ' ' };
        format!("{sign}{moved}{} => {}", shown(left, 3, &pair.left), shown(right, 7, &pair.right))
    };
    pairs.iter().map(row).collect()
}

#[test]
fn lines_are_found_on_either_side_and_what_differs_in_them_is_marked() {
    let left = "GET /a/b?x=1 HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\nAccept: text/html\r\n\r\ncontent";
    let right = "GET /b?x=1 HTTP/1.1\r\nhost: b.example\r\nVia: 1.0 wirelight\r\nAccept: text/html\r\n\r\n";
    assert_eq!(
        rows(left, right, true),
        [
            "~ GET /[a/]b?x=1 HTTP/[1.0] => GET /[]b?x=1 HTTP/[1.1]",
            "~ [Host]: [a.example] => [host]: [b.example]",
            "- Connection: keep-alive => ",
            "+  => Via: 1.0 wirelight",
            "  Accept: text/html => Accept: text/html",
            "   => ",
        ]
    );
}

#[test]
fn of_fields_of_one_name_those_of_one_value_go_together() {
    let left = "HTTP/1.1 200 OK\r\nA: 1\r\nA: 2\r\nA: 3\r\n\r\n";
    let right = "HTTP/1.1 200 OK\r\nA: 2\r\nA: 4\r\n\r\n";
    assert_eq!(
        rows(left, right, false),
        ["  HTTP/1.1 200 OK => HTTP/1.1 200 OK", "~^A: [1] => A: [4]", "  A: 2 => A: 2", "- A: 3 => ", "   => "]
    );
}

#[test]
fn a_field_that_only_stands_elsewhere_is_the_same() {
    let left = "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n";
    let right = "HTTP/1.1 200 OK\r\nC: 3\r\nA: 1\r\nB: 2\r\n\r\n";
    assert_eq!(
        rows(left, right, false),
        ["  HTTP/1.1 200 OK => HTTP/1.1 200 OK", "  A: 1 => A: 1", "  B: 2 => B: 2", " ^C: 3 => C: 3", "   => "]
    );
}

#[test]
fn no_character_is_cut_and_of_secrets_nothing_is_said() {
    let left = "GET / HTTP/1.1\r\nA: x caf\u{e9}\r\nCookie: ********\r\n\r\n";
    let right = "GET / HTTP/1.1\r\nA: x caf\u{e8}\r\nCookie: ********\r\n\r\n";
    assert_eq!(
        rows(left, right, true)[1..3],
        ["~ A: x [caf\u{e9}] => A: x [caf\u{e8}]", "? Cookie: ******** => Cookie: ********"]
    );
}

#[test]
fn entries_of_a_field_block_stand_beside_lines_of_text() {
    let entry = |start: usize, name: &str, value: &str| Span {
        value: Some(format!("{name}: {value}")),
        ..crate::annotate::span(start, 2, "hpack-literal", name, "", "")
    };
    let frame = [
        entry(9, ":method", "GET"),
        entry(11, ":path", "/a"),
        entry(13, ":authority", "a.example"),
        entry(15, "te", "trailers"),
    ];
    let text = "GET /a HTTP/1.1\r\nHost: b.example\r\nVia: 2 wirelight\r\n\r\n";
    let spans = http1::head(text.as_bytes(), true);
    let left = Head { pieces: vec![(0, &[0; 17], &frame)], is_exact: false };
    let right = Head { pieces: vec![(0, text.as_bytes(), &spans)], is_exact: true };
    let pairs = compare(&left, &right);
    let kinds: Vec<_> = pairs.iter().map(|pair| (&*pair.kind, &*pair.name)).collect();
    assert_eq!(kinds, [("same", ""), ("changed", ":authority"), ("removed", "te"), ("added", "Via")]);
    assert_eq!(pairs[0].left, [Place { piece: 0, start: 9, length: 4, marks: vec![] }]);
    // Compressed bytes are marked as a whole.
    assert_eq!(pairs[1].left[0].marks, [Stretch { start: 13, length: 2 }]);
}

#[test]
fn whatever_stands_in_two_heads_is_told_once() {
    let names = ["A", "b", "Cc", "A", "B"];
    for seed in 0_u64..400 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let mut head = || {
            let mut text = String::from("GET / HTTP/1.1\r\n");
            for _ in 0..next(7) {
                text.push_str(&format!("{}: {}\r\n", names[next(5) as usize], next(3)));
            }
            text + "\r\n"
        };
        let (left, right) = (head(), head());
        let spans = [&left, &right].map(|text| http1::head(text.as_bytes(), true));
        let pairs = compare(
            &Head { pieces: vec![(0, left.as_bytes(), &spans[0])], is_exact: true },
            &Head { pieces: vec![(0, right.as_bytes(), &spans[1])], is_exact: true },
        );
        for (text, places) in [
            (&left, pairs.iter().flat_map(|pair| &pair.left).collect::<Vec<_>>()),
            (&right, pairs.iter().flat_map(|pair| &pair.right).collect()),
        ] {
            let mut told: Vec<_> = places.iter().map(|place| (place.start, place.length)).collect();
            told.sort_unstable();
            let end = told.iter().fold(0, |end, (start, length)| {
                assert_eq!(*start, end, "seed {seed}: a gap or a line told twice");
                end + length
            });
            assert_eq!(end, text.len(), "seed {seed}");
        }
    }
}
