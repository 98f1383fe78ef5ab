//! CONNECT on a connection of many streams: a response that agrees makes one stream a tunnel, and the others go on.

use std::task::Context as Task;

use bytes::Bytes;
use wirelight_proto::{Connection, Reason};
use wirelight_service::{Body, Service};

use super::exchange::{Exchange, Phase};
use super::link::Turn;
use super::serve::Serve;
use crate::Transport;
use crate::observe::Ending;
use crate::tunnel::Tunnel;

/// How far a request has come to a tunnel in its own stream.
#[derive(Default)]
pub(super) enum Tunnelling {
    /// It asks for none, or was refused.
    #[default]
    No,
    /// It asks for one; this is what comes on the stream.
    Asked(Body),
    /// It has one.
    Open,
}

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// Keeps what comes on the stream of a CONNECT apart from its request, which has no content.
    pub(super) fn prepare_tunnel(&self, exchange: &mut Exchange) -> bool {
        if !exchange.may_tunnel || !self.link.engine.is_multiplexed() {
            return false;
        }
        let (upload, received) = Body::channel(None);
        exchange.upload = Some(upload);
        exchange.tunnel = Tunnelling::Asked(received);
        true
    }

    /// The response agreed: whoever asked for the tunnel has it from now on.
    pub(super) fn open_tunnel(&mut self, mut exchange: Exchange, received: Body, turn: &mut Turn, cx: &mut Task<'_>) {
        let (sent, body) = Body::channel(None);
        if let Some(promise) = exchange.promise.take() {
            let tunnel = Tunnel::new(received, sent, self.context.config.tunnel_bytes_max);
            promise.fulfil(tunnel, Bytes::new());
        }
        exchange.tunnel = Tunnelling::Open;
        self.keep_sending(exchange, body, Bytes::new(), turn, cx);
    }

    /// Our side of a tunnel has ended; the exchange stays for what still comes.
    pub(super) fn half_close_tunnel(&mut self, mut exchange: Exchange) {
        exchange.phase = Phase::Receiving;
        // Whether anybody still reads is found out in this turn.
        exchange.stirred = true;
        self.exchanges.push(exchange);
    }

    /// Both sides of a tunnel have ended, or nobody reads what still comes.
    pub(super) fn close_tunnel(&mut self, mut exchange: Exchange, ended: bool, turn: &mut Turn) {
        if !ended {
            self.link.engine.reset(exchange.stream, Reason::Cancelled, &mut turn.out);
        }
        if let Some(record) = exchange.record.take() {
            self.report(record, Ending::Switched, turn.now);
        }
    }
}
