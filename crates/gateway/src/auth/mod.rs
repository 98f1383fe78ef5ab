//! Who may ask: passwords that are checked here, and another server that is asked.

pub mod basic;
pub mod forward;
pub mod hash;
