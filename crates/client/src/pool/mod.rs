//! Connections at rest, at work and being made, by the place they lead to.
//!
//! Nobody's task watches a connection at rest: whoever would wake its task takes it out of the pool instead, so that
//! a connection that the server closes is gone at once.

pub mod assign;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use wirelight_net::request::{Handle, Home, Requests};
use wirelight_net::{Close, ConnectionInfo, Transport};
use wirelight_proto::h1;
use wirelight_service::Clock;

use crate::route::Route;
use assign::{Assignment, Limits, Resting, State, assign, rest_left};

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
    places: Mutex<HashMap<Arc<Route>, Place>>,
    me: Weak<Pool>,
}

/// The connections that lead to one place.
#[derive(Default)]
struct Place {
    resting: Vec<Rester>,
    shared: Option<Handle>,
    /// How many there are, at rest, at work or being made; a shared one counts as one.
    connections: usize,
    waiting: VecDeque<oneshot::Sender<Grant>>,
    /// A connection was made that carries one exchange at a time, so the next ones will, too.
    is_serial: bool,
    /// Whether a task sees to it that resting ends in time.
    reaped: bool,
}

struct Rester {
    connection: Connection,
    since: Instant,
    seat: Seat,
}

/// What the pool knows of a connection besides the connection.
#[derive(Clone)]
struct Seat {
    id: u64,
    born: Instant,
    /// How long the server keeps it at rest, in seconds; the greatest number where it has not said.
    keep_alive_seconds: Arc<AtomicU32>,
    /// Takes the connection out of the pool when it ends.
    undertaker: Waker,
}

/// What a request is given.
pub(crate) enum Grant {
    /// A connection that rested.
    Rested(Box<Lease>),
    /// One that many share.
    Shared(Handle),
    /// The right to make one.
    Open(Permit),
}

/// A connection at work.
pub(crate) struct Lease {
    pub(crate) connection: Connection,
    pub(crate) home: Arc<Keeper>,
}

/// The right to make one connection; given back when dropped.
pub(crate) struct Permit {
    pool: Arc<Pool>,
    route: Arc<Route>,
    used: bool,
}

/// Takes a connection back when its exchange is over.
pub(crate) struct Keeper {
    pool: Weak<Pool>,
    route: Arc<Route>,
    seat: Seat,
}

/// Is woken when a connection at rest ends, and takes it out of the pool.
struct Undertaker {
    pool: Weak<Pool>,
    route: Arc<Route>,
    id: u64,
}

impl Pool {
    pub(crate) fn new(limits: Limits, clock: Clock, may_share: bool) -> Arc<Self> {
        Arc::new_cyclic(|me| Self { limits, clock, may_share, places: Mutex::default(), me: me.clone() })
    }

    /// No code of others runs under this lock but the polling of a socket.
    fn places(&self) -> MutexGuard<'_, HashMap<Arc<Route>, Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection to a place, or the right to make one; `noted` is told of each step of the decision.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        route: &Arc<Route>,
        fresh: bool,
        mut noted: impl FnMut(Assignment),
    ) -> Result<Grant, Assignment> {
        let waited = loop {
            let (assignment, step) = self.step(route, fresh);
            noted(assignment.clone());
            match step {
                Step::Granted(grant) => return Ok(grant),
                Step::Closed(connection) => drop(connection),
                Step::Refused => return Err(assignment),
                Step::Wait(waited) => break waited,
            }
        };
        match waited.await {
            Ok(grant) => Ok(grant),
            Err(_) => Err(Assignment::Refuse { waiting: 0 }),
        }
    }

    fn step(self: &Arc<Self>, route: &Arc<Route>, fresh: bool) -> (Assignment, Step) {
        let now = self.clock.now();
        let mut places = self.places();
        if !places.contains_key(route) {
            places.insert(Arc::clone(route), Place::default());
        }
        let place = places.get_mut(route).expect("it was just put there");
        if let Some(handle) = place.shared.as_ref().filter(|handle| handle.is_usable()) {
            return (Assignment::Share { exchanges: 0 }, Step::Granted(Grant::Shared(handle.clone())));
        }
        let learning = self.may_share && route.is_secure() && place.connections > 0 && !place.is_serial && !fresh;
        let resting = place.resting.last().filter(|_| !fresh).map(|rester| rester.facts(now));
        let state = State { resting, connections: place.connections, waiting: place.waiting.len(), learning };
        let assignment = assign(state, &self.limits);
        let step = match assignment {
            Assignment::Reuse(_) => {
                let rester = place.resting.pop().expect("it was just looked at");
                let home = Arc::new(Keeper { pool: self.me.clone(), route: Arc::clone(route), seat: rester.seat });
                Step::Granted(Grant::Rested(Box::new(Lease { connection: rester.connection, home })))
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
    fn freed(self: &Arc<Self>, route: &Arc<Route>) {
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
        if place.connections == 0 {
            places.remove(route);
        }
    }

    /// Connections to a place carry one exchange at a time: those who waited to know that may make their own.
    fn learned(self: &Arc<Self>, route: &Arc<Route>) {
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
    fn rest(self: &Arc<Self>, route: &Arc<Route>, seat: Seat, mut connection: Connection) {
        let mut places = self.places();
        let Some(place) = places.get_mut(route) else { return };
        while let Some(waiter) = place.waiting.pop_front() {
            if waiter.is_closed() {
                continue;
            }
            let home = Arc::new(Keeper { pool: self.me.clone(), route: Arc::clone(route), seat });
            drop(places);
            // If whoever waited is gone by now, the lease is dropped, which closes the connection and frees its place.
            if let Err(Grant::Rested(lease)) = waiter.send(Grant::Rested(Box::new(Lease { connection, home }))) {
                lease.give_up();
            }
            return;
        }
        if has_ended(&mut connection, &seat.undertaker) {
            drop(places);
            drop(connection);
            return self.freed(route);
        }
        place.resting.push(Rester { connection, since: self.clock.now(), seat });
        let reap = !std::mem::replace(&mut place.reaped, true);
        drop(places);
        if reap {
            self.reap(route);
        }
    }

    /// Sees to it that connections to a place do not rest too long.
    fn reap(self: &Arc<Self>, route: &Arc<Route>) {
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
    fn reap_now(self: &Arc<Self>, route: &Arc<Route>) -> Option<Duration> {
        let now = self.clock.now();
        let mut places = self.places();
        let place = places.get_mut(route)?;
        let stale: Vec<Rester> =
            place.resting.extract_if(.., |rester| assign::stale(&rester.facts(now), &self.limits).is_some()).collect();
        let left = place.resting.iter().map(|rester| rest_left(&rester.facts(now), &self.limits)).min();
        place.reaped = left.is_some();
        drop(places);
        for rester in stale {
            drop(rester);
            self.freed(route);
        }
        left
    }

    /// How many connections there are, and how many of them rest.
    pub(crate) fn count(&self) -> (usize, usize) {
        let places = self.places();
        places.values().fold((0, 0), |(all, resting), place| (all + place.connections, resting + place.resting.len()))
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

impl Seat {
    fn keep_alive(&self) -> Option<Duration> {
        let seconds = self.keep_alive_seconds.load(Ordering::Relaxed);
        (seconds != u32::MAX).then(|| Duration::from_secs(seconds.into()))
    }
}

impl Rester {
    fn facts(&self, now: Instant) -> Resting {
        Resting {
            rested: now.saturating_duration_since(self.since),
            age: now.saturating_duration_since(self.seat.born),
            keep_alive: self.seat.keep_alive(),
            exchanges: self.connection.exchanges(),
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
        let seat = Seat {
            id,
            born: self.pool.clock.now(),
            keep_alive_seconds: Arc::new(AtomicU32::new(u32::MAX)),
            undertaker: Waker::from(Arc::new(undertaker)),
        };
        let home = Keeper { pool: self.pool.me.clone(), route: Arc::clone(&self.route), seat };
        self.pool.learned(&self.route);
        Lease { connection, home: Arc::new(home) }
    }

    /// A connection was made that many exchanges share; the permit is kept until it is over.
    pub(crate) fn shared(&self, handle: &Handle) {
        let mut places = self.pool.places();
        let Some(place) = places.get_mut(&self.route) else { return };
        place.shared = Some(handle.clone());
        let waiting = std::mem::take(&mut place.waiting);
        drop(places);
        for waiter in waiting {
            // Whoever waited may be gone; a handle costs nothing.
            let _ = waiter.send(Grant::Shared(handle.clone()));
        }
    }

    /// The shared connection is over.
    pub(crate) fn unshare(self, id: u64) {
        let mut places = self.pool.places();
        if let Some(place) = places.get_mut(&self.route)
            && place.shared.as_ref().is_some_and(|handle| handle.info().id == id)
        {
            place.shared = None;
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

impl Keeper {
    /// Notes how long the server keeps a resting connection.
    pub(crate) fn announce(&self, seconds: u32) {
        self.seat.keep_alive_seconds.store(seconds, Ordering::Relaxed);
    }
}

impl Home<Carrier, h1::Connection> for Keeper {
    fn take_back(&self, connection: Connection) {
        if let Some(pool) = self.pool.upgrade() {
            pool.rest(&self.route, self.seat.clone(), connection);
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
        let Some(index) = place.resting.iter().position(|rester| rester.seat.id == self.id) else { return };
        let undertaker = place.resting[index].seat.undertaker.clone();
        if has_ended(&mut place.resting[index].connection, &undertaker) {
            let rester = place.resting.remove(index);
            drop(places);
            drop(rester);
            pool.freed(&self.route);
        }
    }
}
