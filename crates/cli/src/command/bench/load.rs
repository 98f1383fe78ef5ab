//! The load: connections that ask again and again, at their own pace or at a steady one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request;
use tokio::sync::Semaphore;
use wirelight_client::repeat::{Repeated, Repeating};
use wirelight_client::{Config, Connections};
use wirelight_service::{Body, Request, Result, Service};

use super::tally::{Seat, Tally};
use crate::exit::Failure;

/// How long the last answers are waited for.
const GRACE: Duration = Duration::from_secs(2);
/// How long a connection that broke is let be before the next is made.
const BREATH: Duration = Duration::from_millis(10);
/// The most requests that are let go at once when they are due.
const PERMITS_MAX: u64 = 1 << 16;

/// How requests share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    /// One after the other on each.
    Alone,
    /// Several at once on each.
    Shared,
}

/// When requests are sent.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) start: Instant,
    pub(super) end: Instant,
    rate: Option<f64>,
    /// How many are sent at the most.
    number: u64,
    /// How many were begun.
    begun: AtomicU64,
    /// Lets requests go when they are due.
    due: Semaphore,
    stopped: AtomicBool,
}

impl Pace {
    pub(super) fn new(start: Instant, duration: Duration, rate: Option<f64>, number: Option<u64>) -> Self {
        let of_rate = rate.map_or(u64::MAX, |rate| (rate * duration.as_secs_f64()).floor() as u64);
        Self {
            start,
            end: start + duration,
            rate,
            number: number.unwrap_or(u64::MAX).min(of_rate),
            begun: AtomicU64::new(0),
            due: Semaphore::new(0),
            stopped: AtomicBool::new(false),
        }
    }

    /// How long it still goes on.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now)
    }

    /// Whether requests are due at times of their own.
    pub(super) fn is_steady(&self) -> bool {
        self.rate.is_some()
    }

    /// When a request is due.
    fn due_at(&self, number: u64) -> Instant {
        match self.rate {
            Some(rate) => self.start + Duration::from_secs_f64(number as f64 / rate),
            None => self.start,
        }
    }

    /// When each request was due that nobody has begun.
    pub(super) fn left_over(&self) -> impl Iterator<Item = Instant> {
        let begun = self.begun.load(Ordering::Relaxed);
        let due = if self.is_steady() { self.number } else { 0 };
        (begun..due).map(|number| self.due_at(number))
    }

    /// Lets requests go when they are due, from a thread of its own: a runtime's timer counts in milliseconds.
    pub(super) fn release(&self) {
        let mut released = 0;
        while self.is_steady() && released < self.number && !self.stopped.load(Ordering::Relaxed) {
            let now = Instant::now();
            let mut permits = 0;
            while released < self.number && permits < PERMITS_MAX && self.due_at(released) <= now {
                released += 1;
                permits += 1;
            }
            self.due.add_permits(permits as usize);
            if released < self.number {
                thread::sleep(self.due_at(released).saturating_duration_since(now).min(Duration::from_millis(100)));
            }
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Waits until a request is to be sent, and says since when it counts; `None` when it is over.
    async fn next(&self, now: Instant) -> Option<Instant> {
        if self.is_steady() {
            // It is never closed.
            self.due.acquire().await.ok()?.forget();
        } else if now >= self.end {
            return None;
        }
        let number = self.begun.fetch_add(1, Ordering::Relaxed);
        match number < self.number {
            true if self.is_steady() => Some(self.due_at(number)),
            true => Some(now),
            false => None,
        }
    }
}

/// What one thread does.
pub(super) struct Load {
    pub(super) config: Config,
    pub(super) head: request::Parts,
    pub(super) content: Bytes,
    pub(super) asking: Asking,
    pub(super) connections: usize,
    pub(super) streams: usize,
    pub(super) pace: Arc<Pace>,
    pub(super) tally: Arc<Tally>,
}

impl Load {
    /// Asks until it is over.
    pub(super) fn run(self) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
        let done = runtime.block_on(async {
            let mut working = tokio::task::JoinSet::new();
            match self.asking {
                Asking::Alone => {
                    let connections = Connections::new(self.config.clone()).map_err(Failure::new)?;
                    let request = connections.repeated(self.head.clone(), self.content.clone());
                    let request = request.map_err(Failure::of_request)?;
                    for _ in 0..self.connections {
                        let asker = self.asker();
                        working.spawn(asker.alone(connections.clone(), request.clone()));
                    }
                }
                Asking::Shared => {
                    for _ in 0..self.connections {
                        let connections = Connections::new(self.config.clone()).map_err(Failure::new)?;
                        for _ in 0..self.streams {
                            working.spawn(self.asker().shared(connections.clone()));
                        }
                    }
                }
            }
            let over = tokio::time::Instant::from_std(self.pace.end + GRACE);
            // What does not end in time is still in its seat, and counted there.
            let _ = tokio::time::timeout_at(over, async { while working.join_next().await.is_some() {} }).await;
            Ok(())
        });
        runtime.shutdown_background();
        done
    }

    fn asker(&self) -> Asker {
        Asker {
            pace: Arc::clone(&self.pace),
            tally: Arc::clone(&self.tally),
            seat: self.tally.seat(),
            head: self.head.clone(),
            content: self.content.clone(),
        }
    }
}

/// Sends one request after the other.
struct Asker {
    pace: Arc<Pace>,
    tally: Arc<Tally>,
    seat: Seat,
    head: request::Parts,
    content: Bytes,
}

impl Asker {
    /// On a connection that nobody else uses.
    async fn alone(self, connections: Connections, request: Repeated) {
        let mut connection: Option<Repeating> = None;
        let mut now = Instant::now();
        while let Some(begin) = self.pace.next(now).await {
            self.tally.begin(self.seat, begin);
            let asked = async {
                let repeating = match &mut connection {
                    Some(repeating) => repeating,
                    // Whether HTTP/2 is spoken was found out before.
                    none => match connections.repeat(&request, &self.head.uri).await? {
                        Some(made) => none.insert(made),
                        None => return Ok(None),
                    },
                };
                repeating.exchange().await.map(Some)
            };
            let asked: Result<_> = asked.await;
            now = Instant::now();
            if connection.as_ref().is_none_or(Repeating::is_over) {
                connection = None;
            }
            match asked {
                Ok(Some(counted)) => {
                    self.tally.answered(self.seat, now, counted.status.as_u16(), counted.content_bytes);
                }
                Ok(None) => {
                    self.tally.failed(self.seat, "the server changed over to HTTP/2");
                    return;
                }
                Err(error) => now = self.lost(&error.to_string()).await,
            }
        }
        self.tally.leave(self.seat);
    }

    /// On a connection that others use too.
    async fn shared(self, connections: Connections) {
        let mut now = Instant::now();
        while let Some(begin) = self.pace.next(now).await {
            self.tally.begin(self.seat, begin);
            let asked = ask(&connections, &self.head, &self.content).await;
            now = Instant::now();
            match asked {
                Ok((status, bytes)) => self.tally.answered(self.seat, now, status, bytes),
                Err(error) => now = self.lost(&error.to_string()).await,
            }
        }
        self.tally.leave(self.seat);
    }

    /// Notes a failure, and lets a server that refuses connections breathe.
    async fn lost(&self, because: &str) -> Instant {
        self.tally.failed(self.seat, because);
        tokio::time::sleep(BREATH).await;
        Instant::now()
    }
}

/// Sends a request, and reads its response to the end: the status, and how much content there was.
pub(super) async fn ask(connections: &Connections, head: &request::Parts, content: &Bytes) -> Result<(u16, u64)> {
    let mut request = Request::new(Body::from(content.clone()));
    request.method_mut().clone_from(&head.method);
    request.uri_mut().clone_from(&head.uri);
    request.headers_mut().clone_from(&head.headers);
    let response = connections.call(request).await?;
    let status = response.status().as_u16();
    let mut bytes = 0;
    let mut body = response.into_body();
    while let Some(piece) = body.data().await {
        bytes += piece?.len() as u64;
    }
    Ok((status, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_steady_pace_counts_from_when_each_request_was_due() {
        let start = Instant::now() - Duration::from_secs(10);
        let pace = Pace::new(start, Duration::from_secs(2), Some(4.0), None);
        pace.release();
        for number in 0..8 {
            let due = pace.next(Instant::now()).await.unwrap();
            assert_eq!(due - start, Duration::from_millis(250 * number));
        }
        assert_eq!(pace.left_over().count(), 0);
        assert!(pace.due.try_acquire().is_err(), "no more than were due are let go");
    }

    #[tokio::test]
    async fn without_a_rate_the_end_and_the_number_decide() {
        let now = Instant::now();
        let pace = Pace::new(now, Duration::from_secs(60), None, Some(2));
        assert_eq!(pace.next(now).await, Some(now));
        assert_eq!(pace.next(now + Duration::from_secs(60)).await, None);
        assert_eq!(pace.next(now).await, Some(now));
        assert_eq!(pace.next(now).await, None);
        assert_eq!(pace.left_over().count(), 0, "nothing is due by itself");
    }
}
