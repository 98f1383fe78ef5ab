//! What is kept of each attempt for whoever watches the exchange: what went up, what came back, and when.

use std::time::Instant;

use http::uri::PathAndQuery;
use wirelight_client::Watch;
use wirelight_net::Heads;
use wirelight_net::observe::Way;
use wirelight_service::trail::{Came, Head, Hop, Mark, Sent, Steps};
use wirelight_service::{Clock, Request, Response, Trail};

/// An attempt that somebody watches.
pub(super) struct Watched {
    trail: Trail,
    clock: Clock,
    hop: Hop,
}

/// What the client knows of a connection and its steps, and the heads that passed on it.
#[derive(Debug)]
struct Told {
    watch: Watch,
    heads: Heads,
}

impl Watched {
    /// Begins to watch an attempt, if anybody wants to know of it; the client is told to note its steps.
    pub(super) fn begin(
        trail: &Trail,
        clock: Clock,
        (server, attempt): (&str, u32),
        request: &mut Request,
    ) -> Option<Box<Self>> {
        if !trail.is_timed() {
            return None;
        }
        let watch = Watch::default();
        let heads = Heads::default();
        request.extensions_mut().insert(watch.clone());
        request.extensions_mut().insert(heads.clone());
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
        let sent = Sent { method: request.method().clone(), target, fields: request.headers().clone() };
        let began = clock.now();
        let hop = Hop {
            upstream: server.to_owned(),
            attempt,
            request: sent,
            response: None,
            failed: None,
            began,
            ended: began,
            steps: Some(Box::new(Told { watch, heads })),
        };
        Some(Box::new(Self { trail: trail.clone(), clock, hop }))
    }

    /// The server has answered.
    pub(super) fn answered(mut self, response: &Response) {
        let fields = response.headers().clone();
        self.hop.response = Some(Came { status: response.status(), version: response.version(), fields });
        self.end();
    }

    /// There was no answer.
    pub(super) fn failed(mut self, because: String) {
        self.hop.failed = Some(because);
        self.end();
    }

    fn end(mut self) {
        self.hop.ended = self.clock.now();
        self.trail.hop(self.hop);
    }
}

impl Steps for Told {
    fn steps(&self) -> Vec<Mark> {
        let Some(timings) = self.watch.last() else { return Vec::new() };
        let began: Instant = timings.began;
        let steps = [
            ("queued", timings.queued),
            ("resolved", timings.resolved),
            ("connected", timings.connected),
            ("proxied", timings.proxied),
            ("secured", timings.secured),
            ("sent", timings.sent),
            ("first-byte", timings.first_byte),
            ("content", timings.content),
            ("done", timings.done),
        ];
        let taken = steps.into_iter().filter_map(|(name, after)| Some((name, after?)));
        taken.map(|(name, after)| Mark { name: name.into(), at: began + after }).collect()
    }

    fn reused(&self) -> bool {
        self.watch.last().is_some_and(|timings| timings.reused)
    }

    fn take_heads(&self) -> Vec<Head> {
        let heads = self.heads.take().into_iter();
        heads.map(|head| Head { is_sent: head.way == Way::Sent, at: head.at, bytes: head.bytes }).collect()
    }
}
