//! The server's tests at its boundaries.

mod interop;
mod orders;
mod pattern;
mod peer;
mod router;
mod tls;
mod tunnel;
mod wire;
