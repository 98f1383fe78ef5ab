//! The bytes of messages as they passed, safe to look at.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use wirelight_net::observe::Wire;
use wirelight_proto::h2::Describer;

/// What is known of connections whose bytes are frames: each direction has a table that its fields are decoded with.
#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<HashMap<u64, Directions>>);

#[derive(Debug)]
struct Directions {
    received: Describer,
    sent: Describer,
}

impl Frames {
    /// Appends a line for each frame that these bytes complete, and for what is in it.
    pub(super) fn write(&self, connection: u64, wire: Wire, bytes: &[u8], shown: &mut Vec<u8>) {
        let mut connections = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let directions = connections
            .entry(connection)
            .or_insert_with(|| Directions { received: Describer::of_client(), sent: Describer::of_server() });
        let describer = match wire {
            Wire::FramesSent => &mut directions.sent,
            _ => &mut directions.received,
        };
        describer.describe(bytes, |line| {
            writeln!(shown, "#{connection} {} {line}", direction(wire)).expect("a vector takes everything");
        });
    }

    /// Forgets a connection that has ended.
    pub(super) fn forget(&self, connection: u64) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }
}

fn direction(wire: Wire) -> char {
    match wire {
        Wire::HeadReceived | Wire::ContentReceived | Wire::FramesReceived => '<',
        Wire::HeadSent | Wire::ContentSent | Wire::FramesSent => '>',
    }
}

/// Appends bytes with their connection, exchange and direction before each line of them.
///
/// Every byte can be told from what is shown: a line feed is shown as `\n` and ends the line, as it does on the wire.
pub(super) fn write_bytes(connection: u64, number: u64, wire: Wire, bytes: &[u8], shown: &mut Vec<u8>) {
    let direction = direction(wire);
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
