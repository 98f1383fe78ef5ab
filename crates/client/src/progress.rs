//! How far content has come, up or down.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use wirelight_service::{Body, Error};

/// How far content has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many bytes have passed.
    pub done: u64,
    /// How many there are in all, where that is known.
    pub length: Option<u64>,
    /// Whether that was all.
    pub is_over: bool,
}

/// The same content; `told` hears of each piece as it passes, and of the end, and must not block.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_client::progress;
/// use wirelight_service::Body;
///
/// let body = progress::watch(Body::from("hello"), |progress| println!("{} bytes", progress.done));
/// assert_eq!(body.collect(100).await.unwrap(), "hello");
/// # }
/// ```
pub fn watch(body: Body, told: impl FnMut(Progress) + Send + 'static) -> Body {
    let length = body.size_hint().exact();
    Body::stream(Watched { body, told: Box::new(told), progress: Progress { done: 0, length, is_over: false } })
}

struct Watched {
    body: Body,
    told: Box<dyn FnMut(Progress) + Send>,
    progress: Progress,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                this.progress.done += frame.data_ref().map_or(0, |data| data.len() as u64);
                this.progress.is_over = this.body.is_end_stream();
                (this.told)(this.progress);
            }
            Poll::Ready(None) if !this.progress.is_over => {
                this.progress.is_over = true;
                (this.told)(this.progress);
            }
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn each_piece_and_the_end_are_told() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let (mut sender, body) = Body::channel(Some(5));
        let list = Arc::clone(&told);
        let body =
            watch(body, move |progress| list.lock().unwrap().push((progress.done, progress.length, progress.is_over)));
        sender.push(Bytes::from_static(b"he"));
        sender.push(Bytes::from_static(b"llo"));
        sender.finish(http::HeaderMap::new());
        assert_eq!(body.collect(100).await.unwrap(), "hello");
        assert_eq!(*told.lock().unwrap(), [(2, Some(5), false), (5, Some(5), true)]);
    }
}
