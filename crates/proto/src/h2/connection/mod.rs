//! The connection: what is known of it, and what the driver may ask.

mod headers;
mod receive;
mod send;
mod timers;
mod transmit;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, StatusCode, response};

use super::PREFACE;
use super::abuse::{Abuse, HEADER_LIST_SIZE, Nuisance};
use super::config::Config;
use super::fault::{Code, Fault, Scope};
use super::flow::{Estimator, ReceiveWindow, SendWindow, WINDOW_DEFAULT};
use super::frame::{GoAway, Ping, RstStream, STREAM_LAST, Settings, WindowUpdate};
use super::hpack::{Decoder, Encoder};
use super::schedule::{Priority, Schedule};
use super::settings::{self, Announced};
use super::stream::{Receiving, Stream};
use super::streams::{ResetBy, Streams};
use crate::{ConnectionError, Event, Incoming, Length, Outgoing, Part, Reason, Role, SendError, StreamId};
use headers::Block;
use timers::Timers;

/// What the PINGs of this end carry, by what their answer is for.
const PING_MEASURES: [u8; 8] = *b"measure?";
const PING_PRESENCE: [u8; 8] = *b"present?";
const PING_DRAINS: [u8; 8] = *b"drained?";

/// How many faults are kept for whoever wants to know of them.
const FAULTS_MAX: usize = 8;

/// One HTTP/2 connection, as a server or as a client.
///
/// Streams that the peer's faults ended are heard of as [`Event::Reset`] and, with the rule that was broken, from
/// [`poll_fault`](Self::poll_fault); those that never became an exchange only from there.
pub struct Connection {
    role: Role,
    config: Arc<Config>,
    /// The latest time that was given.
    now: Instant,
    stage: Stage,
    /// Frames of the connection that wait to leave, before anything else does.
    control: Vec<u8>,
    /// What is to be said before more is read.
    pending: VecDeque<Pending>,
    /// A deadline has passed; the connection ends with this at the next event.
    failed: Option<Box<Fault>>,
    /// Nothing is heard or sent any more but what is in `control`.
    over: bool,
    peer_ended: bool,
    decoder: Decoder,
    encoder: Encoder,
    /// What the peer announced.
    announced: Announced,
    /// SETTINGS that the peer has not acknowledged.
    unacknowledged: u8,
    streams: Streams,
    schedule: Schedule,
    send_window: SendWindow,
    receive_window: ReceiveWindow,
    /// How large the connection's and the streams' windows are meant to be, as measured so far.
    connection_target: u32,
    stream_target: u32,
    /// The peer may not know yet that windows are smaller than it has to assume.
    narrows: bool,
    estimator: Estimator,
    block: Option<Box<Block>>,
    /// The last stream that the peer opened, or 0.
    last_received: u32,
    /// The next stream that this end opens.
    next_own: u32,
    /// The last stream whose request this end sent, or 0.
    last_sent: u32,
    leaving: Leaving,
    /// The last stream that the peer still acts on, once it has said that it leaves.
    peer_last: Option<u32>,
    /// Why it leaves, as its last GOAWAY said.
    farewell: Option<String>,
    abuse: Abuse,
    timers: Timers,
    /// Bytes of content that left since the last look.
    progress: u32,
    /// Priorities of streams that are not open yet.
    early: Vec<(u32, Priority)>,
    faults: VecDeque<Fault>,
}

/// How far the beginning of the connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A server waits for the preface.
    Preface,
    /// The first frame has to be SETTINGS.
    Settings,
    Open,
}

/// How far the end of the connection has come (RFC 9113, section 6.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leaving {
    No,
    /// The peer was told to open no more streams, and those under way to here are still accepted.
    Announced,
    /// The peer knows the last stream that will be acted on.
    Final(u32),
}

/// An event without a message in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    End(u32),
    Writable(u32),
    Reset(u32, Code),
    GoingAway(u32),
}

impl Pending {
    fn event(self) -> Event {
        match self {
            Self::End(stream) => Event::Received(name(stream), Part::End(HeaderMap::new())),
            Self::Writable(stream) => Event::Writable(name(stream)),
            Self::Reset(stream, code) => Event::Reset(name(stream), code.into()),
            Self::GoingAway(stream) => Event::GoingAway(name(stream)),
        }
    }

    fn stream(self) -> Option<u32> {
        match self {
            Self::End(stream) | Self::Writable(stream) | Self::Reset(stream, _) => Some(stream),
            Self::GoingAway(_) => None,
        }
    }
}

fn name(stream: u32) -> StreamId {
    StreamId(stream.into())
}

/// The number of a stream that the driver names; 0, which no stream has, if it cannot be one.
fn number(stream: StreamId) -> u32 {
    u32::try_from(stream.0).unwrap_or(0)
}

impl Connection {
    /// A connection that has just been made; it has its SETTINGS ready to send.
    pub fn new(role: Role, config: Arc<Config>, now: Instant) -> Self {
        let mut control = Vec::new();
        if role == Role::Client {
            control.extend_from_slice(PREFACE);
        }
        Settings::write_all(&settings::ours(role, &config), &mut control);
        let connection_target = config.connection_window_bytes.max(WINDOW_DEFAULT);
        let mut receive_window = ReceiveWindow::new(WINDOW_DEFAULT);
        if connection_target > WINDOW_DEFAULT {
            let increment = connection_target - WINDOW_DEFAULT;
            receive_window.widen(increment.into());
            WindowUpdate { stream: 0, increment }.write(&mut control);
        }
        Self {
            role,
            now,
            stage: if role == Role::Server { Stage::Preface } else { Stage::Settings },
            control,
            pending: VecDeque::new(),
            failed: None,
            over: false,
            peer_ended: false,
            decoder: Decoder::default(),
            encoder: Encoder::new(config.encoder_table_bytes_max),
            announced: Announced::default(),
            unacknowledged: 1,
            streams: Streams::default(),
            schedule: Schedule::default(),
            send_window: SendWindow::new(WINDOW_DEFAULT),
            receive_window,
            connection_target,
            stream_target: config.stream_window_bytes,
            narrows: config.stream_window_bytes < WINDOW_DEFAULT,
            estimator: Estimator::default(),
            block: None,
            last_received: 0,
            next_own: 1,
            last_sent: 0,
            leaving: Leaving::No,
            peer_last: None,
            farewell: None,
            abuse: Abuse::new(now),
            timers: Timers::new(now),
            progress: 0,
            early: Vec::new(),
            faults: VecDeque::new(),
            config,
        }
    }

    /// The oldest fault of the peer that ended one stream and was not asked for yet; only the last few are kept.
    pub fn poll_fault(&mut self) -> Option<Fault> {
        self.faults.pop_front()
    }

    /// Whether the peer has announced extended CONNECT (RFC 8441, section 3).
    pub fn may_connect_extended(&self) -> bool {
        self.announced.extended_connect
    }

    /// Ends the connection for a fault: GOAWAY is ready to leave, and nothing else will.
    #[cold]
    fn fail(&mut self, fault: Fault) -> ConnectionError {
        if !self.over {
            self.over = true;
            let last_stream = match self.leaving {
                Leaving::Final(last) => last,
                _ => self.last_received,
            };
            let debug = fault.rule.name.as_bytes();
            GoAway { last_stream, code: fault.code, debug }.write(&mut self.control);
        }
        self.forget();
        fault.into()
    }

    /// Ends every stream without a word.
    fn forget(&mut self) {
        self.pending = VecDeque::new();
        self.block = None;
        self.schedule = Schedule::default();
        self.streams = Streams::default();
    }

    /// Ends one stream for a fault of the peer, which is counted.
    #[cold]
    fn fail_stream(&mut self, stream: u32, fault: Fault) -> Result<(), Fault> {
        RstStream { stream, code: fault.code }.write(&mut self.control);
        let open = self.close(stream);
        if open {
            self.pending.push_back(Pending::Reset(stream, fault.code));
        }
        self.streams.remember(stream, ResetBy::Us);
        // What comes late ends nothing, and the exchange that it belonged to has had its say.
        if open || fault.code != Code::STREAM_CLOSED {
            self.keep_fault(fault);
        }
        self.count(Nuisance::ProvokedReset)
    }

    fn keep_fault(&mut self, fault: Fault) {
        if self.faults.len() == FAULTS_MAX {
            self.faults.pop_front();
        }
        self.faults.push_back(fault);
    }

    fn count(&mut self, what: Nuisance) -> Result<(), Fault> {
        self.abuse.count(what, &self.config.budgets, self.now)
    }

    /// Removes a stream, with all that was still to be said of it; false if there was none.
    fn close(&mut self, id: u32) -> bool {
        let Some(stream) = self.streams.remove(id) else { return false };
        if stream.ready {
            self.schedule.remove(id);
        }
        self.pending.retain(|pending| pending.stream() != Some(id));
        self.closed(&stream);
        true
    }

    /// Settles what a stream that was removed leaves behind.
    #[inline]
    fn closed(&mut self, stream: &Stream) {
        if stream.receive_window.held() > 0 {
            self.receive_window.take(stream.receive_window.held() as usize);
            self.grant_connection();
        }
        if self.streams.is_empty() {
            self.timers.idle_since(self.now);
        }
    }

    /// Adds a stream.
    #[inline]
    fn add(&mut self, stream: Stream) {
        self.timers.busy();
        self.streams.insert(stream);
    }

    /// How much a stream that opens now may receive, as its sender knows it.
    #[inline]
    fn new_window(&self) -> u32 {
        if self.narrows { WINDOW_DEFAULT } else { self.stream_target }
    }

    /// Whether a stream was never opened, by either end.
    fn is_idle_stream(&self, stream: u32) -> bool {
        match (self.role, stream % 2) {
            (Role::Server, 1) => stream > self.last_received,
            (Role::Client, 1) => stream > self.last_sent,
            _ => true,
        }
    }

    /// Tells the peer the last stream that is acted on.
    fn leave(&mut self) {
        if !matches!(self.leaving, Leaving::Final(_)) {
            self.leaving = Leaving::Final(self.last_received);
            self.timers.drain = None;
            GoAway { last_stream: self.last_received, code: Code::NO_ERROR, debug: b"" }.write(&mut self.control);
        }
    }

    /// Gives the connection's window back as far as received content leaves room.
    #[inline]
    fn grant_connection(&mut self) {
        let granted = self.receive_window.grant(self.connection_target, self.config.received_bytes_max);
        if let Some(increment) = granted {
            WindowUpdate { stream: 0, increment }.write(&mut self.control);
            if self.stream_target < self.config.stream_window_bytes_max && self.estimator.begin() {
                Ping { ack: false, payload: PING_MEASURES }.write(&mut self.control);
            }
        }
    }

    /// Gives back all memory that nothing needs while no stream is open.
    fn release(&mut self) {
        self.streams.shrink();
        self.schedule.shrink();
        self.decoder.shrink();
        self.encoder.shrink();
        self.pending.shrink_to_fit();
        self.control.shrink_to_fit();
        self.early = Vec::new();
    }
}

impl crate::Connection for Connection {
    fn farewell(&self) -> Option<String> {
        self.farewell.clone()
    }

    fn poll_fault(&mut self) -> Option<crate::StreamFault> {
        loop {
            let fault = Self::poll_fault(self)?;
            let Scope::Stream(stream) = fault.scope else { continue };
            let status = match fault.rule.name == HEADER_LIST_SIZE.name {
                true => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                false => StatusCode::BAD_REQUEST,
            };
            return Some(crate::StreamFault { stream: StreamId(stream.into()), status, why: Box::new(fault) });
        }
    }

    fn poll_event(&mut self, input: &mut Incoming, now: Instant) -> Result<Option<Event>, ConnectionError> {
        self.now = now;
        if let Some(pending) = self.pending.pop_front() {
            return Ok(Some(pending.event()));
        }
        if let Some(fault) = self.failed.take() {
            return Err(self.fail(*fault));
        }
        if self.over {
            return Ok(None);
        }
        let mut slot = None;
        match self.read(input, &mut slot) {
            Ok(()) => Ok(slot),
            Err(fault) => Err(self.fail(fault)),
        }
    }

    fn receive_eof(&mut self) {
        self.peer_ended = true;
    }

    fn next_timeout(&self) -> Option<Instant> {
        self.earliest_deadline()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if !self.over {
            self.tell_time();
        }
    }

    fn open(&mut self) -> Option<StreamId> {
        let streams_max = self.announced.streams_max.unwrap_or(match self.stage {
            Stage::Open => u32::MAX,
            _ => self.config.streams_before_settings,
        });
        let closing = self.over || self.peer_ended || self.peer_last.is_some() || self.leaving != Leaving::No;
        let exhausted = self.next_own > STREAM_LAST || self.streams.len() as u64 >= streams_max.into();
        if self.role == Role::Server || closing || exhausted {
            return None;
        }
        let id = self.next_own;
        self.next_own += 2;
        self.add(Stream::new(id, Receiving::Head, self.announced.initial_window, self.new_window()));
        Some(name(id))
    }

    #[inline]
    fn send(&mut self, stream: StreamId, part: Part, out: &mut Outgoing) -> Result<(), SendError> {
        self.send_part(number(stream), part, out)
    }

    #[inline]
    fn send_response(
        &mut self,
        stream: StreamId,
        parts: &response::Parts,
        length: Length,
        out: &mut Outgoing,
    ) -> Result<(), SendError> {
        self.send_head(number(stream), parts, length, out)
    }

    #[inline]
    fn consume(&mut self, stream: StreamId, length: usize) {
        let id = number(stream);
        let Some(stream) = self.streams.get_mut(id) else { return };
        let taken = stream.receive_window.take(length);
        if stream.receive_window.held() == 0 {
            stream.pieces = 0;
        }
        if stream.receiving != Receiving::Ended
            && let Some(increment) = stream.receive_window.grant(self.stream_target, self.stream_target)
        {
            WindowUpdate { stream: id, increment }.write(&mut self.control);
        }
        self.receive_window.take(taken as usize);
        self.grant_connection();
    }

    fn reset(&mut self, stream: StreamId, reason: Reason, out: &mut Outgoing) {
        let id = number(stream);
        let unsaid = self.role == Role::Client && id > self.last_sent;
        if !self.close(id) || unsaid {
            return;
        }
        self.streams.remember(id, ResetBy::Us);
        self.flush(out);
        RstStream { stream: id, code: reason.into() }.write(out.buffer());
    }

    fn shut_down(&mut self, _: &mut Outgoing) {
        if self.over || self.leaving != Leaving::No {
            return;
        }
        if self.role == Role::Client {
            return self.leave();
        }
        self.leaving = Leaving::Announced;
        GoAway { last_stream: STREAM_LAST, code: Code::NO_ERROR, debug: b"" }.write(&mut self.control);
        Ping { ack: false, payload: PING_DRAINS }.write(&mut self.control);
        self.timers.drain = Some(self.now + self.config.drain_timeout);
    }

    fn poll_transmit(&mut self, out: &mut Outgoing, now: Instant) {
        self.now = now;
        self.transmit(out);
    }

    #[inline]
    fn capacity(&self, stream: StreamId) -> usize {
        self.streams.get(number(stream)).map_or(0, |stream| stream.capacity(self.config.queue_bytes_max))
    }

    fn wants_read(&self) -> bool {
        !self.over && !self.peer_ended && self.control.len() < self.config.control_bytes_max
    }

    fn is_idle(&self) -> bool {
        self.streams.is_empty() && self.block.is_none() && self.pending.is_empty() && self.control.is_empty()
    }

    fn is_multiplexed(&self) -> bool {
        true
    }

    fn awaits_settings(&self) -> bool {
        self.stage != Stage::Open
    }

    fn is_finished(&self) -> bool {
        let leaving = self.peer_ended || self.peer_last.is_some() || matches!(self.leaving, Leaving::Final(_));
        let quiet = self.streams.is_empty() && self.pending.is_empty() && self.failed.is_none();
        self.control.is_empty() && (self.over || leaving && quiet)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("role", &self.role)
            .field("stage", &self.stage)
            .field("streams", &self.streams.len())
            .field("leaving", &self.leaving)
            .field("over", &self.over)
            .finish_non_exhaustive()
    }
}
