//! `wirelight reload`: has a running gateway read its config again, or say what that would change.

use std::io::Write;
use std::path::Path;

use http::StatusCode;
use wirelight_client::blocking::Client;
use wirelight_client::{ClientConfig, Config};

use super::control;
use crate::args::Reload;
use crate::exit::Failure;
use crate::print::Paint;

/// Tells the process that runs the config; prints what changed, or what is wrong with the file.
pub(crate) fn run(arguments: &Reload) -> Result<(), Failure> {
    let config = &arguments.file.config;
    let places = control::find(config, arguments.control.as_deref());
    let mut refused = None;
    for place in &places {
        match ask(place, arguments.dry_run) {
            Ok((StatusCode::OK, text)) => {
                return std::io::stdout().write_all(text.as_bytes()).map_err(Failure::of_output);
            }
            Ok((_, faults)) => {
                eprintln!("{}\n", faults.trim_end());
                return Err(Failure::new("nothing was changed: the old config runs on"));
            }
            Err(error) => refused = Some(error),
        }
    }
    let why = refused.map(|error| format!(": {error}")).unwrap_or_default();
    Err(Failure::new(format!("no process that runs {} was found{why}", config.display()))
        .advise("Start one with `wirelight run`; one that was started with --control is found with the same."))
}

fn ask(place: &Path, dry_run: bool) -> wirelight_service::Result<(StatusCode, String)> {
    let connections = Config { unix_socket: Some(place.to_owned()), ..Config::default() };
    let client = Client::with(ClientConfig { connections, ..ClientConfig::default() })?;
    let mut words = Vec::new();
    words.extend(dry_run.then_some("dry-run"));
    words.extend(Paint::stderr().colors().then_some("colors"));
    let answer = client.post(&format!("http://localhost/reload?{}", words.join("&"))).send()?;
    let status = answer.status();
    Ok((status, answer.text()?))
}
