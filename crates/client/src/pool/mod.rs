//! Connections at rest, at work and being made, by the place they lead to.
//!
//! Nobody's task watches a connection at rest: whoever would wake its task takes it out of the pool instead, so that
//! a connection that the server closes is gone at once.

pub mod assign;
pub(crate) mod key;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::hash::{BuildHasherDefault, RandomState};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wirelight_net::request::{Handle, Home, Requests};
use wirelight_net::{Close, ConnectionInfo, Transport};
use wirelight_proto::h1;
use wirelight_service::{Clock, Peer};

use crate::resolve::Answer;
use crate::route::Route;
use assign::{Assignment, Limits, Resting, State, assign, rest_left};
use key::{Hashed, Key};

/// What carries a connection, whatever it is.
pub(crate) type Carrier = Box<dyn Transport>;
/// A connection of HTTP/1 at rest.
pub(crate) type Connection = Box<Requests<Carrier, h1::Connection>>;

/// All connections of a client.
pub(crate) struct Pool {
    limits: Limits,
    clock: Clock,
    /// Whether a connection over TLS may turn out to carry many exchanges at once.
    may_share: bool,
    places: Mutex<Places>,
    /// What hashes routes, once each.
    state: RandomState,
    me: Weak<Pool>,
}

type Places = HashMap<Arc<Key>, Place, BuildHasherDefault<Hashed>>;

/// The connections that lead to one place.
#[derive(Default)]
struct Place {
    resting: Vec<Rester>,
    shared: Option<Common>,
    /// Shared connections that take no more requests, and no longer count.
    retired: Vec<u64>,
    addresses: Addresses,
    /// How many there are, at rest, at work or being made; a shared one counts as one.
    connections: usize,
    waiting: VecDeque<oneshot::Sender<Grant>>,
    /// A connection was made that carries one exchange at a time, so the next ones will, too.
    is_serial: bool,
    /// Whether a task sees to it that resting ends in time.
    reaped: bool,
}

/// A connection that many exchanges share.
struct Common {
    handle: Handle,
    born: Instant,
    exchanges: u64,
}

/// What the name of a place stands for.
#[derive(Default)]
struct Addresses {
    known: Vec<SocketAddr>,
    /// When the name is asked for again; `None` if that would change nothing.
    valid_until: Option<Instant>,
    asking: bool,
}

struct Rester {
    connection: Connection,
    since: Instant,
    home: Arc<Keeper>,
}

/// What a request is given.
pub(crate) enum Grant {
    /// A connection that rested.
    Rested(Lease),
    /// One that many share.
    Shared(Handle),
    /// The right to make one.
    Open(Permit),
}

/// A grant, and whether the name of the place is to be asked for again by whoever got it.
pub(crate) struct Granted {
    pub(crate) grant: Grant,
    pub(crate) is_due: bool,
}

/// A connection at work.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) home: Arc<Keeper>,
}

/// The right to make one connection; given back when dropped.
pub(crate) struct Permit {
    pool: Arc<Pool>,
    route: Arc<Key>,
    used: bool,
}

/// What the pool knows of a connection besides the connection; takes it back when its exchange is over.
pub(crate) struct Keeper {
    pool: Weak<Pool>,
    route: Arc<Key>,
    id: u64,
    born: Instant,
    /// How long the server keeps it at rest, in seconds; the greatest number where it has not said.
    keep_alive_seconds: AtomicU32,
    /// Takes the connection out of the pool when it ends.
    undertaker: Waker,
}

/// Is woken when a connection at rest ends, and takes it out of the pool.
struct Undertaker {
    pool: Weak<Pool>,
    route: Arc<Key>,
    id: u64,
}

impl Pool {
    pub(crate) fn new(limits: Limits, clock: Clock, may_share: bool) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            limits,
            clock,
            may_share,
            places: Mutex::default(),
            state: RandomState::new(),
            me: me.clone(),
        })
    }

    /// What the connections of a route are found by.
    pub(crate) fn key(&self, route: Route) -> Arc<Key> {
        Arc::new(Key::new(route, &self.state))
    }

    /// No code of others runs under this lock but the polling of a socket.
    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to a place, or the right to make one; `noted` is told of each step of the decision.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        route: &Arc<Key>,
        fresh: bool,
        mut noted: impl FnMut(Assignment),
    ) -> Result<Granted, Assignment> {
        let mut is_due = false;
        let waited = loop {
            let (assignment, step) = self.step(route, fresh, &mut is_due);
            noted(assignment.clone());
            match step {
                Step::Granted(grant) => return Ok(Granted { grant, is_due }),
                Step::Closed(connection) => drop(connection),
                Step::Refused => return Err(assignment),
                Step::Wait(waited) => break waited,
            }
        };
        match waited.await {
            Ok(grant) => Ok(Granted { grant, is_due }),
            Err(_) => Err(Assignment::Refuse { waiting: 0 }),
        }
    }

    fn step(self: &Arc<Self>, route: &Arc<Key>, fresh: bool, is_due: &mut bool) -> (Assignment, Step) {
        let now = self.clock.now();
        let mut places = self.places();
        let place = places.entry(Arc::clone(route)).or_default();
        *is_due |= place.addresses.is_due(now);
        place.retire(now, &self.limits);
        if let Some(common) = place.shared.as_mut().filter(|common| common.handle.is_usable()) {
            let assignment = Assignment::Share { exchanges: common.exchanges };
            common.exchanges += 1;
            return (assignment, Step::Granted(Grant::Shared(common.handle.clone())));
        }
        let learning = self.may_share && route.is_secure() && place.connections > 0 && !place.is_serial && !fresh;
        let resting = place.resting.last().filter(|_| !fresh).map(|rester| rester.facts(now, &place.addresses));
        let state = State { resting, connections: place.connections, waiting: place.waiting.len(), learning };
        let assignment = assign(state, &self.limits);
        let step = match assignment {
            Assignment::Reuse(_) => {
                let Rester { connection, home, .. } = place.resting.pop().expect("it was just looked at");
                Step::Granted(Grant::Rested(Lease { connection, home }))
            }
            Assignment::Close(..) => {
                let rester = place.resting.pop().expect("it was just looked at");
                place.connections -= 1;
                Step::Closed(rester.connection)
            }
            Assignment::Open { .. } => {
                place.connections += 1;
                Step::Granted(Grant::Open(Permit { pool: Arc::clone(self), route: Arc::clone(route), used: false }))
            }
            Assignment::Wait { .. } | Assignment::Learn { .. } => {
                let (sender, waited) = oneshot::channel();
                place.waiting.push_back(sender);
                Step::Wait(waited)
            }
            Assignment::Refuse { .. } | Assignment::Share { .. } => Step::Refused,
        };
        (assignment, step)
    }

    /// A place in the count became free: the first who waits may make a connection.
    fn freed(self: &Arc<Self>, route: &Arc<Key>) {
        let mut places = self.places();
        let Some(place) = places.get_mut(route) else { return };
        place.connections -= 1;
        while let Some(waiter) = place.waiting.pop_front() {
            if waiter.is_closed() {
                continue;
            }
            place.connections += 1;
            let permit = Permit { pool: Arc::clone(self), route: Arc::clone(route), used: false };
            drop(places);
            // If whoever waited is gone by now, the permit is dropped, and the next one is asked.
            let _ = waiter.send(Grant::Open(permit));
            return;
        }
        if place.is_empty() {
            places.remove(route);
        }
    }

    /// Connections to a place carry one exchange at a time: those who waited to know that may make their own.
    fn learned(self: &Arc<Self>, route: &Arc<Key>) {
        let mut places = self.places();
        let Some(place) = places.get_mut(route) else { return };
        if !self.may_share || std::mem::replace(&mut place.is_serial, true) {
            return;
        }
        let mut permitted = Vec::new();
        while place.connections < self.limits.connections_max
            && let Some(waiter) = place.waiting.pop_front()
        {
            if !waiter.is_closed() {
                place.connections += 1;
                permitted.push(waiter);
            }
        }
        drop(places);
        for waiter in permitted {
            let permit = Permit { pool: Arc::clone(self), route: Arc::clone(route), used: false };
            // If whoever waited is gone by now, the permit is dropped, and the next one is asked.
            let _ = waiter.send(Grant::Open(permit));
        }
    }

    /// A connection came to rest: the first who waits gets it.
    fn rest(self: &Arc<Self>, home: Arc<Keeper>, mut connection: Connection) {
        let mut places = self.places();
        let Some(place) = places.get_mut(&home.route) else { return };
        while let Some(waiter) = place.waiting.pop_front() {
            if waiter.is_closed() {
                continue;
            }
            drop(places);
            // If whoever waited is gone by now, the lease is dropped, which closes the connection and frees its place.
            if let Err(Grant::Rested(lease)) = waiter.send(Grant::Rested(Lease { connection, home })) {
                lease.give_up();
            }
            return;
        }
        if has_ended(&mut connection, &home.undertaker) {
            drop(places);
            drop(connection);
            return self.freed(&home.route);
        }
        let unreaped = (!std::mem::replace(&mut place.reaped, true)).then(|| Arc::clone(&home.route));
        place.resting.push(Rester { connection, since: self.clock.now(), home });
        drop(places);
        if let Some(route) = unreaped {
            self.reap(&route);
        }
    }

    /// Sees to it that connections to a place do not rest too long.
    fn reap(self: &Arc<Self>, route: &Arc<Key>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (pool, route, clock) = (self.me.clone(), Arc::clone(route), self.clock.clone());
        runtime.spawn(async move {
            loop {
                let Some(strong) = pool.upgrade() else { return };
                let Some(left) = strong.reap_now(&route) else { return };
                drop(strong);
                clock.sleep(left.max(Duration::from_millis(10))).await;
            }
        });
    }

    /// Closes what has rested too long, and says when to look again; `None` when nothing rests.
    fn reap_now(self: &Arc<Self>, route: &Arc<Key>) -> Option<Duration> {
        let now = self.clock.now();
        let mut places = self.places();
        let place = places.get_mut(route)?;
        let stale = place.take_stale(now, &self.limits);
        let facts = place.resting.iter().map(|rester| rester.facts(now, &place.addresses));
        let left = facts.map(|facts| rest_left(&facts, &self.limits)).min();
        place.reaped = left.is_some();
        drop(places);
        for rester in stale {
            drop(rester);
            self.freed(route);
        }
        left
    }

    /// Notes what the name of a place stands for, and retires connections that lead elsewhere; without an answer, what
    /// was known goes on for a while.
    pub(crate) fn addressed(self: &Arc<Self>, route: &Arc<Key>, answer: Option<&Answer>) {
        let now = self.clock.now();
        let mut places = self.places();
        let Some(place) = places.get_mut(route) else { return };
        place.addresses.asking = false;
        match answer {
            Some(answer) => {
                place.addresses.known.clone_from(&answer.addresses);
                place.addresses.valid_until = answer.valid_until;
            }
            None => place.addresses.valid_until = Some(now + self.limits.resolve_again),
        }
        place.retire(now, &self.limits);
        let stale = place.take_stale(now, &self.limits);
        drop(places);
        for rester in stale {
            drop(rester);
            self.freed(route);
        }
    }

    /// How many connections there are, and how many of them rest.
    pub(crate) fn count(&self) -> (usize, usize) {
        let places = self.places();
        places.values().fold((0, 0), |(all, resting), place| (all + place.connections, resting + place.resting.len()))
    }
}

impl Place {
    fn is_empty(&self) -> bool {
        self.connections == 0 && self.retired.is_empty()
    }

    /// Takes out the resting connections that are not to be used again.
    fn take_stale(&mut self, now: Instant, limits: &Limits) -> Vec<Rester> {
        let Self { resting, addresses, .. } = self;
        resting.extract_if(.., |rester| assign::stale(&rester.facts(now, addresses), limits).is_some()).collect()
    }

    /// Gives no more requests to a shared connection that is too old or leads elsewhere; it ends with its last exchange.
    fn retire(&mut self, now: Instant, limits: &Limits) {
        let is_over = |common: &mut Common| {
            let vanished = self.addresses.vanished(&common.handle.info().peer).is_some();
            vanished || now.saturating_duration_since(common.born) >= limits.age_max
        };
        if let Some(common) = self.shared.take_if(is_over) {
            self.retired.push(common.handle.info().id);
            self.connections -= 1;
        }
    }
}

impl Addresses {
    /// The address of a connection that leads to none of those that the name stands for.
    fn vanished(&self, peer: &Option<Peer>) -> Option<SocketAddr> {
        let Some(Peer::Internet(address)) = peer else { return None };
        let leads_there = self.known.is_empty() || self.known.iter().any(|known| known.ip() == address.ip());
        (!leads_there).then_some(*address)
    }

    /// Whether it is time to ask again, and nobody does yet.
    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = !self.asking && self.valid_until.is_some_and(|until| until <= now);
        self.asking |= is_due;
        is_due
    }
}

/// Whether a connection at rest is over; if not, the waker is told when it is.
///
/// The runtime must not wake the waker from in here, as it does to be fair to other tasks, since the waker takes the
/// lock that is held.
fn has_ended(connection: &mut Connection, waker: &Waker) -> bool {
    let polling = pin!(tokio::task::unconstrained(poll_fn(|cx| connection.poll_idle(cx))));
    polling.poll(&mut Context::from_waker(waker)).is_ready()
}

enum Step {
    Granted(Grant),
    Closed(Connection),
    Wait(oneshot::Receiver<Grant>),
    Refused,
}

impl Keeper {
    fn keep_alive(&self) -> Option<Duration> {
        let seconds = self.keep_alive_seconds.load(Ordering::Relaxed);
        (seconds != u32::MAX).then(|| Duration::from_secs(seconds.into()))
    }

    /// Notes how long the server keeps a resting connection.
    pub(crate) fn announce(&self, seconds: u32) {
        self.keep_alive_seconds.store(seconds, Ordering::Relaxed);
    }
}

impl Rester {
    fn facts(&self, now: Instant, addresses: &Addresses) -> Resting {
        Resting {
            rested: now.saturating_duration_since(self.since),
            age: now.saturating_duration_since(self.home.born),
            keep_alive: self.home.keep_alive(),
            exchanges: self.connection.exchanges(),
            vanished: addresses.vanished(&self.connection.info().peer),
        }
    }
}

impl Lease {
    /// Closes the connection without using it.
    fn give_up(self) {
        drop(self.connection);
        if let Some(pool) = self.home.pool.upgrade() {
            pool.freed(&self.home.route);
        }
    }
}

impl Permit {
    /// A connection was made.
    pub(crate) fn made(mut self, connection: Connection) -> Lease {
        self.used = true;
        let id = connection.info().id;
        let undertaker = Undertaker { pool: self.pool.me.clone(), route: Arc::clone(&self.route), id };
        let home = Keeper {
            pool: self.pool.me.clone(),
            route: Arc::clone(&self.route),
            id,
            born: self.pool.clock.now(),
            keep_alive_seconds: AtomicU32::new(u32::MAX),
            undertaker: Waker::from(Arc::new(undertaker)),
        };
        self.pool.learned(&self.route);
        Lease { connection, home: Arc::new(home) }
    }

    /// A connection was made that many exchanges share; the permit is kept until it is over.
    pub(crate) fn shared(&self, handle: &Handle) {
        let mut places = self.pool.places();
        let Some(place) = places.get_mut(&self.route) else { return };
        let waiting = std::mem::take(&mut place.waiting);
        let exchanges = 1 + waiting.len() as u64;
        place.shared = Some(Common { handle: handle.clone(), born: self.pool.clock.now(), exchanges });
        drop(places);
        for waiter in waiting {
            // Whoever waited may be gone; a handle costs nothing.
            let _ = waiter.send(Grant::Shared(handle.clone()));
        }
    }

    /// The shared connection is over.
    pub(crate) fn unshare(mut self, id: u64) {
        let pool = Arc::clone(&self.pool);
        let mut places = pool.places();
        let Some(place) = places.get_mut(&self.route) else { return };
        if place.shared.take_if(|common| common.handle.info().id == id).is_some() {
            return;
        }
        // What was retired no longer counts, so that nothing is given back.
        let retired = place.retired.len();
        place.retired.retain(|other| *other != id);
        self.used = place.retired.len() < retired;
        if self.used && place.is_empty() {
            places.remove(&self.route);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.used {
            self.pool.freed(&self.route);
        }
    }
}

impl Home<Carrier, h1::Connection> for Keeper {
    fn take_back(self: Arc<Self>, connection: Connection) {
        if let Some(pool) = self.pool.upgrade() {
            pool.rest(self, connection);
        }
    }

    fn closed(&self, _: &Arc<ConnectionInfo>, _: &Close) {
        if let Some(pool) = self.pool.upgrade() {
            pool.freed(&self.route);
        }
    }
}

impl Wake for Undertaker {
    fn wake(self: Arc<Self>) {
        let Some(pool) = self.pool.upgrade() else { return };
        let mut places = pool.places();
        let Some(place) = places.get_mut(&self.route) else { return };
        let Some(index) = place.resting.iter().position(|rester| rester.home.id == self.id) else { return };
        let Rester { connection, home, .. } = &mut place.resting[index];
        if has_ended(connection, &home.undertaker) {
            let rester = place.resting.remove(index);
            drop(places);
            drop(rester);
            pool.freed(&self.route);
        }
    }
}
