//! What was exchanged and why: the record of each exchange, kept, explained and shown.
//!
//! An [`Inspector`] observes a server's connections and keeps the newest exchanges, with the bytes as they passed and
//! every decision. A [`Desk`] is a service that shows them: as JSON, as a stream of events, and as a page. This crate
//! must not know listeners, arguments or terminals.

mod annotate;
mod config;
mod connection;
mod content;
mod desk;
mod detail;
mod exchange;
mod filter;
mod frames;
pub mod har;
mod inspector;
mod line;
mod mask;
mod message;
mod page;
mod passing;
mod pieces;
mod ring;
mod rules;
mod spare;
mod story;
pub mod view;
mod words;

pub use config::Config;
pub use desk::{Access, Desk, Setting};
pub use filter::{Filter, Mistake, WORDS as FILTER_WORDS};
pub use inspector::Inspector;
