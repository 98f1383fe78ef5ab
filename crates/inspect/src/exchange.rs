//! One exchange as it is kept.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use http::{HeaderMap, StatusCode};
use wirelight_net::Ending;
use wirelight_proto::h2::frame::kind;
use wirelight_semantics::decision::Decision;
use wirelight_service::Trail;
use wirelight_service::trail::Hop;

use crate::connection::Connection;
use crate::content::Flow;
use crate::frames::Stream;
use crate::mask::Masks;
use crate::pieces::{Pieces, What};
use crate::view;
use crate::words::text;

/// What a decision takes, beside itself: a bound for the values of the exchange that it holds.
const DECISION_BYTES: usize = 256;

/// Where an exchange comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Live,
    Har,
}

/// What passed, as it passed.
#[derive(Debug)]
pub(crate) enum Passed {
    /// Messages of HTTP/1.
    Messages { pieces: Pieces, received: Flow, sent: Flow },
    /// Frames of HTTP/2.
    Frames(Stream),
}

/// One exchange as it is kept. Times are microseconds of the record's own time.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Which exchange of all it was, from 1.
    pub(crate) seq: u64,
    pub(crate) connection: Arc<Connection>,
    pub(crate) number: u64,
    pub(crate) origin: Origin,
    pub(crate) at: SystemTime,
    pub(crate) began: u64,
    /// When the first byte of its head was there.
    pub(crate) first_in: Option<u64>,
    pub(crate) first_byte: Option<u64>,
    pub(crate) total: u64,
    /// 0 while it is under way.
    pub(crate) status: u16,
    /// `None` while it is under way.
    pub(crate) ending: Option<Ending>,
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    /// What the request asked for, where its bytes were not kept: method and target.
    pub(crate) asked: Option<(String, String)>,
    pub(crate) passed: Passed,
    pub(crate) trail: Trail,
    /// When the record's own time began, for those of the trail.
    pub(crate) epoch: Instant,
    pub(crate) hops: Vec<KeptHop>,
}

/// A hop with its secrets masked.
#[derive(Debug)]
pub(crate) struct KeptHop {
    pub(crate) hop: Hop,
    /// The heads as they passed, where they were kept.
    pub(crate) heads: Pieces,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    /// When the first of the content of the response was there.
    pub(crate) content: Option<u64>,
}

impl Kept {
    /// How it is called: the connection, and which exchange of it this was.
    pub(crate) fn id(&self) -> String {
        match self.origin {
            Origin::Har => format!("har-{}", self.number),
            _ => format!("{}-{}", self.connection.id, self.number),
        }
    }

    /// What it takes in memory.
    pub(crate) fn cost_bytes(&self) -> usize {
        let decisions = self.trail.read(|all| all.len() * DECISION_BYTES);
        let passed = match &self.passed {
            Passed::Messages { pieces, received, sent } => {
                pieces.cost_bytes() + received.cost_bytes() + sent.cost_bytes()
            }
            Passed::Frames(stream) => stream.cost_bytes() + stream.received.cost_bytes() + stream.sent.cost_bytes(),
        };
        let asked = self.asked.as_ref().map_or(0, |(method, target)| method.capacity() + target.capacity());
        let hops: usize = self.hops.iter().map(KeptHop::cost_bytes).sum();
        size_of::<Self>() + passed + decisions + asked + hops + self.trail.held_bytes()
    }

    /// Whether anything was declined on the way.
    pub(crate) fn declines(&self) -> bool {
        self.trail.read(|all| all.iter().any(|decision| decision.declines()))
            || matches!(self.ending, Some(Ending::Abandoned | Ending::Broken))
            || (500..600).contains(&self.status)
    }

    /// When the first of the content of the response left.
    pub(crate) fn content_left(&self) -> Option<u64> {
        match &self.passed {
            Passed::Messages { pieces, .. } => {
                pieces.iter().find(|piece| matches!(piece.what, What::ContentSent)).map(|piece| piece.at)
            }
            Passed::Frames(stream) => {
                let is_content = |frame: &&crate::frames::Frame| frame.sent && frame.kind == kind::DATA;
                stream.frames.iter().find(is_content).map(|frame| frame.at)
            }
        }
    }

    /// Since the head of the request was complete, in microseconds.
    pub(crate) fn since(&self, at: u64) -> i64 {
        at as i64 - self.began as i64
    }

    /// A moment in the record's own time, in microseconds.
    pub(crate) fn micros(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.epoch).as_micros() as u64
    }

    /// When each decision of the trail was made, where that is known.
    pub(crate) fn decided(&self) -> Vec<Option<i64>> {
        self.trail.times().into_iter().map(|at| at.map(|at| self.since(self.micros(at)))).collect()
    }

    /// The layers that it went through.
    pub(crate) fn layers(&self) -> Vec<view::Layer> {
        let since = |at| self.since(self.micros(at));
        let shown = self.trail.layers().into_iter().map(|layer| view::Layer {
            name: layer.name.to_owned(),
            in_us: since(layer.entered),
            out_us: layer.left.map(since),
            place: layer.place.map(|place| place.to_string()),
        });
        shown.collect()
    }

    /// Calls `read` with the decision that explains its outcome best.
    pub(crate) fn decisive<T>(&self, read: impl FnOnce(&dyn Decision) -> T) -> Option<T> {
        self.trail.decisive(StatusCode::from_u16(self.status).ok()?, read)
    }
}

impl KeptHop {
    /// Masks what is secret in a hop.
    pub(crate) fn new(mut hop: Hop, masks: &Masks, micros: impl Fn(std::time::Instant) -> u64) -> Self {
        mask_fields(&mut hop.request.fields, masks);
        hop.request.target = text(&masks.target(hop.request.target.as_bytes()));
        if let Some(came) = &mut hop.response {
            mask_fields(&mut came.fields, masks);
        }
        let mut heads = Pieces::default();
        for head in hop.steps.iter().flat_map(|steps| steps.take_heads()) {
            let what = if head.is_sent { What::HeadSent } else { What::HeadReceived };
            heads.push(what, micros(head.at), |out| masks.append_head(&head.bytes, out));
        }
        heads.settle();
        let steps = hop.steps.as_ref().map(|steps| steps.steps()).unwrap_or_default();
        let content = steps.iter().find(|step| step.name == "content").map(|step| micros(step.at));
        Self { began: micros(hop.began), ended: micros(hop.ended), content, heads, hop }
    }

    fn cost_bytes(&self) -> usize {
        let Hop { upstream, request, response, failed, .. } = &self.hop;
        let came = response.as_ref().map_or(0, |came| fields_bytes(&came.fields));
        size_of::<Self>()
            + self.heads.cost_bytes()
            + upstream.capacity()
            + request.target.capacity()
            + fields_bytes(&request.fields)
            + came
            + failed.as_ref().map_or(0, String::capacity)
            // What is known of the connection that it went over.
            + 1024
    }
}

fn mask_fields(fields: &mut HeaderMap, masks: &Masks) {
    for (name, value) in fields.iter_mut() {
        if masks.hides(name.as_str().as_bytes()) {
            *value = http::HeaderValue::from_static("********");
        }
    }
}

fn fields_bytes(fields: &HeaderMap) -> usize {
    // An entry of the map, its place in the index, and what it owns.
    fields.iter().map(|(name, value)| 160 + name.as_str().len() + value.len()).sum::<usize>() + 64
}
