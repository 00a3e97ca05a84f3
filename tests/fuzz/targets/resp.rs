//! Feeds the fuzzer's inputs to `drive::resp`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drive::resp::drive(data));
