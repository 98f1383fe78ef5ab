//! One exchange under way on a connection: its handler, its bodies, and its record.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use wirelight_proto::StreamId;
use wirelight_service::body::Sender;
use wirelight_service::{Body, Error, Fault, Kind, Result};

use super::bell::Bell;
use super::place::Place;
use super::tunnel::Tunnelling;
use crate::observe::Record;
use crate::upgrade::Promise;

/// The head of a request exactly as it arrived; an extension of the request where the config asks for it.
#[derive(Debug, Clone)]
pub struct RawHead(pub Bytes);

pub(super) struct Exchange {
    pub(super) stream: StreamId,
    pub(super) phase: Phase,
    /// Where the content of the request goes; gone when it is complete or nobody wants it.
    pub(super) upload: Option<Sender>,
    /// Whether the request has come to its end.
    pub(super) received: bool,
    /// Whether the client waits for 100 before it sends the content.
    pub(super) awaits_continue: bool,
    /// Whether the request was HEAD, so that the response has no content.
    pub(super) head_only: bool,
    /// Whether the request was CONNECT, so that success makes the connection a tunnel.
    pub(super) may_tunnel: bool,
    /// Whether the stream itself becomes the tunnel.
    pub(super) tunnel: Tunnelling,
    /// Whether it is to be polled in this turn.
    pub(super) stirred: bool,
    /// What its handler and its body wake the connection with, if it is not alone.
    pub(super) bell: Option<Bell>,
    pub(super) promise: Option<Promise>,
    pub(super) record: Option<Box<Record>>,
}

pub(super) enum Phase {
    /// The handler has not answered yet.
    Handling(Place),
    /// The head was sent; this is the content, and what of it did not fit yet.
    Sending(Guarded<Body>, Bytes),
    /// The response agreed to another protocol.
    Switching,
    /// Everything was sent, and the peer still sends on its side of a tunnel.
    Receiving,
}

/// Something of a service's, whose panic as it is dropped costs no exchange anything.
pub(super) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(super) fn new(inner: T) -> Self {
        Self(Some(inner))
    }

    pub(super) fn get(&mut self) -> &mut T {
        self.0.as_mut().expect("it is here until it is dropped")
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        let inner = self.0.take();
        // The exchange has ended, or its outcome is known: there is nobody to be told.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(inner)));
    }
}

/// Polls a body; a panic becomes an error of ours and costs only this exchange.
pub(super) fn poll_body(body: &mut Body, cx: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>>>> {
    match catch_unwind(AssertUnwindSafe(|| http_body::Body::poll_frame(Pin::new(body), cx))) {
        Ok(frame) => frame,
        Err(panic) => Poll::Ready(Some(Err(panicked(&*panic)))),
    }
}

/// A panic as the error that it is to whoever asked.
pub(super) fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let words = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let because = format!("the handler panicked: {}", words.unwrap_or("without words"));
    Error::new(Kind::Panicked, Fault::Ours, because)
}
