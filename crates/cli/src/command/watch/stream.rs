//! The inspector's stream of events, heard for as long as somebody wants it; where it breaks off, it is taken up again
//! where it was heard last, and meanwhile the list is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use wirelight_inspect::view::{List, Summary};

use super::News;
use super::event_stream::{Event, Reader};
use crate::command::ask::{Asked, encoded};
use crate::exit::Failure;

/// How long is waited until it is tried again, where the inspector does not say.
const RETRY: Duration = Duration::from_millis(1000);
/// How long it may say that no attempt is made.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Counts {
    pub(super) kept: usize,
    pub(super) seen: u64,
}

/// Which stream is wanted: one for another filter takes the place of the one before it.
#[derive(Debug, Clone, Default)]
pub(super) struct Turn(Arc<AtomicU64>);

impl Turn {
    /// The next turn, after which no earlier one says anything any more.
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn is(&self, turn: u64) -> bool {
        self.0.load(Ordering::Relaxed) == turn
    }
}

/// Listens in a thread of its own for exchanges that a filter wants, after the one that was told last.
pub(super) fn listen(asked: &Asked, filter: &str, last: u64, turn: &Turn, tell: &Sender<News>) {
    let mine = turn.next();
    let mut listener = Listener {
        asked: asked.clone(),
        filter: filter.to_owned(),
        last,
        retry: RETRY,
        turn: turn.clone(),
        mine,
        tell: tell.clone(),
    };
    thread::spawn(move || listener.run());
}

/// Nobody listens any more.
struct Unheard;

struct Listener {
    asked: Asked,
    filter: String,
    /// The newest exchange that is known.
    last: u64,
    retry: Duration,
    turn: Turn,
    mine: u64,
    tell: Sender<News>,
}

impl Listener {
    fn run(&mut self) {
        loop {
            let Ok(broke) = self.hear() else { return };
            let words = format!("the stream of events {broke}: asking for the list every {:?} instead", self.retry);
            if self.say(News::Asking(words)).is_err() {
                return;
            }
            thread::sleep(self.retry);
            let said = match self.list() {
                Ok(list) => News::List(list),
                Err(failure) => News::Trouble(failure.in_words().0),
            };
            if self.say(said).is_err() {
                return;
            }
        }
    }

    /// Hears one stream to its end, and says why that came.
    fn hear(&mut self) -> Result<String, Unheard> {
        let place = format!("/api/events?after={}&filter={}", self.last, encoded(&self.filter));
        let mut stream = match self.asked.stream(&place, self.last) {
            Ok(stream) => stream,
            Err(failure) => return Ok(format!("cannot be had ({})", failure.in_words().0)),
        };
        self.say(News::Live)?;
        let mut reader = Reader::default();
        while let Some(piece) = stream.chunk() {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => return Ok(format!("broke off ({error})")),
            };
            for event in reader.read(&piece) {
                self.take(event)?;
            }
            if reader.is_too_long() {
                return Ok("holds a line that is too long".to_owned());
            }
        }
        Ok("ended".to_owned())
    }

    fn take(&mut self, event: Event) -> Result<(), Unheard> {
        if let Some(retry) = event.retry {
            self.retry = retry.min(RETRY_MAX);
        }
        if let Some(id) = event.id.as_deref().and_then(|id| id.parse().ok()) {
            self.last = id;
        }
        match &*event.name {
            "exchange" | "open" => match serde_json::from_str::<Summary>(&event.data) {
                Ok(summary) => self.say(News::Exchange(Box::new(summary))),
                Err(error) => self.say(News::Trouble(format!("an exchange was told that cannot be read: {error}"))),
            },
            "status" => match serde_json::from_str::<Counts>(&event.data) {
                Ok(counts) => self.say(News::Counts(counts)),
                Err(error) => self.say(News::Trouble(format!("how much there is cannot be read: {error}"))),
            },
            // There was too much to tell: the list holds all of it.
            "gap" => match self.list() {
                Ok(list) => self.say(News::List(list)),
                Err(failure) => self.say(News::Trouble(failure.in_words().0)),
            },
            _ => self.heard(),
        }
    }

    fn list(&mut self) -> Result<List, Failure> {
        let list: List = self.asked.get(&super::place(&self.filter))?;
        self.last = list.seen;
        Ok(list)
    }

    fn say(&self, news: News) -> Result<(), Unheard> {
        self.heard()?;
        self.tell.send(news).map_err(|_| Unheard)
    }

    fn heard(&self) -> Result<(), Unheard> {
        if self.turn.is(self.mine) { Ok(()) } else { Err(Unheard) }
    }
}

#[cfg(test)]
mod tests;
