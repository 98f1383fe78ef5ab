//! Two heads beside one another: which lines stand on either side, and which bytes of them differ.
//!
//! It compares what the annotations name, so that a head of HTTP/1 and one of HTTP/2 can stand side by side. It must
//! not know where the bytes come from or how they are drawn.

use std::collections::HashMap;

use crate::mask::MASK;
use crate::view::{Pair, Place, Span, Stretch};

/// One head, in the pieces that it passed in.
pub(crate) struct Head<'a> {
    /// The number that each piece has, its bytes, and what they mean.
    pub(crate) pieces: Vec<(usize, &'a [u8], &'a [Span])>,
    /// Whether all of it stands in these bytes as it passed: then what one side lacks is a difference, too.
    pub(crate) is_exact: bool,
}

/// A line of a head: its first, a field, or the end.
struct Line {
    key: String,
    name: String,
    tokens: Vec<Token>,
    places: Vec<Place>,
}

/// A part of a line that can be compared by itself.
struct Token {
    role: &'static str,
    text: Vec<u8>,
    /// In which of the line's places it stands, and where.
    place: usize,
    start: usize,
    length: usize,
    /// Whether its bytes are the text, and not a compressed form of it.
    is_written: bool,
}

/// The key of a first line, which has no name.
const FIRST: &str = "";
/// The key of the line that ends a head.
const END: &str = "\n";

/// The lines of both, in the order in which they can be read side by side.
pub(crate) fn compare(left: &Head<'_>, right: &Head<'_>) -> Vec<Pair> {
    let is_exact = left.is_exact && right.is_exact;
    let [left, right] = [left, right].map(|head| {
        let mut lines = lines(head);
        lines.retain(|line| is_exact || line.key != END);
        lines
    });
    let matched = matched(&left, &right);
    let in_order = in_order(&matched);
    let mut pairs = Vec::new();
    let is_left_over = |index: usize| !matched.contains(&Some(index));
    let mut next = 0;
    for (index, line) in left.into_iter().enumerate() {
        let Some(with) = matched[index] else {
            pairs.push(alone("removed", line));
            continue;
        };
        let is_in_order = in_order.contains(&with);
        if is_in_order {
            pairs.extend((next..with).filter(|&index| is_left_over(index)).map(|index| added(&right[index])));
            next = with + 1;
        }
        pairs.push(both(line, &right[with], is_exact, !is_in_order));
    }
    pairs.extend((next..right.len()).filter(|&index| is_left_over(index)).map(|index| added(&right[index])));
    pairs
}

fn alone(kind: &str, line: Line) -> Pair {
    Pair { kind: kind.to_owned(), name: line.name, moved: false, left: line.places, right: Vec::new() }
}

fn added(line: &Line) -> Pair {
    let (name, right) = (line.name.clone(), line.places.clone());
    Pair { kind: "added".to_owned(), name, moved: false, left: Vec::new(), right }
}

/// Two lines of one name: the bytes that differ are marked on either side.
fn both(mut left: Line, right: &Line, is_exact: bool, moved: bool) -> Pair {
    let mut places = right.places.clone();
    let mut is_hidden = false;
    let mut differs = false;
    for token in &left.tokens {
        let Some(other) = right.tokens.iter().find(|other| other.role == token.role) else {
            if is_exact {
                differs = true;
                mark(&mut left.places, token, 0, 0);
            }
            continue;
        };
        // Of two secrets nobody knows whether they are the same.
        is_hidden |= token.text == MASK && other.text == MASK;
        let is_spelling = token.role == "name" && !(is_exact && token.is_written && other.is_written);
        if token.text == other.text || is_spelling && token.text.eq_ignore_ascii_case(&other.text) {
            continue;
        }
        differs = true;
        let (head, tail) = common(&token.text, &other.text);
        mark(&mut left.places, token, head, tail);
        mark(&mut places, other, head, tail);
    }
    for token in right.tokens.iter().filter(|token| !left.tokens.iter().any(|known| known.role == token.role)) {
        if is_exact {
            differs = true;
            mark(&mut places, token, 0, 0);
        }
    }
    let kind = match (differs, is_hidden) {
        (true, _) => "changed",
        (false, true) => "hidden",
        (false, false) => "same",
    };
    Pair { kind: kind.to_owned(), name: left.name, moved, left: left.places, right: places }
}

/// Marks a token but for so many bytes that both sides begin and end with.
fn mark(places: &mut [Place], token: &Token, head: usize, tail: usize) {
    let (head, tail) = if token.is_written { (head, tail) } else { (0, 0) };
    let Some(place) = places.get_mut(token.place) else { return };
    place.marks.push(Stretch { start: token.start + head, length: token.length.saturating_sub(head + tail) });
    place.marks.sort_by_key(|mark| mark.start);
}

/// How many bytes two texts begin and end with alike; no word is cut, and so no character of UTF-8.
fn common(left: &[u8], right: &[u8]) -> (usize, usize) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_') || !byte.is_ascii();
    let begins = |text: &[u8], at: usize| text.get(at).is_some_and(is_word);
    let mut head = left.iter().zip(right).take_while(|(one, other)| one == other).count();
    while head > 0 && is_word(&left[head - 1]) && (begins(left, head) || begins(right, head)) {
        head -= 1;
    }
    let backwards = left[head..].iter().rev().zip(right[head..].iter().rev());
    let mut tail = backwards.take_while(|(one, other)| one == other).count();
    let ends = |text: &[u8], tail: usize| text[head..text.len() - tail].last().is_some_and(is_word);
    while tail > 0 && is_word(&left[left.len() - tail]) && (ends(left, tail) || ends(right, tail)) {
        tail -= 1;
    }
    (head, tail)
}

/// For each line of the left the one of the right that it goes with: of lines of one name first those of one value.
fn matched(left: &[Line], right: &[Line]) -> Vec<Option<usize>> {
    let mut of_name: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, line) in right.iter().enumerate() {
        of_name.entry(&line.key).or_default().push(index);
    }
    let mut matched = vec![None; left.len()];
    for is_same_value in [true, false] {
        for (line, found) in left.iter().zip(&mut matched).filter(|(_, found)| found.is_none()) {
            let Some(candidates) = of_name.get_mut(&*line.key) else { continue };
            let wanted = candidates.iter().position(|&index| !is_same_value || right[index].value() == line.value());
            *found = wanted.map(|place| candidates.remove(place));
        }
    }
    matched
}

/// The lines of the right that stand in the same order as those of the left that they go with: as many as can be.
fn in_order(matched: &[Option<usize>]) -> Vec<usize> {
    // The longest increasing subsequence: for each length the smallest end, and what stands before each.
    let (mut ends, mut before): (Vec<usize>, HashMap<usize, Option<usize>>) = (Vec::new(), HashMap::new());
    for &with in matched.iter().flatten() {
        let at = ends.partition_point(|&end| end < with);
        before.insert(with, at.checked_sub(1).map(|at| ends[at]));
        match ends.get_mut(at) {
            Some(end) => *end = with,
            None => ends.push(with),
        }
    }
    let mut kept: Vec<usize> = std::iter::successors(ends.last().copied(), |with| before[with]).collect();
    kept.reverse();
    kept
}

impl Line {
    fn new(key: &str) -> Self {
        Self { key: key.to_owned(), name: String::new(), tokens: Vec::new(), places: Vec::new() }
    }

    fn value(&self) -> Option<&[u8]> {
        self.tokens.iter().find(|token| token.role == "value").map(|token| &*token.text)
    }

    /// Adds bytes of a piece to it.
    fn extend(&mut self, piece: usize, start: usize, length: usize) -> usize {
        match self.places.last_mut().filter(|place| place.piece == piece && place.start + place.length == start) {
            Some(place) => place.length += length,
            None => self.places.push(Place { piece, start, length, marks: Vec::new() }),
        }
        self.places.len() - 1
    }
}

fn lines(head: &Head<'_>) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (number, bytes, spans) in &head.pieces {
        match spans.iter().any(|span| span.kind.starts_with("hpack")) {
            true => entries(&mut lines, *number, spans),
            false => written(&mut lines, *number, bytes, spans),
        }
    }
    lines
}

/// The lines of a head of HTTP/1, to its end.
fn written(lines: &mut Vec<Line>, piece: usize, bytes: &[u8], spans: &[Span]) {
    let mut line: Option<Line> = None;
    for span in spans {
        let role = match &*span.kind {
            "method" => "method",
            "target" => "target",
            "version" => "version",
            "status" => "status",
            "reason" => "reason",
            "field-name" => "name",
            "field-value" => "value",
            "content" => break,
            _ => "",
        };
        let text = bytes.get(span.start..span.start + span.length).unwrap_or_default();
        let open = line.get_or_insert_with(|| match role {
            "name" | "value" => Line::new(&String::from_utf8_lossy(text).to_ascii_lowercase()),
            "" if span.kind == "empty-line" => Line::new(END),
            _ => Line::new(FIRST),
        });
        if role == "name" {
            open.name.clone_from(&span.name);
        }
        let place = open.extend(piece, span.start, span.length);
        if !role.is_empty() {
            let (start, length) = (span.start, span.length);
            open.tokens.push(Token { role, text: text.to_vec(), place, start, length, is_written: true });
        }
        let is_end = span.kind == "empty-line";
        if is_end || span.kind == "line-end" {
            lines.extend(line.take());
        }
        // An empty line before the message ends nothing.
        if is_end && lines.len() > 1 {
            break;
        }
    }
    lines.extend(line);
}

/// The lines that the entries of a field block stand for; those with a colon in front make up the first line.
fn entries(lines: &mut Vec<Line>, piece: usize, spans: &[Span]) {
    for span in spans.iter().filter(|span| span.kind.starts_with("hpack")) {
        // A change of the table's size is no field.
        let Some(said) = &span.value else { continue };
        let (name, value) = said.split_at(span.name.len().min(said.len()));
        let value = value.trim_start_matches(": ");
        let (key, role) = match name {
            ":method" => (FIRST, "method"),
            ":path" => (FIRST, "target"),
            ":scheme" => (FIRST, "scheme"),
            ":status" => (FIRST, "status"),
            ":authority" => ("host", "value"),
            name => (name, "value"),
        };
        let known = lines.iter().position(|line| key == FIRST && line.key == FIRST);
        let at = known.unwrap_or_else(|| {
            lines.push(Line { name: if key == FIRST { String::new() } else { name.to_owned() }, ..Line::new(key) });
            lines.len() - 1
        });
        let place = lines[at].extend(piece, span.start, span.length);
        let text = if span.redacted && value == HIDDEN { MASK.to_vec() } else { value.as_bytes().to_vec() };
        let (start, length) = (span.start, span.length);
        lines[at].tokens.push(Token { role, text, place, start, length, is_written: false });
    }
}

/// What stands in the place of a secret in the value of an entry.
const HIDDEN: &str = "•••";

#[cfg(test)]
mod tests;
