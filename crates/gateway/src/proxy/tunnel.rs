//! Two connections that have gone over to another protocol, joined; and which of them ended it, and when.

use std::borrow::Cow;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wirelight_net::Upgrade;
use wirelight_semantics::decision::{Decision, Rule};
use wirelight_service::{Clock, Trail};

use super::group::Underway;
use crate::streams::{self, Stay};

/// How a tunnel ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ended {
    /// What ended it.
    pub(super) cause: Cause,
    /// How long after it began.
    pub(super) after: Duration,
    /// How long nothing had come from either side by then.
    pub(super) silent: Duration,
    /// How many bytes came from the client, and from the server.
    pub(super) bytes: [u64; 2],
}

/// What ended a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// One side closed its connection before the other.
    Closed(Side),
    /// A connection broke.
    Broke(Side, io::ErrorKind),
    /// Nothing came from either side for as long as is waited.
    Silence {
        /// For how long.
        limit: Duration,
        /// The property that says so.
        setting: &'static str,
    },
}

/// One of those whom a tunnel joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who asked for it.
    Client,
    /// Who agreed to it, or was connected with.
    Server,
}

/// How long a tunnel may be silent, and which property says so.
#[derive(Debug, Clone)]
pub(crate) struct Patience {
    pub(crate) limit: Duration,
    pub(crate) setting: &'static str,
    pub(crate) clock: Clock,
}

/// Whom a tunnel is told to: the exchange that it came of, with its place in the config; and what ends it early.
pub(crate) struct Whose {
    pub(crate) trail: Trail,
    pub(crate) stay: Option<Stay>,
}

/// Carries bytes both ways until both sides have said their last, either is gone, nothing has moved for too long, or
/// its route is gone.
pub(crate) async fn join(client: Upgrade, server: Upgrade, underway: Underway, patience: Patience, whose: Whose) {
    let (Ok(client), Ok(server)) = (client.switched().await, server.switched().await) else { return };
    carry(client, server, patience, whose).await;
    drop(underway);
}

/// The same between a client and the server that it was led to.
pub(crate) async fn lead(client: Upgrade, server: TcpStream, patience: Patience, whose: Whose) {
    let Ok(client) = client.switched().await else { return };
    carry(client, server, patience, whose).await;
}

async fn carry<C, S>(client: C, server: S, patience: Patience, whose: Whose)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Patience { limit, setting, clock } = patience;
    let Whose { trail, mut stay } = whose;
    let traffic = Arc::new(Traffic::new(clock.clone()));
    let mut client = Counted { inner: client, side: Side::Client, traffic: Arc::clone(&traffic) };
    let mut server = Counted { inner: server, side: Side::Server, traffic: Arc::clone(&traffic) };
    // An end that breaks takes the other with it: both are dropped here.
    let carried = tokio::io::copy_bidirectional(&mut client, &mut server);
    let silence = async {
        loop {
            match limit.checked_sub(traffic.silent()).filter(|left| !left.is_zero()) {
                Some(left) => clock.sleep(left).await,
                None => return,
            }
        }
    };
    let closed = async {
        match &mut stay {
            Some(stay) => stay.closed().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = carried => if let Some(cause) = traffic.first() {
            trail.at(None).note(traffic.ended(cause));
        },
        () = silence => trail.note(traffic.ended(Cause::Silence { limit, setting })),
        () = closed => trail.at(None).note(streams::Closed),
    }
}

/// What has moved in a tunnel.
struct Traffic {
    clock: Clock,
    began: Instant,
    /// When something came last, in microseconds since it began.
    moved: AtomicU64,
    bytes: [AtomicU64; 2],
    /// The first end: its place in [`ENDS`], from 1.
    first: AtomicUsize,
    /// How long it had been silent at that, in microseconds, and when that was.
    ended: [AtomicU64; 2],
}

/// The ways in which a side ends: an orderly one, and the errors of a connection.
const ENDS: [Option<io::ErrorKind>; 5] = [
    None,
    Some(io::ErrorKind::ConnectionReset),
    Some(io::ErrorKind::BrokenPipe),
    Some(io::ErrorKind::TimedOut),
    Some(io::ErrorKind::Other),
];

impl Traffic {
    fn new(clock: Clock) -> Self {
        let began = clock.now();
        Self {
            clock,
            began,
            moved: AtomicU64::new(0),
            bytes: Default::default(),
            first: AtomicUsize::new(0),
            ended: Default::default(),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().saturating_duration_since(self.began).as_micros()).unwrap_or(u64::MAX)
    }

    /// How long nothing has come.
    fn silent(&self) -> Duration {
        Duration::from_micros(self.now().saturating_sub(self.moved.load(Relaxed)))
    }

    fn came(&self, side: Side, bytes: usize) {
        self.bytes[side as usize].fetch_add(bytes as u64, Relaxed);
        self.moved.store(self.now(), Relaxed);
    }

    /// One side has ended; who comes first counts.
    fn over(&self, side: Side, error: Option<io::ErrorKind>) {
        let end = ENDS.iter().position(|known| *known == error).unwrap_or(ENDS.len() - 1);
        let place = side as usize * ENDS.len() + end + 1;
        let now = self.now();
        if self.first.compare_exchange(0, place, Relaxed, Relaxed).is_ok() {
            self.ended[0].store(now.saturating_sub(self.moved.load(Relaxed)), Relaxed);
            self.ended[1].store(now, Relaxed);
        }
    }

    fn first(&self) -> Option<Cause> {
        let place = self.first.load(Relaxed).checked_sub(1)?;
        let side = if place < ENDS.len() { Side::Client } else { Side::Server };
        Some(match ENDS[place % ENDS.len()] {
            None => Cause::Closed(side),
            Some(kind) => Cause::Broke(side, kind),
        })
    }

    fn ended(&self, cause: Cause) -> Ended {
        let (silent, after) = match self.first.load(Relaxed) {
            0 => (self.silent(), Duration::from_micros(self.now())),
            _ => {
                let [silent, after] = self.ended.each_ref().map(|at| Duration::from_micros(at.load(Relaxed)));
                (silent, after)
            }
        };
        Ended { cause, after, silent, bytes: self.bytes.each_ref().map(|bytes| bytes.load(Relaxed)) }
    }
}

/// A connection of which it is known what came on it, and how it ended.
struct Counted<T> {
    inner: T,
    side: Side,
    traffic: Arc<Traffic>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        match &polled {
            Poll::Ready(Ok(())) if buffer.filled().len() == before => self.traffic.over(self.side, None),
            Poll::Ready(Ok(())) => self.traffic.came(self.side, buffer.filled().len() - before),
            Poll::Ready(Err(error)) => self.traffic.over(self.side, Some(error.kind())),
            Poll::Pending => {}
        }
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Err(error)) = &polled {
            self.traffic.over(self.side, Some(error.kind()));
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(cx);
        if let Poll::Ready(Err(error)) = &polled {
            self.traffic.over(self.side, Some(error.kind()));
        }
        polled
    }
}

static RULE: Rule = Rule {
    name: "tunnel-ends",
    section: "RFC 9110, section 9.3.6",
    says: "A tunnel is closed when either end of it is; what is still under way is sent on first.",
};

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "the client",
            Self::Server => "the server",
        }
    }
}

impl Ended {
    /// Whether the silence before its end is likely to be the reason for it.
    fn was_silent(&self) -> bool {
        self.silent >= self.after / 2
    }
}

impl Decision for Ended {
    fn rule(&self) -> &'static Rule {
        &RULE
    }

    fn outcome(&self) -> Cow<'static, str> {
        match self.cause {
            Cause::Closed(side) => format!("the tunnel was closed by {}", side.name()),
            Cause::Broke(side, _) => format!("the tunnel broke off at {}", side.name()),
            Cause::Silence { .. } => "the tunnel was closed by us".to_owned(),
        }
        .into()
    }

    fn because(&self) -> Cow<'static, str> {
        let [client, server] = self.bytes;
        let passed = format!("{client} bytes had come from the client and {server} from the server");
        let (after, silent) = (shown(self.after), shown(self.silent));
        match self.cause {
            Cause::Silence { limit, .. } => {
                format!("nothing came from either side for {}; it had lasted {after}, and {passed}", shown(limit))
            }
            Cause::Closed(side) => {
                format!(
                    "{} closed its connection after {after}, {silent} after anything last came; {passed}",
                    side.name()
                )
            }
            Cause::Broke(side, kind) => {
                format!("the connection to {} failed after {after} ({kind}); {passed}", side.name())
            }
        }
        .into()
    }

    fn otherwise(&self) -> Option<Cow<'static, str>> {
        match self.cause {
            Cause::Silence { setting, .. } => {
                Some(format!("a ping more often than that, or a longer `{setting}`, would have kept it").into())
            }
            Cause::Closed(side) if self.was_silent() => {
                let (side, silent) = (side.name(), shown(self.silent));
                let told = format!(
                    "if {side} closes what is silent for so long, a ping more often than every {silent} would have kept it"
                );
                Some(told.into())
            }
            Cause::Closed(_) | Cause::Broke(..) => None,
        }
    }

    fn setting(&self) -> Option<&'static str> {
        match self.cause {
            Cause::Silence { setting, .. } => Some(setting),
            Cause::Closed(_) | Cause::Broke(..) => None,
        }
    }

    fn declines(&self) -> bool {
        !matches!(self.cause, Cause::Closed(_))
    }
}

/// A time to the millisecond.
fn shown(time: Duration) -> String {
    format!("{:?}", Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
}
