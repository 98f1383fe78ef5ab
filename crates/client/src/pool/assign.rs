//! Which connection a request gets, and why: one pure function.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use wirelight_semantics::decision::{Decision, Rule};

/// How many connections there may be, and how long they are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most connections to one place, at rest or at work.
    pub connections_max: usize,
    /// The most requests that wait for a connection to one place.
    pub waiting_max: usize,
    /// How long a connection may rest before it is closed.
    pub idle_timeout: Duration,
    /// How old a connection may be when it takes a request.
    pub age_max: Duration,
    /// How much sooner than the server announced (`Keep-Alive: timeout=`) a resting connection is given up, so that
    /// no request meets a server that is about to close.
    pub keep_alive_margin: Duration,
    /// How soon the name of a place is asked for again after that failed, while there are connections to it.
    pub resolve_again: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 64,
            waiting_max: 4096,
            idle_timeout: Duration::from_secs(60),
            age_max: Duration::from_secs(600),
            keep_alive_margin: Duration::from_secs(1),
            resolve_again: Duration::from_secs(5),
        }
    }
}

/// A connection at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// How long it has rested.
    pub rested: Duration,
    /// How long ago it was made.
    pub age: Duration,
    /// How long the server said that it keeps a resting connection.
    pub keep_alive: Option<Duration>,
    /// How many exchanges it has carried.
    pub exchanges: u64,
    /// Its address, if its host stands for that no longer.
    pub vanished: Option<SocketAddr>,
}

/// What there is at one place when a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The connection that rested last, if any rests and the request may take one.
    pub resting: Option<Resting>,
    /// How many connections there are, at rest, at work or being made.
    pub connections: usize,
    /// How many requests wait already.
    pub waiting: usize,
    /// Whether the first connection is being made, and will show whether many exchanges can share it.
    pub learning: bool,
}

/// Which connection a request gets, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignment {
    /// The connection that rested last.
    Reuse(Resting),
    /// That connection is closed first, and then it is asked again.
    Close(Resting, Stale),
    /// A new one.
    Open {
        /// How many there are already.
        connections: usize,
    },
    /// The next that is given back.
    Wait {
        /// How many connections there are, all at work.
        connections: usize,
        /// How many requests wait before it.
        waiting: usize,
    },
    /// The connection that is being made, if that can be shared.
    Learn {
        /// How many requests wait before it.
        waiting: usize,
    },
    /// None: too many wait already.
    Refuse {
        /// How many wait.
        waiting: usize,
    },
    /// One that carries many exchanges at once.
    Share {
        /// How many exchanges it has begun.
        exchanges: u64,
    },
}

/// Why a resting connection is not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// It rested longer than we allow.
    Rested(Duration),
    /// It rested about as long as the server said that it would keep it.
    KeepAlive(Duration),
    /// It is older than we allow.
    Old(Duration),
    /// Its host stands for other addresses now.
    Vanished(SocketAddr),
}

/// Decides which connection a request gets.
pub fn assign(state: State, limits: &Limits) -> Assignment {
    if let Some(resting) = state.resting {
        return match stale(&resting, limits) {
            Some(why) => Assignment::Close(resting, why),
            None => Assignment::Reuse(resting),
        };
    }
    if state.learning && state.waiting < limits.waiting_max {
        return Assignment::Learn { waiting: state.waiting };
    }
    if state.connections < limits.connections_max {
        return Assignment::Open { connections: state.connections };
    }
    if state.waiting < limits.waiting_max {
        return Assignment::Wait { connections: state.connections, waiting: state.waiting };
    }
    Assignment::Refuse { waiting: state.waiting }
}

/// Why a resting connection is not to be used again, if it is not.
pub fn stale(resting: &Resting, limits: &Limits) -> Option<Stale> {
    if let Some(announced) = resting.keep_alive
        && resting.rested + limits.keep_alive_margin.min(announced / 2) >= announced
    {
        return Some(Stale::KeepAlive(announced));
    }
    if let Some(address) = resting.vanished {
        return Some(Stale::Vanished(address));
    }
    if resting.rested >= limits.idle_timeout {
        return Some(Stale::Rested(limits.idle_timeout));
    }
    (resting.age >= limits.age_max).then_some(Stale::Old(limits.age_max))
}

/// How much longer a connection may rest.
pub fn rest_left(resting: &Resting, limits: &Limits) -> Duration {
    let announced = resting.keep_alive.map(|announced| announced - limits.keep_alive_margin.min(announced / 2));
    let rest = announced.map_or(limits.idle_timeout, |announced| announced.min(limits.idle_timeout));
    rest.saturating_sub(resting.rested).min(limits.age_max.saturating_sub(resting.age))
}

static PERSISTENCE: Rule = Rule {
    name: "persistence",
    section: "RFC 9112, section 9.3",
    says: "A connection persists after an exchange unless either side says close, and carries the next one.",
};
static CONCURRENCY: Rule = Rule {
    name: "concurrency",
    section: "RFC 9112, section 9.4",
    says: "A client limits the number of connections that it holds to one server.",
};
static IDLE: Rule = Rule {
    name: "idle-connection",
    section: "RFC 9112, section 9.5",
    says: "A server closes connections that rest; a client does not count on one that has rested long.",
};
static ADDRESSES: Rule = Rule {
    name: "address-change",
    section: "RFC 1035, section 3.2.1",
    says: "What a name stands for holds for as long as the answer says, and then it is asked again.",
};
static MULTIPLEXING: Rule = Rule {
    name: "multiplexing",
    section: "RFC 9113, section 5",
    says: "One connection carries many exchanges at once, each on a stream of its own.",
};

impl Decision for Assignment {
    fn rule(&self) -> &'static Rule {
        match self {
            Self::Reuse(_) => &PERSISTENCE,
            Self::Close(_, Stale::Vanished(_)) => &ADDRESSES,
            Self::Close(..) => &IDLE,
            Self::Open { .. } | Self::Wait { .. } | Self::Refuse { .. } => &CONCURRENCY,
            Self::Learn { .. } | Self::Share { .. } => &MULTIPLEXING,
        }
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Reuse(_) => "a connection was used again",
            Self::Close(..) => "a resting connection was closed",
            Self::Open { .. } => "a connection was opened",
            Self::Wait { .. } | Self::Learn { .. } => "the request waited for a connection",
            Self::Refuse { .. } => "the request got no connection",
            Self::Share { .. } => "a connection was shared",
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Reuse(resting) => {
                let Resting { rested, exchanges, .. } = resting;
                match exchanges {
                    1 => format!("it had rested for {rested:.1?} after one exchange").into(),
                    _ => format!("it had rested for {rested:.1?} after {exchanges} exchanges").into(),
                }
            }
            Self::Close(resting, Stale::KeepAlive(announced)) => {
                let rested = resting.rested;
                format!("the server keeps it for {announced:?}, and it had rested for {rested:.1?}").into()
            }
            Self::Close(resting, Stale::Rested(limit)) => {
                format!("it had rested for {:.1?}, and {limit:?} is the most we allow", resting.rested).into()
            }
            Self::Close(resting, Stale::Old(limit)) => {
                format!("it was made {:.1?} ago, and {limit:?} is the most we allow", resting.age).into()
            }
            Self::Close(_, Stale::Vanished(address)) => {
                format!("it leads to {address}, and the name of its host no longer stands for that").into()
            }
            Self::Open { connections: 0 } => "there was none to this place".into(),
            Self::Open { connections } => format!("{connections} there were, and none rested").into(),
            Self::Wait { connections, waiting } => {
                format!("all {connections} connections were at work, and {waiting} requests waited before it").into()
            }
            Self::Learn { .. } => "the connection that is being made may carry many exchanges at once".into(),
            Self::Refuse { waiting } => format!("{waiting} requests wait already").into(),
            Self::Share { exchanges } => format!("it carries many exchanges at once, {exchanges} so far").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Close(_, Stale::KeepAlive(_)) => Some("a request that came sooner would have used it".into()),
            Self::Close(_, Stale::Rested(_)) => Some("a longer `idle_timeout` would have kept it".into()),
            Self::Close(_, Stale::Old(_)) => Some("a longer `age_max` would have kept it".into()),
            Self::Close(_, Stale::Vanished(_)) => Some("a name that kept its address would have kept it".into()),
            Self::Wait { .. } => Some("a higher `connections_max` would have opened another".into()),
            Self::Refuse { .. } => Some("a higher `waiting_max` would have let it wait".into()),
            Self::Learn { .. } => Some("HTTP/1.1 alone would have opened another".into()),
            Self::Reuse(_) | Self::Open { .. } | Self::Share { .. } => None,
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Refuse { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn each_state_has_its_assignment() {
        let limits = Limits { connections_max: 2, waiting_max: 1, ..Limits::default() };
        let rests = |rested, age, keep_alive: Option<u64>| {
            Some(Resting {
                rested: S(rested),
                age: S(age),
                keep_alive: keep_alive.map(S),
                exchanges: 1,
                vanished: None,
            })
        };
        let table = [
            (rests(1, 2, None), 1, 0, "a connection was used again"),
            (rests(59, 60, None), 1, 0, "a connection was used again"),
            (rests(60, 60, None), 1, 0, "a resting connection was closed"),
            (rests(1, 600, None), 1, 0, "a resting connection was closed"),
            (rests(3, 3, Some(5)), 1, 0, "a connection was used again"),
            (rests(4, 4, Some(5)), 1, 0, "a resting connection was closed"),
            (rests(0, 4, Some(0)), 1, 0, "a resting connection was closed"),
            (rests(0, 4, Some(1)), 1, 0, "a connection was used again"),
            (None, 0, 0, "a connection was opened"),
            (None, 1, 0, "a connection was opened"),
            (None, 2, 0, "the request waited for a connection"),
            (None, 2, 1, "the request got no connection"),
        ];
        for (resting, connections, waiting, expected) in table {
            let state = State { resting, connections, waiting, learning: false };
            let assignment = assign(state, &limits);
            assert_eq!(assignment.outcome(), expected, "{state:?}");
            assert!(!assignment.because().ends_with('.'));
        }
        let vanished = Some(SocketAddr::from(([127, 0, 0, 1], 80)));
        let resting = rests(1, 2, None).map(|resting| Resting { vanished, ..resting });
        let moved = assign(State { resting, connections: 1, waiting: 0, learning: false }, &limits);
        assert_eq!(moved.because(), "it leads to 127.0.0.1:80, and the name of its host no longer stands for that");
        let learning = State { resting: None, connections: 1, waiting: 0, learning: true };
        assert_eq!(assign(learning, &limits), Assignment::Learn { waiting: 0 });
    }

    #[test]
    fn what_is_left_of_a_rest_ends_when_it_turns_stale() {
        let limits = Limits::default();
        for (rested, age, keep_alive) in
            [(0, 0, None), (10, 20, Some(15)), (59, 599, None), (3, 700, Some(1)), (0, 0, Some(0))]
        {
            let resting =
                Resting { rested: S(rested), age: S(age), keep_alive: keep_alive.map(S), exchanges: 1, vanished: None };
            let left = rest_left(&resting, &limits);
            let later = Resting { rested: resting.rested + left, age: resting.age + left, ..resting };
            assert!(stale(&later, &limits).is_some(), "{resting:?}");
            if let Some(sooner) = left.checked_sub(Duration::from_millis(1)) {
                let before = Resting { rested: resting.rested + sooner, age: resting.age + sooner, ..resting };
                assert_eq!(stale(&before, &limits), None, "{resting:?}");
            }
        }
    }
}
