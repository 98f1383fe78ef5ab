//! An engine on a transport: buffers lent for a turn, reading, writing, and the one timer.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use wirelight_proto::{Connection, Incoming, Outgoing};
use wirelight_service::Timer;

use crate::Transport;

/// A tail shorter than this is copied out, so that the thread's buffer stays with the thread.
const TAIL_COPY_MAX: usize = 4 * 1024;
/// How many pieces one vectored write takes.
const PIECES_MAX: usize = 32;

/// The buffers of a turn, and its time.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) input: Incoming,
    pub(super) out: Outgoing,
    pub(super) now: Instant,
}

thread_local! {
    /// The buffers that no connection of this thread is using.
    static SPARE: Cell<Option<Box<Turn>>> = const { Cell::new(None) };
}

/// An engine on a transport. It holds no buffer between turns but for an unfinished tail.
pub(super) struct Link<T, E> {
    transport: Option<T>,
    pub(super) engine: E,
    kept_input: Incoming,
    kept_output: Option<Box<Outgoing>>,
    timer: Timer,
    /// When the peer last took something, or when something first waited for it to.
    progress: Instant,
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
            kept_input: Incoming::new(),
            kept_output: None,
            timer,
            progress: now,
            ended: None,
        }
    }

    /// Puts what was read from the transport already before what will be read.
    pub(super) fn put_back(&mut self, bytes: &[u8]) {
        self.kept_input.extend(bytes);
    }

    /// Takes the thread's buffers, with what this connection kept in them.
    pub(super) fn begin(&mut self, now: Instant) -> Box<Turn> {
        let mut turn =
            SPARE.take().unwrap_or_else(|| Box::new(Turn { input: Incoming::new(), out: Outgoing::new(), now }));
        turn.now = now;
        if self.kept_input.len() > TAIL_COPY_MAX {
            turn.input = std::mem::take(&mut self.kept_input);
        } else if !self.kept_input.is_empty() {
            turn.input.extend(self.kept_input.bytes());
            self.kept_input = Incoming::new();
        }
        if let Some(kept) = self.kept_output.take() {
            turn.out = *kept;
        }
        turn
    }

    /// Gives the thread's buffers back, and keeps what is unfinished.
    pub(super) fn end(&mut self, mut turn: Box<Turn>) {
        if turn.input.len() > TAIL_COPY_MAX {
            self.kept_input = std::mem::take(&mut turn.input);
        } else if !turn.input.is_empty() {
            self.kept_input.extend(turn.input.bytes());
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
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let mut count = 0;
            for (slot, piece) in pieces.iter_mut().zip(turn.out.pieces()) {
                *slot = IoSlice::new(piece);
                count += 1;
            }
            let transport = self.transport.as_mut().expect("the transport is here until the connection switches");
            let written = ready!(transport.poll_write(cx, &pieces[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            turn.out.advance(written);
            self.progress = turn.now;
        }
        self.transport().poll_flush(cx)
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

    /// Says that we will send nothing more.
    pub(super) fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport().poll_shut_down(cx)
    }

    /// Makes the coming close a reset, so that what was sent cannot pass for whole.
    pub(super) fn cut_off(&mut self) {
        self.transport().cut_off();
    }
}
