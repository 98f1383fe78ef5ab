//! Two connections that have gone over to another protocol, joined.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wirelight_net::Upgrade;
use wirelight_service::Clock;

use super::group::Underway;
use crate::streams::Stay;

/// Carries bytes both ways until both sides have said their last, either is gone, or its route is.
pub(crate) async fn join(client: Upgrade, server: Upgrade, underway: Underway, stay: Option<Stay>) {
    let (Ok(mut client), Ok(mut server)) = (client.switched().await, server.switched().await) else { return };
    // An end that breaks takes the other with it: both are dropped here.
    let carried = tokio::io::copy_bidirectional(&mut client, &mut server);
    match stay {
        Some(mut stay) => tokio::select! {
            _ = carried => {}
            () = stay.closed() => {}
        },
        None => drop(carried.await),
    }
    drop(underway);
}

/// Carries bytes between a client and the server it was led to, until both have said their last, either is gone, the
/// route is, or nothing has moved for a while.
pub(crate) async fn lead(
    client: Upgrade,
    mut server: TcpStream,
    idle_timeout: Duration,
    clock: Clock,
    stay: Option<Stay>,
) {
    let Ok(client) = client.switched().await else { return };
    let moved = Arc::new(AtomicU64::new(0));
    let mut client = Counted { inner: client, moved: Arc::clone(&moved) };
    let carried = tokio::io::copy_bidirectional(&mut client, &mut server);
    let idle = async {
        let mut seen = moved.load(Relaxed);
        loop {
            clock.sleep(idle_timeout).await;
            match moved.load(Relaxed) {
                now if now == seen => return,
                now => seen = now,
            }
        }
    };
    let closed = async {
        match stay {
            Some(mut stay) => stay.closed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = carried => {}
        () = idle => {}
        () = closed => {}
    }
}

/// A connection of which it is known whether anything moves on it.
struct Counted<T> {
    inner: T,
    moved: Arc<AtomicU64>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.moved.fetch_add(u64::from(polled.is_ready()), Relaxed);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.moved.fetch_add(u64::from(polled.is_ready()), Relaxed);
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
