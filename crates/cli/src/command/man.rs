//! `wirelight man`: the man page, from the table of arguments.

use std::io::Write;

use clap::CommandFactory;

use crate::args::{Arguments, Man};
use crate::exit::Failure;

/// Prints the page of wirelight, or of one of its commands.
pub(crate) fn run(arguments: &Man) -> Result<(), Failure> {
    let mut table = Arguments::command();
    table.build();
    let page = match &arguments.of {
        None => clap_mangen::Man::new(table),
        Some(name) => clap_mangen::Man::new(find(&table, name)?),
    };
    let mut text = Vec::new();
    page.render(&mut text).map_err(Failure::of_output)?;
    std::io::stdout().write_all(&text).map_err(Failure::of_output)
}

fn find(table: &clap::Command, name: &str) -> Result<clap::Command, Failure> {
    if let Some(command) = table.find_subcommand(name) {
        return Ok(command.clone());
    }
    let names: Vec<_> = table.get_subcommands().map(clap::Command::get_name).collect();
    Err(Failure::new(format!("there is no command `{name}`")).advise(format!("There are: {}.", names.join(", "))))
}
