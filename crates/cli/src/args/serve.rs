//! The arguments of `serve`.

use std::path::PathBuf;

use clap::Args;

use super::Listen;
use crate::exit;

/// The arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_long_help = format!("Examples:
  wirelight serve                      this folder, on http://127.0.0.1:8080/
  wirelight serve site -p 0 -o         another folder, on a free port, and open a browser
  wirelight serve dist --spa           an application that does its own routing
  wirelight serve -a 0.0.0.0 --cors    for other machines, and for pages of other origins
  wirelight serve --tls                over HTTPS, on https://localhost:8443/
  wirelight serve --raw                see the bytes of every request and every response head
  PORT=3000 wirelight serve --log json | jq .

{}", exit::STATUSES))]
pub(crate) struct Serve {
    /// The folder to serve.
    #[arg(value_name = "DIR", default_value = ".", value_hint = clap::ValueHint::DirPath)]
    pub(crate) folder: PathBuf,

    #[command(flatten)]
    pub(crate) listen: Listen,

    /// Let pages of any origin read what is served (CORS), without credentials.
    #[arg(long)]
    pub(crate) cors: bool,

    /// Answer with index.html where no file is found, for an application that does its own routing.
    #[arg(long)]
    pub(crate) spa: bool,

    /// Open the address in a browser.
    #[arg(short, long)]
    pub(crate) open: bool,

    /// The file that stands for its folder.
    #[arg(long, value_name = "NAME", default_value = "index.html")]
    pub(crate) index: String,

    /// The languages of the site, that of pages whose names say none first; by default those found in names such as
    /// page.fr.html.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) languages: Vec<String>,

    /// Answer 404 for a folder without an index, instead of listing it.
    #[arg(long)]
    pub(crate) no_listing: bool,

    /// Serve and list names that begin with a dot, too.
    #[arg(long)]
    pub(crate) hidden: bool,
}
