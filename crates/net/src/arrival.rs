//! A TCP connection that the runtime hears of only once it has to be waited for.
//!
//! To register a socket with the runtime and to take it out again are two system calls, as many as to read a request
//! and to answer it. A connection whose request is there when it is accepted, and which closes after it, needs neither.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use rustix::net::sockopt::set_socket_linger;

use crate::{Tcp, Transport};

/// How much is read at once before the runtime knows the connection: enough for most heads, and soon made zero.
const FIRST_BYTES: usize = 1024;

/// A TCP connection that was just accepted.
#[derive(Debug)]
pub struct Arrival(State);

#[derive(Debug)]
enum State {
    /// Nobody has waited for it; `read` says whether all that may have come was read.
    Fresh {
        stream: TcpStream,
        read: bool,
    },
    Known(tokio::net::TcpStream),
    /// The runtime could not take it.
    Lost,
}

impl Arrival {
    /// A connection whose socket does not block. Where its first bytes are not there already, as they are on a
    /// [deferred](crate::tcp::defer_accept) one, to try to read it would mostly be in vain.
    pub fn new(stream: TcpStream, deferred: bool) -> Self {
        Self(State::Fresh { stream, read: !deferred })
    }

    /// The connection, known to the runtime.
    ///
    /// # Errors
    /// If the runtime cannot take it.
    pub fn into_known(mut self) -> io::Result<tokio::net::TcpStream> {
        self.known()?;
        match self.0 {
            State::Known(stream) => Ok(stream),
            State::Fresh { .. } | State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn known(&mut self) -> io::Result<&mut tokio::net::TcpStream> {
        if matches!(self.0, State::Fresh { .. })
            && let State::Fresh { stream, .. } = std::mem::replace(&mut self.0, State::Lost)
        {
            self.0 = State::Known(tokio::net::TcpStream::from_std(stream)?);
        }
        match &mut self.0 {
            State::Known(stream) => Ok(stream),
            State::Fresh { .. } | State::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

/// Tries until nobody interrupts; `None` where it would have to be waited for.
fn tried<T>(mut attempt: impl FnMut() -> io::Result<T>) -> Option<io::Result<T>> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
            done => return Some(done),
        }
    }
}

impl Transport for Arrival {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        if let State::Fresh { stream, read } = &mut self.0
            && !*read
        {
            let mut first = [0; FIRST_BYTES];
            if let Some(done) = tried(|| stream.read(&mut first)) {
                let length = done?;
                // A short read has found all there was; an end is found again.
                *read = (1..FIRST_BYTES).contains(&length);
                buffer.extend_from_slice(&first[..length]);
                return Poll::Ready(Ok(length));
            }
        }
        self.known()?.poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let State::Fresh { stream, .. } = &mut self.0
            && let Some(done) = tried(|| match pieces {
                [piece] => stream.write(piece),
                pieces => stream.write_vectored(pieces),
            })
        {
            return Poll::Ready(done);
        }
        self.known()?.poll_write(cx, pieces)
    }

    fn tcp(&self) -> Option<Tcp> {
        match &self.0 {
            State::Fresh { stream, .. } => Tcp::of(stream).ok(),
            State::Known(stream) => stream.tcp(),
            State::Lost => None,
        }
    }

    fn sends_files(&self) -> bool {
        true
    }

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        self.known()?.poll_send_file(cx, file, offset, length)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn closes_silently(&self) -> bool {
        true
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            State::Fresh { stream, .. } => Poll::Ready(stream.shutdown(Shutdown::Write)),
            State::Known(stream) => stream.poll_shut_down(cx),
            State::Lost => Poll::Ready(Ok(())),
        }
    }

    fn cut_off(&mut self) {
        match &mut self.0 {
            State::Fresh { stream, .. } => {
                // It fails only on a socket that is gone already.
                let _ = set_socket_linger(stream, Some(Duration::ZERO));
            }
            State::Known(stream) => stream.cut_off(),
            State::Lost => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, Arrival) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (far, Arrival::new(near, true))
    }

    async fn read(near: &mut Arrival) -> BytesMut {
        let mut buffer = BytesMut::with_capacity(64 * 1024);
        poll_fn(|cx| near.poll_read(cx, &mut buffer)).await.unwrap();
        buffer
    }

    #[test]
    fn what_is_there_is_read_and_answered_without_a_runtime() {
        let (mut far, mut near) = pair();
        far.write_all(b"ask").unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut buffer = BytesMut::new();
        // The bytes may take a moment to come, but nobody may be told to wait for them.
        while !matches!(&near.0, State::Fresh { stream, .. } if stream.peek(&mut [0; 3]).is_ok()) {
            std::thread::yield_now();
        }
        assert!(matches!(near.poll_read(&mut cx, &mut buffer), Poll::Ready(Ok(3))));
        assert!(matches!(near.poll_write(&mut cx, &[IoSlice::new(b"answer")]), Poll::Ready(Ok(6))));
        assert!(matches!(near.0, State::Fresh { .. }));
        drop(near);
        let mut answer = String::new();
        far.read_to_string(&mut answer).unwrap();
        assert_eq!((&buffer[..], &answer[..]), (&b"ask"[..], "answer"));
    }

    #[tokio::test]
    async fn what_is_not_there_is_waited_for() {
        let (mut far, mut near) = pair();
        let told = std::thread::spawn(move || {
            let long = vec![b'x'; 10_000];
            far.write_all(&long).unwrap();
            far.shutdown(Shutdown::Write).unwrap();
            let mut answer = Vec::new();
            far.read_to_end(&mut answer).unwrap();
            answer.len()
        });
        let mut heard = 0;
        loop {
            match read(&mut near).await.len() {
                0 => break,
                length => heard += length,
            }
        }
        assert_eq!(heard, 10_000);
        // More than the system holds for a peer that does not read yet.
        let long = vec![b'y'; 20 << 20];
        let mut sent = 0;
        while sent < long.len() {
            sent += poll_fn(|cx| near.poll_write(cx, &[IoSlice::new(&long[sent..])])).await.unwrap();
        }
        drop(near);
        assert_eq!(told.join().unwrap(), 20 << 20);
    }
}
