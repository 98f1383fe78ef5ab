//! The server's tests at its boundaries.

mod orders;
mod pattern;
mod peer;
mod router;
mod tunnel;
mod wire;
