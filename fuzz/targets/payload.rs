#![no_main]
//! See [`tacit_fuzz::payload`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::payload::run(data));
