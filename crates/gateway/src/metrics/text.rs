//! Everything that is counted, in Prometheus's text format, under OpenTelemetry's names.
//!
//! Labels are the names of sites, routes and servers as the config has them, never a path or a host that a request
//! brought.

use std::fmt::{Display, Write as _};
use std::sync::atomic::Ordering::Relaxed;

use super::{BOUNDS, Durations, Outcome, RouteCounts};
use crate::otlp;
use crate::proxy::group::{Group, Server};
use crate::run::Running;

/// Text that is being written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn describe(&mut self, name: &str, kind: &str, says: &str) {
        let _ = writeln!(self.0, "# HELP {name} {says}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) {
        match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        }
        .expect("a string takes everything");
    }

    fn histograms(&mut self, name: &str, common: &str, durations: &Durations) {
        for ((method, outcome), histogram) in durations.read() {
            let labels = format!("http_request_method=\"{method}\",{}{common}", told(outcome));
            let mut sum = 0;
            for (index, bucket) in histogram.buckets.iter().enumerate() {
                sum += bucket;
                let bound = BOUNDS.get(index).map_or_else(|| "+Inf".to_owned(), f64::to_string);
                self.line(&format!("{name}_bucket"), &format!("{labels},le=\"{bound}\""), sum);
            }
            self.line(&format!("{name}_sum"), &labels, histogram.sum_micros as f64 / 1e6);
            self.line(&format!("{name}_count"), &labels, sum);
        }
    }
}

/// The labels of an outcome.
fn told(outcome: Outcome) -> String {
    match outcome {
        Outcome::Status(status @ 500..) => {
            format!("http_response_status_code=\"{status}\",error_type=\"{status}\",")
        }
        Outcome::Status(status) => format!("http_response_status_code=\"{status}\","),
        Outcome::Broken(status) => format!("http_response_status_code=\"{status}\",error_type=\"broken_off\","),
        Outcome::Failed(because) => format!("error_type=\"{because}\","),
        Outcome::Other => "error_type=\"_OTHER\",".to_owned(),
    }
}

/// Everything that is counted.
pub fn text(running: &Running, spans: &otlp::Counts, reloads: (u64, u64)) -> String {
    let mut page = Page::default();
    // Routes of the same name are counted as one.
    let mut routes: Vec<&RouteCounts> = Vec::new();
    for counts in &running.counts {
        if !routes.iter().any(|known| std::ptr::eq(*known, &**counts)) {
            routes.push(counts);
        }
    }
    let name = "http_server_request_duration_seconds";
    page.describe(name, "histogram", "From the head of a request to the end of its response.");
    for counts in &routes {
        page.histograms(name, &of_route(&counts.site, &counts.route), &counts.durations);
    }
    page.describe("http_server_active_requests", "gauge", "Requests whose response has not ended.");
    for counts in &routes {
        page.line("http_server_active_requests", &of_route(&counts.site, &counts.route), counts.active());
    }
    upstreams(&mut page, &running.groups);
    page.describe("wirelight_reloads_total", "counter", "How often the config was read again.");
    let (done, refused) = reloads;
    page.line("wirelight_reloads_total", "outcome=\"done\"", done);
    page.line("wirelight_reloads_total", "outcome=\"refused\"", refused);
    page.describe("wirelight_spans_total", "counter", "Spans that were sent to the collector.");
    page.line("wirelight_spans_total", "outcome=\"exported\"", spans.exported.load(Relaxed));
    page.line("wirelight_spans_total", "outcome=\"failed\"", spans.failed.load(Relaxed));
    page.0
}

fn of_route(site: &str, route: &str) -> String {
    format!("wirelight_site=\"{}\",http_route=\"{}\"", escaped(site), escaped(route))
}

/// The labels of a server: its group, and where the config says that it is.
fn of_server(group: &Group, server: &Server) -> String {
    let (address, port) = match &server.plan.socket {
        Some(path) => (path.display().to_string(), None),
        None => {
            let default = if server.plan.uri.scheme_str() == Some("https") { 443 } else { 80 };
            let host = server.plan.uri.host().unwrap_or_default().to_owned();
            (host, Some(server.plan.uri.port_u16().unwrap_or(default)))
        }
    };
    let port = port.map(|port| format!(",server_port=\"{port}\"")).unwrap_or_default();
    format!("wirelight_upstream=\"{}\",server_address=\"{}\"{port}", escaped(&group.plan.name), escaped(&address))
}

fn upstreams(page: &mut Page, groups: &[std::sync::Arc<Group>]) {
    let each = || groups.iter().flat_map(|group| group.servers.iter().map(move |server| (group, server)));
    let name = "http_client_request_duration_seconds";
    page.describe(name, "histogram", "From sending a request to a server to the head of its response.");
    for (group, server) in each() {
        page.histograms(name, &of_server(group, server), &server.durations);
    }
    page.describe("http_client_active_requests", "gauge", "Requests that servers have not answered to the end.");
    for (group, server) in each() {
        page.line("http_client_active_requests", &of_server(group, server), server.outstanding());
    }
    page.describe("http_client_open_connections", "gauge", "Connections to servers.");
    for (group, server) in each() {
        let (all, resting) = server.connections();
        let labels = of_server(group, server);
        for (state, count) in [("active", all.saturating_sub(resting)), ("idle", resting)] {
            let labels = format!("http_connection_state=\"{state}\",{labels}");
            page.line("http_client_open_connections", &labels, count);
        }
    }
    type Read = fn(&Server) -> u64;
    let own: [(&str, &str, &str, Read); 3] = [
        ("wirelight_upstream_retries_total", "counter", "Attempts made after a failure.", |server| {
            server.counts.retries.load(Relaxed)
        }),
        ("wirelight_upstream_ejections_total", "counter", "How often a server was left alone.", |server| {
            server.counts.ejections.load(Relaxed)
        }),
        ("wirelight_upstream_healthy", "gauge", "Whether the health check found it well.", |server| {
            u64::from(server.is_well())
        }),
    ];
    for (name, kind, says, read) in own {
        page.describe(name, kind, says);
        for (group, server) in each() {
            page.line(name, &of_server(group, server), read(server));
        }
    }
}

/// A value of a label: it may hold anything but what ends it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
