//! Content that is coded as it is read.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use wirelight_semantics::coding::Coding;

use super::encoder::Encoder;
use super::{Compress, Levels};
use crate::{Body, Error, Result};

/// Coded content leaves in pieces of about this many bytes.
const PIECE_BYTES: usize = 16 * 1024;

/// Content that is coded as it is read, in bounded memory, a slice at a time.
pub(super) struct Coded {
    body: Body,
    stage: Stage,
    levels: Levels,
    slice_bytes: usize,
    /// Content that was read and is not coded yet.
    content: Bytes,
    /// Coded content that did not leave yet.
    coded: Vec<u8>,
    /// Whether the encoder may hold something back.
    is_holding: bool,
    /// How much was coded since other tasks had their turn.
    turn_bytes: usize,
}

enum Stage {
    /// Nothing was read yet: whoever never reads pays for no encoder.
    Unread(Coding),
    Reading(Encoder),
    Trailers(HeaderMap),
    Over,
}

impl Coded {
    pub(super) fn body(body: Body, coding: Coding, config: &Compress) -> Body {
        Body::stream(Self {
            body,
            stage: Stage::Unread(coding),
            levels: config.levels,
            slice_bytes: config.slice_bytes.max(1),
            content: Bytes::new(),
            coded: Vec::new(),
            is_holding: false,
            turn_bytes: 0,
        })
    }

    fn poll_coded(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if let Stage::Unread(coding) = self.stage {
            self.stage = Stage::Reading(Encoder::new(coding, self.levels, None)?);
        }
        while self.turn_bytes < self.slice_bytes {
            if self.content.is_empty() {
                match Pin::new(&mut self.body).poll_frame(cx)? {
                    Poll::Ready(Some(frame)) => match frame.into_data() {
                        Ok(content) => self.content = content,
                        Err(frame) => return self.finish(frame.into_trailers().unwrap_or_default()),
                    },
                    Poll::Ready(None) => return self.finish(HeaderMap::new()),
                    Poll::Pending => return self.pause(),
                }
            }
            self.code_slice()?;
            if self.coded.len() >= PIECE_BYTES {
                return Poll::Ready(Some(Ok(self.piece())));
            }
        }
        if !self.coded.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        self.turn_bytes = 0;
        give_way(cx)
    }

    fn code_slice(&mut self) -> Result<()> {
        let Stage::Reading(encoder) = &mut self.stage else {
            return Ok(());
        };
        let slice = self.content.split_to(self.content.len().min(self.slice_bytes - self.turn_bytes));
        self.turn_bytes += slice.len();
        self.is_holding = true;
        encoder.write(&slice, &mut self.coded)
    }

    /// There is no more content for now: what there was is let through.
    fn pause(&mut self) -> Poll<Option<Result<Frame<Bytes>>>> {
        self.turn_bytes = 0;
        if self.is_holding
            && let Stage::Reading(encoder) = &mut self.stage
        {
            self.is_holding = false;
            encoder.flush(&mut self.coded)?;
        }
        if self.coded.is_empty() { Poll::Pending } else { Poll::Ready(Some(Ok(self.piece()))) }
    }

    fn finish(&mut self, trailers: HeaderMap) -> Poll<Option<Result<Frame<Bytes>>>> {
        let next = if trailers.is_empty() { Stage::Over } else { Stage::Trailers(trailers) };
        if let Stage::Reading(encoder) = std::mem::replace(&mut self.stage, next) {
            encoder.finish(&mut self.coded)?;
        }
        Poll::Ready(Some(Ok(self.piece())))
    }

    fn piece(&mut self) -> Frame<Bytes> {
        Frame::data(std::mem::take(&mut self.coded).into())
    }
}

/// Gives other tasks their turn and asks for the next; a task that wakes itself would get many before the runtime looks
/// whether anything has come for the others.
fn give_way<T>(cx: &mut Context<'_>) -> Poll<T> {
    match pin!(tokio::task::yield_now()).poll(cx) {
        Poll::Pending => {}
        Poll::Ready(()) => cx.waker().wake_by_ref(),
    }
    Poll::Pending
}

impl http_body::Body for Coded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        match &mut self.stage {
            Stage::Over => return Poll::Ready(None),
            Stage::Trailers(trailers) => {
                let trailers = std::mem::take(trailers);
                self.stage = Stage::Over;
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            Stage::Unread(_) | Stage::Reading(_) => {}
        }
        let polled = self.poll_coded(cx);
        if let Poll::Ready(Some(Err(_))) = &polled {
            self.stage = Stage::Over;
            self.body = Body::empty();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }
}
