//! The least of a client over HTTP/2: our own engine in the other role, without a driver.

use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, request};
use wirelight_net::Transport;
use wirelight_proto::{Connection, Engine, Event, Incoming, Length, Outgoing, Part, Role, StreamId, h2};

/// A connection to a server.
pub(crate) struct Peer<T> {
    transport: T,
    pub(crate) engine: Engine,
    input: Incoming,
    out: Outgoing,
}

/// A response, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content: Vec<u8>,
}

impl<T: Transport> Peer<T> {
    pub(crate) fn new(transport: T, config: h2::Config) -> Self {
        let engine = Engine::http2(Role::Client, Arc::new(config), Instant::now());
        Self { transport, engine, input: Incoming::new(), out: Outgoing::new() }
    }

    /// Begins a request; without content, it is whole.
    pub(crate) fn ask(&mut self, request: http::Request<()>, length: Length) -> StreamId {
        let stream = self.engine.open().expect("the server allows another stream");
        let parts: request::Parts = request.into_parts().0;
        self.send(stream, Part::request(parts, length));
        if length == Length::Known(0) {
            self.send(stream, Part::End(HeaderMap::new()));
        }
        stream
    }

    pub(crate) fn get(&mut self, uri: &str) -> StreamId {
        self.ask(http::Request::get(uri).body(()).unwrap(), Length::Known(0))
    }

    pub(crate) fn send(&mut self, stream: StreamId, part: Part) {
        self.engine.send(stream, part, &mut self.out).unwrap();
    }

    /// The next event; bytes go both ways until there is one.
    pub(crate) async fn next(&mut self) -> Event {
        poll_fn(|cx| {
            loop {
                if let Some(event) = self.engine.poll_event(&mut self.input, Instant::now()).unwrap() {
                    return Poll::Ready(event);
                }
                // What has left makes room for more, and there may be something to say about that.
                self.engine.poll_transmit(&mut self.out, Instant::now());
                if !self.out.is_empty() {
                    let pieces: Vec<IoSlice<'_>> = self.out.pieces().map(IoSlice::new).collect();
                    if let Poll::Ready(written) = self.transport.poll_write(cx, &pieces) {
                        self.out.advance(written.unwrap());
                        continue;
                    }
                }
                let _ = self.transport.poll_flush(cx);
                match self.transport.poll_read(cx, self.input.spare(64 * 1024)) {
                    Poll::Ready(read) => assert_ne!(read.unwrap(), 0, "the server closed the connection"),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// The next content of a stream, or nothing at its end.
    pub(crate) async fn content(&mut self, stream: StreamId) -> Option<Bytes> {
        loop {
            match self.next().await {
                Event::Received(of, Part::Content(content)) if of == stream => {
                    self.engine.consume(stream, content.len());
                    return Some(content);
                }
                Event::Received(of, Part::End(_)) if of == stream => return None,
                Event::Reset(of, reason) if of == stream => panic!("reset: {reason:?}"),
                _ => {}
            }
        }
    }

    /// The head of a stream's response.
    pub(crate) async fn head(&mut self, stream: StreamId) -> http::response::Parts {
        loop {
            match self.next().await {
                Event::Received(of, Part::Response(parts, _)) if of == stream => return *parts,
                Event::Reset(of, reason) if of == stream => panic!("reset: {reason:?}"),
                _ => {}
            }
        }
    }

    /// A stream's response, whole.
    pub(crate) async fn answer(&mut self, stream: StreamId) -> Answer {
        let parts = self.head(stream).await;
        let mut content = Vec::new();
        while let Some(piece) = self.content(stream).await {
            content.extend_from_slice(&piece);
        }
        Answer { status: parts.status, content }
    }
}
