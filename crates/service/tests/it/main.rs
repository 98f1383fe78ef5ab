//! The layers and adapters, tried from outside.

mod catch_panic;
mod compress;
mod limit;
mod problem;
mod script;
mod timeout;
mod tower;
