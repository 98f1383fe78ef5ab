//! `wirelight watch`: the exchanges of a running inspector, live, in a terminal.

mod screen;
mod state;
#[cfg(test)]
mod tests;

use std::io::IsTerminal;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use serde_json::{Value, json};
use wirelight_inspect::view::{Detail, List};

use self::state::{Act, State};
use super::ask::{Asked, encoded};
use crate::args::Watch;
use crate::exit::Failure;

/// How often the list is asked for.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a key is waited for before the screen is drawn again.
const TICK: Duration = Duration::from_millis(100);
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
}

/// What the asking thread tells.
enum News {
    List(List),
    Detail(Box<Detail>),
    Recording(bool),
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
    let mut state = State::new(arguments.filter.clone());
    state.take(list);
    let (wanted, heard) = mpsc::channel();
    let (tell, news) = mpsc::channel();
    let filter = arguments.filter.clone();
    thread::spawn(move || ask(&asked, filter, &heard, &tell));
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
                News::List(list) => state.take(list),
                News::Detail(detail) => state.open(*detail),
                News::Recording(on) => state.recording = on,
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
        };
        if wanted.send(said).is_err() {
            return Ok(());
        }
    }
}

/// Asks for the list again and again, and for whatever else is wanted, until nobody listens.
fn ask(asked: &Asked, mut filter: String, wanted: &Receiver<Wanted>, tell: &Sender<News>) {
    loop {
        let news = match wanted.recv_timeout(PAUSE) {
            Ok(Wanted::Detail(id)) => {
                let detail = asked.get(&format!("/api/exchanges/{}", encoded(&id)));
                detail.map(|detail| News::Detail(Box::new(detail)))
            }
            Ok(Wanted::Recording(on)) => {
                let done = asked.post::<Value>("/api/recording", &json!({ "recording": on }));
                done.map(|status| News::Recording(status["recording"] == true))
            }
            Ok(Wanted::Clear) => asked.post::<Value>("/api/clear", &json!({})).map(|_| News::List(empty())),
            Ok(Wanted::Filter(new)) => {
                filter = new;
                asked.get(&place(&filter)).map(News::List)
            }
            Err(RecvTimeoutError::Timeout) => asked.get(&place(&filter)).map(News::List),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let news = news.unwrap_or_else(|failure| News::Trouble(failure.in_words().0));
        if tell.send(news).is_err() {
            return;
        }
    }
}

fn empty() -> List {
    List { exchanges: Vec::new(), matched: 0, kept: 0, dropped: 0, seen: 0, more: false }
}

fn place(filter: &str) -> String {
    format!("/api/exchanges?limit={LIST_MAX}&filter={}", encoded(filter))
}
