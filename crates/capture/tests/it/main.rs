//! What the wire looked like, and what is said of it.

mod cable;
mod conversations;
mod files;
mod packets;
