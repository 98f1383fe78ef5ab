//! The combined format: `host - - [time] "request" status bytes "referer" "agent"`.

use std::io::Write;

use http::header::{REFERER, USER_AGENT};
use http::{HeaderMap, HeaderName};
use wirelight_net::observe::Record;
use wirelight_service::Peer;

use super::redact::Secrets;
use super::visible::quoted;
use crate::moment::Moment;

pub(super) fn write(record: &Record, secrets: &Secrets, line: &mut Vec<u8>) {
    match &record.connection.peer {
        Some(Peer::Internet(address)) => put(line, format_args!("{}", address.ip())),
        Some(Peer::Local(_)) => line.extend_from_slice(b"unix:"),
        None => line.push(b'-'),
    }
    let moment = Moment::of(record.at);
    let Moment { year, day, hour, minute, second, .. } = moment;
    let month = moment.month_name();
    put(line, format_args!(" - - [{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000] \""));
    match &record.asked {
        Some(asked) => {
            quoted(asked.method.as_str().as_bytes(), line);
            line.push(b' ');
            quoted(&secrets.mask_target(asked.shown_target().as_bytes()), line);
            put(line, format_args!(" {}", asked.shown_version()));
        }
        None => line.push(b'-'),
    }
    put(line, format_args!("\" {} {} ", record.status.as_str(), record.sent_bytes));
    let fields = record.asked.as_ref().map(|asked| &asked.fields);
    put_field(fields, &REFERER, secrets, line);
    line.push(b' ');
    put_field(fields, &USER_AGENT, secrets, line);
    line.push(b'\n');
}

fn put_field(fields: Option<&HeaderMap>, name: &HeaderName, secrets: &Secrets, line: &mut Vec<u8>) {
    line.push(b'"');
    match fields.and_then(|fields| fields.get(name)) {
        Some(value) => quoted(&secrets.mask_field(name, value), line),
        None => line.push(b'-'),
    }
    line.push(b'"');
}

fn put(line: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    line.write_fmt(text).expect("a vector takes everything");
}
