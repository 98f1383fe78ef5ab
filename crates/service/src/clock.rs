//! Time as an argument: the system's, or one that a test turns by hand.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

/// Tells the time, and wakes whoever waits for it. Concrete and cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Clock(Option<Arc<Manual>>);

#[derive(Debug)]
struct Manual {
    epoch: Instant,
    wall: SystemTime,
    state: Mutex<Turned>,
}

#[derive(Debug, Default)]
struct Turned {
    elapsed: Duration,
    waiting: Vec<(Instant, Waker)>,
}

impl Clock {
    /// The system's clocks, with tokio's timers.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is [advanced](Self::advance), and shows `wall` now.
    pub fn manual(wall: SystemTime) -> Self {
        Self(Some(Arc::new(Manual { epoch: Instant::now(), wall, state: Mutex::default() })))
    }

    /// The time that deadlines are measured in.
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(manual) => manual.epoch + manual.turned().elapsed,
        }
    }

    /// The time of day.
    pub fn wall(&self) -> SystemTime {
        match &self.0 {
            None => SystemTime::now(),
            Some(manual) => manual.wall + manual.turned().elapsed,
        }
    }

    /// Turns a manual clock forward and wakes whoever waited for a moment that has come.
    ///
    /// # Panics
    /// On the system's clock.
    pub fn advance(&self, by: Duration) {
        let manual = self.0.as_ref().expect("only a manual clock can be advanced");
        let mut turned = manual.turned();
        turned.elapsed += by;
        let now = manual.epoch + turned.elapsed;
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut turned.waiting).into_iter().partition(|(at, _)| *at <= now);
        turned.waiting = waiting;
        drop(turned);
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// A timer of this clock, not yet set.
    pub fn timer(&self) -> Timer {
        Timer { clock: self.clone(), armed: None, sleep: None }
    }

    /// Waits until `deadline`.
    pub async fn sleep_until(&self, deadline: Instant) {
        let mut timer = self.timer();
        std::future::poll_fn(|cx| timer.poll_until(deadline, cx)).await;
    }

    /// Waits for `length`.
    pub async fn sleep(&self, length: Duration) {
        self.sleep_until(self.now() + length).await;
    }
}

impl Manual {
    fn turned(&self) -> MutexGuard<'_, Turned> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One deadline that may move often: moving it later costs nothing until the earlier moment has come.
#[derive(Debug)]
pub struct Timer {
    clock: Clock,
    /// When, and whom, the registration below wakes.
    armed: Option<(Instant, Waker)>,
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Timer {
    /// Ready once `deadline` has come; until then the task is woken at that moment at the latest.
    pub fn poll_until(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let now = self.clock.now();
        self.poll_at(now, deadline, cx)
    }

    /// The same, for a caller who already knows the time.
    pub fn poll_at(&mut self, now: Instant, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if now >= deadline {
            self.armed = None;
            return Poll::Ready(());
        }
        if let Some((at, waker)) = &self.armed
            && *at <= deadline
            && *at > now
            && waker.will_wake(cx.waker())
        {
            return Poll::Pending;
        }
        self.arm(deadline, cx)
    }

    fn arm(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.armed = Some((deadline, cx.waker().clone()));
        if let Some(manual) = &self.clock.0 {
            manual.turned().waiting.push((deadline, cx.waker().clone()));
            return Poll::Pending;
        }
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.as_mut().reset(deadline.into());
                sleep
            }
            unset => unset.insert(Box::pin(tokio::time::sleep_until(deadline.into()))),
        };
        sleep.as_mut().poll(cx)
    }

    /// Forgets the deadline and frees what waiting needs.
    pub fn clear(&mut self) {
        self.armed = None;
        self.sleep = None;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(std::sync::atomic::AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
    }

    #[test]
    fn a_manual_clock_wakes_at_the_deadline_and_not_before() {
        let clock = Clock::manual(SystemTime::UNIX_EPOCH);
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&waker);
        let mut timer = clock.timer();
        let deadline = clock.now() + Duration::from_secs(10);
        assert!(timer.poll_until(deadline, &mut cx).is_pending());
        clock.advance(Duration::from_secs(9));
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 0);
        assert!(timer.poll_until(deadline, &mut cx).is_pending());
        clock.advance(Duration::from_secs(1));
        assert_eq!(count.0.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert!(timer.poll_until(deadline, &mut cx).is_ready());
        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(10));
    }
}
