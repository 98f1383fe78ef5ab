//! Many connections at once, with peers, services and a clock that chance directs: whatever happens, nothing is lost,
//! nothing broken looks whole, nobody spins, and everything ends.
//!
//! `WIRELIGHT_STORM_SEED` plays one seed, which a failure names; `WIRELIGHT_STORM_COUNT` plays so many more.

mod heard;
mod multiplexed;
mod player;
mod service;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;
use wirelight_net::{Close, Config, ConnectionInfo, Context, Drain, Ending, Observer, Record};
use wirelight_proto::{Connection, Role, h1};
use wirelight_service::{Clock, Request};

use super::pipe::{Chance, Pipe, pipe};
use player::{Manners, Player};
use service::{ASK, PIECE_MAX, World};

/// The seeds that are always played.
const SEEDS: std::ops::Range<u64> = 0..64;
/// How many steps a storm lasts at the most before its peers are hurried.
const STEPS: usize = 400;

/// The seeds to play.
fn seeds() -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    match (number("WIRELIGHT_STORM_SEED"), number("WIRELIGHT_STORM_COUNT")) {
        (Some(seed), None) => vec![seed],
        (from, Some(count)) => (from.unwrap_or(1000)..).take(count as usize).collect(),
        (None, None) => SEEDS.collect(),
    }
}

/// Names the seed if what it directed has failed.
struct Named(&'static str, u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the {} storm of WIRELIGHT_STORM_SEED={} failed", self.0, self.1);
        }
    }
}

/// Every record, by the connection and its number there.
#[derive(Default)]
struct Records(Mutex<BTreeMap<(u64, u64), Summary>>);

/// What of a record is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Summary {
    ask: Option<String>,
    status: u16,
    ending: Ending,
    sent_bytes: u64,
}

impl Observer for Records {
    fn finished(&self, record: Box<Record>) {
        let ask = record.asked.as_ref().and_then(|asked| asked.fields.get(ASK)).map(|ask| ask.to_str().unwrap().into());
        let (status, ending, sent_bytes) = (record.status.as_u16(), record.ending, record.sent_bytes);
        let summary = Summary { ask, status, ending, sent_bytes };
        let before = self.0.lock().unwrap().insert((record.connection.id, record.number), summary);
        assert_eq!(before, None, "an exchange has one record");
    }
}

impl Records {
    /// The records of one connection, in order.
    fn of(&self, connection: usize) -> Vec<Summary> {
        let records = self.0.lock().unwrap();
        let id = connection as u64;
        let of: Vec<_> = records.range((id, 0)..(id + 1, 0)).collect();
        for (at, ((_, number), _)) in of.iter().enumerate() {
            assert_eq!(*number, at as u64 + 1, "every exchange has a record");
        }
        of.into_iter().map(|(_, summary)| summary.clone()).collect()
    }
}

/// A future that counts how often it is polled.
struct Counted<F>(F, Arc<AtomicUsize>);

impl<F: Future + Unpin> Future for Counted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.0).poll(cx)
    }
}

/// What all connections of a storm share.
struct Sky {
    clock: Clock,
    drain: Drain,
    records: Arc<Records>,
    world: Arc<World>,
    context: Arc<Context>,
}

/// A connection that is being served, from outside.
struct Served {
    task: JoinHandle<Close>,
    polls: Arc<AtomicUsize>,
}

impl Sky {
    fn new(config: Config) -> Self {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let (drain, records) = (Drain::default(), Arc::new(Records::default()));
        let observer: Arc<dyn Observer> = Arc::clone(&records) as _;
        let context = Context { config, clock: clock.clone(), observer: Some(observer), drain: drain.clone() };
        Self { world: World::new(clock.clone()), clock, drain, records, context: Arc::new(context) }
    }

    fn serve(&self, connection: usize, near: Pipe, engine: impl Connection + Unpin + Send + 'static) -> Served {
        let world = Arc::clone(&self.world);
        let service = Arc::new(move |request: Request| service::act(Arc::clone(&world), request));
        let info = ConnectionInfo { id: connection as u64, peer: None, secured: None, local: None };
        let serve = wirelight_net::serve(near, engine, service, Arc::clone(&self.context), info);
        let polls = Arc::new(AtomicUsize::new(0));
        Served { task: tokio::spawn(Counted(serve, Arc::clone(&polls))), polls }
    }
}

/// Lets everybody act until nobody has anything to do.
async fn settle(served: &[Served]) {
    let polls = || served.iter().map(|one| one.polls.load(Ordering::Relaxed)).sum::<usize>();
    let mut quiet = 0;
    let mut before = polls();
    for round in 0.. {
        assert!(round < 100_000, "somebody never comes to rest");
        tokio::task::yield_now().await;
        let now = polls();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        if quiet == 4 {
            return;
        }
    }
}

/// What a storm came to: the same for the same seed.
type Outcome = (Vec<Vec<heard::Answer>>, BTreeMap<(u64, u64), Summary>);

/// Plays a storm in a thread of its own, whose buffers are as new as the last one's were.
fn play<F: Future<Output = Outcome> + 'static>(storm: fn(u64) -> F, seed: u64) -> Outcome {
    let thread = move || tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(storm(seed));
    std::thread::spawn(thread).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[test]
fn a_storm_on_http1() {
    for seed in seeds() {
        let _named = Named("HTTP/1", seed);
        let outcome = play(storm, seed);
        if seed % 8 == 0 {
            assert!(outcome == play(storm, seed), "the same seed has the same outcome");
        }
    }
}

async fn storm(seed: u64) -> Outcome {
    let mut chance = Chance(seed);
    let few = |chance: &mut Chance, many: usize| [many, 1 + chance.below(3000)][chance.below(2)];
    let defaults = (Config::default(), h1::Config::default());
    let sky = Sky::new(Config {
        output_bytes_max: few(&mut chance, defaults.0.output_bytes_max),
        read_bytes: 100 + few(&mut chance, defaults.0.read_bytes),
        input_bytes_max: few(&mut chance, defaults.0.input_bytes_max),
        ..defaults.0
    });
    let content_buffer_bytes = few(&mut chance, defaults.1.content_buffer_bytes);
    let http1 = Arc::new(h1::Config { content_buffer_bytes, ..defaults.1 });
    let mut players = Vec::new();
    let mut served = Vec::new();
    for connection in 0..16 {
        let (near, peer) = pipe();
        let engine = h1::Connection::new(Role::Server, Arc::clone(&http1), sky.clock.now());
        served.push(sky.serve(connection, near, engine));
        players.push(Player::new(connection, peer, Chance(seed << 8 | connection as u64)));
    }
    let drains_at = [usize::MAX, usize::MAX, chance.below(STEPS / 4)][chance.below(3)];
    // As when the whole machine stands still for a while.
    let pauses_at = [usize::MAX, usize::MAX, chance.below(STEPS / 4)][chance.below(3)];
    let mut ticks = 0;
    for step in 0..STEPS {
        if step == pauses_at {
            sky.clock.advance(Duration::from_secs(1 + chance.below(80) as u64));
            ticks += 1;
            players.iter_mut().for_each(|player| player.manners = Manners::Bad);
        }
        if step == drains_at {
            sky.drain.begin();
            ticks += 1;
        }
        if step > drains_at && step - drains_at == 100 {
            sky.drain.cut();
            players.iter_mut().for_each(|player| player.manners = Manners::Bad);
        }
        for player in &mut players {
            if chance.below(4) > 0 {
                player.play();
            }
        }
        settle(&served).await;
        for (connection, player) in players.iter_mut().enumerate() {
            player.listen();
            player.check();
            check_limits(&sky, connection, player);
        }
        if players.iter().all(Player::is_done) && chance.below(20) == 0 {
            break;
        }
        sky.clock.advance(Duration::from_millis([1, 10, 100, 400][chance.below(4)]));
        ticks += 1;
        settle(&served).await;
    }
    let drained = sky.drain.has_begun();
    ticks += calm(&sky, &mut players, &served).await;
    let mut answers = Vec::new();
    for (connection, (mut player, served)) in players.into_iter().zip(served).enumerate() {
        served.task.await.expect("a connection never panics");
        player.check();
        check_records(&sky, connection, &player, drained);
        let counts = sky.world.counts(connection);
        let causes = player.stirs + counts.stirs + ticks + (counts.made + player.sent_bytes) / 256;
        let polls = served.polls.load(Ordering::Relaxed);
        assert!(polls <= 3 * causes + 20, "connection {connection}: {polls} polls for {causes} causes: {player:?}");
        answers.push(player.heard.answers);
    }
    assert_eq!(sky.drain.connections(), 0);
    let records = sky.records.0.lock().unwrap().clone();
    (answers, records)
}

/// After the storm: peers take what they are owed, then fall silent, and time passes until everything has ended.
async fn calm(sky: &Sky, players: &mut [Player], served: &[Served]) -> usize {
    let mut ticks = 0;
    for _ in 0..200 {
        for player in players.iter_mut() {
            player.play();
            player.open_up();
        }
        settle(served).await;
        sky.clock.advance(Duration::from_millis(200));
        ticks += 1;
        settle(served).await;
    }
    for (connection, player) in players.iter_mut().enumerate() {
        player.listen();
        player.check();
        if player.manners == Manners::Good && !sky.drain.has_begun() {
            assert!(player.is_done(), "connection {connection} waits for ever");
            player.check_complete();
        }
    }
    for _ in 0..20 {
        sky.clock.advance(Duration::from_secs(10));
        ticks += 1;
        settle(served).await;
    }
    for player in players.iter_mut() {
        if player.heard.switched || player.asks.iter().any(|(ask, _)| ask.act == service::Act::Never) {
            player.vanish();
        }
    }
    settle(served).await;
    // Behind more than may be read ahead, a peer that has gone away is not seen to be gone.
    if players.iter().any(|player| player.sent_bytes > sky.context.config.input_bytes_max) {
        sky.drain.cut();
        ticks += 1;
        settle(served).await;
    }
    for (connection, one) in served.iter().enumerate() {
        let player = &players[connection];
        assert!(one.task.is_finished(), "connection {connection} never ends: {player:?}");
    }
    players.iter_mut().for_each(Player::listen);
    ticks
}

/// What a connection has made or taken and not passed on stays within its limits.
fn check_limits(sky: &Sky, connection: usize, player: &Player) {
    let config = &sky.context.config;
    let made = sky.world.counts(connection).made;
    let held = made.saturating_sub(player.peer.received_bytes());
    assert!(held <= config.output_bytes_max + PIECE_MAX, "connection {connection} holds {held} bytes of content");
}

/// Every exchange that began has one record, and it says what the peer saw.
fn check_records(sky: &Sky, connection: usize, player: &Player, drained: bool) {
    let records = sky.records.of(connection);
    let begun = sky.world.counts(connection).begun;
    let asked: Vec<_> = records.iter().filter(|record| record.ask.is_some()).collect();
    assert!(records.len() <= asked.len() + 1, "only the last can be of a request that could not be read");
    assert_eq!(asked.len(), begun, "connection {connection}: {records:?}");
    for (at, record) in asked.iter().enumerate() {
        assert_eq!(record.ask, Some(format!("{connection}.{at}")));
    }
    let whole = |record: &&Summary| matches!(record.ending, Ending::Complete | Ending::Refused | Ending::Switched);
    let complete = records.iter().take_while(whole).count();
    assert_eq!(complete, records.iter().filter(whole).count(), "nothing follows what broke: {records:?}");
    // The last may have been whole on the wire before its end was known here.
    let whole_on_the_wire = |at: usize| {
        let (record, answer) = (&records[at], &player.heard.answers[at]);
        record.ending == Ending::Abandoned && record.sent_bytes == answer.content.len() as u64
    };
    let heard = player.heard.answers.len();
    let agrees = complete == heard || complete + 1 == heard && whole_on_the_wire(complete);
    assert!(agrees, "connection {connection}: {records:?}, {player:?}");
    for (record, answer) in records.iter().zip(&player.heard.answers) {
        assert_eq!(record.status, answer.status, "{record:?}");
    }
    for record in &records[complete..] {
        match record.ending {
            Ending::Broken => assert!(record.status == 200 || record.status == 500, "{record:?}"),
            Ending::Abandoned => {
                assert!(player.manners == Manners::Bad || drained, "{record:?}");
                assert!(record.status == 499 || record.status < 300 || record.status >= 400, "{record:?}");
            }
            _ => unreachable!("it is whole"),
        }
    }
}
