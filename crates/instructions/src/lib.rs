//! What `cargo bench` counts the instructions of, set up so that only what is asked about is counted.
//!
//! Callgrind counts instructions, which do not depend on what else the machine does. The figures that were counted
//! last stand in `figures.txt`; `cargo bench` fails where one is exceeded by more than a tenth.

pub mod asked;
pub mod engines;
pub mod exchanges;
pub mod figures;
pub mod script;
