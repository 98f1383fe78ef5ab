//! `wirelight bench`: how many requests a server answers, and how long each waits.

mod load;
mod report;
mod tally;

use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, request};
use wirelight_client::{Config, Connections, Versions};

use crate::args::Bench;
use crate::exit::Failure;
use load::{Asking, Load, Pace};
use tally::Tally;

/// How often the live line changes.
const LIVE_EVERY: Duration = Duration::from_millis(250);

/// Asks again and again, and prints what came of it.
pub(crate) fn run(arguments: &Bench) -> Result<(), Failure> {
    let (head, content) = template(arguments)?;
    let asking = choose(arguments, &head, &content)?;
    let threads = arguments.threads.get().min(arguments.connections.get());
    let mut tallies = Vec::new();
    for _ in 0..threads {
        tallies.push(Arc::new(Tally::new()?));
    }
    let start = Instant::now();
    let pace = Arc::new(Pace::new(start, arguments.duration, arguments.rate, arguments.number));
    let before = cpu_time();
    let release = thread::spawn({
        let pace = Arc::clone(&pace);
        move || pace.release()
    });
    let mut working = Vec::new();
    for (index, tally) in tallies.iter().enumerate() {
        // Connections that do not divide evenly go to the first threads.
        let all = arguments.connections.get();
        let connections = all / threads + usize::from(index < all % threads);
        let load = Load {
            config: config(arguments),
            head: head.clone(),
            content: content.clone(),
            asking,
            connections,
            streams: arguments.streams.get(),
            pace: Arc::clone(&pace),
            tally: Arc::clone(tally),
        };
        working.push(thread::spawn(move || load.run()));
    }
    if !arguments.json && std::io::stderr().is_terminal() {
        live(&pace, &tallies, || working.iter().all(thread::JoinHandle::is_finished));
    }
    for one in working {
        one.join().map_err(|_| Failure::new("a thread that asked has panicked"))??;
    }
    pace.stop();
    // It sleeps no longer than until the next request is due, and then finds that there is nothing to do.
    release.join().map_err(|_| Failure::new("the thread that keeps the pace has panicked"))?;
    let cpu = cpu_time().saturating_sub(before);
    let measured = tally::sum(&tallies, &pace, cpu);
    let text = if arguments.json { report::json(&measured) } else { report::words(&measured) };
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)?;
    match measured.failures.keys().next() {
        Some(because) if measured.statuses.is_empty() => Err(Failure::new(because)),
        _ => Ok(()),
    }
}

/// How much time this process has spent on a core.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The request that is sent again and again.
fn template(arguments: &Bench) -> Result<(request::Parts, Bytes), Failure> {
    let url = super::get::complete(&arguments.url);
    let uri = Uri::from_str(&url).map_err(|error| Failure::new(format!("`{url}` is no URL: {error}")))?;
    let content = match &arguments.data {
        None => Bytes::new(),
        Some(data) => match data.strip_prefix('@') {
            Some(path) => {
                std::fs::read(path).map_err(|error| Failure::new(format!("{path} could not be read: {error}")))?.into()
            }
            None => Bytes::from(data.clone()),
        },
    };
    let (mut parts, ()) = http::Request::new(()).into_parts();
    parts.uri = uri;
    parts.method = match &arguments.method {
        Some(name) => Method::from_str(name).map_err(|_| Failure::new(format!("`{name}` is no method")))?,
        None if arguments.data.is_some() => Method::POST,
        None => Method::GET,
    };
    for text in &arguments.header {
        let wrong = || Failure::new(format!("`{text}` is no field")).advise("Write `Name: value`.");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let name = HeaderName::from_str(name.trim()).map_err(|_| wrong())?;
        parts.headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| wrong())?);
    }
    Ok((parts, content))
}

fn config(arguments: &Bench) -> Config {
    let mut config = Config::default();
    config.pool.connections_max = 1;
    config.pool.waiting_max = usize::MAX;
    config.request.waiting_max = config.request.waiting_max.max(arguments.streams.get());
    config.tls.insecure = arguments.insecure;
    config.versions = match (arguments.http1, arguments.http2_prior_knowledge) {
        (true, _) => Versions::Http1,
        (_, true) => Versions::Http2PriorKnowledge,
        _ => Versions::Negotiated,
    };
    config
}

/// Finds out whether HTTP/1 is spoken: by asking once, so that what is wrong is told before anything is measured.
fn choose(arguments: &Bench, head: &request::Parts, content: &Bytes) -> Result<Asking, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let connections = Connections::new(config(arguments)).map_err(Failure::new)?;
    let asking = runtime.block_on(async {
        if arguments.http2_prior_knowledge {
            load::ask(&connections, head, content).await?;
            return Ok(Asking::Shared);
        }
        let request = connections.repeated(head.clone(), content.clone())?;
        match connections.repeat(&request, &head.uri).await? {
            Some(mut repeating) => repeating.exchange().await.map(|_| Asking::Alone),
            None => load::ask(&connections, head, content).await.map(|_| Asking::Shared),
        }
    });
    let asking = asking.map_err(Failure::of_request)?;
    if asking == Asking::Alone && arguments.streams.get() > 1 {
        return Err(Failure::new("the server speaks HTTP/1.1, which has one request under way on a connection")
            .advise("Leave out --streams and give more --connections."));
    }
    Ok(asking)
}

/// A line that tells how it goes, until it is over.
fn live(pace: &Pace, tallies: &[Arc<Tally>], is_over: impl Fn() -> bool) {
    let mut last = (Instant::now(), 0);
    while !is_over() {
        thread::sleep(LIVE_EVERY);
        let seen = tally::glance(tallies);
        let now = Instant::now();
        let rate = seen.requests.saturating_sub(last.1) as f64 / (now - last.0).as_secs_f64();
        last = (now, seen.requests);
        let left = pace.left(now).as_secs();
        let failures = if seen.failures > 0 { format!(", {} failed", seen.failures) } else { String::new() };
        let (p50, p99) = (report::milliseconds(seen.p50), report::milliseconds(seen.p99));
        // A terminal that is gone needs no live line.
        let _ = write!(
            std::io::stderr(),
            "\r{rate:.0} a second, half within {p50}, 99% within {p99}{failures}, {left} s left\x1b[K"
        );
    }
    let _ = write!(std::io::stderr(), "\r\x1b[K");
}
