//! Interim responses that services have left, on their way to the engine.

use std::sync::Arc;
use std::task::{Context as Task, Waker};

use http::{StatusCode, Version, request};
use wirelight_proto::{Connection, Part, StreamId};
use wirelight_service::interim::{Interim, Outbox};
use wirelight_service::{Interims, Service};

use super::exchange::Exchange;
use super::link::Turn;
use super::serve::Serve;
use crate::Transport;
use crate::observe::Wire;

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// The way for a service to send interim responses, where the client can read them (RFC 9110, section 15.2).
    pub(super) fn interims(
        &mut self,
        parts: &request::Parts,
        stream: StreamId,
        turn: &mut Turn,
        cx: &Task<'_>,
    ) -> Option<Interims> {
        let waiting_max = self.context.config.interims_max;
        if waiting_max == 0 || parts.version < Version::HTTP_11 {
            return None;
        }
        let outbox = self.outbox.get_or_insert_with(|| {
            let mut spare = turn.spare.outbox.take();
            match spare.as_mut().and_then(Arc::get_mut) {
                Some(outbox) => outbox.adopt(waiting_max, cx.waker()),
                None => spare = None,
            }
            spare.unwrap_or_else(|| Outbox::new(waiting_max, cx.waker()))
        });
        Some(outbox.interims(stream.0))
    }

    /// Leaves the outbox to the next connection of the thread, if no service has a way to it: one that rests needs none.
    pub(super) fn leave_outbox(&mut self, turn: &mut Turn) {
        if !self.exchanges.is_empty() || self.outbox.is_none() {
            return;
        }
        turn.spare.forget();
        if let Some(outbox) = self.outbox.as_mut().and_then(Arc::get_mut) {
            // Who is not waited for is not to be kept by its waker.
            outbox.adopt(0, Waker::noop());
            turn.spare.outbox = self.outbox.take();
        }
    }

    /// Sends the interim responses that services have left.
    pub(super) fn say_interims(&mut self, answering: Option<&mut Exchange>, turn: &mut Turn) {
        let Some(outbox) = &self.outbox else { return };
        let left = outbox.take();
        if left.is_empty() {
            return;
        }
        let mut answering = answering;
        for Interim { exchange, status, fields } in left {
            let stream = StreamId(exchange);
            let of = match &mut answering {
                Some(answering) if answering.stream == stream => Some(&mut **answering),
                _ => self.exchanges.iter_mut().find(|exchange| exchange.stream == stream),
            };
            if let (StatusCode::CONTINUE, Some(exchange)) = (status, of) {
                exchange.awaits_continue = false;
            }
            let (mut parts, ()) = http::Response::new(()).into_parts();
            (parts.status, parts.headers) = (status, fields);
            let from = turn.out.end();
            // One that comes behind its response is too late.
            if self.link.engine.send(stream, Part::interim(parts), &mut turn.out).is_ok() {
                self.show_sent(Wire::HeadSent, from, turn);
            }
        }
    }
}
