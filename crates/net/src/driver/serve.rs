//! The server's driver: requests out of the engine, responses into it.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use wirelight_proto::{Connection, ConnectionError, Event, Part, Reason, StreamFault, StreamId};
use wirelight_service::body::Sender;
use wirelight_service::error::client_closed_request;
use wirelight_service::interim::Outbox;
use wirelight_service::{Error, Fault, Kind, Service, Trail};

use super::Context;
use super::exchange::{Exchange, Phase};
use super::linger::Linger;
use super::link::{Link, Read, Turn};
use super::tap::Watched;
use crate::drain::Seat;
use crate::observe::{ConnectionInfo, Ending, Record};
use crate::{Close, Transport};

/// Serves one connection to its end.
///
/// The future is `Send`, and owns everything: spawn it on a runtime with many threads or on one that has one.
pub fn serve<T, E, S>(
    transport: T,
    engine: E,
    service: Arc<S>,
    context: Arc<Context>,
    connection: ConnectionInfo,
) -> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    let connection = Arc::new(connection);
    let watched = Watched::begin(&context, &connection);
    let link = Link::new(transport, engine, context.clock.timer(), context.clock.now());
    Serve {
        link,
        service,
        context,
        connection,
        exchanges: Vec::new(),
        held: None,
        written: Vec::new(),
        number: 0,
        watched,
        broken: false,
        seat: None,
        outbox: None,
        state: State::Open,
    }
}

/// One connection being served; it becomes the reason of its end.
pub struct Serve<T, E, S> {
    pub(super) link: Link<T, E>,
    pub(super) service: Arc<S>,
    pub(super) context: Arc<Context>,
    pub(super) connection: Arc<ConnectionInfo>,
    /// The exchanges that could not be answered at once.
    pub(super) exchanges: Vec<Exchange>,
    /// An event that was read ahead.
    pub(super) held: Option<Box<Result<Event, ConnectionError>>>,
    /// Records whose last bytes have not left yet, each with how many bytes will have left by then.
    pub(super) written: Vec<(u64, Box<Record>)>,
    /// How many exchanges there have been.
    pub(super) number: u64,
    /// There while the bytes are watched.
    pub(super) watched: Option<Box<Watched>>,
    /// A response broke off.
    pub(super) broken: bool,
    seat: Option<Seat>,
    /// Where services leave interim responses, once any could.
    pub(super) outbox: Option<Arc<Outbox>>,
    state: State,
}

impl<T: Transport, E: Connection, S> Serve<T, E, S> {
    /// Puts what was read from the transport already before what will be read.
    pub fn put_back(mut self, bytes: &[u8]) -> Self {
        self.link.put_back(bytes);
        self
    }
}

#[derive(Debug)]
enum State {
    Open,
    /// The engine was told to drain.
    Draining,
    /// Nothing more is heard; what is left is sent, and then the connection closes for this reason.
    Closing(Box<Close>),
    Lingering(Box<(Linger, Close)>),
}

impl<T, E, S> Future for Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    type Output = Close;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Close> {
        let this = &mut *self;
        let mut turn = this.link.begin(this.context.clock.now());
        if let Some(watched) = &mut this.watched {
            turn.input.watch(std::mem::take(&mut watched.seen));
        }
        if this.written.is_empty() {
            std::mem::swap(&mut this.written, &mut turn.spare.written);
        }
        let closed = this.turn(&mut turn, cx);
        if this.written.is_empty() {
            std::mem::swap(&mut this.written, &mut turn.spare.written);
        }
        this.leave_outbox(&mut turn);
        if closed.is_ready() {
            turn.input.clear();
            turn.out.clear();
        }
        if let Some(watched) = &mut this.watched {
            watched.seen = turn.input.unwatch();
        }
        this.link.end(turn);
        if let (Poll::Ready(close), Some(watcher)) = (&closed, this.watcher()) {
            watcher.closed(close);
        }
        if let (Poll::Ready(close), Some(observer)) = (&closed, &this.context.observer) {
            observer.closed(&this.connection, close);
        }
        closed
    }
}

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    fn turn(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> Poll<Close> {
        self.drain(turn, cx);
        if self.context.drain.is_cut() {
            self.abandon(None, turn);
            return Poll::Ready(Close::Drained);
        }
        self.rouse(cx);
        if self.is_quiet(turn) {
            // Most turns begin because something has come: what was settled before need not be again.
            if let Err(close) = self.read(turn, cx) {
                return Poll::Ready(close);
            }
        }
        loop {
            if let State::Lingering(closing) = &mut self.state {
                let (linger, close) = &mut **closing;
                return linger.poll(&mut self.link, turn, cx).map(|()| std::mem::replace(close, Close::Finished));
            }
            if let Some(close) = self.tell_time(turn) {
                return Poll::Ready(close);
            }
            let filled = self.settle(turn, cx);
            match self.write(turn, cx) {
                Ok(_) if turn.is_spent() => return give_way(cx),
                Ok(true) if filled => continue,
                Ok(true) => {}
                Ok(false) => {
                    if let Some(close) = self.stalled(turn) {
                        return Poll::Ready(close);
                    }
                }
                Err(error) => return Poll::Ready(self.abandon(Some(error), turn)),
            }
            if let Some(close) = self.finish(turn) {
                return Poll::Ready(close);
            }
            if matches!(self.state, State::Lingering(_)) {
                continue;
            }
            match self.read(turn, cx) {
                Ok(true) => {}
                Ok(false) if self.wait(turn, cx).is_pending() => return Poll::Pending,
                Ok(false) => {}
                Err(close) => return Poll::Ready(close),
            }
        }
    }

    /// Whether nothing was left over from the last turn but to wait for the peer.
    fn is_quiet(&self, turn: &Turn) -> bool {
        matches!(self.state, State::Open)
            && self.exchanges.is_empty()
            && self.held.is_none()
            && turn.input.is_empty()
            && self.link.is_clear(turn)
    }

    /// Takes a seat among those who are told to drain, and passes the word on.
    fn drain(&mut self, turn: &mut Turn, cx: &Task<'_>) {
        if self.seat.is_none() {
            self.seat = Some(self.context.drain.sit(cx));
        }
        if self.context.drain.ends_idle() {
            self.begin_to_end(turn);
        }
    }

    /// The exchanges under way are the last.
    pub(super) fn begin_to_end(&mut self, turn: &mut Turn) {
        if matches!(self.state, State::Open) {
            self.state = State::Draining;
            self.link.engine.shut_down(&mut turn.out);
        }
    }

    /// Acts on the deadlines that have come.
    fn tell_time(&mut self, turn: &mut Turn) -> Option<Close> {
        if self.link.engine.next_timeout().is_some_and(|at| at <= turn.now) {
            self.link.engine.handle_timeout(turn.now);
        }
        let limit = self.context.config.half_close_timeout;
        let gone = self.link.half_closed_until(limit).is_some_and(|until| until <= turn.now);
        (gone && !self.exchanges.is_empty()).then(|| self.abandon(None, turn))
    }

    /// Cuts off a peer that has taken nothing for too long, and takes nothing now.
    fn stalled(&mut self, turn: &mut Turn) -> Option<Close> {
        let limit = self.context.config.write_timeout;
        if self.link.stalls_at(limit) > turn.now {
            return None;
        }
        let written = self.written.iter().map(|(_, record)| record);
        for record in self.exchanges.iter().filter_map(|exchange| exchange.record.as_ref()).chain(written) {
            record.trail.note(Close::Stalled(limit));
        }
        self.abandon(None, turn);
        Some(Close::Stalled(limit))
    }

    /// Hears everything that engine and handlers can say without waiting; true if the output filled up first.
    fn settle(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> bool {
        let waiting = !self.link.is_clear(turn);
        let filled = loop {
            while self.has_room(turn) && !matches!(self.state, State::Closing(_)) {
                match self.next_event(turn) {
                    Ok(Some(event)) => {
                        turn.spend(0);
                        self.hear(event, turn, cx);
                    }
                    Ok(None) => break,
                    Err(error) => self.refuse(error, turn),
                }
            }
            self.hear_faults(turn);
            // The engine has nothing more to say unless one of these gives it reason to.
            let mut moved = self.stir(turn, cx);
            // What leaves may make room for more.
            let before = turn.out.len();
            self.link.engine.poll_transmit(&mut turn.out, turn.now);
            moved |= turn.out.len() != before;
            if !self.has_room(turn) {
                break true;
            }
            if !moved {
                break false;
            }
        };
        if !waiting && !turn.out.is_empty() {
            self.link.starts_to_wait(turn.now);
        }
        turn.must_leave = false;
        if self.exchanges.is_empty() {
            self.link.unstick();
        }
        filled
    }

    pub(super) fn has_room(&self, turn: &Turn) -> bool {
        turn.out.len() < self.context.config.output_bytes_max && !turn.is_spent() && !turn.must_leave
    }

    /// The next event of the engine, or the one that was read ahead.
    pub(super) fn next_event(&mut self, turn: &mut Turn) -> Result<Option<Event>, ConnectionError> {
        if let Some(held) = self.held.take() {
            return held.map(Some);
        }
        let mut event = self.link.engine.poll_event(&mut turn.input, turn.now);
        if turn.input.is_watched() {
            self.show_received(&mut event, turn);
        }
        event
    }

    fn hear(&mut self, event: Event, turn: &mut Turn, cx: &mut Task<'_>) {
        match event {
            Event::Received(stream, Part::Request(parts, length)) => self.begin(stream, parts, length, turn, cx),
            Event::Received(stream, Part::Content(content)) => {
                turn.spend(content.len());
                self.take_content(stream, content);
            }
            Event::Received(stream, Part::End(trailers)) => {
                if let Some(exchange) = self.exchange(stream)
                    && let Some(mut upload) = exchange.upload.take()
                {
                    exchange.stirred = true;
                    exchange.received = true;
                    upload.finish(trailers);
                }
            }
            Event::Received(_, Part::Interim(_) | Part::Response(..)) => {}
            Event::Writable(stream) => {
                if let Some(exchange) = self.exchange(stream) {
                    exchange.stirred = true;
                }
            }
            Event::Reset(stream, reason) => {
                self.hear_faults(turn);
                self.forget(stream, reason, turn.now);
            }
            Event::GoingAway(_) => {}
            Event::Switched(stream) => self.switch(stream, turn),
        }
    }

    /// Content of a request goes to whoever reads it.
    fn take_content(&mut self, stream: StreamId, content: Bytes) {
        let length = content.len();
        let Some(exchange) = self.exchange(stream) else { return };
        if let Some(record) = &mut exchange.record {
            record.received_bytes += length as u64;
        }
        match &mut exchange.upload {
            Some(upload) => {
                upload.push(content);
                exchange.stirred = true;
            }
            // The connection switches when the request has ended, so what nobody reads must not hold it up.
            None if matches!(exchange.phase, Phase::Switching) => self.link.engine.consume(stream, length),
            None => {}
        }
    }

    pub(super) fn exchange(&mut self, stream: StreamId) -> Option<&mut Exchange> {
        self.exchanges.iter_mut().find(|exchange| exchange.stream == stream)
    }

    /// Hears which streams the engine has ended because of the peer, and why.
    fn hear_faults(&mut self, turn: &mut Turn) {
        while let Some(StreamFault { stream, status, why }) = self.link.engine.poll_fault() {
            let index = self.exchanges.iter().position(|exchange| exchange.stream == stream);
            let mut ending = Ending::Refused;
            let record = match index.map(|index| self.exchanges.swap_remove(index)) {
                Some(mut exchange) => {
                    fail_upload(&mut exchange.upload, Kind::Malformed, why.because().into_owned());
                    let answered = !matches!(exchange.phase, Phase::Handling(_));
                    if answered {
                        ending = Ending::Abandoned;
                    }
                    exchange.record.take().map(|mut record| {
                        if !answered {
                            record.status = status;
                        }
                        record
                    })
                }
                None => {
                    self.number += 1;
                    // Whoever watches knows it by its stream, and so shows the frames that made it.
                    let trail = self.trail(stream, turn);
                    let mut record = self.record(None, trail, turn);
                    if let Some(record) = &mut record {
                        record.status = status;
                    }
                    record
                }
            };
            if let Some(record) = record {
                record.trail.note(why);
                self.report(record, ending, turn.now);
            }
        }
    }

    /// The peer gave one exchange up.
    fn forget(&mut self, stream: StreamId, reason: Reason, now: Instant) {
        let Some(index) = self.exchanges.iter().position(|exchange| exchange.stream == stream) else { return };
        let mut exchange = self.exchanges.swap_remove(index);
        fail_upload(&mut exchange.upload, Kind::Gone, format!("the client reset the exchange: {reason:?}"));
        if let Some(mut record) = exchange.record.take() {
            if matches!(exchange.phase, Phase::Handling(_)) {
                record.status = client_closed_request();
            }
            self.report(record, Ending::Abandoned, now);
        }
    }

    /// The connection has switched protocols: what is left to send is sent, and then it is given away.
    fn switch(&mut self, stream: StreamId, turn: &mut Turn) {
        // What follows in the input is no longer the engine's, nor ours to show.
        if let Some(exchange) = self.exchange(stream) {
            exchange.phase = Phase::Switching;
        }
        self.state = State::Closing(Box::new(Close::Switched));
        turn.input.unwatch();
    }

    /// The engine has refused to go on: whoever can still be told is told why.
    fn refuse(&mut self, error: ConnectionError, turn: &mut Turn) {
        let kind = match error.status {
            Some(StatusCode::REQUEST_TIMEOUT) => Kind::Timeout,
            Some(_) => Kind::Malformed,
            None => Kind::Gone,
        };
        let mut told = false;
        for mut exchange in std::mem::take(&mut self.exchanges) {
            told = true;
            fail_upload(&mut exchange.upload, kind, error.to_string());
            self.cut_short(exchange, &error, turn);
        }
        if let (false, Some(status)) = (told, error.status)
            && let Some(stream) = self.link.engine.open()
        {
            self.number += 1;
            let record = self.record(None, Trail::watched(), turn);
            self.send_refusal(stream, &error, status, record, turn);
        }
        self.state = State::Closing(Box::new(Close::Refused(error)));
    }

    /// Ends one exchange of a connection that is over: with the status that says why, where it is not too late.
    fn cut_short(&mut self, mut exchange: Exchange, error: &ConnectionError, turn: &mut Turn) {
        match (&exchange.phase, error.status) {
            (Phase::Handling(_), Some(status)) => {
                self.send_refusal(exchange.stream, error, status, exchange.record.take(), turn);
            }
            (phase, _) => {
                if let Some(mut record) = exchange.record.take() {
                    if matches!(phase, Phase::Handling(_)) {
                        record.status = client_closed_request();
                    }
                    record.trail.note(error.clone());
                    self.report(record, Ending::Abandoned, turn.now);
                }
                self.link.engine.reset(exchange.stream, Reason::Malformed, &mut turn.out);
            }
        }
    }

    /// The peer is gone: every exchange ends, as 499 where nothing was said yet.
    fn abandon(&mut self, error: Option<std::io::Error>, turn: &Turn) -> Close {
        let now = turn.now;
        for (_, record) in std::mem::take(&mut self.written) {
            self.report(record, Ending::Abandoned, now);
        }
        let underway = !self.exchanges.is_empty() || !self.link.is_clear(turn);
        if underway {
            // What was sent of a response must not pass for whole.
            self.link.cut_off();
        }
        for mut exchange in std::mem::take(&mut self.exchanges) {
            fail_upload(&mut exchange.upload, Kind::Gone, "the client went away".to_owned());
            if let Some(mut record) = exchange.record.take() {
                if matches!(exchange.phase, Phase::Handling(_)) {
                    record.status = client_closed_request();
                }
                self.report(record, Ending::Abandoned, now);
            }
        }
        match std::mem::replace(&mut self.state, State::Open) {
            State::Closing(close) => *close,
            _ if underway || error.is_some() => Close::Abandoned(error),
            _ => Close::Left,
        }
    }

    /// Writes what is ready; true if everything has left.
    fn write(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> std::io::Result<bool> {
        self.show_frames(turn);
        let written = self.link.poll_write(turn, cx);
        if let Some(watched) = &mut self.watched {
            watched.shown = turn.out.len();
        }
        let left = self.link.left();
        let count = self.written.iter().take_while(|(end, _)| *end <= left).count();
        if count > 0 {
            let now = self.context.clock.now();
            let mut written = std::mem::take(&mut self.written);
            for (_, record) in written.drain(..count) {
                let ending = record.ending;
                let seen = self.report(record, ending, now);
                turn.spare.keep(seen);
            }
            self.written = written;
        }
        match written {
            Poll::Ready(Ok(())) => Ok(!self.link.is_stuck()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(false),
        }
    }

    /// Whether the connection is over: it may close at once, or has begun to linger.
    fn finish(&mut self, turn: &mut Turn) -> Option<Close> {
        if !self.link.is_clear(turn)
            || !self.exchanges.iter().all(|exchange| matches!(exchange.phase, Phase::Switching))
        {
            return None;
        }
        if matches!(&self.state, State::Closing(close) if matches!(**close, Close::Switched)) {
            self.hand_over(turn);
            return Some(Close::Switched);
        }
        let close = match std::mem::replace(&mut self.state, State::Open) {
            State::Closing(close) => *close,
            state if self.link.engine.is_finished() => match state {
                _ if self.broken => Close::Broken,
                State::Draining => Close::Drained,
                _ if self.link.ended.is_some() => Close::Left,
                _ => Close::Finished,
            },
            state => {
                self.state = state;
                return None;
            }
        };
        if self.link.engine.must_abort() {
            self.link.cut_off();
            return Some(close);
        }
        if matches!(close, Close::Broken) {
            return Some(close);
        }
        let unread = !turn.input.is_empty() || self.link.engine.may_hear_more() || close_needs_care(&close);
        let listens = unread && self.link.ended.is_none();
        if !listens && self.link.closes_silently() {
            return Some(close);
        }
        let linger = Linger::new(&self.context.config, turn.now, listens);
        self.state = State::Lingering(Box::new((linger, close)));
        None
    }

    /// Gives the transport to whoever asked for the switch.
    fn hand_over(&mut self, turn: &mut Turn) {
        let leftover = turn.input.take(turn.input.len());
        for mut exchange in std::mem::take(&mut self.exchanges) {
            if let Some(promise) = exchange.promise.take() {
                promise.fulfil(self.link.take_transport(), leftover.clone());
            }
            if let Some(record) = exchange.record.take() {
                self.report(record, Ending::Switched, turn.now);
            }
        }
    }

    /// Reads if anything more could be of use; true if there is something new to settle.
    fn read(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> Result<bool, Close> {
        let of_use = self.link.engine.wants_read() || turn.input.len() < self.context.config.input_bytes_max;
        if self.link.ended.is_some() || matches!(self.state, State::Closing(_)) || !of_use || !self.has_room(turn) {
            return Ok(false);
        }
        if let Some(watched) = self.watched.as_mut().filter(|_| turn.input.is_empty() && self.exchanges.is_empty()) {
            watched.first_in = None;
        }
        match self.link.poll_read(turn, self.context.config.read_bytes, cx) {
            Poll::Ready(Ok(read @ (Read::Some | Read::End))) => {
                if let Some(watched) = self.watched.as_mut().filter(|_| read == Read::Some) {
                    watched.first_in.get_or_insert(turn.now);
                }
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(self.abandon(Some(error), turn)),
            Poll::Pending => Ok(false),
        }
    }

    /// Arms the timer; ready if its time has come already.
    fn wait(&mut self, turn: &mut Turn, cx: &mut Task<'_>) -> Poll<()> {
        let config = &self.context.config;
        let stall = (!self.link.is_clear(turn)).then(|| self.link.stalls_at(config.write_timeout));
        let gone = match self.exchanges.is_empty() {
            true => None,
            false => self.link.half_closed_until(config.half_close_timeout),
        };
        let deadline = [self.link.engine.next_timeout(), stall, gone].into_iter().flatten().min();
        let Some(deadline) = deadline else { return Poll::Pending };
        if self.link.poll_deadline(turn.now, deadline, cx).is_pending() {
            return Poll::Pending;
        }
        turn.now = self.context.clock.now().max(deadline);
        Poll::Ready(())
    }
}

/// Waits until the others of this thread, and those whose sockets have news, had their turn.
fn give_way<P>(cx: &mut Task<'_>) -> Poll<P> {
    let others = pin!(tokio::task::yield_now());
    // It wakes this task whether it is kept or not.
    let _ = others.poll(cx);
    Poll::Pending
}

/// Whether the peer may still be sending when we close.
fn close_needs_care(close: &Close) -> bool {
    matches!(close, Close::Refused(error) if error.status.is_some())
}

pub(super) fn fail_upload(upload: &mut Option<Sender>, kind: Kind, because: String) {
    if let Some(mut upload) = upload.take() {
        upload.fail(Error::new(kind, Fault::Downstream, because));
    }
}
