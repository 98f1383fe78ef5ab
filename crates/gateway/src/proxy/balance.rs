//! Which server of a group a request goes to, and why: one pure function.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use wirelight_semantics::decision::{Decision, Rule};

use crate::config::plan::Balance;

/// A server that a request may go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// How much of the load it is to take.
    pub weight: u32,
    /// Requests under way.
    pub outstanding: usize,
    /// How long its answers take, in microseconds, recent ones most; 0 where none has come yet.
    pub latency_micros: u64,
    /// How much of its share it gets for now, in thousandths: a server that has become well starts slowly.
    pub share: u32,
    /// Whether it may be asked.
    pub state: State,
}

/// The share of a server that is not starting, in thousandths.
pub const WHOLE: u32 = 1000;
/// The least share of a server that is starting: without any request it would never warm up.
const LEAST: u32 = 100;

/// The share of a server that has been well for so long, where getting it all takes `span`.
pub fn share(well_for_millis: u64, span: Duration) -> u32 {
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    match well_for_millis.checked_mul(u64::from(WHOLE)).and_then(|scaled| scaled.checked_div(span)) {
        Some(share) => u32::try_from(share).unwrap_or(WHOLE).clamp(LEAST, WHOLE),
        None => WHOLE,
    }
}

impl Candidate {
    /// Its weight for now, in thousandths.
    fn scaled(&self) -> u64 {
        u64::from(self.weight) * u64::from(self.share)
    }
}

/// Whether a server may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Yes.
    Well,
    /// It failed often, and is left alone for a while.
    Ejected,
    /// It did not answer well when it was asked how it is.
    Ill,
    /// It was tried for this request already.
    Tried,
}

/// What differs from request to request.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// How many requests came before.
    pub turn: u64,
    /// Any number.
    pub random: u64,
    /// What the request is told by, where servers are chosen by that.
    pub key: Option<u64>,
}

/// Which server a request goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one.
    Chosen {
        /// Its place in the group.
        index: usize,
        /// What the config calls it.
        server: String,
        /// How many could have been chosen.
        among: usize,
        /// Why this one.
        cause: Cause,
    },
    /// None may be asked.
    Nobody {
        /// The group.
        upstream: String,
        /// How many are ill.
        ill: usize,
        /// How many were tried.
        tried: usize,
    },
}

/// Why a server was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// There is no other.
    Only,
    /// It was its turn.
    Turn,
    /// It had the fewest requests under way for its weight.
    Fewest(usize),
    /// It was the faster of two, in microseconds.
    Faster(u64),
    /// The request's key belongs to it.
    Key,
    /// Chance, by how much of its share each server gets that is starting slowly.
    Starting,
    /// The client stays with it, as its cookie says.
    Sticky,
    /// All are ejected, so that nothing is gained by leaving this one alone.
    AllEjected,
}

/// Chooses a server; nobody where none may be asked.
pub fn choose(balance: &Balance, candidates: &[Candidate], draw: Draw) -> Option<(usize, usize, Cause)> {
    let among = |state: State| -> Vec<usize> {
        candidates.iter().enumerate().filter(|(_, each)| each.state == state).map(|(index, _)| index).collect()
    };
    let well = among(State::Well);
    let (open, all_ejected) = if well.is_empty() { (among(State::Ejected), true) } else { (well, false) };
    let (index, cause) = match (open.as_slice(), balance) {
        ([], _) => return None,
        ([only], _) => (*only, Cause::Only),
        (open, Balance::RoundRobin) if open.iter().any(|index| candidates[*index].share < WHOLE) => {
            (by_chance(open, candidates, draw.random), Cause::Starting)
        }
        (open, Balance::RoundRobin) => (by_turn(open, candidates, draw.turn), Cause::Turn),
        (open, Balance::LeastRequests) => fewest(open, candidates, draw.turn),
        (open, Balance::Fastest) => faster(open, candidates, draw.random),
        (open, Balance::Hash(_)) => match draw.key {
            Some(key) => (by_key(open, candidates, key), Cause::Key),
            None => (by_turn(open, candidates, draw.turn), Cause::Turn),
        },
    };
    Some((index, open.len(), if all_ejected { Cause::AllEjected } else { cause }))
}

fn by_turn(open: &[usize], candidates: &[Candidate], turn: u64) -> usize {
    let total: u64 = open.iter().map(|index| u64::from(candidates[*index].weight)).sum();
    let mut place = turn % total.max(1);
    for index in open {
        let weight = u64::from(candidates[*index].weight);
        if place < weight {
            return *index;
        }
        place -= weight;
    }
    open[0]
}

/// Servers that start get their turns by chance, since turns cannot be shared in parts.
fn by_chance(open: &[usize], candidates: &[Candidate], random: u64) -> usize {
    let total: u64 = open.iter().map(|index| candidates[*index].scaled()).sum();
    let mut place = random % total.max(1);
    for index in open {
        match place.checked_sub(candidates[*index].scaled()) {
            Some(rest) => place = rest,
            None => return *index,
        }
    }
    open[0]
}

fn fewest(open: &[usize], candidates: &[Candidate], turn: u64) -> (usize, Cause) {
    let load = |index: &usize| {
        let candidate = candidates[*index];
        (candidate.outstanding as u64 + 1) * 1_000_000_000 / candidate.scaled().max(1)
    };
    // Among equals it goes round.
    let shift = (turn % open.len() as u64) as usize;
    let turned = open[shift..].iter().chain(&open[..shift]);
    let index = turned.min_by_key(|index| load(index)).copied().unwrap_or(open[0]);
    (index, Cause::Fewest(candidates[index].outstanding))
}

fn faster(open: &[usize], candidates: &[Candidate], random: u64) -> (usize, Cause) {
    let one = (random % open.len() as u64) as usize;
    let step = 1 + ((random >> 32) % (open.len() as u64 - 1)) as usize;
    let (one, other) = (open[one], open[(one + step) % open.len()]);
    let wait = |index: usize| {
        let candidate = candidates[index];
        let wait = candidate.latency_micros.saturating_mul(candidate.outstanding as u64 + 1);
        wait.saturating_mul(WHOLE.into()) / candidate.scaled().max(1)
    };
    let index = if wait(other) < wait(one) { other } else { one };
    (index, Cause::Faster(candidates[index].latency_micros))
}

/// Rendezvous hashing: a server that comes or goes moves no key but its own.
fn by_key(open: &[usize], candidates: &[Candidate], key: u64) -> usize {
    let score = |index: usize| {
        let uniform = (hash(&(key, index)) >> 11) as f64 / (1u64 << 53) as f64;
        -f64::from(candidates[index].weight) / uniform.max(f64::MIN_POSITIVE).ln()
    };
    open.iter().copied().max_by(|one, other| score(*one).total_cmp(&score(*other))).unwrap_or(open[0])
}

/// A hash that is the same in every process.
pub(crate) fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

static RULE: Rule = Rule {
    name: "balancing",
    section: "RFC 9110, section 3.7",
    says: "A gateway answers as if it were the server, and forwards to whichever of its servers it chooses.",
};

impl Decision for Choice {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self {
            Self::Chosen { server, .. } => format!("forwarded to {server}").into(),
            Self::Nobody { upstream, .. } => format!("no server of {upstream} may be asked").into(),
        }
    }

    fn because(&self) -> Cow<'static, str> {
        match self {
            Self::Chosen { among, cause, .. } => match cause {
                Cause::Only => "no other server could be asked".into(),
                Cause::Turn => format!("it was its turn among {among}").into(),
                Cause::Fewest(requests) => {
                    format!("it had {requests} requests under way, the fewest for its weight among {among}").into()
                }
                Cause::Faster(micros) => {
                    format!("its answers take {:.1} ms, less than another's picked at random", *micros as f64 / 1000.0)
                        .into()
                }
                Cause::Starting => format!("chance fell on it among {among}, some of which start slowly").into(),
                Cause::Sticky => "the client stays with it, as its cookie says".into(),
                Cause::Key => format!("what the request is told by belongs to it among {among}").into(),
                Cause::AllEjected => {
                    "every server has failed lately, so that leaving this one alone helps nobody".into()
                }
            },
            Self::Nobody { ill, tried, .. } => format!("{ill} are ill, and {tried} were tried already").into(),
        }
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::Chosen { .. } => None,
            Self::Nobody { .. } => Some("a server that answers its health check would have been asked".into()),
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Chosen { cause: Cause::Sticky, .. } => Some("cookie"),
            _ => None,
        }
    }

    fn declines(&self) -> bool {
        matches!(self, Self::Nobody { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::HashKey;

    fn well(weight: u32, outstanding: usize, latency_micros: u64) -> Candidate {
        Candidate { weight, outstanding, latency_micros, share: WHOLE, state: State::Well }
    }

    fn shares(balance: &Balance, candidates: &[Candidate], count: u64) -> Vec<u64> {
        let mut shares = vec![0; candidates.len()];
        for turn in 0..count {
            let draw = Draw { turn, random: hash(&turn), key: Some(hash(&turn)) };
            shares[choose(balance, candidates, draw).unwrap().0] += 1;
        }
        shares
    }

    #[test]
    fn turns_go_round_by_weight() {
        assert_eq!(shares(&Balance::RoundRobin, &[well(1, 0, 0), well(3, 0, 0)], 8), [2, 6]);
    }

    #[test]
    fn the_fewest_requests_for_the_weight_win() {
        let draw = Draw { turn: 0, random: 0, key: None };
        let candidates = [well(1, 2, 0), well(1, 1, 0), well(4, 5, 0)];
        assert_eq!(choose(&Balance::LeastRequests, &candidates, draw), Some((2, 3, Cause::Fewest(5))));
        assert_eq!(shares(&Balance::LeastRequests, &[well(1, 0, 0), well(1, 0, 0)], 10), [5, 5]);
    }

    #[test]
    fn the_slowest_of_three_is_never_the_faster_of_two() {
        let shares = shares(&Balance::Fastest, &[well(1, 0, 100), well(1, 0, 200), well(1, 0, 9000)], 1000);
        assert_eq!(shares[2], 0);
        assert!(shares[0] > shares[1] && shares[1] > 200, "{shares:?}");
    }

    #[test]
    fn a_server_that_starts_gets_a_share_that_grows() {
        let span = Duration::from_secs(10);
        for (well_for, expected) in [(0, 100), (500, 100), (2500, 250), (10_000, 1000), (u64::MAX, 1000)] {
            assert_eq!(share(well_for, span), expected, "{well_for}");
        }
        assert_eq!(share(0, Duration::ZERO), WHOLE);
        let starting = Candidate { share: 250, ..well(1, 0, 0) };
        let shares = shares(&Balance::RoundRobin, &[starting, well(1, 0, 0)], 1000);
        assert!((120..280).contains(&shares[0]), "{shares:?}");
        let busy = [Candidate { share: 100, ..well(1, 0, 0) }, well(1, 8, 0)];
        let draw = Draw { turn: 0, random: 0, key: None };
        assert_eq!(choose(&Balance::LeastRequests, &busy, draw), Some((1, 2, Cause::Fewest(8))));
    }

    #[test]
    fn a_key_stays_where_it_is_when_another_server_goes() {
        let balance = Balance::Hash(HashKey::Client);
        let all = [well(1, 0, 0), well(1, 0, 0), well(1, 0, 0)];
        let mut less = all;
        less[1].state = State::Ill;
        for key in 0..500 {
            let draw = Draw { turn: key, random: 0, key: Some(hash(&key)) };
            let before = choose(&balance, &all, draw).unwrap().0;
            let after = choose(&balance, &less, draw).unwrap().0;
            assert!(before == 1 || before == after, "{key}");
            assert_ne!(after, 1);
        }
        let shares = shares(&balance, &[well(1, 0, 0), well(3, 0, 0)], 4000);
        assert!((700..1300).contains(&shares[0]), "{shares:?}");
    }

    #[test]
    fn all_ejected_is_as_good_as_none_and_ill_ones_are_never_asked() {
        let draw = Draw { turn: 0, random: 0, key: None };
        let mut candidates = [well(1, 0, 0), well(1, 0, 0)];
        candidates[0].state = State::Ejected;
        assert_eq!(choose(&Balance::RoundRobin, &candidates, draw), Some((1, 1, Cause::Only)));
        candidates[1].state = State::Ejected;
        assert_eq!(choose(&Balance::RoundRobin, &candidates, draw), Some((0, 2, Cause::AllEjected)));
        candidates[0].state = State::Ill;
        candidates[1].state = State::Tried;
        assert_eq!(choose(&Balance::RoundRobin, &candidates, draw), None);
    }
}
