//! What happened, in numbers, and as Prometheus reads them.
//!
//! Names are OpenTelemetry's; labels are the names of sites and routes, never a path or a host that a request brought.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::StatusCode;

use super::Running;

/// The upper bounds of the buckets of durations, in seconds, as OpenTelemetry advises for HTTP.
const BOUNDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// What happened on one route.
#[derive(Debug)]
pub struct RouteCounts {
    site: String,
    route: String,
    /// By the first digit of the status, from 1.
    answered: [AtomicU64; 5],
    under_way: AtomicI64,
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

/// A request that is under way on a route; dropped without an end, it was abandoned.
pub(super) struct Counting<'a>(&'a RouteCounts);

impl RouteCounts {
    pub(super) fn new(site: &str, route: &str) -> Self {
        Self {
            site: site.to_owned(),
            route: route.to_owned(),
            answered: Default::default(),
            under_way: AtomicI64::new(0),
            buckets: Default::default(),
            sum_micros: AtomicU64::new(0),
        }
    }

    pub(super) fn is_of(&self, site: &str, route: &str) -> bool {
        self.site == site && self.route == route
    }

    pub(super) fn begin(&self) -> Counting<'_> {
        self.under_way.fetch_add(1, Relaxed);
        Counting(self)
    }
}

impl Counting<'_> {
    pub(super) fn end(self, status: StatusCode, took: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.0.answered[class].fetch_add(1, Relaxed);
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.0.buckets[bucket].fetch_add(1, Relaxed);
        self.0.sum_micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }
}

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// Everything that is counted, in Prometheus's text format.
pub fn text(running: &Running) -> String {
    let mut text = String::new();
    let labels = |counts: &RouteCounts| {
        format!("server_address=\"{}\",http_route=\"{}\"", escaped(&counts.site), escaped(&counts.route))
    };
    describe(&mut text, "http_server_responses_total", "counter", "Responses, by the class of their status.");
    for counts in &running.counts {
        for (class, count) in (1..).zip(&counts.answered) {
            let (labels, count) = (labels(counts), count.load(Relaxed));
            line(&mut text, "http_server_responses_total", &format!("{labels},status_class=\"{class}xx\""), count);
        }
    }
    describe(&mut text, "http_server_active_requests", "gauge", "Requests whose response has not begun.");
    for counts in &running.counts {
        line(&mut text, "http_server_active_requests", &labels(counts), counts.under_way.load(Relaxed));
    }
    let name = "http_server_request_duration_seconds";
    describe(&mut text, name, "histogram", "From the head of a request to the head of its response.");
    for counts in &running.counts {
        let labels = labels(counts);
        let mut sum = 0;
        for (index, bucket) in counts.buckets.iter().enumerate() {
            sum += bucket.load(Relaxed);
            let bound = BOUNDS.get(index).map_or_else(|| "+Inf".to_owned(), f64::to_string);
            line(&mut text, &format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), sum);
        }
        line(&mut text, &format!("{name}_sum"), &labels, counts.sum_micros.load(Relaxed) as f64 / 1e6);
        line(&mut text, &format!("{name}_count"), &labels, sum);
    }
    upstreams(&mut text, running);
    text
}

fn upstreams(text: &mut String, running: &Running) {
    type Read = fn(&crate::proxy::group::Server) -> u64;
    let all: [(&str, &str, &str, Read); 7] = [
        ("wirelight_upstream_requests_total", "counter", "Requests sent to a server.", |it| {
            it.counts.requests.load(Relaxed)
        }),
        ("wirelight_upstream_failures_total", "counter", "Requests that failed at a server.", |it| {
            it.counts.failures.load(Relaxed)
        }),
        ("wirelight_upstream_retries_total", "counter", "Attempts made after a failure.", |it| {
            it.counts.retries.load(Relaxed)
        }),
        ("wirelight_upstream_ejections_total", "counter", "How often a server was left alone.", |it| {
            it.counts.ejections.load(Relaxed)
        }),
        ("wirelight_upstream_active_requests", "gauge", "Requests under way.", |it| it.outstanding() as u64),
        ("wirelight_upstream_connections", "gauge", "Open connections.", |it| it.connections().0 as u64),
        ("wirelight_upstream_healthy", "gauge", "Whether the health check found it well.", |it| {
            u64::from(it.is_well())
        }),
    ];
    for (name, kind, says, read) in all {
        describe(text, name, kind, says);
        for group in &running.groups {
            for server in &group.servers {
                let labels = format!("upstream=\"{}\",server=\"{}\"", escaped(&group.plan.name), escaped(&server.name));
                line(text, name, &labels, read(server));
            }
        }
    }
}

fn describe(text: &mut String, name: &str, kind: &str, says: &str) {
    let _ = writeln!(text, "# HELP {name} {says}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: impl std::fmt::Display) {
    let _ = writeln!(text, "{name}{{{labels}}} {value}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
