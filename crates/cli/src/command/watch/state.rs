//! What is on the screen, and what keys do to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wirelight_inspect::view::{Detail, List, Summary};

use super::LIST_MAX;
use super::stream::Counts;

/// The sides of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Story,
    Messages,
    Bytes,
    Timing,
}

impl Side {
    pub(super) const ALL: [(Self, &'static str); 4] =
        [(Self::Story, "Story"), (Self::Messages, "Messages"), (Self::Bytes, "Bytes"), (Self::Timing, "Timing")];

    fn after(self, steps: usize) -> Self {
        let at = Self::ALL.iter().position(|(side, _)| *side == self).unwrap_or(0);
        Self::ALL[(at + steps) % Self::ALL.len()].0
    }
}

/// What a key asks for that the screen cannot do by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Quit,
    Filter(String),
    Open(String),
    Recording(bool),
    Clear,
    /// Send one again as it was.
    Again(String),
    /// One as a command line for curl.
    Copy(String),
    /// What is listed as an archive.
    Save(String),
}

/// How the inspector is heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Link {
    /// It tells by itself what happens.
    Live,
    /// It is asked again and again; why, and how often.
    Asking(String),
}

/// What is on the screen.
#[derive(Debug)]
pub(super) struct State {
    pub(super) exchanges: Vec<Summary>,
    pub(super) counts: (usize, usize, u64),
    /// Which exchange is chosen; it stays chosen while others come.
    pub(super) chosen: usize,
    pub(super) filter: String,
    /// The filter that is being written.
    pub(super) writing: Option<String>,
    pub(super) detail: Option<Detail>,
    pub(super) side: Side,
    pub(super) scroll: u16,
    pub(super) helps: bool,
    pub(super) recording: bool,
    pub(super) trouble: Option<String>,
    pub(super) link: Link,
    /// What was done last.
    pub(super) note: Option<String>,
}

impl State {
    pub(super) fn new(filter: String) -> Self {
        Self {
            exchanges: Vec::new(),
            counts: (0, 0, 0),
            chosen: 0,
            filter,
            writing: None,
            detail: None,
            side: Side::Story,
            scroll: 0,
            helps: false,
            recording: true,
            trouble: None,
            link: Link::Live,
            note: None,
        }
    }

    /// Puts a new list in the place of the old.
    pub(super) fn take(&mut self, list: List) {
        self.counts = (list.matched, list.kept, list.seen);
        self.change(|exchanges| *exchanges = list.exchanges);
        self.trouble = None;
    }

    /// Puts one that has begun or ended in its place: those under way stand first, then the newest.
    pub(super) fn hear(&mut self, told: Summary) {
        let rank = |summary: &Summary| (summary.state == "done", std::cmp::Reverse(summary.seq));
        let is_known = self.exchanges.iter().any(|known| known.id == told.id && known.state == "done");
        if told.state == "done" && !is_known {
            self.counts.0 += 1;
        }
        self.change(|exchanges| {
            exchanges.retain(|known| known.id != told.id);
            let place = exchanges.partition_point(|known| rank(known) < rank(&told));
            exchanges.insert(place, told);
            exchanges.truncate(LIST_MAX);
        });
    }

    /// Takes how many are kept: the oldest others are forgotten here, too.
    pub(super) fn count(&mut self, Counts { kept, seen }: Counts) {
        self.counts = (self.counts.0.min(kept), kept, seen);
        let forgotten = seen - seen.min(kept as u64);
        self.change(|exchanges| exchanges.retain(|known| known.state != "done" || known.seq > forgotten));
    }

    /// Changes the list; what was chosen stays so, but the newest follows the newest.
    fn change(&mut self, change: impl FnOnce(&mut Vec<Summary>)) {
        let chosen = self.exchanges.get(self.chosen).map(|known| known.id.clone()).filter(|_| self.chosen > 0);
        change(&mut self.exchanges);
        let place = chosen.and_then(|id| self.exchanges.iter().position(|each| each.id == id));
        self.chosen = place.unwrap_or(0);
    }

    pub(super) fn open(&mut self, detail: Detail) {
        self.detail = Some(detail);
        self.scroll = 0;
        self.trouble = None;
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: KeyEvent) -> Option<Act> {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return Some(Act::Quit);
        }
        self.note = None;
        if self.writing.is_some() {
            return self.write(key.code);
        }
        if std::mem::take(&mut self.helps) {
            return None;
        }
        match key.code {
            KeyCode::Char('q') if self.detail.is_none() => return Some(Act::Quit),
            KeyCode::Char('q' | 'h') | KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => self.detail = None,
            KeyCode::Char('?') => self.helps = true,
            KeyCode::Char('/') => self.writing = Some(self.filter.clone()),
            KeyCode::Char('p') => return Some(Act::Recording(!self.recording)),
            KeyCode::Char('x') if self.detail.is_none() => return Some(Act::Clear),
            KeyCode::Char('r') => return self.chosen_id().map(Act::Again),
            KeyCode::Char('y') => return self.chosen_id().map(Act::Copy),
            KeyCode::Char('o') => return Some(Act::Save(self.filter.clone())),
            KeyCode::Tab | KeyCode::Char(']') => self.turn(1),
            KeyCode::BackTab | KeyCode::Char('[') => self.turn(Side::ALL.len() - 1),
            KeyCode::Char(letter @ ('s' | 'm' | 'b' | 'i')) => return self.look(letter),
            KeyCode::Char(number @ '1'..='4') => {
                self.side = Side::ALL[number as usize - '1' as usize].0;
                self.scroll = 0;
            }
            KeyCode::Char('n') if self.detail.is_some() => return self.choose(1),
            KeyCode::Char('N') if self.detail.is_some() => return self.choose(-1),
            code => return self.go(code),
        }
        None
    }

    fn go(&mut self, code: KeyCode) -> Option<Act> {
        let steps = match code {
            KeyCode::Char('j') | KeyCode::Down => 1,
            KeyCode::Char('k') | KeyCode::Up => -1,
            KeyCode::PageDown | KeyCode::Char(' ') => 20,
            KeyCode::PageUp => -20,
            // In the list the newest stands first.
            KeyCode::Char('g') if self.detail.is_none() => isize::MAX / 2,
            KeyCode::Char('G') if self.detail.is_none() => isize::MIN / 2,
            KeyCode::Char('g') | KeyCode::Home => isize::MIN / 2,
            KeyCode::Char('G') | KeyCode::End => isize::MAX / 2,
            KeyCode::Enter | KeyCode::Char('l') | KeyCode::Right if self.detail.is_none() => {
                let chosen = self.exchanges.get(self.chosen)?;
                return Some(Act::Open(chosen.id.clone()));
            }
            _ => return None,
        };
        if self.detail.is_some() {
            self.scroll = self.scroll.saturating_add_signed(steps.clamp(-1000, 1000) as i16);
        } else {
            self.step(steps);
        }
        None
    }

    fn step(&mut self, steps: isize) {
        let last = self.exchanges.len().saturating_sub(1);
        self.chosen = self.chosen.saturating_add_signed(steps).min(last);
    }

    /// Goes to the side that has this letter; from the list, to that of the exchange that is chosen.
    fn look(&mut self, letter: char) -> Option<Act> {
        let at = ['s', 'm', 'b', 'i'].iter().position(|known| *known == letter)?;
        self.side = Side::ALL[at].0;
        self.scroll = 0;
        if self.detail.is_some() {
            return None;
        }
        self.chosen_id().map(Act::Open)
    }

    /// The exchange that is open, or else the one that is chosen.
    fn chosen_id(&self) -> Option<String> {
        let open = self.detail.as_ref().map(|detail| &detail.summary);
        open.or_else(|| self.exchanges.get(self.chosen)).map(|summary| summary.id.clone())
    }

    /// Chooses another exchange, and opens that.
    fn choose(&mut self, steps: isize) -> Option<Act> {
        self.step(steps);
        self.exchanges.get(self.chosen).map(|chosen| Act::Open(chosen.id.clone()))
    }

    fn turn(&mut self, steps: usize) {
        self.side = self.side.after(steps);
        self.scroll = 0;
    }

    /// A key while a filter is written.
    fn write(&mut self, code: KeyCode) -> Option<Act> {
        let writing = self.writing.as_mut()?;
        match code {
            KeyCode::Char(char) => writing.push(char),
            KeyCode::Backspace => {
                writing.pop();
            }
            KeyCode::Esc => self.writing = None,
            KeyCode::Enter => {
                self.filter = self.writing.take()?;
                self.chosen = 0;
                return Some(Act::Filter(self.filter.clone()));
            }
            _ => {}
        }
        None
    }
}
