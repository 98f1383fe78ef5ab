//! The exchange as it went: every layer in order with its time, labelled with its layer of the OSI model.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use wirelight_client::Timings;
use wirelight_net::{ConnectionInfo, Observer, Record, Wire};
use wirelight_service::Trail;

use super::show::escape;
use crate::print::Paint;

/// How much of the content `--raw` shows of each piece.
const RAW_BYTES_MAX: usize = 16 * 1024;

/// Keeps the heads that passed, and prints the bytes if wished for.
pub(super) struct Tap {
    pub(super) raw: bool,
    heads: Mutex<Vec<(Wire, Vec<u8>)>>,
}

impl Tap {
    pub(super) fn new(raw: bool) -> Self {
        Self { raw, heads: Mutex::default() }
    }

    /// The heads that passed since the last call, in order.
    pub(super) fn take_heads(&self) -> Vec<(Wire, Vec<u8>)> {
        std::mem::take(&mut self.heads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Tap {
    fn wants_bytes(&self) -> bool {
        true
    }

    fn bytes(&self, _: &ConnectionInfo, _: u64, wire: Wire, bytes: &[u8]) {
        if matches!(wire, Wire::HeadSent | Wire::HeadReceived) {
            self.heads.lock().unwrap_or_else(PoisonError::into_inner).push((wire, bytes.to_vec()));
        }
        if self.raw {
            let arrow = if matches!(wire, Wire::HeadSent | Wire::ContentSent) { '>' } else { '<' };
            let shown = &bytes[..bytes.len().min(RAW_BYTES_MAX)];
            let mut text = String::new();
            for line in shown.split_inclusive(|byte| *byte == b'\n') {
                // A String takes whatever is written to it.
                let _ = writeln!(text, "{arrow} {}", line.escape_ascii());
            }
            if shown.len() < bytes.len() {
                let _ = writeln!(text, "{arrow} ... {} bytes more", bytes.len() - shown.len());
            }
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }

    fn finished(&self, _: Box<Record>) {}
}

/// Every exchange, layer by layer.
pub(super) fn exchanges(all: &[Timings], heads: &[(Wire, Vec<u8>)], paint: Paint) -> String {
    let mut text = String::new();
    let mut heads = heads.iter().peekable();
    for (index, timings) in all.iter().enumerate() {
        if all.len() > 1 {
            let _ = writeln!(text, "{}", paint.strong(format!("exchange {} of {}", index + 1, all.len())));
        }
        layers(&mut text, timings, paint);
        // A request, then all responses to it up to the next request.
        let mut seen_request = false;
        while let Some((wire, bytes)) = heads.next_if(|(wire, _)| !(seen_request && *wire == Wire::HeadSent)) {
            seen_request |= *wire == Wire::HeadSent;
            head(&mut text, *wire, bytes, paint);
        }
        waterfall(&mut text, timings, paint);
    }
    text
}

fn layer(text: &mut String, paint: Paint, label: &str, what: &str, took: Option<Duration>) {
    let took = took.map(|took| format!("  {}", milliseconds(took))).unwrap_or_default();
    let _ = writeln!(text, "{} {what}{}", paint.quiet(format!("{label:<14}")), paint.quiet(took));
}

fn layers(text: &mut String, timings: &Timings, paint: Paint) {
    let Timings { queued, resolved, connected, secured, .. } = timings;
    let since =
        |from: &Option<Duration>, to: &Option<Duration>| Some((*to)?.saturating_sub((*from).unwrap_or_default()));
    if timings.reused {
        layer(text, paint, "4 transport", "a connection that was open already", *queued);
    }
    if !timings.addresses.is_empty() {
        let addresses: Vec<String> = timings.addresses.iter().map(|address| address.ip().to_string()).collect();
        layer(
            text,
            paint,
            "3 network",
            &format!("the name stands for {}", addresses.join(", ")),
            since(queued, resolved),
        );
    }
    for attempt in &timings.attempts {
        let outcome = match (&attempt.failed, attempt.took) {
            (Some(failed), _) => format!("{} {failed}", attempt.address),
            (None, Some(_)) => format!("{} took the connection", attempt.address),
            (None, None) => format!("{} was slower", attempt.address),
        };
        layer(text, paint, "4 transport", &outcome, attempt.took);
    }
    if let Some((there, here)) = timings.ends {
        layer(text, paint, "4 transport", &format!("TCP from {here} to {there}"), None);
    }
    if timings.proxied.is_some() {
        layer(text, paint, "5 session", "the proxy showed the way", since(connected, &timings.proxied));
    }
    if let Some(tls) = &timings.tls {
        let named: Vec<&str> = [tls.version, tls.suite, tls.group].into_iter().flatten().collect();
        let alpn = tls.alpn.as_deref().map(|alpn| format!(", ALPN {}", alpn.escape_ascii())).unwrap_or_default();
        let before = timings.proxied.or(*connected);
        layer(text, paint, "6 presentation", &format!("{}{alpn}", named.join(", ")), since(&before, secured));
        for certificate in &timings.presented {
            let until = wirelight_semantics::date::text(certificate.not_after);
            layer(text, paint, "", &format!("certificate {certificate}, until {until}"), None);
        }
    }
}

fn head(text: &mut String, wire: Wire, bytes: &[u8], paint: Paint) {
    let arrow = if wire == Wire::HeadSent { '>' } else { '<' };
    if !bytes.starts_with(b"HTTP/") && !bytes.ends_with(b"\r\n\r\n") {
        layer(text, paint, "7 application", &format!("{arrow} {} bytes of HTTP/2 frames", bytes.len()), None);
        return;
    }
    for (number, line) in String::from_utf8_lossy(bytes).trim_end().lines().enumerate() {
        let label = if number == 0 { "7 application" } else { "" };
        layer(text, paint, label, &format!("{arrow} {}", escape(line)), None);
    }
}

/// How wide the bars are.
const WIDTH: usize = 40;

fn waterfall(text: &mut String, timings: &Timings, paint: Paint) {
    let Some(total) = timings.done.or(timings.first_byte).filter(|total| !total.is_zero()) else { return };
    let steps = [
        ("queue", timings.queued),
        ("name", timings.resolved),
        ("connect", timings.connected),
        ("proxy", timings.proxied),
        ("TLS", timings.secured),
        ("send", timings.sent),
        ("wait", timings.first_byte),
        ("receive", timings.done),
    ];
    let mut from = Duration::ZERO;
    for (name, end) in steps {
        let Some(end) = end else { continue };
        let column = |at: Duration| (at.as_secs_f64() / total.as_secs_f64() * WIDTH as f64).round() as usize;
        let (start, stop) = (column(from).min(WIDTH), column(end).min(WIDTH));
        let bar = "#".repeat(stop.saturating_sub(start).max(1));
        let took = milliseconds(end.saturating_sub(from));
        let _ = writeln!(
            text,
            "{} {}{bar}{} {took:>10}",
            paint.quiet(format!("{name:<14}")),
            " ".repeat(start),
            " ".repeat((WIDTH + 1).saturating_sub(start + bar.len()))
        );
        from = from.max(end);
    }
    let _ = writeln!(text, "{} {}", paint.quiet(format!("{:<14}", "in all")), milliseconds(total));
}

/// Each decision: what, why, by which rule, and what would have changed it.
pub(super) fn decisions(trail: &Trail, paint: Paint) -> String {
    let mut text = String::new();
    trail.read(|all| {
        for decision in all {
            let outcome = escape(&decision.outcome());
            let shown =
                if decision.declines() { paint.bad(&outcome).to_string() } else { paint.strong(&outcome).to_string() };
            let _ = writeln!(text, "{shown}: {}", escape(&decision.because()));
            if let Some(otherwise) = decision.otherwise() {
                let _ = writeln!(text, "  {}", paint.quiet(escape(&otherwise)));
            }
            let _ = writeln!(text, "  {}", paint.quiet(decision.rule()));
        }
    });
    text
}

/// A time, in milliseconds.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
