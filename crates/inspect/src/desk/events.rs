//! The stream of events: each exchange as it begins and ends, each connection, and how much there is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http_body::Frame;
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;
use wirelight_service::{Body, Error, Response};

use super::Query;
use crate::Filter;
use crate::inspector::Shared;
use crate::message;

/// How many exchanges are told at once; of more, it is only said that they were.
const TOLD_MAX: usize = 500;
/// How long what comes is gathered, so that a busy server costs a watcher little.
const PAUSE: Duration = Duration::from_millis(100);
/// How long nothing may be said.
const SILENCE: Duration = Duration::from_secs(15);
/// How many connections are looked at, the newest.
const CONNECTIONS_MAX: usize = 200;

/// The stream, from the event on that was heard last; of exchanges it tells those that the filter wants.
pub(super) fn response(shared: &Arc<Shared>, query: &Query, filter: Filter, asked: &HeaderMap) -> Response {
    let last = asked.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let after = last.or_else(|| query.get("after")?.parse().ok());
    let told = after.unwrap_or_else(|| shared.ring().seen);
    let teller = Teller {
        news: shared.news.subscribe(),
        shared: Arc::clone(shared),
        filter,
        told,
        begun: false,
        open: Vec::new(),
        connections: BTreeMap::new(),
        counts: (0, 0, 0),
    };
    let mut response = Response::new(Body::stream(Events { next: Box::pin(teller.next()) }));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

type Next = Pin<Box<dyn Future<Output = (Teller, Bytes)> + Send>>;

/// The content of the stream; it ends when nobody reads any more.
struct Events {
    next: Next,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let (teller, text) = ready!(self.next.as_mut().poll(cx));
        self.next = Box::pin(teller.next());
        Poll::Ready(Some(Ok(Frame::data(text))))
    }
}

/// What one listener was told already.
struct Teller {
    shared: Arc<Shared>,
    news: watch::Receiver<u64>,
    filter: Filter,
    /// The last exchange.
    told: u64,
    begun: bool,
    /// Those under way.
    open: Vec<String>,
    /// Connections, and whether they stood.
    connections: BTreeMap<u64, bool>,
    counts: (usize, u64, u64),
}

impl Teller {
    /// Waits until there is something to say.
    async fn next(mut self) -> (Self, Bytes) {
        if !std::mem::replace(&mut self.begun, true) {
            let mut text = String::from("retry: 1000\n\n");
            self.gather(&mut text);
            return (self, text.into());
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            let silent = tokio::time::timeout(SILENCE, self.news.changed()).await.is_err();
            self.news.mark_unchanged();
            let mut text = String::new();
            self.gather(&mut text);
            if silent && text.is_empty() {
                text.push_str(": still here\n\n");
            }
            if !text.is_empty() {
                return (self, text.into());
            }
        }
    }

    fn gather(&mut self, text: &mut String) {
        let (new, counts) = {
            let ring = self.shared.ring();
            let told = self.told;
            let new: Vec<_> =
                ring.newest_first().take_while(|kept| kept.seq > told).take(TOLD_MAX + 1).cloned().collect();
            (new, (ring.len(), ring.dropped, ring.seen))
        };
        let missed = counts.2.saturating_sub(self.told).saturating_sub(new.len() as u64);
        if new.len() > TOLD_MAX || missed > 0 {
            event(text, "gap", None, &json!({ "missed": counts.2.saturating_sub(self.told) }));
        } else {
            for kept in new.iter().rev().filter(|kept| self.filter.wants(kept)) {
                event(text, "exchange", Some(kept.seq), &message::summary(kept));
            }
        }
        self.told = counts.2;
        let open = self.shared.open_exchanges();
        for kept in open.iter().filter(|kept| !self.open.contains(&kept.id()) && self.filter.wants(kept)) {
            event(text, "open", None, &message::summary(kept));
        }
        self.open = open.iter().map(|kept| kept.id()).collect();
        self.gather_connections(text);
        if counts != self.counts {
            let (kept, dropped, seen) = counts;
            // Whoever was told nothing else goes on behind it, too.
            event(text, "status", Some(seen), &json!({ "kept": kept, "dropped": dropped, "seen": seen }));
            self.counts = counts;
        }
    }

    fn gather_connections(&mut self, text: &mut String) {
        let known = self.shared.connections().newest_first();
        let mut now = BTreeMap::new();
        for connection in known.iter().take(CONNECTIONS_MAX) {
            let open = connection.state().closed.is_none();
            if self.connections.get(&connection.id) != Some(&open) {
                event(text, "connection", None, &self.shared.connection_view(connection));
            }
            now.insert(connection.id, open);
        }
        self.connections = now;
    }
}

fn event(text: &mut String, name: &str, id: Option<u64>, data: &impl Serialize) {
    let data = serde_json::to_string(data).expect("numbers, texts and lists of them can be written");
    let _ = write!(text, "event: {name}\ndata: {data}\n");
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    text.push('\n');
}
