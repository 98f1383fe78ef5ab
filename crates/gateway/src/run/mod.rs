//! A plan, running: sites and routes as services, behind a plan that can be swapped under the requests, and sockets
//! that can be handed to another process.

mod admin;
mod around;
pub mod difference;
mod door;
mod entry;
mod handler;
pub mod handover;
mod logs;
pub mod reload;
mod running;
mod trouble;
mod watch;

use std::io;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::runtime::Handle;
use wirelight_net::Observer;
use wirelight_proto::h1;
use wirelight_server::{Address, Config, Server};
use wirelight_service::Clock;

use self::admin::{Desks, Opening};
use self::difference::{Difference, Part, difference};
use self::door::{Door, Opened};
use self::entry::Entry;
use self::handover::Inherited;
use self::reload::{Closing, Reload};
pub use self::running::{Running, Sending};
pub use self::trouble::{Trouble, Unreloadable};
use self::watch::Watch;
use crate::config::plan::{Admin, Listen};
use crate::config::{File, Plan};

/// How many interim responses may wait on one connection.
const INTERIMS_MAX: usize = 64;

/// How a gateway runs, whatever its plan is.
pub struct Settings {
    /// How many threads serve each listener; without a number, one a core.
    pub workers: Option<NonZeroUsize>,
    /// Somebody who watches besides the plan's access log.
    pub observer: Option<Arc<dyn Observer>>,
    /// Where time comes from.
    pub clock: Clock,
    /// Where the plan comes from, for whoever has it read again; nobody can without one.
    pub source: Option<PathBuf>,
    /// How long what a reload closes may take to end by itself.
    pub grace: Duration,
    /// How long a connection that rests may wait for its last exchange once another process has taken over.
    pub rest: Duration,
    /// Sockets that somebody else has opened.
    pub inherited: Inherited,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: None,
            observer: None,
            clock: Clock::system(),
            source: None,
            grace: Duration::from_secs(30),
            rest: Duration::from_secs(2),
            inherited: Inherited::default(),
        }
    }
}

/// A gateway: listeners, and the plan that they serve.
pub struct Gateway {
    core: Arc<Core>,
    /// Health checks, the admin listener and exporters run here.
    _control: tokio::runtime::Runtime,
}

/// What all listeners share.
pub(crate) struct Shared {
    pub(crate) current: ArcSwap<Running>,
    pub(crate) clock: Clock,
}

struct Core {
    shared: Arc<Shared>,
    doors: Mutex<Vec<Door>>,
    desks: Mutex<Desks>,
    watch: Arc<Watch>,
    workers: NonZeroUsize,
    /// Whether some upstream is told to which of our addresses connections are made.
    located: Arc<AtomicBool>,
    source: Option<PathBuf>,
    grace: Duration,
    rest: Duration,
    control: Handle,
    /// Whether the thread of `control` has turned since it was last asked.
    control_turns: AtomicBool,
    began: Instant,
    /// How often the plan was swapped, and how often it could not be.
    reloads: (AtomicU64, AtomicU64),
    /// Held while a plan is swapped: one at a time.
    swapping: Mutex<()>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("doors", &self.core.doors).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens the listeners of a plan and serves them, with so many workers each; without a number, one a core.
    ///
    /// # Errors
    /// If any part of the plan cannot run; then none of it does.
    pub fn start(
        plan: Plan,
        workers: Option<NonZeroUsize>,
        observer: Option<Arc<dyn Observer>>,
        clock: Clock,
    ) -> Result<Self, Trouble> {
        Self::open(plan, Settings { workers, observer, clock, ..Settings::default() })
    }

    /// Opens the listeners of a plan, or takes those that were inherited, and serves them.
    ///
    /// # Errors
    /// If any part of the plan cannot run; then none of it does.
    pub fn open(plan: Plan, settings: Settings) -> Result<Self, Trouble> {
        let Settings { workers, observer, clock, source, grace, rest, mut inherited } = settings;
        let workers = workers.or(thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
        let mut control = tokio::runtime::Builder::new_multi_thread();
        let control = control.worker_threads(1).thread_name("wirelight-control").enable_all().build();
        let control = control.map_err(Trouble::Threads)?;
        let watch = Arc::new(Watch::new(observer));
        let prepared = watch.prepare(None, &plan, control.handle())?;
        let (listeners, admin) = (plan.listeners.clone(), plan.admin.clone());
        let located = Arc::new(AtomicBool::new(plan.announces()));
        let running = Running::build(plan, None, Sending::Really { threads: workers.get() + 1 }, &clock)?;
        let opened = listeners
            .iter()
            .map(|listen| Opened::new(listen, inherited.take(listen.address), workers))
            .collect::<Result<Vec<_>, _>>()?;
        let given =
            inherited.admin.take().filter(|(address, _)| admin.as_ref().is_some_and(|it| it.address == *address));
        let open = |admin: Admin| Opening::new(admin.address, given.map(|(_, socket)| socket));
        let admin = admin.map(open).transpose()?;
        watch.swap(prepared);
        running.watch_health(control.handle());
        let core = Arc::new(Core {
            shared: Arc::new(Shared { current: ArcSwap::from_pointee(running), clock }),
            doors: Mutex::default(),
            desks: Mutex::default(),
            watch,
            workers,
            located,
            source,
            grace,
            rest,
            control: control.handle().clone(),
            control_turns: AtomicBool::new(true),
            began: Instant::now(),
            reloads: (AtomicU64::new(0), AtomicU64::new(0)),
            swapping: Mutex::new(()),
        });
        let gateway = Self { core, _control: control };
        let mut doors = Vec::new();
        for (listen, opened) in listeners.into_iter().zip(opened) {
            doors.push(gateway.core.serve(listen, opened)?);
        }
        *lock(&gateway.core.doors) = doors;
        let mut desks = lock(&gateway.core.desks);
        *desks = Desks::new(Arc::downgrade(&gateway.core), gateway.core.control.clone());
        desks.begin(admin, inherited.control).map_err(Trouble::Threads)?;
        drop(desks);
        Ok(gateway)
    }

    /// Where it listens, in the plan's order.
    pub fn addresses(&self) -> Vec<Address> {
        lock(&self.core.doors).iter().map(|door| door.address.clone()).collect()
    }

    /// Swaps the plan: requests under way finish on the old one, and streams whose route is the same go on. Listeners
    /// that the new plan has too go on without a gap; others are opened, or drained.
    ///
    /// # Errors
    /// If any part of the new plan cannot run; then the old one goes on unchanged.
    pub fn reload(&self, plan: Plan) -> Result<Reload, Trouble> {
        self.core.reload(plan)
    }

    /// Reads the plan again from where it came, and swaps it.
    ///
    /// # Errors
    /// If there is no such place, the plan has faults, or cannot run; then the old one goes on unchanged.
    pub fn read_again(&self) -> Result<Reload, Unreloadable> {
        self.core.read_again(true)
    }

    /// Has log files looked at: those that were moved away are made anew.
    pub fn reopen_logs(&self) {
        self.core.watch.reopen();
    }

    /// Which threads have not answered the nudge that this gave them when it was last called: a thread that serves
    /// answers it between two requests. Every thread is nudged anew.
    pub fn silent_threads(&self) -> Vec<String> {
        let doors = lock(&self.core.doors);
        let of_door = |door: &Door| {
            let name = |number: usize| format!("worker {number} of {}", door.address);
            door.silent().into_iter().map(name).collect::<Vec<_>>()
        };
        let mut silent: Vec<String> = doors.iter().flat_map(of_door).collect();
        if !self.core.control_turns.swap(false, Relaxed) {
            silent.push("the thread for health checks and commands".to_owned());
        }
        let core = Arc::clone(&self.core);
        self.core.control.spawn(async move { core.control_turns.store(true, Relaxed) });
        silent
    }

    /// Sends the listening sockets to another process.
    ///
    /// # Errors
    /// If it does not take them.
    pub fn hand_over(&self, to: &UnixStream) -> io::Result<()> {
        let mut inherited = Inherited::default();
        for door in &*lock(&self.core.doors) {
            inherited.listeners.push((door.plan.address, door.sockets()?));
        }
        lock(&self.core.desks).hand_over(&mut inherited)?;
        inherited.send(to)
    }

    /// Lets nobody in any more, since another process does. No client loses a request by it: each connection ends with
    /// its next exchange, and those that rest after a while.
    pub fn retire(&self) {
        lock(&self.core.desks).leave();
        lock(&self.core.doors).iter_mut().for_each(Door::retire);
        thread::sleep(self.core.rest);
        lock(&self.core.desks).drain_left();
        self.drain();
    }

    /// Makes the file of the socket for commands ours: it is removed in the end. Until then, it is whose it was.
    pub fn own_control(&self) {
        lock(&self.core.desks).own_file(true);
    }

    /// Leaves the file of the socket for commands to a process that may have taken over.
    pub fn leave_control(&self) {
        lock(&self.core.desks).own_file(false);
    }

    /// Requests under way finish; nothing new begins.
    pub fn drain(&self) {
        lock(&self.core.doors).iter_mut().for_each(Door::drain);
    }

    /// Waits until every connection has ended after [`drain`](Self::drain), and everything is logged.
    ///
    /// # Errors
    /// If a worker failed.
    pub fn join(&self) -> io::Result<()> {
        let mut ended = Ok(());
        loop {
            let workers = lock(&self.core.doors).iter_mut().find_map(Door::take_workers);
            match workers {
                Some(workers) => ended = ended.and(workers.join()),
                None => break,
            }
        }
        let asked = lock(&self.core.desks).close();
        self.core.control.block_on(asked);
        self.core.watch.finish();
        ended
    }
}

impl Core {
    /// Reads the plan again; `is_meant` says whether it is also put into use.
    fn read_again(&self, is_meant: bool) -> Result<Reload, Unreloadable> {
        let read = self.source.as_ref().ok_or(Unreloadable::NoSource).and_then(|path| {
            let plan = File::read(path).and_then(|file| Ok(file.plan()?));
            plan.map_err(Unreloadable::Config)
        });
        let reloaded = match (read, is_meant) {
            (Ok(plan), true) => return self.reload(plan).map_err(Unreloadable::Trouble),
            (Ok(plan), false) => Ok(self.consider(&plan)),
            (Err(fault), _) => Err(fault),
        };
        if is_meant {
            self.reloads.1.fetch_add(1, Relaxed);
        }
        reloaded
    }

    /// What a plan would change.
    fn consider(&self, plan: &Plan) -> Reload {
        let current = self.shared.current.load_full();
        let difference = difference(&current.plan, plan);
        self.told(&current, &difference, plan, &lock(&self.doors), false)
    }

    fn reload(&self, plan: Plan) -> Result<Reload, Trouble> {
        let _one_at_a_time = lock(&self.swapping);
        let reloaded = self.swap(plan);
        let counter = if reloaded.is_ok() { &self.reloads.0 } else { &self.reloads.1 };
        counter.fetch_add(1, Relaxed);
        reloaded
    }

    fn swap(&self, plan: Plan) -> Result<Reload, Trouble> {
        let current = self.shared.current.load_full();
        let difference = difference(&current.plan, &plan);
        // Everything that can fail happens first.
        let prepared = self.watch.prepare(Some(&current.plan), &plan, &self.control)?;
        let before = Some((&*current, &difference));
        let sending = Sending::Really { threads: self.workers.get() + 1 };
        let running = Running::build(plan.clone(), before, sending, &self.shared.clock)?;
        let mut desks = lock(&self.desks);
        let admin = desks.prepare(plan.admin.as_ref().map(|admin| admin.address))?;
        let mut doors = lock(&self.doors);
        let mut opened = Vec::new();
        for listen in &plan.listeners {
            opened.push(match doors.iter().find(|door| door.is_for(listen)) {
                Some(door) => door.renew(listen).map(|()| None)?,
                None => {
                    // What becomes secure, or stops to be, keeps its sockets and those who wait there.
                    let given = doors.iter().find(|door| door.is_at(listen)).map_or(Ok(Vec::new()), Door::sockets);
                    let given = given.map_err(|error| Trouble::Listen(listen.address, error))?;
                    Some(Opened::new(listen, given, self.workers)?)
                }
            });
        }
        let told = self.told(&current, &difference, &plan, &doors, true);
        running.watch_health(&self.control);
        self.located.store(plan.announces(), Relaxed);
        self.shared.current.store(Arc::new(running));
        self.watch.swap(prepared);
        let mut late = None;
        let mut old: Vec<Option<Door>> = doors.drain(..).map(Some).collect();
        for (listen, opened) in plan.listeners.iter().zip(opened) {
            let is_it = |door: &&mut Option<Door>| door.as_ref().is_some_and(|door| door.is_for(listen));
            match opened.map(|opened| self.serve(listen.clone(), opened)) {
                Some(Ok(door)) => doors.push(door),
                // The system has no thread left: the rest of the plan is not held up by it.
                Some(Err(trouble)) => late = Some(trouble),
                None => doors.extend(old.iter_mut().find(is_it).and_then(Option::take).map(|mut door| {
                    door.plan = listen.clone();
                    door
                })),
            }
        }
        old.into_iter().flatten().for_each(Door::dismiss);
        if let Err(error) = desks.swap(admin) {
            late = Some(Trouble::Threads(error));
        }
        self.close_streams(&current, &difference);
        late.map_or(Ok(told), Err)
    }

    /// What a difference means for what is under way.
    fn told(&self, current: &Running, difference: &Difference, plan: &Plan, doors: &[Door], is_done: bool) -> Reload {
        let mut closing = Vec::new();
        let mut kept = 0;
        let now = self.shared.clock.now();
        for (place, streams) in current.streams.iter().enumerate() {
            if difference.kept.contains(&Some(place)) {
                kept += streams.list().len();
                continue;
            }
            let counts = &current.counts[place];
            let route = Part::Route(counts.site.clone(), counts.route.clone());
            let is_gone =
                difference.changes.iter().any(|change| change.part == route && change.how == difference::How::Removed);
            closing.extend(streams.list().into_iter().map(|stream| {
                let age = now.saturating_duration_since(stream.began);
                Closing::Stream { stream, age, route: route.clone(), is_gone }
            }));
        }
        for door in doors {
            let count = door.connections();
            if count > 0 && !plan.listeners.iter().any(|listen| door.is_for(listen)) {
                closing.push(Closing::Connections { address: door.address.clone(), count });
            }
        }
        Reload { is_done, changes: difference.changes.clone(), closing, kept, grace: self.grace }
    }

    /// Ends the streams of routes that are not there any more, after a while.
    fn close_streams(&self, old: &Running, difference: &Difference) {
        let gone = old.streams.iter().enumerate().filter(|(place, _)| !difference.kept.contains(&Some(*place)));
        let gone: Vec<_> = gone.map(|(_, streams)| Arc::clone(streams)).collect();
        let (clock, grace) = (self.shared.clock.clone(), self.grace);
        if !gone.is_empty() {
            self.control.spawn(async move {
                clock.sleep(grace).await;
                gone.iter().for_each(|streams| streams.close());
            });
        }
    }

    fn serve(&self, plan: Listen, opened: Opened) -> Result<Door, Trouble> {
        let connection = wirelight_net::Config { interims_max: INTERIMS_MAX, ..wirelight_net::Config::default() };
        let http1 = h1::Config { keeps_spelling: true, ..h1::Config::default() };
        let config = Config { connection, http1, drain_timeout: self.grace, ..Config::default() };
        let observer: Arc<dyn Observer> = self.watch.clone();
        let server = Server::observed(config, self.shared.clock.clone(), Some(observer));
        let service = entry::around(Entry { shared: Arc::clone(&self.shared), listener: plan.address });
        let service = (service, Arc::clone(&self.located));
        Door::serve(plan, opened, self.workers, server, service).map_err(Trouble::Threads)
    }
}

/// Nothing that can panic runs under these locks with what they guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
