//! The storm on HTTP/2: a peer's brain is the engine in its client's role, and its calls are under way all at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use wirelight_net::{Config, Ending};
use wirelight_proto::{Connection, Event, Incoming, Length, Outgoing, Part, Reason, Role, StreamId, h2};

use super::super::pipe::{Chance, Peer, pipe};
use super::heard::Answer;
use super::service::{ASK, Act, Ask, PIECE_MAX, pattern};
use super::{Named, Outcome, STEPS, Served, Sky, play, seeds, settle};

/// One exchange, as its client sees it.
struct Call {
    ask: Ask,
    method: Method,
    stream: Option<StreamId>,
    unsent: Bytes,
    sent_end: bool,
    status: u16,
    fields: HeaderMap,
    content: Vec<u8>,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Whole,
    Reset,
    Cancelled,
}

/// A peer with a few calls to make.
struct Caller {
    peer: Peer,
    chance: Chance,
    engine: h2::Connection,
    input: Incoming,
    out: Outgoing,
    /// What came and what is to leave, but not yet.
    coming: Vec<u8>,
    leaving: Vec<u8>,
    calls: Vec<Call>,
    /// Content that was received and not yet taken.
    untaken: BTreeMap<StreamId, usize>,
    good: bool,
    slow: bool,
    over: bool,
    /// It has sent bytes in the middle of others, so that its own content may have them.
    garbled: bool,
    stirs: usize,
    sent_bytes: usize,
}

impl Caller {
    fn new(connection: usize, peer: Peer, mut chance: Chance, config: h2::Config, sky: &Sky) -> Self {
        let good = chance.below(3) > 0;
        let slow = chance.below(2) == 0;
        if slow {
            peer.window(Some(0));
        }
        if chance.below(2) == 0 {
            peer.read_max(1 + chance.below(5000));
        }
        let calls = (0..1 + chance.below(20)).map(|number| Call::any(connection, number, &mut chance)).collect();
        Self {
            peer,
            engine: h2::Connection::new(Role::Client, Arc::new(config), sky.clock.now()),
            input: Incoming::new(),
            out: Outgoing::new(),
            coming: Vec::new(),
            leaving: Vec::new(),
            calls,
            untaken: BTreeMap::new(),
            good,
            slow,
            over: false,
            garbled: false,
            stirs: 0,
            sent_bytes: 0,
            chance,
        }
    }

    /// Reads, does something, and writes, each of it in part.
    fn play(&mut self, sky: &Sky, hurried: bool) {
        let now = sky.clock.now();
        self.coming.extend(self.peer.take());
        let some = |chance: &mut Chance, of: usize| if hurried { of } else { chance.below(of + 1) };
        let length = some(&mut self.chance, self.coming.len());
        self.input.extend(&self.coming.drain(..length).collect::<Vec<_>>());
        if self.coming.is_empty() && self.peer.saw_end() && !self.over {
            self.engine.receive_eof();
            self.over = true;
        }
        if self.engine.next_timeout().is_some_and(|at| at <= now) {
            self.engine.handle_timeout(now);
        }
        self.hear(now);
        if !self.over {
            self.call();
            self.send();
            self.take(hurried);
            self.misbehave(hurried);
        }
        self.hear(now);
        self.leaving.extend(self.out.pieces().flatten());
        self.out.clear();
        let length = some(&mut self.chance, self.leaving.len());
        if length > 0 && !self.over {
            self.sent_bytes += length;
            self.peer.send(self.leaving.drain(..length).collect::<Vec<_>>());
            self.stirs += 1;
        }
        if self.slow {
            self.slow = !hurried;
            let bytes = self.chance.below(30_000);
            self.peer.window((!hurried).then_some(bytes));
            self.stirs += 1;
        }
    }

    fn hear(&mut self, now: std::time::Instant) {
        loop {
            match self.engine.poll_event(&mut self.input, now) {
                Ok(Some(event)) => self.note(event),
                Ok(None) => break,
                Err(error) => {
                    assert!(!self.good || self.over, "{error}");
                    self.over = true;
                    break;
                }
            }
        }
        self.engine.poll_transmit(&mut self.out, now);
    }

    fn note(&mut self, event: Event) {
        let of = |stream| move |call: &&mut Call| call.stream == Some(stream);
        match event {
            Event::Received(stream, part) => {
                let Some(call) = self.calls.iter_mut().find(of(stream)) else { panic!("nobody called") };
                match part {
                    Part::Response(parts, _) => (call.status, call.fields) = (parts.status.as_u16(), parts.headers),
                    Part::Content(content) => {
                        call.content.extend_from_slice(&content);
                        *self.untaken.entry(stream).or_default() += content.len();
                    }
                    Part::End(_) if call.fate == Fate::Open => {
                        call.fate = Fate::Whole;
                        if !self.garbled {
                            call.check();
                        }
                    }
                    _ => {}
                }
            }
            Event::Reset(stream, _) => {
                if let Some(call) = self.calls.iter_mut().find(of(stream)).filter(|call| call.fate == Fate::Open) {
                    call.fate = Fate::Reset;
                }
            }
            _ => {}
        }
    }

    /// Begins some of the calls.
    fn call(&mut self) {
        for call in self.calls.iter_mut().filter(|call| call.stream.is_none()) {
            if self.chance.below(3) == 0 {
                continue;
            }
            let Some(stream) = self.engine.open() else { return };
            call.stream = Some(stream);
            let uri: Uri = format!("http://a.test{}", call.ask.path()).parse().unwrap();
            let request = Request::builder().method(call.method.clone()).uri(uri).header(ASK, call.ask.name());
            let (parts, ()) = request.body(()).unwrap().into_parts();
            let length = match self.chance.below(2) {
                _ if call.unsent.is_empty() => Length::Known(0),
                0 => Length::Unknown,
                _ => Length::Known(call.unsent.len() as u64),
            };
            self.engine.send(stream, Part::request(parts, length), &mut self.out).unwrap();
        }
    }

    /// Sends some of the content of the calls.
    fn send(&mut self) {
        for call in &mut self.calls {
            let Some(stream) = call.stream.filter(|_| call.fate == Fate::Open && !call.sent_end) else { continue };
            let length = self.engine.capacity(stream).min(self.chance.below(call.unsent.len() + 1));
            if length > 0 {
                let content = call.unsent.split_to(length);
                self.engine.send(stream, Part::Content(content), &mut self.out).unwrap();
            }
            if call.unsent.is_empty() {
                call.sent_end = true;
                self.engine.send(stream, Part::End(HeaderMap::new()), &mut self.out).unwrap();
            }
        }
    }

    /// Takes some of the content that has come.
    fn take(&mut self, hurried: bool) {
        for (stream, bytes) in &mut self.untaken {
            let length = if hurried { *bytes } else { self.chance.below(*bytes + 1) };
            *bytes -= length;
            self.engine.consume(*stream, length);
        }
    }

    fn misbehave(&mut self, hurried: bool) {
        let unlikely = |chance: &mut Chance| chance.below(60) == 0;
        for call in &mut self.calls {
            let tired = unlikely(&mut self.chance) || hurried && call.ask.act == Act::Never;
            if let Some(stream) = call.stream.filter(|_| call.fate == Fate::Open && tired) {
                call.fate = Fate::Cancelled;
                self.engine.reset(stream, Reason::Cancelled, &mut self.out);
            }
        }
        if !self.good && unlikely(&mut self.chance) {
            self.over = true;
            self.stirs += 1;
            match self.chance.below(3) {
                0 => self.peer.vanish(),
                1 => self.peer.end(),
                _ => {
                    self.garbled = true;
                    self.peer.send(b"\0\0\0\x01\0\0\0\0\0");
                }
            }
        }
    }

    fn is_done(&self) -> bool {
        self.over || self.calls.iter().all(|call| call.fate != Fate::Open)
    }
}

impl Call {
    fn any(connection: usize, number: usize, chance: &mut Chance) -> Self {
        let act = match Act::any(chance) {
            Act::Switch => Act::Whole,
            act => act,
        };
        let method = match act {
            Act::Echo | Act::Mirror | Act::Count | Act::Outlived => Method::POST,
            _ => [Method::GET, Method::HEAD, Method::POST][chance.below(3)].clone(),
        };
        let length = [0, chance.below(100), chance.below(10_000), chance.below(100_000)][chance.below(4)];
        let length = if method == Method::POST { length } else { 0 };
        let content = Bytes::from(pattern(&format!("content of {connection}.{number}"), length));
        let size = [1 + chance.below(100), 1 + chance.below(20_000), 1 + chance.below(200_000)][chance.below(3)];
        let pause = [0, 0, 1 + chance.below(300)][chance.below(3)];
        Self {
            unsent: content.clone(),
            ask: Ask { connection, number, act, size, pause, content },
            method,
            stream: None,
            sent_end: false,
            status: 0,
            fields: HeaderMap::new(),
            content: Vec::new(),
            fate: Fate::Open,
        }
    }

    fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    fn ends_well(&self) -> bool {
        self.ask.act.ends_well() || self.is_head() && self.ask.act != Act::Never
    }

    /// Whether a whole answer is the right one.
    fn check(&self) {
        let (status, content) = self.ask.answer();
        assert!(self.ends_well(), "a broken response looks whole: {:?}", self.ask);
        assert_eq!(self.status, status, "{:?}", self.ask);
        if status != 500 {
            assert_eq!(self.fields[ASK], self.ask.name());
        }
        let content = if self.is_head() { Vec::new() } else { content };
        assert!(self.content == content, "{:?}: {} bytes of {}", self.ask, self.content.len(), content.len());
    }
}

#[test]
fn a_storm_on_http2() {
    for seed in seeds() {
        let _named = Named("HTTP/2", seed);
        let outcome = play(storm, seed);
        if seed % 16 == 0 {
            assert!(outcome == play(storm, seed), "the same seed has the same outcome");
        }
    }
}

async fn storm(seed: u64) -> Outcome {
    let mut chance = Chance(seed);
    let few = |chance: &mut Chance, many: usize| [many, 1 + chance.below(3000)][chance.below(2)];
    let (defaults, narrow) = (Config::default(), h2::Config::default());
    let sky = Sky::new(Config {
        output_bytes_max: few(&mut chance, defaults.output_bytes_max),
        read_bytes: 100 + few(&mut chance, defaults.read_bytes),
        input_bytes_max: few(&mut chance, defaults.input_bytes_max),
        ..defaults
    });
    let mut config = || h2::Config {
        queue_bytes_max: few(&mut chance, narrow.queue_bytes_max),
        transmit_bytes_max: few(&mut chance, narrow.transmit_bytes_max),
        // Less would be a peer that holds its streams up.
        settings_timeout: Duration::from_secs(60),
        stream_window_bytes: 1000 + few(&mut chance, narrow.stream_window_bytes as usize) as u32,
        ..narrow.clone()
    };
    let (ours, mut theirs) = (config(), config());
    // Narrow limits make many frames of little content.
    theirs.budgets.ignored.burst = 1_000_000;
    theirs.queue_bytes_max += 2000;
    theirs.received_pieces_max = 1_000_000;
    let server = Arc::new(ours.clone());
    let (mut callers, mut served) = (Vec::new(), Vec::new());
    for connection in 0..8 {
        let (near, peer) = pipe();
        served.push(sky.serve(
            connection,
            near,
            h2::Connection::new(Role::Server, Arc::clone(&server), sky.clock.now()),
        ));
        callers.push(Caller::new(connection, peer, Chance(seed << 8 | connection as u64), theirs.clone(), &sky));
    }
    let drains_at = [usize::MAX, usize::MAX, chance.below(STEPS / 4)][chance.below(3)];
    let mut ticks = 0;
    for step in 0..STEPS {
        if step == drains_at {
            sky.drain.begin();
            ticks += 1;
        }
        for caller in &mut callers {
            if chance.below(4) > 0 {
                caller.play(&sky, false);
            }
        }
        settle(&served).await;
        for (connection, caller) in callers.iter().enumerate() {
            let per_stream = ours.queue_bytes_max + PIECE_MAX;
            let limit = sky.context.config.output_bytes_max + caller.calls.len() * per_stream;
            let held = sky.world.counts(connection).made.saturating_sub(caller.peer.received_bytes());
            assert!(held <= limit, "connection {connection} holds {held} bytes of content");
        }
        if callers.iter().all(Caller::is_done) && chance.below(20) == 0 {
            break;
        }
        sky.clock.advance(Duration::from_millis([1, 10, 100, 400][chance.below(4)]));
        ticks += 1;
        settle(&served).await;
    }
    ticks += calm(&sky, &mut callers, &served).await;
    let mut answers = Vec::new();
    for (connection, (caller, served)) in callers.into_iter().zip(served).enumerate() {
        served.task.await.expect("a connection never panics");
        check_records(&sky, connection, &caller);
        let counts = sky.world.counts(connection);
        let causes = caller.stirs + counts.stirs + ticks + (counts.made + caller.sent_bytes) / 256;
        let polls = served.polls.load(std::sync::atomic::Ordering::Relaxed);
        assert!(polls <= 3 * causes + 20, "connection {connection}: {polls} polls for {causes} causes");
        let answer = |call: Call| Answer { status: call.status, fields: BTreeMap::new(), content: call.content };
        answers.push(caller.calls.into_iter().map(answer).collect());
    }
    assert_eq!(sky.drain.connections(), 0);
    let records = sky.records.0.lock().unwrap().clone();
    (answers, records)
}

/// After the storm: callers take what they are owed, then fall silent, and time passes until everything has ended.
async fn calm(sky: &Sky, callers: &mut [Caller], served: &[Served]) -> usize {
    let mut ticks = 0;
    for _ in 0..200 {
        for caller in callers.iter_mut() {
            caller.play(sky, true);
        }
        settle(served).await;
        sky.clock.advance(Duration::from_millis(200));
        ticks += 1;
        settle(served).await;
    }
    let drained = sky.drain.has_begun();
    for caller in callers.iter().filter(|caller| caller.good && !drained) {
        for call in &caller.calls {
            let right = match call.fate {
                Fate::Open => false,
                Fate::Whole => call.ends_well(),
                Fate::Reset => !call.ends_well(),
                Fate::Cancelled => true,
            };
            assert!(right, "{:?} {}: {:?}, {} bytes came", call.ask, call.method, call.fate, call.content.len());
        }
    }
    for _ in 0..20 {
        sky.clock.advance(Duration::from_secs(10));
        ticks += 1;
        settle(served).await;
        for caller in callers.iter_mut() {
            caller.play(sky, true);
        }
        settle(served).await;
    }
    for (connection, one) in served.iter().enumerate() {
        if !one.task.is_finished() {
            callers[connection].peer.vanish();
            callers[connection].stirs += 1;
        }
    }
    settle(served).await;
    for (connection, one) in served.iter().enumerate() {
        assert!(one.task.is_finished(), "connection {connection} never ends");
    }
    ticks
}

/// Every exchange that began has one record, and it says what the caller saw.
fn check_records(sky: &Sky, connection: usize, caller: &Caller) {
    let records = sky.records.of(connection);
    let begun = sky.world.counts(connection).begun;
    let mut by_ask = BTreeMap::new();
    for record in &records {
        let Some(ask) = record.ask.clone() else {
            assert!(!caller.good, "every request of a good caller can be read: {record:?} of {records:?}");
            continue;
        };
        assert!(by_ask.insert(ask, record).is_none(), "an exchange has one record");
    }
    assert_eq!(by_ask.len(), begun, "connection {connection}: {records:?}");
    for call in &caller.calls {
        let record = by_ask.get(&call.ask.name());
        if call.fate == Fate::Whole {
            let record = record.expect("what was answered was begun");
            let whole = matches!(record.ending, Ending::Complete | Ending::Refused);
            assert!(whole && record.status == call.status, "{:?}: {record:?}", call.ask);
        }
        if let Some(record) = record
            && !call.ends_well()
        {
            let refused = !caller.good && record.ending == Ending::Refused && record.status == 400;
            let ended = matches!(record.ending, Ending::Broken | Ending::Abandoned);
            assert!(ended || refused, "{:?}: {record:?}, good {}", call.ask, caller.good);
        }
    }
}
