//! Fuzzes [`wirelight_testkit::fuzz::h1_chunked`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_testkit::fuzz::h1_chunked(data));
