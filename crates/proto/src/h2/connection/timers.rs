//! Deadlines: what is awaited, until when, and what follows if it does not come.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use wirelight_semantics::decision::Rule;

use super::{Connection, PING_PRESENCE, Stage};
use crate::Role;
use crate::h2::abuse::{ABANDONED, FRAME_TIMEOUT, KEEP_ALIVE, STALLED};
use crate::h2::config::Config;
use crate::h2::fault::{self, Code, Fault};
use crate::h2::frame::{Ping, kind};
use crate::h2::stream::{Receiving, Sending, Stream};

/// How often the time until the next PING is made four times as long.
const ASKED_MAX: u8 = 4;

/// What the connection waits for.
pub(super) struct Timers {
    /// When a preface, a frame or a header block began whose end has not come.
    begun: Option<Instant>,
    /// Until when SETTINGS have to be acknowledged.
    pub(super) settings: Option<Instant>,
    /// Since when no stream is open, and whether buffers were given back since.
    idle: Option<Instant>,
    released: bool,
    /// When something last came from the peer.
    heard: Instant,
    /// Until when a PING has to be answered.
    presence: Option<Instant>,
    /// How many of those were answered since a frame came that was no answer to one.
    asked: u8,
    /// When the streams are looked at for those that stand still.
    look: Option<Instant>,
    /// Until when the first step of a drain lasts.
    pub(super) drain: Option<Instant>,
}

impl Timers {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: Some(now),
            settings: None,
            idle: Some(now),
            released: false,
            heard: now,
            presence: None,
            asked: 0,
            look: None,
            drain: None,
        }
    }

    #[inline]
    pub(super) fn heard(&mut self, now: Instant, kind: u8) {
        self.heard = now;
        if kind != kind::PING {
            self.asked = 0;
        }
    }

    /// Notes whether something was begun, from when it was first seen.
    #[inline]
    pub(super) fn begun(&mut self, begun: bool, now: Instant) {
        self.begun = if begun { self.begun.or(Some(now)) } else { None };
    }

    #[inline]
    pub(super) fn idle_since(&mut self, now: Instant) {
        self.idle = Some(now);
        self.released = false;
    }

    #[inline]
    pub(super) fn busy(&mut self) {
        self.idle = None;
    }

    /// The peer answered a PING: it is there, and nothing else is known of it.
    pub(super) fn present(&mut self) {
        if self.presence.take().is_some() {
            self.asked = (self.asked + 1).min(ASKED_MAX);
        }
    }

    pub(super) fn settings_left(&mut self, now: Instant, config: &Config) {
        if self.settings.is_none() {
            self.settings = after(now, config.settings_timeout);
        }
    }

    /// Whether the streams will be looked at.
    #[inline]
    pub(super) fn looks(&self) -> bool {
        self.look.is_some()
    }

    /// Asks for the streams to be looked at when they may have stood still for too long.
    #[inline]
    pub(super) fn look(&mut self, now: Instant, config: &Config) {
        if self.look.is_none() {
            self.look = after(now, config.stall_timeout);
        }
    }
}

/// A deadline, unless it is switched off.
fn after(now: Instant, duration: Duration) -> Option<Instant> {
    (!duration.is_zero()).then(|| now + duration)
}

impl Connection {
    fn begun_until(&self) -> Option<Instant> {
        let limit = if self.stage == Stage::Open { self.config.frame_timeout } else { self.config.preface_timeout };
        after(self.timers.begun?, limit)
    }

    fn idle_until(&self) -> Option<Instant> {
        after(self.timers.idle?, self.config.idle_timeout)
    }

    fn release_at(&self) -> Option<Instant> {
        if self.timers.released { None } else { Some(self.timers.idle? + self.config.release_timeout) }
    }

    fn ask_at(&self) -> Option<Instant> {
        if self.streams.is_empty() || self.timers.presence.is_some() {
            return None;
        }
        after(self.timers.heard, self.config.keep_alive_interval.saturating_mul(1 << (2 * self.timers.asked)))
    }

    pub(super) fn earliest_deadline(&self) -> Option<Instant> {
        if self.over {
            return None;
        }
        let timers = &self.timers;
        [
            self.begun_until(),
            timers.settings,
            self.idle_until(),
            self.release_at(),
            self.ask_at(),
            timers.presence,
            timers.look,
            timers.drain,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Acts on every deadline that has come.
    pub(super) fn tell_time(&mut self) {
        let now = self.now;
        let passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if passed(self.begun_until()) {
            return self.fail_later(&FRAME_TIMEOUT, Code::ENHANCE_YOUR_CALM, "what was begun did not arrive in time");
        }
        if passed(self.timers.settings) {
            let because = "settings were not acknowledged in time";
            return self.fail_later(&fault::SETTINGS_ACKNOWLEDGED, Code::SETTINGS_TIMEOUT, because);
        }
        if passed(self.timers.presence) {
            let (interval, limit) = (self.config.keep_alive_interval, self.config.keep_alive_timeout);
            let because = format!("nothing came for {interval:?}, and a PING was not answered in {limit:?}");
            return self.fail_later(&KEEP_ALIVE, Code::NO_ERROR, because);
        }
        if passed(self.release_at()) {
            self.timers.released = true;
            self.release();
        }
        if passed(self.idle_until()) || passed(self.timers.drain) {
            self.timers.idle = None;
            self.leave();
        }
        if passed(self.ask_at()) {
            Ping { ack: false, payload: PING_PRESENCE }.write(&mut self.control);
            self.timers.presence = after(now, self.config.keep_alive_timeout);
            self.timers.heard = now;
        }
        if passed(self.timers.look) {
            self.timers.look = None;
            self.look();
        }
    }

    fn fail_later(&mut self, rule: &'static Rule, code: Code, because: impl Into<Cow<'static, str>>) {
        self.failed = Some(Box::new(Fault::connection(rule, code, because)));
        // The deadline has done its work.
        self.timers.begun = None;
        self.timers.settings = None;
        self.timers.presence = None;
    }

    /// Resets the streams that their peer has held up since the last look, and suspects those it holds up now.
    fn look(&mut self) {
        let least = self.config.stall_bytes_min;
        let shut = self.send_window.available() == 0;
        let connection_stands_still = self.progress < least;
        let role = self.role;
        let mut waiting = false;
        let mut stalled = Vec::new();
        for stream in self.streams.iter_mut() {
            let stands_still = stream.progress < least;
            let fault = match holds_up(stream, role, shut) {
                Some(Hold::Window) if stands_still => Some(&STALLED),
                Some(Hold::ConnectionWindow) if connection_stands_still => Some(&STALLED),
                Some(Hold::Content) if stands_still => Some(&ABANDONED),
                _ => None,
            };
            if let (Some(rule), true) = (fault, stream.suspect) {
                stalled.push((stream.id, rule));
            }
            stream.suspect = holds_up(stream, role, shut).is_some();
            stream.progress = 0;
            waiting |= stream.suspect || !stream.queue.is_empty();
        }
        self.progress = 0;
        for (id, rule) in stalled {
            let because = format!("fewer than {least} bytes passed in {:?}", self.config.stall_timeout);
            let fault = Fault::stream(id, rule, Code::ENHANCE_YOUR_CALM, because);
            if let Err(fault) = self.fail_stream(id, fault) {
                self.failed = Some(Box::new(fault));
            }
        }
        if waiting {
            self.timers.look(self.now, &self.config);
        }
    }
}

/// How a peer holds a stream up.
enum Hold {
    /// The stream's window is shut.
    Window,
    /// The connection's window is shut.
    ConnectionWindow,
    /// The content of a request does not come, and nothing was answered yet.
    Content,
}

fn holds_up(stream: &Stream, role: Role, connection_shut: bool) -> Option<Hold> {
    if !stream.queue.is_empty() {
        return match stream.send_window.available() {
            0 => Some(Hold::Window),
            _ => connection_shut.then_some(Hold::ConnectionWindow),
        };
    }
    let awaited = role == Role::Server
        && stream.receiving == Receiving::Content
        && stream.sending == Sending::Head
        && stream.receive_window.open() > 0;
    awaited.then_some(Hold::Content)
}
