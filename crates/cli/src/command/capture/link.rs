//! What rode on a connection, as an inspector knows it that saw the same connection: encrypted or not.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use wirelight_capture::Summary;
use wirelight_inspect::view::{self, Line};

use crate::args::Capture;
use crate::command::ask::{Asked, encoded};
use crate::exit::Failure;

/// How far the clocks of packets and of the inspector may be apart, and how much later it hears of a connection.
const SLACK: Duration = Duration::from_secs(1);
/// How often, and how long apart, it is asked again while it has not heard yet that a connection is over.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(10);

/// An inspector that can be asked.
pub(super) struct Link {
    asked: Asked,
    /// Whether it was named; else it is only asked as it happens to be there.
    is_named: bool,
}

#[derive(Deserialize)]
struct Known {
    connections: Vec<view::Connection>,
}

impl Link {
    /// The inspector that was named, or the newest that this user runs, if there is one.
    pub(super) fn find(arguments: &Capture) -> Result<Option<Self>, Failure> {
        let (url, token) = (arguments.inspector.url.as_deref(), arguments.inspector.token.as_deref());
        let is_named = url.is_some();
        let found = Asked::find(url, token).map(|asked| Self { asked, is_named });
        match found {
            Ok(link) if is_named => {
                // One that does not let us in is told of now, and not with each connection.
                link.asked.get::<serde::de::IgnoredAny>("/api/status")?;
                Ok(Some(link))
            }
            Ok(link) => Ok(Some(link)),
            Err(failure) if is_named => Err(failure),
            Err(_) => Ok(None),
        }
    }

    /// Whom it is, in a sentence.
    pub(super) fn in_words(&self) -> String {
        format!("the inspector at {} names the exchanges of the connections that it saw", self.asked.base())
    }

    /// What it says of a connection, of which packets were seen from one moment to another (since 1970).
    pub(super) fn rode(&self, summary: &Summary, (began, last): (Duration, Duration)) -> Vec<String> {
        let (client, is_over) = (summary.client, summary.ended.is_some());
        let (from, until) = (began.saturating_sub(SLACK).as_micros(), (last + SLACK).as_micros());
        // An IPv4 address is written as one, also where the server listens for both kinds.
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let peer = encoded(&client.to_string());
        let place = format!("/api/connections?peer={peer}&from_us={from}&until_us={until}");
        let mut line = self.line(&place);
        for _ in 0..TRIES {
            // Packets are seen before the inspector hears what they say.
            let is_behind = matches!(&line, Ok(Some(line)) if line.connection.open);
            if !(is_behind && is_over) {
                break;
            }
            thread::sleep(PAUSE);
            line = self.line(&place);
        }
        match line {
            Ok(Some(line)) => exchanges(&line),
            Ok(None) => Vec::new(),
            Err(failure) if self.is_named => {
                vec![format!("the inspector does not say what rode on it: {}", failure.in_words().0)]
            }
            Err(_) => Vec::new(),
        }
    }
}

impl Link {
    fn line(&self, place: &str) -> Result<Option<Line>, Failure> {
        let known: Known = self.asked.get(place)?;
        let found = known.connections.first();
        found.map(|connection| self.asked.get(&format!("/api/connections/{}", connection.id))).transpose()
    }
}

/// A line for each exchange, and one for those that are not kept.
fn exchanges(line: &Line) -> Vec<String> {
    let over = match &line.connection.secure {
        Some(secure) => format!(", encrypted with {}", secure.version.as_deref().unwrap_or("TLS")),
        None => String::new(),
    };
    let number = line.connection.id;
    let carried = match line.connection.exchanges {
        0 => format!("the inspector knows it as connection {number}{over}: no exchange rode on it"),
        1 => format!("the inspector knows it as connection {number}{over}: one exchange rode on it"),
        many => format!("the inspector knows it as connection {number}{over}: {many} exchanges rode on it"),
    };
    let mut lines = vec![carried];
    lines.extend(line.rode.iter().map(|summary| {
        let (method, target) = (summary.method.as_deref().unwrap_or("?"), summary.target.as_deref().unwrap_or("?"));
        let status = match summary.status {
            0 => "under way".to_owned(),
            status => format!("{status} {}", summary.reason),
        };
        let stream = summary.stream.map_or_else(String::new, |stream| format!(" on stream {stream}"));
        let why = summary.why.as_ref().map_or_else(String::new, |why| format!(" ({}: {})", why.outcome, why.because));
        format!("  exchange {}{stream}: {method} {target} -> {}{why}", summary.id, status.trim_end())
    }));
    let missing = line.connection.exchanges.saturating_sub(line.rode.len() as u64);
    if missing > 0 {
        lines.push(format!("  and {missing} that it does not keep any more"));
    }
    lines
}
