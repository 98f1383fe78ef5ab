//! The arguments of `bench`.

use std::time::Duration;

use clap::Args;

use crate::exit;

/// The arguments of `bench`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Without --rate, each of the connections sends its next request when the answer to the last one is there.
With --rate, requests are due at a steady pace, and a time counts from when its request was due: a server that
stands still is not spared the requests that it kept from being sent (coordinated omission).

Examples:
  wirelight bench :8080/                     64 connections, for 10 seconds
  wirelight bench -c 8 -t 3 :8080/           fewer, shorter
  wirelight bench --rate 2000 :8080/         two thousand a second, however long each takes
  wirelight bench --json :8080/ | jq .p99_ms

{}", exit::STATUSES))]
pub(crate) struct Bench {
    /// The URL to ask for.
    pub(crate) url: String,

    /// How many requests are under way at once, at the most.
    #[arg(short, long, value_name = "NUMBER", default_value_t = 64)]
    pub(crate) concurrency: usize,

    /// For how long, in seconds.
    #[arg(short = 't', long = "time", value_name = "SECONDS", default_value = "10", value_parser = super::seconds)]
    pub(crate) duration: Duration,

    /// How many requests are due each second.
    #[arg(short, long, value_name = "NUMBER")]
    pub(crate) rate: Option<f64>,

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
