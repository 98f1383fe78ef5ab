//! A connection that goes over to another protocol: after 101, or after a 2xx to CONNECT.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use wirelight_service::{Error, Fault, Kind, Result};

use crate::Transport;

/// How much is read at once, whatever the caller has room for.
const READ_BYTES: usize = 64 * 1024;

/// The way to the bytes of a connection, carried as an extension by a request that may switch protocols.
///
/// Take it from the request, answer 101 (or a 2xx to CONNECT), and await it elsewhere: it is ready when the response
/// has left.
#[derive(Debug, Clone)]
pub struct Upgrade(Arc<Mutex<Option<oneshot::Receiver<Upgraded>>>>);

/// The driver's end of an [`Upgrade`].
#[derive(Debug)]
pub(crate) struct Promise(oneshot::Sender<Upgraded>);

impl Upgrade {
    pub(crate) fn channel() -> (Promise, Self) {
        let (sender, receiver) = oneshot::channel();
        (Promise(sender), Self(Arc::new(Mutex::new(Some(receiver)))))
    }

    /// The upgrade that a request carries, if it may switch protocols.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        extensions.get::<Self>().cloned()
    }

    /// Waits until the connection has switched. Only the first call gets it.
    pub async fn switched(self) -> Result<Upgraded> {
        let receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let lost = || Error::new(Kind::Gone, Fault::Downstream, "the connection did not switch protocols");
        receiver.ok_or_else(lost)?.await.map_err(|_| lost())
    }
}

impl Promise {
    pub(crate) fn fulfil(self, transport: impl Transport, leftover: Bytes) {
        // Whoever asked may be gone; then the connection closes, as it should.
        let _ = self.0.send(Upgraded { transport: Box::new(transport), leftover });
    }
}

/// A connection that has switched protocols: raw bytes in both directions.
pub struct Upgraded {
    transport: Box<dyn Transport>,
    /// What had arrived behind the message that switched.
    leftover: Bytes,
}

impl std::fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upgraded({} bytes left over)", self.leftover.len())
    }
}

impl Transport for Upgraded {
    fn tcp(&self) -> Option<crate::Tcp> {
        self.transport.tcp()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        if self.leftover.is_empty() {
            return self.transport.poll_read(cx, buffer);
        }
        buffer.extend_from_slice(&self.leftover);
        Poll::Ready(Ok(std::mem::take(&mut self.leftover).len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.transport.poll_write(cx, pieces)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_flush(cx)
    }

    fn unsent_bytes(&self) -> usize {
        self.transport.unsent_bytes()
    }

    fn poll_shut_down(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shut_down(cx)
    }

    fn cut_off(&mut self) {
        self.transport.cut_off();
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.leftover.is_empty() {
            let mut read = BytesMut::with_capacity(buffer.remaining().min(READ_BYTES));
            ready!(this.transport.poll_read(cx, &mut read))?;
            this.leftover = read.freeze();
        }
        let length = this.leftover.len().min(buffer.remaining());
        buffer.put_slice(&this.leftover[..length]);
        this.leftover.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.transport.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.transport.poll_shut_down(cx)
    }
}
