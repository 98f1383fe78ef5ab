//! Text of strangers, made so that it cannot act: not on a terminal, not on a reader of lines.

use std::io::Write;

/// Appends bytes so that they can stand between quotes: what is not printable ASCII, quotes and backslashes become
/// `\xHH`.
pub(super) fn quoted(bytes: &[u8], line: &mut Vec<u8>) {
    // All of most texts is plain: to see that takes no branch for each byte.
    if bytes.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
        return line.extend_from_slice(bytes);
    }
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
        line.extend_from_slice(&rest[..at]);
        hexadecimal(rest[at], line);
        rest = &rest[at + 1..];
    }
    line.extend_from_slice(rest);
}

/// Whether a byte can stand between quotes as it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\')
}

/// Appends a number in decimal digits.
pub(super) fn number(mut number: u64, line: &mut Vec<u8>) {
    let digit = |number: u64| b'0' + (number % 10) as u8;
    // Most numbers are short.
    match number {
        0..10 => return line.push(digit(number)),
        10..100 => return line.extend_from_slice(&[digit(number / 10), digit(number)]),
        100..1000 => return line.extend_from_slice(&[digit(number / 100), digit(number / 10), digit(number)]),
        _ => {}
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = digit(number);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[at..]);
}

/// Appends text for people: what is printable stays, in any script; what acts on a terminal becomes `\xHH`.
pub(super) fn printable(text: &str, line: &mut Vec<u8>) {
    let mut utf8 = [0; 4];
    for char in text.chars() {
        let bytes = char.encode_utf8(&mut utf8).as_bytes();
        if acts(char) {
            bytes.iter().for_each(|&byte| hexadecimal(byte, line));
        } else {
            line.extend_from_slice(bytes);
        }
    }
}

/// Whether a character does something other than to be seen: controls, and those that change the direction of text
/// or hide.
fn acts(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

fn hexadecimal(byte: u8, line: &mut Vec<u8>) {
    write!(line, "\\x{byte:02x}").expect("a vector takes everything");
}
