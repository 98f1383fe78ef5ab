//! The command `wirelight`: arguments, printing and exit codes.
//!
//! It knows terminals and arguments. It must not know a rule of the protocol: those are the crates' below.

mod args;
mod command;
mod exit;
mod print;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Serve(arguments) => command::serve::run(&arguments),
        Command::Echo(arguments) => command::echo::run(&arguments),
        Command::Get(arguments) => command::get::run(&arguments),
        Command::Bench(arguments) => command::bench::run(&arguments),
        Command::Raw(arguments) => command::raw::run(&arguments),
        Command::Capture(arguments) => command::capture::run(&arguments),
        Command::Trust(arguments) => command::trust::run(&arguments),
        Command::Run(arguments) => command::gateway::run(&arguments),
        Command::Reload(arguments) => command::gateway::reload(&arguments),
        Command::Proxy(arguments) => command::gateway::proxy(&arguments),
        Command::Check(arguments) => command::gateway::check(&arguments),
        Command::Fmt(arguments) => command::gateway::fmt(&arguments),
        Command::HashPassword(arguments) => command::gateway::hash_password(&arguments),
        Command::Explain(arguments) => command::gateway::explain(&arguments),
        Command::Watch(arguments) => command::watch::run(&arguments),
        Command::Why(arguments) => command::why::run(&arguments),
        Command::Completions(arguments) => command::completions::run(&arguments),
        Command::Man(arguments) => command::man::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
