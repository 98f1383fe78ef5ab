//! Runs servers side by side and says what a request costs each.
//!
//! The server gets one core and the generator the other. What a request costs is the server's CPU time from the
//! scheduler's accounting, divided by the requests that were answered while it was counted. Clients and proxies are put
//! to work in the same way: whatever is under test has a core to itself.

pub mod answer;
pub mod draw;
pub mod generator;
pub mod identity;
pub mod latency;
pub mod link;
pub mod load;
pub mod machine;
pub mod measure;
pub mod poll;
pub mod processes;
pub mod report;
pub mod scenario;
pub mod scenarios;
pub mod server;
pub mod servers;
pub mod shuffle;
pub mod site;
pub mod speech;
pub mod spread;
pub mod streams;
pub mod upstream;
pub mod wire;
