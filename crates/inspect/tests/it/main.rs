//! The inspector on connections in memory: what it keeps, what it hides, what it tells, and that it stays within limits.

mod desk;
mod keeping;
mod secrets;
mod stage;
