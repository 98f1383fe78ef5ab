//! A turn of a connection on which requests are sent.

use std::task::{Context as Task, Poll};

use http::{HeaderMap, StatusCode, request};
use http_body::Body as _;
use wirelight_proto::{Connection, ConnectionError, Event, Length, Part, Reason, StreamId, h2};
use wirelight_service::{Body, Error, Fault, Kind};

use super::super::exchange::poll_body;
use super::super::link::{Read, Turn};
use super::Requests;
use super::exchange::{Exchange, Reader};
use super::failure::Failure;
use super::recording::{self, Recording};
use crate::observe::{Way, Wire};
use crate::{Close, Transport};

impl<T: Transport, E: Connection + Unpin> Requests<T, E> {
    /// One turn; ready when the connection is over, or stops early (pending) once `has_news` holds.
    pub(super) fn poll_turn(&mut self, cx: &mut Task<'_>, has_news: impl Fn(&Self) -> bool) -> Poll<Close> {
        if let Some(close) = self.closed.take() {
            return Poll::Ready(close);
        }
        let mut turn = self.link.begin(self.context.clock.now());
        if self.is_heard() {
            turn.input.watch(std::mem::take(&mut self.seen));
        }
        let closed = self.turn(&mut turn, cx, has_news);
        if closed.is_ready() {
            turn.input.clear();
            turn.out.clear();
        }
        self.seen = turn.input.unwatch();
        self.link.end(turn);
        closed
    }

    /// Whether nothing is under way and nothing comes, so that there is nothing to do but to wait for `cx`.
    pub(super) fn poll_silence(&mut self, cx: &mut Task<'_>) -> bool {
        if self.is_heard() || !self.is_usable() || !self.is_at_rest() || !self.link.is_silent() {
            return false;
        }
        let mut turn = self.link.begin(self.context.clock.now());
        let polled = self.link.poll_read(&mut turn, self.read_bytes, cx);
        self.link.end(turn);
        match polled {
            Poll::Pending => true,
            Poll::Ready(Ok(_)) => false,
            Poll::Ready(Err(error)) => {
                self.closed = Some(self.lose(Some(error)));
                false
            }
        }
    }

    fn turn(&mut self, turn: &mut Turn, cx: &mut Task<'_>, has_news: impl Fn(&Self) -> bool) -> Poll<Close> {
        loop {
            if let Some(close) = self.tell_time(turn) {
                return Poll::Ready(close);
            }
            if let Err(error) = self.settle(turn, cx) {
                return Poll::Ready(self.refuse(error));
            }
            let filled = !self.has_room(turn);
            match self.write(turn, cx) {
                Ok(true) if filled => continue,
                Ok(_) => {}
                // The server may have answered before it stopped listening: what it said is heard first.
                Err(error) => return Poll::Ready(self.hear_the_rest(error, turn, cx)),
            }
            if let Some(close) = self.finish(turn) {
                return Poll::Ready(close);
            }
            if has_news(self) {
                return Poll::Pending;
            }
            match self.read(turn, cx) {
                Ok(true) => {}
                Ok(false) if self.wait(turn, cx).is_pending() => return Poll::Pending,
                Ok(false) => {}
                Err(error) => return Poll::Ready(self.lose(Some(error))),
            }
        }
    }

    /// Hears everything that engine and bodies can say without waiting.
    fn settle(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> Result<(), ConnectionError> {
        let waiting = !turn.out.is_empty();
        loop {
            let mut moved = self.start(turn);
            while let Some(event) = self.next_event(turn)? {
                self.hear(event, turn);
                moved = true;
            }
            moved |= self.stir(turn, cx);
            // What leaves may make room for more.
            let before = turn.out.len();
            self.link.engine.poll_transmit(&mut turn.out, turn.now);
            moved |= turn.out.len() != before;
            if !moved || !self.has_room(turn) {
                break;
            }
        }
        if !waiting && !turn.out.is_empty() {
            self.link.starts_to_wait(turn.now);
        }
        Ok(())
    }

    fn has_room(&self, turn: &Turn) -> bool {
        turn.out.len() < self.context.config.output_bytes_max
    }

    /// The next event, shown to whoever watches the bytes.
    fn next_event(&mut self, turn: &mut Turn) -> Result<Option<Event>, ConnectionError> {
        let event = self.link.engine.poll_event(&mut turn.input, turn.now);
        if turn.input.is_watched() {
            self.show_received(&event, turn);
        }
        event
    }

    /// Opens exchanges for requests that wait; true if any began.
    fn start(&mut self, turn: &mut Turn) -> bool {
        let mut began = false;
        while !self.waiting.is_empty() && self.has_room(turn) {
            if self.going_away || self.link.ended.is_some() && self.exchanges.is_empty() {
                let mut exchange = self.waiting.pop_front().expect("it is not empty");
                exchange.fail_with(Failure::unsent("the server had closed the connection before the request was sent"));
                self.keep_if_read_here(exchange);
                continue;
            }
            if self.link.engine.awaits_settings() && self.waiting.front().is_some_and(Exchange::needs_settings) {
                break;
            }
            let Some(stream) = self.link.engine.open() else { break };
            let mut exchange = self.waiting.pop_front().expect("it is not empty");
            exchange.stream = Some(stream);
            self.number += 1;
            began = true;
            self.send_head(&mut exchange, stream, turn);
            self.exchanges.push(exchange);
        }
        began
    }

    /// What is read here is found by whoever polls.
    fn keep_if_read_here(&mut self, exchange: Exchange) {
        if matches!(exchange.reader, Reader::Here(_)) {
            self.exchanges.push(exchange);
        }
    }

    fn send_head(&mut self, exchange: &mut Exchange, stream: StreamId, turn: &mut Turn) {
        if exchange.may_tunnel && self.link.engine.is_multiplexed() {
            exchange.prepare_tunnel(self.context.config.tunnel_bytes_max);
        }
        let Some((body, _)) = &exchange.upload else { return };
        let length = match body.size_hint().exact() {
            Some(length) => Length::Known(length),
            // Whoever streams content and says how long it is, is believed; the engine counts.
            None => {
                let declared = exchange.head.as_ref().and_then(|parts| declared(&parts.headers));
                declared.map_or(Length::Unknown, Length::Known)
            }
        };
        let empty = length == Length::Known(0) && body.is_end_stream();
        if let Some(parts) = exchange.head.as_mut().filter(|_| self.context.observer.is_some()) {
            parts.version = recording::version(self.link.engine.is_multiplexed(), parts.version);
            exchange.recording =
                Recording::begin(&self.context, &self.connection, self.number, (parts, body), turn.now);
        }
        let Some(parts) = exchange.head.take() else { return };
        let sent = match self.link.engine.is_multiplexed() {
            true => self.send_part(exchange, stream, Part::request(parts, length), turn),
            false => self.send_asked(exchange, stream, (parts, length), turn),
        };
        if let Err(error) = sent {
            self.link.engine.reset(stream, Reason::Broken, &mut turn.out);
            exchange.fail(error, false);
            return;
        }
        if empty {
            self.complete(exchange, stream, HeaderMap::new(), turn);
        } else if exchange.expects_continue {
            exchange.continue_by = turn.now.checked_add(self.context.config.continue_timeout);
        }
    }

    /// Sends the head of a request, and keeps it for whoever may send it again.
    fn send_asked(
        &mut self,
        exchange: &mut Exchange,
        stream: StreamId,
        (parts, length): (request::Parts, Length),
        turn: &mut Turn,
    ) -> Result<(), Error> {
        if let Some(recording) = &mut exchange.recording {
            recording.pass(Way::Sent, &Part::request(parts.clone(), length), turn.now);
        }
        let from = turn.out.buffer().len();
        let sent = self.link.engine.send_request(stream, &parts, length, &mut turn.out);
        exchange.head = Some(parts);
        sent.map_err(Error::ours)?;
        self.show_sent(Wire::HeadSent, from, exchange, turn);
        Ok(())
    }

    /// Sends one part, and shows it to whoever asked for the bytes.
    fn send_part(
        &mut self,
        exchange: &mut Exchange,
        stream: StreamId,
        part: Part,
        turn: &mut Turn,
    ) -> Result<(), Error> {
        let wire = if matches!(part, Part::Request(..)) { Wire::HeadSent } else { Wire::ContentSent };
        if let Some(recording) = &mut exchange.recording {
            recording.pass(Way::Sent, &part, turn.now);
        }
        let from = turn.out.buffer().len();
        self.link.engine.send(stream, part, &mut turn.out).map_err(Error::ours)?;
        self.show_sent(wire, from, exchange, turn);
        Ok(())
    }

    /// Ends a request as a whole one.
    fn complete(&mut self, exchange: &mut Exchange, stream: StreamId, trailers: HeaderMap, turn: &mut Turn) {
        exchange.upload = None;
        if let Err(error) = self.send_part(exchange, stream, Part::End(trailers), turn) {
            self.link.engine.reset(stream, Reason::Broken, &mut turn.out);
            exchange.fail(error, false);
        }
    }

    fn hear(&mut self, event: Event, turn: &mut Turn) {
        match event {
            Event::Received(stream, part) => {
                let Some(index) = self.index(stream) else { return };
                let exchange = &mut self.exchanges[index];
                exchange.marks.first_byte.get_or_insert(turn.now);
                if let Some(recording) = &mut exchange.recording {
                    recording.pass(Way::Received, &part, turn.now);
                    if matches!(part, Part::End(_)) {
                        recording.carried(|| self.link.tcp());
                    }
                }
                match part {
                    Part::Interim(parts) => {
                        if parts.status == StatusCode::CONTINUE {
                            exchange.continue_by = None;
                        }
                        if let Some(on_interim) = &exchange.on_interim {
                            on_interim.call(&parts);
                        }
                    }
                    Part::Response(parts, length) => {
                        exchange.head = None;
                        self.answer(index, *parts, length);
                    }
                    Part::Content(content) => exchange.content(content),
                    Part::End(trailers) => exchange.end(trailers),
                    Part::Request(..) => {}
                }
            }
            Event::Writable(_) => {}
            Event::Reset(stream, reason) => self.forget(stream, reason),
            Event::GoingAway(last) => {
                self.going_away = true;
                for exchange in &mut self.exchanges {
                    if exchange.stream.is_some_and(|stream| stream > last) && !exchange.answered {
                        exchange.touched = false;
                        let words =
                            self.link.engine.farewell().map_or_else(String::new, |words| format!(" (GOAWAY: {words})"));
                        let because = format!("the server went away{words} before it took the request up");
                        exchange.fail_with(Failure::unsent(because));
                    }
                }
            }
            Event::Switched(stream) => self.switch(stream, turn),
        }
    }

    fn index(&self, stream: StreamId) -> Option<usize> {
        self.exchanges.iter().position(|exchange| exchange.stream == Some(stream))
    }

    fn answer(&mut self, index: usize, parts: http::response::Parts, length: Length) {
        let exchange = &mut self.exchanges[index];
        if exchange.continue_by.take().is_some() {
            // Answered before the content was asked for: it is not sent (RFC 9110, section 10.1.1).
            exchange.upload = None;
            exchange.held_back = true;
        }
        exchange.answer(parts, length);
    }

    /// The server gave one exchange up.
    fn forget(&mut self, stream: StreamId, reason: Reason) {
        let Some(index) = self.index(stream) else { return };
        if reason == Reason::Refused {
            self.exchanges[index].touched = false;
        }
        let mut faults = std::iter::from_fn(|| self.link.engine.poll_fault());
        let error = match faults.find(|fault| fault.stream == stream) {
            Some(fault) => {
                let because = format!("the server broke the protocol: {}", fault.why.because());
                Error::new(Kind::Malformed, Fault::Upstream, because)
            }
            None if self.link.ended.is_some() => {
                let because = match self.link.engine.farewell() {
                    Some(words) => {
                        format!("the server announced the end of the connection (GOAWAY: {words}) and closed it")
                    }
                    None => "the server closed the connection without a word (no GOAWAY)".to_owned(),
                };
                Error::new(Kind::Gone, Fault::Upstream, because)
            }
            None => {
                let code = h2::Code::from(reason);
                Error::new(Kind::Gone, Fault::Upstream, format!("the server reset the stream ({code})"))
            }
        };
        let is_lost = self.link.ended.is_some() && reason == Reason::Cancelled;
        self.exchanges[index].fail(error, reason == Reason::Refused || is_lost);
    }

    /// The connection has switched protocols: whoever awaits that is given the transport.
    fn switch(&mut self, stream: StreamId, turn: &mut Turn) {
        turn.input.unwatch();
        self.closed = Some(Close::Switched);
        let Some(index) = self.index(stream) else { return };
        let leftover = turn.input.take(turn.input.len());
        let exchange = &mut self.exchanges[index];
        exchange.end(HeaderMap::new());
        exchange.upload = None;
        if let Some(recording) = &mut exchange.recording {
            recording.switch();
        }
        if let Some(promise) = exchange.promise.take() {
            promise.fulfil(self.link.take_transport(), leftover);
        }
    }

    /// Sends content while there is some and room for it, and passes the readers' demand on; true if anything moved.
    fn stir(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        let mut moved = false;
        let mut exchanges = std::mem::take(&mut self.exchanges);
        exchanges.retain_mut(|exchange| {
            if let Some(stream) = exchange.stream {
                moved |= self.credit(exchange, stream, turn, cx);
                moved |= self.upload(exchange, stream, turn, cx);
            }
            !exchange.is_complete() || matches!(exchange.reader, Reader::Here(_))
        });
        self.exchanges = exchanges;
        moved
    }

    /// Returns credit for what was read elsewhere, and gives up an exchange that nobody reads.
    fn credit(&mut self, exchange: &mut Exchange, stream: StreamId, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        let Reader::Elsewhere { answer, content } = &mut exchange.reader else { return false };
        if let Some(answer) = answer {
            if answer.poll_closed(cx).is_pending() {
                return false;
            }
        } else {
            let Some(content) = content else { return false };
            let Poll::Ready(demand) = content.poll_demand(cx) else { return false };
            self.link.engine.consume(stream, demand.taken);
            if !demand.abandoned {
                // The next demand wakes the task only if somebody waits for it.
                let _ = content.poll_demand(cx);
                return demand.taken > 0;
            }
        }
        self.link.engine.reset(stream, Reason::Cancelled, &mut turn.out);
        exchange.fail(Error::new(Kind::Gone, Fault::Downstream, "nobody reads the response any more"), false);
        true
    }

    fn upload(&mut self, exchange: &mut Exchange, stream: StreamId, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        if exchange.continue_by.is_some() {
            return false;
        }
        let mut moved = false;
        while let Some((body, rest)) = &mut exchange.upload {
            let room = self.link.engine.capacity(stream);
            if room == 0 || turn.out.len() >= self.context.config.output_bytes_max {
                break;
            }
            if !rest.is_empty() {
                let content = rest.split_to(room.min(rest.len()));
                moved = true;
                if let Err(error) = self.send_part(exchange, stream, Part::Content(content), turn) {
                    self.break_off(exchange, stream, error, turn);
                }
                continue;
            }
            match next_piece(body, cx) {
                Poll::Pending => break,
                Poll::Ready(Piece::Content(content)) => *rest = content,
                Poll::Ready(Piece::End(trailers)) => {
                    moved = true;
                    self.complete(exchange, stream, trailers, turn);
                }
                Poll::Ready(Piece::Failed(error)) => {
                    moved = true;
                    self.break_off(exchange, stream, error, turn);
                }
            }
        }
        moved
    }

    /// The content of a request failed: the server must not take it for whole.
    fn break_off(&mut self, exchange: &mut Exchange, stream: StreamId, error: Error, turn: &mut Turn) {
        self.link.engine.reset(stream, Reason::Broken, &mut turn.out);
        self.link.cut_off();
        exchange.fail(error, false);
    }

    /// Writes what is ready; true if everything has left.
    fn write(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> std::io::Result<bool> {
        if turn.out.is_empty() || matches!(self.closed, Some(Close::Switched)) {
            return Ok(true);
        }
        self.show_frames(turn);
        let before = turn.out.len();
        let written = self.link.poll_write(turn, cx);
        self.shown = turn.out.len();
        if turn.out.len() < before {
            for exchange in &mut self.exchanges {
                exchange.touched = true;
            }
        }
        match written {
            Poll::Ready(Ok(())) => {
                for exchange in &mut self.exchanges {
                    if exchange.upload.is_none() && exchange.marks.sent.is_none() {
                        exchange.marks.sent = Some(turn.now);
                    }
                }
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    /// Writing failed: the server may have answered and closed, and its answer is worth more than our error.
    fn hear_the_rest(&mut self, error: std::io::Error, turn: &mut Turn, cx: &mut Task<'_>) -> Close {
        turn.out.clear();
        loop {
            match self.link.poll_read(turn, self.context.config.read_bytes, cx) {
                Poll::Ready(Ok(read)) => {
                    loop {
                        match self.next_event(turn) {
                            Ok(Some(event)) => self.hear(event, turn),
                            Ok(None) => break,
                            Err(error) if self.exchanges.iter().any(|exchange| exchange.answered) => {
                                return self.refuse(error);
                            }
                            Err(_) => return self.lose(Some(error)),
                        }
                    }
                    if read == Read::End || self.exchanges.iter().all(|exchange| exchange.received) {
                        return self.lose(Some(error));
                    }
                }
                _ => return self.lose(Some(error)),
            }
        }
    }

    /// Whether the connection is over: what is under way then fails, unless its response is whole.
    fn finish(&mut self, turn: &mut Turn) -> Option<Close> {
        if let Some(Close::Switched) = self.closed {
            return self.closed.take();
        }
        for exchange in &mut self.exchanges {
            if exchange.held_back && exchange.received {
                // The server still counts on the content: the connection cannot be used again.
                self.going_away = true;
            }
        }
        let stuck = self.going_away && self.exchanges.iter().all(|exchange| exchange.received);
        if !turn.out.is_empty() && self.exchanges.iter().any(|exchange| !exchange.received) {
            return None;
        }
        if !self.link.engine.is_finished() && !stuck {
            return None;
        }
        let left = self.link.ended.is_some() && self.exchanges.is_empty();
        for exchange in &mut self.exchanges {
            // A response that is whole needs no more of its request.
            exchange.fail(gone(None), true);
        }
        self.fail_waiting();
        Some(if left { Close::Left } else { Close::Finished })
    }

    /// The engine refuses to go on: the server broke a rule.
    fn refuse(&mut self, error: ConnectionError) -> Close {
        let ended = self.link.ended.is_some();
        let premature = ended && self.link.engine.is_finished() && error.rule.name == "incomplete-message";
        for exchange in &mut self.exchanges {
            let kind = match () {
                () if premature => Kind::Gone,
                () if error.rule.name.ends_with("timeout") => Kind::Timeout,
                () => Kind::Malformed,
            };
            let silent = premature && exchange.marks.first_byte.is_none() && error.at.is_none();
            exchange.fail(Error::new(kind, Fault::Upstream, error.to_string()).with_source(error.clone()), silent);
        }
        self.fail_waiting();
        Close::Refused(error)
    }

    /// The server is gone.
    fn lose(&mut self, error: Option<std::io::Error>) -> Close {
        let under_way = !self.exchanges.is_empty();
        for exchange in &mut self.exchanges {
            exchange.fail(gone(error.as_ref()), true);
        }
        self.fail_waiting();
        if under_way || error.is_some() { Close::Abandoned(error) } else { Close::Left }
    }

    fn fail_waiting(&mut self) {
        for mut exchange in std::mem::take(&mut self.waiting) {
            exchange.fail_with(Failure::unsent("the connection closed before the request was sent"));
            self.keep_if_read_here(exchange);
        }
    }

    /// Reads if anything more could be of use; true if there is something new to settle.
    fn read(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> std::io::Result<bool> {
        if self.link.ended.is_some() || !self.link.engine.wants_read() {
            return Ok(false);
        }
        let before = turn.input.len();
        match self.link.poll_read(turn, self.read_bytes, cx) {
            Poll::Ready(Ok(_)) => {
                self.read_bytes = self.context.config.next_read_bytes(self.read_bytes, turn.input.len() - before);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    /// Acts on the deadlines that have come.
    fn tell_time(&mut self, turn: &mut Turn) -> Option<Close> {
        if self.link.engine.next_timeout().is_some_and(|at| at <= turn.now) {
            self.link.engine.handle_timeout(turn.now);
        }
        for exchange in &mut self.exchanges {
            if exchange.continue_by.is_some_and(|at| at <= turn.now) {
                exchange.continue_by = None;
            }
        }
        let limit = self.context.config.write_timeout;
        if !turn.out.is_empty() && self.link.stalls_at(limit) <= turn.now {
            for exchange in &mut self.exchanges {
                let because = format!("the server took none of the request for {limit:?}");
                exchange.fail(Error::new(Kind::Timeout, Fault::Upstream, because), false);
            }
            self.fail_waiting();
            self.link.cut_off();
            return Some(Close::Stalled(limit));
        }
        None
    }

    /// Arms the timer; ready if its time has come already.
    fn wait(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> Poll<()> {
        let stall = (!turn.out.is_empty()).then(|| self.link.stalls_at(self.context.config.write_timeout));
        let expected = self.exchanges.iter().filter_map(|exchange| exchange.continue_by).min();
        let deadline = [self.link.engine.next_timeout(), stall, expected].into_iter().flatten().min();
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.link.poll_deadline(turn.now, deadline, cx).is_pending() {
            return Poll::Pending;
        }
        turn.now = self.context.clock.now().max(deadline);
        Poll::Ready(())
    }
}

enum Piece {
    Content(bytes::Bytes),
    End(HeaderMap),
    Failed(Error),
}

/// The next piece of a request's content.
fn next_piece(body: &mut Body, cx: &mut Task<'_>) -> Poll<Piece> {
    poll_body(body, cx).map(|frame| match frame {
        None => Piece::End(HeaderMap::new()),
        Some(Err(error)) => Piece::Failed(error),
        Some(Ok(frame)) => match frame.into_data() {
            Ok(content) => Piece::Content(content),
            Err(frame) => Piece::End(frame.into_trailers().unwrap_or_default()),
        },
    })
}

fn gone(error: Option<&std::io::Error>) -> Error {
    match error {
        None => Error::new(Kind::Gone, Fault::Upstream, "the server closed the connection"),
        Some(error) => Error::new(Kind::Gone, Fault::Upstream, format!("the connection broke: {error}")),
    }
}

/// What Content-Length says of content that is streamed.
fn declared(fields: &HeaderMap) -> Option<u64> {
    fields.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
