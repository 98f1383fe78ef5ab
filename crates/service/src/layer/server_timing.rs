//! What an exchange spent its time on, for whoever asked: Server-Timing (W3C Server Timing).

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, StatusCode};

use super::Layered;
use crate::trail::{Hop, Mark};
use crate::{Clock, Exchange, Layer, Request, Response, Result, Service, Trail};

static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// How many layers and attempts are told of, the outermost and the first.
const TOLD_MAX: usize = 32;
/// How many characters of a reason are told.
const REASON_MAX: usize = 200;

/// Adds Server-Timing to responses: how long each thing took that was done inside until the head was there, and why the
/// response is what it is.
///
/// A metric is named as the [`Trail`] names it: `routed` with the time until then, a layer with the time from when it was
/// entered to when it was left, `connect` and `upstream` for each attempt to ask another server, with
/// how long the connection and the response took, and `total`. The decisive reason is the description of `why`. What the
/// response says of other servers stays before it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use wirelight_service::layer::{ServerTiming, Stage};
/// use wirelight_service::{Body, Clock, Request, Response, Result, Service, ServiceExt};
///
/// async fn hello(_: Request) -> Result<Response> {
///     Ok(Response::new(Body::from("hello")))
/// }
///
/// let layer = ServerTiming { clock: Clock::system(), reasons: true };
/// let service = hello.layer(Stage::named("hello")).layer(layer);
/// let response = service.call(Request::new(Body::empty())).await.unwrap();
/// let told = response.headers()["server-timing"].to_str().unwrap();
/// assert!(told.starts_with("hello;dur=0.") && told.contains(", total;dur=0."));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct ServerTiming {
    /// What time is told by.
    pub clock: Clock,
    /// Whether the decisive reason is told, too: to strangers as to anybody.
    pub reasons: bool,
}

impl<S> Layer<S> for ServerTiming {
    type Service = Layered<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        Layered { layer: self.clone(), inner }
    }
}

impl<S: Service> Service for Layered<ServerTiming, S> {
    async fn call(&self, mut request: Request) -> Result<Response> {
        let ServerTiming { clock, reasons } = &self.layer;
        let trail = timed(&mut request, clock);
        let began = clock.now();
        let mut response = self.inner.call(request).await?;
        let mut metrics = Metrics { began, text: String::new() };
        metrics.steps(&trail);
        trail.hops(|hops| metrics.hops(hops));
        metrics.add("total", clock.now().saturating_duration_since(began));
        if *reasons {
            metrics.reason(&trail, response.status());
        }
        if let Ok(value) = HeaderValue::from_str(&metrics.text) {
            response.headers_mut().append(&SERVER_TIMING, value);
        }
        Ok(response)
    }
}

/// The trail of a request, which keeps times from here on.
fn timed(request: &mut Request, clock: &Clock) -> Trail {
    match Exchange::find_mut(request) {
        Some(exchange) => {
            exchange.trail = exchange.trail.timed_from_here(clock);
            exchange.trail.clone()
        }
        None => {
            let trail = Trail::timed(clock.clone());
            request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
            trail
        }
    }
}

/// The metrics of a response, as they are written (W3C Server Timing, section 2).
struct Metrics {
    began: Instant,
    text: String,
}

impl Metrics {
    fn add(&mut self, name: &'static str, duration: Duration) {
        let separator = if self.text.is_empty() { "" } else { ", " };
        let microseconds = duration.as_micros();
        let _ = write!(self.text, "{separator}{name};dur={}.{:03}", microseconds / 1000, microseconds % 1000);
    }

    /// When it was known which route takes the request, where that was not known before, and the layers inside.
    fn steps(&mut self, trail: &Trail) {
        if let Some(routed) = trail.marks().iter().find(|mark| mark.name == "routed" && mark.at >= self.began) {
            self.add("routed", routed.at - self.began);
        }
        let began = self.began;
        let entered = trail.layers().into_iter().filter(|layer| layer.entered >= began);
        for layer in entered.take(TOLD_MAX) {
            if let Some(left) = layer.left {
                self.add(layer.name, left.saturating_duration_since(layer.entered));
            }
        }
    }

    /// How long other servers took: a connection where one was made, and the head of a response.
    fn hops(&mut self, hops: &[Hop]) {
        let began = self.began;
        for hop in hops.iter().filter(|hop| hop.began >= began).take(TOLD_MAX) {
            let steps = hop.steps.as_ref().filter(|steps| !steps.reused()).map(|steps| steps.steps());
            let stands = |step: &&Mark| matches!(&*step.name, "connected" | "proxied" | "secured");
            let connected = steps.iter().flatten().filter(stands).map(|step| step.at).max();
            let attempt = (hops.len() > 1).then_some(hop.attempt);
            if let Some(at) = connected {
                self.add("connect", at.saturating_duration_since(hop.began));
                self.attempt(attempt);
            }
            self.add("upstream", hop.ended.saturating_duration_since(hop.began));
            self.attempt(attempt);
        }
    }

    /// Which attempt the metric before is of, where there was more than one.
    fn attempt(&mut self, number: Option<u32>) {
        if let Some(number) = number {
            let _ = write!(self.text, ";desc=\"attempt {number}\"");
        }
    }

    /// Why the response is what it is.
    fn reason(&mut self, trail: &Trail, status: StatusCode) {
        let reason = trail.decisive(status, |decision| format!("{}: {}", decision.outcome(), decision.because()));
        if let Some(reason) = reason {
            let _ = write!(self.text, ", why;desc=\"{}\"", quoted(&reason));
        }
    }
}

/// What may stand in a quoted string; anything but visible ASCII and spaces becomes a question mark.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for (index, char) in text.chars().enumerate() {
        match char {
            _ if index == REASON_MAX => {
                quoted.push_str("...");
                break;
            }
            '"' | '\\' => quoted.extend(['\\', char]),
            ' '..='~' => quoted.push(char),
            _ => quoted.push('?'),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_quoted_so_that_nothing_ends_it() {
        for (reason, expected) in [
            ("it is so", "it is so"),
            ("a \"b\" \\ c", "a \\\"b\\\" \\\\ c"),
            ("a\r\nSet-Cookie: b, c;d=e", "a??Set-Cookie: b, c;d=e"),
            ("süß", "s??"),
        ] {
            assert_eq!(quoted(reason), expected);
        }
        let long = quoted(&"\"".repeat(1000));
        assert_eq!(long, "\\\"".repeat(REASON_MAX) + "...");
    }
}
