//! JSON for reading: indented, in color, and as it came otherwise.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// The text indented by two spaces, in color if wished for; `None` if it is no JSON.
///
/// Numbers and strings stay as they were written. What could act on a terminal is escaped, as JSON can escape it.
pub(super) fn indent(text: &str, colors: bool) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = token(rest);
        let (piece, after) = rest.split_at(length);
        rest = after.trim_start();
        match first {
            '{' | '[' => {
                out.push(first);
                if let Some(close) = rest.chars().next().filter(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                    rest = rest[1..].trim_start();
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                line(&mut out, depth);
                out.push(first);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                let is_name = rest.starts_with(':');
                paint(&mut out, piece, style(first, is_name), colors);
            }
        }
    }
    out.push('\n');
    Some(out)
}

/// How long the token at the start is; the text is known to be JSON.
fn token(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes[0] == b'"' {
        let mut at = 1;
        while bytes[at] != b'"' {
            at += if bytes[at] == b'\\' { 2 } else { 1 };
        }
        return at + 1;
    }
    if b"{}[],:".contains(&bytes[0]) {
        return 1;
    }
    let ends = |byte: &u8| b"{}[],:".contains(byte) || byte.is_ascii_whitespace();
    bytes.iter().position(ends).unwrap_or(bytes.len())
}

fn style(first: char, is_name: bool) -> Style {
    match first {
        '"' if is_name => AnsiColor::Blue.on_default().bold(),
        '"' => AnsiColor::Green.on_default(),
        't' | 'f' | 'n' => AnsiColor::Magenta.on_default(),
        _ => AnsiColor::Cyan.on_default(),
    }
}

fn paint(out: &mut String, piece: &str, style: Style, colors: bool) {
    if colors {
        // A String takes whatever is written to it.
        let _ = write!(out, "{}", style.render());
    }
    for c in piece.chars() {
        if c.is_control() {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    if colors {
        let _ = write!(out, "{}", style.render_reset());
    }
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_otherwise_left_alone() {
        let text = " {\"a\":[1,2.50,{}],\"b\\\"c\" : \"x: {y}\",\"d\":[ ],\"e\":null}";
        let expected = "{\n  \"a\": [\n    1,\n    2.50,\n    {}\n  ],\n  \"b\\\"c\": \"x: {y}\",\n  \"d\": [],\n  \"e\": null\n}\n";
        assert_eq!(indent(text, false).unwrap(), expected);
        assert_eq!(indent("{", false), None);
        assert_eq!(indent("\"a\u{7f}\u{9b}31m\"", false).unwrap(), "\"a\\u007f\\u009b31m\"\n");
        assert!(indent("[true]", true).unwrap().contains("\u{1b}["));
    }
}
