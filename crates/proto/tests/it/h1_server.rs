//! The HTTP/1 engine as a server: what transcripts cannot say.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{Connection as _, Event, Incoming, Length, Outgoing, Part, Role, StreamId};

fn server() -> Connection {
    Connection::new(Role::Server, Arc::new(Config::default()), Instant::now())
}

fn sent(out: &Outgoing) -> String {
    String::from_utf8(out.pieces().flatten().copied().collect()).unwrap()
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 200, "{}", size_of::<Connection>());
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut server = server();
    let now = Instant::now();
    let mut input = Incoming::new();
    input.extend(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\nPOST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    let mut out = Outgoing::new();
    for number in 0..2 {
        let stream = StreamId(number);
        let Some(Event::Received(id, Part::Request(_, length))) = server.poll_event(&mut input, now).unwrap() else {
            panic!("no request {number}")
        };
        assert_eq!((id, length), (stream, Length::Known(number * 2)));
        if number == 1 {
            let Some(Event::Received(_, Part::Content(content))) = server.poll_event(&mut input, now).unwrap() else {
                panic!("no content")
            };
            assert_eq!(content, "hi");
        }
        assert!(matches!(server.poll_event(&mut input, now).unwrap(), Some(Event::Received(_, Part::End(_)))));
        assert!(server.poll_event(&mut input, now).unwrap().is_none(), "the next request waits for the response");
        let (parts, ()) = Response::new(()).into_parts();
        server.send(stream, Part::response(parts, Length::Known(2)), &mut out).unwrap();
        server.send(stream, Part::Content(Bytes::from_static(b"ok")), &mut out).unwrap();
        server.send(stream, Part::End(HeaderMap::new()), &mut out).unwrap();
    }
    assert_eq!(sent(&out), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".repeat(2));
    assert!(server.is_idle() && input.is_empty());
}
