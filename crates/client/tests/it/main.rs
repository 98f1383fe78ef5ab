//! The client against peers that are scripted, and against our own server.

mod behaviour;
mod caching;
mod corpus;
mod dns;
mod endings;
mod kept;
mod limits;
mod memory;
mod names;
mod others;
mod peers;
mod script;
mod servers;
mod sessions;
mod tls;
mod uploads;
mod ways;
