//! What HTTP messages mean, as pure functions on [`http`] types.
//!
//! This crate knows RFC 9110, 9111, 6265bis, Fetch's CORS, ranges, multipart and event streams. It must not know a
//! wire, the time of day (an argument), async code or I/O. Everything that judges returns an enum that carries its
//! reason and implements [`decision::Decision`].

pub mod decision;
