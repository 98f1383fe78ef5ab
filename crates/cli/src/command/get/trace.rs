//! The exchange as it went: every layer in order with its time, labelled with its layer of the OSI model.

use std::fmt::Write as _;
use std::time::{Duration, Instant, SystemTime};

use http::Uri;
use wirelight_client::Timings;
use wirelight_net::Tcp;
use wirelight_net::observe::Way;
use wirelight_net::tls::client::Check;
use wirelight_service::Trail;

use super::progress::size;
use super::show::head_line;
use super::watcher::{Event, What};
use crate::print::{Paint, escape};

const NETWORK: &str = "3 network";
const TRANSPORT: &str = "4 transport";
const SESSION: &str = "5 session";
const PRESENTATION: &str = "6 presentation";
const APPLICATION: &str = "7 application";

/// How wide the bars of a waterfall are.
const WIDTH: usize = 40;

/// Tells exchanges, each part once, as far as they have come.
#[derive(Debug)]
pub(super) struct Story {
    paint: Paint,
    /// Whether any certificate is taken.
    insecure: bool,
    /// How many exchanges were begun to be told, and how many were told to their end.
    begun: usize,
    ended: usize,
    /// What was told of the layers of the exchange that was begun last.
    told: Told,
    /// How many events were told.
    events: usize,
}

/// What was told of the layers below HTTP.
#[derive(Debug, Default)]
struct Told {
    connection: bool,
    addresses: bool,
    attempts: usize,
    socket: bool,
    tcp: bool,
    proxied: bool,
    secured: bool,
}

impl Story {
    pub(super) fn new(paint: Paint, insecure: bool) -> Self {
        Self { paint, insecure, begun: 0, ended: 0, told: Told::default(), events: 0 }
    }

    /// What there is to tell since the last call; with `over`, of the last exchange too.
    pub(super) fn tell(&mut self, all: &[Timings], events: &[Event], over: bool) -> String {
        let mut text = String::new();
        for (index, timings) in all.iter().enumerate().skip(self.ended) {
            if index >= self.begun {
                self.begun = index + 1;
                self.told = Told::default();
                if index > 0 {
                    let _ = writeln!(text, "\n{}", self.paint.strong(escape(&timings.asked)));
                }
            }
            Layers { text: &mut text, paint: self.paint, timings, told: &mut self.told }.write(self.insecure);
            let until = all.get(index + 1).map(|next| next.began);
            while let Some(event) = events.get(self.events).filter(|event| until.is_none_or(|until| event.at < until)) {
                self.events += 1;
                self.event(&mut text, timings, event);
            }
            if until.is_some() || over {
                self.ended = index + 1;
                waterfall(&mut text, timings, self.paint);
            }
        }
        text
    }

    fn event(&self, text: &mut String, timings: &Timings, event: &Event) {
        let at = Some(event.at.saturating_duration_since(timings.began));
        let arrow = |way: &Way| if *way == Way::Sent { '>' } else { '<' };
        let mut line = |label, at, what: &str| write_line(text, self.paint, label, at, what);
        match &event.what {
            What::Head(way, bytes) => {
                for (number, head) in String::from_utf8_lossy(bytes).trim_end().lines().enumerate() {
                    let (label, at) = if number == 0 { (APPLICATION, at) } else { ("", None) };
                    line(label, at, &format!("{} {}", arrow(way), head_line(number, head, self.paint)));
                }
            }
            What::End { way, bytes, since, trailers } => {
                if *bytes > 0 {
                    let took = since.map_or(Duration::ZERO, |since: Instant| event.at - since);
                    let took = if took.is_zero() { String::new() } else { format!(" in {}", milliseconds(took)) };
                    line(APPLICATION, at, &format!("{} {} of content{took}", arrow(way), size(*bytes)));
                }
                for (name, value) in trailers {
                    let field = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
                    line("", None, &format!("{} {} (trailer)", arrow(way), head_line(1, &field, self.paint)));
                }
            }
            What::Over { tcp, failed } => {
                if let Some(tcp) = tcp {
                    line(TRANSPORT, at, &format!("by then: {}", carried(tcp)));
                }
                if let Some(failed) = failed {
                    line("", at, &self.paint.bad(escape(failed)).to_string());
                }
            }
        }
    }
}

fn write_line(text: &mut String, paint: Paint, label: &str, at: Option<Duration>, what: &str) {
    let at = at.map(milliseconds).unwrap_or_default();
    let _ = writeln!(text, "{} {}  {what}", paint.quiet(format!("{at:>11}")), paint.quiet(format!("{label:<14}")));
}

/// How TCP has carried a connection.
fn carried(tcp: &Tcp) -> String {
    let again = match tcp.retransmissions {
        0 => "nothing sent again".to_owned(),
        1 => "1 segment sent again".to_owned(),
        number => format!("{number} segments sent again"),
    };
    let round_trip = milliseconds(tcp.round_trip);
    let spread = milliseconds(tcp.round_trip_variation);
    format!("round trip {round_trip} (\u{b1} {spread}), segments of {} bytes, {again}", tcp.segment_bytes)
}

/// What was done below HTTP, each layer once it is over.
struct Layers<'a> {
    text: &'a mut String,
    paint: Paint,
    timings: &'a Timings,
    told: &'a mut Told,
}

impl Layers<'_> {
    fn line(&mut self, label: &str, at: Option<Duration>, what: &str) {
        write_line(self.text, self.paint, label, at, what);
    }

    fn write(&mut self, insecure: bool) {
        let timings = self.timings;
        if (timings.from_cache || timings.reused) && !std::mem::replace(&mut self.told.connection, true) {
            match timings.from_cache {
                true => self.line(APPLICATION, timings.done, "a stored response answered: nobody was asked"),
                false => self.line(TRANSPORT, timings.queued, "a connection that was open already"),
            }
        }
        if !timings.addresses.is_empty() && !std::mem::replace(&mut self.told.addresses, true) {
            self.addresses();
        }
        self.attempts();
        if let Some(proxied) = timings.proxied.filter(|_| !std::mem::replace(&mut self.told.proxied, true)) {
            self.line(SESSION, Some(proxied), "the proxy showed the way");
        }
        let is_over = timings.tls.is_some() && timings.secured.is_some() || timings.distrusted.is_some();
        if is_over && !std::mem::replace(&mut self.told.secured, true) {
            self.secured(insecure);
        }
    }

    fn addresses(&mut self) {
        let Timings { queued, resolved, addresses, .. } = self.timings;
        let took = resolved.unwrap_or_default().saturating_sub(queued.unwrap_or_default());
        let each: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
        let host = host_of(self.timings).filter(|host| !each.contains(host));
        let what = match host {
            Some(host) => format!("{} stands for {} ({})", escape(&host), each.join(", "), milliseconds(took)),
            None => format!("the address is {}", each.join(", ")),
        };
        self.line(NETWORK, *resolved, &what);
    }

    fn attempts(&mut self) {
        let timings = self.timings;
        let connected = timings.connected;
        for attempt in timings.attempts.iter().skip(self.told.attempts) {
            let (label, at, what) = match (&attempt.failed, attempt.took) {
                (Some(failed), took) => {
                    let failed = self.paint.bad(escape(failed)).to_string();
                    (NETWORK, Some(attempt.began + took.unwrap_or_default()), format!("{} {failed}", attempt.address))
                }
                (None, None) => (NETWORK, None, format!("{} had not answered by then", attempt.address)),
                (None, Some(took)) => {
                    let here = timings.ends.map(|(_, here)| format!(" from {here}")).unwrap_or_default();
                    let took = milliseconds(took);
                    (TRANSPORT, connected, format!("{} took the connection{here} ({took})", attempt.address))
                }
            };
            self.line(label, at, &what);
        }
        self.told.attempts = timings.attempts.len();
        let by_socket = timings.addresses.is_empty() && timings.attempts.is_empty() && connected.is_some();
        if by_socket && !std::mem::replace(&mut self.told.socket, true) {
            self.line(TRANSPORT, connected, "the Unix socket took the connection");
        }
        if let Some(tcp) = timings.tcp.as_ref().filter(|_| !std::mem::replace(&mut self.told.tcp, true)) {
            self.line("", None, &carried(tcp));
        }
    }

    fn secured(&mut self, insecure: bool) {
        let timings = self.timings;
        let before = timings.proxied.or(timings.connected).unwrap_or_default();
        if let Some(tls) = &timings.tls {
            let version = tls.version.map(|version| version.replace("TLSv1_", "TLS 1."));
            let group = tls.group.map(|group| format!("keys by {group}"));
            let alpn = tls.alpn.as_deref().map(|alpn| format!("ALPN {}", alpn.escape_ascii()));
            let named: Vec<String> =
                [version, tls.suite.map(str::to_owned), group, alpn].into_iter().flatten().collect();
            let took = timings.secured.unwrap_or_default().saturating_sub(before);
            let what = format!("{} ({})", named.join(", "), milliseconds(took));
            self.line(PRESENTATION, timings.secured, &what);
        } else if timings.distrusted.is_some() {
            self.line(PRESENTATION, None, "the handshake went as far as the server's certificate");
        }
        let number = timings.presented.len();
        for (index, certificate) in timings.presented.iter().enumerate() {
            let until = wirelight_semantics::date::text(certificate.not_after);
            let what = escape(&format!("certificate {} of {number}: {certificate}, until {until}", index + 1));
            self.line("", None, &what);
        }
        for check in checks(timings, insecure) {
            let what = match &check.outcome {
                Outcome::Passed => self.paint.good("passed").to_string(),
                Outcome::Failed => self.paint.bad("failed").to_string(),
                Outcome::NotMade => self.paint.strong("not made").to_string(),
            };
            self.line("", None, &format!("check of {}: {what}, {}", check.of, escape(&check.because)));
        }
    }
}

/// The host that was asked for.
fn host_of(timings: &Timings) -> Option<String> {
    let uri: Uri = timings.asked.split_once(' ')?.1.parse().ok()?;
    Some(uri.host()?.to_owned())
}

/// A check of the server's certificate, and what came of it.
struct Checked {
    of: &'static str,
    outcome: Outcome,
    because: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotMade,
}

/// What each check of a server's certificate is of; the chain comes before the name.
const CHECKS: [(Check, &str); 5] = [
    (Check::Form, "its signatures"),
    (Check::Authority, "its authority"),
    (Check::Time, "its time"),
    (Check::Purpose, "its purpose"),
    (Check::Name, "its name"),
];

/// Every check of the certificate of an exchange.
fn checks(timings: &Timings, insecure: bool) -> Vec<Checked> {
    let Some(own) = timings.presented.first() else { return Vec::new() };
    if insecure {
        let because = "any certificate was to be taken: anybody could be at the other end".to_owned();
        return vec![Checked { of: "the certificate", outcome: Outcome::NotMade, because }];
    }
    let date = |at: SystemTime| wirelight_semantics::date::text(at);
    let mut all = Vec::new();
    for (check, of) in CHECKS {
        let passed = |because: String| Checked { of, outcome: Outcome::Passed, because };
        match &timings.distrusted {
            Some((failed, because)) if *failed == check => {
                all.push(Checked { of, outcome: Outcome::Failed, because: because.clone() });
                continue;
            }
            // The chain is judged as a whole: of its checks, only the one that failed is known.
            Some((failed, _)) if *failed != Check::Name => {
                let because = match check {
                    Check::Name => "a chain that is not trusted proves no name".to_owned(),
                    _ => "the chain was given up at the check that failed".to_owned(),
                };
                all.push(Checked { of, outcome: Outcome::NotMade, because });
                continue;
            }
            _ => {}
        }
        all.push(passed(match check {
            Check::Time => format!("it is valid from {} until {}", date(own.not_before), date(own.not_after)),
            Check::Name => {
                let names = own.names.join(", ");
                format!("{} is among its names ({names})", host_of(timings).unwrap_or_default())
            }
            Check::Authority => {
                let root = timings.presented.last().map_or("", |last| last.issuer.as_str());
                format!("this machine trusts {root}")
            }
            Check::Purpose => "it may stand for servers".to_owned(),
            Check::Form | Check::Revocation => "each is signed by the next, and the server holds its key".to_owned(),
        }));
    }
    let because = "no list of revoked certificates was asked for".to_owned();
    all.push(Checked { of: "its revocation", outcome: Outcome::NotMade, because });
    all
}

fn waterfall(text: &mut String, timings: &Timings, paint: Paint) {
    let Some(total) = timings.done.or(timings.first_byte).filter(|total| !total.is_zero()) else { return };
    let mut from = Duration::ZERO;
    for (name, end) in steps(timings) {
        let Some(end) = end else { continue };
        let column = |at: Duration| (at.as_secs_f64() / total.as_secs_f64() * WIDTH as f64).round() as usize;
        let start = column(from).min(WIDTH - 1);
        let bar = "#".repeat(column(end).min(WIDTH).saturating_sub(start).max(1));
        let took = milliseconds(end.saturating_sub(from));
        let _ = writeln!(text, "{} {name:<14}  {:start$}{bar}", paint.quiet(format!("{took:>11}")), "");
        from = from.max(end);
    }
    let _ = writeln!(text, "{} in all", paint.strong(format!("{:>11}", milliseconds(total))));
}

/// When each step was over, in their order.
pub(super) fn steps(timings: &Timings) -> [(&'static str, Option<Duration>); 8] {
    [
        ("queue", timings.queued),
        ("name", timings.resolved),
        ("connect", timings.connected),
        ("proxy", timings.proxied),
        ("TLS", timings.secured),
        ("send", timings.sent),
        ("wait", timings.first_byte),
        ("receive", timings.done),
    ]
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
                let _ = writeln!(text, "  otherwise: {}", escape(&otherwise));
            }
            let rule = decision.rule();
            let _ = writeln!(text, "  {}", paint.quiet(format!("{} [{rule}]", rule.says)));
        }
    });
    text
}

/// A time, in milliseconds.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}
