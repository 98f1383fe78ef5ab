//! An engine on a transport: buffers lent for a turn, reading, writing, and the one timer.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime};

use wirelight_proto::{Connection, Incoming, Outgoing};
use wirelight_service::interim::Outbox;
use wirelight_service::{Clock, Exchange, Timer};

use super::place::Place;
use crate::observe::Record;
use crate::{Tcp, Transport};

/// A tail shorter than this is copied out, so that the thread's buffer stays with the thread.
const TAIL_COPY_MAX: usize = 4 * 1024;
/// How many pieces one vectored write takes.
const PIECES_MAX: usize = 32;
/// How much a connection may do before the others of its thread have their turn, in the units of [`Turn::spend`].
const WORK_MAX: usize = 1024;
/// How many turns' buffers a thread keeps: as many as are mostly within one another.
const TURNS_MAX: usize = 3;
/// How many records a thread keeps to be filled again: as many as are mostly written at once.
const RECORDS_MAX: usize = 32;
/// How much content is as much work as one event or one frame of a body.
const WORK_BYTES: usize = 4 * 1024;

/// The buffers of a turn, and its time.
pub(super) struct Turn {
    pub(super) input: Incoming,
    pub(super) out: Outgoing,
    pub(super) now: Instant,
    /// How much may still be done in this turn.
    left: usize,
    /// Whether what is ready must leave before anything else can be.
    pub(super) must_leave: bool,
    /// The time of day, once somebody has asked for it.
    wall: Option<SystemTime>,
    /// What an exchange leaves to the next one of the thread.
    pub(super) spare: Spare,
}

/// What is allocated for an exchange and can serve another: a thread keeps some.
#[derive(Default)]
pub(super) struct Spare {
    pub(super) place: Option<Place>,
    #[expect(clippy::vec_box, reason = "it is the boxes that are used again")]
    pub(super) records: Vec<Box<Record>>,
    /// What the last request of the thread carried; it is filled again once nobody else has it.
    exchange: Option<Arc<Exchange>>,
    /// Where services leave interim responses; nobody has a way to it.
    pub(super) outbox: Option<Arc<Outbox>>,
    /// The list of records that wait for their last bytes to leave; it is empty.
    pub(super) written: Vec<(u64, Box<Record>)>,
}

impl Spare {
    /// Forgets what the last request carried, as far as nobody else has it: else its trail could not be used again.
    pub(super) fn forget(&mut self) {
        if let Some(spare) = self.exchange.as_mut().and_then(Arc::get_mut) {
            *spare = Exchange::default();
        }
    }

    /// What the next request carries.
    pub(super) fn carried(&mut self, exchange: Exchange) -> Arc<Exchange> {
        if let Some(spare) = self.exchange.as_mut().and_then(Arc::get_mut) {
            *spare = exchange;
        } else {
            self.exchange = Some(Arc::new(exchange));
        }
        self.exchange.clone().expect("it was just put there")
    }

    /// Keeps a record that may be filled again.
    pub(super) fn keep(&mut self, record: Option<Box<Record>>) {
        if self.records.len() < RECORDS_MAX {
            self.records.extend(record);
        }
    }
}

impl Turn {
    fn new(now: Instant) -> Self {
        Self {
            input: Incoming::new(),
            out: Outgoing::new(),
            now,
            left: 0,
            must_leave: false,
            wall: None,
            spare: Spare::default(),
        }
    }

    /// The time of day, as it was when it was first asked for in this turn.
    pub(super) fn wall(&mut self, clock: &Clock) -> SystemTime {
        *self.wall.get_or_insert_with(|| clock.wall())
    }

    /// Counts something that was done, with this much content.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(1 + bytes / WORK_BYTES);
    }

    /// Whether it is the turn of others.
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }
}

thread_local! {
    /// The buffers that no connection of this thread is using.
    #[expect(clippy::vec_box, reason = "it is the boxes that are used again")]
    static TURNS: Cell<Vec<Box<Turn>>> = const { Cell::new(Vec::new()) };
}

/// The thread's spare buffers: more than one, since a handler may have a turn of another connection within its own.
static SPARE: Spares = Spares;

struct Spares;

impl Spares {
    fn take(&self) -> Option<Box<Turn>> {
        let mut turns = TURNS.take();
        let turn = turns.pop();
        TURNS.set(turns);
        turn
    }

    fn set(&self, turn: Option<Box<Turn>>) {
        let mut turns = TURNS.take();
        if turns.len() < TURNS_MAX {
            turns.extend(turn);
        }
        TURNS.set(turns);
    }
}

/// An engine on a transport. It holds no buffer between turns but for an unfinished tail.
pub(super) struct Link<T, E> {
    transport: Option<T>,
    pub(super) engine: E,
    /// What is unfinished of the input; boxed, since most connections have nothing.
    kept_input: Option<Box<Incoming>>,
    kept_output: Option<Box<Outgoing>>,
    timer: Timer,
    /// When the peer last took something, or when something first waited for it to.
    progress: Instant,
    /// How many bytes the transport has taken, and how many of them have surely left it.
    taken: u64,
    left: u64,
    /// Whether content waits that the transport itself is to send.
    stuck: bool,
    /// When the peer said that it will send nothing more.
    pub(super) ended: Option<Instant>,
}

/// What came of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Some,
    End,
}

impl<T: Transport, E: Connection> Link<T, E> {
    pub(super) fn new(transport: T, engine: E, timer: Timer, now: Instant) -> Self {
        Self {
            transport: Some(transport),
            engine,
            kept_input: None,
            kept_output: None,
            timer,
            progress: now,
            taken: 0,
            left: 0,
            stuck: false,
            ended: None,
        }
    }

    /// Puts what was read from the transport already before what will be read.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.kept_input.get_or_insert_default().extend(bytes);
    }

    /// Takes the thread's buffers, with what this connection kept in them.
    pub(super) fn begin(&mut self, now: Instant) -> Box<Turn> {
        let mut turn = SPARE.take().unwrap_or_else(|| Box::new(Turn::new(now)));
        turn.now = now;
        turn.left = WORK_MAX;
        turn.wall = None;
        match self.kept_input.take() {
            Some(kept) if kept.len() > TAIL_COPY_MAX => turn.input = *kept,
            Some(kept) => turn.input.extend(kept.bytes()),
            None => {}
        }
        if let Some(kept) = self.kept_output.take() {
            turn.out = *kept;
        }
        turn
    }

    /// Gives the thread's buffers back, and keeps what is unfinished.
    pub(super) fn end(&mut self, mut turn: Box<Turn>) {
        if turn.input.len() > TAIL_COPY_MAX {
            self.kept_input = Some(Box::new(std::mem::take(&mut turn.input)));
        } else if !turn.input.is_empty() {
            self.put_back(turn.input.bytes());
            turn.input.clear();
        }
        if !turn.out.is_empty() {
            self.kept_output = Some(Box::new(std::mem::take(&mut turn.out)));
        }
        SPARE.set(Some(turn));
    }

    fn transport(&mut self) -> &mut T {
        self.transport.as_mut().expect("the transport is here until the connection switches protocols")
    }

    /// Gives the transport away: the connection has switched protocols.
    pub(super) fn take_transport(&mut self) -> T {
        self.transport.take().expect("a connection switches protocols once")
    }

    /// Reads once into the input.
    pub(super) fn poll_read(&mut self, turn: &mut Turn, bytes: usize, cx: &mut Context<'_>) -> Poll<io::Result<Read>> {
        let buffer = turn.input.spare(bytes);
        let read = ready!(self.transport().poll_read(cx, buffer))?;
        if read > 0 {
            return Poll::Ready(Ok(Read::Some));
        }
        self.ended = Some(turn.now);
        self.engine.receive_eof();
        Poll::Ready(Ok(Read::End))
    }

    /// Writes until everything has left or the transport takes no more.
    pub(super) fn poll_write(&mut self, turn: &mut Turn, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !turn.out.is_empty() {
            let transport = self.transport.as_mut().expect("the transport is here until the connection switches");
            let written = match turn.out.only_piece() {
                Some(piece) => transport.poll_write(cx, &[IoSlice::new(piece)]),
                None => write_pieces(transport, &turn.out, cx),
            };
            let written = ready!(written)?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            turn.out.advance(written);
            self.progress = turn.now;
            // A layer below takes more only when what it had taken before has left.
            self.left = self.taken;
            self.taken += written as u64;
            if self.unsent_bytes() == 0 {
                self.left = self.taken;
            }
        }
        let before = self.unsent_bytes();
        let flushed = self.transport().poll_flush(cx);
        let after = self.unsent_bytes();
        if after < before {
            self.progress = turn.now;
        }
        if after == 0 {
            self.left = self.taken;
        }
        flushed
    }

    fn unsent_bytes(&self) -> usize {
        self.transport.as_ref().map_or(0, Transport::unsent_bytes)
    }

    /// How TCP carries it, where that is what does.
    pub(super) fn tcp(&self) -> Option<Tcp> {
        self.transport.as_ref()?.tcp()
    }

    /// Whether the transport can send a file without our reading it.
    pub(super) fn sends_files(&self) -> bool {
        self.transport.as_ref().is_some_and(Transport::sends_files)
    }

    /// Has the transport send some of a file. Everything else must have left.
    pub(super) fn poll_send_file(
        &mut self,
        now: Instant,
        (file, offset, length): (&File, u64, u64),
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<u64>> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let sent = self.transport().poll_send_file(cx, file, offset, length);
        if sent.is_ready() || !self.stuck {
            self.progress = now;
        }
        self.stuck = sent.is_pending();
        let sent = ready!(sent)? as u64;
        self.taken += sent;
        self.left = self.taken;
        Poll::Ready(Ok(sent))
    }

    /// Whether content waits that the transport itself is to send.
    pub(super) fn is_stuck(&self) -> bool {
        self.stuck
    }

    /// Notes that there is nothing any more that the transport itself is to send.
    pub(super) fn unstick(&mut self) {
        self.stuck = false;
    }

    /// Whether nothing was kept of an earlier turn, and nothing is to happen at any time.
    pub(super) fn is_silent(&self) -> bool {
        self.kept_input.is_none()
            && self.kept_output.is_none()
            && self.engine.next_timeout().is_none()
            && self.engine.wants_read()
    }

    /// Whether nothing waits to leave, here or in a layer below.
    pub(super) fn is_clear(&self, turn: &Turn) -> bool {
        turn.out.is_empty() && self.unsent_bytes() == 0 && !self.stuck
    }

    /// How many bytes have left in all.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// How many bytes will have left when all that is ready now has.
    pub(super) fn end_of_output(&self, turn: &Turn) -> u64 {
        self.taken + turn.out.len() as u64
    }

    /// Notes that from now on something waits for the peer to take it.
    pub(super) fn starts_to_wait(&mut self, now: Instant) {
        self.progress = now;
    }

    /// When the peer will have taken nothing for `limit`.
    pub(super) fn stalls_at(&self, limit: Duration) -> Instant {
        self.progress + limit
    }

    /// When an exchange whose peer sends no more will have sent nothing for `limit`.
    pub(super) fn half_closed_until(&self, limit: Duration) -> Option<Instant> {
        self.ended.map(|ended| ended.max(self.progress) + limit)
    }

    /// Ready when `deadline` has come.
    pub(super) fn poll_deadline(&mut self, now: Instant, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.timer.poll_at(now, deadline, cx)
    }

    /// Whether the transport may be closed as it is.
    pub(super) fn closes_silently(&self) -> bool {
        self.transport.as_ref().is_none_or(Transport::closes_silently)
    }

    /// Says that we will send nothing more.
    pub(super) fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shut_down(cx)
    }

    /// Makes the coming close a reset, so that what was sent cannot pass for whole.
    pub(super) fn cut_off(&mut self) {
        self.transport().cut_off();
    }
}

/// Writes what lies in several places at once.
fn write_pieces(transport: &mut impl Transport, out: &Outgoing, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
    let mut count = 0;
    for (slot, piece) in pieces.iter_mut().zip(out.pieces()) {
        *slot = IoSlice::new(piece);
        count += 1;
    }
    transport.poll_write(cx, &pieces[..count])
}
