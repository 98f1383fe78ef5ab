//! The receiving half: from bytes to events.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, request};
use wirelight_semantics::decision::Rule;

use super::chunked;
use super::connection::{Connection, Receiving, Sending};
use super::exchange::{Asked, Closing, Exchange};
use super::head::{self, Facts, Feeds, Section};
use super::length::{self, Framing};
use super::octets::is_token;
use super::timer::Awaited;
use crate::incoming;
use crate::{ConnectionError, Event, Incoming, Length, Part, Role, StreamId};

type Polled = Result<Option<Event>, ConnectionError>;

impl Connection {
    #[inline]
    pub(super) fn receive(&mut self, input: &mut Incoming, now: Instant) -> Polled {
        if let Some(awaited) = self.timer.take_expired() {
            return self.fail(awaited.error(&self.config));
        }
        loop {
            let before = (self.stream, self.offset);
            let polled = match self.receiving {
                Receiving::Head => self.poll_head(input, now),
                Receiving::Known(left) => self.poll_known(left, input, now),
                Receiving::Chunked(decoder) => self.poll_chunked(decoder, input, now),
                Receiving::UntilClose => self.poll_until_close(input, now),
                Receiving::Ended => return Ok(self.poll_ended(input)),
                Receiving::Switched | Receiving::Over => return Ok(None),
            };
            match polled {
                // Some of a request was dropped, and more of it or the next one may stand behind that.
                Ok(None) if self.discarding && before.1 != self.offset || self.stream != before.0 => {}
                Ok(event) => return Ok(event),
                Err(error) => return self.fail(error),
            }
        }
    }

    fn poll_head(&mut self, input: &mut Incoming, now: Instant) -> Polled {
        let server = self.role == Role::Server;
        if server {
            self.skip_empty_lines(input);
        }
        if input.is_empty() {
            return self.poll_silence(now);
        }
        if !server && matches!(self.sending, Sending::Idle | Sending::Head) {
            let because = "bytes came that answer no request";
            return Err(ConnectionError::silent(&UNSOLICITED, because).at(0));
        }
        self.begun = true;
        let bytes = input.bytes();
        if !is_token(bytes[0]) && !self.may_be_empty_line(bytes) {
            // Neither a method nor a version begins with that octet: there is no need to wait for the rest.
            return Err(self.unreadable(bytes, 1));
        }
        let mut feeds = Feeds::default();
        let length = match head::find_end(bytes, self.scanned as usize, self.config.head_bytes_max, &mut feeds) {
            Section::Whole(length) => length,
            Section::Partial => {
                if self.eof {
                    let because = "the connection ended inside a head";
                    return Err(incomplete(because).at(bytes.len() as u64));
                }
                self.scanned = bytes.len() as u32;
                self.timer.wait(Awaited::Head, now, &self.config);
                return Ok(None);
            }
            Section::Cut(length) => return Err(self.unreadable(bytes, length)),
        };
        self.timer.stop();
        let bytes = input.take(length);
        self.offset = length as u64;
        if server { self.request(&bytes, &feeds, input.blank()) } else { self.response(&bytes, &feeds) }
    }

    fn skip_empty_lines(&mut self, input: &mut Incoming) {
        while self.empty_lines < self.config.empty_lines_max && input.bytes().starts_with(b"\r\n") {
            input.advance(2);
            self.empty_lines += 1;
            self.scanned = 0;
        }
    }

    fn may_be_empty_line(&self, bytes: &[u8]) -> bool {
        self.role == Role::Server && self.empty_lines < self.config.empty_lines_max && bytes == b"\r"
    }

    /// There is nothing in the input, and no head has begun.
    fn poll_silence(&mut self, now: Instant) -> Polled {
        match self.role {
            _ if self.eof && self.sending == Sending::Idle => self.end(Closing::Ended),
            Role::Client if self.eof => {
                return Err(ConnectionError::silent(&INCOMPLETE, "the connection ended before a response came"));
            }
            Role::Server if self.stream > 0 => self.timer.wait(Awaited::NextHead, now, &self.config),
            _ => {}
        }
        Ok(None)
    }

    /// What is wrong with a head that cannot be read to its end.
    fn unreadable(&self, bytes: &[u8], length: usize) -> ConnectionError {
        let cut = Bytes::copy_from_slice(&bytes[..length]);
        let error = match self.role {
            Role::Server => head::request(&cut, &Feeds::default(), &self.config, incoming::blank()).err(),
            Role::Client => head::response(&cut, &Feeds::default(), &self.config).err(),
        };
        error.unwrap_or_else(|| incomplete("a head could not be read to its end"))
    }

    #[inline]
    fn request(&mut self, bytes: &Bytes, feeds: &Feeds, blank: Box<request::Parts>) -> Polled {
        let (parts, facts) = head::request(bytes, feeds, &self.config, blank)?;
        let framing = length::of_request(&parts.method, parts.version, &facts, &parts.headers)?;
        let length = match framing {
            Framing::Known(length) => Length::Known(length),
            _ => Length::Unknown,
        };
        let old = parts.version == Version::HTTP_10;
        self.exchange = Exchange {
            asked: Asked::by(&parts.method),
            old,
            upgrade: !old && facts.upgrades(),
            awaits_continue: !old && facts.expects_continue && length != Length::Known(0),
            expects_continue: facts.expects_continue,
        };
        self.closing = Closing::by(parts.version, facts.options);
        self.receiving = Receiving::content(framing);
        self.sending = Sending::Head;
        Ok(Some(Event::Received(StreamId(self.stream), Part::Request(parts, length))))
    }

    fn response(&mut self, bytes: &Bytes, feeds: &Feeds) -> Polled {
        let (parts, facts) = head::response(bytes, feeds, &self.config)?;
        let stream = StreamId(self.stream);
        if parts.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switched(parts, &facts);
        }
        if parts.status.is_informational() {
            self.interims += 1;
            if self.interims > self.config.interim_max {
                let because = format!("more than {} interim responses came", self.config.interim_max);
                return Err(ConnectionError::silent(&INTERIM, because));
            }
            self.begun = false;
            self.scanned = 0;
            return Ok(Some(Event::Received(stream, Part::Interim(parts))));
        }
        let asked = self.exchange.asked;
        let (framing, length) = length::of_response(asked, parts.status, parts.version, &facts, &parts.headers)?;
        if asked == Asked::Connect && parts.status.is_success() {
            self.switching = true;
            self.receiving = Receiving::Ended;
            return Ok(Some(Event::Received(stream, Part::Response(parts, length))));
        }
        if let Some(closing) = Closing::by(parts.version, facts.options) {
            self.close(closing);
        }
        if framing == Framing::UntilClose {
            self.close(Closing::Delimiter);
        }
        self.receiving = Receiving::content(framing);
        Ok(Some(Event::Received(stream, Part::Response(parts, length))))
    }

    /// 101 (Switching Protocols), which answers an offer and nothing else.
    fn switched(&mut self, parts: Box<http::response::Parts>, facts: &Facts) -> Polled {
        if !self.exchange.upgrade || !facts.upgrades() || parts.version == Version::HTTP_10 {
            let because = "101 came, which takes up no protocol that was offered";
            return Err(ConnectionError::silent(&SWITCHING, because));
        }
        self.switching = true;
        self.receiving = Receiving::Ended;
        Ok(Some(Event::Received(StreamId(self.stream), Part::Response(parts, Length::Known(0)))))
    }

    fn poll_known(&mut self, left: u64, input: &mut Incoming, now: Instant) -> Polled {
        if left == 0 {
            return Ok(self.told_end(HeaderMap::new()));
        }
        let content = self.content(usize::try_from(left).unwrap_or(usize::MAX), input, now)?;
        if let Some(content) = &content {
            self.receiving = Receiving::Known(left - content.length as u64);
        }
        self.told(content)
    }

    fn poll_chunked(&mut self, mut decoder: chunked::Decoder, input: &mut Incoming, now: Instant) -> Polled {
        let found = decoder.advance(input, &mut self.offset, &self.config)?;
        self.receiving = Receiving::Chunked(decoder);
        match found {
            chunked::Found::Partial => {
                if self.eof {
                    return Err(incomplete("the connection ended inside chunked content").at(self.offset));
                }
                self.wait_for_content(now);
                Ok(None)
            }
            chunked::Found::Content(length) => {
                let content = self.content(length, input, now)?;
                if let Some(content) = &content {
                    decoder.took(content.length);
                    self.receiving = Receiving::Chunked(decoder);
                }
                self.told(content)
            }
            chunked::Found::End(trailers) => Ok(self.told_end(trailers)),
        }
    }

    fn poll_until_close(&mut self, input: &mut Incoming, now: Instant) -> Polled {
        if input.is_empty() && self.eof {
            return Ok(self.told_end(HeaderMap::new()));
        }
        let content = self.content(usize::MAX, input, now)?;
        self.told(content)
    }

    /// Takes content from the input, as much as there is and may be handed out.
    fn content(&mut self, left: usize, input: &mut Incoming, now: Instant) -> Result<Option<Content>, ConnectionError> {
        let room =
            if self.discarding { usize::MAX } else { self.config.content_buffer_bytes.saturating_sub(self.held) };
        if room == 0 {
            self.timer.stop();
            return Ok(None);
        }
        let length = left.min(room).min(input.len());
        if length == 0 {
            if self.eof {
                return Err(incomplete("the connection ended before the content did").at(self.offset));
            }
            self.wait_for_content(now);
            return Ok(None);
        }
        self.offset += length as u64;
        self.timer.count(length);
        self.exchange.awaits_continue = false;
        if self.discarding {
            input.advance(length);
            return Ok(Some(Content { length, bytes: None }));
        }
        self.held += length;
        Ok(Some(Content { length, bytes: Some(input.take(length)) }))
    }

    /// Sets the deadline of a sender; one that waits to be told to continue is not late.
    fn wait_for_content(&mut self, now: Instant) {
        if self.role == Role::Server && !self.exchange.awaits_continue {
            self.timer.wait(Awaited::Content, now, &self.config);
        }
    }

    /// Tells of content, or counts what is dropped.
    fn told(&mut self, content: Option<Content>) -> Polled {
        match content {
            Some(Content { bytes: Some(bytes), .. }) => {
                Ok(Some(Event::Received(StreamId(self.stream), Part::Content(bytes))))
            }
            Some(Content { length, bytes: None }) => {
                self.drained += length as u64;
                if self.drained > self.config.drain_bytes_max {
                    self.end(Closing::Unread);
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// The message that was received is whole: tells of it, unless what was left of it was dropped.
    fn told_end(&mut self, trailers: HeaderMap) -> Option<Event> {
        let told = !self.discarding;
        let stream = StreamId(self.stream);
        self.end_received();
        told.then_some(Event::Received(stream, Part::End(trailers)))
    }

    #[inline]
    fn end_received(&mut self) {
        self.timer.stop();
        self.receiving = Receiving::Ended;
        self.settle();
    }

    /// Takes the end of a message all of whose content was received; false where it is not there yet.
    #[inline]
    pub(super) fn take_known_end(&mut self) -> bool {
        let ends = matches!(self.receiving, Receiving::Known(0)) && !self.discarding;
        if ends {
            self.end_received();
        }
        ends
    }

    /// The message was received and the exchange is not over.
    fn poll_ended(&mut self, input: &Incoming) -> Option<Event> {
        let sent = matches!(self.sending, Sending::Ended | Sending::Content(Framing::Known(0)));
        if self.switching && sent {
            self.receiving = Receiving::Switched;
            return Some(Event::Switched(StreamId(self.stream)));
        }
        self.backlog = !input.is_empty();
        None
    }

    /// Receives nothing more, and lets a server send one response where one is due.
    #[cold]
    fn fail(&mut self, mut error: ConnectionError) -> Polled {
        self.failed = true;
        self.timer.stop();
        self.receiving = Receiving::Over;
        let may_answer = self.role == Role::Server && error.status.is_some() && self.sending != Sending::Ended;
        if !may_answer {
            error.status = None;
            self.end(Closing::Failed);
        } else if self.sending == Sending::Idle {
            self.exchange = Exchange::UNKNOWN;
            self.sending = Sending::Head;
        }
        self.closing = Some(Closing::Failed);
        Err(error)
    }
}

/// Content that was taken from the input: handed out, or dropped.
struct Content {
    length: usize,
    bytes: Option<Bytes>,
}

fn incomplete(because: &'static str) -> ConnectionError {
    ConnectionError::new(&INCOMPLETE, StatusCode::BAD_REQUEST, because)
}

static INCOMPLETE: Rule = Rule {
    name: "incomplete-message",
    section: "RFC 9112, section 8",
    says: "A message that ends before its framing says is incomplete.",
};
static UNSOLICITED: Rule = Rule {
    name: "unsolicited-response",
    section: "RFC 9112, section 9.2",
    says: "Bytes on a connection without an outstanding request are not a response.",
};
static INTERIM: Rule = Rule {
    name: "interim-responses",
    section: "RFC 9110, section 15.2",
    says: "A client takes any number of interim responses, up to its own limit.",
};
static SWITCHING: Rule = Rule {
    name: "switching-protocols",
    section: "RFC 9110, section 15.2.2",
    says: "101 is sent only for a protocol that the request offered.",
};
