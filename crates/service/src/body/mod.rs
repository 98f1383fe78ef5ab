//! The content of a message: nothing, bytes at hand, or a stream in bounded memory.

mod channel;

use std::fmt;
use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::{Error, Exchange, Result};

pub use channel::{Demand, Sender};

/// A stream of content whose type was erased.
type Stream = Pin<Box<dyn http_body::Body<Data = Bytes, Error = Error> + Send>>;

/// The content of a message and its trailer section, read once, in bounded memory.
///
/// The body of a request that came over a connection also carries the [`Exchange`] that it belongs to: whoever puts other
/// content in its place passes that on, [`within`](Self::within) the same exchange.
#[derive(Default)]
pub struct Body {
    content: Kind,
    exchange: Option<Arc<Exchange>>,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Full(Bytes),
    Received(channel::Receiver),
    File(Box<dyn FileContent>),
    Stream(Stream),
}

/// Content that lies in a file, for whoever can send a file without reading it.
pub trait FileContent: http_body::Body<Data = Bytes, Error = Error> + Send + Unpin {
    /// The file, where in it the next byte lies, and how many bytes from there the system has at hand; `None` where
    /// they must be read.
    fn at_hand(&self) -> Option<(&File, u64, u64)>;

    /// Reads all that is left, where that is at most `bytes_max` and nobody has to wait for it; then nothing is left.
    fn take_at_hand(&mut self, bytes_max: usize) -> Option<Bytes>;

    /// Notes that `length` bytes were sent without being read here.
    ///
    /// # Panics
    /// If fewer are left.
    fn skip(&mut self, length: u64);
}

impl Body {
    /// No content.
    pub const fn empty() -> Self {
        Self { content: Kind::Empty, exchange: None }
    }

    /// Content from any other body.
    pub fn new<B>(body: B) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Kind::Stream(Box::pin(Foreign { body })).into()
    }

    /// Content from a body whose errors already name who is at fault.
    pub fn stream(body: impl http_body::Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Kind::Stream(Box::pin(body)).into()
    }

    /// Content that lies in a file.
    pub fn file(content: impl FileContent + 'static) -> Self {
        Kind::File(Box::new(content)).into()
    }

    /// The file that the content lies in, if it does.
    pub fn as_file(&mut self) -> Option<&mut (dyn FileContent + 'static)> {
        match &mut self.content {
            Kind::File(file) => Some(&mut **file),
            _ => None,
        }
    }

    /// A body that is filled from elsewhere, and what fills it; `length` is the number of bytes, where known.
    ///
    /// The reader's pace comes back to the [`Sender`] as [`Demand`].
    pub fn channel(length: Option<u64>) -> (Sender, Self) {
        let (sender, receiver) = channel::channel(length);
        (sender, Kind::Received(receiver).into())
    }

    /// The same content, as that of a request which belongs to this exchange.
    #[inline]
    pub fn within(self, exchange: Option<Arc<Exchange>>) -> Self {
        Self { exchange, ..self }
    }

    /// The exchange that its request belongs to, where it came over a connection.
    #[inline]
    pub fn exchange(&self) -> Option<&Arc<Exchange>> {
        self.exchange.as_ref()
    }

    pub(crate) fn take_exchange(&mut self) -> Option<Arc<Exchange>> {
        self.exchange.take()
    }

    pub(crate) fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        self.exchange.as_mut().map(Arc::make_mut)
    }

    /// The bytes, if all of them are at hand and there are no trailers.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        static EMPTY: Bytes = Bytes::new();
        match &self.content {
            Kind::Empty => Some(&EMPTY),
            Kind::Full(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Takes the bytes out, if all of them are at hand and there are no trailers.
    pub fn into_bytes(self) -> Result<Bytes, Self> {
        match self.content {
            Kind::Empty => Ok(Bytes::new()),
            Kind::Full(bytes) => Ok(bytes),
            content => Err(Self { content, ..self }),
        }
    }

    /// Takes the bytes out as [`into_bytes`](Self::into_bytes) does, or out of a file, where they are at most `bytes_max`
    /// and nobody has to wait for them.
    pub fn into_bytes_at_hand(self, bytes_max: usize) -> Result<Bytes, Self> {
        let mut body = match self.content {
            Kind::File(_) => self,
            _ => return self.into_bytes(),
        };
        let taken = body.as_file().and_then(|file| file.take_at_hand(bytes_max));
        taken.ok_or(body)
    }

    /// Reads everything into memory, and fails as soon as it is more than `bytes_max`.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Bytes> {
        let mut collected = Vec::new();
        while let Some(data) = self.data().await {
            let data = data?;
            if collected.len() + data.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            if collected.is_empty() && self.is_end_stream() {
                return Ok(data);
            }
            collected.extend_from_slice(&data);
        }
        Ok(collected.into())
    }

    /// The next piece of content; `None` at its end. Trailers are passed over.
    pub async fn data(&mut self) -> Option<Result<Bytes>> {
        loop {
            match self.frame().await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next piece of content or the trailer section; `None` at the end.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await
    }
}

fn too_large(bytes_max: usize) -> Error {
    let because = format!("the content is larger than the limit of {bytes_max} bytes");
    Error::new(crate::Kind::TooLarge, crate::Fault::Downstream, because)
}

impl From<Kind> for Body {
    fn from(content: Kind) -> Self {
        Self { content, exchange: None }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        match &mut self.content {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.content = Kind::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Kind::Received(receiver) => receiver.poll_frame(cx),
            Kind::File(file) => Pin::new(&mut **file).poll_frame(cx),
            Kind::Stream(stream) => stream.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Kind::Empty => true,
            Kind::Full(bytes) => bytes.is_empty(),
            Kind::Received(receiver) => receiver.is_ended(),
            Kind::File(file) => file.is_end_stream(),
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Received(receiver) => receiver.size_hint(),
            Kind::File(file) => file.size_hint(),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            Kind::Empty => f.write_str("Body(empty)"),
            Kind::Full(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Kind::Received(_) => f.write_str("Body(received)"),
            Kind::File(_) => f.write_str("Body(file)"),
            Kind::Stream(_) => f.write_str("Body(stream)"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Kind::Full(bytes).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Bytes::from_static(bytes).into()
    }
}

pin_project_lite::pin_project! {
    /// A body of somebody else's, whose errors become ours.
    struct Foreign<B> {
        #[pin]
        body: B,
    }
}

impl<B> http_body::Body for Foreign<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        self.project().body.poll_frame(cx).map_err(into_error)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Our own errors pass through boxes unchanged, so that blame is kept across other people's layers.
pub(crate) fn into_error(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    match error.into().downcast::<Error>() {
        Ok(ours) => *ours,
        Err(other) => Error::ours(other),
    }
}

/// Whether a trailer section holds anything.
pub(crate) fn some_trailers(trailers: HeaderMap) -> Option<HeaderMap> {
    (!trailers.is_empty()).then_some(trailers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Kind};

    #[tokio::test]
    async fn a_channel_carries_content_trailers_and_demand() {
        let (mut sender, mut body) = Body::channel(Some(10));
        assert_eq!(body.size_hint().exact(), Some(10));
        assert!(std::future::poll_fn(|cx| Poll::Ready(sender.poll_demand(cx).is_pending())).await);
        sender.push(Bytes::from_static(b"hello"));
        assert_eq!(body.data().await.unwrap().unwrap(), "hello");
        let demand = std::future::poll_fn(|cx| sender.poll_demand(cx)).await;
        assert_eq!(demand, Demand { taken: 5, wanted: true, abandoned: false });
        sender.push(Bytes::from_static(b"world"));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().unwrap());
        sender.finish(trailers);
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "world");
        assert!(body.frame().await.unwrap().unwrap().is_trailers());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_failed_channel_is_an_error_and_never_an_end() {
        let (mut sender, mut body) = Body::channel(None);
        sender.push(Bytes::from_static(b"part"));
        sender.fail(Error::new(Kind::Gone, Fault::Downstream, "the client went away"));
        assert_eq!(body.data().await.unwrap().unwrap(), "part");
        assert_eq!(body.data().await.unwrap().unwrap_err().status().as_u16(), 499);
        assert!(body.data().await.is_none());
    }

    #[tokio::test]
    async fn a_dropped_sender_is_an_error_too() {
        let (sender, mut body) = Body::channel(None);
        drop(sender);
        assert!(body.data().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_dropped_body_is_abandoned() {
        let (mut sender, body) = Body::channel(None);
        drop(body);
        assert!(std::future::poll_fn(|cx| sender.poll_demand(cx)).await.abandoned);
    }

    #[tokio::test]
    async fn collecting_stops_at_the_limit() {
        let body = Body::from("0123456789");
        assert_eq!(body.collect(10).await.unwrap(), "0123456789");
        let error = Body::from("0123456789").collect(9).await.unwrap_err();
        assert_eq!(error.status().as_u16(), 413);
    }
}
