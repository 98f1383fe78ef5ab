//! What carries the bytes of a connection: TCP, a Unix socket, or a pipe in a test.

use std::fs::File;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rustix::fs::sendfile;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::tcp::Tcp;

/// A stream of bytes in both directions, polled so that nothing is held while it is idle.
pub trait Transport: Send + Unpin + 'static {
    /// Reads into the spare room of `buffer`; 0 bytes mean that the peer will send nothing more.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Writes some of the pieces, in order, and says how many bytes were taken.
    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// How TCP carries it, where that is what does, as the kernel has counted it.
    fn tcp(&self) -> Option<Tcp> {
        None
    }

    /// Whether [`poll_send_file`](Self::poll_send_file) is there to be called.
    fn sends_files(&self) -> bool {
        false
    }

    /// Sends some of `length` bytes of a file from `offset`, without reading them here, and says how many.
    ///
    /// # Errors
    /// Those of the file too; [`Unsupported`](io::ErrorKind::Unsupported) where files cannot be sent.
    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        let _ = (cx, file, offset, length);
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    /// Sends what a layer below may hold back, such as a TLS record.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// How many bytes this layer has taken from us and not passed on yet, counted as it passes them on.
    fn unsent_bytes(&self) -> usize {
        0
    }

    /// Whether its end needs no words of its own: where nobody listens on, it may be closed as it is.
    fn closes_silently(&self) -> bool {
        false
    }

    /// Says that we will send nothing more.
    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes the coming close a reset where the transport knows the difference.
    fn cut_off(&mut self);
}

macro_rules! transports {
    ($($stream:ty: $cut_off:expr $(, $send_file:ident)?);*) => {$(
        impl Transport for $stream {
            fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
                read_into(Pin::new(self), cx, buffer)
            }

            fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                match pieces {
                    [piece] => AsyncWrite::poll_write(Pin::new(self), cx, piece),
                    pieces => AsyncWrite::poll_write_vectored(Pin::new(self), cx, pieces),
                }
            }

            $(
                fn tcp(&self) -> Option<Tcp> {
                    Tcp::of(self).ok()
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
                    $send_file(self, cx, file, offset, length)
                }
            )?

            fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(Pin::new(self), cx)
            }

            fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_shutdown(Pin::new(self), cx)
            }

            fn cut_off(&mut self) {
                $cut_off(self);
            }
        }
    )*};
}

transports!(
    TcpStream: |stream: &TcpStream| {
        // It fails only on a socket that is gone already.
        let _ = stream.set_zero_linger();
    }, send_file;
    UnixStream: |_: &UnixStream| {};
    DuplexStream: |_: &DuplexStream| {}
);

/// Has the system copy from a file to a socket.
fn send_file(
    stream: &TcpStream,
    cx: &mut Context<'_>,
    file: &File,
    offset: u64,
    length: usize,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(cx))?;
        let send = || Ok(sendfile(stream, file, Some(&mut { offset }), length)?);
        match stream.try_io(Interest::WRITABLE, send) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
            sent => return Poll::Ready(sent),
        }
    }
}

impl Transport for Box<dyn Transport> {
    fn closes_silently(&self) -> bool {
        (**self).closes_silently()
    }

    fn tcp(&self) -> Option<Tcp> {
        (**self).tcp()
    }

    fn sends_files(&self) -> bool {
        (**self).sends_files()
    }

    fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: &File,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<usize>> {
        (**self).poll_send_file(cx, file, offset, length)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        (**self).poll_read(cx, buffer)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        (**self).poll_write(cx, pieces)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_flush(cx)
    }

    fn unsent_bytes(&self) -> usize {
        (**self).unsent_bytes()
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        (**self).poll_shut_down(cx)
    }

    fn cut_off(&mut self) {
        (**self).cut_off();
    }
}

/// Reads into memory that was never written, because zeroing 64 KiB for each read would cost more than the read.
#[expect(unsafe_code, reason = "BytesMut can only be told by set_len that a reader has filled its spare room")]
fn read_into<R: AsyncRead>(
    stream: Pin<&mut R>,
    cx: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    let mut room = ReadBuf::uninit(buffer.spare_capacity_mut());
    ready!(stream.poll_read(cx, &mut room))?;
    let filled = room.filled().len();
    let length = buffer.len() + filled;
    // SAFETY: ReadBuf vouches that the first `filled` bytes of the spare room were initialised, and they lie directly
    // behind the buffer's length.
    unsafe { buffer.set_len(length) };
    Poll::Ready(Ok(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn reads_append_to_what_is_there() {
        let (mut near, mut far) = tokio::io::duplex(64);
        far.write_all(b"world").await.unwrap();
        let mut buffer = BytesMut::from(&b"hello "[..]);
        buffer.reserve(3);
        let room = buffer.capacity() - buffer.len();
        let read = std::future::poll_fn(|cx| near.poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(read, room.min(5));
        assert_eq!(&buffer[..], &b"hello world"[..6 + read]);
    }
}
