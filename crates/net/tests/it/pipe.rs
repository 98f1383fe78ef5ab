//! A transport whose peer is a script: it splits what is read, and takes as much as it is told to.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use wirelight_net::Transport;

/// Repeatable chance (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

#[derive(Debug, Default)]
struct State {
    /// What the peer has sent and nobody has read.
    to_us: VecDeque<u8>,
    /// What we have sent, and how much of it the peer was given by [`Peer::take`].
    to_peer: Vec<u8>,
    given: usize,
    /// How much more the peer takes; `None` is anything.
    window: Option<usize>,
    /// How much one read gives at the most.
    read_max: Option<usize>,
    reads: usize,
    writes: usize,
    peer_ended: bool,
    peer_gone: bool,
    we_ended: bool,
    cut_off: bool,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// Our end.
pub(crate) struct Pipe(Arc<Mutex<State>>);

/// The script's end.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Mutex<State>>);

pub(crate) fn pipe() -> (Pipe, Peer) {
    let state = Arc::<Mutex<State>>::default();
    (Pipe(Arc::clone(&state)), Peer(state))
}

impl Peer {
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.0.lock().unwrap();
        let result = change(&mut state);
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
        result
    }

    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.change(|state| state.to_us.extend(bytes.as_ref()));
    }

    pub(crate) fn end(&self) {
        self.change(|state| state.peer_ended = true);
    }

    /// The peer goes away: what we write now fails.
    pub(crate) fn vanish(&self) {
        self.change(|state| state.peer_gone = true);
    }

    pub(crate) fn window(&self, bytes: Option<usize>) {
        self.change(|state| state.window = bytes);
    }

    pub(crate) fn read_max(&self, bytes: usize) {
        self.change(|state| state.read_max = Some(bytes));
    }

    /// Everything received so far.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.0.lock().unwrap().to_peer.clone()
    }

    /// What was received since the last call.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut state = self.0.lock().unwrap();
        let end = state.to_peer.len();
        let from = std::mem::replace(&mut state.given, end);
        state.to_peer[from..].to_vec()
    }

    /// How many bytes were received so far.
    pub(crate) fn received_bytes(&self) -> usize {
        self.0.lock().unwrap().to_peer.len()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.received()).unwrap()
    }

    /// How often we were asked for more.
    pub(crate) fn reads(&self) -> usize {
        self.0.lock().unwrap().reads
    }

    pub(crate) fn writes(&self) -> usize {
        self.0.lock().unwrap().writes
    }

    /// Whether we have said that nothing more comes.
    pub(crate) fn saw_end(&self) -> bool {
        let state = self.0.lock().unwrap();
        (state.we_ended || state.closed) && !state.cut_off
    }

    pub(crate) fn saw_reset(&self) -> bool {
        let state = self.0.lock().unwrap();
        state.closed && state.cut_off
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.lock().unwrap().closed = true;
    }
}

impl Transport for Pipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        state.reads += 1;
        if state.peer_gone {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.to_us.is_empty() {
            if state.peer_ended {
                return Poll::Ready(Ok(0));
            }
            state.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let length = state.to_us.len().min(state.read_max.unwrap_or(usize::MAX)).min(buffer.capacity() - buffer.len());
        let bytes: Vec<u8> = state.to_us.drain(..length).collect();
        buffer.extend_from_slice(&bytes);
        Poll::Ready(Ok(length))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.0.lock().unwrap();
        if state.peer_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.window.unwrap_or(usize::MAX);
        if room == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut taken = 0;
        for piece in pieces {
            let length = piece.len().min(room - taken);
            state.to_peer.extend_from_slice(&piece[..length]);
            taken += length;
        }
        state.window = state.window.map(|window| window - taken);
        state.writes += 1;
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shut_down(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.lock().unwrap().we_ended = true;
        Poll::Ready(Ok(()))
    }

    fn cut_off(&mut self) {
        self.0.lock().unwrap().cut_off = true;
    }
}
