//! One run: a server is started, put to work, and its figures are taken.

use std::collections::BTreeMap;
use std::io;
use std::thread;
use std::time::Duration;

use crate::answer::Answer;
use crate::load::{self, Load, Outcome};
use crate::scenario::{Figure, Scenario, Work};
use crate::server::{Places, Running, Server, Terms};

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

/// Has one server do the work of a scenario.
pub fn run(scenario: &Scenario, server: &Server, places: &Places, settings: &Settings) -> io::Result<Figures> {
    let request = scenario.ask_of(server.name).request(scenario.closes());
    // The floor's answer has to be as long as the others': that of the file, or of the greeting.
    let file = places.root.join(scenario.ask.path.trim_start_matches('/'));
    let content_bytes = if file.is_file() { file.metadata()?.len() as usize } else { b"Hello, world!".len() };
    let terms =
        Terms { core: settings.server_core, request_bytes: request.len(), content_bytes, closes: scenario.closes() };
    let (running, answer) = server.start(places, terms, &request)?;
    let load = Load {
        address: running.address,
        request,
        connections: 1,
        depth: 1,
        closes: scenario.closes(),
        rate: None,
        warm_up: settings.warm_up,
        measured: settings.measured,
    };
    check(scenario, server.name, &answer, content_bytes)?;
    match scenario.work {
        Work::Busy { connections, depth, .. } => {
            let outcome = load::run(&Load { connections, depth, ..load }, &answer, &running.processes)?;
            Ok(figures(&outcome, &answer, content_bytes))
        }
        Work::Steady { connections, rate, beside } => {
            let load = Load { connections, rate: Some(rate), ..load };
            let before = running.processes.resident_bytes()?;
            let outcome = match beside {
                None => load::run(&load, &answer, &running.processes)?,
                Some(ask) => {
                    let request = ask.request(false);
                    let other = Answer::learn(running.address, &request)?;
                    let heavy = Load { request, connections: 1, rate: None, ..load.clone() };
                    load::run_beside(&load, &answer, (&heavy, &other), &running.processes)?
                }
            };
            let mut figures = figures(&outcome, &answer, content_bytes);
            let grown = running.processes.resident_bytes()?.saturating_sub(before);
            figures.insert("grown_bytes".to_owned(), grown as f64);
            Ok(figures)
        }
        Work::Idle { connections } => idle(&load, connections, &answer, &running),
    }
}

/// Fails if a server does not do what the others do.
fn check(scenario: &Scenario, name: &str, answer: &Answer, content_bytes: usize) -> io::Result<()> {
    let coding = answer.field("content-encoding");
    let wanted = scenario.ask_of(name).accept_encoding;
    if coding != wanted {
        return Err(io::Error::other(format!("{name} answers with coding {coding:?} instead of {wanted:?}")));
    }
    if coding.is_none() && answer.content.len() != content_bytes {
        let length = answer.content.len();
        return Err(io::Error::other(format!("{name} answers {length} bytes instead of {content_bytes}")));
    }
    Ok(())
}

fn figures(outcome: &Outcome, answer: &Answer, content_bytes: usize) -> Figures {
    let requests = outcome.requests.max(1) as f64;
    let (cpu, elapsed) = (outcome.cpu.as_secs_f64(), outcome.elapsed.as_secs_f64());
    let milliseconds = |share| outcome.latency.at(share).as_secs_f64() * 1e3;
    let megabytes = requests * content_bytes as f64 / 1e6;
    let mut figures = Figures::from([
        (Figure::CpuMicroseconds.key().to_owned(), cpu * 1e6 / requests),
        ("requests_per_s".to_owned(), requests / elapsed),
        ("mb_per_s".to_owned(), megabytes / elapsed),
        ("server_busy".to_owned(), cpu / elapsed),
        ("generator_busy".to_owned(), outcome.own_cpu.as_secs_f64() / elapsed),
        ("median_ms".to_owned(), milliseconds(0.5)),
        ("p99_ms".to_owned(), milliseconds(0.99)),
        (Figure::LongestMilliseconds.key().to_owned(), outcome.latency.longest().as_secs_f64() * 1e3),
        ("opening_ms".to_owned(), outcome.opening.as_secs_f64() * 1e3),
    ]);
    if answer.field("content-encoding").is_some() {
        figures.insert(Figure::CodedMegabytes.key().to_owned(), megabytes / cpu);
        figures.insert("coding_ratio".to_owned(), content_bytes as f64 / answer.content.len() as f64);
    }
    figures
}

fn idle(load: &Load, connections: usize, answer: &Answer, running: &Running) -> io::Result<Figures> {
    // What is made once, for the first connections, is not what each connection costs.
    for _ in 0..BEFORE_IDLE_REQUESTS / 16 {
        drop(load::idle(&Load { connections: 16, ..load.clone() }, answer)?);
    }
    thread::sleep(SETTLE);
    let before = running.processes.resident_bytes()?;
    let open = load::idle(&Load { connections, ..load.clone() }, answer)?;
    thread::sleep(SETTLE);
    let grown = running.processes.resident_bytes()?.saturating_sub(before) as f64;
    Ok(Figures::from([
        (Figure::ConnectionBytes.key().to_owned(), grown / open.len() as f64),
        ("resident_mib_before".to_owned(), before as f64 / 1024.0 / 1024.0),
    ]))
}
