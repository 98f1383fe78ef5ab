//! `wirelight hash-password`: the hash of a password, for `basic-auth`.

use std::io::{IsTerminal, Read, Write};

use wirelight_gateway::auth::hash::{Hash, PASSWORD_BYTES_MAX};

use crate::args::HashPassword;
use crate::command::get::ask_password;
use crate::exit::Failure;

/// Asks for a password, or reads it from standard input, and prints its hash.
pub(crate) fn run(arguments: &HashPassword) -> Result<(), Failure> {
    let password = if std::io::stdin().is_terminal() { ask()? } else { read()? };
    if password.is_empty() {
        return Err(Failure::new("an empty password keeps nobody out"));
    }
    let hash = Hash::make(&password).map_err(Failure::new)?;
    let line = match &arguments.user {
        Some(user) => format!("user {user:?} {:?}\n", hash.as_str()),
        None => format!("{}\n", hash.as_str()),
    };
    std::io::stdout().write_all(line.as_bytes()).map_err(Failure::of_output)
}

/// Reads a password to its first line end.
fn read() -> Result<String, Failure> {
    let mut text = String::new();
    let limit = PASSWORD_BYTES_MAX as u64 + 2;
    let read = std::io::stdin().take(limit).read_to_string(&mut text);
    read.map_err(|error| Failure::new(format!("the password cannot be read: {error}")))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Asks on the terminal, and once more.
fn ask() -> Result<String, Failure> {
    let first = ask_password("password: ")?;
    match ask_password("once more: ")? == first {
        true => Ok(first),
        false => Err(Failure::new("the two passwords differ")),
    }
}
