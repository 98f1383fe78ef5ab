//! The server's tests at its boundaries.

mod pattern;
mod router;
