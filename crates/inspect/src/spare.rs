//! What a thread keeps of exchanges that have been forgotten, so that the next need not allocate it.

use std::cell::Cell;
use std::sync::Arc;

use wirelight_service::Trail;

use crate::exchange::{Kept, Passed};
use crate::pieces::Pieces;

/// How many exchanges a thread keeps the memory of: as many as are mostly under way at once.
const SPARES_MAX: usize = 32;
/// Memory of a longer exchange than this is given back.
const PIECES_BYTES_MAX: usize = 4 * 1024;

thread_local! {
    static SPARES: Cell<Vec<Spare>> = const { Cell::new(Vec::new()) };
}

/// The memory of an exchange; nothing of what was said in it.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    pub(crate) pieces: Pieces,
    /// It may be nobody's.
    pub(crate) trail: Trail,
}

/// The memory of an exchange that is no more, if there is any.
pub(crate) fn take() -> Spare {
    let mut spares = SPARES.take();
    let spare = spares.pop().unwrap_or_default();
    SPARES.set(spares);
    spare
}

/// Keeps the memory of an exchange, unless somebody still has it.
pub(crate) fn keep(forgotten: Arc<Kept>) {
    let Some(Kept { passed: Passed::Messages { mut pieces, .. }, trail, .. }) = Arc::into_inner(forgotten) else {
        return;
    };
    if pieces.cost_bytes() > PIECES_BYTES_MAX {
        return;
    }
    pieces.clear();
    let mut spares = SPARES.take();
    if spares.len() < SPARES_MAX {
        spares.push(Spare { pieces, trail: trail.emptied() });
    }
    SPARES.set(spares);
}
