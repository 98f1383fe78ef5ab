//! Each frame read and written again, and each way to be wrong.

use super::*;
use crate::h2::fault::Scope;

fn read(bytes: &[u8]) -> Result<Frame<'_>, Fault> {
    let head = Head::read(bytes).expect("a whole head");
    assert_eq!(bytes.len(), HEAD_LENGTH + head.length, "the payload is as long as the head says");
    Frame::read(head, &bytes[HEAD_LENGTH..])
}

fn wire(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write(kind, flags, stream, &mut out, |out| out.extend_from_slice(payload));
    out
}

#[test]
fn frames_round_trip() {
    let dependency = priority::Dependency { stream: 3, exclusive: true, weight: 200 };
    let settings = wire(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100, 0x12, 0x34, 0, 0, 0, 1]);
    for frame in [
        Frame::Data(Data { stream: 1, end_stream: true, content: b"abc", padding: Some(3) }),
        Frame::Data(Data { stream: STREAM_LAST, end_stream: false, content: b"", padding: None }),
        Frame::Headers(Headers {
            stream: 5,
            end_stream: true,
            end_headers: false,
            fragment: b"\x82",
            dependency: Some(dependency),
            padding: Some(0),
        }),
        Frame::Priority(Priority { stream: 7, dependency }),
        Frame::RstStream(RstStream { stream: 7, code: Code::CANCEL }),
        read(&settings).unwrap(),
        Frame::SettingsAck,
        Frame::PushPromise(PushPromise {
            stream: 1,
            promised: 2,
            end_headers: true,
            fragment: b"\x82",
            padding: Some(1),
        }),
        Frame::Ping(Ping { ack: true, payload: *b"12345678" }),
        Frame::GoAway(GoAway { last_stream: 9, code: Code::NO_ERROR, debug: b"bye" }),
        Frame::WindowUpdate(WindowUpdate { stream: 0, increment: STREAM_LAST }),
        Frame::Continuation(Continuation { stream: 5, end_headers: true, fragment: b"\x84" }),
        Frame::PriorityUpdate(PriorityUpdate { prioritized: 5, value: b"u=1, i" }),
    ] {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        assert_eq!(read(&bytes), Ok(frame));
        assert!(kind_name(bytes[3]).is_some());
    }
    assert_eq!(read(&wire(0xee, 0xff, 1, b"x")), Ok(Frame::Unknown));
}

#[test]
fn settings_are_listed_in_order() {
    let bytes = wire(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100, 0x12, 0x34, 0, 0, 0, 1]);
    let Ok(Frame::Settings(settings)) = read(&bytes) else { panic!() };
    let listed: Vec<_> = settings.iter().map(|setting| (setting.name(), setting.identifier, setting.value)).collect();
    assert_eq!(listed, [(Some("MAX_CONCURRENT_STREAMS"), 3, 100), (None, 0x1234, 1)]);
}

#[test]
fn the_reserved_bit_is_ignored() {
    let mut bytes = wire(kind::RST_STREAM, 0, 7, &[0, 0, 0, 8]);
    bytes[5] |= 0x80;
    assert_eq!(read(&bytes), Ok(Frame::RstStream(RstStream { stream: 7, code: Code::CANCEL })));
}

#[test]
fn wrong_frames_are_refused() {
    use Scope::{Connection, Stream};
    let (protocol, size) = (Code::PROTOCOL_ERROR, Code::FRAME_SIZE_ERROR);
    for (kind, flags, stream, payload, scope, code) in [
        (kind::DATA, 0, 0, &b"x"[..], Connection, protocol),
        (kind::DATA, flag::PADDED, 1, b"\x05abc", Connection, protocol),
        (kind::DATA, flag::PADDED, 1, b"", Connection, size),
        (kind::HEADERS, 0, 0, b"", Connection, protocol),
        (kind::HEADERS, flag::PADDED, 1, b"\x01", Connection, protocol),
        (kind::HEADERS, flag::PRIORITY, 1, b"1234", Connection, size),
        (kind::HEADERS, flag::PRIORITY | flag::PADDED, 1, b"\x0112345"[..5].as_ref(), Connection, size),
        (kind::PRIORITY, 0, 0, b"12345", Connection, protocol),
        (kind::PRIORITY, 0, 3, b"1234", Stream(3), size),
        (kind::RST_STREAM, 0, 0, b"1234", Connection, protocol),
        (kind::RST_STREAM, 0, 1, b"123", Connection, size),
        (kind::SETTINGS, 0, 1, b"", Connection, protocol),
        (kind::SETTINGS, 0, 0, b"12345", Connection, size),
        (kind::SETTINGS, flag::ACK, 0, b"123456", Connection, size),
        (kind::PUSH_PROMISE, 0, 0, b"\0\0\0\x02", Connection, protocol),
        (kind::PUSH_PROMISE, 0, 1, b"\0\0\0\x01", Connection, protocol),
        (kind::PUSH_PROMISE, 0, 1, b"\0\0\0\0", Connection, protocol),
        (kind::PUSH_PROMISE, 0, 1, b"\0\0", Connection, size),
        (kind::PING, 0, 1, b"12345678", Connection, protocol),
        (kind::PING, 0, 0, b"123456789", Connection, size),
        (kind::GOAWAY, 0, 1, b"12345678", Connection, protocol),
        (kind::GOAWAY, 0, 0, b"1234567", Connection, size),
        (kind::WINDOW_UPDATE, 0, 0, b"\0\0\0\0", Connection, protocol),
        (kind::WINDOW_UPDATE, 0, 3, b"\0\0\0\0", Stream(3), protocol),
        (kind::WINDOW_UPDATE, 0, 3, b"\0\0\x01", Connection, size),
        (kind::CONTINUATION, 0, 0, b"", Connection, protocol),
        (kind::PRIORITY_UPDATE, 0, 1, b"1234", Connection, protocol),
        (kind::PRIORITY_UPDATE, 0, 0, b"123", Connection, size),
    ] {
        let bytes = wire(kind, flags, stream, payload);
        let fault = read(&bytes).expect_err("refused");
        assert_eq!((fault.scope, fault.code), (scope, code), "{kind} {flags:#x} {stream} {payload:x?}");
    }
}
