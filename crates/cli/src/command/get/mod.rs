//! `wirelight get`: a request, and all that is to be known about it.

mod archive;
mod config;
mod content;
mod curl;
mod items;
mod json;
mod offline;
mod plan;
mod progress;
mod repeat;
mod session;
mod show;
mod trace;
mod watcher;
mod write_out;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use wirelight_client::{Client, Response, Watch};
use wirelight_inspect::har::Mask;
use wirelight_net::Observer;
use wirelight_net::observe::Way;
use wirelight_service::{Exchange, Request, Trail};

use crate::args::Get;
use crate::exit::Failure;
use crate::print::Paint;
pub(crate) use config::ask_password;
pub(super) use items::complete;
use plan::Plan;
use session::Session;
use show::Reading;
use trace::Story;
use watcher::{Watcher, What};
use write_out::Outcome;

/// How long the command goes on for what is validated besides its answer (stale-while-revalidate).
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// How often -v looks for something new to tell while the response is awaited.
const TELL_EVERY: Duration = Duration::from_millis(20);

/// Sends the request, and prints what comes back.
pub(crate) fn run(arguments: &Get) -> Result<(), Failure> {
    let done = attempt(arguments);
    match done {
        Err(failure) if arguments.silent => Err(failure.silenced()),
        done => done,
    }
}

fn attempt(arguments: &Get) -> Result<(), Failure> {
    let mut plan = Plan::new(arguments)?;
    plan.credentials = config::given(arguments)?;
    let session = Session::open(arguments, &plan)?;
    if let Some(session) = &session {
        session.lend(&mut plan);
    }
    if arguments.curl {
        return print(&curl::line(arguments, &plan));
    }
    let mut config = config::of(arguments, &plan, session.as_ref())?;
    let heads = arguments.verbose || arguments.include || arguments.head || arguments.write_out.is_some();
    let watcher = Arc::new(Watcher::new(arguments.raw, heads && arguments.number.is_none(), arguments.har.is_some()));
    if watcher.is_needed() {
        config.connections.observer = Some(Arc::clone(&watcher) as Arc<dyn Observer>);
    }
    let jar = config.cookies.clone();
    let stored = config.cache.as_ref().map(|cache| cache.stored.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let done = runtime.block_on(async {
        if arguments.offline {
            return offline::print(&plan, config).await;
        }
        let client = Client::with(config).map_err(|error| {
            Failure::new(format!("the certificates and keys that were named cannot be used: {error}"))
        })?;
        let done = match arguments.number {
            Some(number) => repeat::run(arguments, &plan, &client, number).await,
            None => Call { arguments, plan: &plan, client, watcher: &watcher }.run().await,
        };
        if let Some(stored) = stored {
            // What was answered while it was stale is to be fresh the next time; a server that is slow is not worth more.
            let _ = tokio::time::timeout(SETTLE_MAX, stored.settle()).await;
        }
        done
    });
    // Standard input that is still being read must not hold the end up.
    runtime.shutdown_background();
    if let Some(jar) = jar.filter(|_| !arguments.offline) {
        let jar = jar.lock();
        if let Some(path) = arguments.cookie_jar.as_ref().filter(|_| arguments.number.is_none()) {
            save_cookies(path, &jar.to_netscape())?;
        }
        if let Some(session) = &session {
            session.keep(&plan, &jar)?;
        }
    }
    done
}

fn save_cookies(path: &str, text: &str) -> Result<(), Failure> {
    if path == "-" {
        return print(text);
    }
    session::write_private(path.as_ref(), text.as_bytes())
        .map_err(|error| Failure::new(format!("{path} could not be written: {error}")))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Failure::of_output)
}

fn note(text: &str) {
    // Nobody to tell is nothing to fail for.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// One request, from the plan to the last line that is printed of it.
struct Call<'a> {
    arguments: &'a Get,
    plan: &'a Plan,
    client: Client,
    watcher: &'a Watcher,
}

impl Call<'_> {
    async fn run(self) -> Result<(), Failure> {
        let Self { arguments, plan, .. } = self;
        let (watch, trail) = (Watch::default(), Trail::watched());
        let mut story = Story::new(Paint::stderr(), arguments.insecure);
        let mut request = plan.request_shown(&self.client, arguments.silent)?;
        request.extensions_mut().insert(watch.clone());
        request.extensions_mut().insert(Exchange { trail: trail.clone(), ..Exchange::default() });
        let asked = request.uri().to_string();
        let mut outcome =
            Outcome { method: plan.method.to_string(), url: plan.url.clone(), effective: asked, ..Outcome::default() };
        let mut sending = std::pin::pin!(self.client.send(request));
        let answered = loop {
            // What is told is told when it happens: a name or a server that lets us wait shows where we wait.
            match tokio::time::timeout(TELL_EVERY, &mut sending).await {
                Ok(answered) => break answered,
                Err(_) => self.tell(&mut story, &watch, false),
            }
        };
        self.tell(&mut story, &watch, false);
        let (printed, kept) = match answered {
            Ok(response) => self.receive(response, &mut outcome).await,
            Err(error) => (Err(Failure::of_request(error)), None),
        };
        self.tell(&mut story, &watch, true);
        if arguments.why {
            note(&trace::decisions(&trail, Paint::stderr()));
        }
        if let Some(path) = &arguments.har {
            let mask = if arguments.har_secrets { Mask::Nothing } else { Mask::Secrets };
            archive::write(path, mask, &self.watcher.take_records(), &watch.exchanges(), kept.as_deref())?;
        }
        if let Some(format) = &arguments.write_out {
            outcome.failed = printed.as_ref().err().map(Failure::in_words);
            outcome.exchanges = watch.exchanges();
            self.watcher.events(|events| outcome.count_heads(events));
            outcome.sent_bytes = self.sent_bytes();
            write_out::print(format, &outcome)?;
        }
        printed?;
        match outcome.status.and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) if arguments.check_status => Failure::of_status(status),
            _ => Ok(()),
        }
    }

    /// Tells of the exchanges what is new, if that was asked for.
    fn tell(&self, story: &mut Story, watch: &Watch, over: bool) {
        if self.arguments.verbose {
            let text = self.watcher.events(|events| story.tell(&watch.exchanges(), events, over));
            if !text.is_empty() {
                // The bar of an upload may stand on the line.
                let clear = if std::io::stderr().is_terminal() { "\r\x1b[K" } else { "" };
                note(&format!("{clear}{text}"));
            }
        }
    }

    /// Prints or saves a response; what was read of it, if that is to be kept.
    async fn receive(&self, response: Response, outcome: &mut Outcome) -> (Result<(), Failure>, Option<Vec<u8>>) {
        let Self { arguments, plan, .. } = self;
        outcome.status = Some(response.status().as_u16());
        outcome.version = watcher::version(response.version()).trim_start_matches("HTTP/").to_owned();
        outcome.headers = response.headers().clone();
        outcome.effective = response.url().to_string();
        outcome.redirect = location(&response);
        let path = plan.output(arguments);
        outcome.file_name = path.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        // What a cache answers has not come over the wire as it is, or not at all.
        let composed = arguments.cache.as_ref().map(|_| show::composed(&response));
        let quiet = arguments.silent || path.is_none() && std::io::stdout().is_terminal();
        let mut reading = Reading::new(response, quiet, arguments.har.is_some());
        let printed = async {
            if arguments.include || arguments.head {
                match &composed {
                    Some(head) => print_head(head)?,
                    None => self.print_heads()?,
                }
            }
            match &path {
                Some(path) => show::save(&mut reading, path, plan.offset).await,
                None => show::print(&mut reading, arguments.silent).await,
            }?;
            match arguments.include {
                true => print_trailers(&reading.trailers),
                false => Ok(()),
            }
        };
        let printed = printed.await;
        if arguments.verbose && reading.is_mid_line && std::io::stderr().is_terminal() {
            // What -v tells next begins a line.
            note("\n");
        }
        (printed, reading.kept)
    }

    /// Prints the heads of all responses so far: as they came, or for reading if it is a terminal.
    fn print_heads(&self) -> Result<(), Failure> {
        let mut out = std::io::stdout();
        let paint = Paint::stdout();
        let is_terminal = out.is_terminal();
        let written = self.watcher.events(|events| {
            for event in events {
                match &event.what {
                    What::Head(Way::Received, bytes) if is_terminal => {
                        out.write_all(show::head(bytes, paint).as_bytes())?;
                    }
                    What::Head(Way::Received, bytes) => out.write_all(bytes)?,
                    _ => {}
                }
            }
            out.flush()
        });
        written.map_err(Failure::of_output)
    }

    /// How many bytes of content were sent.
    fn sent_bytes(&self) -> u64 {
        self.watcher.events(|events| {
            let sent = events.iter().map(|event| match &event.what {
                What::End { way: Way::Sent, bytes, .. } => *bytes,
                _ => 0,
            });
            sent.sum()
        })
    }
}

/// Prints the head of a response that a cache has composed.
fn print_head(head: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let written = match out.is_terminal() {
        true => out.write_all(show::head(head, Paint::stdout()).as_bytes()),
        false => out.write_all(head),
    };
    written.and_then(|()| out.flush()).map_err(Failure::of_output)
}

fn print_trailers(trailers: &HeaderMap) -> Result<(), Failure> {
    let paint = Paint::stdout();
    let is_terminal = std::io::stdout().is_terminal();
    let mut text = String::new();
    for (name, value) in trailers {
        let line = format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()));
        let line = if is_terminal { show::head_line(1, &line, paint) } else { line };
        text.push_str(&line);
        text.push_str(if is_terminal { "\n" } else { "\r\n" });
    }
    print(&text)
}

/// Where a response redirects to, as a whole URL.
fn location(response: &Response) -> String {
    let location = response.headers().get(http::header::LOCATION).filter(|_| response.status().is_redirection());
    let to = location.and_then(|location| wirelight_semantics::redirect::resolve(response.url(), location.as_bytes()));
    to.map(|to| to.to_string()).unwrap_or_default()
}

/// One request like the plan's, watched.
fn watched(plan: &Plan, client: &Client) -> Result<(Request, Watch), Failure> {
    let watch = Watch::default();
    let mut request = plan.request(client)?;
    request.extensions_mut().insert(watch.clone());
    Ok((request, watch))
}
