//! Troubles of the kind that people lose days to: the true cause is told, in the record, on the page and by
//! `wirelight why`; and what is said to change the outcome changes it.

mod caches;
mod certificates;
mod lines;
mod messages;
mod proxy;
mod sites;
mod slow;
mod upstream;
mod upstreams;

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use self::upstream::Upstream;
use crate::devtools::Page;
use crate::process::{Listening, PATIENCE, command, until};

/// Something that goes another way than somebody expected.
struct Trouble {
    name: &'static str,
    /// What stands in the site; `{upstream}` is the address of the server behind it.
    site: &'static str,
    /// How the server behind it behaves, if there is one.
    upstream: Option<Upstream>,
    /// What is sent, a line of the head each; `{tag}` is the entity tag of `/a.txt`.
    request: &'static str,
    /// The status that comes back, and something that stands in the answer.
    answer: (u16, &'static str),
    /// What must be told, word for word.
    says: &'static [&'static str],
    /// What changes the outcome, and what comes back then.
    cure: Cure,
    then: (u16, &'static str),
}

/// What is changed.
enum Cure {
    /// Words of the config.
    Config(&'static str, &'static str),
    /// Words of the request.
    Request(&'static str, &'static str),
    /// How the server behind it behaves.
    Upstream(Upstream),
}

/// A gateway with a site of its own and an inspector.
struct Scene {
    gateway: Listening,
    entrance: String,
    /// How many connections were made to it: the inspector numbers them.
    asked: Cell<u64>,
    _folder: TempDir,
    upstream: Option<upstream::Running>,
}

impl Scene {
    fn set(site: &str, upstream: Option<Upstream>) -> Self {
        Self::set_trusting(site, upstream, None)
    }

    /// The same, with the authorities of this file trusted in the place of the system's.
    fn set_trusting(site: &str, upstream: Option<Upstream>, trusted: Option<&Path>) -> Self {
        let folder = TempDir::new().unwrap();
        write_files(folder.path());
        let upstream = upstream.map(upstream::Running::start);
        let address = upstream.as_ref().map_or_else(String::new, |upstream| upstream.address.to_string());
        let site = site.replace("{upstream}", &address);
        // Sites of their own stand beside others; anything else stands in one that is for every host.
        let config = match site.trim_start().starts_with("site") || site.trim_start().starts_with("upstream") {
            true => site,
            false => format!("site default {{\n    listen \"127.0.0.1:0\"\n{site}}}\n"),
        };
        let path = folder.path().join("wirelight.kdl");
        std::fs::write(&path, config).unwrap();
        let mut started = std::process::Command::new("sh");
        started.args(["-c", "exec \"$0\" \"$@\" 2>&1", env!("CARGO_BIN_EXE_wirelight"), "run", "--config"]);
        // One worker, so that a second request finds the connection that the first has left.
        started.arg(&path).args(["--workers", "1", "--inspect=127.0.0.1:0"]).current_dir(folder.path());
        if let Some(trusted) = trusted {
            started.env("SSL_CERT_FILE", trusted);
        }
        let gateway = Listening::spawn(&mut started);
        let printed = gateway.printed_when(|printed| printed.contains("?token="));
        let entrance = printed.split_whitespace().find(|word| word.contains("?token=")).unwrap().to_owned();
        Self { gateway, entrance, asked: Cell::new(0), _folder: folder, upstream }
    }

    /// Sends a request and gives what comes back.
    fn ask(&self, request: &str) -> String {
        let mut stream = self.begin(request);
        if request.ends_with('|') {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        read(&mut stream)
    }

    /// Sends a request.
    fn begin(&self, request: &str) -> TcpStream {
        let request = self.on_the_wire(request);
        let mut stream = self.gateway.connect();
        self.asked.set(self.asked.get() + 1);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The server behind.
    fn upstream(&self) -> &upstream::Running {
        self.upstream.as_ref().expect("there is one")
    }

    fn on_the_wire(&self, request: &str) -> String {
        let request = match request.contains("{tag}") {
            true => request.replace("{tag}", &self.tag()),
            false => request.to_owned(),
        };
        // What ends with a bar is sent as it stands, as is what ends with a caret, behind which more could come; and
        // everything else is made a whole request.
        match request.strip_suffix(['|', '^']) {
            Some(exact) => exact.replace('\n', "\r\n"),
            None => {
                let (head, content) = request.split_once("\n\n").unwrap_or((&request, ""));
                let length =
                    if content.is_empty() { String::new() } else { format!("content-length: {}\n", content.len()) };
                let host = if head.to_ascii_lowercase().contains("\nhost:") { "" } else { "host: localhost\n" };
                format!("{head}\n{host}{length}connection: close\n\n").replace('\n', "\r\n") + content
            }
        }
    }

    fn tag(&self) -> String {
        // While the file could change again without a trace, its tag is that of one look, and ends with when that was.
        until("a tag that lasts", || {
            let answer = self.ask("GET /a.txt HTTP/1.1");
            let line = answer.lines().find_map(|line| line.strip_prefix("ETag: ")).expect("the file has a tag");
            Some(line.trim().to_owned()).filter(|tag| tag.matches('-').count() == 1)
        })
    }

    /// What the newest exchange is called.
    fn newest(&self) -> String {
        format!("{}-1", self.asked.get())
    }
}

fn write_files(folder: &Path) {
    let public = folder.join("public");
    std::fs::create_dir_all(public.join("docs")).unwrap();
    let long = "all work and no play makes a dull page\n".repeat(40);
    for (name, content) in [
        ("a.txt", &*long),
        ("short.txt", "short"),
        ("docs/index.html", "<p>documents"),
        (".secret", "hidden"),
        ("picture.png", &*long),
    ] {
        std::fs::write(public.join(name), content).unwrap();
    }
}

fn read(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    // Whoever is cut off has still read what came before.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn expect(answer: &str, (status, words): (u16, &str)) -> Result<(), String> {
    let found = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0_u16);
    let is_expected = found == status && answer.contains(words);
    is_expected.then_some(()).ok_or_else(|| format!("not {status} with `{words}` but:\n{answer}"))
}

fn told(what: &str, text: &str, says: &[&str]) -> Result<(), String> {
    // The page shows what would have changed an outcome beneath a title of its own, so that it begins small there.
    let shown = text.to_ascii_lowercase();
    match says.iter().find(|words| !shown.contains(&words.to_ascii_lowercase())) {
        Some(words) => Err(format!("`{words}` is not {what}:\n{text}")),
        None => Ok(()),
    }
}

/// Whether an exchange is explained: by `wirelight why`, in the record as JSON, and on the page.
fn explained(entrance: &str, id: &str, page: &mut Page, says: &[&str]) -> Result<(), String> {
    let record = record(entrance, id);
    let story = record["story"].as_array().unwrap().iter().map(|told| told["sentence"].as_str().unwrap().to_owned());
    let story: Vec<String> = story.collect();
    if let Some(bare) = story.iter().find(|sentence| !is_sentence(sentence)) {
        return Err(format!("`{bare}` is no sentence"));
    }
    told("in the record", &story.join("\n"), says)?;
    let why = command(&["why", id, "--at", entrance]).output().unwrap();
    told("told", &String::from_utf8_lossy(&why.stdout), says)?;
    if page.value("location.origin").as_str().is_none_or(|shown| !entrance.starts_with(shown)) {
        page.go(entrance);
        page.until("document.documentElement.dataset.ready === 'yes'");
    }
    page.value(&format!("location.hash = '#/exchanges/{id}/story'"));
    page.until(&format!("document.querySelector('#panel').dataset.shows === '{id}/story'"));
    told("on the page", &page.text("document.querySelector('#panel').textContent"), says)
}

/// What is kept of an exchange, once it is over.
fn record(entrance: &str, id: &str) -> Value {
    until("the exchange to be recorded", || {
        let output = command(&["why", id, "--at", entrance, "--json"]).output().unwrap();
        let detail: Value = serde_json::from_slice(&output.stdout).ok()?;
        (detail["summary"]["state"] == "done").then_some(detail)
    })
}

/// Whether a text begins as a sentence does and ends as one, and says more than a phrase does.
fn is_sentence(text: &str) -> bool {
    let last = text.trim_end_matches('.').rsplit(". ").next().unwrap_or_default();
    let begins = !text.starts_with(|first: char| first.is_ascii_lowercase()) || text.starts_with("http");
    begins && text.ends_with('.') && last.split(' ').count() > 2
}

/// Goes through troubles one after the other; the page is opened on each.
fn go_through(troubles: Vec<Trouble>) {
    let mut page = Page::open(1280, 800);
    let mut faults = Vec::new();
    for trouble in troubles {
        let name = trouble.name;
        if let Err(fault) = go(trouble, &mut page) {
            faults.push(format!("=== {name}: {fault}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn go(trouble: Trouble, page: &mut Page) -> Result<(), String> {
    let Trouble { site, upstream, request, answer, says, cure, then, .. } = trouble;
    let scene = Scene::set(site, upstream);
    if let Some(Upstream::Races) = upstream {
        expect(&scene.ask("GET / HTTP/1.1"), (200, "fine"))?;
    }
    expect(&scene.ask(request), answer)?;
    let id = scene.newest();
    explained(&scene.entrance, &id, page, says)?;
    let cured = match cure {
        Cure::Config(from, to) => Scene::set(&replaced(site, from, to), upstream).ask(request),
        Cure::Request(from, to) => scene.ask(&replaced(request, from, to)),
        Cure::Upstream(better) => Scene::set(site, Some(better)).ask(request),
    };
    expect(&cured, then).map_err(|fault| format!("cured, it is {fault}"))
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` does not stand in {text}");
    text.replacen(from, to, 1)
}
