//! The corpus of raw-byte cases with expectations: `tests/corpus/corpus.json`.
//!
//! A case holds what is sent and what an acceptable answer satisfies. [`Seen`] is what a client saw; it is checked
//! against [`Case::alternatives`]. Whoever replays a case brings the bytes to a server and back.

mod case;
mod check;
mod seen;

pub use case::{Case, Expect, Piece, cases, expand};
pub use seen::{Answer, Seen};
