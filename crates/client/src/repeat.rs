//! One request sent again and again on a connection of HTTP/1, for those who measure servers: responses are counted,
//! and nothing is made of them.
//!
//! The first response on a connection is read with all care by the engine. A later one whose head differs from it in
//! nothing but the date means the same, so that only its length is counted; any other is read with care again.

use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, StatusCode, request};
use wirelight_net::Transport;
use wirelight_proto::{Connection as _, Event, Incoming, Length, Outgoing, Part, Role, h1};
use wirelight_service::{Body, Error, Fault, Kind, Result};

use crate::connections::Connections;
use crate::error::{Phase, fail, fail_with};
use crate::pool::Carrier;

/// How much is read at once, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// How long a date is in a head (RFC 9110, section 5.6.7).
const DATE_BYTES: usize = 29;

/// A request that is written once and sent often.
#[derive(Debug, Clone)]
pub struct Repeated(Arc<Written>);

#[derive(Debug)]
struct Written {
    head: request::Parts,
    length: u64,
    bytes: Bytes,
    config: Arc<h1::Config>,
}

/// A connection on which one request is sent again and again.
pub struct Repeating {
    carrier: Carrier,
    request: Repeated,
    /// How much of the request has left.
    sent: usize,
    buffer: BytesMut,
    awaited: Awaited,
    known: Option<Known>,
    /// The last response was the connection's last.
    over: bool,
}

/// A response that was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Its status.
    pub status: StatusCode,
    /// How much content it had, in bytes.
    pub content_bytes: u64,
}

/// What of a response is awaited.
enum Awaited {
    Head,
    /// So much content of a response whose head is known.
    Content(u64),
    /// A response that is read with care.
    Careful(Box<Careful>),
}

/// A head that was read with care, and what it means.
#[derive(Debug)]
struct Known {
    head: Vec<u8>,
    /// Where in it the date stands; an empty range if there is none.
    date: std::ops::Range<usize>,
    counted: Counted,
}

/// A response that is read by an engine.
struct Careful {
    engine: h1::Connection,
    input: Incoming,
    head: Vec<u8>,
    status: Option<StatusCode>,
    /// Whether the head promises a length, so that it can be known again.
    has_length: bool,
    content_bytes: u64,
}

impl Connections {
    /// Writes a request that is to be sent often to where its URI says.
    ///
    /// # Errors
    /// If it cannot be written as HTTP/1.1.
    pub fn repeated(&self, head: request::Parts, content: Bytes) -> Result<Repeated> {
        let length = content.len() as u64;
        let request = http::Request::from_parts(head, Body::from(content.clone()));
        let (head, config) = self.for_repeating(request)?;
        let mut engine = h1::Connection::new(Role::Client, Arc::clone(&config), Instant::now());
        let mut out = Outgoing::new();
        let sent = engine.open().map(|stream| {
            engine.send(stream, Part::Request(Box::new(head.clone()), Length::Known(length)), &mut out)?;
            if !content.is_empty() {
                engine.send(stream, Part::Content(content), &mut out)?;
            }
            engine.send(stream, Part::End(HeaderMap::new()), &mut out)
        });
        if !matches!(sent, Some(Ok(()))) {
            return Err(fail(Phase::Request, Kind::Malformed, Fault::Ours, "the request cannot be written"));
        }
        engine.poll_transmit(&mut out, Instant::now());
        let bytes = out.pieces().flatten().copied().collect::<Vec<u8>>().into();
        Ok(Repeated(Arc::new(Written { head, length, bytes, config })))
    }

    /// A connection of its own for a request that is sent often; `None` if the server wants HTTP/2.
    ///
    /// # Errors
    /// If no connection can be made.
    pub async fn repeat(&self, request: &Repeated, uri: &http::Uri) -> Result<Option<Repeating>> {
        let Some(carrier) = self.carrier(uri).await? else { return Ok(None) };
        Ok(Some(Repeating {
            carrier,
            request: request.clone(),
            sent: 0,
            buffer: BytesMut::with_capacity(READ_BYTES),
            awaited: Awaited::Head,
            known: None,
            over: false,
        }))
    }
}

impl Repeating {
    /// Sends the request once more, and counts the response.
    ///
    /// # Errors
    /// If the exchange breaks; the connection is then over.
    pub async fn exchange(&mut self) -> Result<Counted> {
        let counted = poll_fn(|cx| self.poll_exchange(cx)).await;
        self.over |= counted.is_err();
        counted
    }

    /// Whether the connection carries no further exchange.
    pub fn is_over(&self) -> bool {
        self.over
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>) -> Poll<Result<Counted>> {
        while self.sent < self.request.0.bytes.len() {
            let left = IoSlice::new(&self.request.0.bytes[self.sent..]);
            match ready!(self.carrier.poll_write(cx, &[left])) {
                Ok(0) => return Poll::Ready(Err(broken("the server takes no more", None))),
                Ok(written) => self.sent += written,
                Err(error) => return Poll::Ready(Err(broken("the connection broke", Some(error)))),
            }
        }
        if let Err(error) = ready!(self.carrier.poll_flush(cx)) {
            return Poll::Ready(Err(broken("the connection broke", Some(error))));
        }
        loop {
            if !self.buffer.is_empty()
                && let Some(counted) = self.take()?
            {
                self.sent = 0;
                self.awaited = Awaited::Head;
                return Poll::Ready(Ok(counted));
            }
            self.buffer.reserve(READ_BYTES);
            match ready!(self.carrier.poll_read(cx, &mut self.buffer)) {
                Ok(0) => return Poll::Ready(self.end()),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(broken("the connection broke", Some(error)))),
            }
        }
    }

    /// Takes what has come; the response, if it is whole.
    fn take(&mut self) -> Result<Option<Counted>> {
        if let Awaited::Head = self.awaited {
            let seen = self.known.as_ref().map(|known| known.sees(&self.buffer));
            match (seen, &self.known) {
                (Some(Seen::Same), Some(known)) => {
                    self.buffer.advance(known.head.len());
                    self.awaited = Awaited::Content(known.counted.content_bytes);
                }
                (Some(Seen::TooLittle), _) => return Ok(None),
                _ => self.awaited = Awaited::Careful(Box::new(Careful::new(&self.request.0)?)),
            }
        }
        match &mut self.awaited {
            Awaited::Head => Ok(None),
            Awaited::Content(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(self.buffer.len());
                self.buffer.advance(length);
                *left -= length as u64;
                match (*left, &self.known) {
                    (0, Some(known)) if self.buffer.is_empty() => Ok(Some(known.counted)),
                    (0, _) => Err(broken("more came than one response", None)),
                    _ => Ok(None),
                }
            }
            Awaited::Careful(careful) => {
                careful.input.extend(&self.buffer);
                self.buffer.clear();
                let Some(counted) = careful.read()? else { return Ok(None) };
                self.over = careful.engine.is_finished();
                self.known = careful.known(counted);
                Ok(Some(counted))
            }
        }
    }

    /// The server has closed the connection, which may end a response.
    fn end(&mut self) -> Result<Counted> {
        self.over = true;
        let closed = || broken("the server closed the connection before its response was whole", None);
        let Awaited::Careful(careful) = &mut self.awaited else { return Err(closed()) };
        careful.engine.receive_eof();
        careful.read()?.ok_or_else(closed)
    }
}

impl std::fmt::Debug for Repeating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repeating").field("known", &self.known).field("over", &self.over).finish_non_exhaustive()
    }
}

/// What a known head is to what has come.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// It is the same but for its date.
    Same,
    /// It may be the same, as far as it has come.
    TooLittle,
    /// It is another.
    Other,
}

impl Known {
    fn new(head: Vec<u8>, counted: Counted) -> Self {
        let name = b"\r\ndate: ";
        let found = head.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name));
        let date = found.map(|at| at + name.len()..at + name.len() + DATE_BYTES);
        let is_whole = |date: &std::ops::Range<usize>| head.get(date.end..date.end + 2) == Some(b"\r\n");
        let date = date.filter(is_whole).unwrap_or(0..0);
        Self { head, date, counted }
    }

    fn sees(&self, bytes: &[u8]) -> Seen {
        let length = bytes.len().min(self.head.len());
        let (start, end) = (self.date.start.min(length), self.date.end.min(length));
        // A line break in the place of the date would make it another head.
        let same = bytes[..start] == self.head[..start]
            && bytes[end..length] == self.head[end..length]
            && !bytes[start..end].contains(&b'\r')
            && !bytes[start..end].contains(&b'\n');
        match same {
            false => Seen::Other,
            true if length < self.head.len() => Seen::TooLittle,
            true => Seen::Same,
        }
    }
}

impl Careful {
    fn new(written: &Written) -> Result<Self> {
        let mut engine = h1::Connection::new(Role::Client, Arc::clone(&written.config), Instant::now());
        let mut out = Outgoing::new();
        let wrong = || fail(Phase::Request, Kind::Malformed, Fault::Ours, "the request cannot be written");
        let stream = engine.open().ok_or_else(wrong)?;
        // The engine must know what was asked to know what the response means; what it writes has left already.
        let request = Part::Request(Box::new(written.head.clone()), Length::Known(written.length));
        engine.send(stream, request, &mut out).map_err(|_| wrong())?;
        if written.length > 0 {
            let content = vec![0; usize::try_from(written.length).unwrap_or(usize::MAX)];
            engine.send(stream, Part::Content(content.into()), &mut out).map_err(|_| wrong())?;
        }
        engine.send(stream, Part::End(HeaderMap::new()), &mut out).map_err(|_| wrong())?;
        let mut input = Incoming::new();
        input.watch(Vec::new());
        Ok(Self { engine, input, head: Vec::new(), status: None, has_length: false, content_bytes: 0 })
    }

    /// Reads on; the response, if it is whole.
    fn read(&mut self) -> Result<Option<Counted>> {
        loop {
            let event = self.engine.poll_event(&mut self.input, Instant::now());
            let event = event.map_err(|error| {
                fail_with(Phase::Receive, Kind::Malformed, Fault::Upstream, error.to_string(), error)
            })?;
            let consumed = self.input.watched().unwrap_or_default().into_owned();
            match event {
                None => return Ok(None),
                Some(Event::Received(_, Part::Response(parts, length))) => {
                    self.head = consumed;
                    self.status = Some(parts.status);
                    self.has_length = matches!(length, Length::Known(_));
                }
                Some(Event::Received(stream, Part::Content(content))) => {
                    self.content_bytes += content.len() as u64;
                    self.engine.consume(stream, content.len());
                }
                Some(Event::Received(_, Part::End(_))) => {
                    if !self.input.is_empty() {
                        return Err(broken("more came than one response", None));
                    }
                    let status = self.status.ok_or_else(|| broken("no response came", None))?;
                    return Ok(Some(Counted { status, content_bytes: self.content_bytes }));
                }
                Some(_) => {}
            }
        }
    }

    /// The head, if what follows it is always the same.
    fn known(&mut self, counted: Counted) -> Option<Known> {
        let is_constant = self.has_length && !self.engine.is_finished();
        is_constant.then(|| Known::new(std::mem::take(&mut self.head), counted))
    }
}

fn broken(because: &'static str, error: Option<std::io::Error>) -> Error {
    match error {
        None => fail(Phase::Receive, Kind::Gone, Fault::Upstream, because),
        Some(error) => fail_with(Phase::Receive, Kind::Gone, Fault::Upstream, format!("{because}: {error}"), error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const HELLO: &str = "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 04:05:06 GMT\r\nContent-Length: 5\r\n\r\nhello";

    /// Plays answers to a request that is sent again and again, each split after so many bytes, and counts them.
    async fn counted(answers: &[&str], step: usize) -> Vec<Result<Counted, String>> {
        let connections = Connections::new(crate::Config::default()).unwrap();
        let (head, ()) = http::Request::get("http://a.test/x").body(()).unwrap().into_parts();
        let request = connections.repeated(head, Bytes::new()).unwrap();
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut repeating = Repeating {
            carrier: Box::new(near),
            request,
            sent: 0,
            buffer: BytesMut::new(),
            awaited: Awaited::Head,
            known: None,
            over: false,
        };
        let mut all = Vec::new();
        for answer in answers {
            let play = async {
                let mut asked = vec![0; repeating_length()];
                far.read_exact(&mut asked).await.unwrap();
                assert!(asked.starts_with(b"GET /x HTTP/1.1\r\n") && asked.ends_with(b"\r\n\r\n"));
                for piece in answer.as_bytes().chunks(step) {
                    far.write_all(piece).await.unwrap();
                    tokio::task::yield_now().await;
                }
                if answer.contains("close") {
                    far.shutdown().await.unwrap();
                }
            };
            let (counted, ()) = tokio::join!(repeating.exchange(), play);
            all.push(counted.map_err(|error| error.to_string()));
            if repeating.is_over() {
                break;
            }
        }
        all
    }

    fn repeating_length() -> usize {
        "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n".len()
    }

    #[tokio::test]
    async fn responses_are_counted_however_they_come() {
        let later = HELLO.replace("04:05:06", "04:05:07");
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno";
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n";
        let empty = "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n";
        let last = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end";
        let answers = [HELLO, &later, HELLO, missing, missing, chunked, chunked, empty, empty, &later, last];
        for step in [1, 7, 1000] {
            let all = counted(&answers, step).await;
            let found: Vec<(u16, u64)> = all
                .iter()
                .map(|one| one.as_ref().map(|one| (one.status.as_u16(), one.content_bytes)).unwrap())
                .collect();
            let hello = (200, 5);
            let expected =
                [hello, hello, hello, (404, 2), (404, 2), (200, 3), (200, 3), (304, 0), (304, 0), hello, (200, 10)];
            assert_eq!(found, expected, "in steps of {step}");
        }
    }

    #[tokio::test]
    async fn what_breaks_a_rule_is_never_counted() {
        let shorter = HELLO.replace("Content-Length: 5", "Content-Length: x");
        let (twice, more) = (format!("{HELLO}HTTP/1.1 200 OK\r\n\r\n"), format!("{HELLO}x"));
        let table: [(&[&str], &str); 5] = [
            (&[HELLO, &shorter], "no length"),
            (&[HELLO, &twice], "more came than one response"),
            (&[&more], "more came than one response"),
            (&["HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nshort"], "before the content did"),
            (&[HELLO, "close"], "ended inside a head"),
        ];
        for (answers, says) in table {
            let all = counted(answers, 1000).await;
            let error = all.last().unwrap().as_ref().unwrap_err();
            assert!(error.contains(says) && all.len() == answers.len(), "{answers:?}: {error}");
        }
    }

    #[test]
    fn a_date_is_another_only_where_it_is_one() {
        let counted = Counted { status: StatusCode::OK, content_bytes: 5 };
        let head = &HELLO.as_bytes()[..HELLO.len() - 5];
        let known = Known::new(head.to_vec(), counted);
        assert_eq!(&head[known.date.clone()], b"Sat, 21 Nov 2026 04:05:06 GMT");
        let smuggled =
            String::from_utf8_lossy(head).replace("Sat, 21 Nov 2026 04:05:06 GMT", "x\r\nContent-Length: 90\r\nABCDEF");
        assert_eq!(known.sees(smuggled.as_bytes()), Seen::Other);
        assert_eq!(known.sees(&head[..60]), Seen::TooLittle);
        assert_eq!(known.sees(b"HTTP/1.1 204"), Seen::Other);
    }
}
