//! The combined format: `host - - [time] "request" status bytes "referer" "agent"`.

use std::cell::RefCell;
use std::io::Write;
use std::net::IpAddr;
use std::time::SystemTime;

use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName};
use wirelight_net::observe::Record;
use wirelight_service::Peer;

use super::redact::Secrets;
use super::visible::{number, quoted};
use crate::moment::Moment;

pub(super) fn write(record: &Record, secrets: &Secrets, line: &mut Vec<u8>) {
    match &record.connection.peer {
        Some(Peer::Internet(address)) => put_address(address.ip(), line),
        Some(Peer::Local(_)) => line.extend_from_slice(b"unix:"),
        None => line.push(b'-'),
    }
    put_time(record.at, line);
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
    line.push(b' ');
    let fields = record.asked.as_ref().map(|asked| &asked.fields);
    put_field(fields, &REFERER, secrets, line);
    line.push(b' ');
    put_field(fields, &USER_AGENT, secrets, line);
    line.push(b'\n');
}

fn put_address(address: IpAddr, line: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            for (position, octet) in address.octets().into_iter().enumerate() {
                if position > 0 {
                    line.push(b'.');
                }
                number(octet.into(), line);
            }
        }
        IpAddr::V6(address) => write!(line, "{address}").expect("a vector takes everything"),
    }
}

thread_local! {
    /// The last time that this thread wrote, by its second: what is written depends on nothing else.
    static WRITTEN: RefCell<(Option<u64>, Vec<u8>)> = const { RefCell::new((None, Vec::new())) };
}

/// Appends the time, and what stands around it, written once a second and thread.
fn put_time(at: SystemTime, line: &mut Vec<u8>) {
    let second = at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs());
    WRITTEN.with_borrow_mut(|(last, text)| {
        if second.is_none() || *last != second {
            let moment = Moment::of(at);
            let Moment { year, day, hour, minute, second, .. } = moment;
            let month = moment.month_name();
            text.clear();
            write!(text, " - - [{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000] \"")
                .expect("a vector takes everything");
        }
        *last = second;
        line.extend_from_slice(text);
    });
}

fn put_field(fields: Option<&HeaderMap>, name: &HeaderName, secrets: &Secrets, line: &mut Vec<u8>) {
    line.push(b'"');
    match fields.and_then(|fields| fields.get(name)) {
        Some(value) => quoted(&secrets.mask_field(name, value), line),
        None => line.push(b'-'),
    }
    line.push(b'"');
}
