//! Two HTTP/1 engines talking to each other, their bytes split at random.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use wirelight_proto::h1::{Config, Connection};
use wirelight_proto::{Connection as _, Event, Length, Part, Role, StreamId};
use wirelight_testkit::{Pair, Random};

/// A message as it was sent, or put together again from events.
#[derive(Debug, Default, PartialEq)]
struct Message {
    content: Vec<u8>,
    trailers: HeaderMap,
}

fn pair(seed: u64) -> Pair<Connection> {
    let now = Instant::now();
    let config = Arc::new(Config { content_buffer_bytes: 700, ..Config::default() });
    let client = Connection::new(Role::Client, config.clone(), now);
    Pair::new(client, Connection::new(Role::Server, config, now), now, seed)
}

fn message(random: &mut Random) -> (Message, Length) {
    let size = [0, 1, 100, 5_000, 40_000][random.below(5)];
    let content: Vec<u8> = (0..random.below(size + 1)).map(|_| random.bits() as u8).collect();
    let mut trailers = HeaderMap::new();
    if random.below(2) == 0 {
        return (Message { trailers, content: content.clone() }, Length::Known(content.len() as u64));
    }
    for number in 0..random.below(3) {
        trailers.append(HeaderName::from_static("x-trailer"), HeaderValue::from(number));
    }
    (Message { content, trailers }, Length::Unknown)
}

/// Sends content in random pieces, and the end.
fn parts(message: &Message, random: &mut Random) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = &message.content[..];
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(1 + random.below(rest.len()));
        parts.push(Part::Content(Bytes::copy_from_slice(piece)));
        rest = after;
    }
    parts.push(Part::End(message.trailers.clone()));
    parts
}

fn heard(events: Vec<Event>) -> (Vec<Part>, Message) {
    let mut message = Message::default();
    let mut heads = Vec::new();
    for event in events {
        match event {
            Event::Received(_, Part::Content(content)) => message.content.extend_from_slice(&content),
            Event::Received(_, Part::End(trailers)) => message.trailers = trailers,
            Event::Received(_, head) => heads.push(head),
            other => panic!("{other:?}"),
        }
    }
    (heads, message)
}

#[test]
fn what_one_end_sends_the_other_receives() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let mut pair = pair(seed);
        for number in 0..1 + random.below(4) as u64 {
            exchange(&mut pair, StreamId(number), &mut random, seed);
        }
        assert!(pair.client.error.is_none() && pair.server.error.is_none(), "seed {seed}");
    }
}

fn exchange(pair: &mut Pair<Connection>, stream: StreamId, random: &mut Random, seed: u64) {
    assert_eq!(pair.client.engine.open(), Some(stream), "seed {seed}");
    let (sent, length) = message(random);
    let method = if length == Length::Known(0) { Method::HEAD } else { Method::POST };
    let request = Request::builder().method(method.clone()).uri("http://a/x").body(()).unwrap();
    let mut out = std::mem::take(&mut pair.client.out);
    let head = Part::request(request.into_parts().0, length);
    for part in std::iter::once(head).chain(parts(&sent, random)) {
        pair.client.engine.send(stream, part, &mut out).unwrap();
    }
    pair.client.out = out;
    pair.settle();
    let (heads, received) = heard(std::mem::take(&mut pair.server.events));
    assert_eq!(received, sent, "seed {seed}");
    assert!(matches!(&heads[..], [Part::Request(_, received)] if *received == length), "seed {seed}");

    let (sent, length) = message(random);
    let mut response = Response::new(()).into_parts().0;
    response.status = StatusCode::from_u16(200 + random.below(4) as u16).unwrap();
    for part in std::iter::once(Part::response(response, length)).chain(parts(&sent, random)) {
        pair.server.engine.send(stream, part, &mut pair.server.out).unwrap();
    }
    pair.settle();
    let (heads, received) = heard(std::mem::take(&mut pair.client.events));
    assert!(matches!(&heads[..], [Part::Response(..)]), "seed {seed}: {heads:?}");
    let expected = if method == Method::HEAD { Message::default() } else { sent };
    assert_eq!(received, expected, "seed {seed}");
    assert!(pair.client.engine.is_idle() && pair.server.engine.is_idle(), "seed {seed}");
}
