//! Requests in HTTP/1.0, for servers that know nothing else.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version, request};
use wirelight_proto::{Connection, Event, Incoming, Length, Outgoing, Part, Role, SendError, StreamId, h1};

fn client() -> (h1::Connection, StreamId, Outgoing) {
    let mut client = h1::Connection::new(Role::Client, Arc::new(h1::Config::default()), Instant::now());
    let stream = client.open().unwrap();
    (client, stream, Outgoing::new())
}

fn post() -> request::Parts {
    let request = http::Request::builder().method(Method::POST).uri("http://a.test/x").version(Version::HTTP_10);
    request.body(()).unwrap().into_parts().0
}

#[test]
fn it_is_written_in_its_version_and_is_the_last() {
    let (mut client, stream, mut out) = client();
    client.send(stream, Part::request(post(), Length::Known(2)), &mut out).unwrap();
    client.send(stream, Part::Content(Bytes::from_static(b"hi")), &mut out).unwrap();
    client.send(stream, Part::End(HeaderMap::new()), &mut out).unwrap();
    client.poll_transmit(&mut out, Instant::now());
    let sent: Vec<u8> = out.pieces().flatten().copied().collect();
    let expected = "POST http://a.test/x HTTP/1.0\r\nHost: a.test\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi";
    assert_eq!(String::from_utf8_lossy(&sent), expected);
    let mut input = Incoming::new();
    input.extend(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    let event = client.poll_event(&mut input, Instant::now()).unwrap();
    assert!(matches!(event, Some(Event::Received(_, Part::Response(parts, _))) if parts.status == StatusCode::OK));
    assert!(matches!(client.poll_event(&mut input, Instant::now()), Ok(Some(Event::Received(_, Part::End(_))))));
    assert!(client.open().is_none() && client.is_finished());
}

#[test]
fn content_of_unknown_length_cannot_be_sent_in_it() {
    let (mut client, stream, mut out) = client();
    let sent = client.send(stream, Part::request(post(), Length::Unknown), &mut out);
    assert_eq!(sent, Err(SendError::Invalid));
    assert!(out.is_empty());
}
