//! What a server is put to: a load of requests, and what came of it.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::generator::Generator;
use crate::latency::Latency;
use crate::link::Target;
use crate::processes::{Cpu, Processes};

/// What to ask of a server.
#[derive(Debug, Clone)]
pub struct Load {
    /// Where it listens, and what is spoken.
    pub target: Target,
    /// One request: as it leaves, or the payload of its HEADERS frame.
    pub request: Vec<u8>,
    /// How many connections there are.
    pub connections: usize,
    /// How many requests leave together on a connection; with HTTP/2, how many are under way on it.
    pub depth: usize,
    /// Whether each connection serves one request only.
    pub closes: bool,
    /// How many requests a second there are in all; None for as many as are answered.
    pub rate: Option<u32>,
    /// How long the load runs before anything counts.
    pub warm_up: Duration,
    /// For how long it counts.
    pub measured: Duration,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How many requests were answered while it counted.
    pub requests: u64,
    /// For how long it counted.
    pub elapsed: Duration,
    /// What the processes under test spent meanwhile.
    pub cpu: Duration,
    /// What the generator spent meanwhile.
    pub own_cpu: Duration,
    /// How long the answers took: from when their request was due, if there is a rate. Empty with HTTP/2.
    pub latency: Latency,
    /// How long opening the connections took.
    pub opening: Duration,
}

/// Takes the time, and what is spent, of a part of a run.
pub struct Meter<'a> {
    tested: &'a Processes,
    own: Processes,
    began: Instant,
    spent: Cpu,
    own_spent: Cpu,
}

impl<'a> Meter<'a> {
    /// Begins.
    pub fn start(tested: &'a Processes) -> io::Result<Self> {
        let own = Processes::only(std::process::id());
        Ok(Self { spent: tested.cpu()?, own_spent: own.cpu()?, tested, own, began: Instant::now() })
    }

    /// Ends; how long it took, and what the tested processes and we ourselves spent.
    pub fn stop(self) -> io::Result<(Duration, Duration, Duration)> {
        let (elapsed, spent, own_spent) = (self.began.elapsed(), self.tested.cpu()?, self.own.cpu()?);
        if self.spent.threads > spent.threads {
            return Err(io::Error::other("a thread of the server ended, and what it spent is lost"));
        }
        Ok((elapsed, spent.time - self.spent.time, own_spent.time.saturating_sub(self.own_spent.time)))
    }
}

/// Runs a load against a server, and counts what the server's processes spend meanwhile.
pub fn run(load: &Load, answer: &Answer, server: &Processes) -> io::Result<Outcome> {
    let began = Instant::now();
    let mut generator = Generator::open(load, answer)?;
    let opening = began.elapsed();
    generator.run_for(load.warm_up)?;
    generator.begin_to_count();
    let meter = Meter::start(server)?;
    generator.run_for(load.measured)?;
    let (elapsed, cpu, own_cpu) = meter.stop()?;
    let (requests, latency) = generator.counted()?;
    Ok(Outcome { requests, elapsed, cpu, own_cpu, latency, opening })
}

/// Asks once, on one connection, and counts from the request to the end of the answer.
pub fn once(load: &Load, answer: &Answer, server: &Processes) -> io::Result<Outcome> {
    let meter = Meter::start(server)?;
    let mut generator = Generator::open(load, answer)?;
    generator.run_until_answered()?;
    let (elapsed, cpu, own_cpu) = meter.stop()?;
    let (requests, latency) = generator.counted()?;
    Ok(Outcome { requests, elapsed, cpu, own_cpu, latency, opening: Duration::ZERO })
}

/// Runs one load while another goes on beside it; only the first is counted.
pub fn run_beside(load: &Load, answer: &Answer, beside: (&Load, &Answer), server: &Processes) -> io::Result<Outcome> {
    std::thread::scope(|scope| {
        let other = scope.spawn(|| Generator::open(beside.0, beside.1)?.run_for(load.warm_up + load.measured));
        let outcome = run(load, answer, server);
        other.join().map_err(|_| io::Error::other("the load beside panicked"))??;
        outcome
    })
}

/// Opens connections, has one answer on each, and leaves them open.
pub fn idle(load: &Load) -> io::Result<Vec<TcpStream>> {
    let mut open = Vec::with_capacity(load.connections);
    for _ in 0..load.connections {
        let mut stream = load.target.connect_blocking()?;
        let answer = Answer::exchange(&mut stream, &load.target, &load.request)?;
        if answer.status != 200 {
            return Err(io::Error::other(format!("status {} where 200 was expected", answer.status)));
        }
        open.push(stream.into_socket());
    }
    Ok(open)
}
