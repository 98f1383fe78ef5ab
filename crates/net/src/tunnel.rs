//! A stream of a connection that has become a tunnel: the content of both its messages, as bytes in both directions
//! (RFC 9113, section 8.5, and RFC 8441).

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use wirelight_service::body::Sender;
use wirelight_service::{Body, Error, Fault, Kind};

use crate::Transport;

/// One end of a tunnel through a stream. Dropped, it ends as a socket does that is closed.
pub(crate) struct Tunnel {
    received: Body,
    /// Content that was received and did not fit where it was asked for.
    rest: Bytes,
    /// Gone once we have said that we will send nothing more.
    sent: Option<Sender>,
    /// How many bytes wait for the stream to take them.
    waiting_bytes: usize,
    waiting_bytes_max: usize,
}

impl Tunnel {
    /// A tunnel from what comes on a stream, and what leaves by it.
    pub(crate) fn new(received: Body, sent: Sender, waiting_bytes_max: usize) -> Self {
        Self { received, rest: Bytes::new(), sent: Some(sent), waiting_bytes: 0, waiting_bytes_max }
    }
}

fn failed(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

impl Transport for Tunnel {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.received).poll_frame(cx)) {
                // A tunnel has no trailer section (RFC 9113, section 8.5); whatever ends the content ends it.
                None => return Poll::Ready(Ok(0)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(content) => self.rest = content,
                    Err(_) => return Poll::Ready(Ok(0)),
                },
                Some(Err(error)) => return Poll::Ready(Err(failed(error))),
            }
        }
        let length = self.rest.len().min(buffer.capacity() - buffer.len());
        buffer.put_slice(&self.rest.split_to(length));
        Poll::Ready(Ok(length))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(sent) = &mut self.sent else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        loop {
            match sent.poll_demand(cx) {
                Poll::Ready(demand) if demand.abandoned => {
                    return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                }
                Poll::Ready(demand) => self.waiting_bytes = self.waiting_bytes.saturating_sub(demand.taken),
                Poll::Pending if self.waiting_bytes >= self.waiting_bytes_max => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let mut content = BytesMut::new();
        for piece in pieces {
            let room = self.waiting_bytes_max - self.waiting_bytes - content.len();
            content.extend_from_slice(&piece[..piece.len().min(room)]);
        }
        let length = content.len();
        self.waiting_bytes += length;
        if length > 0 {
            sent.push(content.freeze());
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection sends what it is given as soon as it may.
        Poll::Ready(Ok(()))
    }

    fn poll_shut_down(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(mut sent) = self.sent.take() {
            sent.finish(HeaderMap::new());
        }
        Poll::Ready(Ok(()))
    }

    fn cut_off(&mut self) {
        if let Some(mut sent) = self.sent.take() {
            sent.fail(Error::new(Kind::Gone, Fault::Ours, "the tunnel was cut off"));
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        if let Some(mut sent) = self.sent.take() {
            sent.finish(HeaderMap::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn what_is_written_waits_for_whoever_takes_it() {
        let (_upload, received) = Body::channel(None);
        let (sent, mut content) = Body::channel(None);
        let mut tunnel = Tunnel::new(received, sent, 10);
        let pieces = [IoSlice::new(b"01234567"), IoSlice::new(b"89abcdef")];
        assert_eq!(poll_fn(|cx| tunnel.poll_write(cx, &pieces)).await.unwrap(), 10);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(tunnel.poll_write(&mut cx, &pieces).is_pending());
        assert_eq!(&content.data().await.unwrap().unwrap()[..], b"0123456789");
        assert_eq!(poll_fn(|cx| tunnel.poll_write(cx, &pieces[..1])).await.unwrap(), 8);
        drop(tunnel);
        assert_eq!(&content.data().await.unwrap().unwrap()[..], b"01234567");
        assert!(content.data().await.is_none(), "it ends as a socket that is closed");
    }

    #[tokio::test]
    async fn a_stream_that_is_gone_breaks_the_pipe() {
        let (upload, received) = Body::channel(None);
        let (sent, content) = Body::channel(None);
        let mut tunnel = Tunnel::new(received, sent, 10);
        drop((upload, content));
        let written = poll_fn(|cx| tunnel.poll_write(cx, &[IoSlice::new(b"x")])).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut buffer = BytesMut::with_capacity(10);
        let read = poll_fn(|cx| tunnel.poll_read(cx, &mut buffer)).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn what_was_cut_off_cannot_pass_for_whole() {
        let (_upload, received) = Body::channel(None);
        let (sent, mut content) = Body::channel(None);
        let mut tunnel = Tunnel::new(received, sent, 10);
        tunnel.cut_off();
        assert!(content.data().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn reads_never_exceed_the_room_that_there_is() {
        let (mut upload, received) = Body::channel(None);
        let (sent, _content) = Body::channel(None);
        let mut tunnel = Tunnel::new(received, sent, 10);
        upload.push(Bytes::from_static(b"a longer piece of content than fits"));
        upload.finish(HeaderMap::new());
        let mut whole = Vec::new();
        loop {
            let mut buffer = BytesMut::with_capacity(4);
            let capacity = buffer.capacity();
            if poll_fn(|cx| tunnel.poll_read(cx, &mut buffer)).await.unwrap() == 0 {
                break;
            }
            assert!(buffer.len() <= capacity);
            whole.extend_from_slice(&buffer);
        }
        assert_eq!(whole, b"a longer piece of content than fits");
    }
}
