//! A group of servers at run time: its connections, and what is known of each server.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use wirelight_client::connections::Versions;
use wirelight_client::pool::assign::Limits;
use wirelight_client::resolve::{self, Source};
use wirelight_client::{Config, ConnectConfig, Connections};
use wirelight_proto::{h1, h2};
use wirelight_service::{Clock, Kind};

use super::balance::{self, Candidate, Draw, State, hash};
use super::breaker::{Admission, Breaker, Turned};
use super::sticky::Tokens;
use crate::config::plan::{Protocol, Upstream, UpstreamServer};
use crate::metrics::{Durations, Outcome, method_name};

/// The most retries that a budget saves up, in thousandths.
const BUDGET_MAX: i64 = 10_000;

/// A group of servers.
#[derive(Debug)]
pub struct Group {
    /// What the config says of it.
    pub plan: Arc<Upstream>,
    /// Its servers, in the config's order.
    pub servers: Vec<Server>,
    turn: AtomicU64,
    /// What clients stay with a server by.
    pub(crate) tokens: Option<Tokens>,
    breaker: Option<Mutex<Breaker>>,
    /// How many retries may be made, in thousandths.
    budget: AtomicI64,
    clock: Clock,
    epoch: Instant,
    /// Makes draws differ from process to process.
    seed: u64,
    /// Whether its servers are asked how they are already.
    is_watched: AtomicBool,
}

/// One server of a group.
#[derive(Debug)]
pub struct Server {
    /// What the config calls it.
    pub name: String,
    /// What the config says of it.
    pub plan: UpstreamServer,
    /// One set of connections for each worker: a socket belongs to the event loop that opened it, and using it from
    /// another would wake two threads for each event.
    connections: Box<[OnceLock<Connections>]>,
    /// The same, for requests that want to go over to another protocol.
    switching: Box<[OnceLock<Connections>]>,
    outstanding: AtomicUsize,
    latency_micros: AtomicU64,
    /// Failures in a row.
    failures: AtomicU32,
    /// Until when it is left alone, in milliseconds of the group's epoch.
    ejected_until: AtomicU64,
    ill: AtomicBool,
    /// Since when it is well again, in milliseconds of the group's epoch; 0 if it was never ill.
    back_since: AtomicU64,
    /// What has happened to it so far.
    pub counts: Counts,
    /// How long it took to answer, from a request to the head of its response.
    pub durations: Durations,
}

/// What has happened to a server so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were sent to it.
    pub requests: AtomicU64,
    /// Those of them that failed.
    pub failures: AtomicU64,
    /// How often it was ejected.
    pub ejections: AtomicU64,
    /// Requests that were sent elsewhere, or again, after it had failed.
    pub retries: AtomicU64,
}

impl Group {
    /// A group of which nothing is known yet; `workers` is how many threads will send.
    pub fn new(plan: Arc<Upstream>, workers: usize, clock: Clock) -> Self {
        let servers: Vec<Server> = plan.servers.iter().map(|server| Server::new(server, workers)).collect();
        let epoch = clock.now();
        let names = || servers.iter().map(|server| server.name.as_str());
        let tokens = plan.sticky.as_ref().map(|sticky| Tokens::new(sticky, &plan.name, names()));
        let breaker = plan.breaker.as_ref().map(|plan| Mutex::new(Breaker::new(plan.clone(), epoch)));
        let seed = hash(&(clock.wall(), std::process::id()));
        Self {
            plan,
            servers,
            turn: AtomicU64::new(0),
            tokens,
            breaker,
            budget: AtomicI64::new(BUDGET_MAX),
            clock,
            epoch,
            seed,
            is_watched: AtomicBool::new(false),
        }
    }

    /// The connections to a server that belong to this thread; `switching` says whether they are for a request that
    /// wants to go over to another protocol.
    pub(crate) fn connections(&self, index: usize, switching: bool) -> Result<&Connections, String> {
        let server = &self.servers[index];
        // What TLS would negotiate is not known in time, and every server that takes up a protocol does so in HTTP/1.1.
        let apart =
            switching && self.plan.protocol == Protocol::Negotiated && server.plan.uri.scheme_str() == Some("https");
        let shards = if apart { &server.switching } else { &server.connections };
        let shard = &shards[thread_number() % shards.len()];
        if let Some(known) = shard.get() {
            return Ok(known);
        }
        let mut config = self.config(&server.plan);
        if apart {
            config.versions = Versions::Http1;
        }
        let made = Connections::new(config).map_err(|fault| fault.to_string())?;
        Ok(shard.get_or_init(|| made))
    }

    fn config(&self, server: &UpstreamServer) -> Config {
        let plan = &self.plan;
        Config {
            pool: Limits {
                connections_max: plan.connections_max,
                idle_timeout: plan.idle_timeout,
                ..Limits::default()
            },
            connect: ConnectConfig { connect_timeout: plan.connect_timeout, ..ConnectConfig::default() },
            resolve: resolve::Settings {
                source: match &*plan.resolvers {
                    [] => Source::default(),
                    resolvers => Source::Servers(resolvers.to_vec()),
                },
                ..resolve::Settings::default()
            },
            unix_socket: server.socket.clone(),
            versions: match plan.protocol {
                Protocol::Negotiated => Versions::Negotiated,
                Protocol::Http1 => Versions::Http1,
                Protocol::Http2 => Versions::Http2PriorKnowledge,
            },
            http1: h1::Config { header_timeout: plan.answer_timeout, keeps_spelling: true, ..h1::Config::default() },
            http2: h2::Config {
                keep_alive_interval: plan.silence_timeout,
                keep_alive_timeout: plan.ping_timeout,
                ..h2::Config::default()
            },
            clock: self.clock.clone(),
            ..Config::default()
        }
    }

    /// What there is to choose from; `tried` are those that this request was sent to already.
    pub(crate) fn candidates(&self, tried: &[usize]) -> Vec<Candidate> {
        let now = self.now_millis();
        let each = self.servers.iter().enumerate().map(|(index, server)| Candidate {
            weight: server.plan.weight,
            outstanding: server.outstanding.load(Relaxed),
            latency_micros: server.latency_micros.load(Relaxed),
            share: self.share(server, now),
            state: match () {
                () if tried.contains(&index) => State::Tried,
                () if server.ill.load(Relaxed) => State::Ill,
                () if server.ejected_until.load(Relaxed) > now => State::Ejected,
                () => State::Well,
            },
        });
        each.collect()
    }

    /// How much of its share a server gets while it starts slowly, in thousandths.
    fn share(&self, server: &Server, now_millis: u64) -> u32 {
        let Some(span) = self.plan.slow_start else { return balance::WHOLE };
        let back = server.back_since.load(Relaxed).max(server.ejected_until.load(Relaxed));
        match back {
            // It was never away.
            0 => balance::WHOLE,
            back => balance::share(now_millis.saturating_sub(back), span),
        }
    }

    /// Judges whether a request may go to any of the servers now, where that is judged at all.
    pub(crate) fn admit(&self) -> Option<Admission> {
        let breaker = self.breaker.as_ref()?;
        Some(breaker.lock().unwrap_or_else(PoisonError::into_inner).admit(self.clock.now()))
    }

    /// Hears how a request that was admitted has ended; see [`Breaker::heard`].
    pub(crate) fn heard(&self, trial: bool, well: Option<bool>) -> Option<Turned> {
        let breaker = self.breaker.as_ref()?;
        breaker.lock().unwrap_or_else(PoisonError::into_inner).heard(trial, well, self.clock.now())
    }

    /// What chance and order say for the next request.
    pub(crate) fn draw(&self, key: Option<u64>) -> Draw {
        let turn = self.turn.fetch_add(1, Relaxed);
        Draw { turn, random: hash(&(turn, self.seed)), key }
    }

    /// A request is about to be sent: the budget for retries grows with it.
    pub(crate) fn save(&self) {
        let saved = i64::from(self.plan.retry.budget_percent) * 10;
        // Under load the sum may pass the limit for a moment, by as many requests as there are threads.
        if self.budget.load(Relaxed) < BUDGET_MAX {
            self.budget.fetch_add(saved, Relaxed);
        }
    }

    /// Whether the budget has room for a retry.
    pub(crate) fn can_spend(&self) -> bool {
        self.budget.load(Relaxed) >= 1000
    }

    /// Takes one retry from the budget.
    pub(crate) fn spend(&self) {
        self.budget.fetch_sub(1000, Relaxed);
    }

    /// Counts a request that is under way, until what is returned is dropped.
    pub(crate) fn begin(self: &Arc<Self>, index: usize) -> Underway {
        let server = &self.servers[index];
        server.outstanding.fetch_add(1, Relaxed);
        server.counts.requests.fetch_add(1, Relaxed);
        Underway { group: Arc::clone(self), index, began: self.clock.now() }
    }

    /// A server failed; for how long it is ejected, if it is for that.
    pub(crate) fn failed(&self, index: usize) -> Option<Duration> {
        let server = &self.servers[index];
        server.counts.failures.fetch_add(1, Relaxed);
        let failures = server.failures.fetch_add(1, Relaxed) + 1;
        if failures < self.plan.eject.failures || self.servers.len() == 1 {
            return None;
        }
        let until = self.now_millis() + self.plan.eject.pause.as_millis() as u64;
        let before = server.ejected_until.swap(until, Relaxed);
        server.failures.store(0, Relaxed);
        (before < self.now_millis()).then(|| {
            server.counts.ejections.fetch_add(1, Relaxed);
            self.plan.eject.pause
        })
    }

    /// Says whether a server is well, as its health check found.
    pub(crate) fn found(&self, index: usize, is_well: bool) {
        let server = &self.servers[index];
        if server.ill.swap(!is_well, Relaxed) && is_well {
            server.back_since.store(self.now_millis().max(1), Relaxed);
        }
    }

    /// True for the first who asks: the group is to be watched by whoever hears it.
    pub(crate) fn begin_watch(&self) -> bool {
        !self.is_watched.swap(true, Relaxed)
    }

    /// The clock that the group goes by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn now_millis(&self) -> u64 {
        self.clock.now().saturating_duration_since(self.epoch).as_millis() as u64
    }
}

impl Server {
    fn new(plan: &UpstreamServer, workers: usize) -> Self {
        let name = match &plan.socket {
            Some(path) => format!("unix:{}", path.display()),
            None => plan.uri.to_string().trim_end_matches('/').to_owned(),
        };
        Self {
            name,
            plan: plan.clone(),
            connections: (0..workers.max(1)).map(|_| OnceLock::new()).collect(),
            switching: (0..workers.max(1)).map(|_| OnceLock::new()).collect(),
            outstanding: AtomicUsize::new(0),
            latency_micros: AtomicU64::new(0),
            failures: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            ill: AtomicBool::new(false),
            back_since: AtomicU64::new(0),
            counts: Counts::default(),
            durations: Durations::default(),
        }
    }

    /// Requests under way.
    pub fn outstanding(&self) -> usize {
        self.outstanding.load(Relaxed)
    }

    /// Whether its health check found it well, or there is none.
    pub fn is_well(&self) -> bool {
        !self.ill.load(Relaxed)
    }

    /// How many connections there are to it, and how many of them rest.
    pub fn connections(&self) -> (usize, usize) {
        let counts = self.connections.iter().chain(&self.switching).filter_map(OnceLock::get).map(Connections::count);
        counts.fold((0, 0), |(all, resting), (more, rest)| (all + more, resting + rest))
    }
}

/// A request that is under way at a server.
#[derive(Debug)]
pub(crate) struct Underway {
    group: Arc<Group>,
    index: usize,
    began: Instant,
}

impl Underway {
    /// The head of the response is there: the server works.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode) {
        let server = &self.group.servers[self.index];
        if server.failures.load(Relaxed) != 0 {
            server.failures.store(0, Relaxed);
        }
        let took = self.group.clock.now().saturating_duration_since(self.began).as_micros() as u64;
        server.durations.add(method_name(method), Outcome::Status(status.as_u16()), Duration::from_micros(took));
        let known = server.latency_micros.load(Relaxed);
        // Two workers may overwrite one another's average: it is one sample less.
        let average = if known == 0 { took } else { known - known / 8 + took / 8 };
        server.latency_micros.store(average.max(1), Relaxed);
    }

    /// No response came, for this reason.
    pub(crate) fn unanswered(&self, method: &Method, because: Kind) {
        let server = &self.group.servers[self.index];
        let took = self.group.clock.now().saturating_duration_since(self.began);
        let because = match because {
            Kind::Timeout => "timeout",
            Kind::Unreachable => "unreachable",
            Kind::Malformed => "malformed",
            Kind::Gone | Kind::Io => "connection_terminated",
            _ => "other",
        };
        server.durations.add(method_name(method), Outcome::Failed(because), took);
    }

    /// Which server of the group has it.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Its response broke off.
    pub(crate) fn broke(&self) {
        self.group.failed(self.index);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.group.servers[self.index].outstanding.fetch_sub(1, Relaxed);
    }
}

/// A number for each thread that sends, from 0.
fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<Option<usize>> = const { Cell::new(None) });
    NUMBER.with(|number| match number.get() {
        Some(known) => known,
        None => {
            let mine = THREADS.fetch_add(1, Relaxed);
            number.set(Some(mine));
            mine
        }
    })
}
