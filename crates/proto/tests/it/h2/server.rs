//! The engine as a server: whole exchanges.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use wirelight_proto::h2::{Code, Config, Protocol};
use wirelight_proto::{Connection as _, Event, Length, Part, Reason, SendError, StreamId};

use super::peer::{Bench, Wrote, block, get, post};

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

#[test]
fn a_request_is_answered() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get("x: y"), true);
    assert_eq!(bench.events(), ["1 request GET http://a.test/ Known(0)", "1 end"]);
    let mut response = Response::new(()).into_parts().0;
    response.headers.insert("server", HeaderValue::from_static("wirelight"));
    bench.send(1, Part::response(response, Length::Known(13)));
    bench.send(1, Part::Content(Bytes::from_static(b"Hello, world!")));
    bench.send(1, Part::End(HeaderMap::new()));
    assert_eq!(
        bench.wrote(),
        [
            Wrote::Headers(1, lines(":status: 200\ncontent-length: 13\nserver: wirelight"), false),
            Wrote::Data(1, b"Hello, world!".to_vec(), true),
        ]
    );
    assert!(bench.engine.is_idle());
    assert!(!bench.engine.is_finished());
}

#[test]
fn content_and_trailers_are_received_and_sent() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post(""), false);
    bench.data(1, b"abc", false);
    bench.data(1, b"def", false);
    bench.headers(1, &block("x-sum: 1"), true);
    assert_eq!(
        bench.events(),
        ["1 request POST http://a.test/ Unknown", "1 content abc", "1 content def", "1 end {\"x-sum\": \"1\"}"]
    );
    let (parts, ()) = Response::new(()).into_parts();
    bench.send(1, Part::response(parts, Length::Unknown));
    bench.send(1, Part::Content(Bytes::from_static(b"some")));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("2"));
    trailers.insert("content-length", HeaderValue::from_static("9"));
    bench.send(1, Part::End(trailers));
    assert_eq!(
        bench.wrote(),
        [
            Wrote::Headers(1, lines(":status: 200"), false),
            Wrote::Data(1, b"some".to_vec(), false),
            Wrote::Headers(1, lines("x-sum: 2"), true),
        ]
    );
}

#[test]
fn responses_without_content_end_in_their_head() {
    for (method, status, length, fields) in [
        ("GET", 200, Length::Known(0), ":status: 200\ncontent-length: 0"),
        ("GET", 204, Length::Known(0), ":status: 204"),
        ("GET", 304, Length::Known(5), ":status: 304\ncontent-length: 5"),
        ("HEAD", 200, Length::Known(5), ":status: 200\ncontent-length: 5"),
        ("HEAD", 200, Length::Unknown, ":status: 200"),
    ] {
        let mut bench = Bench::server(Config::default());
        bench.headers(1, &block(&format!(":method: {method}\n:scheme: http\n:path: /\n:authority: a")), true);
        bench.events();
        let mut parts = Response::new(()).into_parts().0;
        parts.status = StatusCode::from_u16(status).unwrap();
        bench.send(1, Part::response(parts, length));
        if method == "HEAD" {
            bench.send(1, Part::Content(Bytes::from_static(b"dropped")));
        }
        bench.end(1);
        assert_eq!(bench.wrote(), [Wrote::Headers(1, lines(fields), true)], "{method} {status}");
        assert!(bench.engine.is_idle());
    }
}

#[test]
fn interim_responses_come_first() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post("expect: 100-continue"), false);
    bench.events();
    let mut parts = Response::new(()).into_parts().0;
    parts.status = StatusCode::CONTINUE;
    bench.send(1, Part::interim(parts));
    bench.data(1, b"x", true);
    assert_eq!(bench.events(), ["1 content x", "1 end"]);
    bench.respond(1, b"y");
    assert_eq!(
        bench.wrote(),
        [
            Wrote::Headers(1, lines(":status: 100"), false),
            Wrote::Headers(1, lines(":status: 200"), false),
            Wrote::Data(1, b"y".to_vec(), true),
        ]
    );
}

#[test]
fn fields_of_an_http_1_connection_are_left_out() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    let mut parts = Response::new(()).into_parts().0;
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("x-spaces", " padded "),
        ("content-length", "1"),
    ] {
        parts.headers.insert(name, HeaderValue::from_static(value));
    }
    bench.send(1, Part::response(parts, Length::Known(1)));
    let expected = lines(":status: 200\ncontent-length: 1\nx-spaces: padded");
    assert_eq!(bench.wrote(), [Wrote::Headers(1, expected, false)]);
}

#[test]
fn a_request_that_was_answered_early_is_cut_off() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post(""), false);
    bench.data(1, b"some", false);
    bench.events();
    bench.respond(1, b"enough");
    assert_eq!(
        bench.wrote(),
        [
            Wrote::Headers(1, lines(":status: 200"), false),
            Wrote::Data(1, b"enough".to_vec(), true),
            Wrote::Reset(1, Code::NO_ERROR),
        ]
    );
    assert_eq!(bench.events(), ["1 reset Code(0)"]);
    bench.data(1, b"under way", true);
    bench.headers(3, &get(""), true);
    assert_eq!(bench.events().len(), 2, "late content is dropped");
}

#[test]
fn connect_is_a_tunnel_that_closes_by_halves() {
    let mut bench = Bench::server(Config::default());
    let extended = ":method: CONNECT\n:protocol: websocket\n:scheme: https\n:path: /chat\n:authority: a.test";
    for (stream, head, uri) in
        [(1, ":method: CONNECT\n:authority: a.test:443", "a.test:443"), (3, extended, "https://a.test/chat")]
    {
        bench.headers(stream, &block(head), false);
        let events = bench.hear().unwrap();
        let [Event::Received(_, Part::Request(parts, Length::Unknown))] = &events[..] else { panic!("{events:?}") };
        assert_eq!((&parts.method, parts.uri.to_string().as_str()), (&Method::CONNECT, uri));
        assert_eq!(parts.extensions.get::<Protocol>().is_some(), stream == 3);
        let (response, ()) = Response::new(()).into_parts();
        bench.send(stream, Part::response(response, Length::Known(0)));
        bench.send(stream, Part::Content(Bytes::from_static(b"down")));
        bench.end(stream);
        assert_eq!(
            bench.wrote(),
            [Wrote::Headers(stream, lines(":status: 200"), false), Wrote::Data(stream, b"down".to_vec(), true)]
        );
        bench.data(stream, b"up", true);
        assert_eq!(bench.events(), [format!("{stream} content up"), format!("{stream} end")]);
        assert!(bench.engine.is_idle());
    }
}

#[test]
fn what_may_not_be_sent_is_refused() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    let mut out = wirelight_proto::Outgoing::new();
    let mut send = |stream, part| bench.engine.send(StreamId(stream), part, &mut out);
    let response = |status| {
        let mut parts = Response::new(()).into_parts().0;
        parts.status = StatusCode::from_u16(status).unwrap();
        parts
    };
    let content = || Part::Content(Bytes::from_static(b"123"));
    assert_eq!(send(3, content()), Err(SendError::NoSuchStream));
    assert_eq!(send(1, content()), Err(SendError::OutOfOrder));
    assert_eq!(send(1, Part::response(response(101), Length::Known(0))), Err(SendError::Invalid));
    assert_eq!(send(1, Part::interim(response(101))), Err(SendError::Invalid));
    assert_eq!(send(1, Part::interim(response(200))), Err(SendError::Invalid));
    assert_eq!(send(1, Part::response(response(204), Length::Known(1))), Err(SendError::WrongLength));
    let mut lying = response(200);
    lying.headers.insert("content-length", HeaderValue::from_static("4"));
    assert_eq!(send(1, Part::response(lying, Length::Known(5))), Err(SendError::WrongLength));
    assert_eq!(send(1, Part::response(response(200), Length::Known(5))), Ok(()));
    assert_eq!(send(1, Part::response(response(200), Length::Known(5))), Err(SendError::OutOfOrder));
    assert_eq!(send(1, Part::interim(response(103))), Err(SendError::OutOfOrder));
    assert_eq!(send(1, content()), Ok(()));
    assert_eq!(send(1, Part::End(HeaderMap::new())), Err(SendError::WrongLength));
    assert_eq!(send(1, content()), Err(SendError::WrongLength));
    bench.drop_stream(1, Reason::Broken);
    let wrote = bench.wrote();
    assert_eq!(wrote.last(), Some(&Wrote::Reset(1, Code::INTERNAL_ERROR)));
    assert_eq!(bench.engine.capacity(StreamId(1)), 0);
}

#[test]
fn a_head_larger_than_a_frame_is_continued() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    let mut parts = Response::new(()).into_parts().0;
    let long = "v".repeat(20_000);
    parts.headers.insert("x-long", HeaderValue::from_str(&long).unwrap());
    bench.send(1, Part::response(parts, Length::Known(0)));
    bench.end(1);
    let expected = vec![":status: 200".to_owned(), "content-length: 0".into(), format!("x-long: {long}")];
    assert_eq!(bench.wrote(), [Wrote::Headers(1, expected, true)]);
}

#[test]
fn a_drain_takes_two_steps() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &get(""), true);
    bench.events();
    bench.shut_down();
    assert_eq!(bench.wrote(), [Wrote::GoAway((1 << 31) - 1, Code::NO_ERROR), Wrote::Ping(false, *b"drained?")]);
    bench.headers(3, &get(""), true);
    bench.ping(true, *b"drained?");
    assert_eq!(bench.events().len(), 2, "a request under way is accepted");
    assert_eq!(bench.wrote(), [Wrote::GoAway(3, Code::NO_ERROR)]);
    bench.headers(5, &get(""), true);
    bench.data(5, b"x", false);
    assert!(bench.events().is_empty(), "a request after the end is not");
    bench.respond(1, b"1");
    bench.respond(3, b"3");
    assert!(!bench.engine.is_finished() || bench.wrote().len() == 4);
    bench.wrote();
    assert!(bench.engine.is_finished());
}

#[test]
fn the_end_of_the_input_ends_what_is_under_way() {
    let mut bench = Bench::server(Config::default());
    bench.headers(1, &post(""), false);
    bench.headers(3, &get(""), true);
    bench.events();
    bench.engine.receive_eof();
    assert_eq!(bench.events(), ["1 reset Cancelled", "3 reset Cancelled"]);
    assert!(bench.engine.is_finished());
}

#[test]
fn an_idle_connection_is_small() {
    let size = size_of::<wirelight_proto::h2::Connection>();
    assert!(size <= 900, "{size}");
}
