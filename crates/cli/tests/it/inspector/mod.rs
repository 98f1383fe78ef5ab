//! The inspector's page in headless Chromium, with real traffic.

mod exchange;
mod har;
mod hostile;
mod keys;
mod layers;
mod list;
mod look;
mod many;
mod modules;
mod relay;
mod resend;
mod sources;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use self::relay::Relay;
use crate::devtools::Page;
use crate::process::{Listening, site};

/// A server whose inspector is looked at.
struct Inspected {
    server: Listening,
    /// The address with the token, as the server printed it.
    entrance: String,
    page: Page,
}

impl Inspected {
    /// The example site, with nothing asked of it yet, and the page open.
    fn serve() -> Self {
        Self::start(&["serve", &site()], 1280, 800)
    }

    /// A command that listens, with its inspector on a port that the system picks.
    fn start(arguments: &[&str], width: u32, height: u32) -> Self {
        let (server, entrance) = inspected(arguments);
        Self { server, entrance, page: Page::open(width, height) }.entered()
    }

    /// A gateway before a server of ours, which it forwards everything to.
    fn before(upstream: &Listening) -> Self {
        Self::start(&["proxy", "127.0.0.1:0", &upstream.url("")], 1280, 800)
    }

    /// The example site, seen over a wire that can be cut.
    fn behind_a_relay() -> (Self, Relay) {
        let (server, entrance) = inspected(&["serve", &site()]);
        let authority = entrance.split('/').nth(2).unwrap();
        let relay = Relay::to(authority.parse().unwrap());
        // The browser believes that it speaks with the inspector's own port, as the inspector asks of it.
        let mapped = format!("--host-resolver-rules=MAP {authority} {}", relay.address);
        let page = Page::open_with(&[&mapped], 1280, 800);
        (Self { server, entrance, page }.entered(), relay)
    }

    fn entered(mut self) -> Self {
        self.page.go(&self.entrance);
        self.page.until("document.documentElement.dataset.ready === 'yes'");
        self
    }

    /// Asks the server for a target, without fields of one's own.
    fn get(&self, target: &str) {
        self.ask(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    }

    /// Sends bytes as they are, and reads until the server closes.
    fn ask(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let mut stream = self.server.connect();
        stream.write_all(request.as_ref()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        answer
    }

    /// Goes to a place of the page by its fragment.
    fn place(&mut self, fragment: &str) {
        self.page.value(&format!("location.hash = {}", json!(fragment)));
    }

    /// Waits until the list holds so many exchanges that are over.
    fn listed(&mut self, number: usize) {
        self.page.until(&format!(
            "document.querySelector('#list').getAttribute('aria-rowcount') == {} && \
             !document.querySelector('.rows .row.is-open:not([hidden])')",
            number + 1
        ));
    }

    /// The id of the newest exchange whose row says a text.
    fn id(&mut self, text: &str) -> String {
        let row = format!(
            "[...document.querySelectorAll('.rows .row:not([hidden])')].filter(row => row.textContent.includes({})).at(-1)",
            json!(text)
        );
        self.page.until(&row);
        self.page.text(&format!("{row}.dataset.id"))
    }

    /// Opens a tab of an exchange, and waits until it is shown.
    fn open(&mut self, id: &str, tab: &str) {
        self.place(&format!("#/exchanges/{id}/{}", tab.replace(':', "%3A")));
        let name = tab.split(':').next().unwrap();
        self.page
            .until(&format!("document.querySelector('#panel').dataset.shows === {}", json!(format!("{id}/{name}"))));
    }

    /// The text of what a tab shows.
    fn panel(&mut self) -> String {
        self.page.text("document.querySelector('#panel').textContent")
    }

    /// What axe-core finds wrong with the page as it is now.
    fn violations(&mut self) -> Value {
        let axe = std::fs::read_to_string(tool("axe-core/axe.min.js")).unwrap();
        self.page.value(&format!("{axe}; 0"));
        self.page.value(
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})\
             .then(found => found.violations.map(({id, help, nodes}) => ({id, help, at: nodes.map(({target}) => target.join(' '))})))",
        )
    }
}

/// Starts a command with its inspector; gives it, and the address with the token that it printed.
fn inspected(arguments: &[&str]) -> (Listening, String) {
    inspected_in(arguments, &[])
}

/// The same in an environment that says more.
pub(crate) fn inspected_in(arguments: &[&str], environment: &[(&str, &Path)]) -> (Listening, String) {
    // The address of the inspector is said beside the output, after the server's own.
    let mut both = Command::new("sh");
    both.args(["-c", "exec \"$0\" \"$@\" 2>&1", env!("CARGO_BIN_EXE_wirelight")]);
    both.envs(environment.iter().copied())
        .env_remove("PORT")
        .env_remove("WIRELIGHT_INSPECT_TOKEN")
        .args(arguments)
        .arg("--inspect=127.0.0.1:0");
    if !matches!(arguments[0], "proxy" | "run") {
        both.args(["-p", "0"]);
    }
    let server = Listening::spawn(&mut both);
    let printed = server.printed_when(|printed| printed.contains("?token="));
    let entrance = printed.split_whitespace().find(|word| word.contains("?token=")).unwrap().to_owned();
    (server, entrance)
}

/// A file of the packages from npm, which `./test` installs.
fn tool(path: &str) -> PathBuf {
    let packages = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/page/node_modules");
    let path = packages.join(path);
    assert!(path.exists(), "{} is missing: ./test installs it", path.display());
    path
}

/// Runs node to its end.
fn node(arguments: &[&std::ffi::OsStr]) -> Output {
    Command::new("node").args(arguments).output().expect("node is installed")
}

/// Where the page's files are.
fn sources_of_the_page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../inspect/page")
}
