//! Feeds the fuzzer's inputs to `drive::deflate`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::deflate::drive(data));
