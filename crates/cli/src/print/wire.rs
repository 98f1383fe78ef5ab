//! How the bytes of a connection are shown: exactly, and without harm to a terminal.

use std::fmt::Write;

use wirelight_net::{ConnectionInfo, Wire};

use super::Paint;

/// Shows bytes as they passed: `>` for what arrived, `<` for what left.
///
/// Line ends are written out (`\r\n`), and so is every byte that is not visible ASCII (`\x1b`) and every backslash, so
/// that the bytes can be told from what is printed.
pub(crate) fn show(connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8], paint: Paint) -> Vec<u8> {
    let (arrived, what) = match wire {
        Wire::HeadReceived => (true, "request head"),
        Wire::ContentReceived => (true, "request content"),
        Wire::HeadSent => (false, "response head"),
        Wire::ContentSent => (false, "response content"),
    };
    let peer = connection.peer.as_ref().map_or_else(String::new, |peer| format!(", {peer}"));
    let id = connection.id;
    let title = format!("-- {what} {id}.{number}, {} bytes{peer}", bytes.len());
    let mut text = format!("{}\n", paint.quiet(title));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let shown = visible(line);
        let shown = if arrived { paint.received(shown) } else { paint.sent(shown) };
        writeln!(text, "{} {shown}", if arrived { '>' } else { '<' }).expect("a String takes all text");
    }
    text.into_bytes()
}

/// What is visible as it is, the rest as an escape.
fn visible(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len() + 4);
    for byte in bytes {
        match byte {
            b'"' | b'\'' => shown.push(char::from(*byte)),
            _ => shown.extend(byte.escape_ascii().map(char::from)),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_tells_every_byte() {
        let connection = ConnectionInfo { id: 3, peer: None };
        let bytes = b"GET /\\ HTTP/1.1\r\nA: \"\x1b[31m\xff\"\n\r\n";
        let shown = show(&connection, 1, Wire::HeadReceived, bytes, Paint::plain());
        let expected = "-- request head 3.1, 33 bytes\n\
            > GET /\\\\ HTTP/1.1\\r\\n\n> A: \"\\x1b[31m\\xff\"\\n\n> \\r\\n\n";
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }
}
