//! Who watches the exchanges of a gateway: the access logs and the exporter of spans, which a reload may swap.

use std::fmt::Display;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use http::HeaderMap;
use tokio::runtime::Handle;
use wirelight_net::observe::{ConnectionInfo, Observer, Record, Watcher, Wire};

use super::Trouble;
use super::logs::Logs;
use crate::config::Plan;
use crate::otlp::{Counts, Exporter};

/// An observer whose parts can be swapped under the exchanges.
pub(super) struct Watch {
    logs: ArcSwap<Logs>,
    spans: ArcSwapOption<Exporter>,
    /// What became of spans, whoever exported them.
    pub(super) counts: Arc<Counts>,
    /// Somebody else who watches.
    other: Option<Arc<dyn Observer>>,
}

/// What a new plan needs that the old one did not have, opened but not used yet.
pub(super) struct Prepared {
    logs: Logs,
    spans: Option<Option<Exporter>>,
}

impl Watch {
    pub(super) fn new(other: Option<Arc<dyn Observer>>) -> Self {
        Self { logs: ArcSwap::default(), spans: ArcSwapOption::empty(), counts: Arc::default(), other }
    }

    /// Opens what is different in a plan; nothing is swapped yet.
    pub(super) fn prepare(&self, old: Option<&Plan>, new: &Plan, control: &Handle) -> Result<Prepared, Trouble> {
        let same_spans = old.is_some_and(|old| old.tracing == new.tracing);
        let logs = self.logs.load().prepare(new)?;
        let exporting = new.tracing.as_ref().and_then(|tracing| Some((tracing.collector.as_ref()?, tracing)));
        let spans = match exporting {
            _ if same_spans => None,
            Some((collector, tracing)) => {
                let exporter = Exporter::start(collector, tracing, Arc::clone(&self.counts), control.clone());
                Some(Some(exporter.map_err(|error| Trouble::Collector(collector.clone(), error))?))
            }
            None => Some(None),
        };
        Ok(Prepared { logs, spans })
    }

    /// Puts into use what was prepared. What is replaced writes out what it has.
    pub(super) fn swap(&self, prepared: Prepared) {
        self.logs.store(Arc::new(prepared.logs));
        if let Some(spans) = prepared.spans
            && let Some(old) = self.spans.swap(spans.map(Arc::new))
        {
            // It may wait for a collector, and nobody is to wait for that.
            std::thread::spawn(move || old.finish());
        }
    }

    /// Has log files looked at: those that were moved away are made anew.
    pub(super) fn reopen(&self) {
        self.logs.load().reopen();
    }

    /// Writes out everything, and ends.
    pub(super) fn finish(&self) {
        self.logs.store(Arc::default());
        if let Some(spans) = self.spans.swap(None) {
            spans.finish();
        }
    }
}

/// What somebody else keeps of a message's fields; the log's choice where that is nothing.
fn either(kept: HeaderMap, log: impl FnOnce() -> HeaderMap) -> HeaderMap {
    if kept.is_empty() { log() } else { kept }
}

impl Observer for Watch {
    fn wants_records(&self) -> bool {
        self.logs.load().any().is_some()
            || self.spans.load().is_some()
            || self.other.as_ref().is_some_and(|other| other.wants_records())
    }

    fn wants_bytes(&self) -> bool {
        self.other.as_ref().is_some_and(|other| other.wants_bytes())
    }

    fn bytes(&self, connection: &ConnectionInfo, number: u64, wire: Wire, bytes: &[u8]) {
        if let Some(other) = &self.other {
            other.bytes(connection, number, wire, bytes);
        }
    }

    fn watch(&self, connection: &Arc<ConnectionInfo>) -> Option<Box<dyn Watcher>> {
        self.other.as_ref()?.watch(connection)
    }

    fn keep(&self, fields: &HeaderMap) -> HeaderMap {
        match (&self.other, self.logs.load().any()) {
            (Some(other), Some(log)) => either(other.keep(fields), || log.keep(fields)),
            (Some(other), None) => other.keep(fields),
            (None, Some(log)) => log.keep(fields),
            (None, None) => HeaderMap::new(),
        }
    }

    fn keep_of_response(&self, fields: &HeaderMap) -> HeaderMap {
        match (&self.other, self.logs.load().any()) {
            (Some(other), Some(log)) => either(other.keep_of_response(fields), || log.keep_of_response(fields)),
            (Some(other), None) => other.keep_of_response(fields),
            (None, Some(log)) => log.keep_of_response(fields),
            (None, None) => HeaderMap::new(),
        }
    }

    fn finished(&self, record: Box<Record>) {
        self.seen(record);
    }

    fn seen(&self, record: Box<Record>) -> Option<Box<Record>> {
        let logs = self.logs.load();
        if let Some(log) = logs.of(&record.trail) {
            log.write(&record);
        }
        if let Some(spans) = &*self.spans.load() {
            spans.export(&record);
        }
        logs.release(&record.trail);
        match &self.other {
            Some(other) => other.seen(record),
            None => Some(record),
        }
    }

    fn closed(&self, connection: &ConnectionInfo, because: &dyn Display) {
        if let Some(other) = &self.other {
            other.closed(connection, because);
        }
    }
}
