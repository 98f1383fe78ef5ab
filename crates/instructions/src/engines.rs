//! Engines at the point where something is to be counted.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::response;
use wirelight_proto::{Connection, Event, Incoming, Length, Outgoing, Part, Role, StreamId, h1};

/// An engine and what it is lent.
#[derive(Debug)]
pub struct Lent {
    engine: h1::Connection,
    input: Incoming,
    output: Outgoing,
    now: Instant,
}

/// A response that is about to be sent, and the content that goes with it.
#[derive(Debug)]
pub struct Sending {
    lent: Lent,
    stream: StreamId,
    head: response::Parts,
    length: Length,
    content: Vec<Bytes>,
}

/// A server's engine before which these bytes lie.
///
/// It has answered a request already: what is made for the first exchange of a connection is not what each costs.
pub fn before(bytes: &[u8]) -> Lent {
    let now = Instant::now();
    let engine = h1::Connection::new(Role::Server, Arc::new(h1::Config::default()), now);
    let mut lent = Lent { engine, input: Incoming::new(), output: Outgoing::new(), now };
    lent.input.extend(crate::asked::SMALL);
    let sending = respond(lent, Length::Known(0), Vec::new());
    let mut lent = send(sending);
    lent.output.clear();
    lent.input.extend(bytes);
    lent
}

/// Hears everything that lies before an engine.
pub fn hear(mut lent: Lent) -> Lent {
    while let Some(event) = lent.event() {
        if let Event::Received(stream, Part::Content(content)) = event {
            lent.engine.consume(stream, content.len());
        }
    }
    lent
}

/// An engine that has heard a request, and a response of 13 bytes.
pub fn before_short_response() -> Sending {
    respond(before(crate::asked::SMALL), Length::Known(13), vec![Bytes::from_static(b"Hello, world!")])
}

/// An engine that has heard a request, and a response of sixteen pieces whose length is not known.
pub fn before_chunked_response() -> Sending {
    respond(before(crate::asked::SMALL), Length::Unknown, vec![Bytes::from_static(&[b'x'; 1024]); 16])
}

/// Sends a response to its end.
pub fn send(sending: Sending) -> Lent {
    let Sending { mut lent, stream, head, length, content } = sending;
    let parts = [Part::response(head, length)].into_iter().chain(content.into_iter().map(Part::Content));
    for part in parts.chain([Part::End(HeaderMap::new())]) {
        lent.engine.send(stream, part, &mut lent.output).expect("a response to a request that was heard may be sent");
    }
    lent.engine.poll_transmit(&mut lent.output, lent.now);
    lent
}

impl Lent {
    /// How many bytes wait to leave.
    pub fn output_bytes(&self) -> usize {
        self.output.len()
    }

    fn event(&mut self) -> Option<Event> {
        self.engine.poll_event(&mut self.input, self.now).expect("the requests are well formed")
    }
}

fn respond(mut lent: Lent, length: Length, content: Vec<Bytes>) -> Sending {
    let mut stream = None;
    while let Some(event) = lent.event() {
        if let Event::Received(of, Part::Request(..)) = event {
            stream = Some(of);
        }
    }
    let stream = stream.expect("there is a request");
    let (mut head, ()) = http::Response::new(()).into_parts();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::DATE, "Sat, 21 Nov 2026 00:00:00 GMT"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, "\"5d8c72a5edda8\""),
        (header::VARY, "accept-encoding"),
    ] {
        head.headers.insert(name, HeaderValue::from_static(value));
    }
    Sending { lent, stream, head, length, content }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_happens() {
        let output = |lent: Lent| {
            let pieces: Vec<Vec<u8>> = lent.output.pieces().map(<[u8]>::to_vec).collect();
            String::from_utf8(pieces.concat()).unwrap()
        };
        assert!(output(send(before_short_response())).ends_with("\r\n\r\nHello, world!"));
        let chunked = output(send(before_chunked_response()));
        assert!(chunked.contains("400\r\nxxx") && chunked.ends_with("\r\n0\r\n\r\n"));
        for request in [crate::asked::BROWSER, &crate::asked::chunked()] {
            assert!(hear(before(request)).input.is_empty());
        }
    }
}
