//! What is on the screen, and what keys do to it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use wirelight_inspect::view::{Detail, List, Summary};

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
        }
    }

    /// Puts a new list in the place of the old; what was chosen stays so, but the newest follows the newest.
    pub(super) fn take(&mut self, list: List) {
        let chosen = self.exchanges.get(self.chosen).map(|known| known.id.clone()).filter(|_| self.chosen > 0);
        self.counts = (list.matched, list.kept, list.seen);
        self.exchanges = list.exchanges;
        let place = chosen.and_then(|id| self.exchanges.iter().position(|each| each.id == id));
        self.chosen = place.unwrap_or(0);
        self.trouble = None;
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
            KeyCode::Char('c') if self.detail.is_none() => return Some(Act::Clear),
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(Side::ALL.len() - 1),
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
