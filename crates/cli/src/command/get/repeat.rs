//! A request many times, several at once: what concurrency and reuse gain.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use wirelight_client::{Client, Timings};

use super::plan::Plan;
use super::trace::milliseconds;
use crate::args::Get;
use crate::exit::Failure;

/// How many requests have a line of their own.
const LINES_MAX: usize = 50;
/// How wide the bars are.
const WIDTH: usize = 40;

/// One request that is over.
struct Done {
    began: Duration,
    took: Duration,
    outcome: Result<u16, String>,
    timings: Option<Timings>,
}

pub(super) async fn run(arguments: &Get, plan: &Plan, client: &Client, number: usize) -> Result<(), Failure> {
    let concurrency = match &arguments.cookie_jar {
        None => 1,
        Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            Failure::new(format!("`{text}` is no number of requests"))
                .advise("With -n, -c says how many are under way at once.")
        })?,
    };
    let start = Instant::now();
    let mut running = JoinSet::new();
    let mut done: Vec<Done> = Vec::with_capacity(number);
    for _ in 0..number {
        while running.len() >= concurrency
            && let Some(one) = running.join_next().await
        {
            done.push(one.map_err(Failure::new)?);
        }
        let (request, watch) = super::watched(plan, client)?;
        let client = client.clone();
        running.spawn(async move {
            let began = start.elapsed();
            let outcome = async {
                let response = client.send(request).await?;
                let status = response.status().as_u16();
                let mut body = response;
                while let Some(piece) = body.chunk().await {
                    piece?;
                }
                wirelight_service::Result::Ok(status)
            };
            let outcome = outcome.await.map_err(|error: wirelight_service::Error| error.to_string());
            Done { began, took: start.elapsed() - began, outcome, timings: watch.last() }
        });
    }
    while let Some(one) = running.join_next().await {
        done.push(one.map_err(Failure::new)?);
    }
    let total = start.elapsed();
    super::print(&report(&mut done, total, concurrency))?;
    match done.iter().find_map(|one| one.outcome.as_ref().err()) {
        Some(error) => Err(Failure::new(error)),
        None => Ok(()),
    }
}

fn report(done: &mut [Done], total: Duration, concurrency: usize) -> String {
    done.sort_by_key(|one| one.began);
    let mut text = String::new();
    for (number, one) in done.iter().take(LINES_MAX).enumerate() {
        let column = |at: Duration| (at.as_secs_f64() / total.as_secs_f64().max(1e-9) * WIDTH as f64) as usize;
        let start = column(one.began).min(WIDTH - 1);
        let bar = "#".repeat((column(one.began + one.took).min(WIDTH) - start).max(1));
        let outcome = one.outcome.as_ref().map_or_else(|_| "failed".to_owned(), u16::to_string);
        let reused = if one.timings.as_ref().is_some_and(|timings| timings.reused) { "reused" } else { "opened" };
        let _ = writeln!(
            text,
            "{:>5} {:<WIDTH$} {:>11} {outcome} {reused}",
            number + 1,
            format!("{}{bar}", " ".repeat(start)),
            milliseconds(one.took)
        );
    }
    if done.len() > LINES_MAX {
        let _ = writeln!(text, "      ... {} more", done.len() - LINES_MAX);
    }
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for one in done.iter() {
        *outcomes.entry(one.outcome.as_ref().map_or_else(Clone::clone, u16::to_string)).or_default() += 1;
    }
    for (outcome, times) in outcomes {
        let _ = writeln!(text, "{times} x {}", super::show::escape(&outcome));
    }
    let mut times: Vec<Duration> = done.iter().map(|one| one.took).collect();
    times.sort();
    let opened = done.iter().filter(|one| one.timings.as_ref().is_some_and(|timings| !timings.reused)).count();
    if let (Some(fastest), Some(slowest)) = (times.first(), times.last()) {
        let sum: Duration = times.iter().sum();
        let _ = writeln!(
            text,
            "{} requests, {concurrency} at once, in {}: {:.0} a second; one after the other they take {}; {opened} connections opened",
            done.len(),
            milliseconds(total),
            done.len() as f64 / total.as_secs_f64().max(1e-9),
            milliseconds(sum),
        );
        let middle = milliseconds(times[times.len() / 2]);
        let _ =
            writeln!(text, "fastest {}, median {middle}, slowest {}", milliseconds(*fastest), milliseconds(*slowest));
    }
    text
}
