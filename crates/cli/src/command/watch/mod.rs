//! `wirelight watch`: the exchanges of a running inspector, live, in a terminal.

mod event_stream;
mod screen;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde_json::{Value, json};
use wirelight_inspect::view::{Detail, List, Summary};

use self::state::{Act, Link, State};
use self::stream::{Counts, Turn};
use super::ask::{Asked, encoded};
use crate::args::Watch;
use crate::exit::Failure;

/// How long a key is waited for before the screen is drawn again.
const TICK: Duration = Duration::from_millis(100);
/// What an archive is called, where there is none yet.
const ARCHIVE: &str = "wirelight.har";
/// How many exchanges the list holds.
const LIST_MAX: usize = 500;

/// What the asking thread is told.
enum Wanted {
    /// Only what this filter wants.
    Filter(String),
    /// All that is known of one.
    Detail(String),
    /// Stop recording, or go on.
    Recording(bool),
    /// Forget everything.
    Clear,
    /// Send one again.
    Again(String),
    /// One as a command line for curl.
    Copy(String),
    /// What a filter wants, as an archive.
    Save(String),
}

/// What the asking threads tell.
enum News {
    /// The stream of events is there.
    Live,
    /// It is not, which is why, and the list is asked for instead.
    Asking(String),
    List(List),
    /// One has begun or ended.
    Exchange(Box<Summary>),
    Counts(Counts),
    Detail(Box<Detail>),
    Recording(bool),
    /// What was done, in a few words.
    Done(String),
    /// A text for the clipboard.
    Copied(String),
    Trouble(String),
}

/// Shows exchanges until the user has seen enough.
pub(crate) fn run(arguments: &Watch) -> Result<(), Failure> {
    let asked = Asked::find(arguments.url.as_deref(), arguments.token.as_deref())?;
    // What is wrong with the filter is said before the screen is taken.
    let list: List = asked.get(&place(&arguments.filter))?;
    if !std::io::stdout().is_terminal() {
        return Err(Failure::new("`watch` needs a terminal")
            .advise("For programs there is the JSON of the inspector: see /openapi.json at its URL."));
    }
    let seen = list.seen;
    let mut state = State::new(arguments.filter.clone());
    state.take(list);
    let (wanted, heard) = mpsc::channel();
    let (tell, news) = mpsc::channel();
    let filter = arguments.filter.clone();
    thread::spawn(move || ask(&asked, &filter, seen, &heard, &tell));
    let mut terminal = ratatui::try_init().map_err(Failure::of_output)?;
    let ended = show(&mut terminal, &mut state, &wanted, &news);
    ratatui::restore();
    ended.map_err(Failure::of_output)
}

fn show(
    terminal: &mut ratatui::DefaultTerminal,
    state: &mut State,
    wanted: &Sender<Wanted>,
    news: &Receiver<News>,
) -> std::io::Result<()> {
    loop {
        for told in news.try_iter() {
            match told {
                News::Live => state.link = Link::Live,
                News::Asking(words) => state.link = Link::Asking(words),
                News::List(list) => state.take(list),
                News::Exchange(summary) => state.hear(*summary),
                News::Counts(counts) => state.count(counts),
                News::Detail(detail) => state.open(*detail),
                News::Recording(on) => state.recording = on,
                News::Done(words) => state.note = Some(words),
                News::Copied(text) => state.note = Some(copy(&text)?),
                News::Trouble(words) => state.trouble = Some(words),
            }
        }
        terminal.draw(|frame| screen::draw(frame, state))?;
        if !event::poll(TICK)? {
            continue;
        }
        let Event::Key(key) = event::read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let said = match state.press(key) {
            None => continue,
            Some(Act::Quit) => return Ok(()),
            Some(Act::Filter(filter)) => Wanted::Filter(filter),
            Some(Act::Open(id)) => Wanted::Detail(id),
            Some(Act::Recording(on)) => Wanted::Recording(on),
            Some(Act::Clear) => Wanted::Clear,
            Some(Act::Again(id)) => Wanted::Again(id),
            Some(Act::Copy(id)) => Wanted::Copy(id),
            Some(Act::Save(filter)) => Wanted::Save(filter),
        };
        if wanted.send(said).is_err() {
            return Ok(());
        }
    }
}

/// Listens to the stream of events, and asks for whatever else is wanted, until nobody listens.
fn ask(asked: &Asked, filter: &str, seen: u64, wanted: &Receiver<Wanted>, tell: &Sender<News>) {
    let turn = Turn::default();
    stream::listen(asked, filter, seen, &turn, tell);
    for said in wanted {
        let news = match said {
            Wanted::Detail(id) => {
                let detail = asked.get(&format!("/api/exchanges/{}", encoded(&id)));
                detail.map(|detail| News::Detail(Box::new(detail)))
            }
            Wanted::Recording(on) => {
                let done = asked.post::<Value>("/api/recording", &json!({ "recording": on }));
                done.map(|status| News::Recording(status["recording"] == true))
            }
            Wanted::Clear => asked.post::<Value>("/api/clear", &json!({})).map(|_| News::List(empty())),
            Wanted::Again(id) => {
                let sent = asked.post::<Value>("/api/replay", &json!({ "of": id }));
                sent.map(|answer| News::Done(format!("sent again: {}", answer["status"])))
            }
            Wanted::Copy(id) => {
                let written = asked.get::<Value>(&format!("/api/exchanges/{}/as?form=curl", encoded(&id)));
                written.map(|written| News::Copied(written["text"].as_str().unwrap_or_default().to_owned()))
            }
            Wanted::Save(filter) => {
                let archive = asked.get::<Value>(&format!("/api/har?filter={}", encoded(&filter)));
                archive.and_then(|archive| save(&archive)).map(News::Done)
            }
            Wanted::Filter(filter) => asked.get(&place(&filter)).map(|list: List| {
                stream::listen(asked, &filter, list.seen, &turn, tell);
                News::List(list)
            }),
        };
        let news = news.unwrap_or_else(|failure| News::Trouble(failure.in_words().0));
        if tell.send(news).is_err() {
            return;
        }
    }
}

/// Asks the terminal to put a text on the clipboard (OSC 52), which not every terminal does.
fn copy(text: &str) -> std::io::Result<String> {
    let mut out = std::io::stdout();
    write!(out, "\x1b]52;c;{}\x07", STANDARD.encode(text))?;
    out.flush()?;
    Ok("copied as curl, if this terminal lets programs copy".to_owned())
}

/// Writes an archive to a file of its own in this folder, and says which.
fn save(archive: &Value) -> Result<String, Failure> {
    let mut number = 0;
    loop {
        let name = if number == 0 { ARCHIVE.to_owned() } else { format!("wirelight-{number}.har") };
        let failed = |error| Failure::new(format!("{name} cannot be written: {error}"));
        match File::create_new(&name) {
            Ok(mut file) => {
                write!(file, "{archive:#}").map_err(failed)?;
                return Ok(format!("saved as {name}"));
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

fn empty() -> List {
    List { exchanges: Vec::new(), matched: 0, kept: 0, dropped: 0, seen: 0, more: false }
}

fn place(filter: &str) -> String {
    format!("/api/exchanges?limit={LIST_MAX}&filter={}", encoded(filter))
}
