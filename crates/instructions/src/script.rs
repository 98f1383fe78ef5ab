//! A transport whose peer asks, waits for the answer, and asks again, without a system call.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use wirelight_net::Transport;

/// A peer that asks the same so many times, and ends.
#[derive(Debug)]
pub struct Script {
    asks: Bytes,
    times: usize,
    turn: Turn,
    reader: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// What is asked can be read.
    Asking,
    /// It was read, and nothing was written since.
    Waiting,
    /// Something was written; one read more finds nothing, as it does on a socket.
    Answered,
}

impl Script {
    /// A peer that asks `times` times.
    pub fn new(asks: Bytes, times: usize) -> Self {
        Self { asks, times, turn: Turn::Asking, reader: None }
    }
}

impl Transport for Script {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        match self.turn {
            Turn::Asking if self.times == 0 => return Poll::Ready(Ok(0)),
            Turn::Asking => {
                self.times -= 1;
                self.turn = Turn::Waiting;
                buffer.extend_from_slice(&self.asks);
                return Poll::Ready(Ok(self.asks.len()));
            }
            Turn::Waiting => self.reader = Some(cx.waker().clone()),
            Turn::Answered => {
                self.turn = Turn::Asking;
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.turn == Turn::Waiting {
            self.turn = Turn::Answered;
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shut_down(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn cut_off(&mut self) {}
}
