//! The server's tests at its boundaries.

mod orders;
mod pattern;
mod router;
mod wire;
