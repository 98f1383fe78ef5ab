//! Exporting spans to a collector (OTLP over HTTP), through our own client.
//!
//! Each exchange that is sampled becomes a span of the kind server, with its decisions as events. Spans wait in a
//! bounded queue for a thread that sends them; what does not fit is dropped, and no exchange waits for a collector.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Uri};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanExporter, SpanLinks, SpanProcessor,
};
use tokio::runtime::Handle;
use wirelight_client::{Config, Connections};
use wirelight_net::observe::{Ending, Record};
use wirelight_service::{Body, Peer, Service};

use crate::access_log::Secrets;
use crate::config::plan::Tracing;
use crate::routes::Routed;
use crate::trace_context::Context;

/// How long a collector may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of a collector's answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// The most spans that wait to be sent.
const SPANS_MAX: usize = 8192;
/// How long spans wait for others to be sent with them.
const DELAY: Duration = Duration::from_millis(500);
/// The most decisions of one exchange that become events of its span.
const EVENTS_MAX: usize = 64;

/// Why spans cannot be exported.
#[derive(Debug)]
pub struct Unexportable(String);

impl fmt::Display for Unexportable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unexportable {}

/// What has become of spans.
#[derive(Debug, Default)]
pub struct Counts {
    /// A collector took them.
    pub exported: AtomicU64,
    /// They could not be sent, or no collector took them.
    pub failed: AtomicU64,
}

/// Sends spans to a collector.
#[derive(Debug)]
pub struct Exporter {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
    secrets: Secrets,
}

impl Exporter {
    /// Begins to send to the collector at `collector`, on `runtime`.
    ///
    /// # Errors
    /// If there can be no client.
    pub fn start(collector: &Uri, plan: &Tracing, counts: Arc<Counts>, runtime: Handle) -> Result<Self, Unexportable> {
        let connections = Connections::new(Config::default()).map_err(|fault| Unexportable(fault.to_string()))?;
        let inner = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Poster { connections, runtime })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(collector.to_string())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| Unexportable(error.to_string()))?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(SPANS_MAX).with_scheduled_delay(DELAY).build();
        let mut processor = BatchSpanProcessor::builder(Counted { inner, counts }).with_batch_config(batches).build();
        processor.set_resource(&Resource::builder().with_service_name(plan.service.clone()).build());
        let scope = InstrumentationScope::builder("wirelight").with_version(env!("CARGO_PKG_VERSION")).build();
        Ok(Self { processor, scope, secrets: Secrets::default() })
    }

    /// Exports the span of an exchange, if its trace is sampled.
    pub fn export(&self, record: &Record) {
        let Some(context) = record.trail.first(Context::clone).filter(|context| context.sampled) else { return };
        self.processor.on_end(span(record, &context, &self.secrets, self.scope.clone()));
    }

    /// Sends what waits, and ends.
    pub fn finish(&self) {
        // What a collector does not take in time is lost; there is nobody left to tell.
        let _ = self.processor.shutdown_with_timeout(TIMEOUT);
    }
}

/// The span of an exchange.
fn span(record: &Record, context: &Context, secrets: &Secrets, scope: InstrumentationScope) -> SpanData {
    let flags = TraceFlags::SAMPLED;
    let trace = TraceId::from_bytes(context.trace.0.to_be_bytes());
    let span = SpanId::from_bytes(context.span.0.to_be_bytes());
    let parent = context.parent.map_or(SpanId::INVALID, |parent| SpanId::from_bytes(parent.0.to_be_bytes()));
    let end = record.at + record.total;
    let route = record.trail.first(|routed: &Routed| match routed {
        Routed::Taken { route, .. } => Some(route.to_string()),
        _ => None,
    });
    let route = route.flatten();
    let method = record.asked.as_ref().map_or("HTTP", |asked| known(&asked.method));
    let name = match &route {
        Some(route) => format!("{method} {route}"),
        None => method.to_owned(),
    };
    SpanData {
        span_context: SpanContext::new(trace, span, flags, false, TraceState::NONE),
        parent_span_id: parent,
        parent_span_is_remote: context.parent.is_some(),
        span_kind: SpanKind::Server,
        name: name.into(),
        start_time: record.at,
        end_time: end,
        attributes: attributes(record, route, secrets),
        dropped_attributes_count: 0,
        events: events(record, end),
        links: SpanLinks::default(),
        status: status(record),
        instrumentation_scope: scope,
    }
}

/// The method as names of spans may have it: few.
fn known(method: &Method) -> &'static str {
    crate::metrics::method_name(method)
}

fn attributes(record: &Record, route: Option<String>, secrets: &Secrets) -> Vec<KeyValue> {
    let mut attributes = Vec::new();
    if let Some(asked) = &record.asked {
        let method = known(&asked.method);
        attributes.push(KeyValue::new("http.request.method", method));
        if method == crate::metrics::OTHER {
            attributes.push(KeyValue::new("http.request.method_original", asked.method.to_string()));
        }
        let target = asked.shown_target();
        let masked = secrets.mask_target(target.as_bytes());
        let (path, query) = match memchr::memchr(b'?', &masked) {
            Some(at) => (&masked[..at], Some(&masked[at + 1..])),
            None => (&masked[..], None),
        };
        attributes.push(KeyValue::new("url.path", String::from_utf8_lossy(path).into_owned()));
        if let Some(query) = query {
            attributes.push(KeyValue::new("url.query", String::from_utf8_lossy(query).into_owned()));
        }
        attributes.push(KeyValue::new("network.protocol.version", asked.shown_version().trim_start_matches("HTTP/")));
    }
    let scheme = if record.connection.secured.is_some() { "https" } else { "http" };
    attributes.push(KeyValue::new("url.scheme", scheme));
    attributes.push(KeyValue::new("http.response.status_code", i64::from(record.status.as_u16())));
    attributes.push(KeyValue::new("http.request.body.size", record.received_bytes as i64));
    attributes.push(KeyValue::new("http.response.body.size", record.sent_bytes as i64));
    if let Some(route) = route {
        attributes.push(KeyValue::new("http.route", route));
    }
    if let Some(Peer::Internet(address)) = &record.connection.peer {
        attributes.push(KeyValue::new("client.address", address.ip().to_string()));
    }
    attributes
}

/// The decisions: in which order they were made is known, and not when.
fn events(record: &Record, at: SystemTime) -> SpanEvents {
    let mut events = SpanEvents::default();
    record.trail.read(|all| {
        for decision in all.iter().take(EVENTS_MAX) {
            let rule = decision.rule();
            let attributes = vec![
                KeyValue::new("wirelight.section", rule.section),
                KeyValue::new("wirelight.outcome", decision.outcome().into_owned()),
                KeyValue::new("wirelight.because", decision.because().into_owned()),
                KeyValue::new("wirelight.declines", decision.declines()),
            ];
            events.events.push(Event::new(rule.name, at, attributes, 0));
        }
        events.dropped_count = u32::try_from(all.len().saturating_sub(EVENTS_MAX)).unwrap_or(u32::MAX);
    });
    events
}

fn status(record: &Record) -> Status {
    let broken = matches!(record.ending, Ending::Broken);
    if !broken && !record.status.is_server_error() {
        return Status::Unset;
    }
    let because = record.trail.decisive(record.status, |decision| decision.because().into_owned());
    Status::error(because.unwrap_or_else(|| record.status.to_string()))
}

/// Counts what becomes of spans.
#[derive(Debug)]
struct Counted {
    inner: opentelemetry_otlp::SpanExporter,
    counts: Arc<Counts>,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let exported = self.inner.export(batch).await;
        let counter = if exported.is_ok() { &self.counts.exported } else { &self.counts.failed };
        counter.fetch_add(count, Relaxed);
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Our client, for whoever exports: the request is sent on the runtime, and waited for wherever the exporter runs.
#[derive(Debug)]
struct Poster {
    connections: Connections,
    runtime: Handle,
}

impl HttpClient for Poster {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        let connections = self.connections.clone();
        let send = async move {
            let answer = connections.call(request.map(Body::from)).await?;
            let (parts, body) = answer.into_parts();
            let content = body.collect(ANSWER_BYTES_MAX).await?;
            Ok::<_, wirelight_service::Error>(http::Response::from_parts(parts, content))
        };
        let sent = self.runtime.spawn(async move { tokio::time::timeout(TIMEOUT, send).await });
        Box::pin(async move { Ok(sent.await???) })
    }
}
