//! Closing in stages, so that the peer reads our last words before the system resets the connection.
//!
//! A layer below says goodbye first: over TLS, only that tells a whole end from a cut one (RFC 8446, section 6.1).
//!
//! RFC 9112, section 9.6: a server that closes with unread bytes from the peer first closes its own side, and reads
//! on until the peer has closed too or enough time has passed.

use std::task::{Context, Poll};
use std::time::Instant;

use wirelight_proto::Connection;

use super::Config;
use super::link::{Link, Read, Turn};
use crate::Transport;

/// A connection that is closing in stages.
#[derive(Debug)]
pub(super) struct Linger {
    deadline: Instant,
    left_bytes: usize,
    /// Whether the peer may still be sending.
    listens: bool,
    shut: bool,
}

impl Linger {
    /// `listens` says whether the peer may still be sending.
    pub(super) fn new(config: &Config, now: Instant, listens: bool) -> Self {
        Self { deadline: now + config.linger_timeout, left_bytes: config.linger_bytes_max, listens, shut: false }
    }

    /// Ready when the connection may be closed.
    pub(super) fn poll<T: Transport, E: Connection>(
        &mut self,
        link: &mut Link<T, E>,
        turn: &mut Turn,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.shut {
            match link.poll_shut_down(cx) {
                Poll::Ready(Ok(())) => self.shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return link.poll_deadline(turn.now, self.deadline, cx),
            }
        }
        turn.input.clear();
        if !self.listens {
            return Poll::Ready(());
        }
        loop {
            match link.poll_read(turn, 16 * 1024, cx) {
                Poll::Ready(Ok(Read::Some)) if turn.input.len() < self.left_bytes => {
                    self.left_bytes -= turn.input.len();
                    turn.input.clear();
                }
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return link.poll_deadline(turn.now, self.deadline, cx),
            }
        }
    }
}
