//! The heads of one request of ours and of what came back, exactly as they passed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::observe::Way;

/// One head as it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Which way it went.
    pub way: Way,
    /// When.
    pub at: Instant,
    /// Its bytes, with whatever of the message came with it.
    pub bytes: Vec<u8>,
}

/// Keeps the heads of one exchange on the side that asks, where it is one of HTTP/1; a request carries it as an extension.
///
/// Of a request that is sent again on another connection, the last heads are kept. Clones keep the same.
#[derive(Debug, Clone)]
pub struct Heads(Arc<Mutex<Option<Vec<Head>>>>);

impl Default for Heads {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some(Vec::new()))))
    }
}

impl Heads {
    /// Takes the heads out, in order; what passes afterwards is not kept.
    pub fn take(&self) -> Vec<Head> {
        self.lock().take().unwrap_or_default()
    }

    /// Notes a head; that of a request begins anew.
    pub(crate) fn note(&self, way: Way, at: Instant, bytes: &[u8]) {
        let mut kept = self.lock();
        let Some(heads) = kept.as_mut().filter(|_| !bytes.is_empty()) else { return };
        if way == Way::Sent {
            heads.clear();
        }
        heads.push(Head { way, at, bytes: bytes.to_vec() });
    }

    /// A list is whole at any moment, so a panic elsewhere never spoils it.
    fn lock(&self) -> MutexGuard<'_, Option<Vec<Head>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_request_and_what_came_back_are_kept_until_they_are_taken() {
        let (heads, now) = (Heads::default(), Instant::now());
        heads.note(Way::Sent, now, b"GET /stale");
        heads.note(Way::Sent, now, b"GET /again");
        heads.note(Way::Received, now, b"HTTP/1.1 103");
        heads.note(Way::Received, now, b"");
        let kept = heads.clone().take();
        let shown: Vec<_> = kept.iter().map(|head| (head.way, &*head.bytes)).collect();
        assert_eq!(shown, [(Way::Sent, &b"GET /again"[..]), (Way::Received, b"HTTP/1.1 103")]);
        heads.note(Way::Received, now, b"HTTP/1.1 200");
        assert_eq!(heads.take(), []);
    }
}
