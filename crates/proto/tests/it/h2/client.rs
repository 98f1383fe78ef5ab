//! The engine as a client.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, request};
use wirelight_proto::h2::{Code, Config, Protocol};
use wirelight_proto::{Connection as _, Length, Part, Role, SendError, StreamId};

use super::peer::{Bench, Wrote, block};

fn request(method: &str, uri: &str) -> request::Parts {
    Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0
}

/// Opens a stream and sends a request without content.
fn ask(bench: &mut Bench, uri: &str) -> u32 {
    let stream = bench.engine.open().unwrap().0 as u32;
    bench.send(stream, Part::request(request("GET", uri), Length::Known(0)));
    bench.end(stream);
    stream
}

#[test]
fn the_connection_begins_with_the_preface_and_settings() {
    let mut bench = Bench::new(Role::Client, Config::default());
    let wrote = bench.wrote();
    let Some(Wrote::Settings(settings)) = wrote.first() else { panic!("{wrote:?}") };
    assert!(settings.contains(&(2, 0)), "push is switched off");
    assert_eq!(wrote[1], Wrote::WindowUpdate(0, 1024 * 1024 - 65_535));
}

#[test]
fn an_exchange() {
    let mut bench = Bench::client(Config::default());
    assert_eq!(bench.engine.open(), Some(StreamId(1)));
    let mut parts = request("POST", "https://a.test/x?y");
    parts.headers.insert("host", HeaderValue::from_static("a.test"));
    parts.headers.insert("te", HeaderValue::from_static("trailers"));
    bench.send(1, Part::request(parts, Length::Known(3)));
    bench.send(1, Part::Content(Bytes::from_static(b"abc")));
    bench.end(1);
    let head = ":method: POST\n:scheme: https\n:authority: a.test\n:path: /x?y\ncontent-length: 3\nte: trailers";
    assert_eq!(
        bench.wrote(),
        [
            Wrote::Headers(1, head.split('\n').map(str::to_owned).collect(), false),
            Wrote::Data(1, b"abc".to_vec(), true)
        ]
    );
    bench.headers(1, &block(":status: 103\nlink: </x>"), false);
    bench.headers(1, &block(":status: 200\ncontent-length: 5"), false);
    bench.data(1, b"hello", false);
    bench.headers(1, &block("x-sum: 1"), true);
    assert_eq!(
        bench.events(),
        ["1 interim 103", "1 response 200 Known(5)", "1 content hello", "1 end {\"x-sum\": \"1\"}"]
    );
    assert!(bench.engine.is_idle());
}

#[test]
fn lengths_of_responses() {
    for (method, head, end_stream, events) in [
        ("GET", ":status: 200", true, &["1 response 200 Known(0)", "1 end"][..]),
        ("GET", ":status: 200", false, &["1 response 200 Unknown"]),
        ("GET", ":status: 204", true, &["1 response 204 Known(0)", "1 end"]),
        ("GET", ":status: 304\ncontent-length: 7", true, &["1 response 304 Known(7)", "1 end"]),
        ("HEAD", ":status: 200\ncontent-length: 7", true, &["1 response 200 Known(7)", "1 end"]),
        ("GET", ":status: 200\ncontent-length: 7", true, &["1 reset Malformed"]),
        ("GET", ":status: 101", false, &["1 reset Malformed"]),
        ("GET", ":status: 100", true, &["1 reset Malformed"]),
        ("GET", "x: y", true, &["1 reset Malformed"]),
    ] {
        let mut bench = Bench::client(Config::default());
        bench.engine.open().unwrap();
        bench.send(1, Part::request(request(method, "http://a/"), Length::Known(0)));
        bench.end(1);
        bench.headers(1, &block(head), end_stream);
        assert_eq!(bench.events(), events, "{method} {head}");
    }
}

#[test]
fn the_server_says_how_many_streams_there_may_be() {
    let mut bench = Bench::new(Role::Client, Config { streams_before_settings: 2, ..Config::default() });
    assert!(bench.engine.open().is_some() && bench.engine.open().is_some());
    assert!(bench.engine.open().is_none(), "not before the server has said more");
    bench.settings(&[(3, 3)]);
    bench.events();
    assert_eq!(bench.engine.open(), Some(StreamId(5)));
    assert!(bench.engine.open().is_none());
    bench.drop_stream(5, wirelight_proto::Reason::Cancelled);
    assert!(bench.wrote().iter().all(|wrote| !matches!(wrote, Wrote::Reset(..))), "nothing was said of it");
    assert_eq!(bench.engine.open(), Some(StreamId(7)));
}

#[test]
fn targets_that_cannot_be_sent() {
    let mut bench = Bench::client(Config::default());
    for (method, uri) in [
        ("GET", "/origin-form"),
        ("GET", "*"),
        ("CONNECT", "a.test"),
        ("CONNECT", "http://a.test:80/"),
        ("GET", "http://u@a.test/"),
    ] {
        let stream = bench.engine.open().unwrap();
        let mut out = wirelight_proto::Outgoing::new();
        let sent = bench.engine.send(stream, Part::request(request(method, uri), Length::Known(0)), &mut out);
        assert_eq!(sent, Err(SendError::Invalid), "{method} {uri}");
        let written: Vec<u8> = out.pieces().flatten().copied().collect();
        assert!(!written.contains(&1) || written.len() < 9, "nothing was written");
    }
    let mut parts = request("CONNECT", "http://a.test/");
    parts.extensions.insert(Protocol::WEBSOCKET);
    let stream = bench.engine.open().unwrap();
    let mut out = wirelight_proto::Outgoing::new();
    let sent = bench.engine.send(stream, Part::request(parts, Length::Unknown), &mut out);
    assert_eq!(sent, Err(SendError::Invalid), "extended CONNECT was not announced");
}

#[test]
fn extended_connect_is_used_once_announced() {
    let mut bench = Bench::client(Config::default());
    bench.settings(&[(8, 1)]);
    bench.events();
    assert!(bench.engine.may_connect_extended());
    bench.wrote();
    let mut parts = request("CONNECT", "https://a.test/chat");
    parts.extensions.insert(Protocol::WEBSOCKET);
    bench.engine.open().unwrap();
    bench.send(1, Part::request(parts, Length::Unknown));
    let head = ":method: CONNECT\n:scheme: https\n:authority: a.test\n:path: /chat\n:protocol: websocket";
    assert_eq!(bench.wrote(), [Wrote::Headers(1, head.split('\n').map(str::to_owned).collect(), false)]);
    bench.headers(1, &block(":status: 200"), false);
    bench.data(1, b"frame", false);
    assert_eq!(bench.events(), ["1 response 200 Unknown", "1 content frame"]);
}

#[test]
fn what_the_server_did_not_act_on_is_safe_to_repeat() {
    let mut bench = Bench::client(Config::default());
    for _ in 0..3 {
        ask(&mut bench, "http://a/");
    }
    bench.go_away(3);
    assert_eq!(bench.events(), ["going away after 3", "5 reset Refused"]);
    assert!(bench.engine.open().is_none());
    bench.headers(1, &block(":status: 200"), true);
    bench.headers(3, &block(":status: 200"), true);
    assert_eq!(bench.events().len(), 4);
    bench.wrote();
    assert!(bench.engine.is_finished());
}

#[test]
fn a_server_may_stop_the_request_and_still_have_answered() {
    let mut bench = Bench::client(Config::default());
    bench.engine.open().unwrap();
    bench.send(1, Part::request(request("POST", "http://a/"), Length::Unknown));
    bench.headers(1, &block(":status: 200"), true);
    bench.reset(1, Code::NO_ERROR);
    assert_eq!(bench.events(), ["1 response 200 Known(0)", "1 end", "1 reset Code(0)"]);
    assert!(bench.engine.is_idle() || bench.wrote().len() == 1);
}

#[test]
fn a_client_that_shuts_down_finishes_what_it_began() {
    let mut bench = Bench::client(Config::default());
    ask(&mut bench, "http://a/");
    bench.wrote();
    bench.shut_down();
    assert_eq!(bench.wrote(), [Wrote::GoAway(0, Code::NO_ERROR)]);
    assert!(bench.engine.open().is_none() && !bench.engine.is_finished());
    bench.headers(1, &block(":status: 200"), true);
    assert_eq!(bench.events(), ["1 response 200 Known(0)", "1 end"]);
    assert!(bench.engine.is_finished());
}

#[test]
fn requests_go_out_in_the_order_of_their_streams() {
    let mut bench = Bench::client(Config::default());
    bench.engine.open().unwrap();
    bench.engine.open().unwrap();
    bench.send(3, Part::request(request("GET", "http://a/"), Length::Known(0)));
    let mut out = wirelight_proto::Outgoing::new();
    let late = Part::request(request("GET", "http://a/"), Length::Known(0));
    assert_eq!(bench.engine.send(StreamId(1), late, &mut out), Err(SendError::OutOfOrder));
    let end = Part::End(HeaderMap::new());
    assert_eq!(bench.engine.send(StreamId(1), end, &mut out), Err(SendError::OutOfOrder));
}
