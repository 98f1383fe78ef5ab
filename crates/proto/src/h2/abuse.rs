//! What is forgiven, and when it is not any more.
//!
//! Each thing that costs a peer less than it costs this end has a budget that refills with time. A spent budget ends
//! the connection; what was legal in ones is a rule of its own in thousands.

use std::time::Instant;

use wirelight_semantics::decision::Rule;

use super::config::{Budget, Budgets};
use super::fault::{Code, Fault};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nuisance {
    RapidReset,
    ProvokedReset,
    Settings,
    Ping,
    Empty,
    WindowUpdate,
    Ignored,
}

const KINDS: usize = 7;

/// How much of each budget is spent.
pub(crate) struct Abuse {
    spent: [u32; KINDS],
    /// When the budgets were last refilled.
    refilled: Instant,
}

impl Abuse {
    pub(crate) fn new(now: Instant) -> Self {
        Self { spent: [0; KINDS], refilled: now }
    }

    /// Counts one more, and says when it was one too many.
    pub(crate) fn count(&mut self, what: Nuisance, budgets: &Budgets, now: Instant) -> Result<(), Fault> {
        self.refill(budgets, now);
        let spent = &mut self.spent[what as usize];
        *spent += 1;
        let budget = what.budget(budgets);
        if *spent <= budget.burst {
            return Ok(());
        }
        let because = format!("{} came more than {} times in excess", what.name(), budget.burst);
        let otherwise = format!("at most {} a second in the long run would have been accepted", budget.per_second);
        Err(Fault::connection(what.rule(), Code::ENHANCE_YOUR_CALM, because).or(otherwise))
    }

    /// Gives `amount` back: something useful was done.
    #[inline]
    pub(crate) fn earn(&mut self, what: Nuisance, amount: u32) {
        let spent = &mut self.spent[what as usize];
        *spent = spent.saturating_sub(amount);
    }

    fn refill(&mut self, budgets: &Budgets, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled).as_secs();
        if seconds == 0 {
            return;
        }
        self.refilled = now;
        for what in Nuisance::ALL {
            let refill = u64::from(what.budget(budgets).per_second).saturating_mul(seconds);
            self.earn(what, u32::try_from(refill).unwrap_or(u32::MAX));
        }
    }
}

impl Nuisance {
    const ALL: [Self; KINDS] = [
        Self::RapidReset,
        Self::ProvokedReset,
        Self::Settings,
        Self::Ping,
        Self::Empty,
        Self::WindowUpdate,
        Self::Ignored,
    ];

    fn budget(self, budgets: &Budgets) -> Budget {
        match self {
            Self::RapidReset => budgets.rapid_reset,
            Self::ProvokedReset => budgets.provoked_reset,
            Self::Settings => budgets.settings,
            Self::Ping => budgets.ping,
            Self::Empty => budgets.empty,
            Self::WindowUpdate => budgets.window_update,
            Self::Ignored => budgets.ignored,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RapidReset => "the reset of a stream just opened",
            Self::ProvokedReset => "something that a stream has to be reset for",
            Self::Settings => "SETTINGS",
            Self::Ping => "PING",
            Self::Empty => "a frame without content",
            Self::WindowUpdate => "WINDOW_UPDATE without content to ask for",
            Self::Ignored => "a frame that says nothing",
        }
    }

    fn rule(self) -> &'static Rule {
        match self {
            Self::RapidReset => &RAPID_RESET,
            Self::ProvokedReset => &PROVOKED_RESET,
            Self::Settings => &SETTINGS_FLOOD,
            Self::Ping => &PING_FLOOD,
            Self::Empty => &EMPTY_FLOOD,
            Self::WindowUpdate => &WINDOW_UPDATE_FLOOD,
            Self::Ignored => &IGNORED_FLOOD,
        }
    }
}

/// Streams are not opened only to be reset (CVE-2023-44487).
pub static RAPID_RESET: Rule = Rule {
    name: "h2-rapid-reset",
    section: "RFC 9113, section 10.5",
    says: "A client that opens streams and resets them at once is told to calm down.",
};

/// Streams are not made to be reset by the other end (CVE-2025-8671).
pub static PROVOKED_RESET: Rule = Rule {
    name: "h2-provoked-reset",
    section: "RFC 9113, section 10.5",
    says: "A peer whose streams have to be reset again and again is told to calm down.",
};

/// SETTINGS are not a way to make the other end work (CVE-2019-9515).
pub static SETTINGS_FLOOD: Rule = Rule {
    name: "h2-settings-flood",
    section: "RFC 9113, section 10.5",
    says: "A peer that changes its settings all the time is told to calm down.",
};

/// PING is not a way to make the other end work (CVE-2019-9512).
pub static PING_FLOOD: Rule = Rule {
    name: "h2-ping-flood",
    section: "RFC 9113, section 10.5",
    says: "A peer that asks all the time whether this end is there is told to calm down.",
};

/// Frames carry something (CVE-2019-9518).
pub static EMPTY_FLOOD: Rule = Rule {
    name: "h2-empty-flood",
    section: "RFC 9113, section 10.5",
    says: "A peer that sends frame after frame with nothing in it is told to calm down.",
};

/// Windows grow in proportion to what was sent.
pub static WINDOW_UPDATE_FLOOD: Rule = Rule {
    name: "h2-window-update-flood",
    section: "RFC 9113, section 10.5",
    says: "A peer that opens its windows in tiny steps, or opens those of nothing, is told to calm down.",
};

/// Frames that are ignored are few (CVE-2019-9513).
pub static IGNORED_FLOOD: Rule = Rule {
    name: "h2-ignored-flood",
    section: "RFC 9113, section 10.5",
    says: "A peer that sends frame after frame that means nothing is told to calm down.",
};

/// A header block has an end in few frames (CVE-2024-27316 and its kin).
pub static CONTINUATION_FLOOD: Rule = Rule {
    name: "h2-continuation-flood",
    section: "RFC 9113, section 10.5.1",
    says: "A header block takes a limited number of CONTINUATION frames.",
};

/// A header block is of limited size on the wire; beyond it the tables cannot be kept.
pub static HEADER_BLOCK_SIZE: Rule = Rule {
    name: "h2-header-block-size",
    section: "RFC 9113, section 10.5.1",
    says: "A header block is of limited size on the wire.",
};

/// A header section is of limited size once it is decoded.
pub static HEADER_LIST_SIZE: Rule = Rule {
    name: "h2-header-list-size",
    section: "RFC 9113, section 10.5.1",
    says: "A header section larger than was announced is answered 431 (Request Header Fields Too Large).",
};

/// Content does not come in pieces so short that keeping them costs more than they are.
pub static PIECES: Rule = Rule {
    name: "h2-tiny-data",
    section: "RFC 9113, section 10.5",
    says: "The frames of content that wait on a stream are of limited number, however short they are.",
};

/// A response is taken while it is being sent: no window is held shut or opened by the byte.
pub static STALLED: Rule = Rule {
    name: "h2-stalled",
    section: "RFC 9113, section 10.5",
    says: "A peer whose windows hold content back for too long loses the stream.",
};

/// A request that was begun is continued.
pub static ABANDONED: Rule = Rule {
    name: "h2-abandoned",
    section: "RFC 9113, section 10.5",
    says: "A request whose content does not come loses its stream.",
};

/// The peer answers when it is asked whether it is there.
pub static KEEP_ALIVE: Rule = Rule {
    name: "h2-keep-alive-timeout",
    section: "RFC 9113, section 6.7",
    says: "A peer that does not answer a PING in time is taken for gone.",
};

/// What was begun on the connection is finished in time.
pub static FRAME_TIMEOUT: Rule = Rule {
    name: "h2-frame-timeout",
    section: "RFC 9113, section 10.5",
    says: "A preface, a frame or a header block that was begun arrives whole within its time.",
};

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_budget_is_spent_and_refilled() {
        let start = Instant::now();
        let budgets = Budgets { ping: Budget { burst: 3, per_second: 2 }, ..Budgets::default() };
        let mut abuse = Abuse::new(start);
        let mut ping = |at: u64| abuse.count(Nuisance::Ping, &budgets, start + Duration::from_millis(at)).is_ok();
        assert_eq!([ping(0), ping(0), ping(500), ping(999)], [true, true, true, false]);
        assert_eq!([ping(2_000), ping(2_000), ping(2_000)], [true, true, true]);
        assert!(!ping(2_000));
    }

    #[test]
    fn budgets_do_not_mix() {
        let now = Instant::now();
        let one = Budget { burst: 1, per_second: 0 };
        let budgets = Budgets {
            rapid_reset: one,
            provoked_reset: one,
            settings: one,
            ping: one,
            empty: one,
            window_update: one,
            ignored: one,
        };
        let mut abuse = Abuse::new(now);
        for what in Nuisance::ALL {
            assert!(abuse.count(what, &budgets, now).is_ok());
        }
        for what in Nuisance::ALL {
            let fault = abuse.count(what, &budgets, now).unwrap_err();
            assert_eq!((fault.rule, fault.code), (what.rule(), Code::ENHANCE_YOUR_CALM));
            abuse.earn(what, 2);
            assert!(abuse.count(what, &budgets, now).is_ok());
        }
    }
}
