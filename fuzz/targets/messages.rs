//! The `messages` target for libFuzzer; what it does is in the library.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| tgm_fuzz::messages(data));
