//! The combined format: `host - - [time] "request" status bytes "referer" "agent"`.

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName};
use wirelight_net::observe::Record;
use wirelight_service::Peer;

use super::redact::Secrets;
use super::visible::{number, quoted};
use crate::moment::Moment;

pub(super) fn write(record: &Record, secrets: &Secrets, line: &mut Vec<u8>) {
    put_beginning(record, line);
    match &record.asked {
        Some(asked) => {
            // A token holds nothing that would have to be quoted.
            line.extend_from_slice(asked.method.as_str().as_bytes());
            line.push(b' ');
            quoted(&secrets.mask_target(asked.shown_target().as_bytes()), line);
            line.push(b' ');
            line.extend_from_slice(asked.shown_version().as_bytes());
        }
        None => line.push(b'-'),
    }
    line.extend_from_slice(b"\" ");
    line.extend_from_slice(record.status.as_str().as_bytes());
    line.push(b' ');
    number(record.sent_bytes, line);
    match record.asked.as_ref().map(|asked| &asked.fields) {
        Some(fields) if !fields.is_empty() => {
            put_field(fields, &REFERER, secrets, line);
            put_field(fields, &USER_AGENT, secrets, line);
            line.push(b'\n');
        }
        _ => line.extend_from_slice(b" \"-\" \"-\"\n"),
    }
}

/// How the last line of this thread began: by the peer and the second that it was for, on which nothing else depends.
struct Begun {
    peer: Shown,
    /// When the second began, and when the next one does.
    second: (SystemTime, SystemTime),
    time: Vec<u8>,
    text: Vec<u8>,
}

/// What of a peer is shown.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Shown {
    Address(IpAddr),
    Local,
    Unknown,
}

/// One that no time lies in.
const NO_SECOND: (SystemTime, SystemTime) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);

thread_local! {
    static BEGUN: RefCell<Begun> =
        const { RefCell::new(Begun { peer: Shown::Unknown, second: NO_SECOND, time: Vec::new(), text: Vec::new() }) };
}

/// Appends the address and the time, with what stands around them.
fn put_beginning(record: &Record, line: &mut Vec<u8>) {
    let peer = match &record.connection.peer {
        Some(Peer::Internet(address)) => Shown::Address(address.ip()),
        Some(Peer::Local(_)) => Shown::Local,
        None => Shown::Unknown,
    };
    BEGUN.with_borrow_mut(|begun| {
        let is_now = begun.second.0 <= record.at && record.at < begun.second.1;
        if !is_now {
            begun.second = second_of(record.at);
            begun.time.clear();
            put_time(record.at, &mut begun.time);
        }
        if !is_now || begun.peer != peer {
            begun.peer = peer;
            begun.text.clear();
            put_peer(peer, &mut begun.text);
            begun.text.extend_from_slice(&begun.time);
        }
        line.extend_from_slice(&begun.text);
    });
}

/// The second that a time lies in; none before 1970.
fn second_of(at: SystemTime) -> (SystemTime, SystemTime) {
    match at.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => {
            let begins = at - Duration::from_nanos(since.subsec_nanos().into());
            (begins, begins + Duration::from_secs(1))
        }
        Err(_) => NO_SECOND,
    }
}

fn put_peer(peer: Shown, line: &mut Vec<u8>) {
    match peer {
        Shown::Address(IpAddr::V4(address)) => {
            for (position, octet) in address.octets().into_iter().enumerate() {
                if position > 0 {
                    line.push(b'.');
                }
                number(octet.into(), line);
            }
        }
        Shown::Address(IpAddr::V6(address)) => write!(line, "{address}").expect("a vector takes everything"),
        Shown::Local => line.extend_from_slice(b"unix:"),
        Shown::Unknown => line.push(b'-'),
    }
}

fn put_time(at: SystemTime, line: &mut Vec<u8>) {
    let moment = Moment::of(at);
    let Moment { year, day, hour, minute, second, .. } = moment;
    let month = moment.month_name();
    write!(line, " - - [{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000] \"")
        .expect("a vector takes everything");
}

fn put_field(fields: &HeaderMap, name: &HeaderName, secrets: &Secrets, line: &mut Vec<u8>) {
    line.extend_from_slice(b" \"");
    match fields.get(name) {
        Some(value) => quoted(&secrets.mask_field(name, value), line),
        None => line.push(b'-'),
    }
    line.push(b'"');
}
