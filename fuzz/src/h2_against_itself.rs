//! Fuzzes [`wirelight_testkit::fuzz::h2::against_itself`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_testkit::fuzz::h2::against_itself(data));
