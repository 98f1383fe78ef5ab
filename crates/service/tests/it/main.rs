//! The layers and adapters, tried from outside.

mod catch_panic;
mod compress;
mod conditional;
mod cors;
mod limit;
mod problem;
mod remember;
mod script;
mod server_timing;
mod stack;
mod stage;
mod timeout;
mod tower;
