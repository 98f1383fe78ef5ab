//! What each command does: a file is a command.

mod ask;
pub(crate) mod bench;
pub(crate) mod capture;
pub(crate) mod completions;
pub(crate) mod echo;
pub(crate) mod gateway;
pub(crate) mod get;
mod inspect;
mod layers;
mod listen;
pub(crate) mod man;
pub(crate) mod raw;
pub(crate) mod serve;
mod tls;
pub(crate) mod trust;
pub(crate) mod watch;
pub(crate) mod why;
