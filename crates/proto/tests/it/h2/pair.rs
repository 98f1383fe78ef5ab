//! Two HTTP/2 engines talking to each other, their bytes split at random.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, StatusCode, request, response};
use wirelight_proto::h2::{Config, Connection};
use wirelight_proto::{Connection as _, Event, Length, Part, Role, StreamId};
use wirelight_testkit::{Pair, Random};

/// A message without its head, as it was sent or put together again.
#[derive(Debug, Clone, Default, PartialEq)]
struct Message {
    content: Vec<u8>,
    trailers: HeaderMap,
    whole: bool,
}

fn message(random: &mut Random) -> (Message, Length) {
    let size = [0, 1, 100, 20_000, 200_000][random.below(5)];
    let content: Vec<u8> = (0..random.below(size + 1)).map(|_| random.bits() as u8).collect();
    let known = Length::Known(content.len() as u64);
    let mut message = Message { content, trailers: HeaderMap::new(), whole: true };
    if random.below(2) == 0 {
        return (message, known);
    }
    for number in 0..random.below(3) {
        message.trailers.append(HeaderName::from_static("x-trailer"), HeaderValue::from(number));
    }
    (message, Length::Unknown)
}

fn fields(random: &mut Random) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for _ in 0..random.below(6) {
        let name = ["x-one", "x-two", "accept", "etag"][random.below(4)];
        let value = "v".repeat(random.below(200));
        fields.append(HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap());
    }
    fields
}

/// Sends content as capacity allows, and the end behind it; true once all was sent.
fn pour(
    engine: &mut Connection,
    out: &mut wirelight_proto::Outgoing,
    stream: StreamId,
    rest: &mut &[u8],
    trailers: &HeaderMap,
    random: &mut Random,
) -> bool {
    while !rest.is_empty() {
        let room = engine.capacity(stream).min(rest.len());
        if room == 0 {
            return false;
        }
        let (piece, after) = rest.split_at(1 + random.below(room));
        engine.send(stream, Part::Content(Bytes::copy_from_slice(piece)), out).unwrap();
        *rest = after;
    }
    engine.send(stream, Part::End(trailers.clone()), out).unwrap();
    true
}

#[derive(Default)]
struct Heard {
    requests: HashMap<StreamId, (request::Parts, Length)>,
    responses: HashMap<StreamId, (response::Parts, Length)>,
    messages: HashMap<StreamId, Message>,
}

impl Heard {
    fn take(&mut self, events: Vec<Event>, seed: u64) {
        for event in events {
            match event {
                Event::Received(stream, Part::Request(parts, length)) => {
                    self.requests.insert(stream, (*parts, length));
                }
                Event::Received(stream, Part::Response(parts, length)) => {
                    self.responses.insert(stream, (*parts, length));
                }
                Event::Received(stream, Part::Content(content)) => {
                    self.messages.entry(stream).or_default().content.extend_from_slice(&content);
                }
                Event::Received(stream, Part::End(trailers)) => {
                    let message = self.messages.entry(stream).or_default();
                    (message.trailers, message.whole) = (trailers, true);
                }
                Event::Writable(_) => {}
                other => panic!("seed {seed}: {other:?}"),
            }
        }
    }
}

fn pair(seed: u64, random: &mut Random) -> Pair<Connection> {
    let now = Instant::now();
    let config = |random: &mut Random| {
        Arc::new(Config {
            stream_window_bytes: [1_000, 65_535, 200_000][random.below(3)],
            table_bytes_max: [0, 100, 4_096, 10_000][random.below(4)],
            encoder_table_bytes_max: [0, 1_000, 100_000][random.below(3)],
            queue_bytes_max: [100, 65_536][random.below(2)],
            ..Config::default()
        })
    };
    let client = Connection::new(Role::Client, config(random), now);
    Pair::new(client, Connection::new(Role::Server, config(random), now), now, seed)
}

#[test]
fn what_one_end_sends_the_other_receives() {
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let mut pair = pair(seed, &mut random);
        for _ in 0..1 + random.below(3) {
            exchanges(&mut pair, &mut random, seed);
        }
        assert!(pair.client.error.is_none() && pair.server.error.is_none(), "seed {seed}");
        let mut out = std::mem::take(&mut pair.server.out);
        pair.server.engine.shut_down(&mut out);
        pair.server.out = out;
        pair.settle();
        assert!(pair.client.engine.is_finished() && pair.server.engine.is_finished(), "seed {seed}");
    }
}

/// Several exchanges at once, all requests first.
fn exchanges(pair: &mut Pair<Connection>, random: &mut Random, seed: u64) {
    let (mut client, mut server) = (Heard::default(), Heard::default());
    let count = 1 + random.below(6);
    let requests: Vec<_> = (0..count).map(|_| (message(random), fields(random))).collect();
    let mut streams = Vec::new();
    for ((_, length), fields) in &requests {
        let stream = pair.client.engine.open().unwrap_or_else(|| panic!("seed {seed}: no stream"));
        let method = if *length == Length::Known(0) { Method::HEAD } else { Method::POST };
        let mut parts = Request::builder().method(method).uri("http://a.test/x?y").body(()).unwrap().into_parts().0;
        parts.headers = fields.clone();
        pair.client.engine.send(stream, Part::request(parts, *length), &mut pair.client.out).unwrap();
        streams.push(stream);
    }
    let sent: Vec<Message> = requests.iter().map(|((message, _), _)| message.clone()).collect();
    run(pair, true, &streams, &sent, random);
    server.take(std::mem::take(&mut pair.server.events), seed);
    client.take(std::mem::take(&mut pair.client.events), seed);
    for (stream, ((message, length), fields)) in streams.iter().zip(&requests) {
        let (parts, received) = &server.requests[stream];
        assert_eq!((&parts.uri.to_string()[..], received), ("http://a.test/x?y", length), "seed {seed}");
        assert_eq!(server.messages[stream], *message, "seed {seed}");
        for (name, value) in fields {
            assert!(parts.headers.get_all(name).iter().any(|received| received == value), "seed {seed}: {name}");
        }
    }

    let responses: Vec<_> = streams.iter().map(|_| (message(random), fields(random))).collect();
    for (stream, ((_, length), fields)) in streams.iter().zip(&responses) {
        let mut parts = Response::new(()).into_parts().0;
        parts.status = StatusCode::from_u16(200 + random.below(4) as u16).unwrap();
        parts.headers = fields.clone();
        pair.server.engine.send(*stream, Part::response(parts, *length), &mut pair.server.out).unwrap();
    }
    let head = |stream: &StreamId| server.requests[stream].0.method == Method::HEAD;
    let sent: Vec<Message> = streams
        .iter()
        .zip(&responses)
        .map(|(stream, ((message, _), _))| match head(stream) {
            true => Message { whole: true, ..Message::default() },
            false => message.clone(),
        })
        .collect();
    run(pair, false, &streams, &sent, random);
    client.take(std::mem::take(&mut pair.client.events), seed);
    server.take(std::mem::take(&mut pair.server.events), seed);
    for (stream, sent) in streams.iter().zip(&sent) {
        assert!(client.responses.contains_key(stream), "seed {seed}");
        assert_eq!(client.messages[stream], *sent, "seed {seed}");
    }
    assert!(pair.client.engine.is_idle() && pair.server.engine.is_idle(), "seed {seed}");
}

/// Lets one end send all its messages, as windows allow.
fn run(
    pair: &mut Pair<Connection>,
    from_client: bool,
    streams: &[StreamId],
    messages: &[Message],
    random: &mut Random,
) {
    let mut left: Vec<_> = streams
        .iter()
        .zip(messages)
        .map(|(stream, message)| (*stream, &message.content[..], &message.trailers))
        .collect();
    for _ in 0..100_000 {
        let end = if from_client { &mut pair.client } else { &mut pair.server };
        left.retain_mut(|(stream, rest, trailers)| {
            !pour(&mut end.engine, &mut end.out, *stream, rest, trailers, random)
        });
        pair.settle();
        if left.is_empty() {
            return;
        }
    }
    panic!("{} messages never got through", left.len());
}
