//! All that is known of one exchange or connection, made when somebody asks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use wirelight_net::tls::Secured;

use crate::annotate::{http1, http2};
use crate::connection::Connection;
use crate::exchange::{Kept, KeptHop, Passed};
use crate::frames::Frame;
use crate::inspector::Shared;
use crate::message;
use crate::pieces::{self, What};
use crate::story;
use crate::view;
use crate::words::{moment, text};

impl Shared {
    /// All that is known of an exchange.
    pub(crate) fn detail(&self, kept: &Kept) -> view::Detail {
        let wire = wire(kept);
        view::Detail {
            summary: message::summary(kept),
            request: message::request(kept),
            response: message::response(kept),
            trail: self.trail(kept),
            story: story::tell(kept),
            phases: story::phases(kept),
            layers: kept.layers(),
            hops: kept.hops.iter().map(|hop| self.hop(kept, hop, &wire)).collect(),
            connection: self.connection_view(&kept.connection),
            wire,
        }
    }

    fn trail(&self, kept: &Kept) -> Vec<view::Decided> {
        let times = kept.decided();
        kept.trail.read(|all| {
            let decided = all.iter().enumerate().map(|(index, decision)| view::Decided {
                rule: self.rules.show(decision.rule()),
                outcome: decision.outcome().into_owned(),
                because: decision.because().into_owned(),
                otherwise: decision.otherwise().map(Into::into),
                declines: decision.declines(),
                at_us: times.get(index).copied().flatten(),
            });
            decided.collect()
        })
    }

    fn hop(&self, kept: &Kept, kept_hop: &KeptHop, passed: &[view::Piece]) -> view::Hop {
        let hop = &kept_hop.hop;
        let request = view::Message {
            line: format!("{} {}", hop.request.method, hop.request.target),
            method: Some(hop.request.method.to_string()),
            target: Some(hop.request.target.clone()),
            fields: fields(&hop.request.fields),
            ..view::Message::default()
        };
        let response = hop.response.as_ref().map(|came| {
            let (status, version) = (came.status.as_u16(), format!("{:?}", came.version));
            let reason = message::reason_of(status);
            view::Message {
                line: format!("{version} {status} {reason}"),
                version,
                status: Some(status),
                reason: Some(reason),
                fields: fields(&came.fields),
                ..view::Message::default()
            }
        });
        let wire = crate::passing::wire(kept, kept_hop, &request, response.as_ref());
        let (request_beside, response_beside) = crate::passing::beside(passed, &wire);
        view::Hop {
            upstream: hop.upstream.clone(),
            attempt: hop.attempt,
            reused: hop.steps.as_ref().is_some_and(|steps| steps.reused()),
            request,
            response,
            error: hop.failed.clone(),
            phases: story::hop_phases(kept, kept_hop, |at| self.micros(at)),
            wire,
            request_beside,
            response_beside,
        }
    }

    /// A connection as it stands.
    pub(crate) fn connection_view(&self, connection: &Connection) -> view::Connection {
        let protocol = connection.protocol().map(str::to_owned);
        let state = connection.state();
        let peer = connection.peer.as_deref().unwrap_or("somebody");
        view::Connection {
            id: connection.id,
            peer: connection.peer.clone(),
            secure: connection.secured.as_deref().map(secure),
            protocol,
            opened: view::Opened { at: moment(connection.opened_at), because: format!("the client {peer} connected") },
            exchanges: state.exchanges,
            open: state.closed.is_none() && connection.id != 0,
            closed: state.closed.as_ref().map(|closed| view::Closed {
                at: moment(closed.at),
                outcome: closed.outcome.clone(),
                because: closed.because.clone(),
                rule: closed.rule.map(|rule| self.rules.show(rule)),
                otherwise: closed.otherwise.clone(),
                declines: closed.declines,
            }),
        }
    }

    /// A connection with all that rode on it.
    pub(crate) fn line(&self, connection: &Connection) -> view::Line {
        let all: Vec<_> =
            self.ring().newest_first().filter(|kept| kept.connection.id == connection.id).cloned().collect();
        let mut frames: Vec<(u64, view::Frame)> = Vec::new();
        let mut add = |frame: &Frame| frames.push((frame.order, frame_view(frame, connection.opened)));
        for kept in &all {
            if let Passed::Frames(stream) = &kept.passed {
                stream.frames.iter().for_each(&mut add);
            }
        }
        let mut frames_dropped = 0;
        if let Some(known) = &connection.state().frames {
            known.streams.iter().flat_map(|stream| &stream.frames).for_each(&mut add);
            known.control.iter().for_each(&mut add);
            frames_dropped = known.dropped;
        }
        frames.sort_by_key(|(order, _)| *order);
        view::Line {
            connection: self.connection_view(connection),
            rode: all.iter().rev().map(|kept| message::summary(kept)).collect(),
            frames: frames.into_iter().map(|(_, frame)| frame).collect(),
            frames_dropped,
        }
    }
}

fn secure(secured: &Secured) -> view::Secure {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    view::Secure {
        version: owned(secured.version),
        suite: owned(secured.suite),
        group: owned(secured.group),
        alpn: secured.alpn.as_deref().map(text),
    }
}

fn fields(fields: &HeaderMap) -> Vec<view::Field> {
    let shown = fields.iter().map(|(name, value)| {
        let redacted = value.as_bytes() == crate::mask::MASK;
        let value = if redacted { "•••".to_owned() } else { text(value.as_bytes()) };
        view::Field { name: name.as_str().to_owned(), value, redacted }
    });
    shown.collect()
}

pub(crate) fn direction(sent: bool) -> String {
    if sent { "sent" } else { "received" }.to_owned()
}

/// The bytes of an exchange as they passed, with what they mean.
fn wire(kept: &Kept) -> Vec<view::Piece> {
    match &kept.passed {
        Passed::Frames(stream) => {
            let pieces = stream.frames.iter().map(|frame| {
                let bytes = http2::bytes(frame);
                view::Piece {
                    direction: direction(frame.sent),
                    at_us: Some(kept.since(frame.at)),
                    length: bytes.len().max(9 + frame.length) as u64,
                    truncated: is_truncated(frame),
                    frames: true,
                    written: false,
                    spans: http2::frame(frame),
                    bytes: STANDARD.encode(bytes),
                }
            });
            pieces.collect()
        }
        Passed::Messages { pieces, received, sent } => {
            let mut framing = [http1::Framing::default(), http1::Framing::default()];
            let mut shown: Vec<view::Piece> = Vec::new();
            for piece in pieces.iter() {
                let is_sent = piece.what.is_sent();
                let flow = if is_sent { sent } else { received };
                let spans = match piece.what.is_head() {
                    true => http1::head(piece.bytes, !is_sent),
                    false => http1::body(piece.bytes, flow.chunked, &mut framing[usize::from(is_sent)]),
                };
                shown.push(view::Piece {
                    direction: direction(is_sent),
                    at_us: Some(kept.since(left_at(kept, &piece))),
                    bytes: STANDARD.encode(piece.bytes),
                    length: piece.bytes.len() as u64,
                    truncated: false,
                    frames: false,
                    written: false,
                    spans,
                });
            }
            for (is_sent, flow) in [(false, received), (true, sent)] {
                let last = shown.iter_mut().rev().find(|piece| piece.direction == direction(is_sent));
                if let Some(last) = last.filter(|_| flow.lost_bytes > 0) {
                    last.length += flow.lost_bytes;
                    last.truncated = true;
                }
            }
            shown
        }
    }
}

/// When a piece was there, or left: nothing of a final response leaves before its first byte does.
fn left_at(kept: &Kept, piece: &pieces::Piece<'_>) -> u64 {
    let is_interim = piece.what == What::HeadSent && piece.bytes.starts_with(b"HTTP/1.1 1");
    let first_byte = kept.first_byte.filter(|_| piece.what.is_sent() && !is_interim);
    piece.at.max(first_byte.unwrap_or(0))
}

fn is_truncated(frame: &Frame) -> bool {
    !frame.joined && frame.payload.len() < frame.length
}

fn frame_view(frame: &Frame, opened: u64) -> view::Frame {
    view::Frame {
        direction: direction(frame.sent),
        at_us: frame.at as i64 - opened as i64,
        stream: frame.stream,
        kind: http2::name(frame),
        flags: http2::flags(frame),
        length: frame.length as u64,
        says: http2::says(frame),
        bytes: STANDARD.encode(http2::bytes(frame)),
        truncated: is_truncated(frame),
        spans: http2::frame(frame),
    }
}
