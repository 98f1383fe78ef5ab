//! `wirelight bench`: how many requests a server answers, and how long each waits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http::{HeaderName, HeaderValue, Uri};
use wirelight_client::{Config, Connections, Versions};
use wirelight_service::{Body, Request, Service};

use crate::args::Bench;
use crate::exit::Failure;

/// The longest time that is told apart, in microseconds: ten minutes.
const MICROSECONDS_MAX: u64 = 600_000_000;
/// How often the live line changes.
const LIVE_EVERY: Duration = Duration::from_millis(250);

/// What has been measured so far.
struct Measured {
    times: Histogram<u64>,
    statuses: BTreeMap<u16, u64>,
    failures: BTreeMap<String, u64>,
    bytes: u64,
}

/// Asks again and again, and prints what came of it.
pub(crate) fn run(arguments: &Bench) -> Result<(), Failure> {
    let request = template(arguments)?;
    let mut config = Config::default();
    config.pool.connections_max = arguments.concurrency.max(1);
    config.pool.waiting_max = usize::MAX;
    config.tls.insecure = arguments.insecure;
    config.versions = match (arguments.http1, arguments.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (_, true) => Versions::Http2PriorKnowledge,
        _ => Versions::Negotiated,
    };
    let connections = Connections::new(config).map_err(Failure::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let measured = Rc::new(RefCell::new(Measured {
        times: Histogram::new_with_bounds(1, MICROSECONDS_MAX, 3).map_err(Failure::new)?,
        statuses: BTreeMap::new(),
        failures: BTreeMap::new(),
        bytes: 0,
    }));
    let local = tokio::task::LocalSet::new();
    let elapsed = local.block_on(&runtime, measure(arguments, request, connections, Rc::clone(&measured)));
    let measured = measured.borrow();
    let text = if arguments.json { json(&measured, elapsed) } else { words(&measured, elapsed) };
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)?;
    match measured.failures.iter().next() {
        Some((because, _)) if measured.statuses.is_empty() => Err(Failure::new(because)),
        _ => Ok(()),
    }
}

/// The request that is sent again and again.
fn template(arguments: &Bench) -> Result<http::request::Parts, Failure> {
    let url = super::get::complete(&arguments.url);
    let uri = Uri::from_str(&url).map_err(|error| Failure::new(format!("`{url}` is no URL: {error}")))?;
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.uri = uri;
    for text in &arguments.header {
        let wrong = || Failure::new(format!("`{text}` is no field")).advise("Write `Name: value`.");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_str(name.trim()).map_err(|_| wrong())?;
        parts.headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok(parts)
}

async fn measure(
    arguments: &Bench,
    template: http::request::Parts,
    connections: Connections,
    measured: Rc<RefCell<Measured>>,
) -> Duration {
    let start = Instant::now();
    let end = start + arguments.duration;
    let template = Rc::new(template);
    let due = Rc::new(RefCell::new(0_u64));
    let mut workers = Vec::new();
    for _ in 0..arguments.concurrency.max(1) {
        let (template, connections) = (Rc::clone(&template), connections.clone());
        let (measured, due, rate) = (Rc::clone(&measured), Rc::clone(&due), arguments.rate);
        workers.push(tokio::task::spawn_local(async move {
            loop {
                let begin = match rate {
                    None => Instant::now(),
                    Some(rate) => {
                        // Whoever is free takes the next request that is due, however late that is.
                        let number = due.replace_with(|number| *number + 1);
                        let begin = start + Duration::from_secs_f64(number as f64 / rate.max(1e-3));
                        tokio::time::sleep_until(begin.into()).await;
                        begin
                    }
                };
                if begin >= end || Instant::now() >= end {
                    return;
                }
                let asked = ask(&connections, &template).await;
                let mut measured = measured.borrow_mut();
                match asked {
                    Ok((status, bytes)) => {
                        let took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(MICROSECONDS_MAX);
                        measured.times.saturating_record(took.max(1));
                        *measured.statuses.entry(status).or_default() += 1;
                        measured.bytes += bytes;
                    }
                    Err(error) => *measured.failures.entry(error.to_string()).or_default() += 1,
                }
            }
        }));
    }
    let live = !arguments.json && std::io::stderr().is_terminal();
    if live {
        let measured = Rc::clone(&measured);
        tokio::task::spawn_local(async move {
            while Instant::now() < end {
                tokio::time::sleep(LIVE_EVERY).await;
                let measured = measured.borrow();
                let rate = measured.times.len() as f64 / start.elapsed().as_secs_f64();
                let middle = milliseconds(measured.times.value_at_quantile(0.5));
                let left = end.saturating_duration_since(Instant::now()).as_secs();
                // A terminal that is gone needs no live line.
                let _ = write!(std::io::stderr(), "\r{rate:.0} a second, median {middle}, {left} s left\x1b[K");
            }
        });
    }
    for worker in workers {
        // A worker does not panic, and nobody aborts it.
        let _ = worker.await;
    }
    if live {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    start.elapsed()
}

async fn ask(connections: &Connections, template: &http::request::Parts) -> wirelight_service::Result<(u16, u64)> {
    let mut request = Request::new(Body::empty());
    request.uri_mut().clone_from(&template.uri);
    request.headers_mut().clone_from(&template.headers);
    let response = connections.call(request).await?;
    let status = response.status().as_u16();
    let mut bytes = 0;
    let mut body = response.into_body();
    while let Some(piece) = body.data().await {
        bytes += piece?.len() as u64;
    }
    Ok((status, bytes))
}

/// The shares of requests whose times are shown.
const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)];

fn milliseconds(microseconds: u64) -> String {
    format!("{:.2} ms", microseconds as f64 / 1e3)
}

fn words(measured: &Measured, elapsed: Duration) -> String {
    let Measured { times, statuses, failures, bytes } = measured;
    let seconds = elapsed.as_secs_f64().max(1e-9);
    let mut text = String::new();
    // A String takes whatever is written to it.
    let _ = writeln!(
        text,
        "{} requests in {seconds:.2} s: {:.0} a second, {:.1} MB of content a second",
        times.len(),
        times.len() as f64 / seconds,
        *bytes as f64 / 1e6 / seconds
    );
    for (name, quantile) in QUANTILES {
        let _ = writeln!(text, "{name:>5} {:>12}", milliseconds(times.value_at_quantile(quantile)));
    }
    for (status, number) in statuses {
        let _ = writeln!(text, "{number} x {status}");
    }
    for (because, number) in failures {
        let _ = writeln!(text, "{number} x failed: {because}");
    }
    text
}

fn json(measured: &Measured, elapsed: Duration) -> String {
    let mut result = serde_json::Map::new();
    let seconds = elapsed.as_secs_f64().max(1e-9);
    result.insert("requests".into(), measured.times.len().into());
    result.insert("seconds".into(), seconds.into());
    result.insert("requests_per_second".into(), (measured.times.len() as f64 / seconds).into());
    result.insert("content_bytes".into(), measured.bytes.into());
    for (name, quantile) in QUANTILES {
        let value = measured.times.value_at_quantile(quantile) as f64 / 1e3;
        result.insert(format!("{name}_ms"), value.into());
    }
    let statuses = measured.statuses.iter().map(|(status, number)| (status.to_string(), (*number).into()));
    result.insert("statuses".into(), serde_json::Value::Object(statuses.collect()));
    let failures = measured.failures.iter().map(|(because, number)| (because.clone(), (*number).into()));
    result.insert("failures".into(), serde_json::Value::Object(failures.collect()));
    format!("{}\n", serde_json::Value::Object(result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_reports_say_the_same() {
        let mut times = Histogram::new_with_bounds(1, MICROSECONDS_MAX, 3).unwrap();
        (1..=1000).for_each(|time| times.record(time * 10).unwrap());
        let measured = Measured {
            times,
            statuses: BTreeMap::from([(200, 1000)]),
            failures: BTreeMap::from([("it broke".to_owned(), 2)]),
            bytes: 4_000_000,
        };
        let text = words(&measured, Duration::from_secs(2));
        assert!(text.starts_with("1000 requests in 2.00 s: 500 a second, 2.0 MB"), "{text}");
        assert!(text.contains("p50      5.00 ms") && text.contains("2 x failed: it broke"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&json(&measured, Duration::from_secs(2))).unwrap();
        assert_eq!(
            (value["requests_per_second"].as_f64(), value["statuses"]["200"].as_u64()),
            (Some(500.0), Some(1000))
        );
    }
}
