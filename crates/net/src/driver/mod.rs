//! The only place where an engine and a handler meet.
//!
//! One task owns a connection; there is no lock around an engine. A turn settles everything that engine and handlers
//! can say without waiting, writes what is ready in one go, and only then waits for one thing: the transport, a
//! handler, a deadline, or the drain.

mod bell;
mod config;
mod exchange;
mod interims;
mod linger;
mod link;
mod place;
mod record;
mod refusal;
pub mod request;
mod respond;
mod serve;
mod tap;
mod tunnel;

pub use config::{Config, Context};
pub use exchange::RawHead;
pub use serve::{Serve, serve};
