//! Feeds the fuzzer's inputs to `drive::request`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::request::drive(data));
