//! The record of an exchange, from its request to whoever reads it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, StatusCode, request};
use wirelight_proto::{Connection, StreamId};
use wirelight_service::{Service, Trail};

use super::link::Turn;
use super::serve::Serve;
use crate::Transport;
use crate::observe::{Asked, Begun, Ending, Record};

impl<T, E, S> Serve<T, E, S>
where
    T: Transport,
    E: Connection + Unpin,
    S: Service,
{
    /// The trail of a request that has just come; whoever watches the connection hears of it, and wants its times.
    pub(super) fn trail(&mut self, stream: StreamId, turn: &mut Turn) -> Trail {
        let first_in = self.watched.as_mut().and_then(|watched| watched.first_in.take());
        if let Some(watcher) = self.watcher() {
            let stream = self.link.engine.is_multiplexed().then_some(stream.0);
            let again = watcher.begun(self.number, Begun { stream, first_in, at: turn.now });
            return again.unwrap_or_else(|| Trail::timed(self.context.clock.clone()));
        }
        match self.context.reader() {
            // That of the record which will be filled again.
            Some(_) => turn.spare.records.last_mut().map_or_else(Trail::watched, |spare| spare.trail.renewed()),
            None => Trail::unwatched(),
        }
    }

    /// Opens the record of an exchange, if anybody will read it.
    pub(super) fn record(&self, parts: Option<&request::Parts>, trail: Trail, turn: &mut Turn) -> Option<Box<Record>> {
        let observer = self.context.reader()?;
        let mut record = match turn.spare.records.pop() {
            // What it said is forgotten, so that only this is left to be said anew.
            Some(mut spare) => {
                if !Arc::ptr_eq(&spare.connection, &self.connection) {
                    spare.connection = Arc::clone(&self.connection);
                }
                spare.number = self.number;
                spare.at = turn.wall(&self.context.clock);
                spare.began = turn.now;
                spare.trail = trail;
                spare
            }
            None => Box::new(self.blank(trail, turn)),
        };
        record.asked = parts.map(|parts| Asked {
            method: parts.method.clone(),
            target: parts.uri.clone(),
            version: parts.version,
            fields: observer.keep(&parts.headers),
        });
        Some(record)
    }

    /// The record of an exchange that has not gone further than to have begun.
    fn blank(&self, trail: Trail, turn: &mut Turn) -> Record {
        Record {
            connection: Arc::clone(&self.connection),
            number: self.number,
            asked: None,
            status: StatusCode::OK,
            fields: HeaderMap::new(),
            received_bytes: 0,
            sent_bytes: 0,
            at: turn.wall(&self.context.clock),
            began: turn.now,
            first_byte: None,
            total: Duration::ZERO,
            ending: Ending::Complete,
            trail,
            outbound: None,
        }
    }

    /// Closes a record and hands it over; it comes back if it may be filled again.
    pub(super) fn report(&self, mut record: Box<Record>, ending: Ending, now: Instant) -> Option<Box<Record>> {
        record.total = now.saturating_duration_since(record.began);
        if record.first_byte == Some(Duration::ZERO) {
            record.first_byte = Some(record.total);
        }
        record.ending = ending;
        if let Some(watcher) = self.watcher() {
            watcher.finished(&record);
        }
        let mut seen = self.context.observer.as_ref()?.seen(record)?;
        forget(&mut seen);
        Some(seen)
    }
}

/// Makes a record as if its exchange had just begun; only whose it is, when it began and its trail stay.
fn forget(record: &mut Record) {
    record.asked = None;
    record.status = StatusCode::OK;
    if !record.fields.is_empty() {
        record.fields = HeaderMap::new();
    }
    record.received_bytes = 0;
    record.sent_bytes = 0;
    record.first_byte = None;
    record.total = Duration::ZERO;
    record.ending = Ending::Complete;
    record.outbound = None;
}
