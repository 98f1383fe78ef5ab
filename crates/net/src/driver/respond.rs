//! From a request to the last byte of its response: the handler is polled inline, and kept only if it has to wait.

use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request, response};
use http_body::Body as _;
use wirelight_proto::{Connection, ConnectionError, Event, Length, Part, Reason, StreamId};
use wirelight_service::{Body, Error, Fault, Interims, Kind, Response, Result, Service};

use super::bell::Bell;
use super::exchange::{Exchange, Guarded, Phase, poll_body};
use super::link::Turn;
use super::place::Place;
use super::refusal::{self, HandlerFailed};
use super::serve::Serve;
use super::tunnel::Tunnelling;
use crate::Transport;
use crate::observe::{ConnectionInfo, Ending, Record, Wire};
use crate::upgrade::Upgrade;

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// A request has begun: its handler is called, and polled once.
    pub(super) fn begin(
        &mut self,
        stream: StreamId,
        mut parts: Box<request::Parts>,
        length: Length,
        turn: &mut Turn,
        cx: &mut Task<'_>,
    ) {
        self.number += 1;
        if self.context.drain.has_begun() {
            // Its response says that it is the last, so that the client sends no other that nobody would hear.
            self.begin_to_end(turn);
        }
        turn.spare.forget();
        let trail = self.trail(stream, turn);
        let mut exchange = Exchange {
            stream,
            phase: Phase::Switching,
            upload: None,
            received: false,
            awaits_continue: self.link.engine.awaits_continue(&parts),
            head_only: parts.method == Method::HEAD,
            may_tunnel: parts.method == Method::CONNECT,
            tunnel: Tunnelling::No,
            stirred: false,
            bell: None,
            promise: None,
            record: self.record(Some(&parts), trail, turn),
        };
        let interims = self.interims(&parts, stream, turn, cx);
        let carried = self.introduce(&mut parts, &mut exchange, interims, turn);
        let body = match self.prepare_tunnel(&mut exchange) {
            true => Body::empty(),
            false => self.content(&mut exchange, length, turn),
        };
        let (parts, body) = (turn.input.give_back(parts), body.within(carried));
        let mut place = Place::take(&mut turn.spare.place, &self.service, parts, body);
        match place.poll(cx) {
            Poll::Ready(answer) => {
                place.leave(&mut turn.spare.place);
                self.answer(exchange, answer, turn, cx);
            }
            Poll::Pending => {
                // Its first poll may have asked for content, so that the client is to be told to send it.
                exchange.stirred = true;
                exchange.phase = Phase::Handling(place);
                self.keep(exchange, cx);
            }
        }
    }

    /// Tells the request what it may do with the connection; gives what it is to carry of the exchange it belongs to.
    fn introduce(
        &self,
        parts: &mut request::Parts,
        exchange: &mut Exchange,
        interims: Option<Interims>,
        turn: &mut Turn,
    ) -> Option<Arc<wirelight_service::Exchange>> {
        if self.link.engine.may_switch(parts) {
            let (promise, upgrade) = Upgrade::channel();
            parts.extensions.insert(upgrade);
            exchange.promise = Some(promise);
        }
        if exchange.record.is_none() && !self.context.config.peer && interims.is_none() {
            return None;
        }
        let trail = exchange.record.as_ref().map(|record| record.trail.clone()).unwrap_or_default();
        let ConnectionInfo { peer, secured, local, .. } = &*self.connection;
        let (peer, local, secure) = (peer.clone(), local.clone(), secured.is_some());
        Some(turn.spare.carried(wirelight_service::Exchange { trail, peer, local, secure, interims }))
    }

    /// The content of a request: at hand if it has arrived whole, else a channel that is filled as it arrives.
    fn content(&mut self, exchange: &mut Exchange, length: Length, turn: &mut Turn) -> Body {
        let stream = exchange.stream;
        if length == Length::Known(0) && self.held.is_none() && self.link.engine.take_end(stream) {
            return Body::empty();
        }
        let first = match self.next_event(turn) {
            Ok(Some(Event::Received(of, Part::End(trailers)))) if of == stream && trailers.is_empty() => {
                return Body::empty();
            }
            Ok(Some(Event::Received(of, Part::Content(content)))) if of == stream => Some(content),
            other => {
                self.hold(other);
                None
            }
        };
        if let Some(content) = &first
            && length == Length::Known(content.len() as u64)
            && self.ends(stream, turn)
        {
            self.link.engine.consume(stream, content.len());
            if let Some(record) = &mut exchange.record {
                record.received_bytes += content.len() as u64;
            }
            return Body::from(content.clone());
        }
        let known = match length {
            Length::Known(known) => Some(known),
            Length::Unknown => None,
        };
        let (mut upload, body) = Body::channel(known);
        if let Some(content) = first {
            if let Some(record) = &mut exchange.record {
                record.received_bytes += content.len() as u64;
            }
            upload.push(content);
        }
        exchange.upload = Some(upload);
        body
    }

    /// Whether the message ends here, without trailers.
    fn ends(&mut self, stream: StreamId, turn: &mut Turn) -> bool {
        match self.next_event(turn) {
            Ok(Some(Event::Received(of, Part::End(trailers)))) if of == stream && trailers.is_empty() => true,
            other => {
                self.hold(other);
                false
            }
        }
    }

    fn hold(&mut self, event: Result<Option<Event>, ConnectionError>) {
        self.held = event.transpose().map(Box::new);
    }

    /// Keeps an exchange that waits; beside others it has a bell of its own.
    fn keep(&mut self, mut exchange: Exchange, cx: &Task<'_>) {
        if exchange.bell.is_none() && !self.exchanges.is_empty() {
            exchange.bell = Some(Bell::new(cx.waker()));
            // Until it is polled again, what it waits for would wake the connection without it.
            exchange.stirred = true;
        }
        self.exchanges.push(exchange);
    }

    /// Stirs the exchanges that may have woken the connection.
    pub(super) fn rouse(&mut self, cx: &Task<'_>) {
        if let (Some(outbox), false) = (&self.outbox, self.exchanges.is_empty()) {
            outbox.heed(cx.waker());
        }
        for exchange in &mut self.exchanges {
            exchange.stirred |= match &mut exchange.bell {
                None => true,
                Some(bell) if bell.wakes(cx.waker()) => bell.has_rung(),
                Some(bell) => {
                    *bell = Bell::new(cx.waker());
                    true
                }
            };
        }
    }

    /// Polls every exchange that has been stirred; true if any got further.
    pub(super) fn stir(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        let mut moved = false;
        let mut index = 0;
        self.say_interims(None, turn);
        while index < self.exchanges.len() {
            if !self.has_room(turn) || !std::mem::take(&mut self.exchanges[index].stirred) {
                index += 1;
                continue;
            }
            let mut exchange = self.exchanges.swap_remove(index);
            let waker = exchange.bell.as_ref().map(Bell::waker);
            let cx = &mut Task::from_waker(waker.as_ref().unwrap_or(cx.waker()));
            // The engine may have held back content that there is room for now.
            moved |= self.credit(&mut exchange, turn, cx);
            match &mut exchange.phase {
                Phase::Handling(place) => match place.poll(cx) {
                    Poll::Ready(answer) => {
                        self.answer(exchange, answer, turn, cx);
                        moved = true;
                        continue;
                    }
                    Poll::Pending => moved |= self.credit(&mut exchange, turn, cx),
                },
                Phase::Sending(..) => {
                    let before = turn.out.len();
                    let kept = self.send_content(exchange, turn, cx);
                    moved |= turn.out.len() != before || kept.is_none();
                    let Some(back) = kept else { continue };
                    exchange = back;
                    // Its body may be made of the request's.
                    moved |= self.credit(&mut exchange, turn, cx);
                }
                Phase::Receiving if exchange.upload.is_none() => {
                    let ended = exchange.received;
                    self.close_tunnel(exchange, ended, turn);
                    moved = true;
                    continue;
                }
                Phase::Switching | Phase::Receiving => {}
            }
            // It takes its old place again, so that every exchange has its turn once.
            self.exchanges.push(exchange);
            let last = self.exchanges.len() - 1;
            self.exchanges.swap(index, last);
            index += 1;
        }
        if self.exchanges.is_empty() && self.exchanges.capacity() > 0 {
            self.exchanges = Vec::new();
        }
        moved
    }

    /// Passes the reader's demand on to the engine: credit for what was taken, 100 for what is waited for.
    ///
    /// The reader may be at work in another thread meanwhile: what it does next wakes the task only once there is no
    /// news to be had.
    fn credit(&mut self, exchange: &mut Exchange, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        let mut taken = false;
        while let Some(upload) = &mut exchange.upload
            && let Poll::Ready(demand) = upload.poll_demand(cx)
        {
            self.link.engine.consume(exchange.stream, demand.taken);
            taken |= demand.taken > 0;
            if demand.abandoned {
                exchange.upload = None;
            } else if demand.wanted {
                self.say_continue(exchange, turn);
            }
        }
        taken
    }

    /// Tells a client that waits for it to send its content.
    fn say_continue(&mut self, exchange: &mut Exchange, turn: &mut Turn) {
        if std::mem::take(&mut exchange.awaits_continue) {
            let (mut parts, ()) = http::Response::new(()).into_parts();
            parts.status = StatusCode::CONTINUE;
            // If it can no longer be said, the exchange is ending anyway.
            let _ = self.link.engine.send(exchange.stream, Part::interim(parts), &mut turn.out);
        }
    }

    /// Sends what the handler answered.
    fn answer(&mut self, mut exchange: Exchange, answer: Result<Response>, turn: &mut Turn, cx: &mut Task<'_>) {
        self.say_interims(Some(&mut exchange), turn);
        let failed = answer.is_err();
        let (mut parts, body) = match answer {
            Ok(response) => response.into_parts(),
            Err(error) if error.fault() == Fault::Downstream && error.kind() == Kind::Gone => {
                return self.break_off(exchange, &error, turn);
            }
            Err(error) => {
                if let Some(record) = &exchange.record {
                    record.trail.note(HandlerFailed::new(&error));
                }
                let (parts, text) = refusal::of_handler(&error, &self.context.clock);
                (parts, Body::from(text))
            }
        };
        let length = match promised(&parts.headers, parts.status, &body, exchange.head_only) {
            Ok(length) => length,
            Err(error) => return self.answer(exchange, Err(error), turn, cx),
        };
        if let Some(record) = &mut exchange.record {
            record.status = parts.status;
            // Until the clock is read for the last byte, or for the first of content that goes on.
            record.first_byte = Some(Duration::ZERO);
            if let Some(observer) = &self.context.observer {
                record.fields = observer.keep_of_response(&parts.headers);
            }
        }
        let ends = exchange.head_only || matches!(parts.status.as_u16(), 204 | 304);
        let tunnels = exchange.may_tunnel && parts.status.is_success();
        let switches = exchange.promise.is_some() && (parts.status == StatusCode::SWITCHING_PROTOCOLS || tunnels);
        if exchange.awaits_continue {
            // Whoever still holds the request's content wants it; after the final response it is too late to say so.
            self.credit(&mut exchange, turn, cx);
            if exchange.upload.is_some() {
                self.say_continue(&mut exchange, turn);
            }
        }
        match self.send_head(&exchange, &parts, length, turn) {
            Ok(()) => turn.input.recycle(&mut parts.headers),
            // Nothing of it went out, so the client can still be told.
            Err(error) if !failed => return self.answer(exchange, Err(error), turn, cx),
            Err(error) => return self.break_off(exchange, &error, turn),
        }
        match (switches, std::mem::take(&mut exchange.tunnel)) {
            (true, Tunnelling::Asked(received)) => return self.open_tunnel(exchange, received, turn, cx),
            // What comes on the stream is of no use to anybody.
            (false, Tunnelling::Asked(_)) => exchange.upload = None,
            _ => {}
        }
        match body.into_bytes() {
            _ if switches => {
                exchange.phase = Phase::Switching;
                self.exchanges.push(exchange);
            }
            Ok(content) if ends || content.is_empty() => self.complete(exchange, turn),
            Ok(content) if content.len() <= self.link.engine.capacity(exchange.stream) => {
                match self.send(&mut exchange, Part::Content(content), turn) {
                    Ok(()) => self.complete(exchange, turn),
                    Err(error) => self.break_off(exchange, &error, turn),
                }
            }
            Ok(content) => self.keep_sending(exchange, Body::empty(), content, turn, cx),
            Err(_) if ends => self.complete(exchange, turn),
            Err(body) => self.keep_sending(exchange, body, Bytes::new(), turn, cx),
        }
    }

    pub(super) fn keep_sending(
        &mut self,
        mut exchange: Exchange,
        body: Body,
        rest: Bytes,
        turn: &mut Turn,
        cx: &mut Task<'_>,
    ) {
        if let Some(record) = &mut exchange.record {
            record.first_byte = Some(self.context.clock.now() - record.began);
        }
        exchange.phase = Phase::Sending(Guarded::new(body), rest);
        if let Some(mut exchange) = self.send_content(exchange, turn, cx) {
            // Its body may be made of the request's, so that the client is to be told to send that.
            exchange.stirred |= exchange.upload.is_some();
            self.keep(exchange, cx);
        }
    }

    /// Sends content while there is some and room for it; gives the exchange back if it is not complete.
    fn send_content(&mut self, mut exchange: Exchange, turn: &mut Turn, cx: &mut Task<'_>) -> Option<Exchange> {
        loop {
            let Phase::Sending(_, rest) = &mut exchange.phase else { return Some(exchange) };
            let room = self.link.engine.capacity(exchange.stream);
            if !rest.is_empty() {
                if room == 0 || turn.out.len() >= self.context.config.output_bytes_max {
                    exchange.stirred = room > 0;
                    return Some(exchange);
                }
                let content = rest.split_to(room.min(rest.len()));
                if let Err(error) = self.send(&mut exchange, Part::Content(content), turn) {
                    self.break_off(exchange, &error, turn);
                    return None;
                }
                continue;
            }
            if room == 0 || !self.has_room(turn) {
                exchange.stirred = room > 0;
                return Some(exchange);
            }
            turn.spend(0);
            match self.send_file(&mut exchange, turn, cx) {
                Handed::Nothing => {}
                Handed::Some => continue,
                Handed::Later => return Some(exchange),
                Handed::Failed(error) => {
                    self.break_off(exchange, &error, turn);
                    return None;
                }
            }
            let Phase::Sending(body, rest) = &mut exchange.phase else { return Some(exchange) };
            match poll_body(body.get(), cx) {
                Poll::Pending => return Some(exchange),
                Poll::Ready(None) => {
                    self.complete(exchange, turn);
                    return None;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.break_off(exchange, &error, turn);
                    return None;
                }
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(content) => {
                        turn.spend(content.len());
                        *rest = content;
                    }
                    Err(frame) => {
                        self.complete_with(exchange, frame.into_trailers().unwrap_or_default(), turn);
                        return None;
                    }
                },
            }
        }
    }

    /// Has the transport send content that lies in a file, where it can and enough of it is at hand.
    fn send_file(&mut self, exchange: &mut Exchange, turn: &mut Turn, cx: &mut Task<'_>) -> Handed {
        let Phase::Sending(body, _) = &mut exchange.phase else { return Handed::Nothing };
        let Some(content) = body.get().as_file().filter(|_| self.link.sends_files()) else { return Handed::Nothing };
        let shown = self.watched.is_some();
        let allowed = self.link.engine.unframed(exchange.stream);
        let Some((file, offset, length)) = content
            .at_hand()
            .filter(|(_, _, length)| (self.context.config.send_file_bytes_min..=allowed).contains(length) && !shown)
        else {
            return Handed::Nothing;
        };
        if !turn.out.is_empty() {
            turn.must_leave = true;
            exchange.stirred = true;
            return Handed::Later;
        }
        match self.link.poll_send_file(turn.now, (file, offset, length), cx) {
            Poll::Pending => Handed::Later,
            // The file has become shorter: reading it says so.
            Poll::Ready(Ok(0)) => Handed::Nothing,
            Poll::Ready(Ok(sent)) => {
                content.skip(sent);
                self.link.engine.sent_unframed(exchange.stream, sent);
                turn.spend(sent as usize);
                if let Some(record) = &mut exchange.record {
                    record.sent_bytes += sent;
                }
                Handed::Some
            }
            Poll::Ready(Err(error)) => {
                let because = format!("the file could not be sent: {error}");
                let fault = if is_disconnected(&error) { Fault::Downstream } else { Fault::Ours };
                let kind = if fault == Fault::Downstream { Kind::Gone } else { Kind::Io };
                Handed::Failed(Error::new(kind, fault, because).with_source(error))
            }
        }
    }

    /// Sends the head of a response, and shows it to whoever asked for the bytes.
    fn send_head(
        &mut self,
        exchange: &Exchange,
        parts: &response::Parts,
        length: Length,
        turn: &mut Turn,
    ) -> Result<()> {
        let from = turn.out.end();
        let sent = self.link.engine.send_response(exchange.stream, parts, length, &mut turn.out);
        sent.map_err(Error::ours)?;
        self.show_sent(Wire::HeadSent, from, turn);
        Ok(())
    }

    /// Sends one part, and shows it to whoever asked for the bytes.
    fn send(&mut self, exchange: &mut Exchange, part: Part, turn: &mut Turn) -> Result<()> {
        let wire = match &part {
            Part::Response(..) | Part::Interim(_) => Wire::HeadSent,
            _ => Wire::ContentSent,
        };
        if let (Part::Content(content), Some(record)) = (&part, &mut exchange.record) {
            record.sent_bytes += content.len() as u64;
        }
        let from = turn.out.end();
        self.link.engine.send(exchange.stream, part, &mut turn.out).map_err(Error::ours)?;
        self.show_sent(wire, from, turn);
        Ok(())
    }

    /// Ends a response as a whole one.
    fn complete(&mut self, exchange: Exchange, turn: &mut Turn) {
        let from = turn.out.end();
        if let Err(error) = self.link.engine.finish(exchange.stream, &mut turn.out) {
            return self.break_off(exchange, &Error::ours(error), turn);
        }
        self.show_sent(Wire::ContentSent, from, turn);
        self.completed(exchange, turn);
    }

    /// Ends a response as a whole one, with trailers.
    fn complete_with(&mut self, mut exchange: Exchange, trailers: HeaderMap, turn: &mut Turn) {
        match self.send(&mut exchange, Part::End(trailers), turn) {
            Ok(()) => self.completed(exchange, turn),
            Err(error) => self.break_off(exchange, &error, turn),
        }
    }

    /// A response has ended: its record waits for its last bytes to leave.
    fn completed(&mut self, mut exchange: Exchange, turn: &mut Turn) {
        if matches!(exchange.tunnel, Tunnelling::Open) {
            return self.half_close_tunnel(exchange);
        }
        if let Some(mut record) = exchange.record.take() {
            record.ending = if exchange.upload.is_some() { Ending::Refused } else { Ending::Complete };
            self.written.push((self.link.end_of_output(turn), record));
        }
    }

    /// Ends a response that cannot be finished, so that nobody takes it for whole.
    fn break_off(&mut self, mut exchange: Exchange, error: &Error, turn: &mut Turn) {
        self.link.engine.reset(exchange.stream, Reason::Broken, &mut turn.out);
        self.broken |= self.link.engine.is_finished();
        if let Some(mut record) = exchange.record.take() {
            record.trail.note(HandlerFailed::new(error));
            let gone = error.fault() == Fault::Downstream && error.kind() == Kind::Gone;
            if record.first_byte.is_none() {
                record.status = error.status();
            }
            self.report(record, if gone { Ending::Abandoned } else { Ending::Broken }, turn.now);
        }
    }

    /// Answers in place of a handler: the peer has broken a rule.
    pub(super) fn send_refusal(
        &mut self,
        stream: StreamId,
        error: &ConnectionError,
        status: StatusCode,
        record: Option<Box<Record>>,
        turn: &mut Turn,
    ) {
        let (parts, text) = refusal::of_connection(error, status, &self.context.clock);
        let content = Bytes::from(text);
        let engine = &mut self.link.engine;
        let length = Length::Known(content.len() as u64);
        let from = turn.out.end();
        // A refusal that can no longer be said goes unsaid: the connection closes all the same.
        let said = engine
            .send_response(stream, &parts, length, &mut turn.out)
            .and_then(|()| engine.send(stream, Part::Content(content.clone()), &mut turn.out))
            .and_then(|()| engine.send(stream, Part::End(HeaderMap::new()), &mut turn.out));
        self.show_sent(Wire::HeadSent, from, turn);
        if let Some(mut record) = record {
            record.status = status;
            record.ending = Ending::Refused;
            record.trail.note(error.clone());
            if said.is_ok() {
                record.first_byte = Some(Duration::ZERO);
                record.sent_bytes = content.len() as u64;
            }
            self.written.push((self.link.end_of_output(turn), record));
        }
    }
}

/// What came of having the transport send a file.
enum Handed {
    /// Nothing: the content must be read.
    Nothing,
    /// Some of it was sent.
    Some,
    /// Something else must leave first.
    Later,
    Failed(Error),
}

/// Whether an error says that the peer is gone.
fn is_disconnected(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, TimedOut};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | TimedOut)
}

/// The length that a response promises: what its handler says, or what its body knows.
fn promised(fields: &HeaderMap, status: StatusCode, body: &Body, head_only: bool) -> Result<Length> {
    let exact = body.size_hint().exact();
    let Some(said) = fields.get(header::CONTENT_LENGTH) else {
        return Ok(match exact {
            // A handler that leaves the content of HEAD out has not said that there is none for GET.
            Some(0) if head_only => Length::Unknown,
            Some(exact) => Length::Known(exact),
            None => Length::Unknown,
        });
    };
    let said = said.to_str().ok().and_then(|said| said.parse::<u64>().ok());
    match (said, exact) {
        // What 200 would have had in answer to GET (RFC 9110, section 8.6).
        (Some(said), _) if head_only || status == StatusCode::NOT_MODIFIED => Ok(Length::Known(said)),
        (Some(said), Some(exact)) if said == exact => Ok(Length::Known(said)),
        (Some(said), None) => Ok(Length::Known(said)),
        _ => Err(Error::new(Kind::Other, Fault::Ours, "the handler's Content-Length is not the length of its content")),
    }
}
