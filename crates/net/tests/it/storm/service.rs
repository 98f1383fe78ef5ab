//! A service that does what each request tells it to: at once or late, whole or broken, with or without reading.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wirelight_net::Upgrade;
use wirelight_service::{Body, Clock, Error, Fault, Kind, Request, Response, Result};

use super::super::pipe::Chance;

/// The field that names a request, as `connection.number`, and that its response repeats.
pub(super) const ASK: &str = "x-ask";
/// The largest piece of content that a response is made of.
pub(super) const PIECE_MAX: usize = 20_000;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Content at hand.
    Whole,
    /// Content in pieces, with pauses, whose length is said or not.
    Pieces { known: bool, end: End },
    /// An error in place of a response.
    Fails,
    /// A panic in place of a response.
    Panics,
    /// The request's content, once all of it has come.
    Echo,
    /// The request's content as it comes.
    Mirror,
    /// How long the request's content is, read with pauses.
    Count,
    /// A response at once, and somebody reads the request's content later.
    Outlived,
    /// Never a response.
    Never,
    /// Another protocol, which repeats what it hears.
    Switch,
}

/// How content in pieces ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Well,
    Fails,
    Panics,
}

impl Act {
    pub(super) fn any(chance: &mut Chance) -> Self {
        let ends = [End::Well, End::Well, End::Well, End::Fails, End::Panics];
        match chance.below(20) {
            0..5 => Self::Whole,
            5..9 => Self::Pieces { known: chance.below(2) == 0, end: ends[chance.below(ends.len())] },
            9 => Self::Fails,
            10 => Self::Panics,
            11..14 => Self::Echo,
            14..16 => Self::Mirror,
            16 => Self::Count,
            17 => Self::Outlived,
            18 => Self::Never,
            _ => Self::Switch,
        }
    }

    fn written(self) -> String {
        match self {
            Self::Pieces { known, end } => format!("pieces-{known}-{end:?}"),
            act => format!("{act:?}"),
        }
    }

    /// Whether a response comes and is whole.
    pub(super) fn ends_well(self) -> bool {
        !matches!(self, Self::Never | Self::Pieces { end: End::Fails | End::Panics, .. })
    }
}

/// A request, as far as its answer depends on it.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) connection: usize,
    pub(super) number: usize,
    pub(super) act: Act,
    /// How long the content of the response is, where the act does not say.
    pub(super) size: usize,
    /// How long the service waits at each of its pauses, in milliseconds.
    pub(super) pause: usize,
    pub(super) content: Bytes,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, act, content) = (self.name(), self.act, self.content.len());
        write!(f, "{name} {act:?} for {} bytes with {content} bytes", self.size)
    }
}

impl Ask {
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.connection, self.number)
    }

    pub(super) fn path(&self) -> String {
        format!("/{}/{}/{}", self.act.written(), self.size, self.pause)
    }

    /// The status and the content of its answer; a broken one has the beginning of that content.
    pub(super) fn answer(&self) -> (u16, Vec<u8>) {
        match self.act {
            Act::Fails | Act::Panics => (500, b"500 Internal Server Error\n".to_vec()),
            Act::Echo | Act::Mirror => (200, self.content.to_vec()),
            Act::Count => (200, self.content.len().to_string().into_bytes()),
            Act::Switch => (101, Vec::new()),
            Act::Whole | Act::Pieces { .. } | Act::Outlived | Act::Never => (200, pattern(&self.name(), self.size)),
        }
    }
}

/// Content that tells where it came from, and of which part it is.
pub(super) fn pattern(name: &str, length: usize) -> Vec<u8> {
    let seed = name.bytes().fold(0_u64, |seed, byte| seed.wrapping_mul(257).wrapping_add(byte.into()));
    let mut chance = Chance(seed);
    let mut content = vec![0; length];
    for part in content.chunks_mut(200) {
        part.fill(b' ' + chance.below(90) as u8);
    }
    content
}

/// What the services of a storm share.
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) counts: Mutex<BTreeMap<usize, Counts>>,
}

/// What the service did on one connection.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    /// How many requests were begun.
    pub(super) begun: usize,
    /// How many bytes of content were made.
    pub(super) made: usize,
    /// How often something else than the peer or the clock may have woken the connection.
    pub(super) stirs: usize,
}

impl World {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, counts: Mutex::default() })
    }

    pub(super) fn counts(&self, connection: usize) -> Counts {
        self.counts.lock().unwrap().get(&connection).copied().unwrap_or_default()
    }

    fn count(&self, connection: usize, count: impl FnOnce(&mut Counts)) {
        count(self.counts.lock().unwrap().entry(connection).or_default());
    }
}

/// Answers as the request asks.
pub(super) async fn act(world: Arc<World>, request: Request) -> Result<Response> {
    let name = request.headers()[ASK].to_str().unwrap().to_owned();
    let connection: usize = name.split('.').next().unwrap().parse().unwrap();
    world.count(connection, |counts| counts.begun += 1);
    let path = request.uri().path().to_owned();
    let mut words = path.trim_start_matches('/').split('/');
    let act = words.next().unwrap();
    let mut numbers = words.map(|word| word.parse::<usize>().unwrap());
    let (size, pause) = (numbers.next().unwrap(), numbers.next().unwrap());
    let rest = async || {
        world.count(connection, |counts| counts.stirs += 2);
        if pause > 0 {
            world.clock.sleep(Duration::from_millis(pause as u64)).await;
        }
    };
    rest().await;
    let body = match act {
        "Whole" => pattern(&name, size).into(),
        "Fails" => return Err(Error::new(Kind::Other, Fault::Ours, "it was asked to")),
        "Panics" => panic(),
        "Echo" => request.into_body().collect(1 << 20).await?.into(),
        "Mirror" => request.into_body(),
        "Count" => {
            let mut content = request.into_body();
            let (mut length, mut pauses) = (0, 0);
            while let Some(data) = content.data().await {
                length += data?.len();
                pauses += 1;
                if pauses < 20 {
                    rest().await;
                }
            }
            length.to_string().into()
        }
        "Outlived" => {
            let clock = world.clock.clone();
            tokio::spawn(async move {
                let mut content = request.into_body();
                clock.sleep(Duration::from_millis(pause as u64)).await;
                while let Some(Ok(_)) = content.data().await {}
            });
            pattern(&name, size).into()
        }
        "Never" => std::future::pending().await,
        "Switch" => return Ok(switch(&name, &request)),
        pieces => {
            let (known, end) = pieces.trim_start_matches("pieces-").split_once('-').unwrap();
            return Ok(in_pieces(&world, &name, connection, known == "true", end, (size, pause)));
        }
    };
    Ok(named(&name, body))
}

/// Panics, without a word on the terminal.
fn panic() -> ! {
    std::panic::resume_unwind(Box::new("it was asked to"))
}

fn named(name: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(ASK, HeaderValue::from_str(name).unwrap());
    response
}

fn switch(name: &str, request: &Request) -> Response {
    let upgrade = Upgrade::of(request.extensions()).expect("it was asked for");
    tokio::spawn(async move {
        let Ok(mut upgraded) = upgrade.switched().await else { return };
        let mut heard = [0; 1000];
        while let Ok(length @ 1..) = upgraded.read(&mut heard).await {
            if upgraded.write_all(&heard[..length]).await.is_err() {
                return;
            }
        }
    });
    let mut response = named(name, Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("upgrade", HeaderValue::from_static("echo"));
    response
}

fn in_pieces(
    world: &Arc<World>,
    name: &str,
    connection: usize,
    known: bool,
    end: &str,
    (size, pause): (usize, usize),
) -> Response {
    let mut chance = Chance(size as u64);
    let content = Bytes::from(pattern(name, size));
    let mut pieces = VecDeque::new();
    let mut at = 0;
    while at < size {
        let length = (1 + chance.below(PIECE_MAX)).min(size - at);
        pieces.push_back(content.slice(at..at + length));
        at += length;
    }
    let end = match end {
        "Well" => End::Well,
        "Fails" => End::Fails,
        _ => End::Panics,
    };
    if end != End::Well {
        pieces.pop_back();
    }
    let body = Pieces { world: Arc::clone(world), connection, chance, pieces, end, pause, resting: None };
    let mut response = named(name, Body::stream(body));
    if known {
        response.headers_mut().insert(http::header::CONTENT_LENGTH, size.into());
    }
    response
}

/// Content in pieces, with pauses, and its end.
struct Pieces {
    world: Arc<World>,
    connection: usize,
    chance: Chance,
    pieces: VecDeque<Bytes>,
    end: End,
    pause: usize,
    resting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        if let Some(resting) = &mut self.resting {
            std::task::ready!(resting.as_mut().poll(cx));
            self.resting = None;
        } else if self.pause > 0 && self.chance.below(3) == 0 {
            let (clock, pause) = (self.world.clock.clone(), Duration::from_millis(self.pause as u64));
            self.world.count(self.connection, |counts| counts.stirs += 1);
            let mut resting = Box::pin(async move { clock.sleep(pause).await });
            assert!(resting.as_mut().poll(cx).is_pending());
            self.resting = Some(resting);
            return Poll::Pending;
        }
        match (self.pieces.pop_front(), self.end) {
            (Some(piece), _) => {
                self.world.count(self.connection, |counts| counts.made += piece.len());
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            (None, End::Well) => {
                self.end = End::Fails;
                let mut trailers = HeaderMap::new();
                trailers.insert("x-sum", HeaderValue::from_static("1"));
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
            (None, End::Fails) => Poll::Ready(Some(Err(Error::new(Kind::Io, Fault::Ours, "it was asked to")))),
            (None, End::Panics) => panic(),
        }
    }
}
