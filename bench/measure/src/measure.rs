//! One run: a server is started, put to work, and its figures are taken.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use crate::answer::Answer;
use crate::latency::Latency;
use crate::load::{self, Load, Meter, Outcome};
use crate::scenario::{Entrant, Figure, Scenario, Work};
use crate::server::{Asked, Places, Role, Running, Server, Terms};
use crate::upstream::Upstream;

/// How many requests are answered before memory is first looked at.
const BEFORE_IDLE_REQUESTS: usize = 256;
/// How long a server is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// How runs are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The core of the server.
    pub server_core: usize,
    /// How long a load runs before it counts.
    pub warm_up: Duration,
    /// For how long it counts.
    pub measured: Duration,
}

/// The figures of one run, by their keys.
pub type Figures = BTreeMap<String, f64>;

/// Has one server, proxy or client do the work of a scenario.
pub fn run(
    scenario: &Scenario,
    entrant: &Entrant,
    server: &Server,
    places: &Places,
    settings: &Settings,
) -> io::Result<Figures> {
    let request = entrant.ask.request(entrant.wire, scenario.closes());
    // The floor's answer has to be as long as the others': that of the file, or of the greeting.
    let file = places.root.join(scenario.ask.path.trim_start_matches('/'));
    let content_bytes = if file.is_file() { file.metadata()?.len() as usize } else { b"Hello, world!".len() };
    let upstream = if server.role == Role::Serves { None } else { Some(Upstream::start()?) };
    let terms = Terms {
        core: settings.server_core,
        wire: entrant.wire,
        upstream: upstream.as_ref(),
        path: entrant.ask.path,
        tasks: if let Work::Asking { tasks } = scenario.work { tasks } else { 0 },
        request_bytes: request.len(),
        content_bytes,
        closes: scenario.closes(),
    };
    if let (Work::Asking { .. }, Some(upstream)) = (scenario.work, &upstream) {
        let running = server.start_to_ask(places, terms, upstream)?;
        return asking(&running, upstream, settings, content_bytes);
    }
    let whole = !matches!(scenario.work, Work::Download);
    let (running, answer) = server.start(places, terms, Asked { request: &request, whole })?;
    let load = Load {
        target: running.target.clone(),
        request,
        connections: 1,
        depth: 1,
        closes: scenario.closes(),
        rate: None,
        warm_up: settings.warm_up,
        measured: settings.measured,
    };
    if whole {
        check(entrant, &answer, content_bytes)?;
    }
    match scenario.work {
        Work::Busy { connections, depth, .. } => {
            let outcome = load::run(&Load { connections, depth, ..load }, &answer, &running.processes)?;
            Ok(figures(&outcome, Some(&answer), content_bytes))
        }
        Work::Steady { connections, rate, beside } => {
            let load = Load { connections, rate: Some(rate), ..load };
            let before = running.processes.resident_bytes()?;
            let outcome = match beside {
                None => load::run(&load, &answer, &running.processes)?,
                Some(ask) => {
                    let request = ask.request(entrant.wire, false);
                    let other = Answer::learn(&running.target, &request)?;
                    let heavy = Load { request, connections: 1, rate: None, ..load.clone() };
                    load::run_beside(&load, &answer, (&heavy, &other), &running.processes)?
                }
            };
            let mut figures = figures(&outcome, Some(&answer), content_bytes);
            let grown = running.processes.resident_bytes()?.saturating_sub(before);
            figures.insert("grown_bytes".to_owned(), grown as f64);
            Ok(figures)
        }
        Work::Download => Ok(figures(&load::once(&load, &answer, &running.processes)?, None, content_bytes)),
        Work::Asking { .. } => Err(io::Error::other(format!("{} is not a client", server.name))),
        Work::Idle { connections } => idle(&load, connections, &running),
    }
}

/// A client asks; the upstream knows how often it was answered.
fn asking(running: &Running, upstream: &Upstream, settings: &Settings, content_bytes: usize) -> io::Result<Figures> {
    thread::sleep(settings.warm_up);
    let (before, meter) = (upstream.answered(), Meter::start(&running.processes)?);
    thread::sleep(settings.measured);
    let requests = upstream.answered() - before;
    let (elapsed, cpu, own_cpu) = meter.stop()?;
    if requests == 0 {
        return Err(io::Error::other("it asked for nothing"));
    }
    let outcome = Outcome { requests, elapsed, cpu, own_cpu, latency: Latency::default(), opening: Duration::ZERO };
    Ok(figures(&outcome, None, content_bytes))
}

/// Fails if a server does not do what the others do.
fn check(entrant: &Entrant, answer: &Answer, content_bytes: usize) -> io::Result<()> {
    let name = entrant.label;
    let coding = answer.field("content-encoding");
    let wanted = entrant.ask.accept_encoding;
    if coding != wanted {
        return Err(io::Error::other(format!("{name} answers with coding {coding:?} instead of {wanted:?}")));
    }
    if coding.is_none() && answer.content.len() != content_bytes {
        let length = answer.content.len();
        return Err(io::Error::other(format!("{name} answers {length} bytes instead of {content_bytes}")));
    }
    Ok(())
}

fn figures(outcome: &Outcome, answer: Option<&Answer>, content_bytes: usize) -> Figures {
    let requests = outcome.requests.max(1) as f64;
    let (cpu, elapsed) = (outcome.cpu.as_secs_f64(), outcome.elapsed.as_secs_f64());
    let megabytes = requests * content_bytes as f64 / 1e6;
    let mut figures = Figures::from([
        (Figure::CpuMicroseconds.key().to_owned(), cpu * 1e6 / requests),
        (Figure::Requests.key().to_owned(), requests / elapsed),
        (Figure::Megabytes.key().to_owned(), megabytes / elapsed),
        ("server_busy".to_owned(), cpu / elapsed),
        ("generator_busy".to_owned(), outcome.own_cpu.as_secs_f64() / elapsed),
        ("opening_ms".to_owned(), outcome.opening.as_secs_f64() * 1e3),
    ]);
    if !outcome.latency.is_empty() {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        figures.insert("median_ms".to_owned(), milliseconds(outcome.latency.at(0.5)));
        figures.insert("p99_ms".to_owned(), milliseconds(outcome.latency.at(0.99)));
        figures.insert(Figure::LongestMilliseconds.key().to_owned(), milliseconds(outcome.latency.longest()));
    }
    if let Some(answer) = answer.filter(|answer| answer.field("content-encoding").is_some()) {
        figures.insert(Figure::CodedMegabytes.key().to_owned(), megabytes / cpu);
        figures.insert("coding_ratio".to_owned(), content_bytes as f64 / answer.content.len() as f64);
    }
    figures
}

fn idle(load: &Load, connections: usize, running: &Running) -> io::Result<Figures> {
    // What is made once, for the first connections, is not what each connection costs.
    for _ in 0..BEFORE_IDLE_REQUESTS / 16 {
        drop(load::idle(&Load { connections: 16, ..load.clone() })?);
    }
    thread::sleep(SETTLE);
    let before = running.processes.resident_bytes()?;
    let open = load::idle(&Load { connections, ..load.clone() })?;
    thread::sleep(SETTLE);
    let grown = running.processes.resident_bytes()?.saturating_sub(before) as f64;
    Ok(Figures::from([
        (Figure::ConnectionBytes.key().to_owned(), grown / open.len() as f64),
        ("resident_mib_before".to_owned(), before as f64 / 1024.0 / 1024.0),
    ]))
}
