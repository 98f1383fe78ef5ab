//! Fuzzes [`wirelight_testkit::fuzz::h2::machine`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_testkit::fuzz::h2::machine(data));
