//! The decisions of one exchange, in the order in which they were made, and when its steps were taken.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use http::{HeaderMap, Method, StatusCode, Version};
use wirelight_semantics::decision::Decision;

use crate::exchange::Exchanged;
use crate::place::Placed;
use crate::{Clock, Place};

/// Collects the decisions of one exchange, in order.
///
/// With nobody watching it is empty and costs nothing: no allocation, no formatting. Clones share one list.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    log: Option<Arc<Log>>,
    /// Which word of a config made whoever notes its decisions here.
    place: Option<Arc<Place>>,
}

/// A list with room for more decisions or steps than this is not used again.
const DECISIONS_KEPT: usize = 64;

#[derive(Debug, Default)]
struct Log {
    /// Where the times of steps come from, once anybody wants them.
    clock: OnceLock<Clock>,
    list: Mutex<List>,
}

/// Decisions of any kind, in order; and, where times are wanted, when each was made.
#[derive(Debug, Default)]
struct List {
    decisions: Vec<Box<dyn Decision>>,
    /// Those of the decisions that were made before times were wanted are unknown.
    times: Vec<Option<Instant>>,
    marks: Vec<Mark>,
    layers: Vec<Layer>,
    hops: Vec<Hop>,
}

/// A step of an exchange that is no decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which step: `routed`, `answered`.
    pub name: Cow<'static, str>,
    /// When it was taken.
    pub at: Instant,
}

/// A layer that a request went through, or the handler that it came to; each is inside of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is called: `compress`, `proxy`.
    pub name: &'static str,
    /// Which word of a config it comes from.
    pub place: Option<Arc<Place>>,
    /// When the request came to it.
    pub entered: Instant,
    /// When its response, or its failure, left it; `None` until then.
    pub left: Option<Instant>,
}

/// A layer that a request is in; it has left when this is dropped.
#[derive(Debug)]
pub struct Inside {
    log: Arc<Log>,
    index: usize,
}

/// A request that was sent on for an exchange, and what came back: one for each attempt.
#[derive(Debug)]
pub struct Hop {
    /// The server that was asked.
    pub upstream: String,
    /// Which attempt it was, from 1.
    pub attempt: u32,
    /// The request as it was sent on.
    pub request: Sent,
    /// The response as it came; `None` if none did.
    pub response: Option<Came>,
    /// Why there is no response, in one sentence without a full stop.
    pub failed: Option<String>,
    /// When it began.
    pub began: Instant,
    /// When its head was there, or it failed.
    pub ended: Instant,
    /// What is known of its connection; it may still grow while content comes.
    pub steps: Option<Box<dyn Steps>>,
}

/// The head of a request that was sent on.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The method.
    pub method: Method,
    /// The target, as path and query.
    pub target: String,
    /// The fields.
    pub fields: HeaderMap,
}

/// The head of a response that came back.
#[derive(Debug, Clone)]
pub struct Came {
    /// The status.
    pub status: StatusCode,
    /// The version of HTTP it came in.
    pub version: Version,
    /// The fields, as they came.
    pub fields: HeaderMap,
}

/// The head of a message of a hop, as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Whether it was sent on; else it came back.
    pub is_sent: bool,
    /// When.
    pub at: Instant,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// When the steps of a hop were taken.
pub trait Steps: std::fmt::Debug + Send + Sync {
    /// Each step that was taken so far, and when.
    fn steps(&self) -> Vec<Mark>;
    /// Whether the connection had carried an exchange before.
    fn reused(&self) -> bool;
    /// Takes the heads out that passed, in order, where their bytes were kept: whoever keeps them masks what is secret
    /// in them first.
    fn take_heads(&self) -> Vec<Head> {
        Vec::new()
    }
}

impl Trail {
    /// A trail that forgets everything at once.
    pub const fn unwatched() -> Self {
        Self { log: None, place: None }
    }

    /// A trail that keeps what it is told.
    pub fn watched() -> Self {
        Self { log: Some(Arc::default()), place: None }
    }

    /// A trail that also keeps when it was told, by this clock, and the steps between decisions.
    pub fn timed(clock: Clock) -> Self {
        Self { log: Some(Arc::new(Log { clock: clock.into(), list: Mutex::default() })), place: None }
    }

    /// The same trail, which from here on keeps times, too; one of its own where nobody watches.
    pub fn timed_from_here(&self, clock: &Clock) -> Self {
        let Some(log) = &self.log else { return Self::timed(clock.clone()) };
        log.clock.get_or_init(|| clock.clone());
        self.clone()
    }

    /// An empty trail in the place of this one, if nobody else has it any more; else a new one.
    pub fn renewed(&mut self) -> Self {
        match self.log.take().and_then(Log::emptied) {
            Some(mut log) => {
                Arc::get_mut(&mut log).and_then(|log| log.clock.take());
                Self { log: Some(log), place: None }
            }
            None => Self::watched(),
        }
    }

    /// The same trail, with nothing in it, if nobody else has it any more; nobody's, otherwise.
    pub fn emptied(self) -> Self {
        Self { log: self.log.and_then(Log::emptied), place: None }
    }

    /// An empty trail that keeps times by this clock: the one that was [emptied](Self::emptied), where it was somebody's.
    pub fn timed_again(self, clock: &Clock) -> Self {
        let mut again = self.log;
        match again.as_mut().and_then(Arc::get_mut) {
            Some(log) => {
                log.clock = clock.clone().into();
                Self { log: again, place: None }
            }
            None => Self::timed(clock.clone()),
        }
    }

    /// The trail of the exchange that a request belongs to.
    #[inline]
    pub fn of(request: &impl Exchanged) -> Self {
        request.exchange().map(|exchange| exchange.trail.clone()).unwrap_or_default()
    }

    /// The same trail, for decisions that a word of a config led to.
    pub fn at(&self, place: Option<&Arc<Place>>) -> Self {
        match &self.log {
            Some(_) => Self { log: self.log.clone(), place: place.cloned() },
            None => Self::unwatched(),
        }
    }

    /// From here on, what is noted here was led to by this word of a config, or by none.
    pub fn stand_at(&mut self, place: Option<&Arc<Place>>) {
        if self.log.is_some() && (self.place.is_some() || place.is_some()) {
            self.place = place.cloned();
        }
    }

    /// Whether anybody will read it.
    pub fn is_watched(&self) -> bool {
        self.log.is_some()
    }

    /// Whether times, marks and hops are wanted.
    pub fn is_timed(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.clock.get().is_some())
    }

    /// Adds a decision, if anybody watches.
    pub fn note<D: Decision + 'static>(&self, decision: D) {
        if let Some(log) = &self.log {
            let mut list = lock(&log.list);
            if let Some(clock) = log.clock.get() {
                let untimed = list.decisions.len();
                list.times.resize(untimed, None);
                list.times.push(Some(clock.now()));
            }
            list.decisions.push(match &self.place {
                Some(place) => Box::new(Placed { decision, place: Arc::clone(place) }),
                None => Box::new(decision),
            });
        }
    }

    /// Notes again what [`share`](Self::share) gave, if anybody watches.
    pub fn note_shared(&self, decisions: &[Arc<dyn Decision>]) {
        if let Some(log) = &self.log {
            let list = &mut *lock(&log.list);
            if let Some(clock) = log.clock.get() {
                list.times.resize(list.decisions.len(), None);
                list.times.extend(decisions.iter().map(|_| Some(clock.now())));
            }
            list.decisions.extend(decisions.iter().map(|decision| Box::new(Arc::clone(decision)) as Box<dyn Decision>));
        }
    }

    /// How many decisions there are so far.
    pub fn len(&self) -> usize {
        self.read(<[_]>::len)
    }

    /// Whether there is no decision so far.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All decisions but the first `from`, which stay here and may be noted in other trails, too.
    pub fn share(&self, from: usize) -> Vec<Arc<dyn Decision>> {
        let Some(log) = &self.log else { return Vec::new() };
        let list = &mut *lock(&log.list);
        let decisions = list.decisions.drain(from.min(list.decisions.len())..);
        let shared: Vec<Arc<dyn Decision>> = decisions.map(Arc::from).collect();
        list.decisions.extend(shared.iter().map(|decision| Box::new(Arc::clone(decision)) as Box<dyn Decision>));
        shared
    }

    /// Adds a step, if anybody wants its time.
    pub fn mark(&self, name: impl Into<Cow<'static, str>>) {
        if let Some(log) = &self.log
            && let Some(clock) = log.clock.get()
        {
            let at = clock.now();
            lock(&log.list).marks.push(Mark { name: name.into(), at });
        }
    }

    /// Notes that the request has come to a layer, if anybody wants its time; what is given back notes that it left.
    pub fn enter(&self, name: &'static str, place: Option<&Arc<Place>>) -> Option<Inside> {
        let log = self.log.as_ref()?;
        let entered = log.clock.get()?.now();
        let mut list = lock(&log.list);
        let index = list.layers.len();
        list.layers.push(Layer { name, place: place.cloned(), entered, left: None });
        Some(Inside { log: Arc::clone(log), index })
    }

    /// Adds a hop, if anybody wants it.
    pub fn hop(&self, hop: Hop) {
        if let Some(log) = self.log.as_ref().filter(|log| log.clock.get().is_some()) {
            lock(&log.list).hops.push(hop);
        }
    }

    /// Calls `read` with every decision so far, in order.
    pub fn read<T>(&self, read: impl FnOnce(&[Box<dyn Decision>]) -> T) -> T {
        match &self.log {
            Some(log) => read(&lock(&log.list).decisions),
            None => read(&[]),
        }
    }

    /// When each decision was made, in order, where that is known; empty where times were not wanted.
    pub fn times(&self) -> Vec<Option<Instant>> {
        self.log.as_ref().map(|log| lock(&log.list).times.clone()).unwrap_or_default()
    }

    /// Every step so far, in order.
    pub fn marks(&self) -> Vec<Mark> {
        self.log.as_ref().map(|log| lock(&log.list).marks.clone()).unwrap_or_default()
    }

    /// The layers that the request came to, the outermost first.
    pub fn layers(&self) -> Vec<Layer> {
        self.log.as_ref().map(|log| lock(&log.list).layers.clone()).unwrap_or_default()
    }

    /// What it takes in memory, in bytes, but for what its decisions own beside themselves, and for hops.
    pub fn held_bytes(&self) -> usize {
        let Some(log) = &self.log else { return 0 };
        let list = lock(&log.list);
        size_of::<Log>()
            + list.decisions.iter().map(|decision| size_of_val(&**decision)).sum::<usize>()
            + list.decisions.capacity() * size_of::<Box<dyn Decision>>()
            + list.times.capacity() * size_of::<Option<Instant>>()
            + list.marks.capacity() * size_of::<Mark>()
            + list.layers.capacity() * size_of::<Layer>()
    }

    /// Calls `read` with every hop that was not taken out, in order.
    pub fn hops<T>(&self, read: impl FnOnce(&[Hop]) -> T) -> T {
        match &self.log {
            Some(log) => read(&lock(&log.list).hops),
            None => read(&[]),
        }
    }

    /// Takes the hops out: whoever keeps them masks what is secret in them first.
    pub fn take_hops(&self) -> Vec<Hop> {
        self.log.as_ref().map(|log| std::mem::take(&mut lock(&log.list).hops)).unwrap_or_default()
    }

    /// Calls `read` with the first decision of a kind, if there is one.
    pub fn first<D: Decision, T>(&self, read: impl FnOnce(&D) -> T) -> Option<T> {
        self.read(|all| {
            let noted = all.iter().map(|decision| decision.inner().unwrap_or(&**decision));
            let of_kind = noted.map(|decision| decision as &dyn Any).find_map(<dyn Any>::downcast_ref);
            of_kind.map(read)
        })
    }

    /// Calls `read` with the decision that explains a status best: the last that names it as its outcome, or else the
    /// last refusal. That something went well needs no reason, so that often there is none.
    ///
    /// A refusal explains better than what only passes it on as an error, which names the same status without a rule
    /// of its own and says nothing of what would have changed it.
    pub fn decisive<T>(&self, status: StatusCode, read: impl FnOnce(&dyn Decision) -> T) -> Option<T> {
        self.read(|all| {
            let newest_first = || all.iter().rev().map(|decision| &**decision);
            let mut named = newest_first().filter(|decision| decision.outcome().starts_with(status.as_str()));
            let last = named.clone().next();
            let explained = named.find(|decision| decision.otherwise().is_some());
            explained.or(last).or_else(|| newest_first().find(|decision| decision.declines())).map(read)
        })
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let left = self.log.clock.get().map(Clock::now);
        if let Some(layer) = lock(&self.log.list).layers.get_mut(self.index) {
            layer.left = left;
        }
    }
}

impl Log {
    /// Forgets what it holds; nothing if somebody else has it, or it is not worth to be used again.
    fn emptied(mut self: Arc<Self>) -> Option<Arc<Self>> {
        let list = Arc::get_mut(&mut self)?.list.get_mut().unwrap_or_else(PoisonError::into_inner);
        let List { decisions, times, marks, layers, hops } = list;
        decisions.clear();
        times.clear();
        marks.clear();
        layers.clear();
        *hops = Vec::new();
        let longest = decisions.capacity().max(marks.capacity()).max(layers.capacity());
        (longest <= DECISIONS_KEPT).then_some(self)
    }
}

/// A decision is whole or absent, so a panic elsewhere never spoils the list.
fn lock(list: &Mutex<List>) -> MutexGuard<'_, List> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
