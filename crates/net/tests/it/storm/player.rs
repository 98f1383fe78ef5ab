//! Peers on HTTP/1: each plays a script that was made up beforehand, and remembers what it heard.

use std::collections::VecDeque;

use bytes::Bytes;

use super::super::pipe::{Chance, Peer};
use super::heard::{Ended, Heard};
use super::service::{ASK, Act, Ask, End, pattern};

/// What a peer does when it is its turn.
#[derive(Debug)]
enum Move {
    Send(Vec<u8>),
    Wait,
    /// Waits until so many answers are whole.
    Await(usize),
    /// Waits to be told to send the content of the request with this number: so many turns, or as long as it takes.
    AwaitContinue(usize, Option<usize>),
    /// Waits until it has heard again what it said under the other protocol.
    AwaitTunnel(Vec<u8>),
    StopSending,
    Vanish,
}

/// How a peer behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manners {
    /// It does nothing that a server may not expect of a slow client.
    Good,
    /// It sends something broken, stops in the middle, goes away, or reads nothing.
    Bad,
}

pub(super) struct Player {
    pub(super) peer: Peer,
    pub(super) manners: Manners,
    pub(super) asks: Vec<(Ask, bool)>,
    pub(super) heard: Heard,
    pub(super) sent_bytes: usize,
    /// How often it did something that may have woken its connection.
    pub(super) stirs: usize,
    /// How many answers were found right.
    checked: usize,
    moves: VecDeque<Move>,
    chance: Chance,
    /// Whether it takes only a little at a time.
    slow: bool,
    reads: bool,
}

/// What breaks a connection.
const BROKEN: [&str; 8] = [
    "GET / HTTP/1.1\r\n\r\n",
    "GET /\r\n\r\n",
    "\0\0\0\0",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "POST /Echo/1/0 HTTP/1.1\r\nHost: x\r\nX-Ask: ASK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxzz\r\n",
    "GET / HTTP/3.0\r\nHost: x\r\n\r\n",
];

impl Player {
    pub(super) fn new(connection: usize, peer: Peer, mut chance: Chance) -> Self {
        let manners = if chance.below(3) == 0 { Manners::Bad } else { Manners::Good };
        if chance.below(2) == 0 {
            peer.read_max(1 + chance.below(5000));
        }
        let slow = chance.below(2) == 0;
        if slow {
            peer.window(Some(0));
        }
        let mut player = Self {
            peer,
            manners,
            asks: Vec::new(),
            heard: Heard::default(),
            sent_bytes: 0,
            stirs: 0,
            checked: 0,
            moves: VecDeque::new(),
            slow,
            reads: manners == Manners::Good || chance.below(3) > 0,
            chance,
        };
        player.write(connection);
        player
    }

    /// Makes the script up.
    fn write(&mut self, connection: usize) {
        let pipelines = self.chance.below(2) == 0;
        for number in 0..1 + self.chance.below(8) {
            if self.manners == Manners::Bad && self.chance.below(5) == 0 {
                return self.misbehave(connection);
            }
            let mut act = Act::any(&mut self.chance);
            if act == Act::Never && self.manners == Manners::Good {
                act = Act::Whole;
            }
            if self.request(connection, number, act) {
                return;
            }
            if !pipelines {
                self.moves.push_back(Move::Await(number + 1));
            }
        }
        if self.manners == Manners::Bad {
            self.misbehave(connection);
        } else if self.chance.below(2) == 0 {
            self.moves.push_back(Move::Await(self.asks.len()));
            self.moves.push_back(Move::StopSending);
        }
    }

    fn misbehave(&mut self, connection: usize) {
        match self.chance.below(4) {
            0 => {
                let broken = BROKEN[self.chance.below(BROKEN.len())];
                self.send(broken.replace("ASK", &format!("{connection}.{}", self.asks.len())).into_bytes());
            }
            1 => self.moves.push_back(Move::StopSending),
            2 => self.moves.push_back(Move::Vanish),
            _ => {
                // It stops in the middle of what it had to send, in one of three ways.
                let keep = self.chance.below(self.moves.len().max(1));
                self.moves.truncate(keep);
                match self.chance.below(3) {
                    0 => self.moves.push_back(Move::StopSending),
                    1 => self.moves.push_back(Move::Vanish),
                    _ => {}
                }
            }
        }
    }

    /// Adds a request; true if nothing can follow it.
    fn request(&mut self, connection: usize, number: usize, act: Act) -> bool {
        let chance = &mut self.chance;
        let old = chance.below(8) == 0 && act != Act::Switch;
        let method = match act {
            Act::Echo | Act::Mirror | Act::Count | Act::Outlived => "POST",
            Act::Switch => "GET",
            _ => ["GET", "GET", "HEAD", "POST"][chance.below(4)],
        };
        let content = match method {
            "POST" => {
                let length = [0, chance.below(100), chance.below(10_000), chance.below(100_000)][chance.below(4)];
                Bytes::from(pattern(&format!("content of {connection}.{number}"), length))
            }
            _ => Bytes::new(),
        };
        let size = [1 + chance.below(100), 1 + chance.below(20_000), 1 + chance.below(200_000)][chance.below(3)];
        let pause = [0, 0, 1 + chance.below(300)][chance.below(3)];
        let ask = Ask { connection, number, act, size, pause, content };
        let is_head = method == "HEAD";
        let chunked = method == "POST" && !old && chance.below(2) == 0;
        let expects = method == "POST" && !old && !ask.content.is_empty() && chance.below(3) == 0;
        let last = chance.below(8) == 0 || act == Act::Switch || old && chance.below(2) == 0;
        let version = if old { "1.0" } else { "1.1" };
        let mut head = format!("{method} {} HTTP/{version}\r\nHost: x\r\n{ASK}: {}\r\n", ask.path(), ask.name());
        if act == Act::Switch {
            head += "Connection: upgrade\r\nUpgrade: echo\r\n";
        } else if last && !old {
            head += "Connection: close\r\n";
        } else if old && !last {
            head += "Connection: keep-alive\r\n";
        }
        if expects {
            head += "Expect: 100-continue\r\n";
        }
        match chunked {
            true => head += "Transfer-Encoding: chunked\r\n",
            false if method == "POST" => head += &format!("Content-Length: {}\r\n", ask.content.len()),
            false => {}
        }
        head += "\r\n";
        let content = if chunked { in_chunks(&ask.content, chance) } else { ask.content.to_vec() };
        self.asks.push((ask, is_head));
        match expects {
            true => {
                self.send(head.into_bytes());
                let patience = (self.chance.below(2) == 0).then(|| 1 + self.chance.below(5));
                self.moves.push_back(Move::AwaitContinue(number, patience));
                self.send(content);
            }
            false => self.send([head.into_bytes(), content].concat()),
        }
        if act == Act::Switch {
            self.moves.push_back(Move::Await(self.asks.len()));
            let said = pattern("tunnel", 1 + self.chance.below(3000));
            self.send(said.clone());
            self.moves.push_back(Move::AwaitTunnel(said));
            self.moves.push_back(Move::StopSending);
        }
        last
    }

    /// Sends bytes in a few pieces, with pauses between them.
    fn send(&mut self, mut bytes: Vec<u8>) {
        for _ in 0..self.chance.below(5) {
            let length = self.chance.below(bytes.len() + 1);
            let rest = bytes.split_off(length);
            self.moves.push_back(Move::Send(std::mem::replace(&mut bytes, rest)));
            for _ in 0..self.chance.below(3) {
                self.moves.push_back(Move::Wait);
            }
        }
        self.moves.push_back(Move::Send(bytes));
    }

    /// Does what is next.
    pub(super) fn play(&mut self) {
        self.listen();
        self.read();
        let ended = self.ended();
        let done = match self.moves.front_mut() {
            None => return,
            Some(Move::Send(bytes)) => {
                self.sent_bytes += bytes.len();
                self.peer.send(std::mem::take(bytes));
                self.stirs += 1;
                true
            }
            Some(Move::Wait) => true,
            Some(Move::Await(answers)) => self.heard.answers.len() >= *answers || ended != Ended::Not,
            Some(Move::AwaitContinue(number, patience)) => {
                let refused = self.heard.answers.len() > *number && self.heard.continues == 0;
                if ended != Ended::Not || refused && patience.is_none() {
                    // Nobody wants the content, and nothing can follow on this connection.
                    self.moves.clear();
                    return;
                }
                let tired = patience.as_mut().is_some_and(|patience| {
                    *patience -= 1;
                    *patience == 0
                });
                tired || std::mem::take(&mut self.heard.continues) > 0
            }
            Some(Move::AwaitTunnel(said)) => {
                let heard = if self.heard.switched { self.heard.rest() } else { b"" };
                assert!(said.starts_with(heard) || heard.starts_with(said), "what was said is heard again");
                heard.len() >= said.len() || ended != Ended::Not
            }
            Some(Move::StopSending) => {
                self.peer.end();
                self.stirs += 1;
                true
            }
            Some(Move::Vanish) => {
                self.vanish();
                true
            }
        };
        if done {
            self.moves.pop_front();
        }
    }

    /// Takes some of what it is sent.
    fn read(&mut self) {
        if self.slow && self.reads {
            match self.moves.is_empty() && self.chance.below(3) == 0 {
                true => {
                    self.slow = false;
                    self.peer.window(None);
                }
                false => {
                    let bytes = self.chance.below(30_000);
                    self.peer.window(Some(bytes));
                }
            }
            self.stirs += 1;
        }
    }

    /// Reads what has come.
    pub(super) fn listen(&mut self) {
        let bytes = self.peer.take();
        let ended = self.ended();
        let asks = &self.asks;
        self.heard.hear(&bytes, ended, |number| asks.get(number).is_some_and(|(_, is_head)| *is_head));
    }

    pub(super) fn ended(&self) -> Ended {
        match (self.peer.saw_reset(), self.peer.saw_end()) {
            (true, _) => Ended::ByReset,
            (_, true) => Ended::InOrder,
            _ => Ended::Not,
        }
    }

    pub(super) fn vanish(&mut self) {
        self.manners = Manners::Bad;
        self.moves.clear();
        self.peer.vanish();
        self.stirs += 1;
    }

    /// Takes everything from now on.
    pub(super) fn open_up(&mut self) {
        if self.reads && self.slow {
            self.slow = false;
            self.peer.window(None);
            self.stirs += 1;
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.moves.is_empty()
    }

    /// Whether what was heard is right so far: the right answers, in order, and none whole that was broken off.
    pub(super) fn check(&mut self) {
        let from = std::mem::replace(&mut self.checked, self.heard.answers.len());
        for (at, answer) in self.heard.answers.iter().enumerate().skip(from) {
            if matches!(answer.status, 400 | 408 | 431 | 505) {
                assert_eq!(self.manners, Manners::Bad, "{answer:?}");
                assert_eq!(at, self.heard.answers.len() - 1, "nothing follows a refusal");
                continue;
            }
            let (ask, is_head) = &self.asks[at];
            let (status, content) = ask.answer();
            assert_eq!(answer.status, status, "{ask:?}");
            assert!(ask.act.ends_well() || *is_head && ask.act != Act::Never, "a broken response looks whole: {ask:?}");
            if status != 500 {
                assert_eq!(answer.fields[ASK], ask.name(), "out of order");
            }
            let content = if *is_head { Vec::new() } else { content };
            assert!(answer.content == content, "{ask:?}: {} bytes of {}", answer.content.len(), content.len());
        }
    }

    /// Whether a peer that did nothing wrong has heard all that it was owed.
    pub(super) fn check_complete(&self) {
        let heard = self.heard.answers.len();
        if heard == self.asks.len() {
            return;
        }
        let (ask, is_head) = &self.asks[heard];
        let broken = !*is_head && matches!(ask.act, Act::Pieces { end: End::Fails | End::Panics, .. });
        let closed = self.heard.answers.last().is_some_and(|last| last.closes() || last.status == 101);
        assert!(broken || closed, "{heard} of {} answers, and not {ask:?}: {:?}", self.asks.len(), self.ended());
        assert_ne!(self.ended(), Ended::Not);
    }
}

impl std::fmt::Debug for Player {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { manners, asks, heard, moves, slow, reads, .. } = self;
        let answers: Vec<_> = heard.answers.iter().map(|answer| (answer.status, answer.closes())).collect();
        write!(f, "{manners:?}, slow {slow}, reads {reads}, {asks:?}, heard {answers:?} and {}, ", heard.rest().len())?;
        write!(f, "{} moves to come, ended {:?}", moves.len(), self.ended())
    }
}

/// The same content in chunks, some with extensions, and a trailer section.
fn in_chunks(content: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut rest = content;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at((1 + chance.below(8000)).min(rest.len()));
        let extension = ["", "", ";x", ";x=\"y\""][chance.below(4)];
        wire.extend_from_slice(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
        wire.extend_from_slice(piece);
        wire.extend_from_slice(b"\r\n");
        rest = after;
    }
    wire.extend_from_slice(if chance.below(2) == 0 { b"0\r\n\r\n" } else { b"0\r\nX-Sum: 1\r\n\r\n" });
    wire
}
