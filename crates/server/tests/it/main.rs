//! The server's tests at its boundaries.

mod child;
mod deferred;
mod interop;
mod lost;
mod orders;
mod pattern;
mod peer;
mod router;
mod tls;
mod tunnel;
mod wire;
