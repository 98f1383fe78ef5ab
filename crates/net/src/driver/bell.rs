//! Which of the exchanges of a connection has woken its task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

/// Wakes the task of a connection, and remembers that it did.
///
/// Of many exchanges under way, only those that rang are polled; the first has the task's own waker, so that one
/// alone pays nothing.
pub(super) struct Bell {
    rung: Arc<Rung>,
    waker: Waker,
}

struct Rung {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Rung {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        self.task.wake_by_ref();
    }
}

impl Bell {
    pub(super) fn new(task: &Waker) -> Self {
        let rung = Arc::new(Rung { rung: AtomicBool::new(false), task: task.clone() });
        Self { waker: Arc::clone(&rung).into(), rung }
    }

    pub(super) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether it wakes this task.
    pub(super) fn wakes(&self, task: &Waker) -> bool {
        self.rung.task.will_wake(task)
    }

    /// Whether it has rung since it was last asked.
    pub(super) fn has_rung(&self) -> bool {
        self.rung.rung.swap(false, Ordering::Acquire)
    }
}
