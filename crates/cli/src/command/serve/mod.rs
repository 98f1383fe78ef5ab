//! `wirelight serve`: the files of a folder.

mod languages;

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use wirelight_gateway::files::{self, Files};
use wirelight_server::Address;
use wirelight_service::ServiceExt;
use wirelight_service::layer::Remember;

use super::layers::{self, Habits};
use super::listen;
use crate::args::Serve;
use crate::exit::Failure;

/// The page that a site may have for addresses that name nothing.
const NOT_FOUND: &str = "404.html";

/// Serves until it is told to stop.
pub(crate) fn run(arguments: &Serve) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let config = files::Config {
        root: folder.clone(),
        index: vec![arguments.index.clone()],
        listing: !arguments.no_listing,
        hidden: arguments.hidden,
        fallback: arguments.spa,
        not_found: Some(NOT_FOUND.into()),
        languages: if arguments.languages.is_empty() { languages::found(folder) } else { arguments.languages.clone() },
        ..files::Config::default()
    };
    let files = Files::open(config).map_err(|error| explain(&error, folder))?;
    let service = layers::around(
        files,
        Habits {
            name: "files",
            timed: arguments.listen.inspect.inspect.is_some(),
            cors: arguments.cors,
            trace: false,
            strict_transport: arguments.listen.tls.is_lasting(),
        },
    )
    .layer(Remember::default());
    let what = format!("serving {}", folder.display());
    listen::serve(&arguments.listen, wirelight_server::Config::default(), &what, service, |address| {
        if arguments.open {
            open(address);
        }
    })
}

fn explain(error: &io::Error, folder: &Path) -> Failure {
    let shown = folder.display();
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(format!("there is no folder `{shown}`"))
            .advise("Name the folder to serve: wirelight serve DIR."),
        io::ErrorKind::NotADirectory => Failure::new(format!("`{shown}` is not a folder"))
            .advise("Name the folder that holds it, and ask for the file by its path."),
        io::ErrorKind::PermissionDenied => Failure::new(format!("this user may not read `{shown}`"))
            .advise("Serve as a user who may, or change its mode."),
        _ => Failure::new(format!("`{shown}` cannot be served: {error}")),
    }
}

/// Shows the address in a browser; without one, serving goes on.
fn open(address: &Address) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started = Command::new(program)
        .arg(address.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        eprintln!("wirelight: no browser was opened: {program} cannot be run: {error}");
    }
}
