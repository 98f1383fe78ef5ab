//! What an observer is told of an exchange on the side that asks: its parts as they pass, and its record.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Version, request};
use wirelight_proto::Part;
use wirelight_service::{Body, Error, Trail};

use super::RequestContext;
use crate::observe::{Asked, Ending, Record, Way};
use crate::tcp::Tcp;
use crate::{ConnectionInfo, Observer};

/// The record of an exchange under way. It goes to the observer when this is dropped, which is when the exchange ends.
pub(super) struct Recording {
    /// There until it is given away.
    record: Option<Box<Record>>,
    context: Arc<RequestContext>,
    /// The request has left, all of it.
    requested: bool,
    /// The response is whole.
    received: bool,
    failed: bool,
}

impl Recording {
    /// Begins the record of a request that is about to be sent, if anybody observes.
    pub(super) fn begin(
        context: &Arc<RequestContext>,
        connection: &Arc<ConnectionInfo>,
        number: u64,
        (parts, body): (&request::Parts, &Body),
        now: Instant,
    ) -> Option<Box<Self>> {
        let observer = context.observer.as_deref()?;
        let asked = Asked {
            method: parts.method.clone(),
            target: parts.uri.clone(),
            version: parts.version,
            fields: observer.keep(&parts.headers),
        };
        let record = Record {
            connection: Arc::clone(connection),
            number,
            asked: Some(asked),
            status: http::StatusCode::BAD_GATEWAY,
            fields: HeaderMap::new(),
            received_bytes: 0,
            sent_bytes: 0,
            at: context.clock.wall(),
            began: now,
            first_byte: None,
            total: std::time::Duration::ZERO,
            ending: Ending::Abandoned,
            trail: body.exchange().map_or_else(|| Trail::of(parts), |exchange| exchange.trail.clone()),
            outbound: Some(Box::default()),
        };
        let context = Arc::clone(context);
        Some(Box::new(Self {
            record: Some(Box::new(record)),
            context,
            requested: false,
            received: false,
            failed: false,
        }))
    }

    /// Notes a part as it passes, and shows it to whoever wants to see the parts.
    pub(super) fn pass(&mut self, way: Way, part: &Part, now: Instant) {
        let (Some(record), Some(observer)) = (&mut self.record, &self.context.observer) else { return };
        match (part, way) {
            (Part::Response(parts, _), _) => {
                record.status = parts.status;
                record.fields = observer.keep_of_response(&parts.headers);
                record.first_byte.get_or_insert(now.saturating_duration_since(record.began));
                if let Some(outbound) = &mut record.outbound {
                    outbound.version = Some(parts.version);
                }
            }
            (Part::Content(content), Way::Sent) => record.sent_bytes += content.len() as u64,
            (Part::Content(content), Way::Received) => record.received_bytes += content.len() as u64,
            (Part::End(_), Way::Sent) => self.requested = true,
            (Part::End(_), Way::Received) => {
                self.received = true;
                record.total = now.saturating_duration_since(record.began);
            }
            (Part::Request(..) | Part::Interim(_), _) => {}
        }
        if observer.wants_parts() {
            observer.part(&record.connection, record.number, way, part);
        }
    }

    /// Notes how TCP has carried it, where the observer looks that closely.
    pub(super) fn carried(&mut self, tcp: impl FnOnce() -> Option<Tcp>) {
        let closely = self.context.observer.as_deref().is_some_and(Observer::wants_parts);
        if closely && let Some(outbound) = self.record.as_mut().and_then(|record| record.outbound.as_mut()) {
            outbound.tcp = tcp();
        }
    }

    /// Notes that the connection went over to another protocol.
    pub(super) fn switch(&mut self) {
        if let Some(record) = &mut self.record {
            record.ending = Ending::Switched;
        }
    }

    /// Notes why it failed.
    pub(super) fn fail(&mut self, error: &Error) {
        self.failed = true;
        let Some(record) = &mut self.record else { return };
        if record.first_byte.is_none() {
            record.status = error.status();
        }
        if let Some(outbound) = &mut record.outbound {
            outbound.failed = Some(error.to_string());
        }
    }

    fn ending(&self, noted: Ending) -> Ending {
        match noted {
            Ending::Switched => Ending::Switched,
            _ if self.failed => Ending::Broken,
            _ if self.received && self.requested => Ending::Complete,
            _ if self.received => Ending::Refused,
            _ => Ending::Abandoned,
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        record.ending = self.ending(record.ending);
        if !self.received {
            record.total = self.context.clock.now().saturating_duration_since(record.began);
        }
        if let Some(observer) = &self.context.observer {
            observer.finished(record);
        }
    }
}

/// The version that a request is sent in, where the engine decides that and not the request.
pub(super) fn version(multiplexed: bool, asked: Version) -> Version {
    if multiplexed { Version::HTTP_2 } else { asked }
}
