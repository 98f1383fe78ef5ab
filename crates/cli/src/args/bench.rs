//! The arguments of `bench`.

use std::time::Duration;

use clap::{Args, ValueHint};

use crate::exit;

/// The arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Without --rate, each connection (over HTTP/2, each stream) sends its next request when the answer to its last one
is there. A server that stands still then also keeps requests from being sent, whose times are missed: the second
column adds them, as if each connection had gone on sending at its usual pace (coordinated omission).
With --rate, requests are due at a steady pace, and a time counts from when its request was due. What is due and not
answered by the end counts, too, with the time that it has waited.

Examples:
  wirelight bench :8080/                     64 connections, for 10 seconds
  wirelight bench -c 8 -t 3 :8080/           fewer, shorter
  wirelight bench -c 4 -s 16 https://a.test  4 connections of HTTP/2, 16 requests on each
  wirelight bench --rate 2000 :8080/         two thousand a second, however long each takes
  wirelight bench -d @order.json :8080/      POST, with content
  wirelight bench --json :8080/ | jq .p99_ms

{}", exit::STATUSES))]
pub(crate) struct Bench {
    /// The URL to ask for.
    #[arg(value_hint = ValueHint::Url)]
    pub(crate) url: String,

    /// How many connections there are.
    #[arg(short, long, alias = "concurrency", value_name = "NUMBER", default_value = "64")]
    pub(crate) connections: std::num::NonZeroUsize,

    /// How many requests are under way on each connection of HTTP/2.
    #[arg(short, long, value_name = "NUMBER", default_value = "1")]
    pub(crate) streams: std::num::NonZeroUsize,

    /// For how long, in seconds.
    #[arg(short = 't', long = "time", value_name = "SECONDS", default_value = "10", value_parser = super::seconds)]
    pub(crate) duration: Duration,

    /// How many requests are sent, if that is less than the time allows.
    #[arg(short, long, value_name = "NUMBER")]
    pub(crate) number: Option<u64>,

    /// How many requests are due each second.
    #[arg(short, long, value_name = "NUMBER", value_parser = rate)]
    pub(crate) rate: Option<f64>,

    /// How many threads ask.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) threads: std::num::NonZeroUsize,

    /// The method; without it, GET, or POST if there is content.
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// Content, or @FILE.
    #[arg(short, long, value_name = "DATA")]
    pub(crate) data: Option<String>,

    /// A header field, `Name: value`.
    #[arg(short = 'H', long, value_name = "FIELD")]
    pub(crate) header: Vec<String>,

    /// Take any certificate.
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,

    /// Speak HTTP/1.1 only.
    #[arg(long = "http1.1")]
    pub(crate) http1: bool,

    /// Speak HTTP/2 without asking.
    #[arg(long = "http2-prior-knowledge", conflicts_with = "http1")]
    pub(crate) http2_prior_knowledge: bool,

    /// Print the result as JSON, and no live line.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Reads a number of requests a second; never none.
fn rate(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let is_rate = number.is_finite() && number >= 0.001;
    is_rate.then_some(number).ok_or_else(|| "not a number of requests a second".to_owned())
}
