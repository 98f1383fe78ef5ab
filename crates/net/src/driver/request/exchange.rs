//! One exchange under way: what is left of its request, and who reads its response.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header, request, response};
use tokio::sync::oneshot;
use wirelight_proto::h2::Protocol;
use wirelight_proto::{Length, StreamId};
use wirelight_service::body::Sender;
use wirelight_service::{Body, Error, Request};

use super::Marks;
use super::call::{Answer, OnInterim};
use super::failure::{Failure, Phase, Sent};
use super::recording::Recording;
use crate::Heads;
use crate::tunnel::Tunnel;
use crate::upgrade::{Promise, Upgrade};

/// Who reads the response.
#[expect(clippy::large_enum_variant, reason = "the common case stands inline; boxing it would cost every request")]
pub(super) enum Reader {
    /// Whoever polls the connection.
    Here(Arrived),
    /// Somebody else, who is told.
    Elsewhere {
        /// Awaits the head.
        answer: Option<oneshot::Sender<Result<Answer, Failure>>>,
        /// Reads the content; gone when it is complete or nobody wants it.
        content: Option<Sender>,
    },
}

/// What has arrived and was not taken yet.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) head: Option<(response::Parts, Length)>,
    pub(super) content: VecDeque<Bytes>,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) failed: Option<Failure>,
}

pub(super) struct Exchange {
    /// `None` until the engine has opened it.
    pub(super) stream: Option<StreamId>,
    /// The head of the request, until it is sent or, where the connection is its own, until it is answered.
    pub(super) head: Option<request::Parts>,
    /// What is left of the content; gone when the request is complete.
    pub(super) upload: Option<(Body, Bytes)>,
    /// Until when the content waits for 100 (Continue).
    pub(super) continue_by: Option<Instant>,
    pub(super) expects_continue: bool,
    /// The final response came while the content still waited: it is not sent any more.
    pub(super) held_back: bool,
    pub(super) reader: Reader,
    pub(super) on_interim: Option<OnInterim>,
    /// Whoever wants its heads as they pass.
    pub(super) heads: Option<Heads>,
    /// Whether the request was CONNECT, so that success makes the connection a tunnel.
    pub(super) may_tunnel: bool,
    /// What leaves by the tunnel through its stream, and how much of it may wait, where the connection has streams.
    tunnel: Option<(Sender, usize)>,
    /// Whoever awaits the bytes behind a switch of protocols.
    pub(super) promise: Option<Promise>,
    pub(super) marks: Marks,
    /// What an observer is told, if there is one.
    pub(super) recording: Option<Box<Recording>>,
    /// A byte of it has left.
    pub(super) touched: bool,
    /// The head of the response came.
    pub(super) answered: bool,
    /// The response is complete.
    pub(super) received: bool,
}

impl Exchange {
    pub(super) fn new(request: Request, reader: Reader, now: Instant) -> Self {
        let (mut parts, body) = request.into_parts();
        let expects_continue = parts
            .headers
            .get(header::EXPECT)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        let extensions = &mut parts.extensions;
        let (on_interim, heads) = match extensions.is_empty() {
            true => (None, None),
            false => (extensions.remove::<OnInterim>(), extensions.remove::<Heads>()),
        };
        Self {
            stream: None,
            may_tunnel: parts.method == Method::CONNECT,
            tunnel: None,
            promise: None,
            head: Some(parts),
            upload: Some((body, Bytes::new())),
            continue_by: None,
            expects_continue,
            held_back: false,
            reader,
            on_interim,
            heads,
            marks: Marks { began: now, sent: None, first_byte: None },
            recording: None,
            touched: false,
            answered: false,
            received: false,
        }
    }

    /// Whether it can be sent only once the server has said what it allows: extended CONNECT (RFC 8441, section 3).
    pub(super) fn needs_settings(&self) -> bool {
        self.head.as_ref().is_some_and(|parts| parts.extensions.get::<Protocol>().is_some())
    }

    /// What is sent on the stream of a CONNECT is what goes through the tunnel, if there will be one.
    pub(super) fn prepare_tunnel(&mut self, waiting_bytes_max: usize) {
        let (sent, body) = Body::channel(None);
        self.upload = Some((body, Bytes::new()));
        self.tunnel = Some((sent, waiting_bytes_max));
    }

    /// Whether both messages are complete.
    pub(super) fn is_complete(&self) -> bool {
        self.received && self.upload.is_none()
    }

    pub(super) fn phase(&self) -> Phase {
        match (self.answered, &self.upload) {
            (true, _) => Phase::Receiving,
            (false, Some(_)) => Phase::Sending,
            (false, None) if !self.touched => Phase::Sending,
            (false, None) => Phase::Waiting,
        }
    }

    /// Takes the head of the response.
    pub(super) fn answer(&mut self, mut parts: response::Parts, length: Length) {
        self.answered = true;
        let tunnel = self.may_tunnel && parts.status.is_success();
        if tunnel || parts.status == StatusCode::SWITCHING_PROTOCOLS {
            let (promise, upgrade) = Upgrade::channel();
            parts.extensions.insert(upgrade);
            self.promise = Some(promise);
        }
        match &mut self.reader {
            Reader::Here(arrived) => arrived.head = Some((parts, length)),
            Reader::Elsewhere { answer, content } => {
                let (sender, body) = Body::channel(known(length));
                *content = Some(sender);
                let body = match (self.tunnel.take(), &mut self.promise) {
                    (Some((sent, waiting_bytes_max)), promise @ Some(_)) => {
                        if let Some(promise) = promise.take() {
                            promise.fulfil(Tunnel::new(body, sent, waiting_bytes_max), Bytes::new());
                        }
                        Body::empty()
                    }
                    (refused, _) => {
                        if let Some((mut sent, _)) = refused {
                            sent.finish(HeaderMap::new());
                        }
                        body
                    }
                };
                let response = http::Response::from_parts(parts, body);
                if let Some(answer) = answer.take() {
                    // Whoever asked may be gone; then its content is found abandoned.
                    let _ = answer.send(Ok(Answer { response, marks: self.marks }));
                }
            }
        }
    }

    /// Takes content of the response.
    pub(super) fn content(&mut self, bytes: Bytes) {
        match &mut self.reader {
            Reader::Here(arrived) => arrived.content.push_back(bytes),
            Reader::Elsewhere { content: Some(content), .. } => content.push(bytes),
            Reader::Elsewhere { content: None, .. } => {}
        }
    }

    /// Takes the end of the response.
    pub(super) fn end(&mut self, trailers: HeaderMap) {
        self.received = true;
        match &mut self.reader {
            Reader::Here(arrived) => arrived.trailers = Some(trailers),
            Reader::Elsewhere { content, .. } => {
                if let Some(mut content) = content.take() {
                    content.finish(trailers);
                }
            }
        }
    }

    /// The head of the request as it was given.
    fn give_back(&mut self) -> Option<Box<request::Parts>> {
        let mut head = Box::new(self.head.take()?);
        if let Some(on_interim) = self.on_interim.take() {
            head.extensions.insert(on_interim);
        }
        if let Some(heads) = self.heads.take() {
            head.extensions.insert(heads);
        }
        Some(head)
    }

    /// Tells whoever reads that nothing more comes.
    pub(super) fn fail(&mut self, error: Error, closed: bool) {
        let sent = if self.touched { Sent::Something } else { Sent::Nothing };
        let failure = Failure::new(error, self.phase(), sent);
        self.fail_with(if closed && !self.answered { failure.closed() } else { failure });
    }

    pub(super) fn fail_with(&mut self, mut failure: Failure) {
        self.upload = None;
        if self.received {
            return;
        }
        self.received = true;
        failure.head = self.give_back();
        if let Some(recording) = &mut self.recording {
            recording.fail(&failure.error);
        }
        match &mut self.reader {
            Reader::Here(arrived) => arrived.failed = Some(failure),
            Reader::Elsewhere { answer, content } => {
                if let Some(answer) = answer.take() {
                    let _ = answer.send(Err(failure));
                } else if let Some(mut content) = content.take() {
                    content.fail(failure.error);
                }
            }
        }
    }
}

pub(super) fn known(length: Length) -> Option<u64> {
    match length {
        Length::Known(known) => Some(known),
        Length::Unknown => None,
    }
}
