//! A circuit breaker: a group of servers that mostly fails is left alone for a while, and then tried with a few requests.
//!
//! One machine with time as an argument; what is done with its answers happens in the forwarder.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use wirelight_semantics::decision::{Decision, Rule};

/// When a group is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// If at least so many of the requests failed, in percent.
    pub percent: u32,
    /// Of at least so many requests.
    pub requests_min: u32,
    /// Within this time.
    pub within: Duration,
    /// For how long.
    pub pause: Duration,
    /// How many requests then have to succeed, one after another.
    pub trials: u32,
}

impl Default for Plan {
    /// Half of at least 20 requests within 10 seconds; for 5 seconds, and then 3 trials.
    fn default() -> Self {
        Self {
            percent: 50,
            requests_min: 20,
            within: Duration::from_secs(10),
            pause: Duration::from_secs(5),
            trials: 3,
        }
    }
}

/// What is known of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Requests pass, and are counted since this moment.
    Closed { since: Instant, requests: u32, failures: u32 },
    /// None passes until this moment.
    Open { until: Instant },
    /// A few pass, and show whether the group is well again.
    HalfOpen { under_way: u32, succeeded: u32 },
}

/// A circuit breaker.
#[derive(Debug)]
pub(crate) struct Breaker {
    plan: Plan,
    state: State,
}

/// Whether a request may go to a group, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Closed,
    /// It may, and shows whether the group is well again.
    Trial {
        /// How many have succeeded in a row.
        succeeded: u32,
        /// How many have to.
        trials: u32,
    },
    /// It may not: too many failed.
    Open {
        /// For so much longer.
        left: Duration,
    },
    /// It may not: those that show whether the group is well again are under way.
    Trying {
        /// How many.
        under_way: u32,
    },
}

/// What the end of a request changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turned {
    /// The group is left alone.
    Open {
        /// How many requests failed.
        failures: u32,
        /// Of how many; nothing where the group was only tried.
        requests: Option<u32>,
        /// For how long.
        pause: Duration,
    },
    /// The group is well again.
    Closed {
        /// How many succeeded in a row.
        trials: u32,
    },
}

impl Breaker {
    pub(crate) fn new(plan: Plan, now: Instant) -> Self {
        Self { plan, state: State::Closed { since: now, requests: 0, failures: 0 } }
    }

    /// Judges whether a request may go to the group now; one that may has to be [`heard`](Self::heard) of again.
    pub(crate) fn admit(&mut self, now: Instant) -> Admission {
        if let State::Open { until } = self.state {
            if now < until {
                return Admission::Open { left: until - now };
            }
            self.state = State::HalfOpen { under_way: 0, succeeded: 0 };
        }
        match &mut self.state {
            State::HalfOpen { under_way, succeeded } => {
                if *under_way + *succeeded >= self.plan.trials {
                    return Admission::Trying { under_way: *under_way };
                }
                *under_way += 1;
                Admission::Trial { succeeded: *succeeded, trials: self.plan.trials }
            }
            _ => Admission::Closed,
        }
    }

    /// Hears how a request that was admitted has ended: well, badly, or without a word about the group.
    pub(crate) fn heard(&mut self, trial: bool, well: Option<bool>, now: Instant) -> Option<Turned> {
        match (&mut self.state, trial) {
            (State::Closed { since, requests, failures }, false) => {
                if now.saturating_duration_since(*since) >= self.plan.within {
                    (*since, *requests, *failures) = (now, 0, 0);
                }
                *requests += u32::from(well.is_some());
                *failures += u32::from(well == Some(false));
                let (requests, failures) = (*requests, *failures);
                let is_bad = u64::from(failures) * 100 >= u64::from(requests) * u64::from(self.plan.percent);
                if requests >= self.plan.requests_min && failures > 0 && is_bad {
                    return Some(self.open(failures, Some(requests), now));
                }
                None
            }
            (State::HalfOpen { under_way, succeeded }, true) => {
                *under_way = under_way.saturating_sub(1);
                match well {
                    None => None,
                    Some(false) => Some(self.open(1, None, now)),
                    Some(true) => {
                        *succeeded += 1;
                        (*succeeded >= self.plan.trials).then(|| {
                            self.state = State::Closed { since: now, requests: 0, failures: 0 };
                            Turned::Closed { trials: self.plan.trials }
                        })
                    }
                }
            }
            // What was admitted before the state changed says nothing about the new one.
            _ => None,
        }
    }

    fn open(&mut self, failures: u32, requests: Option<u32>, now: Instant) -> Turned {
        let pause = self.plan.pause;
        self.state = State::Open { until: now + pause };
        Turned::Open { failures, requests, pause }
    }
}

static RULE: Rule = Rule {
    name: "circuit-breaker",
    section: "RFC 9110, section 15.6.4",
    says: "A gateway whose servers mostly fail leaves them alone for a while, and says in Retry-After for how long.",
};

impl Admission {
    /// Whether the request may go on.
    pub fn is_open_to(&self) -> bool {
        matches!(self, Self::Closed | Self::Trial { .. })
    }

    /// When to ask again, if not now.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Closed | Self::Trial { .. } => None,
            Self::Open { left } => Some(*left),
            Self::Trying { .. } => Some(Duration::from_secs(1)),
        }
    }
}

impl Decision for Admission {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Closed => "forwarding goes on".into(),
            Self::Trial { .. } => "forwarded on trial".into(),
            Self::Open { .. } | Self::Trying { .. } => "503 Service Unavailable".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Closed => "few requests have failed lately".into(),
            Self::Trial { succeeded, trials } => {
                format!("the servers were left alone, and {succeeded} of {trials} trials have succeeded").into()
            }
            Self::Open { left } => {
                format!("too many requests have failed, and the servers are left alone for {left:.1?} more").into()
            }
            Self::Trying { under_way } => format!(
                "the servers were left alone, and {under_way} trials are under way to see whether they are well"
            )
            .into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Closed | Self::Trial { .. } => None,
            Self::Open { .. } => Some("a shorter `for` would have tried the servers again".into()),
            Self::Trying { .. } => Some("more `trials` would have let it be one of them".into()),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Closed => None,
            Self::Open { .. } => Some("for"),
            Self::Trial { .. } | Self::Trying { .. } => Some("trials"),
        }
    }

    fn declines(&self) -> bool {
        !self.is_open_to()
    }
}

impl Decision for Turned {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Open { pause, .. } => format!("the servers are left alone for {pause:?}").into(),
            Self::Closed { .. } => "the servers are well again".into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Open { failures, requests: Some(requests), .. } => {
                format!("{failures} of the last {requests} requests failed").into()
            }
            Self::Open { requests: None, .. } => "a trial has failed".into(),
            Self::Closed { trials } => format!("{trials} trials have succeeded").into(),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Open { .. } => Some("percent"),
            Self::Closed { .. } => Some("trials"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn plan() -> Plan {
        Plan { percent: 50, requests_min: 4, within: S(10), pause: S(5), trials: 2 }
    }

    /// Sends a request that ends so; what was said of it.
    fn send(breaker: &mut Breaker, well: bool, now: Instant) -> (Admission, Option<Turned>) {
        let admission = breaker.admit(now);
        let trial = matches!(admission, Admission::Trial { .. });
        let turned = if admission.is_open_to() { breaker.heard(trial, Some(well), now) } else { None };
        (admission, turned)
    }

    #[test]
    fn it_opens_when_enough_of_enough_fail_and_closes_when_trials_succeed() {
        let began = Instant::now();
        let mut breaker = Breaker::new(plan(), began);
        for well in [false, true, false] {
            assert_eq!(send(&mut breaker, well, began), (Admission::Closed, None));
        }
        let (_, turned) = send(&mut breaker, true, began);
        assert_eq!(turned, Some(Turned::Open { failures: 2, requests: Some(4), pause: S(5) }));
        let (refused, _) = send(&mut breaker, true, began + S(3));
        assert_eq!(refused, Admission::Open { left: S(2) });
        assert_eq!(refused.retry_after(), Some(S(2)));
        // The first trial fails: all over again.
        let (trial, turned) = send(&mut breaker, false, began + S(5));
        assert_eq!(trial, Admission::Trial { succeeded: 0, trials: 2 });
        assert_eq!(turned, Some(Turned::Open { failures: 1, requests: None, pause: S(5) }));
        // Two are under way, and a third has to wait for them.
        let now = began + S(10);
        assert!(breaker.admit(now).is_open_to() && breaker.admit(now).is_open_to());
        assert_eq!(breaker.admit(now), Admission::Trying { under_way: 2 });
        assert_eq!(breaker.heard(true, Some(true), now), None);
        assert_eq!(breaker.heard(true, None, now), None);
        assert_eq!(breaker.admit(now), Admission::Trial { succeeded: 1, trials: 2 });
        assert_eq!(breaker.heard(true, Some(true), now), Some(Turned::Closed { trials: 2 }));
        assert_eq!(breaker.admit(now), Admission::Closed);
    }

    #[test]
    fn what_happened_long_ago_or_before_it_turned_does_not_count() {
        let began = Instant::now();
        let mut breaker = Breaker::new(plan(), began);
        for _ in 0..3 {
            send(&mut breaker, false, began);
        }
        assert_eq!(send(&mut breaker, false, began + S(10)).1, None);
        for _ in 0..2 {
            assert_eq!(send(&mut breaker, false, began + S(11)).1, None);
        }
        assert!(matches!(send(&mut breaker, false, began + S(11)).1, Some(Turned::Open { .. })));
        // One that was under way all the while.
        assert_eq!(breaker.heard(false, Some(true), began + S(12)), None);
        assert!(matches!(breaker.admit(began + S(12)), Admission::Open { .. }));
    }

    #[test]
    fn few_requests_and_those_without_a_word_open_nothing() {
        let began = Instant::now();
        let mut breaker = Breaker::new(plan(), began);
        for _ in 0..3 {
            send(&mut breaker, false, began);
        }
        for _ in 0..10 {
            breaker.admit(began);
            assert_eq!(breaker.heard(false, None, began), None);
        }
        assert_eq!(breaker.admit(began), Admission::Closed);
    }
}
