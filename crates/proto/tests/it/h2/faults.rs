//! What a peer may not do, frame by frame, and what it costs it.

use wirelight_proto::h2::frame::{Frame, Head, PushPromise};
use wirelight_proto::h2::{Code, Config, PREFACE, fault, rule};
use wirelight_proto::{Connection as _, Reason, Role};
use wirelight_semantics::decision::Decision as _;

use super::peer::{Bench, Wrote, block, get, post, string};

/// What becomes of a connection.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// It ends with this rule and code.
    Dies(&'static str, Code),
    /// One stream is reset with this code, and the connection lives.
    Loses(u32, Code),
    /// Nothing is lost.
    Lives,
}

fn fate(bench: &mut Bench) -> Fate {
    bench.ping(false, *b"alive?!?");
    if let Err(error) = bench.hear() {
        match bench.wrote().last() {
            Some(Wrote::GoAway(_, code)) => return Fate::Dies(error.rule.name, *code),
            other => panic!("no GOAWAY but {other:?}"),
        }
    }
    let wrote = bench.wrote();
    assert!(wrote.contains(&Wrote::Ping(true, *b"alive?!?")), "{wrote:?}");
    let reset = wrote.iter().find_map(|wrote| match wrote {
        Wrote::Reset(stream, code) => Some(Fate::Loses(*stream, *code)),
        _ => None,
    });
    reset.unwrap_or(Fate::Lives)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head { length: payload.len(), kind, flags, stream };
    [&head.octets(), payload].concat()
}

#[test]
fn connections_begin_as_they_must() {
    let dies = |rule: &'static wirelight_semantics::decision::Rule| Fate::Dies(rule.name, Code::PROTOCOL_ERROR);
    for (bytes, role, expected) in [
        (b"GET / HTTP/1.1\r\n".to_vec(), Role::Server, dies(&fault::PREFACE)),
        (b"PRI * HTTP/2.0\r\n\r\nXX".to_vec(), Role::Server, dies(&fault::PREFACE)),
        ([&PREFACE[..], &frame(6, 0, 0, b"12345678")].concat(), Role::Server, dies(&fault::PREFACE)),
        ([&PREFACE[..], &frame(4, 1, 0, b"")].concat(), Role::Server, dies(&fault::PREFACE)),
        (frame(6, 0, 0, b"12345678"), Role::Client, dies(&fault::PREFACE)),
        (b"HTTP/1.1 400 Bad Request\r\n".to_vec(), Role::Client, Fate::Dies("h2-frame-size", Code::FRAME_SIZE_ERROR)),
    ] {
        let mut bench = Bench::new(role, Config::default());
        bench.raw(&bytes);
        assert_eq!(fate(&mut bench), expected, "{}", bytes.escape_ascii());
    }
}

/// Each on a fresh connection where stream 1 is a POST whose content is awaited, 3 a GET that is not answered yet,
/// 5 was reset by the client, 7 was reset by the server and 9 is complete.
#[test]
fn a_server_judges_frames_by_the_state_of_their_stream() {
    use Fate::{Dies, Lives, Loses};
    let state = |code| Dies("h2-stream-state", code);
    let (protocol, ended) = (Code::PROTOCOL_ERROR, Code::STREAM_CLOSED);
    for (bytes, expected) in [
        (frame(0, 0, 1, b"x"), Lives),
        (frame(0, 0, 3, b"x"), Loses(3, ended)),
        (frame(0, 0, 5, b"x"), Loses(5, ended)),
        (frame(0, 0, 7, b"x"), Lives),
        (frame(0, 0, 9, b"x"), Loses(9, ended)),
        (frame(0, 0, 11, b"x"), state(protocol)),
        (frame(0, 0, 2, b"x"), state(protocol)),
        (frame(1, 4, 1, &block("x: y")), Loses(1, protocol)),
        (frame(1, 5, 1, &block("x: y")), Lives),
        (frame(1, 5, 3, &block("x: y")), Loses(3, ended)),
        (frame(1, 5, 5, &get("")), state(ended)),
        (frame(1, 5, 7, &get("")), Lives),
        (frame(1, 5, 9, &get("")), Loses(9, ended)),
        (frame(1, 5, 11, &get("")), Lives),
        (frame(1, 5, 2, &get("")), Dies("h2-stream-identifier", protocol)),
        (frame(2, 0, 1, &[0, 0, 0, 1, 16]), Lives),
        (frame(2, 0, 99, &[0, 0, 0, 1, 16]), Lives),
        (frame(2, 0, 1, &[0]), Loses(1, Code::FRAME_SIZE_ERROR)),
        (frame(3, 0, 1, &[0, 0, 0, 8]), Lives),
        (frame(3, 0, 9, &[0, 0, 0, 8]), Lives),
        (frame(3, 0, 11, &[0, 0, 0, 8]), state(protocol)),
        (frame(3, 0, 2, &[0, 0, 0, 8]), state(protocol)),
        (frame(4, 0, 0, &[0, 2, 0, 0, 0, 2]), Dies("h2-setting-value", protocol)),
        (frame(4, 0, 0, &[0, 4, 0x80, 0, 0, 0]), Dies("h2-flow-control", Code::FLOW_CONTROL_ERROR)),
        (frame(4, 0, 0, &[0x99, 0x99, 0, 0, 0, 0]), Lives),
        (frame(4, 1, 0, &[]), Dies("h2-settings-timeout", protocol)),
        (frame(5, 4, 1, &[0, 0, 0, 2]), Dies("h2-push", protocol)),
        (frame(6, 1, 0, b"whatever"), Lives),
        (frame(7, 0, 0, &[0; 8]), Lives),
        (frame(8, 0, 1, &[0, 0, 0, 0]), Loses(1, protocol)),
        (frame(8, 0, 0, &[0, 0, 0, 0]), Dies("h2-window-increment", protocol)),
        (frame(8, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), Dies("h2-flow-control", Code::FLOW_CONTROL_ERROR)),
        (frame(8, 0, 1, &[0x7f, 0xff, 0xff, 0xff]), Loses(1, Code::FLOW_CONTROL_ERROR)),
        (frame(8, 0, 9, &[0x7f, 0xff, 0xff, 0xff]), Lives),
        (frame(8, 0, 11, &[0, 0, 0, 1]), state(protocol)),
        (frame(9, 4, 1, &block("x: y")), Dies("h2-continuation", protocol)),
        (frame(0x10, 0, 0, b"\0\0\0\x01u=1"), Lives),
        (frame(0x10, 0, 0, b"\0\0\0\x21u=1"), Lives),
        (frame(0x10, 0, 0, b"\0\0\0\x02u=1"), Dies("h2-priority-update", protocol)),
        (frame(0xee, 0xff, 1, b"anything"), Lives),
        (
            Head { length: 16_385, kind: 0xee, flags: 0, stream: 0 }.octets().to_vec(),
            Dies("h2-frame-size", Code::FRAME_SIZE_ERROR),
        ),
    ] {
        let mut bench = Bench::server(Config::default());
        bench.headers(1, &post(""), false);
        bench.headers(3, &get(""), true);
        bench.headers(5, &get(""), false);
        bench.reset(5, Code::CANCEL);
        bench.headers(7, &get(""), false);
        bench.headers(9, &get(""), true);
        bench.events();
        bench.drop_stream(7, Reason::Cancelled);
        bench.respond(9, b"done");
        bench.wrote();
        bench.raw(&bytes);
        assert_eq!(fate(&mut bench), expected, "{bytes:x?}");
    }
}

#[test]
fn a_client_judges_frames_by_the_state_of_their_stream() {
    use Fate::{Dies, Lives, Loses};
    let state = |code| Dies("h2-stream-state", code);
    let (protocol, ended) = (Code::PROTOCOL_ERROR, Code::STREAM_CLOSED);
    for (bytes, expected) in [
        (frame(0, 0, 1, b"x"), Loses(1, protocol)),
        (frame(1, 4, 1, &block(":status: 200")), Lives),
        (frame(0, 0, 3, b"x"), Loses(3, ended)),
        (frame(1, 4, 3, &block(":status: 200")), Loses(3, ended)),
        (frame(0, 0, 5, b"x"), state(protocol)),
        (frame(1, 4, 5, &block(":status: 200")), state(protocol)),
        (frame(8, 0, 5, &[0, 0, 0, 1]), state(protocol)),
        (frame(3, 0, 5, &[0, 0, 0, 1]), state(protocol)),
        (frame(0, 0, 7, b"x"), state(protocol)),
        (frame(1, 4, 2, &block(":status: 200")), Dies("h2-stream-identifier", protocol)),
        (frame(4, 0, 0, &[0, 2, 0, 0, 0, 1]), Dies("h2-setting-value", protocol)),
        (frame(0x10, 0, 0, b"\0\0\0\x01u=1"), Dies("h2-priority-update", protocol)),
    ] {
        let mut bench = Bench::client(Config::default());
        for stream in [1, 3] {
            bench.engine.open().unwrap();
            let parts = http::Request::get("http://a/").body(()).unwrap().into_parts().0;
            bench.send(stream, wirelight_proto::Part::request(parts, wirelight_proto::Length::Known(0)));
            bench.end(stream);
        }
        assert!(bench.engine.open().is_some(), "5 is open to nobody but the application");
        bench.headers(3, &block(":status: 200"), true);
        bench.events();
        bench.wrote();
        bench.raw(&bytes);
        assert_eq!(fate(&mut bench), expected, "{bytes:x?}");
    }
    let mut bench = Bench::client(Config::default());
    bench.frame(Frame::PushPromise(PushPromise {
        stream: 1,
        promised: 2,
        end_headers: true,
        fragment: &get(""),
        padding: None,
    }));
    assert_eq!(fate(&mut bench), Dies("h2-push", protocol));
}

#[test]
fn nothing_comes_inside_a_header_block() {
    for (kind, flags, stream, payload) in [
        (6, 0, 0, b"12345678".to_vec()),
        (9, 4, 3, b"".to_vec()),
        (0xee, 0, 1, b"x".to_vec()),
        (1, 5, 3, get("")),
        (0, 0, 1, b"x".to_vec()),
    ] {
        let mut bench = Bench::server(Config::default());
        bench.begin_headers(1, &get(""), true);
        bench.raw(&frame(kind, flags, stream, &payload));
        assert_eq!(fate(&mut bench), Fate::Dies("h2-continuation", Code::PROTOCOL_ERROR), "{kind}");
    }
}

#[test]
fn a_header_block_may_come_in_pieces() {
    let whole = get("x: y");
    for cut in 0..=whole.len() {
        let mut bench = Bench::server(Config::default());
        bench.begin_headers(1, &whole[..cut], true);
        bench.continuation(1, &whole[cut..], true);
        assert_eq!(bench.events(), ["1 request GET http://a.test/ Known(0)", "1 end"], "{cut}");
    }
}

#[test]
fn blocks_that_do_not_decode_end_the_connection() {
    for payload in [&[0x80][..], &[0xff; 20], &[0x82, 0x86, 0x84, 0x00, 0x05, 0x61], &[0x3f, 0xe1, 0xff, 0x03]] {
        let mut bench = Bench::server(Config::default());
        bench.headers(1, payload, true);
        assert_eq!(fate(&mut bench), Fate::Dies("h2-compression", Code::COMPRESSION_ERROR), "{payload:x?}");
    }
}

#[test]
fn malformed_requests_lose_their_stream_and_say_why() {
    for (fields, rule) in [
        ("connection: close", &rule::CONNECTION_SPECIFIC),
        ("Upper: x", &rule::FIELD),
        ("x: a\nb", &rule::FIELD),
        ("content-length: x", &rule::CONTENT_LENGTH),
        ("host: other", &rule::AUTHORITY),
        (":other: x", &rule::PSEUDO_HEADER),
    ] {
        let mut bench = Bench::server(Config::default());
        // The line feed is the value's own.
        let fields = if let Some((name, value)) = fields.split_once(": a\n") {
            let mut field = vec![0];
            string(name.as_bytes(), &mut field);
            string([b"a\n", value.as_bytes()].concat().as_slice(), &mut field);
            field
        } else {
            block(fields)
        };
        bench.headers(1, &[get(""), fields].concat(), true);
        bench.headers(3, &get(""), true);
        assert_eq!(bench.events(), ["3 request GET http://a.test/ Known(0)", "3 end"]);
        let why = bench.engine.poll_fault().expect("a fault");
        assert_eq!((why.rule(), why.declines()), (rule, true));
        assert_eq!(why.outcome(), "stream 1 reset with PROTOCOL_ERROR");
        assert_eq!(bench.wrote(), [Wrote::Reset(1, Code::PROTOCOL_ERROR)]);
    }
}

#[test]
fn content_has_the_length_that_was_said() {
    for (content, trailers, lives) in [
        (&["hello"][..], false, true),
        (&["he", "llo"], false, true),
        (&["hello"], true, true),
        (&["hell"], false, false),
        (&["hello!"], false, false),
        (&["hi"], true, false),
        (&[""], false, false),
    ] {
        let mut bench = Bench::server(Config::default());
        bench.headers(1, &post("content-length: 5"), false);
        for (at, piece) in content.iter().enumerate() {
            bench.data(1, piece.as_bytes(), !trailers && at + 1 == content.len());
        }
        if trailers {
            bench.headers(1, &block("x: y"), true);
        }
        let expected = if lives { Fate::Lives } else { Fate::Loses(1, Code::PROTOCOL_ERROR) };
        assert_eq!(fate(&mut bench), expected, "{content:?} {trailers}");
    }
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post("content-length: 5"), true);
    assert_eq!(fate(&mut bench), Fate::Loses(1, Code::PROTOCOL_ERROR));
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let mut bench = Bench::server(Config { streams_max: 2, ..Config::default() });
    for stream in [1, 3, 5] {
        bench.headers(stream, &get(""), true);
    }
    assert_eq!(bench.events().len(), 4);
    assert_eq!(bench.wrote(), [Wrote::Reset(5, Code::REFUSED_STREAM)]);
    bench.respond(1, b"x");
    bench.headers(7, &get(""), true);
    assert_eq!(bench.events().len(), 2);
}

#[test]
fn an_error_is_final() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.raw(&frame(6, 0, 1, b"12345678"));
    bench.headers(3, &get(""), true);
    assert_eq!(bench.error(), ("h2-stream-identifier", Code::PROTOCOL_ERROR));
    assert!(bench.events().is_empty() && bench.wrote().is_empty());
    assert!(!bench.engine.wants_read() && bench.engine.next_timeout().is_none());
}
