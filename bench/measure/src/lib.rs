//! Runs servers side by side and says what a request costs each.
//!
//! The server gets one core and the generator the other. What a request costs is the server's CPU time from the
//! scheduler's accounting, divided by the requests that were answered while it was counted.

pub mod answer;
pub mod draw;
pub mod latency;
pub mod load;
pub mod machine;
pub mod measure;
pub mod poll;
pub mod processes;
pub mod report;
pub mod scenario;
pub mod server;
pub mod shuffle;
pub mod site;
pub mod spread;
