//! Limits on what a service is given: bytes of content, and exchanges at a time.

mod concurrency;
mod content;

pub use concurrency::{Admitted, LimitConcurrency, Overloaded};
pub use content::{LimitContent, TooLarge};
