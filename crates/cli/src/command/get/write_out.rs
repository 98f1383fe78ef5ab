//! What `-w` prints at the end: a text in which variables are replaced, as curl has them.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderMap;
use wirelight_client::Timings;
use wirelight_net::observe::Way;

use super::content::unreadable;
use super::watcher::{Event, What};
use crate::exit::Failure;

/// What is known of a request that is over.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) method: String,
    /// The URL that was asked for, and the one that answered.
    pub(super) url: String,
    pub(super) effective: String,
    /// The status and the version of the response, if one came.
    pub(super) status: Option<u16>,
    pub(super) version: String,
    pub(super) headers: HeaderMap,
    /// Where the response redirects to, as a whole URL.
    pub(super) redirect: String,
    pub(super) exchanges: Vec<Timings>,
    pub(super) sent_bytes: u64,
    /// How long the heads were that were sent and received, in bytes.
    pub(super) heads_sent_bytes: u64,
    pub(super) heads_received_bytes: u64,
    pub(super) file_name: String,
    /// What went wrong, and the exit status.
    pub(super) failed: Option<(String, u8)>,
}

/// Every variable with one value.
const NAMES: [&str; 37] = [
    "content_type",
    "errormsg",
    "exitcode",
    "filename_effective",
    "http_code",
    "http_version",
    "local_ip",
    "local_port",
    "method",
    "num_connects",
    "num_headers",
    "num_redirects",
    "num_retries",
    "redirect_url",
    "remote_ip",
    "remote_port",
    "response_code",
    "scheme",
    "size_download",
    "size_header",
    "size_request",
    "size_upload",
    "speed_download",
    "speed_upload",
    "ssl_verify_result",
    "time_appconnect",
    "time_connect",
    "time_namelookup",
    "time_pretransfer",
    "time_redirect",
    "time_starttransfer",
    "time_total",
    "url",
    "url_effective",
    "urlnum",
    "http_connect",
    "referer",
];

/// A piece of what is printed, and where it goes.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    ToStandardError,
    ToStandardOutput,
}

/// Prints the format with its variables replaced.
pub(super) fn print(format: &str, outcome: &Outcome) -> Result<(), Failure> {
    let format = match format.strip_prefix('@') {
        Some("-") => std::io::read_to_string(std::io::stdin()).map_err(Failure::new)?,
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path.as_ref(), &error))?,
        None => format.to_owned(),
    };
    let mut to_error = false;
    for piece in fill(&format, outcome) {
        match piece {
            Piece::ToStandardError => to_error = true,
            Piece::ToStandardOutput => to_error = false,
            Piece::Text(text) if to_error => super::note(&text),
            Piece::Text(text) => {
                let mut out = std::io::stdout();
                out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)?;
            }
        }
    }
    Ok(())
}

fn fill(format: &str, outcome: &Outcome) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = variable(rest) {
            rest = after;
            match name {
                "stderr" | "stdout" => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(if name == "stderr" { Piece::ToStandardError } else { Piece::ToStandardOutput });
                }
                // What is not known is nothing, as curl has it.
                name => text.push_str(&outcome.value(name).unwrap_or_default()),
            }
        } else if let Some((field, after)) = field(rest) {
            rest = after;
            let values = outcome.headers.get_all(field).iter();
            let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
            text.push_str(&values.first().cloned().unwrap_or_default());
        } else if let Some(after) = rest.strip_prefix("%%") {
            text.push('%');
            rest = after;
        } else if let Some((c, after)) = escaped(rest) {
            text.push(c);
            rest = after;
        } else {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    pieces.push(Piece::Text(text));
    pieces
}

/// `%{name}`, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("%{")?.split_once('}')
}

/// `%header{name}`, and what follows it.
fn field(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("%header{")?.split_once('}')?;
    http::HeaderName::from_bytes(name.as_bytes()).ok().map(|_| (name, rest))
}

fn escaped(text: &str) -> Option<(char, &str)> {
    let rest = text.strip_prefix('\\')?;
    let c = match rest.chars().next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '\\' => '\\',
        _ => return None,
    };
    Some((c, &rest[1..]))
}

impl Outcome {
    /// Counts the bytes of the heads that passed.
    pub(super) fn count_heads(&mut self, events: &[Event]) {
        for event in events {
            if let What::Head(way, bytes) = &event.what {
                match way {
                    Way::Sent => self.heads_sent_bytes += bytes.len() as u64,
                    Way::Received => self.heads_received_bytes += bytes.len() as u64,
                }
            }
        }
    }

    fn value(&self, name: &str) -> Option<String> {
        let last = self.exchanges.last();
        let first = self.exchanges.first();
        let offset = first.zip(last).map_or(Duration::ZERO, |(first, last)| last.began - first.began);
        let seconds =
            |time: Option<Duration>| format!("{:.6}", time.map_or(Duration::ZERO, |time| time + offset).as_secs_f64());
        let total = last.and_then(|last| last.done.or(last.first_byte)).map_or(Duration::ZERO, |done| done + offset);
        let speed = |bytes: u64| format!("{:.0}", bytes as f64 / total.as_secs_f64().max(1e-9));
        let received = last.map_or(0, |last| last.received_bytes);
        Some(match name {
            "http_code" | "response_code" => format!("{:03}", self.status.unwrap_or(0)),
            "http_connect" => "000".to_owned(),
            "http_version" => self.version.clone(),
            "method" => self.method.clone(),
            "url" => self.url.clone(),
            "url_effective" => self.effective.clone(),
            "urlnum" | "num_retries" => "0".to_owned(),
            "scheme" => self.effective.split_once("://").map_or("", |(scheme, _)| scheme).to_ascii_uppercase(),
            "content_type" => self.header("content-type"),
            "referer" => String::new(),
            "redirect_url" => self.redirect.clone(),
            "exitcode" => self.failed.as_ref().map_or(0, |(_, status)| *status).to_string(),
            "errormsg" => self.failed.as_ref().map(|(what, _)| what.clone()).unwrap_or_default(),
            "filename_effective" => self.file_name.clone(),
            "num_connects" => self.exchanges.iter().filter(|timings| timings.connected.is_some()).count().to_string(),
            "num_headers" => self.headers.len().to_string(),
            "num_redirects" => self.exchanges.len().saturating_sub(1).to_string(),
            "remote_ip" => self.ends()?.0.ip().to_string(),
            "remote_port" => self.ends()?.0.port().to_string(),
            "local_ip" => self.ends()?.1.ip().to_string(),
            "local_port" => self.ends()?.1.port().to_string(),
            "size_download" => received.to_string(),
            "size_upload" => self.sent_bytes.to_string(),
            "size_header" => self.heads_received_bytes.to_string(),
            "size_request" => self.heads_sent_bytes.to_string(),
            "speed_download" => speed(received),
            "speed_upload" => speed(self.sent_bytes),
            "ssl_verify_result" => u8::from(last.is_some_and(|last| last.distrusted.is_some())).to_string(),
            "time_namelookup" => seconds(last?.resolved),
            "time_connect" => seconds(last?.connected),
            "time_appconnect" => seconds(last?.secured),
            "time_pretransfer" => seconds(last?.secured.or(last?.proxied).or(last?.connected).or(last?.queued)),
            "time_redirect" => format!("{:.6}", offset.as_secs_f64()),
            "time_starttransfer" => seconds(last?.first_byte),
            "time_total" => format!("{:.6}", total.as_secs_f64()),
            "json" => self.json(),
            "header_json" => self.header_json(),
            _ => return None,
        })
    }

    /// Both ends of the last connection, which may have been made for an earlier exchange.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        self.exchanges.iter().rev().find_map(|timings| timings.ends)
    }

    fn header(&self, name: &str) -> String {
        let value = self.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        value.unwrap_or_default()
    }

    /// Every variable, as a JSON object: numbers where they are numbers.
    fn json(&self) -> String {
        let mut object = serde_json::Map::new();
        for name in NAMES {
            let value = self.value(name).unwrap_or_default();
            let is_number = !matches!(name, "http_version" | "url" | "errormsg" | "content_type");
            let number = value.parse::<serde_json::Number>().ok().filter(|_| is_number);
            object.insert(
                name.to_owned(),
                match number {
                    Some(number) => number.into(),
                    None if value.is_empty() => serde_json::Value::Null,
                    None if name == "http_code" || name == "response_code" || name == "http_connect" => {
                        value.trim_start_matches('0').parse::<u16>().unwrap_or(0).into()
                    }
                    None => value.into(),
                },
            );
        }
        serde_json::Value::Object(object).to_string()
    }

    /// The fields of the response, as a JSON object of lists.
    fn header_json(&self) -> String {
        let mut text = String::from("{");
        for (index, name) in self.headers.keys().enumerate() {
            let values = self.headers.get_all(name).iter();
            let values: Vec<String> =
                values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
            let separator = if index == 0 { "" } else { ",\n" };
            // A String takes whatever is written to it.
            let _ = write!(text, "{separator}\"{name}\":{}", serde_json::Value::from(values));
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(format: &str) -> String {
        let headers = HeaderMap::from_iter([
            (http::header::CONTENT_TYPE, "text/plain".parse().unwrap()),
            (http::header::ETAG, "\"1\"".parse().unwrap()),
        ]);
        let outcome = Outcome {
            method: "GET".to_owned(),
            url: "http://a.test/".to_owned(),
            effective: "http://b.test/".to_owned(),
            status: Some(200),
            version: "1.1".to_owned(),
            headers,
            sent_bytes: 7,
            ..Outcome::default()
        };
        let text = |piece| match piece {
            Piece::Text(text) => text,
            Piece::ToStandardError => "<error>".to_owned(),
            Piece::ToStandardOutput => "<output>".to_owned(),
        };
        fill(format, &outcome).into_iter().map(text).collect()
    }

    #[test]
    fn variables_are_replaced_and_the_rest_is_left() {
        let table = [
            ("%{http_code} %{size_upload}%{unknown} 100%%\\n", "200 7 100%\n"),
            ("%{method} %{url} %{url_effective} %{scheme}", "GET http://a.test/ http://b.test/ HTTP"),
            ("%header{etag}|%header{ETag}|%header{x}|%header{", "\"1\"|\"1\"||%header{"),
            ("%{http_code", "%{http_code"),
            ("%{%{http_code}", ""),
            ("a%{stderr}b%{stdout}c", "a<error>b<output>c"),
            ("\\t\\\\\\q%", "\t\\\\q%"),
            ("%{num_headers} %{exitcode} %{remote_ip}", "2 0 "),
        ];
        for (format, expected) in table {
            assert_eq!(filled(format), expected, "{format}");
        }
        let all: serde_json::Value = serde_json::from_str(&filled("%{json}")).unwrap();
        assert_eq!((all["http_code"].as_u64(), all["size_upload"].as_u64()), (Some(200), Some(7)));
        assert_eq!((all["http_version"].as_str(), all["remote_ip"].as_null()), (Some("1.1"), Some(())));
        let fields: serde_json::Value = serde_json::from_str(&filled("%{header_json}")).unwrap();
        assert_eq!(fields["etag"][0], "\"1\"");
    }
}
