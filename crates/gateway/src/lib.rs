//! Files, the access log, and what stands in front of services.
//!
//! This crate knows folders, logs and what a site is made of. It must not know how arguments are parsed.

pub mod access_log;
pub mod auth;
pub mod config;
pub mod files;
pub mod metrics;
mod moment;
pub mod otlp;
pub mod proxy;
pub mod routes;
pub mod run;
pub mod streams;
pub mod tls;
pub mod trace_context;
