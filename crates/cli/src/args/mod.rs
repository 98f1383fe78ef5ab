//! The one table of commands and flags: parser, help, completions and man page all come from it.

mod bench;
mod capture;
mod echo;
mod gateway;
mod get;
mod inspect;
mod listen;
mod raw;
mod serve;
mod tls;
mod trust;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

pub(crate) use bench::Bench;
pub(crate) use capture::Capture;
pub(crate) use echo::Echo;
pub(crate) use gateway::{Check, Explain, Fmt, HashPassword, Proxy, Reload, Run};
pub(crate) use get::Get;
pub(crate) use inspect::{Inspect, Watch, Why};
pub(crate) use listen::{Listen, Log};
pub(crate) use raw::Raw;
pub(crate) use serve::Serve;
pub(crate) use tls::Tls;
pub(crate) use trust::Trust;

use crate::exit;

/// An HTTP server that can say why.
#[derive(Debug, Parser)]
#[command(name = "wirelight", version, max_term_width = 100, propagate_version = true, after_help = exit::STATUSES)]
#[command(after_long_help = format!("Examples:
  wirelight serve                    the files of this folder, on http://127.0.0.1:8080/
  wirelight serve site --port 0      another folder, on a port that is free
  wirelight serve --tls              the same over HTTPS, on https://localhost:8443/
  wirelight echo                     a server to test clients with
  wirelight get -v :8080/            a request, and all that happens on the way
  wirelight raw 127.0.0.1:8080       send bytes, see bytes
  wirelight run                      what wirelight.kdl says, in front of your services

{}", exit::STATUSES))]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What the command can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the files of a folder.
    Serve(Serve),
    /// Answer every request with what arrived: a server to test clients with.
    Echo(Echo),
    /// Send a request, and show what comes back and why.
    Get(Box<Get>),
    /// Measure how many requests a server answers, and how long each waits.
    Bench(Bench),
    /// Send standard input to a server byte for byte, and print what comes back.
    Raw(Raw),
    /// Show the packets below HTTP, off an interface or out of a file, and what each did to its connection.
    Capture(Capture),
    /// Have this machine's browsers and programs trust the local authority of --tls, or no longer.
    Trust(Trust),
    /// Run what a config file says: sites, routes, and servers to forward to.
    Run(Run),
    /// Have a running gateway read its config file again, or say what that would change and close.
    Reload(Reload),
    /// Forward everything that comes in to one server or several, without a config file.
    Proxy(Proxy),
    /// Say everything that is wrong with a config file.
    Check(Check),
    /// Write a config file as it should look.
    Fmt(Fmt),
    /// Print the hash of a password, for basic-auth in a config file.
    HashPassword(HashPassword),
    /// Say which site and route of a config file would take a request, and why.
    Explain(Explain),
    /// Watch the exchanges of a server that runs with --inspect, live, with their reasons.
    Watch(Watch),
    /// Say why an exchange of a server that runs with --inspect went as it did.
    Why(Why),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Print the man page.
    Man(Man),
}

/// The arguments of `completions`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  wirelight completions bash > ~/.local/share/bash-completion/completions/wirelight
  wirelight completions zsh  > ~/.zfunc/_wirelight
  wirelight completions fish > ~/.config/fish/completions/wirelight.fish")]
pub(crate) struct Completions {
    /// The shell to complete in.
    pub(crate) shell: Shell,
}

/// The arguments of `man`.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  wirelight man | man -l -
  wirelight man serve > ~/.local/share/man/man1/wirelight-serve.1")]
pub(crate) struct Man {
    /// The command whose page to print; without it, the page of wirelight itself.
    pub(crate) of: Option<String>,
}

/// Reads a length of time in seconds; never none.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match std::time::Duration::try_from_secs_f64(number) {
        Ok(length) if !length.is_zero() => Ok(length),
        _ => Err("not a length of time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_and_flag_has_its_sentence() {
        for command in Arguments::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
        }
    }
}
