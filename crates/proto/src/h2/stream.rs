//! One stream: where both of its halves stand (RFC 9113, section 5.1).

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use http::HeaderMap;

use super::flow::{ReceiveWindow, SendWindow};
use super::schedule::Priority;
use crate::Outgoing;

/// Where the message that is received stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiving {
    /// A response whose head has not come.
    Head,
    /// The head was received; content follows, or the end.
    Content,
    /// Nothing follows.
    Ended,
}

/// Where the message that is sent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sending {
    /// The head was not given yet.
    Head,
    /// The head was given; content follows, or the end.
    Content,
    /// The end was given, and may wait behind content.
    Ending,
    /// The end has left.
    Ended,
}

/// What a message that is sent has after its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promised {
    /// Exactly this many bytes more.
    Known(u64),
    /// As much as comes.
    Unknown,
    /// None, though the head may name a length: a response to HEAD, 204, 304. What is given is dropped or refused.
    Absent,
}

/// One stream that is not closed.
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) receiving: Receiving,
    pub(crate) sending: Sending,
    /// How much content is still to be received, where the message said.
    pub(crate) to_receive: Option<u64>,
    pub(crate) promised: Promised,
    /// END_STREAM went out with the head; the end that the application gives changes nothing.
    pub(crate) end_is_sent: bool,
    /// The request was HEAD.
    pub(crate) head_only: bool,
    /// The request was CONNECT: the halves end each on its own.
    pub(crate) tunnel: bool,
    /// The application has found no room to send, and is to be told when there is some.
    pub(crate) starved: bool,
    /// The stream is in the schedule.
    pub(crate) ready: bool,
    /// At the last look the peer was holding the stream up.
    pub(crate) suspect: bool,
    /// Interim responses that were received.
    pub(crate) interims: u16,
    /// Frames of content that were received since the application had last taken everything.
    pub(crate) pieces: u32,
    /// Bytes of content that passed, in either direction, since the last look.
    pub(crate) progress: u32,
    pub(crate) priority: Priority,
    pub(crate) send_window: SendWindow,
    pub(crate) receive_window: ReceiveWindow,
    pub(crate) queue: Queue,
    pub(crate) trailers: Option<Box<HeaderMap>>,
}

impl Stream {
    pub(crate) fn new(id: u32, receiving: Receiving, send_window: u32, receive_window: u32) -> Self {
        Self {
            id,
            receiving,
            sending: Sending::Head,
            to_receive: None,
            promised: Promised::Unknown,
            end_is_sent: false,
            head_only: false,
            tunnel: false,
            starved: false,
            ready: false,
            suspect: false,
            interims: 0,
            pieces: 0,
            progress: 0,
            priority: Priority::UNSAID,
            send_window: SendWindow::new(send_window),
            receive_window: ReceiveWindow::new(receive_window),
            queue: Queue::default(),
            trailers: None,
        }
    }

    /// How much more content the stream takes now, in bytes.
    #[inline]
    pub(crate) fn capacity(&self, queue_bytes_max: usize) -> usize {
        match self.sending {
            Sending::Head | Sending::Content => {
                self.send_window.available().min(queue_bytes_max).saturating_sub(self.queue.length())
            }
            Sending::Ending | Sending::Ended => 0,
        }
    }

    /// Whether a frame could go out if the connection let it: content in the window, or an end without content.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        match self.sending {
            Sending::Head | Sending::Ended => false,
            Sending::Content => !self.queue.is_empty() && self.send_window.available() > 0,
            Sending::Ending => self.queue.is_empty() || self.send_window.available() > 0,
        }
    }

    /// Whether both halves have ended.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.sending == Sending::Ended && self.receiving == Receiving::Ended
    }
}

/// Content that waits to be sent, piece by piece.
#[derive(Default)]
pub(crate) struct Queue {
    first: Bytes,
    rest: VecDeque<Bytes>,
    length: usize,
}

impl Queue {
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds content, which is not empty.
    #[inline]
    pub(crate) fn push(&mut self, content: Bytes) {
        self.length += content.len();
        if self.first.is_empty() {
            self.first = content;
        } else {
            self.rest.push_back(content);
        }
    }

    /// Moves `length` bytes, which are there, into the output.
    #[inline]
    pub(crate) fn write(&mut self, mut length: usize, out: &mut Outgoing) {
        self.length -= length;
        while length >= self.first.len() && length > 0 {
            length -= self.first.len();
            out.push(std::mem::replace(&mut self.first, self.rest.pop_front().unwrap_or_default()));
        }
        if length > 0 {
            out.push(self.first.slice(..length));
            self.first.advance(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_gives_its_content_in_order_however_it_is_cut() {
        for step in 1..=12 {
            let mut queue = Queue::default();
            for piece in ["ab", "c", "defgh", "ij"] {
                queue.push(Bytes::from_static(piece.as_bytes()));
            }
            let mut out = Outgoing::new();
            while !queue.is_empty() {
                queue.write(step.min(queue.length()), &mut out);
            }
            let all: Vec<u8> = out.pieces().flatten().copied().collect();
            assert_eq!(all, b"abcdefghij");
        }
    }

    #[test]
    fn capacity_is_what_window_and_queue_leave() {
        let mut stream = Stream::new(1, Receiving::Ended, 100, 100);
        assert_eq!(stream.capacity(50), 50);
        assert_eq!(stream.capacity(500), 100);
        stream.queue.push(Bytes::from_static(&[0; 70]));
        assert_eq!(stream.capacity(50), 0);
        assert_eq!(stream.capacity(500), 30);
        stream.sending = Sending::Ending;
        assert_eq!(stream.capacity(500), 0);
    }
}
