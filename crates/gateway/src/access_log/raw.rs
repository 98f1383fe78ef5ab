//! The bytes of messages as they passed, safe to look at.

use std::io::Write;

use wirelight_net::observe::Wire;

/// Appends bytes with their connection, exchange and direction before each line of them.
///
/// Every byte can be told from what is shown: a line feed is shown as `\n` and ends the line, as it does on the wire.
pub(super) fn write_bytes(connection: u64, number: u64, wire: Wire, bytes: &[u8], shown: &mut Vec<u8>) {
    let direction = match wire {
        Wire::HeadReceived | Wire::ContentReceived => '<',
        Wire::HeadSent | Wire::ContentSent => '>',
    };
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        write!(shown, "#{connection}.{number} {direction} ").expect("a vector takes everything");
        for &byte in line {
            match byte {
                b'\r' => shown.extend_from_slice(b"\\r"),
                b'\n' => shown.extend_from_slice(b"\\n"),
                b'\t' => shown.extend_from_slice(b"\\t"),
                b'\\' => shown.extend_from_slice(b"\\\\"),
                b' '..=b'~' => shown.push(byte),
                byte => write!(shown, "\\x{byte:02x}").expect("a vector takes everything"),
            }
        }
        shown.push(b'\n');
    }
}

/// Appends a line that says that a connection ended.
pub(super) fn write_closed(connection: u64, because: &str, shown: &mut Vec<u8>) {
    write!(shown, "#{connection} closed: ").expect("a vector takes everything");
    super::visible::printable(because, shown);
    shown.push(b'\n');
}
