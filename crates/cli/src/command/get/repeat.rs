//! A request many times, several at once: what concurrency and reuse gain.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use wirelight_client::{Client, Timings};

use super::plan::Plan;
use super::trace::{milliseconds, steps};
use crate::args::Get;
use crate::exit::Failure;
use crate::print::{Paint, escape};

/// How many requests have a line of their own.
const LINES_MAX: usize = 50;
/// How wide the bars are.
const WIDTH: usize = 40;

/// One request that is over.
struct Done {
    began: Duration,
    took: Duration,
    outcome: Result<u16, String>,
    /// Why it failed, for the end of the command.
    failure: Option<Failure>,
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
    let mut begun: u32 = 0;
    let mut running = JoinSet::new();
    let mut done: Vec<Done> = Vec::with_capacity(number.min(1 << 20));
    for _ in 0..number {
        while running.len() >= concurrency
            && let Some(one) = running.join_next().await
        {
            done.push(one.map_err(Failure::new)?);
        }
        if let Some(between) = arguments.rate {
            tokio::time::sleep_until((start + between.saturating_mul(begun)).into()).await;
            begun = begun.saturating_add(1);
        }
        let (request, watch) = super::watched(plan, client)?;
        let client = client.clone();
        running.spawn(async move {
            let began = start.elapsed();
            let outcome = async {
                let mut response = client.send(request).await?;
                while let Some(piece) = response.chunk().await {
                    piece?;
                }
                Ok(response.status().as_u16())
            };
            let outcome: wirelight_service::Result<u16> = outcome.await;
            let (outcome, failure) = match outcome {
                Ok(status) => (Ok(status), None),
                Err(error) => (Err(error.to_string()), Some(Failure::of_request(error))),
            };
            Done { began, took: start.elapsed() - began, outcome, failure, timings: watch.last() }
        });
    }
    while let Some(one) = running.join_next().await {
        done.push(one.map_err(Failure::new)?);
    }
    let total = start.elapsed();
    super::print(&report(&mut done, total, concurrency, Paint::stdout()))?;
    let failed = done.iter_mut().find_map(|one| one.failure.take());
    match failed {
        Some(failure) => Err(failure),
        None if arguments.check_status => done.iter().find_map(status_failure).map_or(Ok(()), Err),
        None => Ok(()),
    }
}

fn status_failure(one: &Done) -> Option<Failure> {
    let status = http::StatusCode::from_u16(*one.outcome.as_ref().ok()?).ok()?;
    Failure::of_status(status).err()
}

/// The sign that stands for a step in a bar.
fn sign(step: &str) -> char {
    match step {
        "queue" => '.',
        "name" | "connect" | "proxy" | "TLS" => '-',
        "receive" => '#',
        _ => '=',
    }
}

/// A bar from the beginning of a request to its end, with a sign for each step.
fn bar(one: &Done, total: Duration) -> String {
    let column = |at: Duration| (at.as_secs_f64() / total.as_secs_f64().max(1e-9) * WIDTH as f64) as usize;
    let start = column(one.began).min(WIDTH - 1);
    let stop = column(one.began + one.took).clamp(start + 1, WIDTH);
    let steps: Vec<(char, Duration)> =
        one.timings.iter().flat_map(steps).filter_map(|(name, end)| Some((sign(name), end?))).collect();
    let sign_at = |at: usize| {
        // The step that was under way in the middle of the column.
        let middle = total.mul_f64((at as f64 + 0.5) / WIDTH as f64).saturating_sub(one.began);
        let step = steps.iter().find(|(_, end)| *end > middle).or(steps.last());
        step.map_or('=', |(sign, _)| *sign)
    };
    " ".repeat(start) + &(start..stop).map(sign_at).collect::<String>()
}

fn report(done: &mut [Done], total: Duration, concurrency: usize, paint: Paint) -> String {
    done.sort_by_key(|one| one.began);
    let mut text = String::new();
    // A String takes whatever is written to it.
    let _ = writeln!(
        text,
        "{}",
        paint.quiet(". waits for a connection  - connects  = waits for the response  # receives it")
    );
    for (number, one) in done.iter().take(LINES_MAX).enumerate() {
        let outcome = match &one.outcome {
            Ok(status) if *status < 400 => status.to_string(),
            Ok(status) => paint.bad(status).to_string(),
            Err(_) => paint.bad("failed").to_string(),
        };
        let over = match &one.timings {
            Some(timings) if timings.from_cache => "cached",
            Some(timings) if timings.reused => "reused",
            _ => "opened",
        };
        let took = milliseconds(one.took);
        let _ = writeln!(text, "{:>5} {:<WIDTH$} {took:>11} {outcome} {over}", number + 1, bar(one, total));
    }
    if done.len() > LINES_MAX {
        let _ = writeln!(text, "      ... {} more", done.len() - LINES_MAX);
    }
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for one in done.iter() {
        *outcomes.entry(one.outcome.as_ref().map_or_else(Clone::clone, u16::to_string)).or_default() += 1;
    }
    for (outcome, times) in outcomes {
        let _ = writeln!(text, "{times} x {}", escape(&outcome));
    }
    summary(&mut text, done, total, concurrency);
    text
}

fn is_reused(one: &Done) -> bool {
    one.timings.as_ref().is_some_and(|timings| timings.reused)
}

fn is_cached(one: &Done) -> bool {
    one.timings.as_ref().is_some_and(|timings| timings.from_cache)
}

/// What concurrency and reuse have gained.
fn summary(text: &mut String, done: &[Done], total: Duration, concurrency: usize) {
    let mut times: Vec<Duration> = done.iter().map(|one| one.took).collect();
    times.sort();
    let (Some(fastest), Some(slowest)) = (times.first(), times.last()) else { return };
    let median = milliseconds(times[times.len() / 2]);
    let _ = writeln!(text, "fastest {}, median {median}, slowest {}", milliseconds(*fastest), milliseconds(*slowest));
    let rate = done.len() as f64 / total.as_secs_f64().max(1e-9);
    let _ = writeln!(
        text,
        "{} requests, {concurrency} at once, in {}: {rate:.0} a second",
        done.len(),
        milliseconds(total)
    );
    if concurrency > 1 {
        let sum: Duration = times.iter().sum();
        let gain = sum.as_secs_f64() / total.as_secs_f64().max(1e-9);
        let _ = writeln!(text, "one after the other, they take {}: {gain:.1} times as long", milliseconds(sum));
    }
    let mean = |reused: bool| {
        let sent = done.iter().filter(|one| one.outcome.is_ok() && !is_cached(one));
        let of_kind = sent.filter(|one| is_reused(one) == reused).map(|one| one.took);
        let (count, sum) = of_kind.fold((0u32, Duration::ZERO), |(count, sum), took| (count + 1, sum + took));
        (count, sum.checked_div(count))
    };
    match (mean(false), mean(true)) {
        ((opened, Some(new)), (_, Some(again))) => {
            let _ = writeln!(
                text,
                "{opened} connections opened: a request takes {} on a new one, {} on one that is there",
                milliseconds(new),
                milliseconds(again)
            );
        }
        ((opened, _), _) => {
            let _ = writeln!(text, "{opened} connections opened");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_each_request_and_what_was_gained() {
        let one = |began: u64, took: u64, outcome: Result<u16, String>| Done {
            began: Duration::from_millis(began),
            took: Duration::from_millis(took),
            outcome,
            failure: None,
            timings: None,
        };
        let mut done = [one(10, 10, Ok(200)), one(0, 10, Ok(200)), one(0, 20, Err("it broke\u{1b}".to_owned()))];
        let text = report(&mut done, Duration::from_millis(20), 2, Paint::plain());
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].starts_with(&format!("    1 {:<40}    10.00 ms 200", "=".repeat(20))), "{text}");
        assert!(lines[3].starts_with(&format!("    3 {}{}", " ".repeat(20), "=".repeat(20))), "{text}");
        for part in
            ["2 x 200", "1 x it broke\\u{1b}", "3 requests, 2 at once, in 20.00 ms: 150 a second", "2.0 times as long"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
