//! What HTTP messages mean, as pure functions on [`http`] types.
//!
//! This crate knows RFC 9110, 9111, 6265bis, Fetch's CORS, ranges, multipart and event streams. It must not know a
//! wire, the time of day (an argument), async code or I/O. Everything that judges returns an enum that carries its
//! reason and implements [`decision::Decision`].

pub mod auth;
pub mod coding;
pub mod cookie;
pub mod cors;
pub mod date;
pub mod decision;
pub mod fields;
pub mod grammar;
pub mod media_type;
pub mod method;
pub mod negotiate;
pub mod precondition;
pub mod problem;
pub mod range;
pub mod uri;
pub mod validator;
