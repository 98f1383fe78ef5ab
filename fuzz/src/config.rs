//! Fuzzes the config language: the parser, the planner, and what writes a config as it should look.
#![no_main]

#[path = "../../crates/gateway/tests/it/config_property.rs"]
mod config_property;

libfuzzer_sys::fuzz_target!(|data: &[u8]| config_property::config(data));
