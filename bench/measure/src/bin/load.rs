//! The generator alone: `load ADDRESS PATH [CONNECTIONS [DEPTH [SECONDS [PID [WIRE]]]]]`.
//!
//! With the server's process id it also says what a request cost the server. WIRE is `h1`, `h2`, `h1+tls` or `h2+tls`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use wirelight_bench::answer::Answer;
use wirelight_bench::link::Target;
use wirelight_bench::load::{self, Load};
use wirelight_bench::processes::Processes;
use wirelight_bench::scenario::Ask;
use wirelight_bench::wire::Wire;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, figures @ ..] = arguments.as_slice() else {
        return Err(io::Error::other("load ADDRESS PATH [CONNECTIONS [DEPTH [SECONDS [PID [WIRE]]]]]"));
    };
    let figure = |index: usize, default: usize| {
        figures.get(index).map_or(Ok(default), |figure| figure.parse().map_err(io::Error::other))
    };
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let wire = match figures.get(4).map(String::as_str) {
        None => Wire::H1,
        Some(name) => Wire::named(name).ok_or_else(|| io::Error::other(format!("no wire {name}")))?,
    };
    let ask = Ask { path: path.clone().leak(), accept_encoding: None };
    let (target, request) = (Target::new(address, wire), ask.request(wire, false));
    let answer = Answer::learn(&target, &request)?;
    let load = Load {
        target,
        request,
        connections: figure(0, 64)?,
        depth: figure(1, 1)?,
        closes: false,
        rate: None,
        warm_up: Duration::from_millis(250),
        measured: Duration::from_secs(figure(2, 2)? as u64),
    };
    let server = match figure(3, 0)? {
        0 => Processes::none(),
        id => Processes::of(u32::try_from(id).map_err(io::Error::other)?)?,
    };
    let outcome = load::run(&load, &answer, &server)?;
    let requests = outcome.requests.max(1) as f64;
    println!("{:.0} requests a second", requests / outcome.elapsed.as_secs_f64());
    if !outcome.latency.is_empty() {
        println!("{:?} in the middle, {:?} at the longest", outcome.latency.at(0.5), outcome.latency.longest());
    }
    if !server.ids().is_empty() {
        println!("{:.2} CPU µs a request of the server", outcome.cpu.as_secs_f64() * 1e6 / requests);
    }
    println!("{:.2} CPU µs a request of the generator", outcome.own_cpu.as_secs_f64() * 1e6 / requests);
    Ok(())
}
