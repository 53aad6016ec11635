#![no_main]
//! See [`tacit_fuzz::compress`].
libfuzzer_sys::fuzz_target!(|data: &[u8]| tacit_fuzz::compress::run(data));
