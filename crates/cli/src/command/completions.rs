//! `wirelight completions`: a completion script, from the table of arguments.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Arguments, Completions};
use crate::exit::Failure;

/// Prints the script.
pub(crate) fn run(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "wirelight", &mut script);
    std::io::stdout().write_all(&script).map_err(Failure::of_output)
}
